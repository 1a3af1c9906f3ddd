"""What can be known of a project's signals before anything is sent: what is connected, and what the source says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from signalgraph.events import ConnectionInfo, DeadEntry, PendingSender, Process, SignalInfo
from signalgraph.registry import REGISTRY


@dataclass(frozen=True)
class Code:
    """What is connected in this process, in the order in which Django runs it, and what was lost or still waits."""

    signals: Sequence[SignalInfo]
    connections: Sequence[ConnectionInfo]
    dead: Sequence[DeadEntry]
    pending: Sequence[PendingSender]


def read_code() -> Code:
    """The code of this process, as it is now."""
    REGISTRY.scan()
    wiring = REGISTRY.wiring(Process("0" * 16, 0, "", "findings", 0), time.time_ns() // 1000)
    return Code(wiring.signals, wiring.connections, wiring.dead, wiring.pending)
