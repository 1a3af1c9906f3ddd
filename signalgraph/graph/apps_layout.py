"""Where everything of the apps view goes: a band for each app, what it sends on the left, what it handles on the right.

An app is drawn on both sides, so that a line to it and a line from it don't read as a path. Bands are in an order of
their own, and columns as wide as opening any app could need: opening one moves the bands below it down, and nothing
else.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import networkx as nx

from signalgraph import names
from signalgraph.graph.apps import app_id, inside
from signalgraph.graph.layout import (
    BOTTOM,
    CELL,
    CHAR,
    GUTTERS,
    HEAD,
    LEFT,
    LIMITS,
    MARKS,
    PAD,
    ROW,
    SMALL_CHAR,
    SPREAD,
    TOP,
    Box,
    Layout,
    Line,
    columns_of,
    cut,
    joints_of,
    shown_labels,
    spread,
)
from signalgraph.graph.ordering import order_wiring
from signalgraph.graph.placing import place

BAND_GAP, FRAME_HEAD, FRAME_PAD = 12, 28, 10
APP, LANE, BADGE = 28, 20, 16  # height of an app's box with one line, of each further line, and of each badge
SIGNALS_CHARS = 27  # of what a lane says
STUB_PX = 190  # room on the right for what an app's receivers cause


@dataclass(frozen=True)
class Lane:
    """All connections from one collapsed app to another: level through the middle, then a cubic to the app.

    `pill` is (x, y, width) of the count; `label` says which signals, from `label_x` on.
    """

    source: str
    target: str
    line: Line
    label: str
    pill: tuple[float, float, float]
    label_x: float


@dataclass(frozen=True)
class Frame:
    """An opened app. Its boxes, by id, are in the layout's nodes; `graph` is what is drawn inside."""

    box: Box
    boxes: tuple[str, ...]
    graph: nx.DiGraph[str]


@dataclass(frozen=True)
class AppsLayout(Layout):
    """`nodes` hold the boxes inside frames, `sends` and `handles` those of the collapsed apps, by `app:` id."""

    sends: dict[str, Box] = field(default_factory=dict)
    handles: dict[str, Box] = field(default_factory=dict)
    lanes: list[Lane] = field(default_factory=list)
    frames: dict[str, Frame] = field(default_factory=dict)
    columns: tuple[tuple[int, int], ...] = ()  # x and width of the three


def layout_apps(graph: nx.DiGraph[str]) -> AppsLayout:
    """The layout of an apps graph; the same graph gives the same layout, and numbers don't move anything."""
    columns = _widths(graph)
    nodes: dict[str, Box] = {}
    sends: dict[str, Box] = {}
    handles: dict[str, Box] = {}
    frames: dict[str, Frame] = {}
    y = TOP
    order = _order(graph)
    for app in order:
        if graph.nodes[app]["open"]:
            frames[app] = _frame(graph, app, columns, y, nodes)
            y = frames[app].box.bottom + BAND_GAP
            continue
        band = _band(graph, app, columns, y, len(_slots(graph, app, order)))
        for box in band:
            (sends if box.kind == "sends" else handles)[app] = box
        y = max(box.bottom for box in band) + BAND_GAP
    edges, lanes = _lines(graph, nodes, sends, handles, columns, order)
    right = columns[2][0] + columns[2][1]
    stub = STUB_PX if graph.graph["app_causes"] else 0
    return AppsLayout(
        nodes,
        edges,
        width=right + max(stub, FRAME_PAD) + LEFT,
        height=max(y - BAND_GAP, TOP) + BOTTOM,
        sends=sends,
        handles=handles,
        lanes=lanes,
        frames=frames,
        columns=columns,
    )


def _order(graph: nx.DiGraph[str]) -> list[str]:
    """By name, then each where its lines are the shortest; what has no line to another app comes last.

    What is opened doesn't matter, so nothing changes places when an app is opened.
    """
    beside: dict[str, set[str]] = defaultdict(set)
    for node, data in graph.nodes(data=True):
        if data["kind"] == "app":
            ends = {app_id(app) for app in (*data["sent_to"], *data["heard_from"])} - {node}
            beside[node] = ends
    joined = sorted(node for node, ends in beside.items() if ends)
    for _ in range(4):
        before = list(joined)
        for node in before:
            rest = [one for one in joined if one != node]
            lengths = _lengths(rest, beside, node)
            at = lengths.index(min(lengths))
            joined = [*rest[:at], node, *rest[at:]]
        if joined == before:
            break
    return joined + sorted(node for node, ends in beside.items() if not ends)


