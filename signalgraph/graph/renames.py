"""Which signal or receiver of one inventory is another name's in the next: told only where nothing else fits.

A signal is recognised by a name that it has in both (an alias), or by its attribute's name and a receiver that it kept.
A receiver is recognised by a `dispatch_uid`, by its own name in another module, or, in the same file, by having exactly
the connections of the one that is gone. Whoever could be two is nobody.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from signalgraph.events import ConnectionInfo, Inventory, SignalInfo

Link = tuple[str, str]  # signal, sender
T = TypeVar("T")
_SUFFIX = re.compile(r"[~@].*$", re.DOTALL)


@dataclass(frozen=True)
class Names:
    """From names before to names after."""

    signals: Mapping[str, str] = field(default_factory=dict)
    receivers: Mapping[str, str] = field(default_factory=dict)

    def signal(self, name: str) -> str:
        return self.signals.get(name, name)

    def receiver(self, name: str) -> str:
        return self.receivers.get(name, name)


@dataclass(frozen=True)
class _Receiver:
    name: str
    links: frozenset[Link]
    uids: frozenset[tuple[Link, str]]
    files: frozenset[str | None]

    @property
    def base(self) -> str:
        return without_suffix(self.name)

    @property
    def own_name(self) -> str:
        return self.base.rpartition(".")[2]


def find_renames(before: Inventory, after: Inventory, old: Inventory, new: Inventory) -> Names:
    """`old` and `new` are `before` and `after` as they are compared; those have the aliases."""
    signals = _match_signals(before, after)
    gone, come = _receivers(old.connections, signals), _receivers(new.connections, {})
    left = {name: gone[name] for name in sorted(gone.keys() - come.keys())}
    right = {name: come[name] for name in sorted(come.keys() - gone.keys())}
    found: dict[str, str] = {}
    for alike in (_same_uid, _same_base, _moved, _replaced):
        for one, other in _unique(left.values(), right.values(), alike):
            found[one.name] = other.name
            del left[one.name], right[other.name]
    return Names(signals, found)


def _match_signals(before: Inventory, after: Inventory) -> dict[str, str]:
    old, new = {info.name: info for info in before.signals}, {info.name: info for info in after.signals}
    heard_before, heard_after = _heard(before), _heard(after)

    def alike(one: SignalInfo, other: SignalInfo) -> bool:
        if other.name in one.aliases or one.name in other.aliases:
            return True
        kept = heard_before[one.name] & heard_after[other.name]
        return bool(kept) and one.name.rpartition(".")[2] == other.name.rpartition(".")[2]

    left = [old[name] for name in sorted(old.keys() - new.keys())]
    right = [new[name] for name in sorted(new.keys() - old.keys())]
    return {one.name: other.name for one, other in _unique(left, right, alike)}


def _heard(inventory: Inventory) -> Mapping[str, set[str]]:
    """Receivers by signal, by their own names: they may have moved together with it."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in inventory.connections:
        found[row.signal].add(without_suffix(row.receiver).rpartition(".")[2])
    return found


def _receivers(rows: Iterable[ConnectionInfo], signals: Mapping[str, str]) -> dict[str, _Receiver]:
    by_name: dict[str, list[ConnectionInfo]] = defaultdict(list)
    for row in rows:
        by_name[row.receiver].append(row)
    found = {}
    for name, mine in by_name.items():
        linked = [((signals.get(row.signal, row.signal), row.sender), row) for row in mine]
        found[name] = _Receiver(
            name,
            frozenset(link for link, _ in linked),
            frozenset((link, row.dispatch_uid) for link, row in linked if row.dispatch_uid is not None),
            frozenset(row.file for row in mine),
        )
    return found


def _same_uid(one: _Receiver, other: _Receiver) -> bool:
    return bool(one.uids & other.uids)


def _same_base(one: _Receiver, other: _Receiver) -> bool:
    """The suffix that tells two alike apart is another, a line number for example."""
    return one.base == other.base and bool(one.links & other.links)


def _moved(one: _Receiver, other: _Receiver) -> bool:
    return one.own_name == other.own_name and bool(one.links & other.links)


def _replaced(one: _Receiver, other: _Receiver) -> bool:
    return one.links == other.links and one.files == other.files and one.files != {None}


def _unique(left: Iterable[T], right: Iterable[T], alike: Callable[[T, T], bool]) -> list[tuple[T, T]]:
    """The pairs of which neither could be in another pair."""
    ones, others = list(left), list(right)
    pairs = [(i, j) for i, one in enumerate(ones) for j, other in enumerate(others) if alike(one, other)]
    first, second = Counter(i for i, _ in pairs), Counter(j for _, j in pairs)
    return [(ones[i], others[j]) for i, j in pairs if first[i] == second[j] == 1]


def without_suffix(receiver: str) -> str:
    """A receiver's name without what tells it from others of the same name."""
    return _SUFFIX.sub("", receiver)
