"""A focus or path as layers: blocks stage by stage, no line longer than one, in an order with few crossings.

A block is a port with its receivers, which stay in the order in which Django runs them, or a way: the place that a line
to a later stage takes on its way through. So between a port and its receivers nothing ever crosses.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import networkx as nx

from signalgraph.graph.crossings import by_barycentre, count_crossings, sift

SWEEPS = 24
PATIENCE = 8  # sweeps without a gain after which an order is left
SIFTINGS = 4

# What comes first where nothing else decides: the life of an instance.
_LIFE = ("pre_init", "post_init", "pre_save", "post_save", "m2m_changed", "pre_delete", "post_delete")


@dataclass
class Layers:
    """`blocks` by stage, top to bottom, the senders being stage 0. `right` has the right side of each block.

    `lines` lead from what stands on a right side to blocks of the next stage; `ways` holds for a sender's line or the
    causes of a port the ways that it takes, by stage.
    """

    blocks: list[list[str]]
    right: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    ways: dict[tuple[str, str], dict[int, str]] = field(default_factory=dict)

    def rows(self, stage: int) -> list[str]:
        """The right side of a stage, top to bottom."""
        return [row for block in self.blocks[stage] for row in self.right[block]]


def is_way(name: str) -> bool:
    return name.startswith(("way:", "out:"))


def way_out(way: str) -> str:
    """The right side of a way."""
    return f"out:{way}"


def layer(graph: nx.DiGraph[str]) -> Layers:
    """The layers of a ranked graph, in order; the same for the same graph, however it was put together."""
    whole = _unordered(graph)
    parts = [_Part(whole, found).solve() for found in _parts(whole)]
    whole.blocks = [[block for part in parts for block in part[stage]] for stage in range(len(whole.blocks))]
    return whole


def crossings(layers: Layers) -> int:
    """How many pairs of lines cross between the stages; arcs that close a cycle are not among them."""
    return _Part(layers, {block for blocks in layers.blocks for block in blocks}).count()


def _unordered(graph: nx.DiGraph[str]) -> Layers:
    stages: dict[str, int] = {node: data["stage"] for node, data in graph.nodes(data=True)}
    found = Layers([[] for _ in range(max(stages.values(), default=0) + 1)])
    for node in sorted(graph, key=lambda node: _first_place(graph, node)):
        kind = graph.nodes[node]["kind"]
        if kind != "receiver":
            found.blocks[stages[node]].append(node)
            found.right[node] = _in_order(graph, node) if kind == "port" else [node]
        found.lines[node] = []
    for source, target, data in sorted(graph.edges(data=True), key=lambda edge: edge[:2]):
        if graph.nodes[target]["kind"] == "port" and not data.get("back"):
            bundle = (source if data["kind"] == "connection" else "", target)
            _add_line(found, bundle, source, target, stages)
    return found


def _add_line(found: Layers, bundle: tuple[str, str], source: str, target: str, stages: dict[str, int]) -> None:
    """All causes of a port share their ways; a sender's line to it has ways of its own."""
    at = source
    for stage in range(stages[source] + 1, stages[target]):
        ways = found.ways.setdefault(bundle, {})
        if stage not in ways:
            ways[stage] = way = f"way:{bundle[0]}>{target}>{stage}"
            found.blocks[stage].append(way)
            found.right[way] = [way_out(way)]
            found.lines[way_out(way)] = []
        _join(found, at, ways[stage])
        at = way_out(ways[stage])
    _join(found, at, target)


def _join(found: Layers, row: str, block: str) -> None:
    if block not in found.lines[row]:
        found.lines[row].append(block)


def _first_place(graph: nx.DiGraph[str], node: str) -> tuple[int, str]:
    signal = str(graph.nodes[node].get("signal", "")).rpartition(".")[2]
    return (_LIFE.index(signal) if signal in _LIFE else len(_LIFE)), node


def _in_order(graph: nx.DiGraph[str], port: str) -> list[str]:
    return sorted(graph.successors(port), key=lambda node: (graph.nodes[node]["order"], node))


