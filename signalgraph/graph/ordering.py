"""The order of boxes in the three columns: barycentre sweeps, then exchanges of neighbours, for few crossings.

Barycentre: Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures" (1981).
Connected parts are ordered by themselves and stacked, so lines of different parts never cross.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import networkx as nx

SWEEPS = 24
PATIENCE = 6  # sweeps without a gain after which a part is left as it is
EXCHANGES = 8
EXCHANGED_LINES = 400  # beyond, exchanges cost more time than the crossings they save are worth

Lines = dict[str, list[str]]


@dataclass
class Order:
    """Top to bottom. `ports` are in the order of their rows; a port for any sender is its box's last."""

    senders: list[str]
    signals: list[str]
    ports: dict[str, list[str]]
    receivers: list[str]

    def rows(self) -> list[str]:
        return [port for signal in self.signals for port in self.ports[signal]]


def order_wiring(graph: nx.DiGraph[str]) -> Order:
    """An order with few crossings; the same for the same graph, however it was put together."""
    whole = Order([], [], {}, [])
    for part in _parts(graph):
        left = {port: sorted(graph.predecessors(port)) for port in part.rows()}
        right = {port: sorted(graph.successors(port)) for port in part.rows()}
        last = {port for port in part.rows() if graph.nodes[port]["any"]}
        best = _Ordering(part, left, right, last).solve()
        whole.senders += best.senders
        whole.signals += best.signals
        whole.ports |= best.ports
        whole.receivers += best.receivers
    return whole


def crossings(order: Order, graph: nx.DiGraph[str]) -> int:
    """How many pairs of lines cross, in both gutters."""
    rows = order.rows()
    left = {port: list(graph.predecessors(port)) for port in rows}
    right = {port: list(graph.successors(port)) for port in rows}
    return _crossings(rows, left, order.senders) + _crossings(rows, right, order.receivers)


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


class _Ordering:
    """One connected part while it is being ordered."""

    def __init__(self, start: Order, left: Lines, right: Lines, last: set[str]) -> None:
        self.order = start
        self.left, self.right, self.last = left, right, last
        self.sent, self.received = _turned(left, start.senders), _turned(right, start.receivers)

    def solve(self) -> Order:
        best, fewest, idle = self._copy(), self._count(), 0
        for sweep in range(SWEEPS):
            if not fewest or idle == PATIENCE:
                break
            self._sweep_right() if sweep % 2 == 0 else self._sweep_left()
            count = self._count()
            idle += 1
            if count < fewest:
                best, fewest, idle = self._copy(), count, 0
        self.order = best
        if fewest and sum(map(len, self.left.values())) + sum(map(len, self.right.values())) <= EXCHANGED_LINES:
            self._exchange()
        return self.order

    def _copy(self) -> Order:
        now = self.order
        ports = {signal: list(ports) for signal, ports in now.ports.items()}
        return Order(list(now.senders), list(now.signals), ports, list(now.receivers))

    def _count(self) -> int:
        rows = self.order.rows()
        return _crossings(rows, self.left, self.order.senders) + _crossings(rows, self.right, self.order.receivers)

    def _sweep_right(self) -> None:
        self._place_boxes(self.left, self.order.senders)
        self.order.receivers = _by_barycentre(self.order.receivers, self.received, _positions(self.order.rows()))
        self._place_boxes(self.right, self.order.receivers)
        self.order.senders = _by_barycentre(self.order.senders, self.sent, _positions(self.order.rows()))

    def _sweep_left(self) -> None:
        self._place_boxes(self.right, self.order.receivers)
        self.order.senders = _by_barycentre(self.order.senders, self.sent, _positions(self.order.rows()))
        self._place_boxes(self.left, self.order.senders)
        self.order.receivers = _by_barycentre(self.order.receivers, self.received, _positions(self.order.rows()))

    def _place_boxes(self, lines: Lines, others: Sequence[str]) -> None:
        signals, ports, places = self.order.signals, self.order.ports, _positions(others)
        for signal in signals:
            moved = _by_barycentre(ports[signal], lines, places)
            ports[signal] = sorted(moved, key=lambda port: port in self.last)
        of_box = {signal: [end for port in ports[signal] for end in lines[port]] for signal in signals}
        self.order.signals = _by_barycentre(signals, of_box, places)

    def _exchange(self) -> None:
        """Exchange neighbours while that removes crossings."""
        for _ in range(EXCHANGES):
            rows = self.order.rows()
            gained = _exchange_in(self.order.senders, self.sent, rows)
            gained |= _exchange_in(self.order.receivers, self.received, rows)
            for signal in self.order.signals:
                gained |= self._exchange_ports(signal)
            gained |= self._exchange_boxes()
            if not gained:
                break

    def _both(self, groups: dict[str, list[str]]) -> dict[str, tuple[list[int], list[int]]]:
        senders, receivers = _positions(self.order.senders), _positions(self.order.receivers)
        return {
            name: (
                sorted(senders[end] for port in ports for end in self.left[port]),
                sorted(receivers[end] for port in ports for end in self.right[port]),
            )
            for name, ports in groups.items()
        }

    def _exchange_ports(self, signal: str) -> bool:
        ports = [port for port in self.order.ports[signal] if port not in self.last]
        fixed = [port for port in self.order.ports[signal] if port in self.last]
        gained = _exchange_pairs(ports, self._both({port: [port] for port in ports}))
        self.order.ports[signal] = ports + fixed
        return gained

    def _exchange_boxes(self) -> bool:
        return _exchange_pairs(self.order.signals, self._both(self.order.ports))


