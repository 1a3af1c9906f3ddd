"""Causal edges: at rest a stub with a count, in full a right-angled line back to the port that was dispatched to.

A route goes out on the right, through a gap between receivers, through a gap beside the signal's box, and in on the
left below the pin. All routes to one port share a track, so a gap needs room for ports, not for edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import Protocol

import networkx as nx

from signalgraph import names
from signalgraph.graph.build import find_port
from signalgraph.graph.figures import short_number
from signalgraph.graph.focus import Cause
from signalgraph.graph.ordering import Order
from signalgraph.graph.placing import Column, Joint, isotonic

GAP_PX = 28  # of a gap that one or two tracks pass; another 10 for each further one
APART, EDGE = 10, 9  # between tracks, and from a track to a box
BELOW_PIN = 4
LEVEL_PULL = 40  # lines that a level passage is worth
NEW_GAP_COST, TOP_COST, SAME_GROUP_COST, OUTSIDE_COST = 30, 100, 40, 60  # px of detour that each is worth


class Placed(Protocol):
    """What routes need to know of a box."""

    @property
    def x(self) -> int: ...
    @property
    def right(self) -> int: ...
    @property
    def middle(self) -> float: ...


@dataclass(frozen=True)
class Stub:
    """At rest: all that one receiver dispatches. `count` of dispatches; (x, y) where it leaves the box."""

    receiver: str
    causes: tuple[Cause, ...]
    count: int
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> int:
        return 24 + round(6.5 * len(short_number(self.count)))

    def at(self, x: float, y: float) -> Stub:
        return replace(self, x=x, y=y)


@dataclass(frozen=True)
class Route:
    """In full: one receiver to one port. `points` are corners; the count's pill is centred on `pill` (x, y, width)."""

    receiver: str
    port: str
    causes: tuple[Cause, ...]
    count: int
    points: tuple[tuple[float, float], ...]
    pill: tuple[float, float, float]


@dataclass(frozen=True)
class Track:
    """What the routes to one port share. `sources` are (receiver, causes, count), by receiver."""

    port: str
    signal: int
    row: int
    rows: int
    sources: tuple[tuple[str, tuple[Cause, ...], int], ...]


@dataclass
class Gaps:
    """Which gaps tracks pass, by place in the column, and how wide those have to be."""

    signal_of: dict[str, int] = field(default_factory=dict)
    receiver_of: dict[str, int] = field(default_factory=dict)

    @property
    def signals(self) -> dict[int, int]:
        return _sizes(self.signal_of)

    @property
    def receivers(self) -> dict[int, int]:
        return _sizes(self.receiver_of)


def find_stubs(graph: nx.DiGraph[str]) -> list[Stub]:
    """One for each receiver in the drawing that was seen dispatching, by receiver."""
    return [Stub(receiver, causes, count) for receiver, causes, count in _by_receiver(graph, graph.graph["causes"])]


def find_tracks(graph: nx.DiGraph[str], order: Order) -> list[Track]:
    """One for each port in the drawing that something was seen dispatching to, top to bottom."""
    to_port: dict[str, list[tuple[str, str, str, int]]] = {}
    for connection, signal, sender, count in graph.graph["causes"]:
        port = find_port(graph, signal, sender)
        if port is not None:
            to_port.setdefault(port, []).append((connection, signal, sender, count))
    tracks = []
    for place, signal in enumerate(order.signals):
        ports = order.ports[signal]
        for row, port in enumerate(ports):
            sources = tuple(_by_receiver(graph, to_port.get(port, ())))
            if sources:
                tracks.append(Track(port, place, row, len(ports), sources))
    return tracks


