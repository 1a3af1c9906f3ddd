"""Exports read back with the tools of their formats: NetworkX, Graphviz, Mermaid in Chromium, csv and markdown-it."""

from __future__ import annotations

import csv
import html
import importlib.util
import io
import json
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import networkx as nx
from markdown_it import MarkdownIt
from programs import run_program

MERMAID = Path(importlib.util.find_spec("mmdc").origin).parent / "assets" / "mermaid.js"  # the bundle as distributed


@dataclass
class Drawing:
    """What a reader of a picture sees. `kinds` and `texts` (lines) are by node; lines are (source, target).

    `dashed` has the count that stands on each cause, `stopped` the connections that are marked as not live, and
    `tags` are the elements that labels consist of.
    """

    kinds: dict[str, str] = field(default_factory=dict)
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    solid: Counter = field(default_factory=Counter)
    dashed: Counter = field(default_factory=Counter)
    stopped: Counter = field(default_factory=Counter)
    about: dict[str, str] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)

    def paths(self):
        """Every way from a sender through an audience to a receiver; `*` where no sender stands before a port."""
        before = {port: [source for source, target in self.solid if target == port] for port in self.kinds}
        for port, receiver in self.solid:
            if self.kinds[port] == "port":
                for sender in before[port] or ["*"]:
                    yield sender, port, receiver


@dataclass
class Table:
    """What a reader of a list gets: (sender, signal, receiver), causes as (such a triple, signal, sender, count)."""

    connections: list[tuple[str, str, str]] = field(default_factory=list)
    causes: list[tuple[tuple[str, str, str], str, str, int]] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)


def of_networkx(graph) -> Drawing:
    """A drawing from a graph that NetworkX has read."""
    found = Drawing(about={key: str(value) for key, value in graph.graph.items()})
    for node, data in graph.nodes(data=True):
        found.kinds[node], found.texts[node] = data["kind"], (data["label"],)
        found.groups[node] = data.get("signal", "")
    for source, target, data in graph.edges(data=True):
        if data["kind"] == "cause":
            found.dashed[source, target] += data["count"]
        else:
            found.solid[source, target] += 1
            if not data["can_fire"]:
                found.stopped[source, target] += 1
    return found


def read_json(text: str) -> Drawing:
    """With the causes that stand beside the wiring drawn in."""
    graph = nx.node_link_graph(json.loads(text), edges="edges")
    found = of_networkx(graph)
    for ran, dispatched, count in graph.graph.get("app_causes", ()):
        found.dashed[f"app:{ran}", f"app:{dispatched}"] += count
    if graph.graph["view"] == "wiring":
        for cause in graph.graph["causes"]:
            receiver = "receiver:" + cause["connection"].rpartition("|")[2]
            found.dashed[receiver, heard_at(graph, cause["signal"], cause["sender"])] += cause["count"]
    return found


def heard_at(graph, signal: str, sender: str) -> str:
    """The port of a dispatch, from the attributes of the ports alone."""
    ports = {node: data for node, data in graph.nodes(data=True) if data.get("signal") == signal}
    own = [port for port, data in ports.items() if sender in data["senders"]]
    return next(iter([*own, *(port for port, data in ports.items() if data["any"])]), f"elsewhere:{signal}|{sender}")


def read_graphml(text: str) -> Drawing:
    return of_networkx(nx.read_graphml(io.BytesIO(text.encode())))


def read_dot(text: str) -> Drawing:
    """As Graphviz reads it; names and values are HTML, as `exports.dot` says."""
    data = json.loads(run_program("dot", "-Tdot_json", stdin=text))
    plain = html.unescape
    found = Drawing(about={key: plain(data.get(key, "")) for key in ("title", "query", "as_of")})
    objects = {one["_gvid"]: one for one in data.get("objects", ())}
    for one in objects.values():
        if "kind" in one:
            found.kinds[plain(one["name"])] = one["kind"]
            found.texts[plain(one["name"])] = tuple(plain(one["label"]).splitlines())
        for inner in one.get("nodes", ()):
            found.groups[plain(objects[inner]["name"])] = plain(one["label"])
    for one in data.get("edges", ()):
        ends = plain(objects[one["tail"]]["name"]), plain(objects[one["head"]]["name"])
        label = plain(one.get("label", ""))
        if one.get("style") == "dashed":
            found.dashed[ends] += int(label.removesuffix("\N{MULTIPLICATION SIGN}") or 0)
        else:
            found.solid[ends] += 1
            found.stopped[ends] += one.get("can_fire") == "false" and "cannot fire" in label
    found.stopped = +found.stopped
    return found