def _positions(order: Iterable[str]) -> dict[str, int]:
    return {node: place for place, node in enumerate(order)}


def _turned(lines: Lines, ends: Iterable[str]) -> Lines:
    turned: Lines = {end: [] for end in ends}
    for port, reached in lines.items():
        for end in reached:
            turned[end].append(port)
    return turned


def _by_barycentre(nodes: Sequence[str], lines: Lines, places: dict[str, int]) -> list[str]:
    """Sorted by the mean place of what each is joined to; what is joined to nothing there stays about where it is."""
    size = max(len(places), 1)

    def middle(place: int, node: str) -> float:
        ends = lines[node]
        if not ends:
            return (place + 0.5) / len(nodes)
        return (sum(places[end] for end in ends) / len(ends) + 0.5) / size

    keyed = [(round(middle(place, node), 9), place, node) for place, node in enumerate(nodes)]
    return [node for _, _, node in sorted(keyed)]


def _crossings(rows: Sequence[str], lines: Lines, others: Sequence[str]) -> int:
    """Inversions among the lines' far ends, taken in the order of their near ends."""
    places = _positions(others)
    seen: list[int] = []
    count = 0
    for row in rows:
        ends = sorted(places[end] for end in lines[row])
        for end in ends:
            count += len(seen) - bisect_right(seen, end)
        for end in ends:
            seen.insert(bisect_right(seen, end), end)
    return count


def _pair(upper: Sequence[int], lower: Sequence[int]) -> int:
    """Crossings between the lines of two neighbours, `upper` drawn above `lower`; both sorted."""
    return sum(bisect_left(lower, end) for end in upper)


def _exchange_in(order: list[str], lines: Lines, rows: Sequence[str]) -> bool:
    places = _positions(rows)
    ends: dict[str, tuple[list[int], list[int]]] = {
        node: (sorted(places[port] for port in lines[node]), []) for node in order
    }
    return _exchange_pairs(order, ends)


def _exchange_pairs(order: list[str], ends: dict[str, tuple[list[int], list[int]]]) -> bool:
    gained = False
    for place in range(len(order) - 1):
        (left, right), (left_after, right_after) = ends[order[place]], ends[order[place + 1]]
        now = _pair(left, left_after) + _pair(right, right_after)
        if now and _pair(left_after, left) + _pair(right_after, right) < now:
            order[place], order[place + 1] = order[place + 1], order[place]
            gained = True
    return gained
