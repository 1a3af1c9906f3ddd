"""Where everything goes: three columns, senders, signals with their ports, receivers. Pure geometry in px."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import networkx as nx

from signalgraph import names
from signalgraph.graph.ordering import Order, order_wiring
from signalgraph.graph.placing import Column, Joint, keep, place
from signalgraph.graph.routes import (
    GAP_PX,
    Gaps,
    Route,
    Stub,
    Track,
    choose_gaps,
    draw_routes,
    find_stubs,
    find_tracks,
    level_gaps,
)

LEFT, TOP, BOTTOM = 8, 24, 10
HEAD, ROW, BOX = 22, 18, 22  # height of a signal's head, of a port's row, of a sender or receiver
SENDER_GAP, SIGNAL_GAP, RECEIVER_GAP, GROUP_GAP = 10, 10, 4, 8
GUTTERS = (140, 152)
CHAR, SMALL_CHAR = 7.25, 6.65  # width of a monospace character at 12 and at 11 px
PAD = 12
CELL = 46  # heat cell and the space after it
MARKS = 44  # room for an error's cross with a count of three digits, or a slow one's triangle
LIMITS = {"sender": 22, "signal": 26, "port": 20, "receiver": 26}  # characters of a label
SPREAD, SPREAD_IN = 4.0, 3.0  # between lines on the side of a box, and on a port


@dataclass(frozen=True)
class Box:
    """A rectangle; `label` is cut to fit it. Kinds: sender, signal, port (a row of its signal's box), receiver."""

    id: str
    kind: str
    label: str
    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Line:
    """A cubic from the right side of `source` to the left side of `target`, level at both ends."""

    source: str
    target: str
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Layout:
    """The drawing's geometry. `nodes` go column by column, top to bottom, a signal before its ports."""

    nodes: dict[str, Box] = field(default_factory=dict)
    edges: list[Line] = field(default_factory=list)
    stubs: list[Stub] = field(default_factory=list)
    causes: list[Route] = field(default_factory=list)
    width: int = 0
    height: int = 0

    def column(self, kind: str) -> list[Box]:
        return [box for box in self.nodes.values() if box.kind == kind]

    def counted(self, graph: nx.DiGraph[str]) -> Layout:
        """The same geometry with the counts that the causal edges of `graph` have now."""
        counts = {(connection, signal, sender): count for connection, signal, sender, count in graph.graph["causes"]}
        stubs = [replace(stub, count=sum(map(counts.__getitem__, stub.causes))) for stub in self.stubs]
        causes = [replace(route, count=sum(map(counts.__getitem__, route.causes))) for route in self.causes]
        return replace(self, stubs=stubs, causes=causes)


def layout_wiring(graph: nx.DiGraph[str], near: Layout | None = None) -> Layout:
    """The layout of a wiring graph: the same graph gives the same layout, to the pixel.

    Numbers don't move anything: space for them is kept where the graph was built with stats at all. With `near`, the
    layout of nearly the same graph, what is in both keeps its order and, as far as there is room, its place.
    """
    order = order_wiring(graph, _order_of(graph, near) if near else None)
    before = {name: box.y for name, box in near.nodes.items()} if near else None
    widths = _widths(graph, near)
    stubs, tracks = find_stubs(graph), find_tracks(graph, order)
    columns = columns_of(graph, order, None)
    joints = joints_of(graph, order)
    _place(columns, joints, before)
    if tracks:
        gaps = choose_gaps(graph, order, tracks, columns[1], columns[2])
        columns = columns_of(graph, order, gaps)
        _place(columns, joints + level_gaps(gaps, columns[1], columns[2]), before, slack=GAP_PX)
    left = [LEFT]
    for width, gutter in zip(widths, (*GUTTERS, 0), strict=True):
        left.append(left[-1] + width + gutter if width else left[-1] + (gutter if tracks else 0))
    nodes = _boxes(graph, order, columns, widths, left)
    if not tracks:
        return _finished(graph, nodes, columns, stubs, [])
    return _finished(graph, nodes, columns, stubs, tracks, gaps)


def _order_of(graph: nx.DiGraph[str], layout: Layout) -> Order:
    """The order that a layout shows, as far as `graph` knows its signals."""
    found = Order()
    for box in sorted(layout.nodes.values(), key=lambda box: box.y):
        if box.kind in ("sender", "receiver"):
            (found.senders if box.kind == "sender" else found.receivers).append(box.id)
        elif box.kind == "signal":
            found.signals.append(box.id.partition(":")[2])
        elif box.id in graph:
            found.ports.setdefault(graph.nodes[box.id]["signal"], []).append(box.id)
    return found


def _place(columns: list[Column], joints: list[Joint], before: Mapping[str, int] | None, slack: int = 0) -> None:
    if before:
        keep(columns, joints, TOP, before)
    else:
        place(columns, joints, TOP, slack)


def cut(label: str, limit: int) -> str:
    """The label, its middle left out where it is longer than `limit` characters.

    >>> cut("very_long_receiver_name", 12)
    'very_l…_name'
    """
    if len(label) <= limit:
        return label
    tail = (limit - 1) // 2
    return f"{label[: limit - 1 - tail]}…{label[-tail:]}"


def cut_apart(labels: Iterable[str], limit: int) -> dict[str, str]:
    """Labels cut to a limit, but never so that two of them read the same: these get the characters they need.

    >>> cut_apart(["WorkflowApprovalNotifier", "WorkflowRejectionNotifier"], 12)["WorkflowApprovalNotifier"]
    'WorkflowA…Notifier'
    """
    found = {label: cut(label, limit) for label in sorted(set(labels))}
    count = Counter(found.values())
    alike = [label for label, shown in found.items() if count[shown] > 1]
    return found | cut_apart(alike, limit + 1) if alike else found


def badge(graph: nx.DiGraph[str], port: str) -> str:
    """What a row says of receivers that run for any sender too."""
    also = len(graph.nodes[port]["also"])
    return f"+{also} any" if also else ""


def _widths(graph: nx.DiGraph[str], near: Layout | None) -> tuple[int, int, int]:
    """Of the three columns, none narrower than it was; 0 where one is empty."""
    cell = CELL if "measure" in graph.graph else 0
    senders, receivers, rows = [], [], []
    short = shown_labels(graph)
    for node, data in graph.nodes(data=True):
        shown = len(short[data["kind"], data["label"]])
        if data["kind"] == "sender":
            senders.append(shown * CHAR + 2 * PAD)
        elif data["kind"] == "receiver":
            receivers.append(shown * CHAR + PAD + (MARKS + cell if cell else PAD))
        else:
            also = badge(graph, node)
            rows.append(shown * SMALL_CHAR + PAD + (len(also) * SMALL_CHAR + PAD if also else 0) + (cell + PAD))
    for signal, label in graph.graph["signal_labels"].items():
        several = len(graph.graph["signals"][signal]) > 1
        rows.append(len(short["signal", label]) * CHAR + 2 * PAD + (cell if several else 0))
    least = {"sender": 96, "signal": 176, "receiver": 160}
    for box in near.nodes.values() if near else ():
        least[box.kind] = max(least.get(box.kind, 0), box.width)
    return (
        _column_width(senders, least["sender"]),
        _column_width(rows, least["signal"]),
        _column_width(receivers, least["receiver"]),
    )


def shown_labels(graph: nx.DiGraph[str]) -> dict[tuple[str, str], str]:
    """What is written in the boxes and rows, by kind and whole label."""
    labels: dict[str, list[str]] = defaultdict(list, {"signal": list(graph.graph["signal_labels"].values())})
    for _, data in graph.nodes(data=True):
        labels[data["kind"]].append(data["label"])
    return {(kind, label): shown for kind in labels for label, shown in cut_apart(labels[kind], LIMITS[kind]).items()}


def _column_width(widths: list[float], least: int) -> int:
    return max(least, 2 * math.ceil(max(widths) / 2)) if widths else 0


def columns_of(graph: nx.DiGraph[str], order: Order, gaps: Gaps | None) -> list[Column]:
    between = [GROUP_GAP if _apart(graph, *pair) else RECEIVER_GAP for pair in _neighbours(order.receivers)]
    signals = [names.signal_id(signal) for signal in order.signals]
    heights = [HEAD + ROW * len(order.ports[signal]) for signal in order.signals]
    columns = [
        Column(order.senders, [BOX] * len(order.senders), _gaps(len(order.senders), SENDER_GAP)),
        Column(signals, heights, _gaps(len(signals), SIGNAL_GAP)),
        Column(order.receivers, [BOX] * len(order.receivers), [0, *between, 0][: len(order.receivers) + 1]),
    ]
    for column, wide in zip(columns[1:], (gaps.signals, gaps.receivers) if gaps else (), strict=False):
        column.gaps = [max(gap, wide.get(place, 0)) for place, gap in enumerate(column.gaps)]
    return columns


def _neighbours(order: list[str]) -> list[tuple[str, str]]:
    return list(pairwise(order))


def _gaps(count: int, between: int) -> list[int]:
    return [0, *[between] * (count - 1), 0][: count + 1]


def _apart(graph: nx.DiGraph[str], upper: str, lower: str) -> bool:
    """Two receivers that no signal calls both."""
    signals = [{graph.nodes[port]["signal"] for port in graph.predecessors(node)} for node in (upper, lower)]
    return signals[0].isdisjoint(signals[1])


def joints_of(graph: nx.DiGraph[str], order: Order) -> list[Joint]:
    joints = []
    for signal in order.signals:
        for row, port in enumerate(order.ports[signal]):
            at = HEAD + ROW * row + ROW // 2
            box = names.signal_id(signal)
            joints += [Joint(node, box, BOX // 2, at) for node in sorted(graph.predecessors(port))]
            joints += [Joint(box, node, at, BOX // 2) for node in sorted(graph.successors(port))]
    return joints


def _boxes(
    graph: nx.DiGraph[str], order: Order, columns: list[Column], widths: tuple[int, int, int], left: list[int]
) -> dict[str, Box]:
    boxes: dict[str, Box] = {}
    short = shown_labels(graph)
    for column, kind, x, width in zip(columns, ("sender", "signal", "receiver"), left, widths, strict=False):
        for name, top, height in zip(column.names, column.tops, column.heights, strict=True):
            signal = name.partition(":")[2]
            label = graph.graph["signal_labels"][signal] if kind == "signal" else graph.nodes[name]["label"]
            boxes[name] = Box(name, kind, short[kind, label], x, top, width, height)
            for row, port in enumerate(order.ports[signal] if kind == "signal" else ()):
                label = graph.nodes[port]["label"]
                boxes[port] = Box(port, "port", short["port", label], x, top + HEAD + ROW * row, width, ROW)
    return boxes


def _finished(
    graph: nx.DiGraph[str],
    nodes: dict[str, Box],
    columns: list[Column],
    stubs: list[Stub],
    tracks: list[Track],
    gaps: Gaps | None = None,
) -> Layout:
    lines = _lines(graph, nodes)
    right = max((box.right for box in nodes.values()), default=LEFT)
    bottom = max((box.bottom for box in nodes.values()), default=TOP)
    routes: list[Route] = []
    if gaps:
        routes, right_most = draw_routes(tracks, gaps, columns[1], columns[2], nodes, stubs)
        bottom = max([bottom, *(int(y) for route in routes for _, y in route.points)])
        right = right_most
    elif stubs:
        right += max(stub.width for stub in stubs)
    drawn = [stub.at(nodes[stub.receiver].right, nodes[stub.receiver].middle) for stub in stubs]
    return Layout(nodes, lines, drawn, routes, right + LEFT, bottom + BOTTOM)


def _lines(graph: nx.DiGraph[str], nodes: dict[str, Box]) -> list[Line]:
    """Lines leave and reach a box beside each other, sorted by where they go; at a port's left they meet."""
    leaving: dict[str, list[str]] = defaultdict(list)
    arriving: dict[str, list[str]] = defaultdict(list)
    for source, target in graph.edges:
        leaving[source].append(target)
        arriving[target].append(source)
    start, end = {}, {}
    for source, targets in leaving.items():
        apart = SPREAD_IN if nodes[source].kind == "port" else SPREAD
        for target, y in spread(nodes[source], targets, nodes, apart):
            start[source, target] = y
    for target, sources in arriving.items():
        apart = 0.0 if nodes[target].kind == "port" else SPREAD
        for source, y in spread(nodes[target], sources, nodes, apart):
            end[source, target] = y
    pairs = sorted(start, key=lambda pair: (nodes[pair[0]].x, start[pair], end[pair], pair))
    return [Line(*pair, float(nodes[pair[0]].right), start[pair], float(nodes[pair[1]].x), end[pair]) for pair in pairs]


def spread(box: Box, ends: list[str], nodes: dict[str, Box], apart: float) -> list[tuple[str, float]]:
    sorted_ends = sorted(ends, key=lambda end: (nodes[end].y, end))
    step = min(apart, (box.height - 4) / max(len(ends) - 1, 1))
    first = box.middle - step * (len(ends) - 1) / 2
    return [(end, round(first + step * place, 1)) for place, end in enumerate(sorted_ends)]
