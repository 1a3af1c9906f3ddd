"""The causes of a focus or path: where each leaves its receiver, turns, and reaches the port; pure geometry in px.

Gutter `g` lies right of column `g`: the senders are column 0, the ports and receivers of stage `k` 2k - 1 and 2k.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import networkx as nx

from signalgraph.graph.channels import APART, Channel, Point, bottom_lanes, free_level
from signalgraph.graph.layers import Layers, way_out
from signalgraph.graph.routes import pill_width

EXIT = 18  # between two causes that leave one receiver
BELOW = 18  # from the lowest box to the first arc that closes a cycle
PINS = (31, 11, 21, 36, 6)  # below a port's top: its row, its head, and between
NEAR = 3  # px within which two lines seem to be one
PILL_GAP, TIP = 6, 16

Pair = tuple[str, str]  # a receiver and what it dispatches to; "" for all that is not drawn


@dataclass(frozen=True)
class Wire:
    """One cause: `points` are its corners, from the receiver to the port."""

    receiver: str
    port: str
    points: tuple[Point, ...]


def exits(graph: nx.DiGraph[str], layers: Layers) -> dict[str, list[str]]:
    """Where the causes of each receiver lead, from its upper exit to its lower one; "" stands for what is not drawn."""
    place = {block: at for stage in layers.blocks for at, block in enumerate(stage)}
    found = {}
    for node, data in graph.nodes(data=True):
        if data["kind"] != "receiver":
            continue
        ports = {port: line["back"] for _, port, line in graph.out_edges(node, data=True)}
        following = {port: port if back else _next(layers, data["stage"], port) for port, back in ports.items()}
        found[node] = sorted(ports, key=lambda port: (ports[port], place[following[port]], port))
        if shows_effects_left(graph, node):
            found[node].append("")
    return found


def shows_effects_left(graph: nx.DiGraph[str], node: str) -> bool:
    """Whether the drawing says that a receiver dispatches more; before the selection that goes without saying."""
    data = graph.nodes[node]
    return bool(data["effects_left"]) and data["distance"] >= 0 and _follows(graph, "up")


def shows_causes_left(graph: nx.DiGraph[str], node: str) -> bool:
    """Whether the drawing says that more leads to a port; behind the selection that goes without saying."""
    data = graph.nodes[node]
    return data["kind"] == "port" and bool(data["causes_left"]) and data["distance"] <= 0 and _follows(graph, "down")


def _follows(graph: nx.DiGraph[str], not_only: str) -> bool:
    ask = graph.graph.get("ask")
    return ask is None or (ask.view == "focus" and ask.direction != not_only)


def _next(layers: Layers, stage: int, port: str) -> str:
    """The block that a cause in this stage goes to next."""
    return layers.ways.get(("", port), {}).get(stage + 1, port)


@dataclass
class Wiring:
    """The causes while they are laid. `tops` are those of all boxes and ways, `heights` theirs."""

    graph: nx.DiGraph[str]
    layers: Layers
    tops: Mapping[str, int]
    heights: Mapping[str, int]
    exits: Mapping[str, list[str]]
    channels: list[Channel] = field(default_factory=list)
    pins: dict[tuple[str, str], float] = field(default_factory=dict)  # by port and "cause", "back" or "more"
    levels: dict[str, float] = field(default_factory=dict)  # of ways
    bottoms: dict[str, float] = field(default_factory=dict)  # of arcs that close a cycle, by port

    def __post_init__(self) -> None:
        self.channels = [Channel() for _ in range(2 * len(self.layers.blocks) - 1)]
        self._choose_levels()
        self._choose_bottoms()
        for receiver, port in self.pairs():
            for gutter, trunk, start, end in self._passages(receiver, port):
                self.channels[gutter].note(trunk, start, end)
        self.widths = [channel.settle() * APART for channel in self.channels]

    def pairs(self) -> Iterator[Pair]:
        """All causes, in the order of their receivers' names."""
        return ((receiver, port) for receiver in sorted(self.exits) for port in self.exits[receiver] if port)

    def stage(self, node: str) -> int:
        return int(self.graph.nodes[node]["stage"])

    def is_back(self, receiver: str, port: str) -> bool:
        return bool(self.graph.edges[receiver, port]["back"])

    def middle(self, node: str) -> float:
        return self.tops[node] + self.heights[node] / 2

    def exit(self, receiver: str, port: str) -> float:
        ports = self.exits[receiver]
        return self.middle(receiver) + EXIT * (ports.index(port) - (len(ports) - 1) / 2)

    def count(self, receiver: str, port: str) -> int:
        """How often, or how many dispatches are left out."""
        data = self.graph.edges[receiver, port] if port else {"count": self.graph.nodes[receiver]["effects_left"]}
        return int(data["count"])

    def room(self, stage: int) -> float:
        """What the counts need right of a stage's receivers."""
        found = [pill_width(self.count(*pair)) + PILL_GAP + 2 for pair in self._leaving(stage)]
        return max([*found, *(30.0 for _, port in self._leaving(stage) if not port)], default=0.0)

    def _leaving(self, stage: int) -> list[Pair]:
        return self._by_stage.get(stage, [])

    @cached_property
    def _by_stage(self) -> dict[int, list[Pair]]:
        found: dict[int, list[Pair]] = {}
        for receiver, ports in self.exits.items():
            found.setdefault(self.stage(receiver), []).extend((receiver, port) for port in ports)
        return found

    def _choose_levels(self) -> None:
        """Where ways and pins are, never at the height at which a cause leaves a receiver for another port."""
        for (_, port), ways in sorted(self.layers.ways.items()):
            for stage, way in ways.items():
                middle, beside = self.middle(way), self._beside(stage, port)
                self.levels[way] = free_level([middle + by for by in (0, NEAR, -NEAR, 6, -6)], beside, NEAR)
                self.levels[way_out(way)] = out = self.middle(way_out(way))
                if out == middle:
                    self.levels[way_out(way)] = self.levels[way]
        for port in (node for node, data in self.graph.nodes(data=True) if data["kind"] == "port"):
            self._choose_pins(port, self._beside(self.stage(port), port))

    def _beside(self, stage: int, port: str) -> list[float]:
        """The heights at which causes of other ports leave the stage before this one."""
        return [self.exit(*pair) for pair in self._leaving(stage - 1) if pair[1] != port]

    def _choose_pins(self, port: str, beside: Sequence[float]) -> None:
        free = list(PINS)
        if any(self.graph.nodes[node]["kind"] == "sender" for node in self.graph.pred[port]):
            free.remove(PINS[0])
        lines = [line for _, _, line in self.graph.in_edges(port, data=True) if line["kind"] == "cause"]
        wanted = {
            "cause": any(not line["back"] for line in lines),
            "back": any(line["back"] for line in lines),
            "more": shows_causes_left(self.graph, port),
        }
        for what in [what for what, is_there in wanted.items() if is_there]:
            self.pins[port, what] = level = free_level([self.tops[port] + by for by in free], beside, NEAR)
            free.remove(int(level - self.tops[port]))

    def _choose_bottoms(self) -> None:
        """Arcs that close a cycle run below everything, the short ones nearest."""
        spans: dict[str, tuple[float, float]] = {}
        for receiver, port in self.pairs():
            if self.is_back(receiver, port):
                begin, end = spans.get(port, (self.stage(port) - 1, 0))
                spans[port] = (begin, max(end, self.stage(receiver)))
        lanes = bottom_lanes({port: (100.0 * begin, 100.0 * end) for port, (begin, end) in spans.items()})
        lowest = max(self.tops[name] + self.heights[name] for name in self.tops)
        self.bottoms = {port: lowest + BELOW + APART * lane for port, lane in lanes.items()}

    def _passages(self, receiver: str, port: str) -> Iterator[tuple[int, str, float, float]]:
        """The gutters on the way, each with the trunk that is taken there and the heights that it joins."""
        stage, level = self.stage(receiver), self.exit(receiver, port)
        if self.is_back(receiver, port):
            yield 2 * stage, f"back:{port}", level, self.bottoms[port]
            yield 2 * self.stage(port) - 2, f"back:{port}", self.bottoms[port], self.pins[port, "back"]
            return
        for stage, way in sorted(self.layers.ways.get(("", port), {}).items()):
            if stage > self.stage(receiver):
                yield 2 * stage - 2, port, level, self.levels[way]
                yield 2 * stage - 1, port, self.levels[way], self.levels[way_out(way)]
                level = self.levels[way_out(way)]
        yield 2 * self.stage(port) - 2, port, level, self.pins[port, "cause"]

    def wires(self, left: Mapping[str, int], right: Mapping[str, int]) -> Iterator[Wire]:
        """Every cause, when it is known where its receiver ends and its port begins, and where the lanes are."""
        for receiver, port in self.pairs():
            points: list[Point] = [(right[receiver], self.exit(receiver, port))]
            for gutter, trunk, start, end in self._passages(receiver, port):
                points += self.channels[gutter].turn(trunk, start, end)
            pin = self.pins[port, "back" if self.is_back(receiver, port) else "cause"]
            yield Wire(receiver, port, (*points, (left[port], pin)))
