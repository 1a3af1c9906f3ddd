"""Every format of every view, read back with the format's own tool: the same connections, the same causes."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from playwright.sync_api import Error as PlaywrightError
from programs import run_program
from reading import Mermaid, heard_at, read_csv, read_dot, read_graphml, read_json, read_markdown
from wirings import ORDER_PLACED, POST_SAVE, SHOP, SHOP_STATS, STOCK_LOW, connect, patiently, signals_of, wirings

from signalgraph import names
from signalgraph.exports.files import FORMATS
from signalgraph.graph.views import Ask, Material, build_view

ABOUT = ("Signals of the shop", "app:shop or app:library", "2026-11-21 09:40 UTC")
PROXY = replace(connect(POST_SAVE, "shop.Draft", "shop.receivers.note_draft", 6), sender_kind="proxy")
ROWS = [*SHOP, PROXY]
RESERVE = names.connection_id("shop.Order", ORDER_PLACED, "shop.receivers.reserve_stock")
CHECK = names.connection_id("shop.StockItem", POST_SAVE, "shop.receivers.check_stock")
AUDIT = names.connection_id("*", POST_SAVE, "telemetry.audit.ModelAudit()")
STEPS = {
    (RESERVE, "shop.Order", POST_SAVE, "shop.StockItem"): 128,
    (CHECK, "shop.StockItem", STOCK_LOW, "shop.StockItem"): 9,
    (AUDIT, "library.Book", STOCK_LOW, "shop.Shelf"): 2,
}
STORY = [
    Ask(view="focus", selection="sender:shop.Order", measure="calls"),
    Ask(view="focus", selection=f"signal:{POST_SAVE}", depth=0, direction="down"),
    Ask(view="path", selection="sender:shop.Order", target="receiver:shop.receivers.create_reorder", measure="calls"),
]
ASKS = [Ask(measure="calls"), Ask(view="apps"), Ask(view="apps", open=("shop", "library")), *STORY]
each_view = pytest.mark.parametrize(
    "ask", ASKS, ids=lambda ask: "-".join((ask.view, *ask.open, *ask.selection.split(":")[:1]))
)
DRAWINGS = {"json": read_json, "graphml": read_graphml, "dot": read_dot}
TABLES = {"csv": read_csv, "markdown": read_markdown}


@pytest.fixture(scope="module")
def mermaid(browser):
    """Mermaid in a page of its own."""
    opened = Mermaid(browser)
    yield opened
    opened.page.close()


def material(rows=ROWS, steps=STEPS, stats=SHOP_STATS):
    calls = {one: figures.calls for one, figures in (stats or {}).items()}
    return Material(signals_of(rows), rows, rows, steps=steps, stats=stats, calls=calls)


def view(ask=ASKS[0], rows=ROWS, steps=STEPS, stats=SHOP_STATS):
    return build_view(material(rows, steps, stats), ask)


def export(name, graph, about=ABOUT):
    return FORMATS[name](graph, *about)


def stepped(wiring):
    """The causes of a wiring that a view shows, with the sender that was handled: the connection's own, or one seen."""
    rows, edges = wiring
    heard = {row.signal for row in rows}
    return {
        (one, handled if (handled := names.parse_connection_id(one)[0]) != "*" else "app.M0", signal, sender): count
        for (one, signal, sender), count in edges.items()
        if signal in heard
    }


def solid(graph):
    return Counter((source, target) for source, target, data in graph.edges(data=True) if data["kind"] == "connection")


def dashed(graph):
    """Each cause of a view by its ends; those of the wiring and of apps stand beside it."""
    found = Counter()
    for source, target, data in graph.edges(data=True):
        if data["kind"] == "cause":
            found[source, target] += data["count"]
    for ran, dispatched, count in graph.graph.get("app_causes", ()):
        found[f"app:{ran}", f"app:{dispatched}"] += count
    if graph.graph["view"] == "wiring":
        for connection, signal, sender, count in graph.graph["causes"]:
            found["receiver:" + connection.rpartition("|")[2], heard_at(graph, signal, sender)] += count
    return found


