"""The apps view as SVG: a band for each app, lines that count connections, and opened apps with their wiring inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import networkx as nx

from signalgraph.exports import app_words
from signalgraph.exports.boxes import BORDERS, Pen, cell, doubts, draw_box, marks, outline
from signalgraph.exports.markup import classes, joined, lines, number, tag, text
from signalgraph.exports.stages import stop
from signalgraph.graph.apps import ANY_BADGE
from signalgraph.graph.apps_layout import APP, BADGE, FRAME_HEAD, AppsLayout, Frame, Lane
from signalgraph.graph.figures import HEADS, THIN_PX, short_number
from signalgraph.graph.layout import SMALL_CHAR, Box, Line, cut

CAUSED_CHARS = 26  # as many as fit into `STUB_PX`
KEYS = (
    (tag("rect", class_="pill", x=0.5, y=-1.5, width=20, height=14, rx=7), 26, "connections"),
    ("", 0, "a line to an app and one from it are no path"),
)


def draw_apps(pen: Pen) -> list[str]:
    """The parts of the drawing, from the back to the front."""
    layout = cast(AppsLayout, pen.layout)
    apps = [node for node, data in pen.graph.nodes(data=True) if data["kind"] == "app"]
    return [
        _heads(pen, layout),
        *(_frame(pen, frame) for frame in layout.frames.values()),
        tag("g", lines(["", *(_line(pen, line) for line in layout.edges), ""]), aria_hidden="true"),
        *(_lane(pen, lane, layout) for lane in layout.lanes),
        *(box for frame in layout.frames.values() for box in _inside(pen, frame)),
        *(_band(pen, layout, app) for app in apps if app not in layout.frames),
        *_caused(pen, layout),
    ]


def _heads(pen: Pen, layout: AppsLayout) -> str:
    y = 12 + pen.baseline(11)
    (left, width), (middle, _), (right, wide) = layout.columns
    drawn = [
        tag("text", "sent by", class_="col end", x=left + width, y=y),
        tag("text", "connections", class_="col", x=middle, y=y),
        tag("text", "handled by", class_="col", x=right, y=y),
    ]
    if pen.measure:
        drawn.append(tag("text", HEADS[pen.measure][1], class_="col end", x=right + wide - 10, y=y))
    return tag("g", *drawn, aria_hidden="true")


def _frame(pen: Pen, frame: Frame) -> str:
    """Around what is inside an opened app; its head closes it."""
    box, y = frame.box, frame.box.y + FRAME_HEAD / 2
    data = pen.graph.nodes[box.id]
    head = [
        tag("title", text(f"Close {data['label']}" if pen.page else data["label"])),
        tag("rect", class_="framehead", x=box.x, y=box.y, width=box.width, height=FRAME_HEAD, fill="none"),
        tag("path", class_="fold", d=f"M{box.x + 10} {number(y - 2)}l4 4 4 -4"),
        tag("text", text(box.label), class_="hd", x=box.x + 24, y=y + pen.baseline(12)),
    ]
    return tag(
        "g",
        tag("rect", class_="box", x=box.x, y=box.y, width=box.width, height=box.height, rx=6),
        _picked(pen, box.id, "".join(head)),
        id=box.id,
        class_="frame",
        data_kind="app",
        role="group",
        aria_label=app_words.of_app(pen.graph, box.id),
    )


def _inside(pen: Pen, frame: Frame) -> Iterator[str]:
    """The boxes of an opened app. Its signals hold the ports of this app only, so they are drawn by its own graph."""
    app = pen.graph.nodes[frame.box.id]["name"]
    whole: nx.DiGraph[str] = nx.DiGraph(pen.graph)
    whole.graph = frame.graph.graph
    own = Pen(whole, pen.layout, page=pen.page, link=_linking(pen.link, f"@{app}"))
    own.scale = pen.scale
    for one in frame.boxes:
        yield draw_box(own, pen.layout.nodes[one])


def _linking(link: Callable[[str], str] | None, suffix: str) -> Callable[[str], str] | None:
    """A signal in an app's frame leads to the signal."""
    if link is None:
        return None
    return lambda one: link(one.removesuffix(suffix) if one.startswith("signal:") else one)


def _line(pen: Pen, line: Line) -> str:
    data = pen.graph.edges[line.source, line.target]
    receiving = pen.graph.nodes[line.source]["kind"] == "port"
    middle = (line.x1 + line.x2) / 2
    curve = f"M{number(line.x1)} {number(line.y1)}C{number(middle)} {number(line.y1)} "
    drawn = tag(
        "path",
        tag("title", text(app_words.told(data["connections"]))),
        class_=classes("edge", receiving and "r", *doubts(data)),
        stroke_width=_width(pen, line),
        d=f"{curve}{number(middle)} {number(line.y2)} {number(line.x2)} {number(line.y2)}",
        data_connections=joined(data["connections"]) if pen.page else None,
    )
    return drawn + ("" if data["can_fire"] else stop(pen, line))