def choose_gaps(
    graph: nx.DiGraph[str], order: Order, tracks: Sequence[Track], signals: Column, receivers: Column
) -> Gaps:
    """The gaps of least detour: above or below the signal's box, and the nearest place where receivers part."""
    gaps = Gaps()
    for track in tracks:
        used = set(gaps.signal_of.values())
        above, below = 31 + 18 * track.row, 18 * (track.rows - track.row) - 9
        costs = {
            track.signal: above + (TOP_COST if track.signal == 0 else 0),
            track.signal + 1: below,
        }
        gaps.signal_of[track.port] = min(costs, key=lambda gap: (costs[gap] + NEW_GAP_COST * (gap not in used), gap))
    split = [True, *_splits(graph, order.receivers), True]
    middles = [sum(receivers.gap_bounds(gap)) / 2 for gap in range(len(split))]
    chosen: dict[int, int] = {}
    for gap in sorted(set(gaps.signal_of.values())):
        level = sum(signals.gap_bounds(gap)) / 2
        chosen[gap] = min(range(len(split)), key=lambda one: (abs(middles[one] - level) + _cost(split, one), one))
    gaps.receiver_of = {port: chosen[gap] for port, gap in gaps.signal_of.items()}
    return gaps


def level_gaps(gaps: Gaps, signals: Column, receivers: Column) -> list[Joint]:
    """Pulls that bring the gaps which a track passes to the same level, so that it needs no bend between them."""
    joints = []
    for port, below in sorted(gaps.signal_of.items()):
        beside = gaps.receiver_of[port]
        if below < len(signals.names) and beside < len(receivers.names):
            joints += [Joint(signals.names[below], receivers.names[beside], 0, 0)] * LEVEL_PULL
    return joints


def draw_routes(
    tracks: Sequence[Track],
    gaps: Gaps,
    signals: Column,
    receivers: Column,
    nodes: Mapping[str, Placed],
    stubs: Iterable[Stub],
) -> tuple[list[Route], int]:
    """The routes, and the x of what is right of all of them."""
    pins = {track.port: nodes[track.port].middle + BELOW_PIN for track in tracks}
    low = _levels_at_signals(tracks, gaps, signals, pins)
    high = _levels_at_receivers(gaps, receivers, low)
    box, column = nodes[tracks[0].port], nodes[tracks[0].sources[0][0]]
    zone = column.right + max([stub.width for stub in stubs] + [_pills_width(tracks)]) + 4
    lefts = find_lanes({port: (low[port], pins[port]) for port in pins})
    jogs = find_lanes({port: (high[port], low[port]) for port in pins if high[port] != low[port]})
    rights = find_lanes({track.port: _span(track, high[track.port], nodes) for track in tracks})
    middle = (box.right + column.x) / 2
    routes: list[Route] = []
    taken: dict[str, float] = {}
    for track in tracks:
        port = track.port
        jog = middle + (lane := jogs.get(port, 0)) // 2 * APART * (-1 if lane % 2 else 1) + (lane % 2) * APART
        trunk = [
            (zone + APART * rights[port], high[port]),
            (jog, high[port]),
            (jog, low[port]),
            (box.x - 16 - min(APART, 96 / (len(lefts) + 1)) * lefts[port], low[port]),
        ]
        for receiver, causes, count in track.sources:
            width = pill_width(count)
            x = taken.get(receiver, column.right + 6.0) + width / 2
            taken[receiver] = x + width / 2 + 2
            y = nodes[receiver].middle
            points = [(column.right, y), (trunk[0][0], y), *trunk, (trunk[-1][0], pins[port]), (box.x, pins[port])]
            routes.append(Route(receiver, port, causes, count, without_needless(points), (round(x, 1), y, width)))
    return routes, zone + APART * (max(rights.values()) + 1)


def _by_receiver(
    graph: nx.DiGraph[str], causes: Iterable[tuple[str, str, str, int]]
) -> list[tuple[str, tuple[Cause, ...], int]]:
    found = [(names.receiver_id(names.parse_connection_id(cause[0])[2]), cause) for cause in causes]
    drawn = sorted((receiver, cause) for receiver, cause in found if receiver in graph)
    grouped = [(receiver, [cause for _, cause in group]) for receiver, group in groupby(drawn, key=lambda one: one[0])]
    return [(receiver, tuple(cause[:3] for cause in own), sum(cause[3] for cause in own)) for receiver, own in grouped]