def caused(graph):
    """Every cause of a view by what was handled; of a focus or path with the sender that was."""
    found = {(one, signal, sender): count for one, signal, sender, count in graph.graph.get("causes", ())}
    for source, target, data in graph.edges(data=True):
        if data["kind"] == "cause":
            port = graph.nodes[target]
            found[source, port["signal"], port["sender"]] = data["count"]
    return found


def stopped(graph):
    return {(u, v) for u, v, data in graph.edges(data=True) if data["kind"] == "connection" and not data["can_fire"]}


def triples(rows):
    return {(row.sender, row.signal, row.receiver) for row in rows}


def observed_triples(rows, steps):
    """The connections, and one more for each sender that has no port of its own but was seen at that for any."""
    found = triples(rows)
    for _, _, signal, sender in steps:
        own = {row.sender for row in rows if row.signal == signal}
        if sender not in own and sender != "*":
            found |= {(sender, row.signal, row.receiver) for row in rows if (row.signal, row.sender) == (signal, "*")}
    return found


def read_paths(drawing):
    """The connections that a reader follows with a finger, by the names in the ids."""
    for sender, port, receiver in drawing.paths():
        signal = port.partition(":")[2].partition("|")[0]
        yield sender.removeprefix("sender:"), signal, receiver.removeprefix("receiver:")


@each_view
@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_has_the_lines_of_its_view(name, ask):
    """Connections solid, causes dashed with their counts, nothing else; what can't fire is marked."""
    graph = view(ask)
    found = DRAWINGS[name](export(name, graph))
    assert found.solid == solid(graph)
    assert found.dashed == dashed(graph)
    assert set(found.stopped) == stopped(graph)
    assert {node: kind for node, kind in found.kinds.items() if kind != "elsewhere"} == dict(graph.nodes(data="kind"))


@pytest.mark.browser
@each_view
def test_mermaid_has_the_lines_of_its_view(mermaid, ask):
    """By what is written in the boxes, as Mermaid's own names of nodes mean nothing."""
    graph = view(ask)
    found = mermaid.read(export("mermaid", graph))

    def seen(lines):
        return Counter({(shown[source], shown[target]): count for (source, target), count in lines.items()})

    def meant(lines):
        return Counter(
            {(label(graph, source), label(graph, target)): count for (source, target), count in lines.items()}
        )

    shown = {node: (found.groups.get(node, ""), text[0]) for node, text in found.texts.items()}
    assert seen(found.solid) == meant(solid(graph))
    assert seen(found.dashed) == meant(dashed(graph))
    assert set(seen(found.stopped)) == set(meant(dict.fromkeys(stopped(graph), 1)))


def label(graph, node):
    """The group and the name that a reader sees."""
    if node not in graph:
        signal, _, sender = node.removeprefix("elsewhere:").partition("|")
        return "", f"{names.short(signal)} from {names.short(sender)}"
    data = graph.nodes[node]
    signal = graph.graph["signal_labels"][data["signal"]] if data["kind"] == "port" else ""
    if signal and graph.graph["view"] in ("focus", "path"):
        return "", f"{signal} from {data['label']}"
    return signal, data["label"]


@each_view
@pytest.mark.parametrize("name", TABLES)
def test_a_table_lists_what_its_view_draws(name, ask):
    """Each connection, and each cause once with its count."""
    graph = view(ask)
    found = TABLES[name](export(name, graph))
    drawn = [data["connections"] for *_, data in graph.edges(data=True) if data["kind"] == "connection"]
    drawn += [ids for _, data in graph.nodes(data=True) for ids in data.get("badges", {}).values()]
    assert set(found.connections) == {names.parse_connection_id(one) for ids in drawn for one in ids}
    assert len(found.causes) == len(caused(graph))
    assert {(names.connection_id(*cause[0]), *cause[1:3]): cause[3] for cause in found.causes} == caused(graph)


