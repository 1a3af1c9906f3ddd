"""The graphs hold every connection and nothing else."""

from __future__ import annotations

import random

import networkx as nx
import pytest
from hypothesis import given
from wirings import (
    ORDER_PLACED,
    POST_SAVE,
    SHOP,
    SHOP_EDGES,
    SHOP_STATS,
    STOCK_LOW,
    connect,
    patiently,
    signals_of,
    wirings,
)

from signalgraph.graph.build import build_wiring, connection_id, find_port
from signalgraph.graph.figures import Figures, Scale, heard, short_number, together
from signalgraph.graph.focus import focus


@pytest.fixture
def shop():
    return build_wiring(signals_of(SHOP), SHOP, edges=SHOP_EDGES, stats=SHOP_STATS)


def paths(graph):
    """Every sender -> port -> receiver path, as (sender, signal, receiver)."""
    for port, data in graph.nodes(data=True):
        if data["kind"] == "port":
            senders = [graph.nodes[node]["name"] for node in graph.predecessors(port)]
            receivers = [graph.nodes[node]["name"] for node in graph.successors(port)]
            yield from ((one, data["signal"], other, data["any"]) for one in senders for other in receivers)


@patiently
@given(wirings())
def test_every_path_is_a_connection(wiring):
    """No sender leads through a port to a receiver that it doesn't reach: the number of false paths is 0."""
    rows, edges = wiring
    real = {(row.sender, row.signal, row.receiver) for row in rows}
    for sender, signal, receiver, for_any in paths(build_wiring(signals_of(rows), rows, edges=edges)):
        assert ("*" if for_any else sender, signal, receiver) in real


@patiently
@given(wirings())
def test_every_connection_is_a_path(wiring):
    """A connection is on exactly one line to its receiver, from its own port, and from its sender if it has one."""
    rows, edges = wiring
    graph = build_wiring(signals_of(rows), rows, edges=edges)
    for row in rows:
        ends = [(u, v) for u, v, data in graph.edges(data=True) if connection_id(row) in data["connections"]]
        into = [(u, v) for u, v in ends if v == f"receiver:{row.receiver}"]
        assert len(into) == 1
        port = into[0][0]
        assert graph.nodes[port]["signal"] == row.signal
        assert graph.nodes[port]["any"] == (row.sender == "*")
        assert row.sender == "*" or (f"sender:{row.sender}", port) in ends


@patiently
@given(wirings())
def test_senders_of_one_port_reach_the_same_receivers_and_those_of_two_dont(wiring):
    """An audience is exactly a set of receivers; nobody is split over two ports, and no two ports could be one."""
    rows, _ = wiring
    graph = build_wiring(signals_of(rows), rows)
    for signal, ports in graph.graph["signals"].items():
        named = [port for port in ports if not graph.nodes[port]["any"]]
        audiences = [frozenset(graph.successors(port)) for port in named]
        assert len(set(audiences)) == len(audiences)
        senders = [sender for port in named for sender in graph.nodes[port]["senders"]]
        assert sorted(senders) == sorted({row.sender for row in rows if row.signal == signal} - {"*"})


@patiently
@given(wirings())
def test_the_badge_counts_the_receivers_for_any_sender(wiring):
    """`+n any` on every other port of a signal, those for any sender themselves carry none."""
    rows, _ = wiring
    graph = build_wiring(signals_of(rows), rows)
    for _, data in graph.nodes(data=True):
        if data["kind"] == "port":
            count = sum(row.signal == data["signal"] and row.sender == "*" for row in rows)
            assert len(data["also"]) == (0 if data["any"] else count)


@patiently
@given(wirings())
def test_the_order_of_the_input_does_not_matter(wiring):
    """The same connections in another order, or twice, are the same graph."""
    rows, edges = wiring
    other = [*rows, *rows[:3]]
    random.Random(1).shuffle(other)
    shuffled = dict(reversed(edges.items()))
    one = nx.node_link_data(build_wiring(signals_of(rows), rows, edges=edges), edges="edges")
    assert one == nx.node_link_data(build_wiring(signals_of(rows), other, edges=shuffled), edges="edges")


def test_senders_seen_join_the_port_for_any_sender_if_they_have_none():
    """Who was observed sending a signal that only receivers for any sender hear is drawn on the left of that port."""
    rows = [connect(POST_SAVE, "*", "a.audit"), connect(POST_SAVE, "shop.Order", "a.count", 2)]
    graph = build_wiring(signals_of(rows), rows, observed={POST_SAVE: {"shop.Order", "blog.Post"}})
    assert list(graph.predecessors(f"port:{POST_SAVE}|*")) == ["sender:blog.Post"]


def test_a_selection_keeps_the_badge_of_the_whole():
    """What a filter hides still runs, so the badge counts it."""
    graph = build_wiring(signals_of(SHOP), SHOP[:1], unfiltered=SHOP)
    assert graph.nodes[f"port:{POST_SAVE}|shop.Order"]["also"] == ["telemetry.audit.ModelAudit()"]


def test_a_signal_without_receivers_is_drawn_when_asked_for():
    """Orphans have no ports."""
    infos = signals_of([connect("a.signals.unheard", "*", "nobody")])
    assert build_wiring(infos, []).graph["signals"] == {}
    assert build_wiring(infos, [], orphans=True).graph["signals"] == {"a.signals.unheard": []}


