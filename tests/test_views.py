"""Each view builds a graph that says what was asked, and knows how to lay it out."""

from __future__ import annotations

import pytest
from msgspec import structs
from wirings import ORDER_PLACED, POST_SAVE, SHOP, SHOP_STATS, STOCK_LOW, connect, signals_of

from signalgraph.graph.build import connection_id
from signalgraph.graph.layout import layout_wiring
from signalgraph.graph.views import Ask, Material, ViewError, build_view, lay_out
from signalgraph.names import connection_id as handling

CHECK = handling("shop.StockItem", POST_SAVE, "shop.receivers.check_stock")
STEPS = {(CHECK, "shop.StockItem", STOCK_LOW, "shop.StockItem"): 9}


def material(connections=SHOP, **changes):
    return Material(signals_of(SHOP), connections, SHOP, **{"steps": STEPS, "stats": SHOP_STATS, **changes})


def test_the_wiring_view_draws_the_connections_that_a_filter_left():
    """With the causes among them, and the badges of the whole."""
    graph = build_view(material(SHOP[:3]), Ask(measure="calls"))
    assert (graph.graph["view"], graph.graph["ask"], graph.graph["measure"]) == (
        "wiring",
        Ask(measure="calls"),
        "calls",
    )
    assert {one for _, _, line in graph.edges(data=True) for one in line["connections"]} == set(
        map(connection_id, SHOP[:3])
    )
    assert graph.graph["causes"] == []
    assert build_view(material(), Ask()).graph["causes"] == [(CHECK, STOCK_LOW, "shop.StockItem", 9)]
    assert lay_out(graph) == layout_wiring(graph)


def test_an_unknown_view_is_refused_with_those_that_there_are():
    """What, which value, what to do."""
    with pytest.raises(ViewError, match=r"There is no view 'pie'; use one of: wiring"):
        build_view(material(), Ask(view="pie"))


def line_of(kind, signal, sender="shop.Base", **known):
    row = structs.replace(connect(signal, sender, "shop.receivers.note"), sender_kind=kind)
    graph = build_view(Material(signals_of([row]), [row], [row], **known), Ask())
    return graph.edges[f"port:{signal}|{sender}", "receiver:shop.receivers.note"]


@pytest.mark.parametrize(
    ("kind", "signal", "can_fire"),
    [
        ("abstract", POST_SAVE, False),
        ("abstract", ORDER_PLACED, True),
        ("proxy", POST_SAVE, False),
        ("proxy", ORDER_PLACED, True),
        ("through", POST_SAVE, False),
        ("through", "django.db.models.signals.m2m_changed", True),
        ("", POST_SAVE, True),
    ],
)
def test_a_line_that_cannot_fire_says_why(kind, signal, can_fire):
    """Django sends a model's signals for no abstract one, for a proxy's own instances, and no save for a through."""
    line = line_of(kind, signal)
    assert (line["can_fire"], bool(line["why"])) == (can_fire, not can_fire)


def test_a_proxy_that_was_seen_sending_is_live():
    """`sender=Proxy` runs when an instance of the proxy is saved."""
    own = handling("shop.Base", POST_SAVE, "shop.receivers.note")
    assert line_of("proxy", POST_SAVE, calls={own: 1})["can_fire"]
