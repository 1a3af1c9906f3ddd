"""One wiring out of those of several processes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace  # noqa: F401

from signalgraph.events import ConnectionInfo, DeadEntry, PendingSender, Process, SignalInfo, Wiring
from signalgraph.names import connection_id


@dataclass(frozen=True)
class MergedWiring:
    """What is connected in the processes `processes`; each list is sorted and holds nothing twice."""

    processes: list[Process] = field(default_factory=list)
    signals: list[SignalInfo] = field(default_factory=list)
    connections: list[ConnectionInfo] = field(default_factory=list)
    dead: list[DeadEntry] = field(default_factory=list)
    pending: list[PendingSender] = field(default_factory=list)


def id_of(connection: ConnectionInfo) -> str:
    return connection_id(connection.sender, connection.signal, connection.receiver)