def _parts(whole: Layers) -> list[set[str]]:
    """The connected parts, those of most stages first, then by their first block."""
    joined: nx.Graph[str] = nx.Graph()
    for block, rows in whole.right.items():
        joined.add_node(block)
        for row in rows:
            joined.add_edges_from((block, other) for other in whole.lines[row])
    depth = {block: stage for stage, blocks in enumerate(whole.blocks) for block in blocks}
    place = {block: place for place, block in enumerate(block for blocks in whole.blocks for block in blocks)}
    found = [set(part) for part in nx.connected_components(joined)]
    return sorted(found, key=lambda part: (-len({depth[block] for block in part}), min(place[block] for block in part)))


class _Part:
    """A part of the layers while it is being ordered. Blocks and the rows of their right sides have numbers here."""

    def __init__(self, whole: Layers, blocks: set[str]) -> None:
        kept = [[block for block in stage if block in blocks] for stage in whole.blocks]
        self.names = [block for stage in kept for block in stage]
        number = {block: at for at, block in enumerate(self.names)}
        self.order = [[number[block] for block in stage] for stage in kept]
        self.rows: list[list[int]] = []  # by block
        self.out: list[list[int]] = []  # by row: blocks of the next stage
        self.into: list[list[int]] = [[] for _ in self.names]  # by block: rows of the stage before
        for block in self.names:
            self.rows.append([])
            for row in whole.right[block]:
                self.rows[-1].append(len(self.out))
                self.out.append([number[other] for other in whole.lines[row]])
        for at, reached in enumerate(self.out):
            for other in reached:
                self.into[other].append(at)

    def solve(self) -> list[list[str]]:
        """Barycentre sweeps, the best kept, then sifted while it helps; the names by stage."""
        best, fewest, idle = self._copy(), self.count(), 0
        for sweep in range(SWEEPS):
            if not fewest or idle == PATIENCE:
                break
            self._sweep_right() if sweep % 2 == 0 else self._sweep_left()
            count = self.count()
            idle += 1
            if count < fewest:
                best, fewest, idle = self._copy(), count, 0
        self.order = best
        for _ in range(SIFTINGS if fewest else 0):
            if not sum([self._sift(stage) for stage in range(len(self.order))]):
                break
        return [[self.names[block] for block in stage] for stage in self.order]

    def count(self) -> int:
        found = 0
        for stage, after in enumerate(self.order[1:]):
            ends = _places([self.out[row] for row in self._rows(stage)], after)
            found += count_crossings(range(len(ends)), ends, range(len(after)))
        return found

    def _copy(self) -> list[list[int]]:
        return [list(stage) for stage in self.order]

    def _rows(self, stage: int) -> list[int]:
        return [row for block in self.order[stage] for row in self.rows[block]] if stage >= 0 else []

    def _left(self, stage: int) -> tuple[list[list[int]], int]:
        """For each block of a stage the places that lines come from, of so many."""
        before = self._rows(stage - 1)
        return _places([self.into[block] for block in self.order[stage]], before), len(before)

    def _right(self, stage: int, first: int = 0) -> tuple[list[list[int]], int]:
        """For each block of a stage the places that lines go to, counted from `first` on, of so many."""
        after = self.order[stage + 1] if stage + 1 < len(self.order) else []
        leaving = [[other for row in self.rows[block] for other in self.out[row]] for block in self.order[stage]]
        return _places(leaving, after, first), len(after)

    def _sweep_right(self) -> None:
        for stage in range(1, len(self.order)):
            self._reorder(stage, *self._left(stage))

    def _sweep_left(self) -> None:
        for stage in range(len(self.order) - 2, -1, -1):
            self._reorder(stage, *self._right(stage))

    def _reorder(self, stage: int, ends: list[list[int]], size: int) -> None:
        found = by_barycentre(range(len(ends)), ends, range(size))
        self.order[stage] = [self.order[stage][at] for at in found]

    def _sift(self, stage: int) -> int:
        left, before = self._left(stage)
        right, after = self._right(stage, before)
        found = list(range(len(left)))
        ends = [[*one, *other] for one, other in zip(left, right, strict=True)]
        saved = sift(found, ends, before, before + after)
        self.order[stage] = [self.order[stage][at] for at in found]
        return saved


def _places(joined: list[list[int]], others: list[int], first: int = 0) -> list[list[int]]:
    """Where the others that each is joined to stand, from `first` on."""
    places = {other: place for place, other in enumerate(others, first)}
    return [[places[other] for other in own if other in places] for own in joined]
