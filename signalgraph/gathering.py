"""Traces put together from dispatches and causes that arrive in any order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from msgspec import structs

from signalgraph.events import Cause, Process
from signalgraph.fates import Fates
from signalgraph.traces import Seen, Trace, Written

MOST_DISPATCHES = 100_000  # and writes, of all traces together
MOST_OF_ONE = 50_000


class Gathered:
    """A trace as far as it is known."""

    __slots__ = ("_fates", "_trace", "cause", "dispatches", "id", "omitted", "process", "start_us", "writes")

    def __init__(self, trace_id: str, process: Process, fates: Fates | None) -> None:
        self.id = trace_id
        self.process = process
        self.cause: Cause | None = None
        self.dispatches: dict[str, Seen] = {}
        self.writes: dict[str, Written] = {}
        self.start_us = 0
        self.omitted = 0
        self._fates = fates
        self._trace: Trace | None = None

    def __len__(self) -> int:
        return len(self.dispatches) + len(self.writes)

    def add(self, sent: Seen | Written) -> None:
        """Add a dispatch or a write, or put it in the place of an earlier report of it."""
        if len(self) >= MOST_OF_ONE and sent.id not in self.dispatches and sent.id not in self.writes:
            self.omitted += 1
        elif isinstance(sent, Seen):
            self.dispatches[sent.id] = sent
        else:
            self.writes[sent.id] = sent
        self.start_us = min(self.start_us or sent.start_us, sent.start_us)
        self._trace = None

    def explain(self, cause: Cause) -> None:
        """Take over what is known of the cause; nothing known is forgotten for a report that doesn't have it yet."""
        self.cause = merged_cause(self.cause, cause)
        self.start_us = self.cause.start_us or self.start_us
        self._trace = None

    def trace(self) -> Trace:
        """The trace as it is now; the same object until something is added."""
        if self._trace is None:
            self._trace = Trace(
                self.id,
                self.process,
                self.cause,
                self.start_us,
                self._duration_us(),
                sorted(self.dispatches.values(), key=_by_start),
                self.omitted,
                sorted(self.writes.values(), key=_by_start),
                self._fates,
            )
        return self._trace

    def _duration_us(self) -> float:
        if self.cause is not None and self.cause.duration_ns is not None:
            return round(self.cause.duration_ns / 1000, 1)
        every: list[Seen | Written] = [*self.dispatches.values(), *self.writes.values()]
        end = max((sent.start_us + sent.duration_us for sent in every), default=self.start_us)
        return round(max(0.0, end - self.start_us), 1)


def _by_start(sent: Seen | Written) -> tuple[int, int, str]:
    return sent.start_us, len(sent.id), sent.id


def merged_cause(known: Cause | None, news: Cause) -> Cause:
    """The newer report of a cause, with what only the older one knows."""
    if known is None:
        return news
    return structs.replace(
        news,
        name=news.name or known.name,
        view=news.view or known.view,
        path=news.path or known.path,
        start_us=news.start_us or known.start_us,
        duration_ns=known.duration_ns if news.duration_ns is None else news.duration_ns,
        outer=news.outer or known.outer,
    )


class Gathering:
    """The traces that were added to last, at most `most`; each holds at most `MOST_OF_ONE` dispatches and writes."""

    def __init__(self, most: int, fates: Fates) -> None:
        self._most = most
        self._fates = fates
        self._traces: OrderedDict[str, Gathered] = OrderedDict()
        self._causes: OrderedDict[str, Cause] = OrderedDict()  # of traces without a dispatch so far
        self._held = 0  # dispatches and writes

    def add(self, sent: Seen | Written, process: Process) -> None:
        gathered = self._traces.get(sent.trace)
        if gathered is None:
            gathered = self._traces[sent.trace] = Gathered(sent.trace, process, self._fates)
            cause = self._causes.pop(sent.trace, None)
            if cause is not None:
                gathered.explain(cause)
        else:
            self._traces.move_to_end(sent.trace)
        before = len(gathered)
        gathered.add(sent)
        self._held += len(gathered) - before
        while len(self._traces) > self._most or (self._held > MOST_DISPATCHES and len(self._traces) > 1):
            _, oldest = self._traces.popitem(last=False)
            self._held -= len(oldest)

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

    def inner(self, trace: Trace) -> list[Trace]:
        """The traces that began in another one."""
        if trace.cause is None:
            return []
        around = (trace.process.id, trace.cause.id)
        found = [each for each in self._traces.values() if each.cause and (each.process.id, each.cause.outer) == around]
        return [each.trace() for each in sorted(found, key=lambda each: each.start_us)]

    def newest(self) -> list[Gathered]:
        """All of them, by start, newest first."""
        return sorted(self._traces.values(), key=lambda each: (each.start_us, each.id), reverse=True)


def gather(
    trace_id: str,
    process: Process,
    found: Iterable[Seen | Written],
    causes: Iterable[Cause],
    fates: Fates | None = None,
) -> Trace:
    """One trace out of what was found of it."""
    gathered = Gathered(trace_id, process, fates)
    for sent in found:
        gathered.add(sent)
    for cause in causes:
        gathered.explain(cause)
    return gathered.trace()
