"""Every path in `flow` is made of what was seen, for the sender for which it was seen."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from simulation import projects
from wirings import ORDER_PLACED, POST_SAVE, SHOP, STOCK_LOW, connect, patiently

from signalgraph.graph.build import connection_id
from signalgraph.graph.flow import ascend, build_flow, cycles, descend, paths
from signalgraph.names import connection_id as handling

AUDIT = "telemetry.audit.ModelAudit()"
ANY_AUDIT = handling("*", POST_SAVE, AUDIT)
FLAGGED = "shop.signals.order_flagged"
AUDITED = [*SHOP, connect(FLAGGED, "shop.Order", "shop.receivers.hold")]
STEPS = {(ANY_AUDIT, "shop.Order", FLAGGED, "shop.Order"): 3, (ANY_AUDIT, "auth.User", ORDER_PLACED, "auth.User"): 2}


def flow_of(project):
    return build_flow(project.connections, project.steps, sent=project.sent, missed=project.missed)


@patiently
@given(projects())
def test_every_edge_of_flow_is_a_cause_that_was_seen_and_every_cause_is_an_edge(project):
    """With the number of times; the traces were made by running the project."""
    found = {(cause, effect): data["count"] for cause, effect, data in flow_of(project).edges(data=True)}
    assert found == dict(project.set_off)


@patiently
@given(projects())
def test_flow_leads_nowhere_where_the_project_does_not(project):
    """Whatever is reached from a handling follows from what the receivers on the way do for the senders they handle."""
    flow = flow_of(project)
    for node in flow:
        possible, waiting = set(), [node]
        while waiting:
            for signal, sender in project.does.get(waiting.pop(), ()):
                follow = {handling(sender, signal, row.receiver) for row in project.hearing(signal, sender)}
                waiting += follow - possible
                possible |= follow
        assert nx.descendants(flow, node) <= possible


@patiently
@given(projects())
def test_flow_says_of_each_handling_whether_it_was_seen(project):
    """Every connection is there: as its handlings that ran, or as it is connected where none did."""
    flow = flow_of(project)
    assert {node for node, seen in flow.nodes(data="observed") if seen} == set(project.handled)
    assert {node: calls for node, calls in flow.nodes(data="calls") if calls} == dict(project.handled)
    assert {own for _, own in flow.nodes(data="connection")} == {connection_id(row) for row in project.connections}


def test_a_receiver_for_any_sender_has_a_handling_for_each_sender_that_it_handled():
    """What it does for one sender is no way on for another: `nx.descendants` tells the truth."""
    flow = build_flow(AUDITED, STEPS)
    order, user = handling("shop.Order", POST_SAVE, AUDIT), handling("auth.User", POST_SAVE, AUDIT)
    assert flow.nodes[order]["connection"] == flow.nodes[user]["connection"] == ANY_AUDIT
    assert ANY_AUDIT not in flow
    assert nx.descendants(flow, order) == {handling("shop.Order", FLAGGED, "shop.receivers.hold")}
    assert nx.descendants(flow, user) == set()


def test_what_was_never_seen_stands_as_it_is_connected():
    """A receiver for any sender keeps the star."""
    flow = build_flow(SHOP, {})
    found = flow.nodes[ANY_AUDIT]
    assert (found["signal"], found["sender"], found["receiver"]) == (POST_SAVE, "*", AUDIT)
    assert (found["connection"], found["observed"], found["calls"]) == (ANY_AUDIT, False, 0)


def test_recorded_calls_say_that_a_handling_was_seen():
    """The total of a connection for one sender is its handling's; for any sender nobody knows whose calls they are."""
    hold = handling("shop.Order", FLAGGED, "shop.receivers.hold")
    flow = build_flow(AUDITED, STEPS, calls={hold: 7, ANY_AUDIT: 90})
    assert (flow.nodes[hold]["observed"], flow.nodes[hold]["calls"]) == (True, 7)
    assert flow.nodes[handling("shop.Order", POST_SAVE, AUDIT)]["calls"] == 0


def test_what_was_never_called_is_set_off_by_nothing():
    """Though what it hears was sent: it was connected later."""
    reserve, check = (connection_id(SHOP[place]) for place in (5, 1))
    steps = {(reserve, "shop.Order", POST_SAVE, "shop.StockItem"): 8}
    flow = build_flow(SHOP, steps, calls={reserve: 8, ANY_AUDIT: 8, check: 0})
    assert list(flow.successors(reserve)) == [handling("shop.StockItem", POST_SAVE, AUDIT)]
    assert not flow.nodes[check]["observed"]


