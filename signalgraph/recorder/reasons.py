"""What is known of the causes of recorded dispatches, until it has been told in a batch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from operator import itemgetter
from time import perf_counter_ns as clock
from typing import Any

import msgspec

from signalgraph import redaction
from signalgraph.events import Cause
from signalgraph.inert import plain_text, writable
from signalgraph.recorder import causes, dispatching
from signalgraph.recorder.causes import END, HANDLER, KIND, NAME, OUTER, OWN, PAIR, PATH, REQUEST, ROUTE, START, VIEW

UNDECIDED_NS = 1_000_000_000  # a request without a route may be a page of our own; its dispatches wait so long
AFTERGLOW_NS = 3_000_000_000  # how long after its end a cause is still looked for
SWEEP_NS = 1_000_000_000
KEPT = 20_000  # causes
MOST_AROUND = 20  # causes inside each other that are told together; who never ends them would pile them up
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
        self._known: dict[int, Reason] = {}  # in the order in which they began
        self._fresh: dict[int, Reason] = {}  # those of which there may be something new to tell
        self._swept_ns = 0

    def take_notes(self) -> None:
        """Read which causes have begun; call it after the records were taken that it is to explain."""
        while causes.NOTES:
            span, entry = causes.NOTES.popleft()
            self._known[span] = Reason(span, entry)
        now = clock()
        if now - self._swept_ns > SWEEP_NS or len(self._known) > 2 * KEPT:
            self._swept_ns = now
            self._sweep(now)

    def _sweep(self, now: int) -> None:
        """Forget what has ended, and from the oldest on what nobody ends, as a stream that nobody has read."""
        for span, reason in list(self._known.items()):
            end = reason.entry[END]
            if end is not None and now - end > AFTERGLOW_NS:
                del self._known[span]
        too_many = max(0, len(self._known) - KEPT)
        spare = [
            each.id for each in self._known.values() if each.entry[END] is not None or each.entry[PAIR] is not None
        ]
        for span in spare[:too_many]:
            del self._known[span]
            self._fresh.pop(span, None)

    def _around(self, reason: Reason) -> Iterator[Reason]:
        """The cause and those around it."""
        inner: Reason | None = reason
        for _ in range(MOST_AROUND):
            if inner is None:
                return
            yield inner
            outer = self._known.get(inner.entry[OUTER] if inner.told is None else inner.outer)
            if outer is not None and inner.told is None:
                # After a pause one that a signal ends may have ended unseen.
                if outer.id < dispatching.FLOOR <= inner.id and outer.entry[PAIR] is not None:
                    return
                inner.outer = outer.id
            inner = outer

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
        for trace in self._known.keys() & traces:
            verdict = self._judge(self._known[trace], now)
            if verdict != TELL:
                verdicts[trace] = verdict
        if not verdicts:
            return records, [], 0
        told = [record for record in records if record[trace_at] not in verdicts]
        held = [record for record in records if verdicts.get(record[trace_at]) == HOLD]
        return told, held, len(records) - len(told) - len(held)

    def _judge(self, reason: Reason, now: int) -> str:
        around = list(self._around(reason))
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