def _lengths(rest: Sequence[str], beside: Mapping[str, set[str]], node: str) -> list[int]:
    """How much longer all lines get by putting an app before each of the others, and behind the last."""
    places = {one: place for place, one in enumerate(rest)}
    starts = [0] * (len(rest) + 1)  # by place: lines that begin to pass it there, less those that end before it
    for one, begin in places.items():
        for end in beside[one] - {node}:
            if places[end] > begin:
                starts[begin + 1] += 1
                starts[places[end] + 1] -= 1
    ends = [places[end] for end in beside[node]]
    return [
        passing + sum(here - end if end < here else end + 1 - here for end in ends)
        for here, passing in enumerate(accumulate(starts))
    ]


def _widths(graph: nx.DiGraph[str]) -> tuple[tuple[int, int], ...]:
    """x and width of the three columns."""
    chars = {kind: min(count, LIMITS[kind]) for kind, count in graph.graph["label_chars"].items()}
    apps = [data for _, data in graph.nodes(data=True) if data["kind"] == "app"]
    label = max((len(cut(data["label"], LIMITS["sender"])) for data in apps), default=0)
    badge = max((len(cut(text, LIMITS["receiver"])) + 4 for data in apps for text in data["badges"]), default=0)
    cell = CELL if "measure" in graph.graph else 0
    senders = max(96.0, max(chars["sender"], label) * CHAR + 2 * PAD)
    ports = min(chars["sender"], LIMITS["port"]) * SMALL_CHAR + 3 * PAD + 7 * SMALL_CHAR + cell
    signals = max(chars["signal"] * CHAR + 2 * PAD + cell, ports, SIGNALS_CHARS * SMALL_CHAR + 60)
    receivers = max(chars["receiver"], label) * CHAR + PAD + (MARKS + cell if cell else PAD)
    widths = [2 * math.ceil(one / 2) for one in (senders, signals, max(receivers, badge * SMALL_CHAR + 2 * PAD, 160))]
    x = LEFT + FRAME_PAD
    columns = []
    for width, gutter in zip(widths, (*GUTTERS, 0), strict=True):
        columns.append((x, width))
        x += width + gutter
    return tuple(columns)


def _slots(graph: nx.DiGraph[str], app: str, order: Sequence[str]) -> list[str]:
    """The apps that lines of a collapsed app lead to, each with its lane: itself first, so that it is straight.

    A lane stays where it is when the app at its end is opened.
    """
    ends = {end if graph.nodes[end]["kind"] == "app" else app_id(graph.nodes[end]["app"]) for end in graph[app]}
    return sorted(ends, key=lambda end: (end != app, order.index(end)))


def _band(graph: nx.DiGraph[str], app: str, columns: Sequence[tuple[int, int]], y: int, lanes: int) -> list[Box]:
    """The boxes of a collapsed app, at the gutters."""
    data = graph.nodes[app]
    label = cut(data["label"], LIMITS["sender"])
    sending = [text for text in data["badges"] if text.startswith("to ")]
    handling = len(data["badges"]) - len(sending)
    found = []
    if data["sent_to"]:
        width = 2 * math.ceil(max([len(label) * CHAR, *((len(one) + 4) * SMALL_CHAR for one in sending)]) / 2) + 2 * PAD
        width = min(max(width, 96), columns[0][1])
        height = APP + LANE * max(lanes - 1, 0) + BADGE * len(sending)
        found.append(Box(app, "sends", label, columns[0][0] + columns[0][1] - width, y, width, height))
    if data["heard_from"] or handling:
        found.append(Box(app, "handles", label, columns[2][0], y, columns[2][1], APP + BADGE * handling))
    return found or [Box(app, "handles", label, columns[2][0], y, columns[2][1], APP)]


