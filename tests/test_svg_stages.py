"""A focus and a path as SVG, read back with an XML parser."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from simulation import asks, material_of
from test_layered import chain
from wirings import ORDER_PLACED, POST_SAVE, SHOP, SHOP_STATS, STOCK_LOW, connect, patiently, signals_of

from signalgraph.exports import svg
from signalgraph.exports.theme import stylesheet
from signalgraph.graph.build import connection_id
from signalgraph.graph.views import Ask, Material, build_view, lay_out
from signalgraph.names import connection_id as handling

NS = {"s": "http://www.w3.org/2000/svg"}
RESERVE = handling("shop.Order", ORDER_PLACED, "shop.receivers.reserve_stock")
CHECK = handling("shop.StockItem", POST_SAVE, "shop.receivers.check_stock")
STORY = {
    (RESERVE, "shop.Order", POST_SAVE, "shop.StockItem"): 128,
    (CHECK, "shop.StockItem", STOCK_LOW, "shop.StockItem"): 9,
}
ORDER = Ask("focus", "sender:shop.Order")
CSS = Path(svg.__file__).parent.parent / "static/signalgraph/views.css"


def shop(**changes):
    known = {"steps": STORY, "stats": SHOP_STATS, "sent": {(ORDER_PLACED, "shop.Order"): 5}}
    return Material(signals_of(SHOP), SHOP, SHOP, **{**known, **changes})


def parsed(material, ask, **options):
    graph = build_view(material, ask)
    return ET.fromstring(svg.render(graph, lay_out(graph), **options).encode())


def of_class(root, name):
    return [element for element in root.iter() if name in element.get("class", "").split()]


def title(element):
    return element.findtext("s:title", namespaces=NS)


def legend(root):
    return [text.text for text in of_class(root, "legend")[0].iterfind("s:text", NS)]


@patiently
@given(asks(), st.sampled_from(["page", "file"]))
def test_each_box_is_drawn_once_with_its_id_and_speaks(asked, mode):
    """As many lines as the graph has, and every box and cause has a label in words."""
    graph = build_view(material_of(asked[0]), asked[1])
    root = parsed(material_of(asked[0]), asked[1], mode=mode)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert sorted(ids) == sorted(graph)
    said = [element.get("aria-label") for element in (*of_class(root, "node"), *of_class(root, "stub"))]
    assert all(said)
    causes = [element for element in of_class(root, "wire") if element.get("role") == "img"]
    assert len(causes) == sum(line["kind"] == "cause" for *_, line in graph.edges(data=True))
    assert all(title(element) == element.get("aria-label") for element in causes)


def test_a_focus_says_what_it_shows():
    """In the label of the whole, in the description, and over each column."""
    root = parsed(shop(), ORDER, mode="file", title="An order", query="app:shop", as_of="12:00")
    assert root.get("aria-label") == "An order. Focus: 4 dispatches in 3 stages, 8 receiver calls."
    assert "Every path is made of connections, and of causes that were seen" in root.findtext("s:desc", namespaces=NS)
    heads = [element.text for element in of_class(root, "col")]
    assert [head for head in heads if "/" not in head] == [
        "senders",
        *("stage 1", "receivers"),
        *("stage 2", "receivers"),
        *("stage 3", "receivers"),
    ]


def test_labels_say_what_led_to_a_box_and_what_it_leads_to():
    """For those who hear the drawing: stage, numbers, causes, and what was never seen."""
    labels = {element.get("id"): element.get("aria-label") for element in of_class(parsed(shop(), ORDER), "node")}
    assert labels[f"port:{POST_SAVE}|shop.StockItem"] == (
        "Stage 2, signal post_save from shop.StockItem, 2 receivers, 0.5 per second, dispatched by 1 receiver"
    )
    assert labels[RESERVE] == "Stage 1, receiver reserve_stock, 2.5 per second, dispatches 1 signal"
    audit = handling("shop.StockItem", POST_SAVE, "telemetry.audit.ModelAudit()")
    assert labels[audit] == "Stage 2, receiver ModelAudit(), for any sender"


def test_what_was_never_seen_is_quieter_in_form_as_well():
    """A class, an open box and a dashed line, and the legend says what they mean."""
    root = parsed(shop(stats=None), ORDER, mode="file")
    unseen = {element.get("id") for element in of_class(root, "unseen")} - {None}
    assert handling("shop.Order", ORDER_PLACED, "shop.receivers.send_receipt") not in unseen
    assert f"port:{POST_SAVE}|shop.Order" in unseen
    assert RESERVE not in unseen
    assert [element for element in of_class(root, "edge") if "unseen" in element.get("class")]
    assert "connected, not seen" in legend(root)
    assert "connected, not seen" not in legend(
        parsed(chain("ab"), Ask("path", "signal:app.signals.a", "signal:app.signals.b"), mode="file")
    )


def test_the_wiring_marks_what_was_never_called_and_what_comes_back():
    """With the same classes as a focus, and the legend says so."""
    steps = {(CHECK, "shop.StockItem", POST_SAVE, "shop.StockItem"): 2}
    root = parsed(shop(steps=steps, stats=None, calls={CHECK: 2}), Ask(), mode="file")
    unseen = {element.get("id") for element in of_class(root, "unseen")} - {None}
    assert "receiver:shop.receivers.send_receipt" in unseen
    assert "receiver:shop.receivers.check_stock" not in unseen
    assert [path for stub in of_class(root, "stub") for path in of_class(stub, "back")]
    assert {"connected, not seen", "closes a cycle"} <= set(legend(root))


@pytest.mark.parametrize("view", ["wiring", "focus"])
def test_what_cannot_fire_is_never_drawn_as_live(view):
    """Every line to and from it has the class and a no-entry sign with the reason; the live one beside it has none."""
    base = structs.replace(connect(POST_SAVE, "shop.Base", "shop.receivers.note"), sender_kind="abstract")
    rows = [
        base,
        connect(POST_SAVE, "shop.Order", "shop.receivers.note", 2),
        connect(POST_SAVE, "shop.Order", "shop.more", 3),
    ]
    material = Material(
        signals_of(rows), rows, rows, stats={connection_id(row): SHOP_STATS[connection_id(SHOP[1])] for row in rows[1:]}
    )
    root = parsed(material, Ask(view, f"signal:{POST_SAVE}"), mode="file")
    stuck = [element for element in of_class(root, "edge") if "stuck" in element.get("class").split()]
    signs = [element for element in of_class(root, "stop") if element.find("s:title", NS) is not None]
    assert len(stuck) == len(signs) == 2
    assert {title(sign) for sign in signs} == {"Can't fire: shop.Base is abstract and has no instances."}
    assert "can't fire" in legend(root)


def test_a_cause_that_closes_a_cycle_is_marked():
    """By its class, which has a dash of its own, its label and the legend."""
    root = parsed(chain("ab", "ba"), Ask("focus", "signal:app.signals.a"), mode="file")
    (back,) = [
        wire for wire in of_class(root, "wire") if [path for path in wire if "back" in path.get("class", "").split()]
    ]
    assert title(back) == "b dispatches a for app.M, 1 time and closes a cycle"
    assert "closes a cycle" in legend(root)
    assert "1 cycle" in root.get("aria-label")


def test_what_is_left_out_is_told():
    """More to follow, more that led there, and receivers that run too."""
    root = parsed(chain("xa", "ab", "bc", receivers="a"), Ask("focus", "receiver:app.receivers.a", depth=0))
    assert [stub.get("aria-label") for stub in of_class(root, "stub")] == [
        "a dispatches 1 more signal, not drawn",
        "1 more receiver, not drawn, dispatches it",
    ]
    path = parsed(shop(), Ask("path", "sender:shop.Order", "receiver:shop.receivers.check_stock"))
    port = next(element for element in of_class(path, "node") if element.get("id") == f"port:{ORDER_PLACED}|shop.Order")
    assert "+2 more" in [text.text for text in port.iterfind("s:text", NS)]
    assert "receivers that run too: shop.receivers.send_receipt, shop.receivers.notify_warehouse" in title(port)


@pytest.mark.parametrize("mode", ["page", "file"])
def test_an_empty_path_says_so_in_words(mode):
    """In the drawing and in its label."""
    ask = Ask("path", "sender:library.Book", "receiver:shop.receivers.create_reorder")
    root = parsed(shop(), ask, mode=mode)
    said = " ".join(text.text for text in of_class(root, "note")[0].iterfind("s:text", NS))
    assert said.startswith("No path was seen from sender:library.Book to receiver:shop.receivers.create_reorder.")
    assert "No path was seen" in root.get("aria-label")


def test_a_box_on_the_page_leads_to_what_it_is_elsewhere():
    """A dispatch selects its signal, a handling its receiver."""
    root = parsed(shop(), ORDER, link=lambda one: f"?sel={one}")
    leads = {box.get("id"): link.get("href") for link in of_class(root, "pick") for box in link}
    assert leads["sender:shop.Order"] == "?sel=sender:shop.Order"
    assert leads[f"port:{ORDER_PLACED}|shop.Order"] == f"?sel=signal:{ORDER_PLACED}"
    assert leads[RESERVE] == "?sel=receiver:shop.receivers.reserve_stock"


def test_a_picked_box_dims_what_has_nothing_to_do_with_it():
    """What led to it and what it sets off stay."""
    root = parsed(shop(), ORDER, selected=CHECK)
    dimmed = {element.get("id") for element in of_class(root, "dim")} - {None}
    assert handling("shop.Order", ORDER_PLACED, "shop.receivers.send_receipt") in dimmed
    assert not dimmed & {"sender:shop.Order", RESERVE, CHECK, f"port:{STOCK_LOW}|shop.StockItem"}


def test_the_page_and_a_file_style_the_same_marks():
    """Never hue alone: lines that differ in meaning differ in their dashes, in both places."""
    for style in (stylesheet(), CSS.read_text()):
        dashes = {
            name: re.search(rf"\.{name}\b[^{{}}]*{{\s*stroke-dasharray: ([\d ]+)", style)[1]
            for name in ("stuck", "unseen", "back")
        }
        assert len(set(dashes.values())) == 3


def test_a_file_of_stages_needs_nothing_from_elsewhere():
    """Both themes, no script, no link."""
    graph = build_view(shop(), ORDER)
    text = svg.render(graph, lay_out(graph), mode="file", title="<An & order>")
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"href|<script|@import|url\(", text)
    assert ET.fromstring(text.encode()).findtext("s:title", namespaces=NS) == "<An & order>"


def test_any_name_is_drawn_as_text():
    """A receiver can be a lambda, a sender a text."""
    rows = [connect("app.signals.a", '"<b>&"', "app.receivers.<lambda>")]
    root = parsed(
        replace(shop(), signals=signals_of(rows), connections=rows, unfiltered=rows),
        Ask("focus", "signal:app.signals.a"),
    )
    assert {title(element) for element in of_class(root, "node")} >= {'"<b>&"'}
