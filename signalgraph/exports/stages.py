"""A focus or path as SVG: dispatches and handlings stage by stage, and the causes between them."""

from __future__ import annotations

from signalgraph.exports import stage_words
from signalgraph.exports.boxes import BORDERS, Pen, cell, marks, middle, outline, ring
from signalgraph.exports.causes import path
from signalgraph.exports.markup import classes, joined, lines, number, tag, text
from signalgraph.graph.figures import HEADS, THIN_PX, short_number
from signalgraph.graph.layered import besides
from signalgraph.graph.layout import HEAD, ROW, Box, Line
from signalgraph.graph.routes import Route, Stub

NOTE_LINE_PX = 18


def draw_stages(pen: Pen) -> list[str]:
    """The parts of the drawing, from the back to the front."""
    if not pen.layout.nodes:
        return [_note(pen)]
    return [
        _heads(pen),
        _lines(pen),
        tag("g", lines(["", *(_wire(pen, route) for route in pen.layout.causes), ""])),
        *(_stub(pen, stub) for stub in pen.layout.stubs),
        *(_picked(pen, box) for box in pen.layout.nodes.values()),
        tag("g", lines(["", *(_pill(pen, route) for route in pen.layout.causes), ""]), aria_hidden="true"),
        _stops(pen),
    ]


def _note(pen: Pen) -> str:
    """What is said where there is nothing to draw."""
    spans = [
        tag("text", text(line), class_="say", x=16, y=32 + NOTE_LINE_PX * at + pen.baseline(11))
        for at, line in enumerate(stage_words.note_lines(pen.graph))
    ]
    return tag("g", *spans, class_="note")


def _heads(pen: Pen) -> str:
    """Over each column what it holds, and the unit of its numbers."""
    columns: dict[tuple[int, str], Box] = {}
    for box in pen.layout.nodes.values():
        columns.setdefault((pen.graph.nodes[box.id]["stage"], box.kind), box)
    drawn = []
    for (stage, kind), box in sorted(columns.items()):
        y = 12 + pen.baseline(11)
        end = kind == "sender"
        head = stage_words.head(stage, kind)
        drawn.append(tag("text", head, class_=classes("col", end and "end"), x=box.right if end else box.x, y=y))
        if pen.measure and not end:
            unit = HEADS[pen.measure][kind == "receiver"]
            drawn.append(tag("text", unit, class_="col end", x=box.right - 10, y=y))
    return tag("g", *drawn, aria_hidden="true")


def _picked(pen: Pen, box: Box) -> str:
    drawn = {"sender": _sender, "port": _port, "receiver": _receiver}[box.kind](pen, box)
    if not (pen.page and pen.link):
        return drawn
    return tag("a", drawn, href=pen.link(stage_words.selects(pen.graph, box.id)), class_="pick", tabindex="-1")


def _state(pen: Pen, node: str) -> str | None:
    """How a box stands out or back: picked, dimmed or what was asked for; never seen, or unable to fire."""
    is_start = node in pen.graph.graph["starts"]
    return classes(pen.state(node) or ("start" if is_start else None), _doubt(pen, node))


def _doubt(pen: Pen, node: str) -> str | None:
    data = pen.graph.nodes[node]
    around = pen.graph.in_edges(node, data=True) if data["kind"] == "receiver" else pen.graph.out_edges(node, data=True)
    connections = [line for _, _, line in around if line["kind"] == "connection"]
    if connections and not any(line["can_fire"] for line in connections):
        return "stuck"
    return "unseen" if data.get("observed") is False else None


def _sender(pen: Pen, box: Box) -> str:
    return tag(
        "g",
        tag("title", text(pen.graph.nodes[box.id]["name"])),
        ring(pen, box, 4),
        outline(box),
        tag("text", text(box.label), class_="end", x=box.right - 10, y=middle(pen, box)),
        id=box.id,
        class_=classes("node", "sender", pen.state(box.id)),
        data_kind="sender",
        role="img",
        aria_label=stage_words.of_sender(pen.graph, box.id),
    )


