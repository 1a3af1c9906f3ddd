"""Hops: up and down the causes that were seen, from handling to handling."""

from __future__ import annotations

import pytest
from hypothesis import given
from log_entries import SHOP as PROCESS
from log_entries import batch, dispatch, span
from simulation import Project, projects
from wirings import ORDER_PLACED, POST_SAVE, SHOP, STOCK_LOW, connect, patiently

from signalgraph.events import ConnectionInfo, SignalInfo
from signalgraph.figures import Stats
from signalgraph.gathering import gather
from signalgraph.graph.build import connection_id
from signalgraph.graph.flow import build_flow, cycles
from signalgraph.graph.query import Query, parse
from signalgraph.names import connection_id as handling
from signalgraph.resolve import resolve, spelled_id
from signalgraph.traces import Seen, Trace

# An order is placed, so stock is reserved, so a stock item is saved; it is low, so more is ordered. The audit handles
# every save, and for users alone it sends `flagged`, whose receiver saves the user again: a ring.
FLAGGED = "shop.signals.flagged"
HOLD = connect(FLAGGED, "auth.User", "shop.receivers.hold")
ROWS = [*SHOP, HOLD]
RESERVE = handling("shop.Order", ORDER_PLACED, "shop.receivers.reserve_stock")
CHECK = handling("shop.StockItem", POST_SAVE, "shop.receivers.check_stock")
AUDIT = handling("*", POST_SAVE, "telemetry.audit.ModelAudit()")
REORDER = handling("shop.StockItem", STOCK_LOW, "shop.receivers.create_reorder")
STEPS = {
    (RESERVE, "shop.Order", POST_SAVE, "shop.StockItem"): 7,
    (CHECK, "shop.StockItem", STOCK_LOW, "shop.StockItem"): 2,
    (AUDIT, "auth.User", FLAGGED, "auth.User"): 1,
    (connection_id(HOLD), "auth.User", POST_SAVE, "auth.User"): 1,
}
FLOW = build_flow(ROWS, STEPS)
SAVED = {CHECK, AUDIT}


def found(q: str, rows: list[ConnectionInfo] = ROWS) -> set[str]:
    return {connection_id(row) for row in parse(q).select(rows, flow=FLOW, unfiltered=ROWS)}


@pytest.mark.parametrize(
    ("q", "ids"),
    [
        ("reserve_stock", {RESERVE}),
        ("reserve_stock+1", {RESERVE, *SAVED}),
        ("reserve_stock+2", {RESERVE, *SAVED, REORDER}),
        ("reserve_stock+", {RESERVE, *SAVED, REORDER}),
        ("receiver:create_reorder", {REORDER}),
        ("1+receiver:create_reorder", {CHECK, REORDER}),
        ("+receiver:create_reorder", {RESERVE, CHECK, REORDER}),
        ("1+check_stock+1", {RESERVE, CHECK, REORDER}),
        ("reserve_stock+ +create_reorder", {RESERVE, CHECK, REORDER}),
        ("reserve_stock+ -is:any", {RESERVE, CHECK, REORDER}),
        ("(reserve_stock or hold)+1", {RESERVE, *SAVED, connection_id(HOLD)}),
        ("(reserve_stock+1 -is:any)+1", {RESERVE, *SAVED, REORDER}),
        ("(reserve_stock+1 is:any)+", {AUDIT}),
        ("-(reserve_stock+)", {connection_id(row) for row in ROWS} - {RESERVE, *SAVED, REORDER}),
        ("hold+", {connection_id(HOLD), AUDIT}),
        ("signal:nothing+", set()),
    ],
)
def test_hops_follow_the_causes_that_were_seen(q: str, ids: set[str]) -> None:
    """A hop is one cause, and what they start from is found as well."""
    assert found(q) == ids


def test_a_receiver_for_any_sender_goes_on_with_what_it_did_for_that_sender() -> None:
    """The audit handles the saved stock item and sends nothing for it; what it sends for users isn't reached."""
    assert connection_id(HOLD) not in found("reserve_stock+")
    assert connection_id(HOLD) in found("(sender:auth.User signal:post_save)+")


