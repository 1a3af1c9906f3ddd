"""The drawing as SVG and the graph as JSON, read back with the formats' own tools."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wirings import ORDER_PLACED, POST_SAVE, SHOP, SHOP_EDGES, SHOP_STATS, connect, patiently, signals_of, wirings

from signalgraph.exports import json as node_link
from signalgraph.exports import svg
from signalgraph.exports.theme import TOKENS, stylesheet
from signalgraph.graph.build import build_wiring, connection_id
from signalgraph.graph.figures import Figures
from signalgraph.graph.layout import layout_wiring

NS = {"s": "http://www.w3.org/2000/svg"}
CHECK_STOCK = "receiver:shop.receivers.check_stock"


def wired(rows=SHOP, edges=SHOP_EDGES, stats=SHOP_STATS):
    return build_wiring(signals_of(rows), rows, edges=edges, stats=stats)


def drawn(graph, **options):
    return svg.render(graph, layout_wiring(graph), **options)


def parsed(graph, **options):
    return ET.fromstring(drawn(graph, **options).encode())


def ids(root):
    return [element.get("id") for element in root.iter() if element.get("id")]


@patiently
@given(wirings(), st.sampled_from(["page", "file"]))
def test_every_connection_is_drawn_once_from_its_port_to_its_receiver(wiring, mode):
    """As many lines on the right as there are pairs of port and receiver, and on the page each connection in one."""
    rows, edges = wiring
    graph = wired(rows, edges, {})
    root = parsed(graph, mode=mode)
    right = [path for path in root.iterfind(".//s:path", NS) if "edge r" in path.get("class", "")]
    pairs = [pair for pair in graph.edges if graph.nodes[pair[1]]["kind"] == "receiver"]
    assert len(right) == len(pairs)
    if mode == "page":
        carried = Counter(one for path in right for one in json.loads(path.get("data-connections")))
        assert carried == Counter(connection_id(row) for row in rows)


@patiently
@given(wirings())
def test_ids_are_unique_and_those_of_the_boxes(wiring):
    """Each box has its stable id, once."""
    rows, edges = wiring
    graph = wired(rows, edges)
    found = ids(parsed(graph))
    assert len(set(found)) == len(found)
    assert set(found) == {*graph, *(f"signal:{signal}" for signal in graph.graph["signals"])}


@patiently
@given(st.lists(st.text(min_size=1, max_size=12), min_size=3, max_size=3), st.sampled_from(["page", "file"]))
def test_any_name_is_drawn_as_text(names, mode):
    """Markup in a name stays text, and what XML can't hold doesn't break the document."""
    sender, signal, receiver = (name.replace("|", "%7C") for name in names)
    rows = [connect(f"a.{signal}", f"a.{sender}", f"a.{receiver}")]
    graph = wired(rows, {}, None)
    root = parsed(graph, mode=mode, title=names[0], query=names[1], as_of=names[2])
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        "svg", "title", "desc", "style", "rect", "g", "text", "path", "circle"
    }  # fmt: skip


@pytest.mark.parametrize("mode", ["page", "file"])
@pytest.mark.parametrize("name", ["app.make.<locals>.<lambda>", 'app."&amp;', "app.'><script>alert(1)</script>"])
def test_names_with_markup_are_read_back_as_they_are(name, mode):
    """What goes in as a name comes out of an XML parser as that name."""
    root = parsed(wired([connect(POST_SAVE, "*", name)], {}, None), mode=mode)
    group = next(group for group in root.iterfind(".//s:g", NS) if group.get("id") == f"receiver:{name}")
    assert group.find("s:title", NS).text == name


def test_the_same_graph_gives_the_same_text():
    """To the byte, in both modes, with and without a selection."""
    for options in ({"mode": "page"}, {"mode": "file"}, {"mode": "page", "selected": CHECK_STOCK}):
        assert drawn(wired(), **options) == drawn(wired(list(reversed(SHOP))), **options)


def test_the_page_has_no_style_of_its_own():
    """The pages' policy forbids inline style and script; colours come from the style sheet by class."""
    root = parsed(wired(), mode="page", selected=CHECK_STOCK, link=lambda one: f"?sel={one}")
    names = {name for element in root.iter() for name in element.attrib}
    assert "style" not in names
    assert not any(name.startswith("on") for name in names)
    assert root.find(".//s:style", NS) is None
    values = [value for element in root.iter() for name, value in element.attrib.items() if name in ("fill", "stroke")]
    assert set(values) == {"none"}


