"""The order of boxes in the three columns, for few crossings: barycentre sweeps from two starts, then sifting.

Barycentre: Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures" (1981).
Connected parts are ordered by themselves and stacked, so lines of different parts never cross.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import networkx as nx

from signalgraph.graph.crossings import Ends, by_barycentre, count_crossings, sift

SWEEPS = 24
PATIENCE = 4  # sweeps without a gain after which a start is left
ROUNDS = 5  # of sweeping and sifting, in parts of up to so many lines; the time of one grows with their square
ROUND_LINES = 400
SETTLING = 3  # rounds of sifting in which what is new finds its place


@dataclass
class Order:
    """Top to bottom. `ports` are in the order of their rows; a port for any sender is its box's last."""

    senders: list[str] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)
    ports: dict[str, list[str]] = field(default_factory=dict)
    receivers: list[str] = field(default_factory=list)

    def rows(self) -> list[str]:
        return [port for signal in self.signals for port in self.ports[signal]]


def order_wiring(graph: nx.DiGraph[str], near: Order | None = None) -> Order:
    """An order with few crossings; the same for the same graph, however it was put together.

    With `near`, what is in both keeps its order there, and what is new stands where its lines cross the fewest.
    """
    parts = _parts(graph)
    if near is None:
        return _stacked(_Part(graph, part).solve() for part in parts)
    start, fresh = _kept(graph, near, _stacked(parts))
    return _Part(graph, start).settle(fresh)


def crossings(order: Order, graph: nx.DiGraph[str]) -> int:
    """How many pairs of lines cross, in both gutters."""
    return _Part(graph, order).count()


def _stacked(parts: Iterable[Order]) -> Order:
    whole = Order()
    for part in parts:
        whole.senders += part.senders
        whole.signals += part.signals
        whole.ports |= part.ports
        whole.receivers += part.receivers
    return whole


def _parts(graph: nx.DiGraph[str]) -> list[Order]:
    """The connected parts, those of several signals first, then by their first signal's name."""
    joined: nx.Graph[str] = nx.Graph(graph.to_undirected(as_view=True).edges)
    box: dict[str, str] = {}
    for signal, ports in graph.graph["signals"].items():
        joined.add_edges_from((f"signal:{signal}", port) for port in ports)
        joined.add_node(f"signal:{signal}")
        box |= dict.fromkeys(ports, signal)
    found = [_first_order(graph, sorted(part), box) for part in nx.connected_components(joined)]
    return sorted(found, key=lambda part: (not part.rows(), len(part.signals) == 1, part.signals))


def _first_order(graph: nx.DiGraph[str], nodes: Sequence[str], box: dict[str, str]) -> Order:
    """Signals by name, receivers as Django runs them."""
    signals = [node.partition(":")[2] for node in nodes if node not in graph]
    ports = {signal: list(graph.graph["signals"][signal]) for signal in signals}
    kinds = {node: graph.nodes[node]["kind"] for node in nodes if node in graph}
    place = {
        node: min((box[port], line["order"]) for port, _, line in graph.in_edges(node, data=True))
        for node, kind in kinds.items()
        if kind == "receiver"
    }
    senders = [node for node, kind in kinds.items() if kind == "sender"]
    return Order(senders, signals, ports, sorted(place, key=lambda node: (place[node], node)))


def _kept(graph: nx.DiGraph[str], near: Order, now: Order) -> tuple[Order, set[str]]:
    """`near` as far as it is still there, followed by what is new; and the names of what is new."""
    fresh: set[str] = set()

    def merged(old: Sequence[str], names: Sequence[str]) -> list[str]:
        there, before = set(names), set(old)
        fresh.update(there - before)
        return [name for name in old if name in there] + [name for name in names if name not in before]

    ports = {signal: merged(near.ports.get(signal, ()), rows) for signal, rows in now.ports.items()}
    ports = {signal: sorted(rows, key=lambda port: graph.nodes[port]["any"]) for signal, rows in ports.items()}
    senders, signals = merged(near.senders, now.senders), merged(near.signals, now.signals)
    return Order(senders, signals, ports, merged(near.receivers, now.receivers)), fresh


@dataclass
class _State:
    """An order in numbers. `rows` are the ports of each box but those for any sender, which come last: `lasts`."""

    senders: list[int]
    boxes: list[int]
    rows: list[list[int]]
    lasts: list[list[int]]
    receivers: list[int]

    def copy(self) -> _State:
        return _State(self.senders[:], self.boxes[:], [rows[:] for rows in self.rows], self.lasts, self.receivers[:])

    def ports(self) -> list[int]:
        return [port for box in self.boxes for port in (*self.rows[box], *self.lasts[box])]