def _frame(
    graph: nx.DiGraph[str], app: str, columns: Sequence[tuple[int, int]], y: int, nodes: dict[str, Box]
) -> Frame:
    """An opened app, its boxes added to `nodes`."""
    part = inside(graph, graph.nodes[app]["name"])
    order = order_wiring(part)
    elsewhere = {node for node, data in part.nodes(data=True) if data["kind"] == "sender"}.difference(order.senders)
    order.senders += sorted(elsewhere)  # what they send is handled in another opened app
    placed = columns_of(part, order, None)
    place(placed, joints_of(part, order), y + FRAME_HEAD)
    short = shown_labels(part)
    boxes: list[str] = []
    for column, kind, (x, width) in zip(placed, ("sender", "signal", "receiver"), columns, strict=True):
        for name, top, height in zip(column.names, column.tops, column.heights, strict=True):
            signal = name.partition(":")[2]
            label = part.graph["signal_labels"][signal] if kind == "signal" else part.nodes[name]["label"]
            nodes[name] = Box(name, kind, short[kind, label], x, top, width, height)
            boxes.append(name)
            for row, port in enumerate(order.ports[signal] if kind == "signal" else ()):
                label = short["port", part.nodes[port]["label"]]
                nodes[port] = Box(port, "port", label, x, top + HEAD + ROW * row, width, ROW)
    bottom = max((nodes[name].bottom for name in boxes), default=y + FRAME_HEAD)
    right = columns[2][0] + columns[2][1] + FRAME_PAD
    box = Box(app, "frame", graph.nodes[app]["label"], LEFT, y, right - LEFT, bottom + FRAME_PAD - y)
    return Frame(box, tuple(boxes), part)


def _lines(
    graph: nx.DiGraph[str],
    nodes: dict[str, Box],
    sends: dict[str, Box],
    handles: dict[str, Box],
    columns: Sequence[tuple[int, int]],
    order: Sequence[str],
) -> tuple[list[Line], list[Lane]]:
    """Lines at frames, and lanes between collapsed apps; all that reach a box reach it beside each other."""
    sources = sends | nodes
    targets = handles | nodes
    start: dict[tuple[str, str], float] = {}
    end: dict[tuple[str, str], float] = {}
    for source in sorted({source for source, _ in graph.edges}):
        box = sources[source]
        ends = list(graph.successors(source))
        if box.kind == "sends":
            start |= _starts(graph, box, _slots(graph, source, order), targets)
        else:
            apart = 3.0 if box.kind == "port" else SPREAD
            start |= {(source, target): y for target, y in spread(box, ends, targets, apart)}
    for target in sorted({target for _, target in graph.edges}):
        box = targets[target]
        own = {
            source: Box(source, "", "", 0, round(start[source, target]), 0, 0) for source in graph.predecessors(target)
        }
        shape = Box(target, box.kind, "", box.x, box.y, box.width, APP) if box.kind == "handles" else box
        apart = 0.0 if box.kind == "port" else SPREAD
        end |= {(source, target): y for source, y in spread(shape, list(own), own, apart)}
        if (target, target) in end and box.kind == "handles":
            end[target, target] = start[target, target]
    lines, lanes = [], []
    for source, target in sorted(graph.edges, key=lambda pair: (sources[pair[0]].x, start[pair], end[pair], pair)):
        at = (sources[source].right, start[source, target], targets[target].x, end[source, target])
        line = Line(source, target, *map(float, at))
        if sources[source].kind == "sends" and targets[target].kind == "handles":
            lanes.append(_lane(graph, line, columns))
        else:
            lines.append(line)
    return lines, lanes


def _starts(
    graph: nx.DiGraph[str], box: Box, slots: Sequence[str], targets: dict[str, Box]
) -> dict[tuple[str, str], float]:
    """Where the lines of a collapsed app leave it; those to the ports of one opened app share that app's lane."""
    found: dict[tuple[str, str], float] = {}
    for row, slot in enumerate(slots):
        y = box.y + APP // 2 + LANE * row
        if graph.has_edge(box.id, slot):
            found[box.id, slot] = float(y)
            continue
        ports = [end for end in graph[box.id] if graph.nodes[end].get("app") == graph.nodes[slot]["name"]]
        area = Box(box.id, "", "", box.x, y - LANE // 2, box.width, LANE)
        found |= {(box.id, end): at for end, at in spread(area, ports, targets, SPREAD)}
    return found


def _lane(graph: nx.DiGraph[str], line: Line, columns: Sequence[tuple[int, int]]) -> Lane:
    data = graph.edges[line.source, line.target]
    width = 14 + 7.0 * len(str(len(data["connections"])))
    x = columns[1][0] + 24.0
    return Lane(line.source, line.target, line, _signals(data["signals"]), (x, line.y1, width), x + width / 2 + 8)


def _signals(signals: Iterable[str]) -> str:
    """As many as fit: `pre_save, post_save, 4 more`."""
    labels = sorted({names.short(signal) for signal in signals})
    for kept in range(len(labels), 1, -1):
        text = ", ".join(labels[:kept]) + (f", {len(labels) - kept} more" if kept < len(labels) else "")
        if len(text) <= SIGNALS_CHARS:
            return text
    rest = f", {len(labels) - 1} more" if len(labels) > 1 else ""
    return cut(labels[0], SIGNALS_CHARS - len(rest)) + rest