def test_a_file_needs_nothing_from_elsewhere():
    """No address but the namespace's, no import, no variables that only browsers know."""
    text = drawn(wired(), mode="file")
    assert set(re.findall(r"https?://[^\s'\"]+", text)) == {"http://www.w3.org/2000/svg"}
    for word in ("url(", "@import", "var(", "light-dark(", "href", "<script"):
        assert word not in text


def test_a_file_says_what_it_shows():
    """Title, description, the filter and the time, for people and for screen readers."""
    root = parsed(wired(), mode="file", title="Bookshop", query="app:shop", as_of="2025-11-21 09:40 UTC")
    said = " ".join(filter(None, (text.text for text in root.iterfind(".//s:text", NS))))
    assert root.find("s:title", NS).text == "Bookshop"
    for part in ("app:shop", "2025-11-21 09:40 UTC"):
        assert part in root.find("s:desc", NS).text
        assert part in said
    assert "9 connections" in said
    assert "+n any: n receivers for any sender run too" in said


def test_both_themes_style_the_same_parts():
    """Every colour of light has its dark override, and nothing is left to a default."""
    light, dark = stylesheet().split("@media (prefers-color-scheme: dark)")
    coloured = [line.partition(" {")[0] for line in light.splitlines() if re.search(r"#[0-9a-f]{6}", line)]
    assert coloured
    assert [selector for selector in coloured if f"{selector} {{" not in dark] == []
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for pair in TOKENS.values() for colour in pair)


def test_labels_speak_in_words():
    """What a screen reader says of a box holds its number with a unit, its errors and how it runs."""
    labels = {group.get("id"): group.get("aria-label") for group in parsed(wired()).iterfind(".//s:g[@id]", NS)}
    assert labels["sender:shop.Order"] == "Sender shop.Order, 2 signals"
    assert labels[f"signal:{ORDER_PLACED}"] == "Signal order_placed, 1 sender, 3 receivers, 3.5 per second"
    assert labels["receiver:library.receivers.index"] == "Receiver index, 2.5 per second, 1 error"
    assert labels["receiver:shop.receivers.notify_warehouse"].endswith(", async")
    assert "and 1 receiver for any sender" in labels[f"port:{POST_SAVE}|shop.Order"]


def test_the_badge_names_the_receivers_that_run_too():
    """`+1 any` in the row, the receiver in its hover text."""
    root = parsed(wired())
    row = next(group for group in root.iterfind(".//s:g", NS) if group.get("id") == f"port:{POST_SAVE}|shop.Order")
    assert "+1 any" in [text.text for text in row.iterfind("s:text", NS)]
    assert "telemetry.audit.ModelAudit()" in row.find("s:title", NS).text


def test_without_figures_there_are_no_numbers():
    """An export of the bare wiring makes no claim about how often anything ran."""
    root = parsed(wired(stats=None), mode="file")
    assert not [one for one in root.iter() if re.search(r"\b(heat|num hk)", one.get("class", ""))]


def test_causes_are_stubs_until_an_end_is_selected():
    """A file shows the full routes of its selection only; the page holds all, hidden without style."""
    at_rest, selected = parsed(wired(), mode="file"), parsed(wired(), mode="file", selected=CHECK_STOCK)
    assert [len(root.findall(".//s:g[@class='stub']", NS)) for root in (at_rest, selected)] == [2, 0]
    assert not at_rest.findall(".//s:g[@class='route on']", NS)
    assert selected.findall(".//s:g[@class='route on']", NS)
    hidden = parsed(wired()).findall(".//s:g[@class='route']", NS)
    assert hidden
    assert {group.get("display") for group in hidden} == {"none"}
    ends = [(json.loads(group.get("data-from")), json.loads(group.get("data-to"))) for group in hidden]
    assert all(len(one) == len(other) for one, other in ends)
    assert {one for starts, _ in ends for one in starts} == {cause for cause, _, _ in SHOP_EDGES}


def test_a_selection_dims_what_does_not_belong_to_it():
    """The focus stands out, the selected box has its ring, everything else is dim."""
    root = parsed(wired(), selected=CHECK_STOCK)
    shown = {group.get("id"): group.get("class").split() for group in root.iterfind(".//s:g[@id]", NS)}
    assert "sel" in shown[CHECK_STOCK]
    assert "dim" not in shown["sender:shop.StockItem"]
    assert "dim" in shown["sender:library.Book"]
    assert "dim" in shown[f"port:{POST_SAVE}|shop.Order"]


