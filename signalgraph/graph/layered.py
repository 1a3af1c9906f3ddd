"""Where everything of a focus or path goes: stage after stage, from left to right. Pure geometry in px."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

import networkx as nx

from signalgraph.graph.layers import Layers, is_way, layer, way_out
from signalgraph.graph.layout import (
    BOTTOM,
    BOX,
    CELL,
    CHAR,
    HEAD,
    LEFT,
    MARKS,
    PAD,
    ROW,
    SMALL_CHAR,
    SPREAD,
    SPREAD_IN,
    TOP,
    Box,
    Layout,
    Line,
    shown_labels,
)
from signalgraph.graph.placing import Column, Joint, place
from signalgraph.graph.routes import Route, Stub, pill_width, without_needless
from signalgraph.graph.wires import EXIT, PILL_GAP, TIP, Wiring, exits, shows_causes_left

PORT, PORT_AT = HEAD + ROW, HEAD + ROW // 2  # height of a port's box, and of its row's middle
WAY = 2
WAY_PULL = 40  # lines that a level way is worth
BETWEEN, WITHIN = 14, 4  # between blocks, and between the receivers of one
GUTTER, CAUSE_GUTTER = 64, 40
WAY_GAP = 6  # between a way and what is over or under it
LEFT_STUB = 34
Labels = Mapping[tuple[str, str], str]  # what is written, by kind and whole label
NOTE_PX = 640  # of what is said where there is nothing to draw
LEAST = {"sender": 96, "port": 140, "receiver": 140}


def layout_stages(graph: nx.DiGraph[str]) -> Layout:
    """The layout of a focus or path: the same graph gives the same layout, to the pixel."""
    if not graph:
        return Layout(width=NOTE_PX, height=NOTE_PX // 8)
    layers = layer(graph)
    leaving = exits(graph, layers)
    heights = {node: _height(graph, node, leaving) for node in graph}
    columns = _columns(layers, heights)
    place(columns, _joints(graph, layers, heights), TOP, slack=PORT_AT - BOX // 2 - (PORT - BOX))
    _level_ways(layers, columns)
    tops = {name: top for column in columns for name, top in zip(column.names, column.tops, strict=True)}
    tall = {name: height for column in columns for name, height in zip(column.names, column.heights, strict=True)}
    wiring = Wiring(graph, layers, tops, tall, leaving)
    boxes = _boxes(graph, columns, _across(graph, columns, wiring))
    return _finished(graph, layers, wiring, boxes)


def besides(graph: nx.DiGraph[str], port: str) -> str:
    """What a port's row says of receivers that run too and are not drawn."""
    count = len(graph.nodes[port]["besides"])
    return f"+{count} more" if count else ""


def _height(graph: nx.DiGraph[str], node: str, leaving: Mapping[str, list[str]]) -> int:
    if graph.nodes[node]["kind"] == "port":
        return PORT
    return max(BOX, EXIT * len(leaving.get(node, ())) + 4)


def _columns(layers: Layers, heights: Mapping[str, int]) -> list[Column]:
    """Of the senders, then of each stage its ports and its receivers; ways stand among both."""
    found = [_column([[sender] for sender in layers.blocks[0]], heights)]
    for blocks in layers.blocks[1:]:
        found.append(_column([[block] for block in blocks], heights))
        found.append(_column([layers.right[block] for block in blocks], heights))
    return found


def _column(groups: list[list[str]], heights: Mapping[str, int]) -> Column:
    rows = [row for group in groups for row in group]
    firsts = {group[0] for group in groups if group}
    gaps = [BETWEEN if lower in firsts else WITHIN for _, lower in pairwise(rows)]
    return Column(rows, [WAY if is_way(row) else heights[row] for row in rows], [0, *gaps, 0][: len(rows) + 1])


def _joints(graph: nx.DiGraph[str], layers: Layers, heights: Mapping[str, int]) -> list[Joint]:
    """Lines pull what they join to the same height; those within a stage, and ways, most."""

    def at(name: str) -> int:
        if is_way(name):
            return WAY // 2
        return PORT_AT if graph.nodes[name]["kind"] == "port" else heights[name] // 2

    found = []
    for stage, blocks in enumerate(layers.blocks):
        for block in blocks if stage else ():
            pull = WAY_PULL if is_way(block) else 2
            found += [Joint(block, row, at(block), at(row), pull) for row in layers.right[block]]
    found += [
        Joint(row, block, at(row), at(block)) for row, reached in sorted(layers.lines.items()) for block in reached
    ]
    return found


