"""Senders, signals with their ports, and receivers as SVG groups: a shape, a name, a number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import networkx as nx

from signalgraph.events import ANY_SENDER
from signalgraph.exports import words
from signalgraph.exports.markup import classes, joined, lines, tag, text
from signalgraph.graph.figures import HEADS, Figures, Measure, Scale, scale_of, short_number
from signalgraph.graph.focus import Cause, Focus
from signalgraph.graph.layout import HEAD, Box, Layout, badge, shown_labels
from signalgraph.names import connection_id, parse_connection_id

CELL_PX = 38
BORDERS = {4: "w2", 5: "w3"}  # by heat step
HIDDEN = "none"  # an attribute, not a style: the page's policy allows it, and its style sheet overrules it


class Pen:
    """What all parts of one drawing need to know. On the page, parts that scripts show later are drawn hidden."""

    def __init__(
        self,
        graph: nx.DiGraph[str],
        layout: Layout,
        *,
        page: bool,
        focus: Focus | None = None,
        link: Callable[[str], str] | None = None,
    ) -> None:
        self.graph, self.layout, self.page, self.focus, self.link = graph, layout, page, focus, link
        self.measure: Measure | None = graph.graph.get("measure")
        measure = self.measure
        self.scale = scale_of((one.value(measure) for one in self._figures()), measure) if measure else Scale()

    def _figures(self) -> Iterable[Figures]:
        yield from self.graph.graph.get("signal_figures", {}).values()
        yield from (data["figures"] for _, data in self.graph.nodes(data=True) if "figures" in data)

    @cached_property
    def signals(self) -> dict[str, str]:
        """What is written of each signal."""
        short = shown_labels(self.graph)
        return {signal: short["signal", label] for signal, label in self.graph.graph["signal_labels"].items()}

    @cached_property
    def on_cycles(self) -> set[Cause]:
        """The causes that a listed cycle is made of."""
        found = set()
        for ring in self.graph.graph.get("cycles", ()):
            for one, other in zip(ring, [*ring[1:], ring[0]], strict=True):
                (handled, cause, receiver), (sender, signal, _) = map(parse_connection_id, (one, other))
                found |= {(connection_id(each, cause, receiver), signal, sender) for each in (handled, ANY_SENDER)}
        return found

    def baseline(self, size_px: int) -> float:
        """From the middle of a line of text to its y. The page centres text by style, which not all programs know."""
        return 0.5 if self.page else round(size_px * 0.35, 1)

    def lights(self, node: str) -> bool:
        return self.focus is None or node in self.focus.nodes

    def lights_any(self, connections: Iterable[str]) -> bool:
        return self.focus is None or self.focus.lights(connections)

    def state(self, node: str) -> str | None:
        if self.focus is not None and node == self.focus.selected:
            return "sel"
        return None if self.lights(node) else "dim"

    def doubt(self, receiver: str) -> str | None:
        """Whether nothing that leads to a receiver can fire, or was ever seen to."""
        lines = [line for *_, line in self.graph.in_edges(receiver, data=True)]
        if all(not line["can_fire"] for line in lines):
            return "stuck"
        return "unseen" if all(line.get("observed") is False for line in lines) else None

    def heat(self, figures: Figures | None) -> int:
        """The heat step, 0 where nothing was measured."""
        return self.scale.step(figures.value(self.measure)) if figures and self.measure else 0

    def connections(self, node: str, *, incoming: bool) -> str | None:
        if not self.page:
            return None
        found = self.graph.in_edges(node, data=True) if incoming else self.graph.out_edges(node, data=True)
        return joined(sorted({one for _, _, data in found for one in data.get("connections", ())}))


def draw_box(pen: Pen, box: Box) -> str:
    drawn = {"sender": _sender, "signal": _signal, "receiver": _receiver}[box.kind](pen, box)
    if not (pen.page and pen.link):
        return drawn
    return tag("a", drawn, href=pen.link(box.id), class_="pick", tabindex="-1")


def _sender(pen: Pen, box: Box) -> str:
    emphasis = pen.focus is not None and pen.lights(box.id)
    return tag(
        "g",
        tag("title", text(pen.graph.nodes[box.id]["name"])),
        ring(pen, box, 4),
        outline(box),
        tag("text", text(box.label), class_=classes("end", emphasis and "hd"), x=box.right - 10, y=middle(pen, box)),
        id=box.id,
        class_=classes("node", "sender", pen.state(box.id)),
        data_kind="sender",
        role="img",
        aria_label=words.of_sender(pen.graph, box.id),
    )


def _signal(pen: Pen, box: Box) -> str:
    signal = box.id.partition(":")[2]
    figures = pen.graph.graph.get("signal_figures", {}).get(signal)
    ports = pen.graph.graph["signals"][signal]
    rows = sorted((pen.layout.nodes[port] for port in ports), key=lambda row: row.y)
    y = box.y + HEAD / 2 + 0.5
    sides = f"V{box.y + 3}a1.5 1.5 0 0 1 1.5 -1.5H{box.right - 3}a1.5 1.5 0 0 1 1.5 1.5V{box.y + HEAD}z"
    cap = f"M{box.x + 1.5} {box.y + HEAD}{sides}"
    parts = [
        "",
        tag("title", text(signal)),
        ring(pen, box, 6),
        outline(box, 3),
        tag("path", class_="cap", d=cap),
        tag("text", text(box.label), class_="hd", x=box.x + 12, y=y + pen.baseline(12)),
        _signal_number(pen, box, figures) if len(rows) > 1 else "",
        *(_port(pen, row) for row in rows),
        "",
    ]
    return tag(
        "g",
        lines(parts),
        id=box.id,
        class_=classes("node", "signal", BORDERS.get(pen.heat(figures)), pen.state(box.id)),
        data_kind="signal",
        role="group" if pen.page else "img",
        aria_label=words.of_signal(pen.graph, signal),
    )


def _signal_number(pen: Pen, box: Box, figures: Figures | None) -> str:
    if figures is None or pen.measure is None:
        return ""
    unit = "/s" if HEADS[pen.measure][0].endswith("/s") else ""
    shown = short_number(figures.value(pen.measure)) + unit
    y = box.y + HEAD / 2 + 0.5 + pen.baseline(11)
    return tag("text", text(shown), class_="num", x=box.right - 12, y=y, data_count="" if pen.page else None)


def _port(pen: Pen, row: Box) -> str:
    data = pen.graph.nodes[row.id]
    lit, stands_out = pen.lights(row.id), pen.focus is not None and pen.lights(row.id)
    y = row.middle + pen.baseline(11)
    wide = CELL_PX + 16 if pen.measure else 12
    pins = [row.right] if data["any"] and not data["senders"] else [row.x, row.right]
    parts = [
        tag("title", text(words.title_of_port(pen.graph, row.id))),
        tag(
            "rect",
            class_=classes("portrow", stands_out and "on"),
            x=row.x + 1,
            y=row.y + 0.5,
            width=row.width - 2,
            height=row.height - 1,
            fill=HIDDEN,
        )
        if pen.page or stands_out
        else "",
        tag("path", class_="rule", d=f"M{row.x + 1} {row.y + 0.5}h{row.width - 2}"),
        tag("text", text(row.label), class_=classes("sm", data["any"] and "it"), x=row.x + 12, y=y),
        tag("text", badge(pen.graph, row.id), class_="sm it end", x=row.right - wide, y=y) if data["also"] else "",
        cell(pen, row, data.get("figures")),
        *(tag("circle", class_="pin", cx=x, cy=row.middle, r=3) for x in pins),
    ]
    return tag(
        "g",
        *parts,
        id=row.id,
        class_=classes("port", not lit and "dim"),
        data_kind="port",
        data_connections=pen.connections(row.id, incoming=False),
        role="img" if pen.page else None,
        aria_label=words.of_port(pen.graph, row.id),
    )


def _receiver(pen: Pen, box: Box) -> str:
    data = pen.graph.nodes[box.id]
    figures: Figures | None = data.get("figures")
    emphasis = pen.focus is not None and pen.lights(box.id)
    parts = [
        tag("title", text(words.title_of_receiver(pen.graph, box.id))),
        ring(pen, box, 12),
        outline(box, 9),
        tag("text", text(box.label), class_=classes(emphasis and "hd"), x=box.x + 12, y=middle(pen, box)),
        marks(pen, box, figures),
        cell(pen, box, figures),
    ]
    return tag(
        "g",
        *parts,
        id=box.id,
        class_=classes(
            "node",
            "receiver",
            data["is_async"] and "async",
            pen.doubt(box.id),
            BORDERS.get(pen.heat(figures)),
            pen.state(box.id),
        ),
        data_kind="receiver",
        data_connections=pen.connections(box.id, incoming=True),
        role="img",
        aria_label=words.of_receiver(pen.graph, box.id),
    )


def marks(pen: Pen, box: Box, figures: Figures | None) -> str:
    """A cross for errors, with their number where there are several, else a triangle for a slow one."""
    if figures is None or not pen.measure:
        return ""
    x, y = box.right - CELL_PX - 10, box.middle
    several = short_number(figures.errors) if figures.errors > 1 else ""
    if figures.errors or pen.page:
        display = None if figures.errors else HIDDEN
        cross = tag("path", class_="x", d=f"M{x - 14:g} {y - 4:g}l8 8m0 -8l-8 8")
        shown = (
            tag("text", text(several), class_="num", x=x - 17, y=y + pen.baseline(11)) if several or pen.page else ""
        )
        mark = tag("g", cross, shown, class_="errors", display=display, data_errors="" if pen.page else None)
    else:
        mark = ""
    slow = figures.slow and not figures.errors
    return mark + (tag("path", class_="tri", d=f"M{x - 10:g} {y - 5:g}l5 9h-10z") if slow else "")


def cell(pen: Pen, box: Box, figures: Figures | None) -> str:
    """The number on its heat."""
    if figures is None or not pen.measure:
        return ""
    x, step = box.right - CELL_PX - (8 if box.kind == "port" else 10), pen.heat(figures)
    shown = short_number(figures.value(pen.measure))
    return tag("rect", class_=f"heat ht{step}", x=x, y=box.middle - 7, width=CELL_PX, height=14, rx=2) + tag(
        "text",
        text(shown),
        class_=f"num hk{step}",
        x=x + CELL_PX - 5,
        y=box.middle + pen.baseline(11),
        data_count="" if pen.page else None,
    )


def outline(box: Box, radius: int | None = None) -> str:
    return tag("rect", class_="box", x=box.x, y=box.y, width=box.width, height=box.height, rx=radius)


def ring(pen: Pen, box: Box, radius: int) -> str:
    """Around what is selected, 4 px outside."""
    chosen = pen.focus is not None and pen.focus.selected == box.id
    if not (chosen or pen.page):
        return ""
    size = {"x": box.x - 4, "y": box.y - 4, "width": box.width + 8, "height": box.height + 8}
    return tag("rect", class_="ring", **size, rx=radius, display=None if chosen else HIDDEN)


def middle(pen: Pen, box: Box) -> float:
    return box.middle + pen.baseline(12)


def doubts(data: Mapping[str, Any]) -> list[str]:
    """Why a line is not drawn as a live one."""
    unseen = data.get("observed") is False and data["can_fire"]
    return [word for word, is_so in (("stuck", not data["can_fire"]), ("unseen", unseen)) if is_so]