def test_what_an_error_kept_from_running_was_not_set_off():
    """A receiver after the one that raises is set off as often as it was reached, though what it hears was sent more
    often; one that never was is set off by nothing."""
    order, audit = (handling("shop.Order", *one) for one in [(FLAGGED, "shop.receivers.hold"), (POST_SAVE, AUDIT)])
    step = (ANY_AUDIT, "shop.Order", FLAGGED, "shop.Order")
    flow = build_flow(AUDITED, {step: 3}, sent={(POST_SAVE, "shop.Order"): 3}, missed={(*step, order): 2})
    assert flow.edges[audit, order] == {"count": 1}
    assert flow.nodes[order]["calls"] == 1
    never = build_flow(AUDITED, {step: 3}, missed={(*step, order): 3})
    assert list(never.successors(audit)) == []
    assert not never.nodes[order]["observed"]


def test_a_step_of_a_receiver_that_is_left_out_is_left_out():
    """A filter takes connections away, and what they did with them."""
    assert build_flow(AUDITED[-1:], STEPS).number_of_edges() == 0


def ring(*names):
    """Handlings by one letter each, every one setting off the next."""
    flow = nx.DiGraph()
    nx.add_path(flow, names)
    return flow


def test_descend_and_ascend_count_causes_and_stop_at_their_depth():
    """The least number of causes, also where a longer way leads there."""
    flow = ring("a", "b", "c", "d")
    flow.add_edge("a", "c")
    assert descend(flow, ["a"]) == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert descend(flow, ["a"], 1) == {"a": 0, "b": 1, "c": 1}
    assert ascend(flow, ["d"], 1) == {"d": 0, "c": 1}
    assert ascend(flow, ["d"], 0) == {"d": 0}


def test_paths_hold_what_is_on_a_way_and_nothing_else():
    """Neither what leads to the start, nor what follows the end, nor dead ends."""
    flow = ring("x", "a", "b", "c", "y")
    flow.add_edges_from([("a", "d"), ("c", "a"), ("b", "c")])
    assert sorted(paths(flow, ["a"], ["c"]).edges) == [("a", "b"), ("b", "c")]
    assert list(paths(flow, ["y"], ["a"])) == []


def test_a_way_back_to_the_start_is_a_ring():
    """How does a receiver reach itself?"""
    flow = ring("a", "b", "a")
    flow.add_edge("b", "c")
    assert sorted(paths(flow, ["a"], ["a"]).edges) == [("a", "b"), ("b", "a")]


def test_cycles_are_listed_once_from_their_least_node_on():
    """The same list however the graph was put together, a receiver that sets itself off included."""
    flow = ring("c", "a", "b", "c", "d", "d")
    flow.add_edge("b", "a")
    assert cycles(flow) == [["d"], ["a", "b"], ["a", "b", "c"]]


@patiently
@given(projects())
def test_every_cause_on_a_ring_is_on_one_that_is_listed(project):
    """And each listed ring is one."""
    flow = flow_of(project)
    listed = {pair for ring in cycles(flow) for pair in zip(ring, [*ring[1:], ring[0]], strict=True)}
    assert listed <= set(flow.edges)
    on_a_ring = {(cause, effect) for cause, effect in flow.edges if nx.has_path(flow, effect, cause)}
    assert on_a_ring == listed


def test_a_chain_of_steps_leads_from_placing_to_reordering():
    """Two causes in a row: reserving stock saves the item, checking it sends that it is low."""
    reserve = handling("shop.Order", ORDER_PLACED, "shop.receivers.reserve_stock")
    check = handling("shop.StockItem", POST_SAVE, "shop.receivers.check_stock")
    steps = {
        (reserve, "shop.Order", POST_SAVE, "shop.StockItem"): 8,
        (check, "shop.StockItem", STOCK_LOW, "shop.StockItem"): 2,
    }
    assert descend(build_flow(SHOP, steps), [reserve]) == {
        reserve: 0,
        check: 1,
        handling("shop.StockItem", POST_SAVE, AUDIT): 1,
        handling("shop.StockItem", STOCK_LOW, "shop.receivers.create_reorder"): 2,
    }