class _Part:
    """A graph or a part of it while it is being ordered; what has a name outside has a number here."""

    def __init__(self, graph: nx.DiGraph[str], start: Order) -> None:
        self.names, self.ports = start, start.rows()
        sender, port, receiver = _numbers(start.senders), _numbers(self.ports), _numbers(start.receivers)
        self.left = [sorted(sender[end] for end in graph.predecessors(name)) for name in port]
        self.right = [sorted(receiver[end] for end in graph.successors(name)) for name in port]
        self.sent, self.received = _turned(self.left, len(sender)), _turned(self.right, len(receiver))
        own = [[port[name] for name in start.ports[signal]] for signal in start.signals]
        last = {port[name] for name in port if graph.nodes[name]["any"]}
        self.box_left = [[end for row in rows for end in self.left[row]] for rows in own]
        self.box_right = [[end for row in rows for end in self.right[row]] for rows in own]
        self.state = _State(
            list(range(len(sender))),
            list(range(len(own))),
            [[row for row in rows if row not in last] for rows in own],
            [[row for row in rows if row in last] for rows in own],
            list(range(len(receiver))),
        )

    def solve(self) -> Order:
        """The better start after sweeps, sifted; then swept and sifted again as often as time allows."""
        starts = [self.state, self._breadth_first()]
        best = min((self._swept(start) for start in starts), key=lambda found: found[0])
        lines = sum(map(len, self.left)) + sum(map(len, self.right))
        for turn in range(max(1, ROUNDS * ROUND_LINES // max(lines, ROUND_LINES))):
            if best[0] == 0:
                break
            self.state = best[1].copy() if turn == 0 else self.state
            if turn:
                self._sweep(turn)
            self._sift()
            best = min(best, (self.count(), self.state.copy()), key=lambda found: found[0])
        self.state = best[1]
        return self._named()

    def settle(self, fresh: set[str]) -> Order:
        """Sift what has one of these names."""
        for _ in range(SETTLING):
            self._sift(fresh)
        return self._named()

    def count(self) -> int:
        state, ports = self.state, self.state.ports()
        left = count_crossings(ports, self.left, _places(state.senders))
        return left + count_crossings(ports, self.right, _places(state.receivers))

    def _swept(self, start: _State) -> tuple[int, _State]:
        self.state = start.copy()
        best, fewest, idle = start, self.count(), 0
        for sweep in range(SWEEPS):
            if not fewest or idle == PATIENCE:
                break
            self._sweep(sweep)
            count = self.count()
            idle += 1
            if count < fewest:
                best, fewest, idle = self.state.copy(), count, 0
        return fewest, best

    def _sweep(self, turn: int) -> None:
        """Left to right and back, or right to left and back."""
        state = self.state
        for to_right in (turn % 2 == 0, turn % 2 == 1):
            self._sweep_boxes(from_left=to_right)
            places = _places(state.ports())
            if to_right:
                state.receivers = by_barycentre(state.receivers, self.received, places)
            else:
                state.senders = by_barycentre(state.senders, self.sent, places)

    def _sweep_boxes(self, *, from_left: bool) -> None:
        state = self.state
        if from_left:
            places, lines, of_box = _places(state.senders), self.left, self.box_left
        else:
            places, lines, of_box = _places(state.receivers), self.right, self.box_right
        for box, rows in enumerate(state.rows):
            if len(rows) > 1:
                state.rows[box] = by_barycentre(rows, lines, places)
        state.boxes = by_barycentre(state.boxes, of_box, places)

    def _sift(self, only: set[str] | None = None) -> None:
        """Senders, receivers, the ports in each box, and the boxes; with `only` just those of these names."""

        def moving(order: list[int], names: Sequence[str]) -> list[int]:
            return [one for one in order if only is None or names[one] in only]

        state, places, size = self.state, _places(self.state.ports()), len(self.ports)
        sift(state.senders, _placed(self.sent, places), size, size, moving(state.senders, self.names.senders))
        sift(state.receivers, _placed(self.received, places), size, size, moving(state.receivers, self.names.receivers))
        left, right = _places(state.senders), _places(state.receivers)
        middle, size = len(left), len(left) + len(right)
        right = [middle + place for place in right]
        ends = [*map(list.__add__, _placed(self.left, left), _placed(self.right, right))]
        for rows in state.rows:
            if len(rows) > 1:
                sift(rows, ends, middle, size, moving(rows, self.ports))
        boxes = [*map(list.__add__, _placed(self.box_left, left), _placed(self.box_right, right))]
        sift(state.boxes, boxes, middle, size, moving(state.boxes, self.names.signals))

    def _breadth_first(self) -> _State:
        """Everything in the order in which it is met from one end of the graph, so that no part lies folded."""
        senders, boxes = len(self.sent), len(self.box_left)
        beside: list[set[int]] = [set() for _ in range(senders + boxes + len(self.received))]
        for box in range(boxes):
            for end in (*self.box_left[box], *(senders + boxes + end for end in self.box_right[box])):
                beside[end].add(senders + box)
                beside[senders + box].add(end)
        by_degree = [sorted(found, key=lambda node: (len(beside[node]), node)) for found in beside]
        met = list(range(len(beside)))
        for _ in range(3):
            met = _met(by_degree, met[-1])
        state = self.state.copy()
        state.senders = [node for node in met if node < senders]
        state.boxes = [node - senders for node in met if senders <= node < senders + boxes]
        state.receivers = [node - senders - boxes for node in met if node >= senders + boxes]
        return state

    def _named(self) -> Order:
        state, names = self.state, self.names
        rows = {
            names.signals[box]: [self.ports[port] for port in (*state.rows[box], *state.lasts[box])]
            for box in range(len(state.boxes))
        }
        return Order(
            [names.senders[one] for one in state.senders],
            [names.signals[box] for box in state.boxes],
            rows,
            [names.receivers[one] for one in state.receivers],
        )


def _numbers(names: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def _turned(lines: Ends, count: int) -> list[list[int]]:
    turned: list[list[int]] = [[] for _ in range(count)]
    for port, reached in enumerate(lines):
        for end in reached:
            turned[end].append(port)
    return turned


def _places(order: Sequence[int]) -> list[int]:
    places = [0] * len(order)
    for place, node in enumerate(order):
        places[node] = place
    return places


def _placed(lines: Ends, places: Sequence[int]) -> list[list[int]]:
    place = places.__getitem__
    return [list(map(place, ends)) for ends in lines]


def _met(beside: Sequence[Sequence[int]], first: int) -> list[int]:
    """All nodes, breadth first from `first`, those that aren't joined to it at the end."""
    met = [first]
    seen = {first}
    for node in met:
        new = [one for one in beside[node] if one not in seen]
        met += new
        seen.update(new)
    return met + [node for node in range(len(beside)) if node not in seen]
