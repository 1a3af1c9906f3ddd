"""The drawing as SVG: one renderer for the page, which styles it by classes, and for files, which carry their style."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import networkx as nx

from signalgraph.exports import app_words, stage_words, words
from signalgraph.exports.apps import KEYS, draw_apps
from signalgraph.exports.boxes import Pen, doubts, draw_box
from signalgraph.exports.causes import pills, routes, stubs
from signalgraph.exports.legend import HEAD_PX, LEAST_WIDTH_PX, Key, foot, head
from signalgraph.exports.markup import classes, joined, lines, number, tag, text
from signalgraph.exports.stages import draw_stages, stop
from signalgraph.exports.theme import stylesheet
from signalgraph.graph.figures import HEADS, THIN_PX, Figures
from signalgraph.graph.focus import focus
from signalgraph.graph.layout import Layout, Line

Mode = Literal["page", "file"]

TRUTH = "Every path from a sender through a port to a receiver is a real connection."


def render(
    graph: nx.DiGraph[str],
    layout: Layout,
    *,
    mode: Mode = "page",
    title: str = "Wiring",
    query: str = "",
    as_of: str = "",
    selected: str | None = None,
    link: Callable[[str], str] | None = None,
) -> str:
    """A wiring graph and its layout as SVG text; the same input gives the same text.

    Parameters
    ----------
    mode : "page" gives an element to put into HTML, with ids and data attributes and no style; "file" a document
        that needs nothing else, with both themes, a heading, and a legend.
    title, query, as_of : what a file says of itself; `as_of` is shown as it is.
    selected : an id (`sender:`, `signal:`, `port:`, `receiver:` or `connection:`) whose neighbourhood stands out.
    link : on the page, from the id of a box to the address that selects it.
    """
    pen = Pen(graph, layout, page=mode == "page", focus=focus(graph, selected) if selected else None, link=link)
    if graph.graph.get("view") == "apps":
        drawn = draw_apps(pen)
        return _page(pen, drawn) if pen.page else document(pen, drawn, title, query, as_of, keys=KEYS)
    drawn = draw_stages(pen) if _is_staged(graph) else _wiring(pen)
    return _page(pen, drawn) if pen.page else document(pen, drawn, title, query, as_of)


def _is_staged(graph: nx.DiGraph[str]) -> bool:
    return graph.graph.get("view") in ("focus", "path")


def _about(graph: nx.DiGraph[str]) -> tuple[str, str]:
    """What the drawing holds, and what makes it true."""
    if graph.graph.get("view") == "apps":
        return app_words.of_graph(graph), app_words.TRUTH
    return (stage_words.of_graph(graph), stage_words.TRUTH) if _is_staged(graph) else (words.of_graph(graph), TRUTH)


def _wiring(pen: Pen) -> list[str]:
    return [
        heads(pen),
        _lines(pen),
        routes(pen),
        stubs(pen),
        *(draw_box(pen, box) for box in pen.layout.nodes.values() if box.kind != "port"),
        pills(pen),
    ]


def _page(pen: Pen, drawn: list[str]) -> str:
    holds, truth = _about(pen.graph)
    return tag(
        "svg",
        lines(["", tag("desc", truth), *drawn, ""]),
        xmlns="http://www.w3.org/2000/svg",
        class_=classes("graph", _is_staged(pen.graph) and "staged"),
        viewBox=f"0 0 {pen.layout.width} {pen.layout.height}",
        role="group",
        aria_label=f"{holds}.",
        data_measure=pen.measure,
        data_steps=" ".join(f"{step:g}" for step in pen.scale.steps) or None,
        data_selected=pen.focus.selected if pen.focus else None,
    )


def document(
    pen: Pen, drawn: list[str], title: str, query: str, as_of: str, *, style: str = "", keys: Iterable[Key] = ()
) -> str:
    """A drawing as a file; `style` and `keys` come on top of those that every drawing has."""
    width = max(pen.layout.width, LEAST_WIDTH_PX)
    legend, below = foot(pen, HEAD_PX + pen.layout.height, width, keys)
    height = HEAD_PX + pen.layout.height + below
    holds, truth = _about(pen.graph)
    about = [f"{holds}.", truth]
    about += [pen.graph.graph["note"]] if len(pen.graph) and pen.graph.graph.get("note") else []
    about += [f"Filter: {query}."] if query else []
    about += [f"As of {as_of}."] if as_of else []
    parts = [
        "",
        tag("title", text(title)),
        tag("desc", text(" ".join(about))),
        tag("style", f"{stylesheet()}{style}"),
        tag("rect", class_="paper", width=width, height=height),
        head(pen, title, query, as_of, width),
        tag("g", lines(["", *drawn, ""]), transform=f"translate({(width - pen.layout.width) // 2} {HEAD_PX})"),
        legend,
        "",
    ]
    drawing = tag(
        "svg",
        lines(parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=f"{title}. {holds}.",
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{drawing}\n'


def heads(pen: Pen) -> str:
    """What each column holds, and the unit of its numbers."""
    named = {"sender": "senders", "signal": "signals, one row per audience", "receiver": "receivers"}
    drawn = []
    for kind, name in named.items():
        box = next(iter(pen.layout.column(kind)), None)
        if box is None:
            continue
        y = 12 + pen.baseline(11)
        if pen.measure and kind != "sender":
            unit = HEADS[pen.measure][kind == "receiver"]
            drawn.append(tag("text", unit, class_="col end", x=box.right - 10, y=y))
            name = "signals, by audience" if kind == "signal" and box.width < 230 else name
        end = kind == "sender"
        drawn.append(tag("text", name, class_="col end" if end else "col", x=box.right if end else box.x, y=y))
    return tag("g", *drawn, aria_hidden="true") if drawn else ""


def _lines(pen: Pen) -> str:
    """Lit lines lie above dimmed ones."""
    dimmed: list[str] = []
    drawn: list[str] = []
    for line in pen.layout.edges:
        data = pen.graph.edges[line.source, line.target]
        lit = pen.lights(line.source) and pen.lights(line.target) and pen.lights_any(data["connections"])
        receiving = pen.graph.nodes[line.target]["kind"] == "receiver"
        path = tag(
            "path",
            class_=classes("edge", receiving and "r", *doubts(data), not lit and "dim"),
            stroke_width=_width(pen, data.get("figures")),
            d=curve(line),
            data_connections=joined(data["connections"]) if pen.page else None,
        )
        (drawn if lit else dimmed).append(path + (stop(pen, line) if not data["can_fire"] else ""))
    return tag("g", lines(["", *dimmed, *drawn, ""]), aria_hidden="true") if dimmed or drawn else ""


def _width(pen: Pen, figures: Figures | None) -> float:
    return pen.scale.width_px(figures.value(pen.measure)) if figures and pen.measure else THIN_PX


def curve(line: Line) -> str:
    x1, y1, middle, y2, x2 = (number(one) for one in (line.x1, line.y1, (line.x1 + line.x2) / 2, line.y2, line.x2))
    return f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"