def test_hops_go_through_what_is_not_listed() -> None:
    """What a page hides, or a list leaves out, still causes."""
    ends = [row for row in ROWS if connection_id(row) in {RESERVE, REORDER}]
    assert found("reserve_stock+", ends) == {RESERVE, REORDER}


def test_figures_decide_where_hops_start() -> None:
    """What is asked of a connection can be asked of a start; the statistics are asked for by id."""
    figures = {CHECK: Stats(window_errors=1)}
    rows = parse("is:error+1").select(ROWS, stats_of=figures.get, flow=FLOW)
    assert {connection_id(row) for row in rows} == {CHECK, REORDER}


def test_without_a_flow_hops_find_what_they_start_from() -> None:
    """As nothing is known to be caused by anything."""
    assert {connection_id(row) for row in parse("reserve_stock+").select(ROWS)} == {RESERVE}


@pytest.mark.parametrize(
    ("q", "ids"), [("is:cycle", {AUDIT, connection_id(HOLD)}), ("is:cycle -is:any", {connection_id(HOLD)})]
)
def test_what_sets_itself_off_is_in_a_cycle(q: str, ids: set[str]) -> None:
    """By the causes that were seen."""
    assert found(q) == ids


@patiently
@given(projects())
def test_a_cycle_is_what_the_rings_of_the_flow_are_made_of(project: Project) -> None:
    """A ring of one is one as well."""
    flow = build_flow(project.connections, project.steps, sent=project.sent, missed=project.missed)
    rows = parse("is:cycle").select(project.connections, flow=flow)
    in_rings = {flow.nodes[node]["connection"] for ring in cycles(flow) for node in ring}
    assert {connection_id(row) for row in rows} == in_rings


def followed(q: str) -> Query:
    query = parse(q)
    query.when_asked(lambda: query.follow(FLOW, ROWS))
    return query


def seen(sender: str, signal: str, receiver: str, connected_for: str) -> Seen:
    names = {
        "signals": [signal],
        "senders": [sender, connected_for],
        "receivers": [receiver],
        "connections": [(0, 1, 0)],
    }
    return resolve(batch([dispatch(1)], totals=[], signal_totals=[], **names))[0]


STOCK_AUDITED = ("shop.StockItem", POST_SAVE, "telemetry.audit.ModelAudit()", "*")
USER_AUDITED = ("auth.User", POST_SAVE, "telemetry.audit.ModelAudit()", "*")


@pytest.mark.parametrize(
    ("q", "what", "is_found"),
    [
        ("reserve_stock+", STOCK_AUDITED, True),
        ("reserve_stock+", USER_AUDITED, False),
        ("+create_reorder", STOCK_AUDITED, False),
        ("is:cycle", USER_AUDITED, True),
        ("is:cycle", STOCK_AUDITED, False),
        ("sender:auth.User+", USER_AUDITED, True),
        ("is:weak+1", STOCK_AUDITED, True),
        ("-is:weak+1", STOCK_AUDITED, False),
    ],
)
def test_a_dispatch_and_a_trace_have_what_they_ran(q: str, what: tuple[str, str, str, str], is_found: bool) -> None:
    """Hops mean connections; for the sender that was handled, where a receiver handles any."""
    ran = seen(*what)
    assert followed(q).matches_dispatch(ran) is is_found
    trace: Trace = gather(spelled_id(PROCESS.id, span(1)), PROCESS, [ran], [])
    assert followed(q).matches_trace(trace) is is_found


def test_a_signal_without_receivers_leads_nowhere() -> None:
    """It is found where hops would start from it."""
    info = SignalInfo(f"signal:{FLAGGED}", FLAGGED, [], "django.dispatch.Signal", 0)
    assert followed("signal:flagged+").matches_signal(info)
    assert not followed("reserve_stock+").matches_signal(info)
    assert not followed("is:weak+").matches_signal(info)