def test_the_views_under_test_hold_all_that_can_go_wrong():
    """Lines that cannot fire, badges, causes, opened apps and what was never seen."""
    graphs = [view(ask) for ask in ASKS]
    assert [bool(stopped(graph)) for graph in graphs] == [True, False, True, False, True, False]
    assert [bool(dashed(graph)) for graph in graphs] == [True, True, True, True, False, True]
    assert any(data.get("badges") for _, data in graphs[1].nodes(data=True))
    assert any(data.get("observed") is False for _, data in graphs[3].nodes(data=True))


@pytest.mark.parametrize("name", DRAWINGS)
@settings(patiently, max_examples=25)
@given(wirings())
def test_every_path_of_a_wiring_is_a_connection(name, wiring):
    """Read back, the ways from sender to receiver are the connections: none is missing, none is false."""
    rows, steps = wiring[0], stepped(wiring)
    found = DRAWINGS[name](export(name, view(rows=rows, steps=steps, stats=None)))
    assert {path for path in read_paths(found) if path[0] != "*"} == {
        path for path in observed_triples(rows, steps) if path[0] != "*"
    }
    assert {(signal, receiver) for _, signal, receiver in read_paths(found)} == {one[1:] for one in triples(rows)}
    assert sum(found.dashed.values()) == sum(steps.values())


@pytest.mark.parametrize("name", TABLES)
@patiently
@given(wirings())
def test_every_connection_and_cause_of_a_wiring_is_listed(name, wiring):
    """Whatever the wiring is."""
    rows, steps = wiring[0], stepped(wiring)
    found = TABLES[name](export(name, view(rows=rows, steps=steps, stats=None)))
    caused = {(names.connection_id(*one), signal, sender): count for one, signal, sender, count in found.causes}
    assert set(found.connections) == triples(rows)
    assert caused == {(one, signal, sender): count for (one, _, signal, sender), count in steps.items()}


@pytest.mark.browser
@settings(patiently, max_examples=15)
@given(wiring=wirings())
def test_every_path_of_a_wiring_in_mermaid_is_a_connection(mermaid, wiring):
    """The same for what Mermaid draws: boxes and subgraphs are known by their text."""
    rows, steps = wiring[0], stepped(wiring)
    graph = view(rows=rows, steps=steps, stats=None)
    found = mermaid.read(export("mermaid", graph))
    by_label = {label(graph, node): node for node in graph}
    known = {node: by_label.get((found.groups.get(node, ""), text[0]), node) for node, text in found.texts.items()}
    found.solid = Counter((known[source], known[target]) for source, target in found.solid)
    found.kinds = {known[node]: kind for node, kind in found.kinds.items()}
    assert {path for path in read_paths(found) if path[0] != "*"} == {
        path for path in observed_triples(rows, steps) if path[0] != "*"
    }
    assert {(signal, receiver) for _, signal, receiver in read_paths(found)} == {one[1:] for one in triples(rows)}
    assert sum(found.dashed.values()) == sum(steps.values())


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_equal_graphs_give_equal_files(name):
    """To the byte, in whatever order signals and receivers were found."""
    back = {key: STEPS[key] for key in reversed(STEPS)}
    for ask in ASKS:
        assert export(name, view(ask)) == export(name, view(ask, list(reversed(ROWS)), back))


SEEDED = """
import hashlib, sys, test_exports as t
for ask in t.ASKS:
    for name in sorted(t.FORMATS):
        sys.stdout.write(hashlib.sha256(t.export(name, t.view(ask)).encode()).hexdigest() + "\\n")
"""


def test_files_do_not_depend_on_the_hash_seed():
    """Two processes with other seeds write the same bytes, for every view and format."""
    said = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(["tests", "."])}
        command = [sys.executable, "-c", f"import django; django.setup()\n{SEEDED}"]
        said.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == len(ASKS) * len(FORMATS)


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_says_what_it_shows(name):
    """Title, filter and time are in the file itself, whatever they hold."""
    about = ('The "shop" <b>\\N & co', 'sender:"a\nb" {c} \\', "ünïcödé 漢 😀")
    found = DRAWINGS[name](export(name, view(), about))
    assert (found.about["title"], found.about["query"], found.about["as_of"]) == about


