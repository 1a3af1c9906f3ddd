"""The graph as GraphML, for Gephi, yEd, Cytoscape, igraph and NetworkX.

``networkx.read_graphml(file)`` gives it back. Nodes have the ids of the pages; all say by `kind` what they are.
A cause is an edge of its own from the receiver to what it dispatched, one for each connection that ran (`connection`),
with its `count`. GraphML has no lists: those are JSON texts (`connections`, `senders`, `also`). The graph has `title`,
`query`, `as_of` and `view`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import networkx as nx

from signalgraph.exports.drawn import Line, lines_of, nodes_of
from signalgraph.exports.json import plain
from signalgraph.exports.markup import lines as joined
from signalgraph.exports.markup import tag, text
from signalgraph.graph.figures import Figures

Value = str | int | float | bool
_TYPES: Mapping[type, str] = {bool: "boolean", int: "long", float: "double", str: "string"}
_NAMESPACE = "http://graphml.graphdrawing.org/xmlns"


def render(graph: nx.DiGraph[str], *, title: str = "", query: str = "", as_of: str = "") -> str:
    """A drawn graph as GraphML; the same graph gives the same text."""
    said = {"title": title, "query": query, "as_of": as_of, "view": str(graph.graph.get("view", "wiring"))}
    measure = graph.graph.get("measure")
    said |= {"measure": measure} if measure else {}
    nodes = {node: _flat(data) for node, data in nodes_of(graph).items()}
    edges = [(line, own) for line in lines_of(graph) for own in _edges(graph, line)]
    keys = _Keys()
    body = [
        *keys.data("graph", said),
        *(tag("node", *keys.data("node", own), id=node) for node, own in nodes.items()),
        *(tag("edge", *keys.data("edge", own), source=line.source, target=line.target) for line, own in edges),
    ]
    drawn = tag("graph", joined(["", *body, ""]), edgedefault="directed", id="signals")
    document = tag("graphml", joined(["", *keys.declared(), drawn, ""]), xmlns=_NAMESPACE)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}\n'


class _Keys:
    """What values are called and which type they have, declared before they are used."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], str] = {}

    def data(self, domain: str, values: Mapping[str, Value]) -> list[str]:
        return [tag("data", _written(value), key=self._key(domain, name, value)) for name, value in values.items()]

    def declared(self) -> Iterable[str]:
        for (domain, name, kind), key in self._found.items():
            yield tag("key", **{"id": key, "for": domain, "attr.name": name, "attr.type": kind})

    def _key(self, domain: str, name: str, value: Value) -> str:
        kind = _TYPES[type(value)]
        return self._found.setdefault((domain, name, kind), f"d{len(self._found)}")


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else text(str(value)).replace("\r", "&#13;")


def _edges(graph: nx.DiGraph[str], line: Line) -> list[dict[str, Value]]:
    """One line of the drawing is one edge; of causes one for each."""
    state: dict[str, Value] = {"kind": line.kind, "can_fire": line.can_fire, "back": line.back}
    if line.kind == "cause":
        return [state | asdict(cause) for cause in line.causes]
    data = graph.edges[line.source, line.target]
    return [state | _flat(data)]


def _flat(data: Mapping[str, Any]) -> dict[str, Value]:
    """Attributes without lists and without what is unknown, figures among the others."""
    found: dict[str, Value] = {}
    for key, value in sorted(data.items()):
        if isinstance(value, Figures):
            found |= asdict(value)
        elif type(value) in _TYPES:
            found[key] = plain(key, value)
        elif value is not None:
            found[key] = json.dumps(plain(key, value), ensure_ascii=False, sort_keys=True)
    return found
