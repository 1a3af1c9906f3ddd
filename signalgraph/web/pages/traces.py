"""A trace: the waterfall of what one request, task or command dispatched, and why."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from msgspec import structs

from signalgraph.traces import Seen, Trace, Written
from signalgraph.web.cards import make_card
from signalgraph.web.facets import trace_facets
from signalgraph.web.found import findings_of, seen_in
from signalgraph.web.pages.timeline import summary
from signalgraph.web.panel import panel_context
from signalgraph.web.ruler import bands_of, ruler_of
from signalgraph.web.scope import Scope
from signalgraph.web.tracepanel import around_context, call_context
from signalgraph.web.views import Missing, Page
from signalgraph.web.waterfall import Row, is_origin, read_rows

MAX_ROWS = 300
LIVE_S = 300  # so long a request without an end is looked at again


def find_trace(scope: Scope, trace_id: str) -> Trace:
    """Raises `TraceGone` for one that isn't kept any more, `Missing` for a text that is no trace id."""
    try:
        return scope.index.trace(trace_id)
    except ValueError as error:
        raise Missing("That is no trace", str(error), 400) from error


def neighbours(scope: Scope, trace: Trace) -> tuple[str, str]:
    """The ids of the traces before and after this one in time, among those that the filter shows; "" for none."""
    ids = [each.id for each in scope.listed]
    if trace.id not in ids:
        return "", ids[0] if ids else ""
    spot = ids.index(trace.id)
    return (ids[spot + 1] if spot + 1 < len(ids) else ""), (ids[spot - 1] if spot else "")


def origin_of(trace: Trace) -> str:
    """The receiver in which the first error began; "" where nothing failed."""
    nodes = (node for root in trace.tree() for node in root.walk())
    return next((node.call.receiver for node in nodes if node.call and is_origin(node)), "")


def slowest_of(trace: Trace) -> str:
    calls = [call for seen in trace.dispatches for call in seen.calls if call.duration_us is not None]
    return max(calls, key=lambda call: call.duration_us or 0).receiver if calls else ""


def _window(rows: list[Row], asked: str) -> tuple[int, list[Row]]:
    start = int(asked) if asked.isdecimal() and len(asked) < 9 else 0
    start = min(start // MAX_ROWS * MAX_ROWS, max(len(rows) - 1, 0) // MAX_ROWS * MAX_ROWS)
    return start, rows[start : start + MAX_ROWS]


def _goes_on(scope: Scope, trace: Trace) -> bool:
    """Whether more of a trace may come: something in it runs, or its cause has not ended."""
    is_open = trace.cause is not None and trace.cause.duration_ns is None
    return trace.is_running or (is_open and scope.now_s - trace.start_us / 1e6 < LIVE_S)


def _told(trace: Trace, sent: Seen | Written) -> dict[str, Any]:
    """A dispatch or write as data, with what became of its transaction."""
    return {**structs.asdict(sent), "fate": trace.fate(sent.transaction)}


def trace(request: HttpRequest, scope: Scope, trace_id: str) -> Page:
    found = find_trace(scope, trace_id)
    ruler = ruler_of(found)
    bands = bands_of(found, ruler)
    opened = frozenset(filter(None, scope.state.params.get("open", "").split(",")))
    is_alive = scope.is_alive(found.process.id)
    rows = read_rows(found, ruler, opened=opened, slow_us=scope.slow_us, is_alive=is_alive)
    start, shown = _window(rows, scope.state.params.get("row", ""))
    earlier, later = neighbours(scope, found)
    not_reached = sum(call.status == "not reached" for seen in found.dispatches for call in seen.calls)
    context: dict[str, Any] = {
        "title": found.title,
        "trace": found,
        "rows": shown,
        "bands": bands,
        "marks": ruler.marks(bands),
        "is_live": is_alive and _goes_on(scope, found),
        "has_after_commit": found.has_after_commit,
        "row_count": len(rows),
        "first_row": start + 1,
        "last_row": start + len(shown),
        "before_row": max(start - MAX_ROWS, 0) if start else None,
        "after_row": start + MAX_ROWS if start + MAX_ROWS < len(rows) else None,
        "opened": ",".join(sorted(opened)),
        "not_reached": not_reached,
        "origin": origin_of(found) if found.errors else "",
        "slowest": slowest_of(found),
        "in_receivers": min(found.receiver_us / found.duration_us * 100, 100) if found.duration_us else None,
        "earlier": earlier,
        "later": later,
        "section": "timeline",
        "insights": [make_card(scope, each) for each in seen_in(findings_of(scope).open, found.id)],
        **around_context(scope, found),
        **panel_context(scope),
        **call_context(scope, found),
    }
    twin = {
        **summary(found),
        "dispatches": [_told(found, seen) for seen in found.dispatches],
        "writes": [_told(found, write) for write in found.writes],
        "omitted": found.omitted,
    }
    return Page("signalgraph/trace.html", context, twin, trace_facets(scope), f"{len(rows)} rows")
