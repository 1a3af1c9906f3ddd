"""The filter language: one for the box, the URL, the command line and Python.

A filter is terms, all of which have to hold: `field:value`, or a word that is looked for in every name. `-` or `not`
in front of a term turns it round. A value is bare or in quotes, `*` stands for any text, `a,b` for one of both.

=========================  ==============================================================================
signal sender receiver     a name, or its end after a dot (`post_save`, `shop.Order`, `receivers.send_*`)
app                        the app of a receiver (of a signal that has none: of the signal)
module                     a receiver's module, or a package that it is in
kind                       what caused it (request, command, task, test) or the kind of the signal (model, custom)
trace path process         the id of a trace; a request's route or view; a process' label, id or pid
method status              `send`, `asend_robust` ...; `raised`, `not-reached` ... of the dispatch or a receiver
dur                        `>5ms`: of a trace or dispatch; of a connection or signal its p95
is                         see `_connection_states`, `_signal_states`, `_dispatch_states`
=========================  ==============================================================================

A term that has no meaning for what is listed (`path` of a connection) is left out; `ignored_for` says which.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Literal

from signalgraph.events import ANY_SENDER, Cause, ConnectionInfo, Process, SignalInfo
from signalgraph.figures import Stats
from signalgraph.graph.terms import QueryError, Term, Value, read_terms
from signalgraph.names import app_of
from signalgraph.traces import Seen, Trace

__all__ = ["Query", "QueryError", "kind_of", "parse"]

Listed = Literal["connection", "signal", "dispatch", "trace"]
Names = Mapping[str, Iterable[str]]
States = Mapping[str, bool]

_NAMES = {"signal", "sender", "receiver", "app", "module", "kind"}
_TOLD = {"trace", "method", "status", "path", "process"}
_FIELDS = {"connection": _NAMES, "signal": _NAMES, "dispatch": _NAMES | _TOLD, "trace": _NAMES | _TOLD}
_STATES = {
    "connection": {"error", "slow", "async", "weak", "unused", "called", "any", "third-party", "muted"},
    "signal": {"error", "slow", "orphan", "unused", "called", "muted"},
    "dispatch": {"error", "slow", "async", "any", "running", "after-commit", "repeats"},
    "trace": {"error", "slow", "async", "any", "running", "after-commit", "repeats", "rolled-back", "bypass"},
}
_WHOLE_TRACE = {"trace", "path", "process", "dur", "is", None}  # fields that are not of one dispatch; None: words
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
_KINDS = {
    "django.db.models": "model",
    "django.contrib.auth": "auth",
    "django.core.signals": "request",
    "django.test": "test",
    "django.tasks": "task",
    "django.db": "database",
}
_MANAGEMENT = {"pre_migrate", "post_migrate"}


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


def parse(q: str, *, slow_ms: float = 100.0) -> Query:
    """Read a filter; an empty one matches everything.

    `slow_ms` is what `is:slow` means, in milliseconds. Raises `QueryError`, and nothing else.

    >>> parse("signal:post_save   not app:admin").text
    'signal:post_save -app:admin'
    """
    return Query(read_terms(q), slow_ms=slow_ms)


class Query:
    """A filter that was read. Two are equal when their terms are.

    `silent` says why a signal of some name is only counted, "" where it is recorded: what `is:muted` asks.
    """

    def __init__(self, terms: Iterable[Term], *, slow_ms: float = 100.0) -> None:
        self.silent: Callable[[str], str] = lambda name: ""
        self.terms = tuple(terms)
        self.slow_us = slow_ms * 1000
        self._asks_state = any(term.field == "is" for term in self.terms)

    @property
    def text(self) -> str:
        """The filter as it is written: `parse` gives an equal one for it."""
        return " ".join(term.text for term in self.terms)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"parse({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and (self.terms, self.slow_us) == (other.terms, other.slow_us)

    def __hash__(self) -> int:
        return hash((self.terms, self.slow_us))

    def ignored_for(self, listed: Listed) -> list[str]:
        """The terms that have no meaning for what is listed and are left out, as they are written."""
        return [term.text for term in self.terms if not _applies(term, listed)]

    def matches_connection(self, info: ConnectionInfo, stats: Stats | None = None) -> bool:
        """Whether a connection fits. Without `stats` nothing is known to have been called."""
        names = {
            "signal": [info.signal],
            "sender": [info.sender],
            "receiver": [info.receiver],
            "app": [_app(info.receiver)],
            "module": [info.receiver],
            "kind": [kind_of(info.signal)],
        }
        states = {**_connection_states(info, stats, self.slow_us), "muted": bool(self.silent(info.signal))}
        return self._all_hold("connection", names, _p95(stats), states)

    def matches_signal(self, info: SignalInfo, stats: Stats | None = None) -> bool:
        """Whether a signal fits by itself, as one without connections has to."""
        names: Names = {
            "signal": [info.name, *info.aliases],
            "app": [_app(info.name)],
            "kind": [kind_of(info.name)],
            "sender": [],
            "receiver": [],
            "module": [],
        }
        states = {**_signal_states(info, stats, self.slow_us), "muted": bool(self.silent(info.name))}
        return self._all_hold("signal", names, _p95(stats), states)

    def matches_dispatch(self, seen: Seen, cause: Cause | None = None, process: Process | None = None) -> bool:
        """Whether a dispatch fits. What caused it and where is not in it: see `Index.cause` and `Index.process`."""
        if not self.terms:
            return True
        states = _dispatch_states([seen], seen.duration_us, self.slow_us) if self._asks_state else {}
        names = {**_dispatch_names(seen), **_context_names(seen.trace, cause, process)}
        names["kind"] = [kind_of(seen.signal), *([cause.kind] if cause else [])]
        return self._all_hold("dispatch", names, seen.duration_us, states)

    def matches_trace(self, trace: Trace) -> bool:
        """Whether a trace fits: one of its dispatches has what is asked of a dispatch, and none what is ruled out."""
        if not self.terms:
            return True
        context = _context_names(trace.id, trace.cause, trace.process)
        rows: list[Names] = [_dispatch_names(seen) for seen in trace.dispatches]
        rows += [{"sender": [write.sender]} for write in trace.writes]
        kinds = {kind_of(seen.signal) for seen in trace.dispatches} | ({trace.kind} if trace.kind else set())
        whole: Names = {
            **{field: [name for row in rows for name in row.get(field, ())] for field in _NAMES | _TOLD},
            **context,
            "kind": kinds,
        }
        states = _trace_states(trace, self.slow_us) if self._asks_state else {}
        if not self._all_hold("trace", whole, trace.duration_us, states):
            return False
        joint = [term for term in self.terms if term.field not in _WHOLE_TRACE | {"kind"} and not term.is_negated]
        return not joint or any(all(_has(term, row) for term in joint) for row in rows)

    def _all_hold(self, listed: Listed, names: Names, duration_us: float | None, states: States) -> bool:
        for term in self.terms:
            if not _applies(term, listed):
                continue
            if term.field == "dur":
                holds = duration_us is not None and _COMPARE[term.operator](duration_us, term.limit_us)
            elif term.field == "is":
                holds = any(states.get(value.content, False) for value in term.values)
            else:
                holds = _has(term, names)
            if holds == term.is_negated:
                return False
        return True


def _applies(term: Term, listed: Listed) -> bool:
    if term.field == "is":
        return any(value.content in _STATES[listed] for value in term.values)
    return term.field in _FIELDS[listed] or term.field in {"dur", None}


def _has(term: Term, names: Names) -> bool:
    """Whether one of the values fits one of the names of the term's field; a word, one of all names."""
    if term.field is None:
        every = [name for field in names for name in names[field]]
        return any(_has_word(value, name) for value in term.values for name in every)
    fits = _FITS.get(term.field, _is_name)
    return any(fits(value, name) for value in term.values for name in names.get(term.field, ()))