@pytest.mark.browser
def test_mermaid_says_what_it_shows(mermaid):
    """The title is the heading and the name for screen readers, filter and time are the description."""
    title, query, as_of = 'The "shop"; #1 {x}', 'sender:"a" <b> #35; %% {c}', "09:40 漢 😀"
    found = mermaid.read(export("mermaid", view(), (title, query, as_of)))
    assert found.about == {"heading": title, "title": title, "described": f"Filter: {query}. As of {as_of}"}


def test_a_table_says_what_it_shows():
    """CSV in columns of their own, Markdown in its heading and first line."""
    title, query, as_of = '=The "shop" *a* <b>|c', "sender:`a`|b or <c> *d*", "09:40 _漢_"
    table = read_csv(export("csv", view(), (title, query, as_of)))
    assert table.about == {"title": title, "query": query, "as_of": as_of, "view": "wiring"}
    page = read_markdown(export("markdown", view(), (title, query, as_of)))
    assert page.about["title"] == title
    assert page.about["said"].endswith(f"Filter: {query}. As of {as_of}.")


HOSTILE = [
    "make.<locals>.<lambda>", 'a"b', "it's", "back\\slash", "end\\", "\\N", "new\nline", "tab\there", "a#35;b",
    "x &amp; y", "__init__", "*bold*", "`code`", "``", "1. first", "- list", "# head", "> quote", "[a](b)",
    "<b>x</b>", "<!-- c -->", "$$x^2$$", "http://a.b/c", "www.a.com", "a@b.c", "fa:fa-car", "%%{init}%%", "{a|<f>b}",
    "]]>", "end", "graph", "~~~", "click", "ünïcödé", "漢字", "😀", "=1+1", "+1", "-1", "@sum", "'quoted", "a,b", "a;b",
    "  two  spaces  ", "</script>", "&#60;", "--> x", "subgraph", "style a fill:#f00", "```", "\u200b", "a\u2028b",
    "\r", "\x7f", "\ud800", "\x00", "---",
]  # fmt: skip


def hostile_rows(one):
    """A name, as signalgraph gives it, in the place of a sender, a signal and a receiver, and once for any sender."""
    name = names.escape(one)
    return [connect(f"a.{name}", f"b.{name}", f"c.{name}"), connect(f"a.{name}", "*", f"d.{name}")]


