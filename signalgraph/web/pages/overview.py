"""The overview: is it working, and what is hot? Before anything is recorded it is the setup checklist."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from signalgraph.figures import BUCKET_S
from signalgraph.web.apps_drawing import AppsDrawing, draw_apps
from signalgraph.web.cards import make_card
from signalgraph.web.facets import connection_facets, process_facets
from signalgraph.web.figures import percentile
from signalgraph.web.found import findings_of, matching
from signalgraph.web.health import read_health
from signalgraph.web.pages.setup import setup
from signalgraph.web.pages.timeline import summary, trace_rows
from signalgraph.web.panel import panel_context
from signalgraph.web.scope import Scope, connection_id
from signalgraph.web.views import Page
from signalgraph.web.waterfall import glyph_of, is_origin

if TYPE_CHECKING:
    from signalgraph.events import ConnectionInfo
    from signalgraph.index import Stats
    from signalgraph.traces import Trace

HOTTEST = 5
CAUSES = 6
ERRORS = 5
TRACES = 8
FINDINGS = 4
MOST_BARS = 60


@dataclass(frozen=True)
class Hot:
    """A connection by the time that its receiver takes; `share` of the hottest one, in percent."""

    connection: str
    row: ConnectionInfo
    stats: Stats
    share: int


@dataclass(frozen=True)
class CauseRow:
    """Traces with the same cause; times in microseconds, `in_receivers` in percent of their time."""

    title: str
    view: str
    kind: str
    glyph: str
    traces: int
    dispatches_each: float
    queries_each: float
    p95_us: float | None
    in_receivers: float | None


@dataclass(frozen=True)
class ErrorRow:
    trace_id: str
    error: str
    receiver: str
    signal: str
    sender: str
    age_s: float
    not_reached: int
    select: str


@dataclass(frozen=True)
class Figures:
    """The four figures, each with its course over the window in at most `MOST_BARS` bars."""

    dispatches_per_s: float
    peak_per_s: float
    dispatches: list[float]
    errors: int
    failing: int
    errors_at: list[float]
    p95_us: float | None
    p95_before_us: float | None
    p95: list[float]
    queries_per_s: float
    queries: list[float]
    sample_size: int


def hottest(scope: Scope) -> list[Hot]:
    found = [(row, scope.stats([connection_id(row)])) for row in scope.connections]
    found = sorted((each for each in found if each[1].window_calls), key=lambda each: -each[1].ms_per_s)[:HOTTEST]
    top = found[0][1].ms_per_s if found else 0
    return [Hot(connection_id(row), row, stats, round(stats.ms_per_s / (top or 1) * 100)) for row, stats in found]


def read_causes(scope: Scope) -> list[CauseRow]:
    groups: dict[tuple[str, str], list[Trace]] = defaultdict(list)
    for trace in scope.listed:
        if trace.cause:
            groups[trace.title, trace.cause.view or ""].append(trace)
    rows = [_cause_row(title, view, traces) for (title, view), traces in groups.items()]
    spent = {key: sum(trace.receiver_us for trace in traces) for key, traces in groups.items()}
    return sorted(rows, key=lambda row: -spent[row.title, row.view])


def _cause_row(title: str, view: str, traces: list[Trace]) -> CauseRow:
    count = len(traces)
    timed_us = sum(trace.duration_us for trace in traces)
    spent_us = sum(trace.receiver_us for trace in traces)
    return CauseRow(
        title=title,
        view=view,
        kind=traces[0].kind or "",
        glyph=glyph_of(traces[0].kind),
        traces=count,
        dispatches_each=sum(len(trace.dispatches) for trace in traces) / count,
        queries_each=sum(trace.queries for trace in traces) / count,
        p95_us=percentile([trace.duration_us for trace in traces], 0.95),
        in_receivers=min(spent_us / timed_us * 100, 100) if timed_us else None,
    )


def newest_errors(scope: Scope, limit: int = ERRORS) -> list[ErrorRow]:
    """The newest errors, each where it began and not in the receivers that it passed through."""
    rows: list[ErrorRow] = []
    for trace in scope.traces:
        if trace.errors and len(rows) < limit:
            rows.extend(_trace_errors(scope, trace))
    return rows[:limit]


def _trace_errors(scope: Scope, trace: Trace) -> list[ErrorRow]:
    rows = []
    for node in (node for root in trace.tree() for node in root.walk()):
        if node.call is None or not is_origin(node):
            continue
        seen = node.dispatch
        rows.append(
            ErrorRow(
                trace_id=trace.id,
                error=node.call.error or "an error",
                receiver=node.call.receiver,
                signal=seen.signal,
                sender=seen.sender,
                age_s=scope.now_s - seen.start_us / 1e6,
                not_reached=sum(call.status == "not reached" for call in seen.calls),
                select=f"call:{seen.id}/{node.number}",
            )
        )
    return rows


def read_figures(scope: Scope) -> Figures:
    """Dispatches, errors and SQL are exact; p95 is of the traces in memory that the filter matches."""
    window_s = scope.state.window_s
    count = min(MOST_BARS, window_s // BUCKET_S)
    activity = scope.index.activity(window_s, count)
    start_us, bucket_us = activity[0][0] * 1e3, window_s / count * 1e6
    durations: list[list[float]] = [[] for _ in range(count)]
    queries = scope.index.query_activity(window_s, count)
    failing: set[str] = set()
    for trace in scope.traces:
        is_fair = scope.is_fair(trace)
        for seen in trace.dispatches:
            failing.update(call.receiver for call in seen.calls if call.status == "raised")
            if is_fair:
                bucket = min(max(int((seen.start_us - start_us) / bucket_us), 0), count - 1)
                durations[bucket].extend(call.duration_us for call in seen.calls if call.duration_us is not None)
    older = [each for part in durations[: count // 2] for each in part]
    newer = [each for part in durations[count // 2 :] for each in part]
    bucket_s = window_s / count
    rate = scope.dispatches_per_s(window_s)
    return Figures(
        dispatches_per_s=rate,
        peak_per_s=max(rate, *(each / bucket_s for _, each, _ in activity)),  # at first a bar is not a whole one
        dispatches=[each / bucket_s for _, each, _ in activity],
        errors=sum(errors for _, _, errors in activity),
        failing=len(failing),
        errors_at=[round((i + 0.5) * 100 / count, 1) for i, (_, _, errors) in enumerate(activity) if errors],
        p95_us=percentile([*older, *newer], 0.95),
        p95_before_us=percentile(older, 0.95),
        p95=[percentile(part, 0.95) or 0 for part in durations],
        queries_per_s=sum(queries) / scope.seconds,
        queries=[each / bucket_s for each in queries],
        sample_size=len(older) + len(newer),
    )


def overview(request: HttpRequest, scope: Scope) -> Page:
    if not scope.has_recorded:
        return setup(request, scope)
    apps: AppsDrawing = draw_apps(scope)
    causes = read_causes(scope)
    data: dict[str, Any] = {
        "health": read_health(scope),
        "figures": read_figures(scope),
        "hottest": hottest(scope),
        "causes": causes[:CAUSES],
        "errors": newest_errors(scope),
    }
    found = matching(scope, findings_of(scope)).open
    context = {
        "title": "Overview",
        **data,
        "top_findings": [make_card(scope, each) for each in found[:FINDINGS]],
        "matching_findings": len(found),
        "apps": apps,
        "more_causes": max(len(causes) - CAUSES, 0),
        "newest": trace_rows(scope, scope.listed[:TRACES], 1),
        **panel_context(scope),
    }
    newest = [summary(trace) for trace in scope.listed[:TRACES]]
    twin = {**data, "findings": [each.key for each in found], "apps": apps.rows, "newest": newest}
    facets = [*connection_facets(scope), process_facets(scope)]
    parts = {"sg-overview": "signalgraph/_overview.html"}
    return Page("signalgraph/overview.html", context, twin, facets, scope.connection_hits, parts=parts)
