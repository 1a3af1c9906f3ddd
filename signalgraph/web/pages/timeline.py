"""The timeline: lanes of what just happened, which the browser draws, and the newest traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from signalgraph.figures import BUCKET_S
from signalgraph.web.facets import trace_facets
from signalgraph.web.figures import BarMark, round_up
from signalgraph.web.panel import panel_context
from signalgraph.web.scope import Scope
from signalgraph.web.tracepanel import trace_context
from signalgraph.web.views import Page
from signalgraph.web.waterfall import glyph_of

if TYPE_CHECKING:
    from signalgraph.traces import Trace

ROWS = 50
BY = ("cause", "signal", "receiver", "process")
SPANS = {10: "10 s", 60: "60 s", 300: "5 min"}
SEED_DISPATCHES = 4000
MINI_BARS = 12


@dataclass(frozen=True)
class TraceRow:
    """A trace in the table; `bars` are percent of the longest trace shown."""

    trace: Trace
    width: float
    bars: list[BarMark]
    is_slow: bool
    is_running: bool

    @property
    def glyph(self) -> str:
        if self.trace.cause is None:
            return "signal" if self.trace.dispatches else "write"
        return glyph_of(self.trace.kind)

    @property
    def sel(self) -> str:
        return f"trace:{self.trace.id}"


def trace_rows(scope: Scope, traces: list[Trace], top_us: float) -> list[TraceRow]:
    rows = []
    for trace in traces:
        outermost = [seen for seen in trace.dispatches if seen.parent is None][:MINI_BARS]
        bars = [
            BarMark(
                round((seen.start_us - trace.start_us) / top_us * 100, 1),
                max(round((seen.duration_us or 0) / top_us * 100, 1), 0.5),
            )
            for seen in outermost
        ]
        slow = any((seen.duration_us or 0) >= scope.slow_us for seen in trace.dispatches)
        running = trace.is_running and scope.is_alive(trace.process.id)
        rows.append(TraceRow(trace, round(trace.duration_us / top_us * 100, 1), bars, slow, running))
    return rows


def seed(scope: Scope, span_s: int) -> dict[str, Any]:
    """What the lanes start with: the dispatches of the span in the feed's shape, and what the traces' causes are.

    `from` is the unix ms before which dispatches are left out, None where all of the span are there.
    """
    since_us = (scope.now_s - span_s) * 1e6
    traces = [trace for trace in scope.traces if trace.start_us + (trace.duration_us or 0) >= since_us]
    found = [seen for trace in traces for seen in trace.dispatches if seen.start_us >= since_us]
    found.sort(key=lambda seen: -seen.start_us)
    shown = found[:SEED_DISPATCHES]
    dispatches = [
        {
            "id": seen.id,
            "trace": seen.trace,
            "signal": seen.signal,
            "sender": seen.sender,
            "start": seen.start_us,
            "duration": seen.duration_us,
            "status": seen.status,
            "calls": [{"receiver": call.receiver, "status": call.status, "error": call.error} for call in seen.calls],
        }
        for seen in shown
    ]
    oldest_us = scope.oldest_held_us or 0
    is_cut = len(shown) < len(found) or oldest_us > since_us
    processes = {beat.process.id: beat.process.label for beat in scope.heartbeats}
    return {
        "now": round(scope.now_s * 1000),
        "span_s": span_s,
        "of": _recorded(scope, span_s) if is_cut else len(found),
        "from": max(shown[-1].start_us, oldest_us) // 1000 if is_cut and shown else None,
        "share": scope.shares[0] if scope.shares else 1.0,
        "dispatches": dispatches,
        "causes": {trace.id: trace.title for trace in traces},
        "kinds": {trace.title: trace.kind for trace in traces if trace.kind},
        "processes": processes,
    }


def _recorded(scope: Scope, span_s: int) -> int:
    """How many dispatches there were, whatever the filter: more than memory may hold."""
    return sum(count for _, count, _ in scope.index.activity(span_s, span_s // BUCKET_S))


def timeline(request: HttpRequest, scope: Scope) -> Page:
    params = scope.state.params
    by = params.get("by", "") if params.get("by") in BY else "signal"
    asked = params.get("span", "")
    span_s = int(asked) if asked in map(str, SPANS) else 60
    before = params.get("before", "")
    traces = scope.listed
    if before.isdecimal():
        traces = [trace for trace in traces if trace.start_us < int(before)]
    shown = traces[:ROWS]
    top_us = round_up(max((trace.duration_us for trace in shown), default=0) or 1000)
    context: dict[str, Any] = {
        "title": "Timeline",
        "by": by,
        "by_options": BY,
        "span": span_s,
        "spans": SPANS,
        "rows": trace_rows(scope, shown, top_us),
        "top_us": top_us,
        "count": len(scope.listed),
        "static": len(scope.traces) - len(scope.listed),
        "failed": sum(1 for trace in scope.traces if trace.errors),
        "older": traces[ROWS - 1].start_us if len(traces) > ROWS else None,
        "is_first": not before.isdecimal(),
        **panel_context(scope),
        **trace_context(scope),
    }
    twin = {**seed(scope, span_s), "traces": [summary(trace) for trace in shown]}
    parts = {"sg-traces": "signalgraph/_trace_rows.html"}
    hits = scope.hits(len(scope.traces), "trace")
    return Page("signalgraph/timeline.html", context, twin, trace_facets(scope), hits, parts=parts)


def summary(trace: Trace) -> dict[str, Any]:
    """A trace without its dispatches."""
    return {
        "id": trace.id,
        "title": trace.title,
        "cause": trace.cause,
        "process": trace.process,
        "start_us": trace.start_us,
        "duration_us": trace.duration_us,
        "dispatches": len(trace.dispatches),
        "calls": trace.calls,
        "depth": trace.depth,
        "errors": trace.errors,
        "writes": len(trace.writes),
        "rolled_back": trace.rolled_back,
        "running": trace.is_running,
        "queries": trace.queries,
        "receiver_us": trace.receiver_us,
    }