def _port(pen: Pen, box: Box) -> str:
    """The signal over its sender."""
    data = pen.graph.nodes[box.id]
    figures = data.get("figures")
    row = Box(box.id, "port", box.label, box.x, box.y + HEAD, box.width, ROW)
    sides = f"V{box.y + 3}a1.5 1.5 0 0 1 1.5 -1.5H{box.right - 3}a1.5 1.5 0 0 1 1.5 1.5V{box.y + HEAD}z"
    head = pen.signals[data["signal"]]
    more = besides(pen.graph, box.id)
    y = row.middle + pen.baseline(11)
    parts = [
        tag("title", text(stage_words.title_of_port(pen.graph, box.id))),
        ring(pen, box, 6),
        outline(box, 3),
        tag("path", class_="cap", d=f"M{box.x + 1.5} {box.y + HEAD}{sides}"),
        tag("text", text(head), class_="hd", x=box.x + 12, y=box.y + HEAD / 2 + 0.5 + pen.baseline(12)),
        tag("path", class_="rule", d=f"M{box.x + 1} {box.y + HEAD + 0.5}h{box.width - 2}"),
        tag("text", text(box.label), class_=classes("sm", data["any"] and "it"), x=box.x + 12, y=y),
        tag("text", more, class_="sm it end", x=box.right - (54 if pen.measure else 12), y=y) if more else "",
        cell(pen, row, figures),
        *(tag("circle", class_="pin", cx=x, cy=row.middle, r=3) for x in _pins(pen, box)),
    ]
    return tag(
        "g",
        *parts,
        id=box.id,
        class_=classes("node", "signal", BORDERS.get(pen.heat(figures)), _state(pen, box.id)),
        data_kind="port",
        data_connections=pen.connections(box.id, incoming=False),
        role="img",
        aria_label=stage_words.of_port(pen.graph, box.id),
    )


def _pins(pen: Pen, box: Box) -> list[int]:
    """Where lines that are no causes meet the row."""
    sent = any(line["kind"] == "connection" for _, _, line in pen.graph.in_edges(box.id, data=True))
    return [*([box.x] if sent else []), *([box.right] if pen.graph.adj[box.id] else [])]


def _receiver(pen: Pen, box: Box) -> str:
    data = pen.graph.nodes[box.id]
    figures = data.get("figures")
    is_general = data["for_any"] and figures is None
    y = box.middle + pen.baseline(11)
    parts = [
        tag("title", text(stage_words.title_of_receiver(pen.graph, box.id))),
        ring(pen, box, 12),
        outline(box, 9),
        tag("text", text(box.label), x=box.x + 12, y=middle(pen, box)),
        marks(pen, box, figures),
        cell(pen, box, figures),
        tag("text", "any", class_="sm it end", x=box.right - 12, y=y) if is_general else "",
    ]
    return tag(
        "g",
        *parts,
        id=box.id,
        class_=classes(
            "node", "receiver", data["is_async"] and "async", BORDERS.get(pen.heat(figures)), _state(pen, box.id)
        ),
        data_kind="receiver",
        data_connections=joined([data["connection"]]) if pen.page and figures is not None else None,
        role="img",
        aria_label=stage_words.of_receiver(pen.graph, box.id),
    )


def _lines(pen: Pen) -> str:
    """Connections; lit ones lie above dimmed ones."""
    dimmed: list[str] = []
    drawn: list[str] = []
    for line in pen.layout.edges:
        data = pen.graph.edges[line.source, line.target]
        lit = pen.lights(line.source) and pen.lights(line.target)
        receiving = pen.graph.nodes[line.target]["kind"] == "receiver"
        state = "stuck" if not data["can_fire"] else "unseen" if data["observed"] is False else None
        figures = data.get("figures")
        element = tag(
            "path",
            class_=classes("edge", receiving and "r", state, not lit and "dim"),
            stroke_width=pen.scale.width_px(figures.value(pen.measure)) if figures and pen.measure else THIN_PX,
            d=_curve(line),
            data_connections=joined([line.target]) if pen.page else None,
        )
        (drawn if lit else dimmed).append(element)
    return tag("g", lines(["", *dimmed, *drawn, ""]), aria_hidden="true")


