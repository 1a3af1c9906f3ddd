"""One wiring out of those of several processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import structs

from signalgraph.events import ConnectionInfo, DeadEntry, Heartbeat, PendingSender, Process, SignalInfo, Wiring
from signalgraph.log.living import is_living
from signalgraph.names import connection_id

MOST = 200  # processes

T = TypeVar("T")


@dataclass(frozen=True)
class MergedWiring:
    """What is connected in the processes `processes` (newest wiring first).

    Signals stand by name, connections by signal, order, sender and receiver; nothing is in twice. `times` says of the
    ids of which one process has several connections how many: receivers that read the same, and each is called.
    """

    processes: list[Process] = field(default_factory=list)
    signals: list[SignalInfo] = field(default_factory=list)
    connections: list[ConnectionInfo] = field(default_factory=list)
    dead: list[DeadEntry] = field(default_factory=list)
    pending: list[PendingSender] = field(default_factory=list)
    times: dict[str, int] = field(default_factory=dict)


def id_of(connection: ConnectionInfo) -> str:
    """The id of a live connection."""
    return connection_id(connection.sender, connection.signal, connection.receiver)


class Wirings:
    """What each of the newest `MOST` processes told last of its wiring."""

    def __init__(self, wirings: Mapping[str, Wiring]) -> None:
        self._known = dict(wirings)
        self._merged: tuple[object, MergedWiring] | None = None

    def add(self, wiring: Wiring) -> None:
        """Put it in the place of an earlier one of its process."""
        self._known[wiring.process.id] = wiring
        if len(self._known) > MOST:
            del self._known[min(self._known, key=lambda each: self._known[each].wall_us)]

    def newest(self) -> list[Wiring]:
        """All of them, newest first."""
        return sorted(self._known.values(), key=lambda wiring: (wiring.wall_us, wiring.process.id), reverse=True)

    def merged(self, heartbeats: Iterable[Heartbeat], now_ms: int) -> MergedWiring:
        """Those that count as one; the same object until they change."""
        wirings = current(self.newest(), heartbeats, now_ms)
        key = [(wiring.process.id, wiring.wall_us) for wiring in wirings]
        if self._merged is None or self._merged[0] != key:
            self._merged = (key, merge(wirings))
        return self._merged[1]


def current(newest: list[Wiring], heartbeats: Iterable[Heartbeat], now_ms: int) -> list[Wiring]:
    """The wirings that count, of all, newest first: those of living processes, or the newest when none lives."""
    living = {beat.process.id for beat in heartbeats if is_living(beat, now_ms)}
    return [wiring for wiring in newest if wiring.process.id in living] or newest[:1]


def merge(wirings: list[Wiring]) -> MergedWiring:
    """All that is connected in any of these; the first one that knows a connection describes it."""
    connections = _first_of(
        (each for wiring in wirings for each in wiring.connections),
        id_of,
        lambda each: (each.signal, each.order, each.sender, each.receiver),
    )
    counts: dict[str, int] = {}
    for each in connections:
        counts[each.signal] = counts.get(each.signal, 0) + 1
    signals = _first_of((s for wiring in wirings for s in wiring.signals), lambda s: s.id, lambda s: s.name)
    return MergedWiring(
        [wiring.process for wiring in wirings],
        [structs.replace(signal, receivers=counts.get(signal.name, 0)) for signal in signals],
        connections,
        _first_of((d for wiring in wirings for d in wiring.dead), structs.astuple, _sortable),
        _first_of((p for wiring in wirings for p in wiring.pending), structs.astuple, _sortable),
        _times(wirings),
    )


def _times(wirings: list[Wiring]) -> dict[str, int]:
    counts = [Counter(id_of(each) for each in wiring.connections) for wiring in wirings]
    several = {key for each in counts for key, count in each.items() if count > 1}
    return {key: max(each[key] for each in counts) for key in several}


def _first_of(items: Iterable[T], key: Callable[[T], Any], order: Callable[[T], Any]) -> list[T]:
    found: dict[Any, T] = {}
    for item in items:
        found.setdefault(key(item), item)
    return sorted(found.values(), key=order)


def _sortable(entry: DeadEntry | PendingSender) -> tuple[str, ...]:
    return tuple(value or "" for value in structs.astuple(entry))
