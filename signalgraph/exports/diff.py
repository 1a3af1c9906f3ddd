"""A difference as a drawing: what was added, what is gone and what changed stands out; the rest is dim.

The second channel beside colour is a sign on the line (`+`, `-`, `~`), its dashes and its width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import networkx as nx

from signalgraph.events import Inventory
from signalgraph.exports.boxes import Pen, draw_box
from signalgraph.exports.legend import Key
from signalgraph.exports.markup import classes, lines, tag
from signalgraph.exports.svg import curve, document, heads
from signalgraph.exports.theme import TOKENS
from signalgraph.graph.build import build_wiring, connection_id
from signalgraph.graph.diff import Difference, comparable, compare
from signalgraph.graph.focus import Focus
from signalgraph.graph.layout import layout_wiring
from signalgraph.graph.reordering import moved_receivers

SIGNS = {
    "added": ("M-3.5 0h7M0 -3.5v7", 2.5, "new"),
    "removed": ("M-3.5 0h7", 1.6, "gone"),
    "changed": ("M-4 1q2 -3 4 -1t4 -1", 2.0, "changed"),
}
SIGN_PX = 16
_SHAPES = """\
.edge.removed, .removed .box { stroke-dasharray: 2 3; }
.removed text { text-decoration: line-through; }
.sign path { fill: none; stroke-width: 1.8; }
.sign circle { stroke-width: 1.4; }
"""
_COLOURS = (("added", "receiver"), ("removed", "ink_3"), ("changed", "accent"))  # by the name of a token


def render(before: Inventory, after: Inventory, *, title: str = "What has changed") -> str:
    """The wiring of both inventories together, as an SVG document; the same two give the same text."""
    graph = build_difference(before, after)
    touched: set[str] = set()
    told: set[str] = set()
    for one, other, data in graph.edges(data=True):
        if _state(data):
            touched |= {one, other}
            told.update(data["connections"])
    touched |= {
        f"signal:{data['signal']}" for node, data in graph.nodes(data=True) if node in touched and "also" in data
    }
    pen = _Pen(graph, layout_wiring(graph), page=False, focus=Focus("", frozenset(touched), frozenset(told)))
    drawn = [
        heads(pen),
        _lines(pen),
        *(draw_box(pen, box) for box in pen.layout.nodes.values() if box.kind != "port"),
        _signs(pen),
    ]
    return document(pen, drawn, title, "", "", style=_style(), keys=_keys(graph))


def build_difference(before: Inventory, after: Inventory) -> nx.DiGraph[str]:
    """The wiring graph of both; lines have `state` "added", "removed" or "changed", none where nothing is otherwise.

    A line from a sender has the state that all connections through its port have.
    """
    old, new, difference = comparable(before), comparable(after), compare(before, after)
    gone = [row for row, now in difference.connections if row is not None and now is None]
    states = connection_states(difference)
    known = {info.name for info in new.signals}
    signals = [*new.signals, *(info for info in old.signals if info.name not in known)]
    graph = build_wiring(signals, [*new.connections, *gone], states=states)
    for port in [node for node, data in graph.nodes(data=True) if data["kind"] == "port"]:
        found = {graph.edges[port, receiver].get("state") for receiver in graph.successors(port)}
        for sender in graph.predecessors(port) if len(found) == 1 and None not in found else ():
            graph.edges[sender, port]["state"] = next(iter(found))
    return graph


def connection_states(difference: Difference) -> dict[str, str]:
    """What a difference says of connections, by id; one that was replaced by itself in another way has changed."""
    went = {connection_id(row) for row, now in difference.connections if row is not None and now is None}
    came = {connection_id(now) for row, now in difference.connections if row is None and now is not None}
    changed = {connection_id(now) for row, now in difference.connections if row is not None and now is not None}
    pairs = {row: now for row, now in difference.connections if row is not None and now is not None}
    for ordering in difference.orders:
        moved = {(move.receiver, move.sender) for move in moved_receivers(ordering, pairs)}
        changed |= {connection_id(row) for row in ordering.after if (row.receiver, row.sender) in moved}
    changed |= went & came
    return {
        **dict.fromkeys(sorted(came - changed), "added"),
        **dict.fromkeys(sorted(went - changed), "removed"),
        **dict.fromkeys(sorted(changed), "changed"),
    }


class _Pen(Pen):
    """Strikes out receivers and senders that have only what is gone."""

    def state(self, node: str) -> str | None:
        incident = [data for *_, data in self.graph.in_edges(node, data=True)] if node in self.graph else []
        incident += [data for *_, data in self.graph.out_edges(node, data=True)] if node in self.graph else []
        states = {_state(data) for data in incident}
        return "removed" if states == {"removed"} else super().state(node)


def _state(data: Mapping[str, str]) -> str:
    return data.get("state", "")


def _lines(pen: Pen) -> str:
    """What is otherwise lies above what isn't."""
    drawn: dict[bool, list[str]] = {False: [], True: []}
    for line in pen.layout.edges:
        state = _state(pen.graph.edges[line.source, line.target])
        width = SIGNS[state][1] if state else 1.0
        path = tag("path", class_=classes("edge", state or "dim"), stroke_width=width, d=curve(line))
        drawn[bool(state)].append(path)
    return tag("g", lines(["", *drawn[False], *drawn[True], ""]), aria_hidden="true")


def _signs(pen: Pen) -> str:
    """On the lines towards receivers, where they come near; beside each other where several come to one."""
    drawn: list[str] = []
    seen: Counter[str] = Counter()
    for line in sorted(pen.layout.edges, key=lambda line: (line.y2, line.y1)):
        state = _state(pen.graph.edges[line.source, line.target])
        if state and pen.graph.nodes[line.target]["kind"] == "receiver":
            x = line.x2 - SIGN_PX * (1 + seen[line.target])
            drawn.append(tag("g", _glyph(state), class_=f"sign {state}", transform=f"translate({x:g} {line.y2:g})"))
            seen[line.target] += 1
    return tag("g", lines(["", *drawn, ""])) if drawn else ""


def _glyph(state: str) -> str:
    return tag("circle", class_="paper", r=6) + tag("path", d=SIGNS[state][0])


def _keys(graph: nx.DiGraph[str]) -> list[Key]:
    found = {_state(data) for *_, data in graph.edges(data=True)}
    return [
        (tag("g", tag("g", _glyph(state), class_=f"sign {state}"), transform="translate(6 6)"), 20, word)
        for state, (_, _, word) in SIGNS.items()
        if state in found
    ]


def _style() -> str:
    """The rules on top of a drawing's own, in both themes."""
    dark = "".join(_coloured(1))
    return f"{_SHAPES}{''.join(_coloured(0))}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _coloured(theme: int) -> list[str]:
    return [
        f".edge.{state}, .sign.{state} circle, .sign.{state} path {{ stroke: {TOKENS[token][theme]}; }}\n"
        for state, token in _COLOURS
    ]
