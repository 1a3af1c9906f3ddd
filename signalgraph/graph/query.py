"""The filter language: one for the box, the URL, the command line and Python."""

from __future__ import annotations

from signalgraph.events import Cause, ConnectionInfo, Process, SignalInfo
from signalgraph.figures import Stats
from signalgraph.traces import Seen, Trace


class QueryError(ValueError):
    """A filter that can't be read: what is wrong, and where (`position` from 0, `length` in characters)."""

    def __init__(self, message: str, position: int = 0, length: int = 0, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message, self.position, self.length, self.suggestion = message, position, length, suggestion


class Query:
    """Signatures first; the body follows."""

    text: str

    def matches_connection(self, info: ConnectionInfo, stats: Stats | None = None) -> bool: raise NotImplementedError
    def matches_signal(self, info: SignalInfo, connections: list[ConnectionInfo] = [], stats: Stats | None = None) -> bool: raise NotImplementedError
    def matches_dispatch(self, seen: Seen, cause: Cause | None = None, process: Process | None = None) -> bool: raise NotImplementedError
    def matches_trace(self, trace: Trace) -> bool: raise NotImplementedError
    def ignored_for(self, kind: str) -> list[str]: raise NotImplementedError


def parse(q: str, *, slow_ms: float = 100.0) -> Query:
    raise NotImplementedError
