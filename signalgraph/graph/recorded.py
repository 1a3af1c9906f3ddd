"""What a filter can ask of what was recorded: a dispatch, a write without a signal, a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from signalgraph import names
from signalgraph.events import ANY_SENDER, Cause, Process
from signalgraph.graph.facts import Facts, Known, Reach, app_of, kind_of
from signalgraph.traces import Call, Seen, Trace, Written


@dataclass
class WriteFacts(Facts):
    """Of a write without a signal, which stands in a trace beside its dispatches."""

    write: Written
    trace_us: float
    listed = "dispatch"

    def names(self, name: str) -> Iterable[str]:
        return (self.write.sender,) if name == "sender" else ()

    def number(self, name: str) -> float | None:
        return None

    def share(self, name: str) -> float | None:
        return _percent(self.write.duration_us, self.trace_us) if name == "dur" else None

    @property
    def states(self) -> Mapping[str, Callable[[], bool]]:
        return {}


@dataclass
class DispatchFacts(Facts):
    """Of a dispatch. What caused it and where is not in it. Inside a trace, `trace_us` is the duration of that, and
    `nested` says what the dispatches in it took, by parent (`<dispatch id>/<n>`), where that is known."""

    seen: Seen
    cause: Cause | None = None
    process: Process | None = None
    trace_us: float | None = None
    nested: Mapping[str, float] | None = None
    listed = "dispatch"

    def names(self, name: str) -> Iterable[str]:
        seen = self.seen
        if name == "signal":
            return (seen.signal,)
        if name == "sender":
            return (seen.sender,)
        if name in ("receiver", "module"):
            return [call.receiver for call in seen.calls]
        if name == "app":
            return {app_of(call.receiver) for call in seen.calls}
        if name == "method":
            return (seen.method,)
        if name == "status":
            return {status.replace(" ", "-") for status in (seen.status, *(call.status for call in seen.calls))}
        if name == "err":
            return {call.error for call in seen.calls if call.error}
        if name == "kind":
            return (kind_of(seen.signal), *((self.cause.kind,) if self.cause else ()))
        if name == "finding":
            ids = [each for call in seen.calls for each in (names.receiver_id(call.receiver), call.connection)]
            return self._found(names.signal_id(seen.signal), names.sender_id(seen.sender), *ids)
        return context_names(name, seen.trace, self.cause, self.process)

    def number(self, name: str) -> float | None:
        seen = self.seen
        if name == "dur":
            return seen.duration_us
        if name == "count":
            return len(seen.calls)
        if name == "err":
            return seen.errors
        if name == "sql":
            return seen.queries
        if name == "sql.dup":
            return max((call.repeats for call in seen.calls), default=0)
        if name == "ts":
            return seen.start_us
        return self._self_us if name == "self" else None

    def share(self, name: str) -> float | None:
        return _percent(self.number(name), self.trace_us)

    @property
    def _self_us(self) -> float | None:
        """The most that one of its receivers took without what was dispatched in it."""
        nested = self.nested
        if nested is None:
            return None
        took = [
            max(0.0, call.duration_us - nested.get(f"{self.seen.id}/{number}", 0.0))
            for number, call in enumerate(self.seen.calls, 1)
            if call.duration_us is not None
        ]
        return max(took, default=None)

    def is_in(self, reach: Reach) -> bool:
        return any(is_run(call, self.seen, reach) for call in self.seen.calls)

    @property
    def states(self) -> Mapping[str, Callable[[], bool]]:
        """`error`: it or a receiver raised; `slow`: it took at least the limit; `async`: a receiver that ran as a
        coroutine; `any`: a receiver that is connected for any sender; `running`: not ended when it was reported last;
        `after-commit`: sent by work that on_commit had put off; `repeats`: a receiver ran one query more than once;
        `cycle`: a receiver that was seen to set itself off in the end."""
        return _dispatch_states([self.seen], self.seen.duration_us, self.known)


@dataclass
class TraceFacts(Facts):
    """Of a trace as a whole; `rows` are its dispatches and writes."""

    trace: Trace
    listed = "trace"
    _cached: dict[str, set[str]] = field(default_factory=dict, init=False)

    @cached_property
    def rows(self) -> list[Facts]:
        trace = self.trace
        nested: dict[str, float] = {}
        for seen in trace.dispatches:
            if seen.parent and seen.transaction >= 0:
                nested[seen.parent] = nested.get(seen.parent, 0.0) + seen.duration_us
        whole_us = trace.duration_us
        rows: list[Facts] = [
            DispatchFacts(self.known, seen, trace.cause, trace.process, whole_us, nested) for seen in trace.dispatches
        ]
        return rows + [WriteFacts(self.known, write, whole_us) for write in trace.writes]

    def names(self, name: str) -> Iterable[str]:
        trace = self.trace
        if name in ("path", "process", "trace"):
            return context_names(name, trace.id, trace.cause, trace.process)
        if name not in self._cached:
            found = {each for row in self.rows for each in row.names(name)}
            self._cached[name] = found | ({trace.kind} if name == "kind" and trace.kind else set())
        return self._cached[name]

    def number(self, name: str) -> float | None:
        trace = self.trace
        if name == "dur":
            return trace.duration_us
        if name == "count":
            return len(trace.dispatches)
        if name == "err":
            return trace.errors
        if name == "sql":
            return trace.queries
        if name == "sql.dup":
            return max((call.repeats for seen in trace.dispatches for call in seen.calls), default=0)
        if name == "ts":
            return trace.start_us
        return trace.depth if name == "depth" else None

    @property
    def states(self) -> Mapping[str, Callable[[], bool]]:
        """As of a dispatch; `rolled-back`: something in it was; `bypass`: something was written without a signal."""
        trace = self.trace
        return {
            **_dispatch_states(trace.dispatches, trace.duration_us, self.known),
            "rolled-back": lambda: trace.rolled_back > 0,
            "bypass": lambda: bool(trace.writes),
        }


def context_names(name: str, trace_id: str, cause: Cause | None, process: Process | None) -> Iterable[str]:
    """A process that isn't given is known by its id, which is in the id of the trace."""
    if name == "trace":
        return (trace_id,)
    if name == "path":
        return [each for each in (cause.name, cause.view) if each] if cause else []
    if name == "process":
        return (process.label, process.id, str(process.pid)) if process else (trace_id.partition("-")[0],)
    return ()


def is_run(call: Call, seen: Seen, reach: Reach) -> bool:
    """Whether a receiver call is one of these handlings; what any sender's receiver did for others doesn't count."""
    handling = names.connection_id(seen.sender, seen.signal, call.receiver)
    return handling in reach.handlings or call.connection in reach.handlings


def _percent(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole * 100


def _dispatch_states(rows: list[Seen], duration_us: float, known: Known) -> dict[str, Callable[[], bool]]:
    def some(holds: Callable[[Call], bool]) -> Callable[[], bool]:
        return lambda: any(holds(call) for seen in rows for call in seen.calls)

    return {
        "error": lambda: any(seen.status == "raised" or seen.errors for seen in rows),
        "slow": lambda: duration_us >= known.slow_us,
        "async": some(lambda call: call.busy_us is not None),
        "any": some(lambda call: call.sender == ANY_SENDER),
        "running": lambda: any(seen.status == "running" for seen in rows),
        "after-commit": lambda: any(seen.transaction < 0 for seen in rows),
        "repeats": some(lambda call: bool(call.repeats)),
        "cycle": lambda: any(is_run(call, seen, known.rings) for seen in rows for call in seen.calls),
    }