PARSE = """async (text) => {
    const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
    const vertices = [...diagram.db.getVertices().values()].map(({id, classes}) => ({id, classes}));
    const groups = diagram.db.getSubGraphs().map(({id, nodes, title}) => ({id, nodes, title}));
    const edges = diagram.db.getEdges().map(({start, end, type, stroke, text}) => ({start, end, type, stroke, text}));
    const drawn = await mermaid.render("drawn" + Math.floor(Math.random() * 1e9), text);
    const host = document.createElement("div");
    host.innerHTML = drawn.svg;
    document.body.append(host);
    const lines = (element) => element.innerHTML.split(/<br[^>]*>/).map((line) => {
        const inner = document.createElement("div");
        inner.innerHTML = line;
        return inner.textContent;
    });
    const texts = {};
    for (const node of host.querySelectorAll("g.node")) {
        const id = node.id.replace(/^.*flowchart-/, "").replace(/-\\d+$/, "");
        texts[id] = lines(node.querySelector(".nodeLabel"));
    }
    const titles = {};
    for (const cluster of host.querySelectorAll("g.cluster")) {
        titles[cluster.id.replace(/^drawn\\d+-/, "")] = cluster.querySelector(".nodeLabel")?.textContent ?? "";
    }
    const said = (selector) => host.querySelector(selector)?.textContent ?? "";
    const about = {title: said("svg > title"), described: said("svg > desc"), heading: said(".flowchartTitleText")};
    const tags = [...new Set([...host.querySelectorAll(".label *")].map((element) => element.localName))];
    host.remove();
    return {vertices, groups, edges, texts, titles, about, tags};
}"""
ENTITY = ("\ufb02\u00b0\u00b0", "\u00b6\u00df")  # what Mermaid's parser writes for # and ; of a character code


class Mermaid:
    """Mermaid itself, in a page of Chromium."""

    def __init__(self, browser) -> None:
        self.page = browser.new_page()
        self.page.set_content("<!doctype html><body></body>")
        self.page.add_script_tag(path=str(MERMAID))
        self.page.evaluate("mermaid.initialize({startOnLoad: false})")

    def read(self, text: str) -> Drawing:
        """Nodes have Mermaid's own ids; texts are what is seen in the boxes."""
        data = self.page.evaluate(PARSE, text)
        found = Drawing(about=data["about"], tags=set(data["tags"]))
        for one in data["vertices"]:
            found.kinds[one["id"]] = one["classes"][0]
            found.texts[one["id"]] = tuple(data["texts"][one["id"]])
        for group in data["groups"]:
            found.groups.update(dict.fromkeys(group["nodes"], data["titles"][group["id"]]))
        for one in data["edges"]:
            ends = one["start"], one["end"]
            if one["stroke"] == "dotted":
                found.dashed[ends] += int(one["text"].removesuffix("\N{MULTIPLICATION SIGN}") or 0)
            else:
                found.solid[ends] += 1
                found.stopped[ends] += one["type"] == "arrow_cross"
        found.stopped = +found.stopped
        return found


def read_csv(text: str) -> Table:
    """With the apostrophe that guards a cell taken off, as a spreadsheet does."""
    found = Table()
    for row in csv.DictReader(io.StringIO(text, newline="")):
        row = {key: value.removeprefix("'") for key, value in row.items()}
        triple = row["sender"], row["signal"], row["receiver"]
        if row["kind"] == "cause":
            cause = triple, row["dispatched_signal"], row["dispatched_sender"], int(row["count"])
            found.causes.append(cause)
        else:
            found.connections.append(triple)
        found.rows.append(row)
        found.about = {key: row[key] for key in ("title", "query", "as_of", "view")}
    return found


class _Cells(HTMLParser):
    """Headings, tables, paragraphs and code blocks of an HTML text, and which elements there are."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[tuple[str, object]] = []
        self.tags: set[str] = set()
        self._text: list[str] | None = None

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("h1", "h2", "h3", "p", "pre", "th", "td"):
            self._text = []
        elif tag == "table":
            self.blocks.append(("table", []))
        elif tag == "tr":
            self.blocks[-1][1].append([])

    def handle_data(self, data):
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self.blocks[-1][1][-1].append("".join(self._text))
        elif tag in ("h1", "h2", "h3", "p", "pre"):
            self.blocks.append((tag, "".join(self._text)))
        if tag in ("h1", "h2", "h3", "p", "pre", "th", "td"):
            self._text = None


@dataclass
class Page(Table):
    """A Markdown page; `mermaid` is the text of its picture, `tags` the elements that its HTML consists of."""

    mermaid: str = ""
    tags: set[str] = field(default_factory=set)


def read_markdown(text: str) -> Page:
    parsed = _Cells()
    parsed.feed(MarkdownIt("commonmark").enable("table").render(text))
    found, heading = Page(tags=parsed.tags), ""
    for kind, content in parsed.blocks:
        if kind == "h1":
            found.about["title"] = content
        elif kind in ("h2", "h3"):
            heading = content.partition(" from ")[0]
        elif kind == "pre":
            found.mermaid = content
        elif kind == "p":
            found.about.setdefault("said", content)
        elif kind == "table":
            head, *body = content
            for row in (dict(zip(head, cells, strict=True)) for cells in body):
                _take(found, heading, row)
    return found


def _take(found: Page, heading: str, row: dict[str, str]) -> None:
    def who(name: str) -> str:
        return "*" if name == "any sender" else name

    if "it dispatched" in row:
        triple = who(row["of"]), row["handled"], row["While"]
        found.causes.append((triple, row["it dispatched"], row["for"], int(row["times"])))
    else:
        found.connections.append((who(row["Sender"]), heading, row["Receiver"]))
        found.rows.append(row)