def _is_name(value: Value, name: str) -> bool:
    return any(value.equals(spelling) for spelling in _spellings(name))


def _has_word(value: Value, name: str) -> bool:
    return _is_name(value, name) if value.is_glob else value.is_in(name.casefold())


def _is_module(value: Value, name: str) -> bool:
    return any(value.equals(package) for package in _packages(name))


def _is_part(value: Value, name: str) -> bool:
    return value.is_in(name.casefold())


def _is_exactly(value: Value, name: str) -> bool:
    return value.equals(name.casefold())


_FITS = {
    "module": _is_module,
    "path": _is_part,
    "process": _is_part,
    "app": _is_exactly,
    "kind": _is_exactly,
    "trace": _is_exactly,
    "method": _is_exactly,
    "status": _is_exactly,
}


_app = lru_cache(maxsize=10_000)(app_of)


@lru_cache(maxsize=10_000)
def _spellings(name: str) -> tuple[str, ...]:
    """What people write for a name: all of it or its end after a dot, with or without `~uid`, `@line` and quotes."""
    name = name.casefold()
    if name.startswith('"'):
        return name, name.strip('"')
    plain = re.sub(r"(~.*|@[0-9]+)$", "", name)
    whole = (name,) if name == plain else (name, plain)
    return tuple(each[at:] for each in whole for at in (0, *(m.end() for m in re.finditer(r"\.", each))))


