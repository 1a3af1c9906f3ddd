"""What a filter can ask of a connection, a signal, a dispatch and a trace: names, numbers, states.

Nothing is computed before it is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import ClassVar, Protocol

from signalgraph import names
from signalgraph.events import ANY_SENDER, Cause, ConnectionInfo, Process, SignalInfo
from signalgraph.figures import Stats
from signalgraph.graph.fields import Listed
from signalgraph.traces import Call, Seen, Trace, Written

_KINDS = {
    "django.db.models": "model",
    "django.contrib.auth": "auth",
    "django.core.signals": "request",
    "django.test": "test",
    "django.tasks": "task",
    "django.db": "database",
}
_MANAGEMENT = {"pre_migrate", "post_migrate"}
NAMES = (
    *("signal", "sender", "receiver", "app", "kind", "uid"),
    *("trace", "method", "status", "path", "process", "err"),
)  # what a word is looked for in; a module is part of a receiver's name

app_of = lru_cache(maxsize=10_000)(names.app_of)


def kind_of(signal: str) -> str:
    """The kind of a signal by its name: model, auth, request, management, test, task, database, django or custom.

    >>> kind_of("django.db.models.signals.post_save"), kind_of("shop.signals.order_placed")
    ('model', 'custom')
    """
    if not signal.startswith("django."):
        return "custom"
    if signal.rpartition(".")[2] in _MANAGEMENT:
        return "management"
    return next((kind for package, kind in _KINDS.items() if signal.startswith(package + ".")), "django")


@dataclass(frozen=True)
class Reach:
    """What hops, or a ring of causes, come to: ids of handlings in the flow, and of their connections."""

    handlings: frozenset[str] = frozenset()
    connections: frozenset[str] = frozenset()


class Known(Protocol):
    """What is known besides what is listed; `Query` is one."""

    slow_us: float
    silent: Callable[[str], str]
    findings: Callable[[str], Collection[str]]

    @property
    def rings(self) -> Reach: ...

    @property
    def reached(self) -> Mapping[object, Reach]: ...

    def now(self) -> datetime: ...


@dataclass
class Facts(ABC):
    """Of one thing that is listed. `known` is what its filter knows besides."""

    known: Known
    listed: ClassVar[Listed]

    @abstractmethod
    def names(self, name: str) -> Iterable[str]:
        """What it has of a field that holds names; empty for a field that it hasn't."""

    @abstractmethod
    def number(self, name: str) -> float | None:
        """What it has of a field that is compared, in microseconds or a plain number; None where nothing is known."""

    @property
    @abstractmethod
    def states(self) -> Mapping[str, Callable[[], bool]]:
        """What `is:` can ask."""

    def share(self, name: str) -> float | None:
        """Percent of the time of the trace."""
        return None

    def is_in(self, reach: Reach) -> bool:
        """Whether it is, or ran, one of the connections that hops come to."""
        return False

    def has(self, state: str) -> bool:
        return state in self.states and self.states[state]()

    def every_name(self) -> Iterator[str]:
        for name in NAMES:
            yield from self.names(name)

    def _found(self, *ids: str) -> list[str]:
        return [rule for each in ids for rule in self.known.findings(each)]


@dataclass
class ConnectionFacts(Facts):
    """`handled` is the sender of a handling, where a receiver for any sender handled one."""

    info: ConnectionInfo
    stats: Stats | None
    handled: str | None = None
    listed = "connection"

    def names(self, name: str) -> Iterable[str]:
        info = self.info
        sender = info.sender if self.handled is None else self.handled
        if name in ("receiver", "module"):
            return (info.receiver,)
        if name == "signal":
            return (info.signal,)
        if name == "sender":
            return (sender,)
        if name == "app":
            return (app_of(info.receiver),)
        if name == "kind":
            return (kind_of(info.signal),)
        if name == "uid":
            return () if info.dispatch_uid is None else (info.dispatch_uid,)
        if name == "finding":
            own = names.connection_id(info.sender, info.signal, info.receiver)
            parts = (names.receiver_id(info.receiver), names.signal_id(info.signal), names.sender_id(sender))
            return self._found(own, *parts)
        return ()

    def number(self, name: str) -> float | None:
        return _figure(self.stats, name)

    def is_in(self, reach: Reach) -> bool:
        info = self.info
        if self.handled is not None:
            return names.connection_id(self.handled, info.signal, info.receiver) in reach.handlings
        return names.connection_id(info.sender, info.signal, info.receiver) in reach.connections

    @property
    def states(self) -> Mapping[str, Callable[[], bool]]:
        """`error`: raised in the window; `slow`: p95 at least the limit; `async` receiver; held `weak`; `called` in the
        window; `unused`: never called since the log began; `any` sender; `third-party`: defined in an installed
        package; `muted`: its signal is only counted; `cycle`: it was seen to set itself off in the end."""
        info = self.info
        return {
            **_called(self.stats, self.known.slow_us),
            "async": lambda: info.is_async,
            "weak": lambda: info.weak,
            "any": lambda: info.sender == ANY_SENDER,
            "third-party": lambda: names.is_third_party(info),
            "muted": lambda: bool(self.known.silent(info.signal)),
            "cycle": lambda: self.is_in(self.known.rings),
        }


@dataclass
class SignalFacts(Facts):
    """Of a signal by itself, as one without connections is listed."""

    info: SignalInfo
    stats: Stats | None
    listed = "signal"

    def names(self, name: str) -> Iterable[str]:
        if name == "signal":
            return (self.info.name, *self.info.aliases)
        if name == "app":
            return (app_of(self.info.name),)
        if name == "kind":
            return (kind_of(self.info.name),)
        return self._found(names.signal_id(self.info.name)) if name == "finding" else ()

    def number(self, name: str) -> float | None:
        stats = self.stats
        if name == "count" and stats is not None and not stats.window_calls:
            return max(stats.unheard, stats.ignored)
        return _figure(stats, name)

    @property
    def states(self) -> Mapping[str, Callable[[], bool]]:
        """`error`, `slow`, `called` and `unused` as of a connection; `orphan`: dispatched without any receiver."""
        stats = self.stats
        return {
            **_called(stats, self.known.slow_us),
            "orphan": lambda: self.info.receivers == 0 and stats is not None and stats.unheard > 0,
            "muted": lambda: bool(self.known.silent(self.info.name)),
        }


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


def _figure(stats: Stats | None, name: str) -> float | None:
    if stats is None:
        return None
    if name in ("dur", "p95"):
        return stats.p95_us
    if name == "count":
        return stats.window_calls
    if name == "rate":
        return stats.rate_per_s
    if name == "err":
        return stats.window_errors
    return stats.queries / stats.calls if name == "sql" and stats.calls else None


def _called(stats: Stats | None, slow_us: float) -> dict[str, Callable[[], bool]]:
    return {
        "error": lambda: stats is not None and stats.window_errors > 0,
        "slow": lambda: stats is not None and (stats.p95_us or 0.0) >= slow_us,
        "called": lambda: stats is not None and stats.window_calls > 0,
        "unused": lambda: stats is None or stats.calls + stats.unheard == 0,
    }


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
