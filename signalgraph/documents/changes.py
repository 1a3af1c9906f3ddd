"""A difference of two inventories in words: one sentence a change, and no change told twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from signalgraph import names
from signalgraph.documents.content import is_documented, package_of, turns
from signalgraph.documents.markdown import code, listed
from signalgraph.events import ANY_SENDER, ConnectionInfo, Inventory
from signalgraph.graph.diff import Difference, comparable, compare
from signalgraph.graph.renames import without_suffix
from signalgraph.graph.reordering import Move, moved_receivers

Kind = Literal[
    "signal added",
    "signal removed",
    "signal renamed",
    "signal class",
    "added",
    "removed",
    "renamed",
    "widened",
    "narrowed",
    "order",
    "held",
    "async",
    "dispatch_uid",
    "file",
]
KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]
SIGNS = {"signal added": "+", "added": "+", "signal removed": "-", "removed": "-"}


@dataclass(frozen=True)
class Change:
    """One thing that is otherwise. `sentence` has names as code, in backticks; `before` and `after` are what it names:
    senders of a widened or narrowed connection, else the two values."""

    kind: Kind
    signals: tuple[str, ...]
    sentence: str
    receiver: str = ""
    senders: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def sign(self) -> str:
        return SIGNS.get(self.kind, "~")


def told(before: Inventory, after: Inventory) -> tuple[Inventory, Inventory]:
    """What differences are told of: a project's connections, and signals kept in packages that receive, both times.

    A signal of another package may be missing in a snapshot because nobody heard it then.
    """
    rows = [[row for row in one.connections if is_documented(row)] for one in (before, after)]
    packages = set.intersection(*({package_of(row.receiver) for row in found} for found in rows)) - {"django"}
    known = {info.name for info in before.signals} & {info.name for info in after.signals}
    signals = [
        [info for info in one.signals if info.name in known or package_of(info.name) in packages]
        for one in (before, after)
    ]
    return Inventory(before.schema, signals[0], rows[0]), Inventory(after.schema, signals[1], rows[1])


def find_changes(before: Inventory, after: Inventory) -> list[Change]:
    """What is otherwise, sorted by signal; empty where nothing differs that matters to anybody.

    Not told are a line of code, a number in the order, and an order of receivers that never run for the same sender.
    """
    return _Words(comparable(before), comparable(after), compare(before, after)).changes()


class _Words:
    def __init__(self, before: Inventory, after: Inventory, difference: Difference) -> None:
        self.before, self.after, self.difference = before, after, difference
        known = {info.name for info in (*before.signals, *after.signals)}
        self.labels = names.distinct_labels(known | {row.signal for row in (*before.connections, *after.connections)})

    def changes(self) -> list[Change]:
        found = [*self._signals(), *self._receivers(), *self._names(), *self._facts(), *self._orders()]
        return sorted(found, key=lambda one: (one.signals[:1], KINDS.index(one.kind), one.receiver, one.sentence))

    def _signal(self, name: str) -> str:
        return code(self.labels[name])

    def _signals(self) -> Iterator[Change]:
        for before, after in self.difference.signals:
            if before is None and after is not None:
                yield Change("signal added", (after.name,), f"Signal {code(after.name)} is new.")
            elif after is None and before is not None:
                yield Change("signal removed", (before.name,), f"Signal {code(before.name)} is gone.")
            elif before is not None and after is not None and before.name != after.name:
                said = f"Signal {code(before.name)} is {code(after.name)} now."
                yield Change("signal renamed", (after.name,), said, before=(before.name,), after=(after.name,))
            elif before is not None and after is not None:
                said = f"Signal {code(after.name)} is a {code(after.cls)} now, a {code(before.cls)} before."
                yield Change("signal class", (after.name,), said, before=(before.cls,), after=(after.cls,))

    def _receivers(self) -> Iterator[Change]:
        """Connections that came or went: those of one receiver and signal together, as one may stand for the other."""
        went: dict[tuple[str, str], list[ConnectionInfo]] = defaultdict(list)
        came: dict[tuple[str, str], list[ConnectionInfo]] = defaultdict(list)
        for before, after in self.difference.connections:
            if after is None and before is not None:
                went[before.signal, before.receiver].append(before)
            elif before is None and after is not None:
                came[after.signal, after.receiver].append(after)
        plain: dict[tuple[Kind, str, tuple[str, ...]], list[ConnectionInfo]] = defaultdict(list)
        for signal, receiver in sorted(went.keys() | came.keys()):
            ones, others = went[signal, receiver], came[signal, receiver]
            old, new = _senders(ones), _senders(others)
            if ones and ANY_SENDER in new:
                said = f"{code(receiver)} receives {self._signal(signal)} of any sender now, before of {_of(old)} only."
                yield Change("widened", (signal,), said, receiver, new, old, new)
            elif others and ANY_SENDER in old:
                said = f"{code(receiver)} receives {self._signal(signal)} of {_of(new)} only now, before of any sender."
                yield Change("narrowed", (signal,), said, receiver, new, old, new)
            else:
                if ones:
                    plain["removed", receiver, old] += ones
                if others:
                    plain["added", receiver, new] += others
        for (kind, receiver, senders), rows in plain.items():
            yield self._plain(kind, receiver, senders, rows)

    def _plain(self, kind: Kind, receiver: str, senders: tuple[str, ...], rows: list[ConnectionInfo]) -> Change:
        signals = tuple(sorted({row.signal for row in rows}))
        what = f"{listed(map(self._signal, signals))} of {_of(senders)}"
        if kind == "removed":
            return Change(kind, signals, f"{code(receiver)} receives {what} no more.", receiver, senders)
        several = f" {len(rows)} times" if len(rows) > len(signals) * len(senders) else ""
        place = self._place(rows[0]) if len(rows) == 1 else ""
        return Change(kind, signals, f"{code(receiver)} receives {what} now{several}{place}.", receiver, senders)

    def _place(self, row: ConnectionInfo) -> str:
        same = [one for one in self.after.connections if one.signal == row.signal]
        mine = [one for one in same if (one.receiver, one.sender) == (row.receiver, row.sender)]
        found = turns(same, mine[0])
        place, of = next(iter(found))
        if len(found) > 1 or of == 1 or row.is_async:
            return ", as a coroutine" if row.is_async else ""
        return f", as {place} of {of}"

    def _names(self) -> Iterator[Change]:
        renamed = {
            (before.receiver, after.receiver): before.file == after.file
            for before, after in self.difference.connections
            if before and after and before.receiver != after.receiver
        }
        for (old, new), in_file in sorted(renamed.items()):
            if without_suffix(old) == without_suffix(new):
                continue  # two of one name are told apart by a line, which isn't compared
            signals = tuple(sorted({row.signal for row in self.after.connections if row.receiver == new}))
            moved = old.rpartition(".")[2] == new.rpartition(".")[2] and not in_file
            verb = "has moved, it is now" if moved else "was replaced by"
            yield Change("renamed", signals, f"{code(old)} {verb} {code(new)}.", new, before=(old,), after=(new,))

    def _facts(self) -> Iterator[Change]:
        """What is otherwise of connections that are there still; the same of one receiver is told once."""
        alike: dict[tuple[Kind, str, str, str, str], list[ConnectionInfo]] = defaultdict(list)
        for before, after in self.difference.connections:
            for kind, said, old, new in _facts(before, after) if before and after else ():
                alike[kind, after.receiver if after else "", said, old, new] += [after] if after else []
        for (kind, receiver, said, old, new), rows in alike.items():
            every = [row for row in self.after.connections if row.receiver == receiver]
            where = "" if len(every) == len(rows) else f", as a receiver of {self._where(rows)}"
            signals = tuple(sorted({row.signal for row in rows}))
            yield Change(kind, signals, f"{code(receiver)} {said}{where}.", receiver, _senders(rows), (old,), (new,))

    def _where(self, rows: Iterable[ConnectionInfo]) -> str:
        return listed(f"{self._signal(row.signal)} of {_of([row.sender])}" for row in rows)

    def _orders(self) -> Iterator[Change]:
        pairs = {before: after for before, after in self.difference.connections if before and after}
        for ordering in self.difference.orders:
            for move in moved_receivers(ordering, pairs):
                signal = ordering.signal[1]
                said = f"On {self._signal(signal)}, {code(move.receiver)} runs {_turn(move)}."
                partners = (*move.now_before, *move.now_after)
                yield Change("order", (signal,), said, move.receiver, (move.sender,), partners, partners)


def _facts(before: ConnectionInfo, after: ConnectionInfo) -> Iterator[tuple[Kind, str, str, str]]:
    """(kind, what is so now, the value before, the value now)."""
    if before.weak != after.weak:
        ways = ("strongly", "weakly")
        said = f"is held {ways[after.weak]} now, {ways[before.weak]} before"
        yield "held", said, ways[before.weak], ways[after.weak]
    if before.is_async != after.is_async:
        ways = ("a plain function", "a coroutine")
        said = f"is {ways[after.is_async]} now, {ways[before.is_async]} before"
        yield "async", said, ways[before.is_async], ways[after.is_async]
    old, new = before.dispatch_uid, after.dispatch_uid
    if old != new:
        was = f"{code(old)} before" if old is not None else "none before"
        said = (
            f"has the `dispatch_uid` {code(new)} now, {was}" if new is not None else f"has no `dispatch_uid` now, {was}"
        )
        yield "dispatch_uid", said, old or "", new or ""
    if before.file != after.file and before.receiver == after.receiver:
        said = f"stands in {_file(after)} now, in {_file(before)} before"
        yield "file", said, before.file or "", after.file or ""


def _turn(move: Move) -> str:
    first = [f"before {listed(map(code, move.now_before))}"] if move.now_before else []
    later = [f"after {listed(map(code, move.now_after))}"] if move.now_after else []
    whom = "it" if len(move.now_before + move.now_after) == 1 else "them"
    was = "it was the other way round" if first and later else f"it ran {'after' if first else 'before'} {whom}"
    return f"{listed(first + later)} now; {was}"


def _file(row: ConnectionInfo) -> str:
    return code(row.file) if row.file else "no file"


def _senders(rows: Iterable[ConnectionInfo]) -> tuple[str, ...]:
    return tuple(sorted({row.sender for row in rows}))


def _of(senders: Iterable[str]) -> str:
    return listed("any sender" if one == ANY_SENDER else code(one) for one in senders)
