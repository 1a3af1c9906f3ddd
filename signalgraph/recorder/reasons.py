"""What is known of the causes of recorded dispatches, until it has been told in a batch."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from operator import itemgetter
from time import perf_counter_ns as clock
from typing import Any

import msgspec

from signalgraph import redaction
from signalgraph.events import Cause
from signalgraph.inert import plain_text, writable
from signalgraph.recorder import causes
from signalgraph.recorder.causes import END, HANDLER, KIND, NAME, OUTER, OWN, PAIR, PATH, REQUEST, ROUTE, START, VIEW

UNDECIDED_NS = 1_000_000_000  # a request without a route may be a page of our own; its dispatches wait so long
AFTERGLOW_NS = 5_000_000_000  # how long after its end a cause is still looked for
KEPT = 10_000  # causes of each sort: open, ended
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))
LONGEST_NAME = 200  # characters
TELL, HOLD, OWN_PAGE = "tell", "hold", "own page"


class Reason(msgspec.Struct, eq=False):
    """A cause: its id, its entry (that `causes` may still write to) and what batches have told of it so far."""

    id: int
    entry: list[Any]
    outer: int = 0  # 0 too where nothing is known of the one around
    told: tuple[Any, ...] | None = None

    def undecided(self, now: int) -> bool:
        """Whether it may still turn out to be a page of our own."""
        entry = self.entry
        return (
            entry[PAIR] is REQUEST and entry[ROUTE] is None and entry[END] is None and now - entry[START] < UNDECIDED_NS
        )

    def word(self) -> tuple[Any, ...]:
        """What there is to tell, to see whether a batch has told it."""
        return self.entry[ROUTE], self.entry[END]

    def cause(self, wall_us: int) -> Cause:
        entry = self.entry
        duration = None if entry[END] is None else entry[END] - entry[START]
        view = plain_text(entry[VIEW])
        path = None if entry[PATH] is None else shown_path(entry[PATH])
        return Cause(self.id, entry[KIND], shown_name(entry), view, wall_us, duration, self.outer, path=path)


def shown_name(entry: list[Any]) -> str:
    """A cause's name; a request's is its method, unless a client made up a word, and its route pattern."""
    if entry[PAIR] is not REQUEST:
        return writable(entry[NAME])[:LONGEST_NAME]
    method = entry[NAME] if type(entry[NAME]) is str and entry[NAME] in METHODS else "OTHER"
    route = plain_text(entry[ROUTE])
    if "StaticFiles" in (entry[HANDLER] or ""):
        return f"{method} (static file)"
    return f"{method} (no route)" if route is None else f"{method} /{writable(route)}"


def shown_path(path: str) -> str:
    """A request's raw path as REDACT lets it be seen. WSGI hands over bytes as if they were latin-1 (PEP 3333)."""
    with contextlib.suppress(UnicodeError):
        path = path.encode("latin-1").decode()
    return redaction.shorten(redaction.rules().text(writable(path)))


class Reasons:
    """Causes that are open, or have ended a moment ago. Used by the flusher alone."""

    def __init__(self) -> None:
        self._known: dict[int, Reason] = {}
        self._fresh: dict[int, Reason] = {}  # those of which there may be something new to tell
        self._ended: deque[Reason] = deque()

    def take_notes(self) -> None:
        """Read which causes have ended; call it after the records were taken that it is to explain."""
        while causes.NOTES:
            span, entry = causes.NOTES.popleft()
            reason = self._known.get(span)
            if reason is None:
                reason = self._known[span] = Reason(span, entry)
            self._ended.append(reason)
        now = clock()
        while self._ended and (len(self._ended) > KEPT or now - self._ended[0].entry[END] > AFTERGLOW_NS):
            self._known.pop(self._ended.popleft().id, None)
        while len(self._known) > 3 * KEPT:
            del self._known[next(iter(self._known))]
        self._let_go()

    def _let_go(self) -> None:
        """Forget causes that nobody has ended, as a stream's that nobody has read, from the oldest on."""
        with contextlib.suppress(RuntimeError):  # a request began while the first was looked for
            while len(causes.OPEN) > KEPT:
                span = next(span for span, entry in causes.OPEN.items() if entry[PAIR] is REQUEST)
                for table in (causes.OPEN, self._known, self._fresh):
                    table.pop(span, None)

    def _around(self, span: int) -> Iterator[Reason]:
        """The cause with an id and those around it."""
        reason = self._find(span)
        while reason is not None:
            yield reason
            outer = self._find(reason.entry[OUTER]) if reason.told is None else self._known.get(reason.outer)
            if outer is not None:
                reason.outer = outer.id
            reason = outer

    def _find(self, span: int) -> Reason | None:
        reason = self._known.get(span)
        if reason is None:
            entry = causes.OPEN.get(span)
            if entry is not None:
                reason = self._known[span] = Reason(span, entry)
        return reason

    def has_ended(self, trace: int) -> bool:
        """Whether a trace is that of a cause which is over."""
        reason = self._known.get(trace)
        return reason is not None and reason.entry[END] is not None

    def sort(
        self, records: list[tuple[Any, ...]], trace_at: int
    ) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], int]:
        """Records to tell, records to hold back until their request is known, and how many are our own pages'."""
        now, verdicts = clock(), {}
        traces = set(map(itemgetter(trace_at), records))
        for trace in (self._known.keys() & traces) | (causes.OPEN.copy().keys() & traces):
            verdict = self._judge(trace, now)
            if verdict != TELL:
                verdicts[trace] = verdict
        if not verdicts:
            return records, [], 0
        told = [record for record in records if record[trace_at] not in verdicts]
        held = [record for record in records if verdicts.get(record[trace_at]) == HOLD]
        return told, held, len(records) - len(told) - len(held)

    def _judge(self, trace: int, now: int) -> str:
        around = list(self._around(trace))
        if any(reason.entry[OWN] for reason in around):
            return OWN_PAGE
        if any(reason.undecided(now) for reason in around):
            return HOLD
        for reason in around:
            if reason.told != reason.word():
                self._fresh[reason.id] = reason
        return TELL

    def news(self, wall_us: Any) -> list[Cause]:
        """The causes of told records about which there is something new; `wall_us` converts a clock reading."""
        news = []
        for reason in list(self._fresh.values()):
            word = reason.word()
            if reason.told != word:
                reason.told = word
                news.append(reason.cause(wall_us(reason.entry[START])))
            if word[1] is not None:
                del self._fresh[reason.id]
        return news