def test_an_error_is_a_cross_and_a_slow_receiver_a_triangle():
    """Second channels beside colour; the cross is hidden on the page until there is an error."""
    crosses = parsed(wired()).findall(".//s:g[@class='errors']", NS)
    assert [cross.get("display") for cross in crosses].count(None) == 1
    assert len(parsed(wired(), mode="file").findall(".//s:g[@class='errors']", NS)) == 1


@patiently
@given(wirings())
def test_json_is_read_back_by_networkx(wiring):
    """The same nodes, edges, and connections on them, with ids as on the pages."""
    rows, edges = wiring
    graph = wired(rows, edges, {})
    data = json.loads(node_link.render(graph, query="q", as_of="now"))
    back = nx.node_link_graph(data, edges="edges")
    assert data["schema"] == 1
    assert back.is_directed()
    assert set(back.nodes) == set(graph.nodes)
    carried = [{(u, v): line["connections"] for u, v, line in one.edges(data=True)} for one in (back, graph)]
    assert carried[0] == carried[1]
    assert {(c["connection"], c["signal"], c["sender"]): c["count"] for c in back.graph["causes"]} == edges


def test_json_is_the_same_text_for_the_same_graph():
    """Sorted, so that a file in version control changes only when the wiring does."""
    assert node_link.render(wired()) == node_link.render(wired(list(reversed(SHOP))))


PIXELS = """async (source) => {
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([source], {type: "image/svg+xml"}));
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    for (let at = 0; at < data.length; at += 4) colours.add(data[at] << 16 | data[at + 1] << 8 | data[at + 2]);
    return {corner: [data[0], data[1], data[2]], colours: colours.size};
}"""


@pytest.mark.browser
@pytest.mark.parametrize(("theme", "paper"), [("light", [255, 255, 255]), ("dark", [18, 22, 28])])
def test_chromium_draws_the_file_in_both_themes(browser, theme, paper):
    """The paper and the boxes have the theme's colours, and the console stays empty."""
    page = browser.new_page(color_scheme=theme)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.set_content(f"<meta name='color-scheme' content='light dark'>{drawn(wired(), mode='file').partition('?>')[2]}")
    seen = page.evaluate(
        """() => {
            const paper = document.querySelector(".paper"), box = document.querySelector(".signal .box");
            const style = getComputedStyle(paper).fill, size = document.querySelector("svg").getBoundingClientRect();
            return {style, width: size.width, box: getComputedStyle(box).stroke};
        }"""
    )
    assert seen["style"] == f"rgb({', '.join(map(str, paper))})"
    assert seen["box"] == {"light": "rgb(0, 152, 233)", "dark": "rgb(65, 123, 235)"}[theme]
    assert seen["width"] > 600
    assert problems == []
    page.close()


@pytest.mark.browser
def test_chromium_decodes_the_file_as_an_image(browser):
    """As an <img> it may fetch nothing and run nothing, and still shows more than its paper."""
    page = browser.new_page(color_scheme="light")
    page.goto("about:blank")
    seen = page.evaluate(PIXELS, drawn(wired(), mode="file"))
    assert seen["corner"] == [255, 255, 255]
    assert seen["colours"] > 100
    page.close()


@pytest.mark.parametrize("mode", ["file", "page"])
def test_a_rate_below_a_hundredth_is_well_formed(mode):
    """It is written as `<.01`, which is markup unless it is escaped."""
    stats = {connection_id(row): Figures(calls=1, errors=2, rate_per_s=0.004) for row in SHOP}
    root = parsed(wired(stats=stats), mode=mode, title="Signals", query="", as_of="now")
    assert any(element.text == "<.01" for element in root.iter())


def test_counts_of_causes_follow_the_graph_and_move_nothing():
    """A layout that is kept while counts go up shows the new ones in the same places."""
    before, after = wired(), wired(edges={edge: count + 1 for edge, count in SHOP_EDGES.items()})
    kept = layout_wiring(before)
    assert kept.counted(after).nodes == kept.nodes
    more = sum(stub.count for stub in kept.counted(after).stubs) - sum(stub.count for stub in kept.stubs)
    assert more == len(SHOP_EDGES)
