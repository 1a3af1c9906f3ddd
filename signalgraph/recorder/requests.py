"""What is known of the causes of recorded dispatches, until it has been told in a batch."""

from __future__ import annotations

import contextlib
from operator import itemgetter
from time import perf_counter_ns as clock
from typing import Any

import msgspec

from signalgraph import redaction
from signalgraph.events import Cause
from signalgraph.inert import writable
from signalgraph.recorder import causes

UNDECIDED_NS = 1_000_000_000  # a request without a route may be a page of our own; its dispatches wait so long
KEPT = 10_000


class Request(msgspec.Struct):
    id: int
    method: str
    static: bool
    opened_ns: int
    route: str | None = None
    view: str | None = None
    path: str | None = None
    own: bool = False
    closed_ns: int | None = None
    told: bool = False  # named by a batch already
    news: bool = True  # something that no batch has told

    @property
    def undecided(self) -> bool:
        return self.route is None and self.closed_ns is None and clock() - self.opened_ns < UNDECIDED_NS

    def cause(self, wall_us: int) -> Cause:
        what = "(static file)" if self.static else "(no route)" if self.route is None else f"/{self.route}"
        duration = None if self.closed_ns is None else self.closed_ns - self.opened_ns
        return Cause(self.id, "request", f"{self.method} {what}", self.view, wall_us, duration, path=self.path)


def shown_path(path: str) -> str:
    """A request's raw path as REDACT lets it be seen. WSGI hands over bytes as if they were latin-1 (PEP 3333)."""
    with contextlib.suppress(UnicodeError):
        path = path.encode("latin-1").decode()
    return redaction.shorten(redaction.rules().text(writable(path)))


class Requests:
    """Requests that are open, or closed and not yet told. Used by the flusher alone."""

    def __init__(self) -> None:
        self._known: dict[int, Request] = {}

    def take_notes(self) -> None:
        """Read what `causes` has noted so far."""
        while causes.NOTES:
            what, span, *rest = causes.NOTES.popleft()
            if what == causes.OPENED:
                self._known[span] = Request(span, *rest)
            elif span in self._known:
                self._update(self._known[span], what, rest)
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]

    @staticmethod
    def _update(request: Request, what: str, rest: list[Any]) -> None:
        request.news = True
        if what == causes.CLOSED:
            request.closed_ns = rest[0]
        elif what == causes.PATH:
            request.path = shown_path(rest[0])
        else:
            request.route, request.view, request.own = rest

    def sort(
        self, records: list[tuple[Any, ...]], trace_at: int
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], int]:
        """Records to tell, records to hold back until their request is known, and how many are our own pages'."""
        own, undecided = set(), set()
        for trace in self._known.keys() & set(map(itemgetter(trace_at), records)):
            request = self._known[trace]
            if request.own:
                own.add(trace)
            elif request.undecided:
                undecided.add(trace)
            else:
                request.told = True
        if not (own or undecided):
            return records, [], 0
        told = [record for record in records if record[trace_at] not in own and record[trace_at] not in undecided]
        held = [record for record in records if record[trace_at] in undecided]
        return told, held, len(records) - len(told) - len(held)

    def news(self, wall_us: Any) -> list[Cause]:
        """The causes of told records about which there is something new; `wall_us` converts a clock reading."""
        news = []
        for request in list(self._known.values()):
            if request.told and request.news:
                news.append(request.cause(wall_us(request.opened_ns)))
                request.news = False
            if request.closed_ns is not None and clock() - request.closed_ns > UNDECIDED_NS:
                del self._known[request.id]
        return news
