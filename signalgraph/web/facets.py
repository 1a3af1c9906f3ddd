"""The facets beside a page: what the filter could be narrowed to, with counts, as links that edit the filter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeGuard

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.graph.query import Query, kind_of
from signalgraph.graph.terms import Term, Value
from signalgraph.graph.tree import Node, both, parts, text_of
from signalgraph.traces import Trace
from signalgraph.web.scope import Scope, connection_id

MAX_VALUES = 12


@dataclass(frozen=True)
class Facet:
    label: str
    count: int
    is_on: bool
    url: str
    title: str = ""


@dataclass(frozen=True)
class FacetGroup:
    title: str
    facets: list[Facet]


def has_value(query: Query, field: str, value: str) -> bool:
    """Whether a term that has to hold asks for this value of the field."""
    return any(_asks(part, field) and value in part.contents for part in parts(query.tree))


def toggle(query: Query, field: str, value: str) -> str:
    """The filter's text with a value added to its ``field:a,b`` term, or taken out of it.

    Terms inside `or`, `not`, parentheses and hops are left as they are: the whole filter is narrowed.

    >>> from signalgraph.graph.query import parse
    >>> toggle(parse("app:shop send"), "app", "library"), toggle(parse("app:shop send"), "app", "shop")
    ('app:shop,library send', 'send')
    >>> toggle(parse("app:shop or send"), "app", "library")
    '(app:shop or send) app:library'
    """
    asked = parts(query.tree)
    at, term = next(((i, part) for i, part in enumerate(asked) if _asks(part, field)), (len(asked), Term(field, ())))
    kept = tuple(each for each in term.values if not (isinstance(each, Value) and each.content == value))
    values = kept if len(kept) < len(term.values) else (*kept, Value(value))
    changed = [replace(term, values=values)] if values else []
    return text_of(both([*asked[:at], *changed, *asked[at + 1 :]]))


def _asks(node: Node, field: str) -> TypeGuard[Term]:
    return isinstance(node, Term) and node.name == field


def _group(scope: Scope, title: str, field: str, counts: Counter[str]) -> FacetGroup:
    chosen = [value for value in counts if has_value(scope.query, field, value)]
    shown = dict.fromkeys([*(value for value, _ in counts.most_common(MAX_VALUES)), *chosen])
    facets = []
    for value in shown:
        url = scope.state.url(q=toggle(scope.query, field, value), page=None, row=None, before=None)
        facets.append(Facet(value, counts[value], has_value(scope.query, field, value), url))
    return FacetGroup(title, facets)


def _plumbing(scope: Scope) -> Facet:
    count = sum(1 for row in scope.wiring.connections if names.is_plumbing(row))
    is_on = scope.state.shows_plumbing
    return Facet("Django's own", count, is_on, scope.state.url(all=None if is_on else "1", page=None))


def _conditions(scope: Scope, row: ConnectionInfo) -> list[str]:
    stats = scope.stats([connection_id(row)])
    found = {
        "error": stats.window_errors > 0,
        "slow": (stats.p95_us or 0.0) >= scope.slow_us,
        "async": row.is_async,
        "weak": row.weak,
        "called": stats.window_calls > 0,
        "unused": stats.calls == 0,
        "muted": bool(scope.silence_of(row.signal)),
    }
    return [name for name, holds in found.items() if holds]


def connection_facets(scope: Scope) -> list[FacetGroup]:
    """Facets counted in connections: app, kind of signal, condition."""
    rows = scope.shown
    app = _group(scope, "App", "app", Counter(names.app_of(row.receiver) for row in rows))
    return [
        FacetGroup(app.title, [*app.facets, _plumbing(scope)]),
        _group(scope, "Kind", "kind", Counter(kind_of(row.signal) for row in rows)),
        _group(scope, "Is", "is", Counter(each for row in rows for each in _conditions(scope, row))),
    ]


def process_facets(scope: Scope) -> FacetGroup:
    """The processes that recorded the traces of the window, counted in traces."""
    return _group(scope, "Process, traces", "process", Counter(trace.process.label for trace in scope.window_traces))


def _apps(traces: Iterable[Trace]) -> Counter[str]:
    found: Counter[str] = Counter()
    apps: dict[str, str] = {}
    for trace in traces:
        receivers = {call.receiver for seen in trace.dispatches for call in seen.calls}
        for receiver in receivers - apps.keys():
            apps[receiver] = names.app_of(receiver)
        found.update({apps[receiver] for receiver in receivers})
    return found


def _is_async(trace: Trace) -> bool:
    return any(call.busy_us is not None for seen in trace.dispatches for call in seen.calls)


def trace_facets(scope: Scope) -> list[FacetGroup]:
    """Facets counted in traces: what caused them, condition, app, process."""
    traces = scope.window_traces
    states = Counter({"error": sum(1 for trace in traces if trace.errors)})
    states["slow"] = sum(1 for trace in traces if trace.duration_us >= scope.slow_us)
    states["async"] = sum(1 for trace in traces if _is_async(trace))
    states["running"] = sum(1 for trace in traces if trace.is_running)
    states["rolled-back"] = sum(1 for trace in traces if trace.rolled_back)
    states["after-commit"] = sum(1 for trace in traces if trace.has_after_commit)
    states["repeats"] = sum(1 for trace in traces if trace.repeats)
    states["bypass"] = sum(1 for trace in traces if trace.writes)
    return [
        _group(scope, "Cause", "kind", Counter(trace.kind for trace in traces if trace.kind)),
        _group(scope, "Is", "is", +states),
        _group(scope, "App", "app", _apps(traces)),
        process_facets(scope),
    ]