def _sizes(chosen: Mapping[str, int]) -> dict[int, int]:
    passing = list(chosen.values())
    return {gap: max(GAP_PX, 2 * EDGE + APART * (passing.count(gap) - 1)) for gap in sorted(set(passing))}


def _splits(graph: nx.DiGraph[str], order: Sequence[str]) -> list[bool]:
    """Between which receivers, top to bottom, one group ends and another begins."""
    ports = [set(graph.predecessors(receiver)) for receiver in order]
    return [upper.isdisjoint(lower) for upper, lower in pairwise(ports)]


def _cost(split: Sequence[bool], gap: int) -> int:
    outside = gap in (0, len(split) - 1)
    return (OUTSIDE_COST if outside else 0) + (0 if split[gap] else SAME_GROUP_COST)


def _levels_at_signals(
    tracks: Sequence[Track], gaps: Gaps, signals: Column, pins: Mapping[str, float]
) -> dict[str, int]:
    """Tracks that turn up lie above those that turn down, the nearest innermost: so they don't cross each other."""
    levels: dict[str, int] = {}
    for gap in gaps.signals:
        own = [track for track in tracks if gaps.signal_of[track.port] == gap]
        own.sort(key=lambda track: (track.signal == gap, -pins[track.port]))
        middle = sum(signals.gap_bounds(gap)) / 2
        for place, track in enumerate(own):
            levels[track.port] = round(middle + APART * (place - (len(own) - 1) / 2))
    return levels


def _levels_at_receivers(gaps: Gaps, receivers: Column, wanted: Mapping[str, int]) -> dict[str, int]:
    """As near to the level at the signals as the gap between the receivers allows."""
    levels: dict[str, int] = {}
    for gap in gaps.receivers:
        own = sorted((port for port, one in gaps.receiver_of.items() if one == gap), key=lambda port: wanted[port])
        top, bottom = receivers.gap_bounds(gap)
        edge = EDGE if len(own) > 1 else APART // 2
        last = bottom - edge - APART * (len(own) - 1)
        free = isotonic([wanted[port] - APART * place for place, port in enumerate(own)], [1.0] * len(own))
        for place, (port, level) in enumerate(zip(own, free, strict=True)):
            levels[port] = round(min(max(level, top + edge), last)) + APART * place
    return levels


def find_lanes(spans: Mapping[str, tuple[float, float]]) -> dict[str, int]:
    """The innermost lane that is free over a track's span, the short ones served first."""
    lanes: dict[str, int] = {}
    taken: list[list[tuple[float, float]]] = []
    for port, (one, other) in sorted(spans.items(), key=lambda item: (abs(item[1][0] - item[1][1]), item)):
        low, high = min(one, other) - EDGE, max(one, other) + EDGE
        free = (lane for lane, spans in enumerate(taken) if all(high < begin or low > end for begin, end in spans))
        lane = next(free, len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        lanes[port] = lane
    return lanes


def _span(track: Track, level: float, nodes: Mapping[str, Placed]) -> tuple[float, float]:
    ys = [level, *(nodes[receiver].middle for receiver, _, _ in track.sources)]
    return min(ys), max(ys)


def pill_width(count: int) -> float:
    return 12 + 7.0 * len(short_number(count))


def _pills_width(tracks: Sequence[Track]) -> int:
    """The widest row of pills beside one receiver."""
    widths: dict[str, float] = {}
    for track in tracks:
        for receiver, _, count in track.sources:
            widths[receiver] = widths.get(receiver, 6.0) + pill_width(count) + 2
    return round(max(widths.values(), default=0))


def without_needless(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Without points that lie on the way between their neighbours."""
    kept: list[tuple[float, float]] = []
    for x, y in points:
        while len(kept) > 1 and (kept[-1][0] == kept[-2][0] == x or kept[-1][1] == kept[-2][1] == y):
            kept.pop()
        if not kept or kept[-1] != (x, y):
            kept.append((x, y))
    return tuple((round(x, 1), round(y, 1)) for x, y in kept)