def _lane(pen: Pen, lane: Lane, layout: AppsLayout) -> str:
    """Level to the gutter before the receivers, then to the app; the count and the signals stand on the level part."""
    line, data = lane.line, pen.graph.edges[lane.source, lane.target]
    turn = layout.columns[1][0] + layout.columns[1][1]
    middle = (turn + line.x2) / 2
    bend = f"C{number(middle)} {number(line.y1)} {number(middle)} {number(line.y2)} {number(line.x2)} {number(line.y2)}"
    x, y, width = lane.pill
    label = tag("text", text(lane.label), class_="sm lane", x=lane.label_x, y=y - 9 + pen.baseline(11))
    parts = [
        tag("title", text(app_words.told(data["connections"]))),
        tag(
            "path",
            class_=classes("edge r", *doubts(data)),
            stroke_width=_width(pen, line),
            d=f"M{number(line.x1)} {number(line.y1)}H{number(turn)}{bend}",
            data_connections=joined(data["connections"]) if pen.page else None,
        ),
        tag("rect", class_="pill", x=x - width / 2, y=y - 8, width=width, height=16, rx=8),
        tag("text", str(len(data["connections"])), class_="pilltext", x=x, y=y + pen.baseline(11)),
        label,
        "" if data["can_fire"] else stop(pen, line),
    ]
    said = f"{app_words.of_line(pen.graph, lane.source, lane.target)}, {lane.label}"
    return tag("g", *parts, class_="lane", role="img", aria_label=said)


def _width(pen: Pen, line: Line) -> float:
    figures = pen.graph.edges[line.source, line.target].get("figures")
    return pen.scale.width_px(figures.value(pen.measure)) if figures and pen.measure else THIN_PX


def _band(pen: Pen, layout: AppsLayout, app: str) -> str:
    """A collapsed app: one thing to click, drawn on the side where it sends and on the side where it handles."""
    data = pen.graph.nodes[app]
    parts = [tag("title", text(f"Open {data['label']}" if pen.page else data["label"]))]
    if app in layout.sends:
        parts.append(_sends(pen, layout.sends[app]))
    if app in layout.handles:
        parts.append(_handles(pen, layout.handles[app]))
    drawn = tag(
        "g",
        *parts,
        id=app,
        class_="band",
        data_kind="app",
        role="group" if pen.page else "img",
        aria_label=app_words.of_app(pen.graph, app),
    )
    return _picked(pen, app, drawn)


def _sends(pen: Pen, box: Box) -> str:
    label = tag("text", text(box.label), class_="end", x=box.right - 12, y=box.y + APP / 2 + pen.baseline(12))
    return tag("g", outline(box), label, *_badges(pen, box, sending=True), class_="node sender")


def _handles(pen: Pen, box: Box) -> str:
    figures = pen.graph.nodes[box.id].get("figures")
    head = Box(box.id, "receiver", box.label, box.x, box.y, box.width, APP)
    return tag(
        "g",
        outline(box, 9),
        tag("text", text(box.label), x=box.x + 12, y=head.middle + pen.baseline(12)),
        marks(pen, head, figures),
        cell(pen, head, figures),
        *_badges(pen, box, sending=False),
        class_=classes("node", "receiver", BORDERS.get(pen.heat(figures))),
    )


def _badges(pen: Pen, box: Box, *, sending: bool) -> Iterator[str]:
    """Connections that are no line, a row each, at the bottom of the box."""
    own = [(said, ids) for said, ids in pen.graph.nodes[box.id]["badges"].items() if said.startswith("to ") == sending]
    for place, (said, ids) in enumerate(own):
        y = box.bottom - BADGE * (len(own) - place) + BADGE / 2 - 3
        room = int((box.width - 48) / SMALL_CHAR)
        shown = f"+{len(ids)} {cut('for ' * (said == ANY_BADGE) + said, room)}"
        x = box.right - 12 if sending else box.x + 12
        yield tag(
            "g",
            tag("title", text(app_words.told(ids))),
            tag("text", text(shown), class_=classes("sm it", sending and "end"), x=x, y=y + pen.baseline(11)),
            class_="badge",
            data_connections=joined(ids) if pen.page else None,
        )


def _caused(pen: Pen, layout: AppsLayout) -> Iterator[str]:
    """On the right of an app: how often its receivers dispatched, and in which app."""
    by_app: dict[str, list[tuple[str, int]]] = {}
    for source, target, dispatched in pen.graph.graph["app_causes"]:
        by_app.setdefault(f"app:{source}", []).append((target, dispatched))
    for app, causes in sorted(by_app.items()):
        frame = layout.frames.get(app)
        box = frame.box if frame else layout.handles[app]
        x, y = box.right, box.y + (FRAME_HEAD if frame else APP) / 2
        causes.sort(key=lambda cause: (-cause[1], cause[0]))
        shown = f"{short_number(causes[0][1])} in {causes[0][0]}"
        more = f" +{len(causes) - 1}" if len(causes) > 1 else ""
        said = f"{pen.graph.nodes[app]['label']} causes {app_words.of_causes(causes)}"
        parts = [
            tag("title", text(said)),
            tag("path", class_="cause", d=f"M{x} {number(y)}h10"),
            tag("path", class_="cause-tip", d=f"M{x + 9} {number(y - 3)}l6 3 -6 3z"),
            tag(
                "text",
                text(cut(shown, CAUSED_CHARS - len(more)) + more),
                class_="num st",
                x=x + 18,
                y=y + pen.baseline(11),
            ),
        ]
        yield tag("g", *parts, class_="stub", role="img", aria_label=said)


def _picked(pen: Pen, app: str, drawn: str) -> str:
    if not (pen.page and pen.link):
        return drawn
    return tag("a", drawn, href=pen.link(app), class_="pick", tabindex="-1")