def test_a_dispatch_finds_its_port(shop):
    """The port of its sender, else the one for any sender, else none."""
    assert find_port(shop, POST_SAVE, "library.Book") == f"port:{POST_SAVE}|library.Author"
    assert find_port(shop, POST_SAVE, "auth.User") == f"port:{POST_SAVE}|*"
    assert find_port(shop, STOCK_LOW, "auth.User") is None


def test_a_receiver_in_focus_shows_what_it_causes_and_what_causes_it(shop):
    """One step of causes each way, and no other sender or receiver of the same signals."""
    found = focus(shop, "receiver:shop.receivers.check_stock")
    assert found.nodes == {
        "receiver:shop.receivers.check_stock",
        f"port:{POST_SAVE}|shop.StockItem",
        f"signal:{POST_SAVE}",
        "sender:shop.StockItem",
        f"signal:{STOCK_LOW}",
        f"port:{STOCK_LOW}|shop.StockItem",
        "receiver:shop.receivers.create_reorder",
        "receiver:shop.receivers.reserve_stock",
    }
    assert len(found.causes) == 2
    assert f"connection:shop.Order|{ORDER_PLACED}|shop.receivers.reserve_stock" not in found.connections


def test_a_sender_in_focus_shows_the_receivers_for_any_sender_too(shop):
    """They run when it sends; the other senders of that signal don't belong to it."""
    found = focus(shop, "sender:library.Book")
    assert "receiver:telemetry.audit.ModelAudit()" in found.nodes
    assert {node for node in found.nodes if node.startswith("sender:")} == {"sender:library.Book"}


def test_a_sender_does_not_light_what_a_receiver_for_any_sender_did_for_another():
    """A path of true lines can be false: what `audit` dispatched it may have dispatched for `Order` only."""
    rows = [
        connect(POST_SAVE, "*", "a.audit"),
        connect(POST_SAVE, "auth.User", "a.welcome", 2),
        connect("a.order_flagged", "shop.Order", "a.flag"),
    ]
    edges = {(f"connection:*|{POST_SAVE}|a.audit", "a.order_flagged", "shop.Order"): 3}
    found = focus(build_wiring(signals_of(rows), rows, edges=edges), "sender:auth.User")
    assert "receiver:a.audit" in found.nodes
    assert "receiver:a.flag" not in found.nodes
    assert not found.causes


@patiently
@given(wirings())
def test_the_focus_holds_the_ends_of_its_connections(wiring):
    """Whatever is selected, both ends of a lit line are lit."""
    rows, edges = wiring
    graph = build_wiring(signals_of(rows), rows, edges=edges)
    picked = [*graph, *(f"signal:{signal}" for signal in graph.graph["signals"]), *map(connection_id, rows)]
    for one in picked:
        found = focus(graph, one)
        assert one in found.ids
        for row in rows:
            if connection_id(row) in found.connections:
                assert f"receiver:{row.receiver}" in found.nodes
                assert f"signal:{row.signal}" in found.nodes


@pytest.mark.parametrize("selection", ["sender:nobody", "signal:x.y", "port:x|y", "receiver:z", "rubbish", ""])
def test_what_is_not_drawn_has_an_empty_focus(shop, selection):
    """An old link to something that is gone selects nothing."""
    assert not focus(shop, selection).ids


def test_a_port_counts_dispatches_and_a_receiver_counts_calls():
    """Three receivers of one sender that sent twice: two dispatches, not six."""
    rows = [connect(ORDER_PLACED, "shop.Order", f"shop.r{n}", n) for n in (1, 2, 3)]
    graph = build_wiring([], rows, stats={connection_id(row): Figures(calls=2) for row in rows}, measure="calls")
    assert graph.nodes[f"port:{ORDER_PLACED}|shop.Order"]["figures"].calls == 2
    assert graph.graph["signal_figures"][ORDER_PLACED].calls == 2


def test_sums_keep_the_worst_percentile():
    """Percentiles don't add up."""
    parts = [Figures(1, 1, 0.5, 900.0, 1.0, False), Figures(2, 0, 0.25, 100.0, 2.0, True)]
    assert together(parts) == Figures(3, 1, 0.75, 900.0, 3.0, True)
    assert heard(parts) == Figures(2, 1, 0.5, 900.0, 3.0, True)


def test_heat_begins_at_round_numbers():
    """The scale of the design: at most 14 a second, steps at 0.5, 1, 5 and 8."""
    scale = Scale(14)
    assert scale.steps == (0.5, 1, 5, 8)
    assert [scale.step(value) for value in (0, 0.6, 1, 6.8, 8.7)] == [1, 2, 3, 4, 5]
    assert scale.width_px(0.1) < scale.width_px(5) < scale.width_px(14)


def test_nothing_measured_has_no_heat():
    """All zero is step 1 and thin."""
    assert Scale(0).step(0) == 1
    assert Scale(0).steps == ()
    assert Scale(0).width_px(0) == Scale(9).width_px(0)


def test_numbers_fit_their_cell():
    """Five characters at most, whatever the size."""
    values = [0, 1e-9, 0.0949, 0.095, 0.96, 9.94, 9.96, 99.6, 999.4, 999.6, 1500, 99_960, 1e7, 1e11, 1e20]
    assert all(len(short_number(value)) <= 5 for value in values)
    assert [short_number(value) for value in (0.096, 1.0, 999.6)] == ["0.1", "1", "1k"]
