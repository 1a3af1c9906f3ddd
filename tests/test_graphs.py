"""`signalgraph.graphs` gives the graphs of the project, and docs/graph.md says what they are."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import networkx as nx
import pytest
from django.contrib.auth.models import Group
from django.db.models.signals import post_save
from wirings import ORDER_PLACED, POST_SAVE, STOCK_LOW, connect, signals_of

from signalgraph import graphs
from signalgraph.graph.material import Material
from signalgraph.graph.query import QueryError
from signalgraph.log import LogError
from signalgraph.management import material as management
from signalgraph.names import connection_id as handling
from signalgraph.registry import REGISTRY

PAGE = Path(__file__).parent.parent / "docs/graph.md"
AUDIT = "telemetry.audit.ModelAudit()"
FLAGGED = "telemetry.signals.order_flagged"
SHOP = [
    connect(ORDER_PLACED, "shop.Order", "shop.stock.reserve_stock"),
    connect(ORDER_PLACED, "shop.Order", "shop.receivers.send_receipt", 2),
    connect(POST_SAVE, "shop.StockItem", "shop.stock.check_stock"),
    connect(POST_SAVE, "legacy.Note", "legacy.receivers.touch_updated", 2),
    connect(POST_SAVE, "*", AUDIT, 3),
    connect(STOCK_LOW, "shop.StockItem", "shop.stock.create_reorder"),
    connect(FLAGGED, "shop.Order", "shop.receivers.log_flagged"),
]
RESERVE = handling("shop.Order", ORDER_PLACED, "shop.stock.reserve_stock")
CHECK = handling("shop.StockItem", POST_SAVE, "shop.stock.check_stock")
TOUCH = handling("legacy.Note", POST_SAVE, "legacy.receivers.touch_updated")
STEPS = {
    (RESERVE, "shop.Order", POST_SAVE, "shop.StockItem"): 128,
    (CHECK, "shop.StockItem", STOCK_LOW, "shop.StockItem"): 9,
    (handling("*", POST_SAVE, AUDIT), "shop.Order", FLAGGED, "shop.Order"): 3,
    (TOUCH, "legacy.Note", POST_SAVE, "legacy.Note"): 14,
}
SENT = {(ORDER_PLACED, "shop.Order"): 140, (POST_SAVE, "shop.Order"): 140, (POST_SAVE, "legacy.Note"): 14}


@pytest.fixture
def shop(monkeypatch):
    found = Material(signals_of(SHOP), SHOP, SHOP, STEPS, sent=SENT)
    monkeypatch.setattr(management, "material_from_registry", lambda **asked: found)


@pytest.mark.usefixtures("shop")
def test_the_examples_of_the_page_are_true():
    """Every line of them is run, against the shop that the page describes."""
    examples = doctest.DocTestParser().get_doctest(PAGE.read_text(), {}, "graph.md", str(PAGE), 0)
    assert len(examples.examples) > 10
    found = doctest.DocTestRunner().run(examples)
    assert found.failed == 0


def test_the_examples_of_the_page_are_of_the_demo():
    """Whoever tries them there finds what they name."""
    known = {(row.sender, row.signal, row.receiver) for row in REGISTRY.inventory().connections}
    assert {(row.sender, row.signal, row.receiver) for row in SHOP} <= known


@pytest.mark.usefixtures("shop")
def test_the_page_names_every_attribute():
    """Of nodes, edges and the graphs themselves, so that none has to be guessed."""
    flow, wiring = graphs.flow(), graphs.wiring()
    told = set(re.findall(r"`(\w+)`", PAGE.read_text()))
    for graph in (flow, wiring):
        own = [*(data for _, data in graph.nodes(data=True)), *(data for *_, data in graph.edges(data=True))]
        assert {name for data in own for name in data} <= told
    assert set(wiring.graph) - {"view", "ask", "orphans"} <= told


def hear(**kwargs: object) -> None:
    """A receiver."""


def test_the_wiring_of_this_process_is_there_without_a_log():
    """Every connection, and a filter leaves some."""
    post_save.connect(hear, sender=Group)
    try:
        port = f"port:{POST_SAVE}|auth.Group"
        assert f"receiver:{__name__}.hear" in set(graphs.wiring().successors(port))
        assert set(graphs.wiring("receiver:hear")) == {"sender:auth.Group", port, f"receiver:{__name__}.hear"}
        node = handling("auth.Group", POST_SAVE, f"{__name__}.hear")
        assert list(graphs.flow("receiver:hear", log=None)) == [node]
        assert isinstance(graphs.flow(log=None), nx.DiGraph)
    finally:
        post_save.disconnect(hear, sender=Group)


def test_what_cannot_be_read_is_said(tmp_path):
    """A log that isn't there, a filter with a mistake."""
    with pytest.raises(LogError, match=r"There is no log at .* or give log=None\."):
        graphs.flow(log=f"sqlite://{tmp_path}/nothing.sqlite3")
    with pytest.raises(LogError, match=r"^log= is 'foo'; give the address of a log, as in sqlite:///absolute/path"):
        graphs.flow(log="foo")
    with pytest.raises(QueryError, match="There is no field 'reciever'"):
        graphs.wiring("reciever:hear")
