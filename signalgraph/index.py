"""The reader's memory of a log: totals of everything, the newest traces, and what is needed to draw both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from signalgraph.events import Heartbeat, Total
from signalgraph.figures import Stats
from signalgraph.log.base import Log
from signalgraph.traces import Seen, Trace, TraceGone
from signalgraph.wirings import MergedWiring

__all__ = ["Index", "MergedWiring", "Stats", "TraceGone", "shared_index"]


class Index:
    """Signatures first; the body follows."""

    def __init__(self, log: Log, *, traces: int = 2000, clock: Callable[[], float] = time.time) -> None:
        raise NotImplementedError

    cursor: str
    since: str
    started_ms: int
    lost: int
    totals: dict[str, Total]
    unheard: dict[str, int]
    edges: dict[tuple[str, str, str], int]

    def refresh(self) -> bool: raise NotImplementedError
    def heartbeats(self) -> list[Heartbeat]: raise NotImplementedError
    def wiring(self) -> MergedWiring: raise NotImplementedError
    def changed_since(self, position: int) -> set[str]: raise NotImplementedError
    def stats(self, connection_ids: Iterable[str], window_s: float = 900) -> Stats: raise NotImplementedError
    def signal_stats(self, name: str, window_s: float = 900) -> Stats: raise NotImplementedError
    def activity(self, window_s: float, buckets: int) -> list[tuple[int, int, int]]: raise NotImplementedError
    def dispatches_after(self, position: int) -> list[Seen]: raise NotImplementedError
    def traces(self, match: Callable[[Trace], bool] | None = None, limit: int = 50, before: int | None = None) -> list[Trace]: raise NotImplementedError
    def trace(self, trace_id: str) -> Trace: raise NotImplementedError
    def wait_newer(self, cursor: str, timeout_s: float) -> bool: raise NotImplementedError


def shared_index(log_url: str, traces: int = 2000) -> Index:
    raise NotImplementedError