@pytest.mark.parametrize("one", HOSTILE, ids=ascii)
def test_names_come_back_as_they_are(one):
    """From every format that holds whole names, whatever they mean there; a filter of any text does no harm."""
    rows = hostile_rows(one)
    graph = view(rows=rows, steps={}, stats=None)
    for name in ("json", "graphml", "dot", "csv"):
        text = export(name, graph, (one, one, one)).encode().decode()
        found = set(read_csv(text).connections) if name == "csv" else set(read_paths(DRAWINGS[name](text)))
        assert found == triples(rows), name
    page = read_markdown(export("markdown", graph, (one, one, one)).encode().decode())
    assert set(page.connections) == {tuple(" ".join(name.split()) for name in triple) for triple in triples(rows)}
    assert page.tags <= {"h1", "h2", "p", "pre", "code", "table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.browser
def test_labels_are_seen_as_they_are(mermaid):
    """In the picture that Mermaid draws, and no markup comes of them."""
    graph = view(rows=[row for one in HOSTILE for row in hostile_rows(one)], steps={}, stats=None)
    found = mermaid.read(export("mermaid", graph).encode().decode())
    seen = Counter((found.groups.get(node, ""), text[0]) for node, text in found.texts.items())
    labels = Counter(label(graph, node) for node in graph)
    assert seen == Counter({tuple(" ".join(part.split()) for part in key): n for key, n in labels.items()})
    assert found.tags <= {"div", "p", "br", "span", "foreignobject", "foreignObject", "rect", "g"}


def test_graphviz_shows_labels_as_they_are():
    """As text of the SVG that it draws, where a backslash or an ampersand could mean something else."""
    for one in HOSTILE:
        graph = view(rows=hostile_rows(one), steps={}, stats=None)
        drawn = ET.fromstring(run_program("dot", "-Tsvg", stdin=export("dot", graph, ("", "", ""))))
        seen = {" ".join("".join(text.itertext()).split()) for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
        assert {" ".join(label(graph, node)[1].split()) for node in graph} <= seen


def test_no_cell_is_a_formula():
    """A spreadsheet that opens the CSV calculates nothing, and the names can be had back."""
    for one in ("=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "=cmd' /C calc'!A0"):
        rows = [replace(connect(one, one, one), dispatch_uid=one)]
        text = export("csv", view(rows=rows, steps={}, stats=None), (one, one, one))
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert read_csv(text).connections == [(one, one, one)]


def test_a_file_names_no_path_of_one_machine():
    """Where a receiver is written is told below the project or the installed packages."""
    here = replace(SHOP[0], file=__file__, line=12)
    for name in FORMATS:
        text = export(name, view(rows=[here], steps={}))
        assert os.path.dirname(__file__) not in text, name
    assert read_csv(export("csv", view(rows=[here], steps={}))).rows[0]["where"].endswith("test_exports.py:12")


def test_facts_of_connections_are_told_where_a_format_has_room():
    """Order, weak or strong, async, uid, and why one cannot fire."""
    row = replace(connect(POST_SAVE, "shop.Order", "shop.r", 7, is_async=True), weak=False, dispatch_uid="once")
    graph = view(rows=[row, PROXY], steps={}, stats=None)
    told = next(one for one in read_csv(export("csv", graph)).rows if one["receiver"] == "shop.r")
    assert [told[key] for key in ("order", "async", "weak", "dispatch_uid")] == ["7", "true", "false", "once"]
    stuck = next(one for one in read_csv(export("csv", graph)).rows if one["receiver"] == PROXY.receiver)
    assert stuck["can_fire"] == "false"
    assert "proxy shop.Draft" in stuck["why_not"]
    page = read_markdown(export("markdown", graph))
    told = next(one for one in page.rows if one["Receiver"] == "shop.r")
    assert (told["Order"], told["How"]) == ("7", "async, strong, uid once")
    assert any("proxy shop.Draft" in one["Note"] for one in page.rows)
    data = json.loads(export("json", graph))["graph"]["connections"]
    told = data[names.connection_id("shop.Order", POST_SAVE, "shop.r")]
    assert (told["order"], told["async"], told["weak"], told["dispatch_uid"]) == (7, True, False, "once")


def test_numbers_are_those_of_the_picture():
    """The measure that was asked for is written into the boxes, in words."""
    found = read_dot(export("dot", view(Ask(measure="errors"))))
    assert "1 error" in found.texts["receiver:library.receivers.index"][1]
    found = read_dot(export("dot", view(stats=None)))
    assert found.texts["receiver:library.receivers.index"] == ("index",)


@pytest.mark.browser
def test_markdown_leaves_out_a_picture_that_mermaid_refuses(mermaid):
    """Mermaid draws no more than 500 lines where a page doesn't allow it; up to there the page has its picture."""
    rows = [connect("a.many", "*", f"a.receivers.r{place:03}", place) for place in range(1, 502)]
    small, large = view(rows=rows[:500], steps={}, stats=None), view(rows=rows, steps={}, stats=None)
    page = read_markdown(export("markdown", small, ("t", "", "")))
    assert sum(mermaid.read(page.mermaid).solid.values()) == 500
    assert read_markdown(export("markdown", large)).mermaid == ""
    assert len(read_markdown(export("markdown", large)).connections) == 501
    with pytest.raises(PlaywrightError, match="Edge limit exceeded"):
        mermaid.read(export("mermaid", large))


def test_a_page_without_connections_says_so():
    """And is no broken table."""
    page = read_markdown(export("markdown", view(rows=[], steps={})))
    assert (page.connections, page.mermaid) == ([], "")