def _curve(line: Line) -> str:
    x1, y1, between, y2, x2 = (number(one) for one in (line.x1, line.y1, (line.x1 + line.x2) / 2, line.y2, line.x2))
    return f"M{x1} {y1}H{x2}" if y1 == y2 else f"M{x1} {y1}C{between} {y1} {between} {y2} {x2} {y2}"


def _stops(pen: Pen) -> str:
    """A no-entry sign on each line that nothing comes along."""
    drawn = []
    for line in pen.layout.edges:
        if not pen.graph.edges[line.source, line.target]["can_fire"]:
            drawn.append(stop(pen, line))
    return tag("g", lines(["", *drawn, ""])) if drawn else ""


def stop(pen: Pen, line: Line) -> str:
    """A circle with a bar, halfway, and the reason on hover."""
    x, y = (line.x1 + line.x2) / 2, (line.y1 + line.y2) / 2
    why = pen.graph.edges[line.source, line.target]["why"]
    sign = tag("circle", cx=x, cy=y, r=5) + tag("path", d=f"M{number(x - 2.5)} {number(y)}h5")
    return tag("g", tag("title", text(f"Can't fire: {why}.")), sign, class_="stop")


def _wire(pen: Pen, route: Route) -> str:
    """Begins at the port, so that the dashes of causes which share a trunk fall on each other."""
    lit = pen.lights(route.receiver) and pen.lights(route.port)
    back = pen.graph.edges[route.receiver, route.port]["back"]
    x, y = route.points[-1]
    said = stage_words.of_cause(pen.graph, route)
    parts = [
        tag("title", text(said)),
        tag("path", class_=classes("cause", back and "back"), d=path([(x - 7, y), *route.points[-2::-1]])),
        tag("path", class_="cause-tip", d=f"M{number(x - 8)} {number(y - 4)}l8 4 -8 4z"),
    ]
    return tag("g", *parts, class_=classes("wire", not lit and "dim"), role="img", aria_label=said, **_ends(pen, route))


def _pill(pen: Pen, route: Route) -> str:
    if not route.count:  # seen, with no number to be told
        return ""
    lit = pen.lights(route.receiver) and pen.lights(route.port)
    x, y, width = route.pill
    parts = [
        tag("rect", class_="pill", x=x - width / 2, y=y - 8, width=width, height=16, rx=8),
        tag("text", text(short_number(route.count)), class_="pilltext", x=x, y=y + pen.baseline(11)),
    ]
    return tag("g", *parts, class_=classes("wire", not lit and "dim"), **_ends(pen, route))


def _ends(pen: Pen, route: Route) -> dict[str, str | None]:
    """Which handling dispatched (`data-from`), and what: `signal|sender` (`data-to`)."""
    if not pen.page:
        return {}
    data = pen.graph.nodes[route.port]
    return {"data_from": joined([route.receiver]), "data_to": joined([f"{data['signal']}|{data['sender']}"])}


def _stub(pen: Pen, stub: Stub) -> str:
    """What is not drawn: out of a receiver, or into a port."""
    x, y = stub.x, stub.y
    out = pen.graph.nodes[stub.receiver]["kind"] == "receiver"
    said = stage_words.of_stub(pen.graph, stub)
    count = text(f"+{short_number(stub.count)}")
    parts = [
        tag("title", text(said)),
        tag("text", count, class_="num st" if out else "num", x=x + (18 if out else 14), y=y + pen.baseline(11)),
        tag("path", class_="cause", d=f"M{number(x + (0 if out else 17))} {number(y)}h10"),
        tag("path", class_="cause-tip", d=f"M{number(x + (9 if out else 27))} {number(y - 3)}l6 3 -6 3z"),
    ]
    lit = pen.lights(stub.receiver)
    return tag("g", *parts, class_=classes("stub", not lit and "dim"), role="img", aria_label=said)