def _level_ways(layers: Layers, columns: list[Column]) -> None:
    """Let ways go straight on, to and fro, as far as there is room over and under them."""
    found = []
    places = [{name: place for place, name in enumerate(column.names)} for column in columns]
    for _, ways in sorted(layers.ways.items()):
        sides = [
            (2 * stage - 1 + side, name) for stage in sorted(ways) for side, name in enumerate(_sides(ways[stage]))
        ]
        found.append([(columns[index], places[index][name]) for index, name in sides])
    for run in (run[::direction] for direction in (1, -1, 1) for run in found):
        for (before, one), (column, at) in pairwise(run):
            above = column.tops[at - 1] + column.heights[at - 1] + WAY_GAP if at else TOP
            below = column.tops[at + 1] - WAY_GAP - WAY if at + 1 < len(column.names) else math.inf
            if above <= before.tops[one] <= below:
                column.tops[at] = before.tops[one]


def _sides(way: str) -> tuple[str, str]:
    return way, way_out(way)


def _across(graph: nx.DiGraph[str], columns: list[Column], wiring: Wiring) -> list[tuple[int, int]]:
    """The left side and the width of each column, with room for lanes in the gutters between them."""
    found: list[tuple[int, int]] = []
    short, x = shown_labels(graph), LEFT
    for index, column in enumerate(columns):
        width = _width(graph, [name for name in column.names if not is_way(name)], short)
        found.append((x, width))
        lanes = wiring.widths[index]
        if index % 2 or not index:
            gutter = GUTTER if width else 2 * TIP if lanes else 0
            wiring.channels[index].left = x + width + gutter / 2
            x += width + gutter + lanes
            continue
        room = wiring.room(index // 2)
        wiring.channels[index].left = x + width + room + TIP
        is_last = index == len(columns) - 1
        stubs = (
            LEFT_STUB
            if not is_last and any(shows_causes_left(graph, name) for name in columns[index + 1].names if name in graph)
            else 0
        )
        x += width + round(room) + (lanes + stubs + (0 if is_last and not lanes else CAUSE_GUTTER))
    return [*found, (x, 0)]


def _width(graph: nx.DiGraph[str], nodes: list[str], short: Labels) -> int:
    if not nodes:
        return 0
    kind = graph.nodes[nodes[0]]["kind"]
    widest = max(_needed(graph, node, short) for node in nodes)
    return max(LEAST[kind], 2 * math.ceil(widest / 2))


def _needed(graph: nx.DiGraph[str], node: str, short: Labels) -> float:
    data = graph.nodes[node]
    label = len(short[data["kind"], data["label"]])
    cell = CELL if "measure" in graph.graph else 0
    if data["kind"] == "sender":
        return label * CHAR + 2 * PAD
    if data["kind"] == "receiver":
        return label * CHAR + PAD + (MARKS + cell if cell else PAD + (MARKS if data["for_any"] else 0))
    more = besides(graph, node)
    row = label * SMALL_CHAR + PAD + (len(more) * SMALL_CHAR + PAD if more else 0) + cell + PAD
    return max(row, len(short["signal", graph.graph["signal_labels"][data["signal"]]]) * CHAR + 2 * PAD)


def _boxes(graph: nx.DiGraph[str], columns: list[Column], across: list[tuple[int, int]]) -> dict[str, Box]:
    short = shown_labels(graph)
    found = {}
    for column, (x, width) in zip(columns, across, strict=False):
        for name, top, height in zip(column.names, column.tops, column.heights, strict=True):
            if is_way(name):
                found[name] = Box(name, "way", "", x, top, width, height)
                continue
            data = graph.nodes[name]
            found[name] = Box(name, data["kind"], short[data["kind"], data["label"]], x, top, width, height)
    return found


def _finished(graph: nx.DiGraph[str], layers: Layers, wiring: Wiring, boxes: dict[str, Box]) -> Layout:
    nodes = {name: box for name, box in boxes.items() if box.kind != "way"}
    routes = _routes(graph, wiring, nodes)
    stubs = _stubs(graph, wiring, nodes)
    xs = [box.right for box in nodes.values()]
    xs += [round(x) for route in routes for x, _ in route.points] + [round(stub.x + stub.width) for stub in stubs]
    ys = [box.bottom for box in nodes.values()] + [round(y) for route in routes for _, y in route.points]
    pills = [round(x + width / 2) for x, _, width in (route.pill for route in routes)]
    lines = _lines(graph, layers, wiring, boxes)
    return Layout(nodes, lines, stubs, routes, max(xs + pills) + LEFT, max(ys) + BOTTOM)


def _routes(graph: nx.DiGraph[str], wiring: Wiring, nodes: Mapping[str, Box]) -> list[Route]:
    found = []
    left = {node: box.x for node, box in nodes.items()}
    right = {node: box.right for node, box in nodes.items()}
    for wire in wiring.wires(left, right):
        count = wiring.count(wire.receiver, wire.port)
        data = graph.nodes[wire.port]
        cause = (graph.nodes[wire.receiver]["connection"], data["signal"], data["sender"])
        width = pill_width(count)
        pill = (round(right[wire.receiver] + PILL_GAP + width / 2, 1), wire.points[0][1], width)
        found.append(Route(wire.receiver, wire.port, (cause,), count, without_needless(wire.points), pill))
    return found


def _stubs(graph: nx.DiGraph[str], wiring: Wiring, nodes: Mapping[str, Box]) -> list[Stub]:
    """What is not drawn: right of a receiver what it dispatches too, left of a port who dispatches it too."""
    found = []
    for receiver, ports in sorted(wiring.exits.items()):
        if "" in ports:
            stub = Stub(receiver, (), graph.nodes[receiver]["effects_left"])
            found.append(stub.at(nodes[receiver].right, wiring.exit(receiver, "")))
    for (port, what), level in sorted(wiring.pins.items()):
        if what == "more":
            found.append(Stub(port, (), graph.nodes[port]["causes_left"]).at(nodes[port].x - LEFT_STUB, level))
    return found


def _lines(graph: nx.DiGraph[str], layers: Layers, wiring: Wiring, boxes: Mapping[str, Box]) -> list[Line]:
    """Connections: cubics in the gutters, and straight on where a sender's line passes a stage."""
    leaving: dict[str, list[str]] = defaultdict(list)
    for source, target in sorted(graph.edges):
        if graph.edges[source, target]["kind"] == "connection":
            leaving[source].append(target)
    found = []
    for source, targets in sorted(leaving.items()):
        for target, y in _spread(boxes[source], targets, boxes):
            ways = layers.ways.get((source, target), {})
            found += _pieces(source, target, y, [ways[stage] for stage in sorted(ways)], wiring, boxes)
    return sorted(found, key=lambda line: (line.x1, line.y1, line.y2, line.source, line.target))


def _pieces(
    source: str, target: str, y: float, ways: list[str], wiring: Wiring, boxes: Mapping[str, Box]
) -> list[Line]:
    found = []
    x = float(boxes[source].right)
    for way in ways:
        for side in _sides(way):
            level, box = wiring.levels[side], boxes[side]
            found += [Line(source, target, x, y, box.x, level), Line(source, target, box.x, level, box.right, level)]
            x, y = float(box.right), level
    end = boxes[target]
    level = end.y + PORT_AT if end.kind == "port" else end.middle
    return [*found, Line(source, target, x, y, float(end.x), level)]


def _spread(box: Box, ends: list[str], boxes: Mapping[str, Box]) -> list[tuple[str, float]]:
    """Lines leave a box beside each other, sorted by where they go."""
    middle = box.y + PORT_AT if box.kind == "port" else box.middle
    apart = min(SPREAD_IN if box.kind == "port" else SPREAD, 14 / max(len(ends) - 1, 1))
    first = middle - apart * (len(ends) - 1) / 2
    by_height = sorted(ends, key=lambda end: (boxes[end].y, end))
    return [(end, round(first + apart * at, 1)) for at, end in enumerate(by_height)]
