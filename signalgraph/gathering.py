"""Traces put together from dispatches and causes that arrive in any order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from msgspec import structs

from signalgraph.events import Cause, Process
from signalgraph.traces import Seen, Trace

MOST_DISPATCHES = 100_000  # of all traces together
MOST_OF_ONE = 50_000


class Gathered:
    """A trace as far as it is known."""

    __slots__ = ("_trace", "cause", "dispatches", "id", "omitted", "process", "start_us")

    def __init__(self, trace_id: str, process: Process) -> None:
        self.id = trace_id
        self.process = process
        self.cause: Cause | None = None
        self.dispatches: dict[str, Seen] = {}
        self.start_us = 0
        self.omitted = 0
        self._trace: Trace | None = None

    def add(self, seen: Seen) -> None:
        """Add a dispatch, or put it in the place of an earlier report of it."""
        if len(self.dispatches) >= MOST_OF_ONE and seen.id not in self.dispatches:
            self.omitted += 1
        else:
            self.dispatches[seen.id] = seen
        self.start_us = min(self.start_us or seen.start_us, seen.start_us)
        self._trace = None

    def explain(self, cause: Cause) -> None:
        """Take over what is known of the cause; nothing known is forgotten for a report that doesn't have it yet."""
        self.cause = merged_cause(self.cause, cause)
        self.start_us = self.cause.start_us or self.start_us
        self._trace = None

    def trace(self) -> Trace:
        """The trace as it is now; the same object until something is added."""
        if self._trace is None:
            dispatches = sorted(self.dispatches.values(), key=lambda seen: (seen.start_us, len(seen.id), seen.id))
            self._trace = Trace(
                self.id, self.process, self.cause, self.start_us, self._duration_us(), dispatches, self.omitted
            )
        return self._trace

    def _duration_us(self) -> float:
        if self.cause is not None and self.cause.duration_ns is not None:
            return round(self.cause.duration_ns / 1000, 1)
        end = max((seen.start_us + seen.duration_us for seen in self.dispatches.values()), default=self.start_us)
        return round(max(0.0, end - self.start_us), 1)


def merged_cause(known: Cause | None, news: Cause) -> Cause:
    """The newer report of a cause, with what only the older one knows."""
    if known is None:
        return news
    return structs.replace(
        news,
        name=news.name or known.name,
        view=news.view or known.view,
        start_us=news.start_us or known.start_us,
        duration_ns=known.duration_ns if news.duration_ns is None else news.duration_ns,
    )


class Gathering:
    """The traces that were added to last, at most `most`; each holds at most `MOST_OF_ONE` dispatches."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._traces: OrderedDict[str, Gathered] = OrderedDict()
        self._causes: OrderedDict[str, Cause] = OrderedDict()  # of traces without a dispatch so far
        self._dispatches = 0

    def add(self, seen: Seen, process: Process) -> None:
        gathered = self._traces.get(seen.trace)
        if gathered is None:
            gathered = self._traces[seen.trace] = Gathered(seen.trace, process)
            cause = self._causes.pop(seen.trace, None)
            if cause is not None:
                gathered.explain(cause)
        else:
            self._traces.move_to_end(seen.trace)
        before = len(gathered.dispatches)
        gathered.add(seen)
        self._dispatches += len(gathered.dispatches) - before
        while len(self._traces) > self._most or (self._dispatches > MOST_DISPATCHES and len(self._traces) > 1):
            _, oldest = self._traces.popitem(last=False)
            self._dispatches -= len(oldest.dispatches)

    def explain(self, trace_id: str, cause: Cause) -> None:
        """Say why a trace exists, before or after its dispatches are known."""
        gathered = self._traces.get(trace_id)
        if gathered is not None:
            gathered.explain(cause)
            return
        self._causes[trace_id] = merged_cause(self._causes.pop(trace_id, None), cause)
        while len(self._causes) > self._most:
            self._causes.popitem(last=False)

    def cause(self, trace_id: str) -> Cause | None:
        gathered = self._traces.get(trace_id)
        return gathered.cause if gathered else self._causes.get(trace_id)

    def get(self, trace_id: str) -> Gathered | None:
        return self._traces.get(trace_id)

    def newest(self) -> list[Gathered]:
        """All of them, by start, newest first."""
        return sorted(self._traces.values(), key=lambda each: (each.start_us, each.id), reverse=True)


def gather(trace_id: str, process: Process, dispatches: Iterable[Seen], causes: Iterable[Cause]) -> Trace:
    """One trace out of what was found of it."""
    gathered = Gathered(trace_id, process)
    for seen in dispatches:
        gathered.add(seen)
    for cause in causes:
        gathered.explain(cause)
    return gathered.trace()