@lru_cache(maxsize=10_000)
def _packages(receiver: str) -> tuple[str, ...]:
    """The module of a receiver and the packages that it is in (a class that holds it counts as well)."""
    path = receiver.casefold().removeprefix("partial(")
    return tuple(path[: match.start()] for match in re.finditer(r"\.", path))


def _dispatch_names(seen: Seen) -> dict[str, Iterable[str]]:
    receivers = [call.receiver for call in seen.calls]
    statuses = {seen.status, *(call.status for call in seen.calls)}
    return {
        "signal": [seen.signal],
        "sender": [seen.sender],
        "receiver": receivers,
        "app": {_app(receiver) for receiver in receivers},
        "module": receivers,
        "method": [seen.method],
        "status": [status.replace(" ", "-") for status in statuses],
    }


def _context_names(trace_id: str, cause: Cause | None, process: Process | None) -> dict[str, Iterable[str]]:
    """A process that isn't given is known by its id, which is in the id of the trace."""
    processes = [process.label, process.id, str(process.pid)] if process else [trace_id.partition("-")[0]]
    paths = [name for name in (cause.name, cause.view) if name] if cause else []
    return {"trace": [trace_id], "path": paths, "process": processes}


def _p95(stats: Stats | None) -> float | None:
    return stats.p95_us if stats else None


def _connection_states(info: ConnectionInfo, stats: Stats | None, slow_us: float) -> States:
    """`error`: raised in the window; `slow`: p95 at least the limit; `async` receiver; held `weak`; `called` in the
    window; `unused`: never called since the log began; `any` sender; `third-party`: defined in an installed package."""
    return {
        **_called(stats, slow_us),
        "async": info.is_async,
        "weak": info.weak,
        "any": info.sender == ANY_SENDER,
        "third-party": bool(re.search(r"[/\\](site|dist)-packages[/\\]", info.file or "")),
    }


def _signal_states(info: SignalInfo, stats: Stats | None, slow_us: float) -> States:
    """`error`, `slow`, `called` and `unused` as of a connection; `orphan`: dispatched without any receiver."""
    return {**_called(stats, slow_us), "orphan": info.receivers == 0 and stats is not None and stats.unheard > 0}


def _called(stats: Stats | None, slow_us: float) -> dict[str, bool]:
    return {
        "error": stats is not None and stats.window_errors > 0,
        "slow": stats is not None and (stats.p95_us or 0.0) >= slow_us,
        "called": stats is not None and stats.window_calls > 0,
        "unused": stats is None or stats.calls + stats.unheard == 0,
    }


def _dispatch_states(dispatches: Iterable[Seen], duration_us: float, slow_us: float) -> States:
    """`error`: it or a receiver raised; `slow`: it took at least the limit; `async`: a receiver that ran as a
    coroutine; `any`: a receiver that is connected for any sender; `running`: not ended when it was reported last;
    `after-commit`: sent by work that on_commit had put off; `repeats`: a receiver ran one query more than once."""
    rows = list(dispatches)
    calls = [call for seen in rows for call in seen.calls]
    return {
        "error": any(seen.status == "raised" or seen.errors for seen in rows),
        "slow": duration_us >= slow_us,
        "async": any(call.busy_us is not None for call in calls),
        "any": any(call.sender == ANY_SENDER for call in calls),
        "running": any(seen.status == "running" for seen in rows),
        "after-commit": any(seen.transaction < 0 for seen in rows),
        "repeats": any(call.repeats for call in calls),
    }


def _trace_states(trace: Trace, slow_us: float) -> States:
    """As of a dispatch; `rolled-back`: something in it was; `bypass`: something was written without a signal."""
    return {
        **_dispatch_states(trace.dispatches, trace.duration_us, slow_us),
        "rolled-back": trace.rolled_back > 0,
        "bypass": bool(trace.writes),
    }
