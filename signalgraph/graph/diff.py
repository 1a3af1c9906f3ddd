"""What differs between two inventories: pure, complete, and the same read backwards.

A connection is recognised again by its signal, sender and receiver; a signal or receiver that has another name now is
recognised where that is certain, see `renames`. Lines of code are not compared, and paths only below their roots.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from signalgraph.events import ConnectionInfo, Inventory, SignalInfo
from signalgraph.graph.paths import below_roots
from signalgraph.graph.renames import Names, find_renames

Pair = tuple[ConnectionInfo | None, ConnectionInfo | None]
SignalPair = tuple[SignalInfo | None, SignalInfo | None]
_FOREIGN = "The inventory is not the one that this difference was made from."


class DiffError(ValueError):
    """A difference that is not one of this inventory."""


@dataclass(frozen=True)
class Ordering:
    """The connections of a signal in their order, before and after, without that order's numbers."""

    signal: tuple[str, str]
    before: tuple[ConnectionInfo, ...]
    after: tuple[ConnectionInfo, ...]


@dataclass(frozen=True)
class Difference:
    """What is there no more has None for `after`, what is new None for `before`; a pair of two differs in itself.

    `orders` holds every signal whose list of receivers isn't the same. Connections have the order 0 and no line,
    signals no aliases and no count: what is not compared is left out.
    """

    signals: tuple[SignalPair, ...] = ()
    connections: tuple[Pair, ...] = ()
    orders: tuple[Ordering, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.signals or self.connections or self.orders)

    def reversed(self) -> Difference:
        """What leads back."""
        return Difference(
            _sorted_signals((after, before) for before, after in self.signals),
            _sorted((after, before) for before, after in self.connections),
            tuple(
                sorted(
                    (Ordering((one.signal[1], one.signal[0]), one.after, one.before) for one in self.orders),
                    key=lambda one: one.signal,
                )
            ),
        )

    def apply(self, inventory: Inventory) -> Inventory:
        """The inventory after, from that before; both as `comparable` gives them.

        Raises `DiffError` where something is to be taken away that isn't there.
        """
        rows = Counter(_bare(row) for row in inventory.connections)
        rows.subtract(before for before, _ in self.connections if before)
        rows.update(after for _, after in self.connections if after)
        signals = {info.name: info for info in inventory.signals}
        if [info for info, _ in self.signals if info and signals.pop(info.name, None) != info]:
            raise DiffError(_FOREIGN)
        signals |= {info.name: info for _, info in self.signals if info}
        sequences = _sequences(inventory.connections)
        for one in self.orders:
            sequences.pop(one.signal[0], None)
        sequences |= {one.signal[1]: list(one.after) for one in self.orders}
        if Counter(row for same in sequences.values() for row in same) != +rows or min(rows.values(), default=0) < 0:
            raise DiffError(_FOREIGN)
        ordered = [
            replace(row, order=number) for _, same in sorted(sequences.items()) for number, row in enumerate(same, 1)
        ]
        return Inventory(inventory.schema, [signals[name] for name in sorted(signals)], ordered)


def compare(before: Inventory, after: Inventory) -> Difference:
    """What has to be done to `before` so that it is `after`; nothing where they tell the same."""
    old, new = comparable(before), comparable(after)
    names = find_renames(before, after, old, new)
    return Difference(_signals(old, new, names), _connections(old, new, names), _orders(old, new, names))


def comparable(inventory: Inventory) -> Inventory:
    """An inventory without what is not compared: lines, roots of paths, aliases; order counts within each signal."""
    files = below_roots(inventory.connections)
    uncompared = {"line": None, "sender_kind": "", "sender_instead": ""}
    rows = [replace(row, file=files.get(row.file or ""), **uncompared) for row in inventory.connections]
    numbered = [
        replace(row, order=number)
        for _, same in sorted(_by_signal(rows).items())
        for number, row in enumerate(sorted(same, key=lambda row: row.order), 1)
    ]
    signals = [replace(info, aliases=[], receivers=0) for info in inventory.signals]
    return Inventory(inventory.schema, sorted(signals, key=lambda info: info.name), numbered)


def _signals(old: Inventory, new: Inventory, names: Names) -> tuple[SignalPair, ...]:
    before = {names.signal(info.name): info for info in old.signals}
    after = {info.name: info for info in new.signals}
    pairs = ((before.get(name), after.get(name)) for name in before.keys() | after.keys())
    return _sorted_signals(pair for pair in pairs if pair[0] != pair[1])


def _connections(old: Inventory, new: Inventory, names: Names) -> tuple[Pair, ...]:
    before, after = _by_key(old.connections, names), _by_key(new.connections, Names())
    pairs: list[Pair] = []
    for key in before.keys() | after.keys():
        ones, others = before.get(key, []), after.get(key, [])
        same = Counter(ones) & Counter(others)
        ones, others = _without(ones, same), _without(others, same)
        both = min(len(ones), len(others))
        pairs += zip(ones, others, strict=False)
        pairs += [(row, None) for row in ones[both:]] + [(None, row) for row in others[both:]]
    return _sorted(pairs)


def _orders(old: Inventory, new: Inventory, names: Names) -> tuple[Ordering, ...]:
    before = {names.signal(signal): (signal, rows) for signal, rows in _sequences(old.connections).items()}
    after = _sequences(new.connections)
    was = {now: then for then, now in names.signals.items()}
    found = []
    for signal in before.keys() | after.keys():
        then, rows = before.get(signal, (was.get(signal, signal), []))
        if rows != after.get(signal, []):
            found.append(Ordering((then, signal), tuple(rows), tuple(after.get(signal, []))))
    return tuple(sorted(found, key=lambda one: one.signal))


def _by_key(rows: Iterable[ConnectionInfo], names: Names) -> dict[tuple[str, str, str], list[ConnectionInfo]]:
    """The bare connections by what they are recognised by, in the names of afterwards."""
    found: dict[tuple[str, str, str], list[ConnectionInfo]] = defaultdict(list)
    for row in rows:
        found[names.signal(row.signal), row.sender, names.receiver(row.receiver)].append(_bare(row))
    return {key: sorted(same, key=_text) for key, same in found.items()}


def _without(rows: Sequence[ConnectionInfo], taken: Counter[ConnectionInfo]) -> list[ConnectionInfo]:
    left = Counter(rows) - taken
    return sorted(left.elements(), key=_text)


def _sequences(rows: Iterable[ConnectionInfo]) -> dict[str, list[ConnectionInfo]]:
    return {
        signal: [_bare(row) for row in sorted(same, key=lambda row: row.order)]
        for signal, same in _by_signal(rows).items()
    }


def _by_signal(rows: Iterable[ConnectionInfo]) -> Mapping[str, list[ConnectionInfo]]:
    found: dict[str, list[ConnectionInfo]] = defaultdict(list)
    for row in rows:
        found[row.signal].append(row)
    return found


def _bare(row: ConnectionInfo) -> ConnectionInfo:
    return replace(row, order=0)


def _text(row: ConnectionInfo) -> tuple[str, ...]:
    uid = "" if row.dispatch_uid is None else f"={row.dispatch_uid}"
    return row.signal, row.sender, row.receiver, uid, str(row.weak), str(row.is_async), row.file or ""


def _sorted(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    return tuple(sorted(pairs, key=lambda pair: [_text(row) if row else () for row in pair]))


def _sorted_signals(pairs: Iterable[SignalPair]) -> tuple[SignalPair, ...]:
    return tuple(sorted(pairs, key=lambda pair: [(info.name, info.cls) if info else ("", "") for info in pair]))
