"""The graph as node-link JSON, as NetworkX reads and writes it.

``networkx.node_link_graph(json.loads(text), edges="edges")`` gives a directed graph back. Its shape is::

    {"schema": 1, "directed": true, "multigraph": false,
     "graph": {"query": "...", "as_of": "...", "measure": "rate" | null,
               "signals": {"<signal>": {"label", "ports": ["port:..."], "figures"}},
               "causes": [{"connection": "connection:...", "signal", "sender", "count"}]},
     "nodes": [{"id": "sender:...", "kind": "sender", "name", "label"},
               {"id": "port:...", "kind": "port", "signal", "label", "senders": [], "any": false, "also": []},
               {"id": "receiver:...", "kind": "receiver", "name", "label", "is_async", "file", "line"}],
     "edges": [{"source", "target", "connections": ["connection:..."], "gone": false}]}

Ids are those of the pages and stay the same over restarts. Lists are sorted, so equal graphs give equal text. Where
something was measured, nodes that are not senders, signals and edges also have
``"figures": {"calls", "errors", "rate_per_s", "p95_us", "ms_per_s", "slow"}``.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import networkx as nx

from signalgraph.graph.figures import Figures

SCHEMA = 1


def render(graph: nx.DiGraph[str], *, query: str = "", as_of: str = "") -> str:
    """A wiring graph as JSON text, ended by a newline."""
    return json.dumps(node_link(graph, query=query, as_of=as_of), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def node_link(graph: nx.DiGraph[str], *, query: str = "", as_of: str = "") -> dict[str, Any]:
    """A wiring graph as plain lists and dicts; the graph itself is left as it is."""
    plain: nx.DiGraph[str] = nx.DiGraph(**_about(graph), query=query, as_of=as_of)
    for node in sorted(graph):
        plain.add_node(node, **_plain(graph.nodes[node]))
    for source, target in sorted(graph.edges):
        plain.add_edge(source, target, **_plain(graph.edges[source, target]))
    return {"schema": SCHEMA, **nx.node_link_data(plain, edges="edges")}


def _about(graph: nx.DiGraph[str]) -> dict[str, Any]:
    figures = graph.graph.get("signal_figures", {})
    signals = {
        signal: _plain(
            {"label": graph.graph["signal_labels"][signal], "ports": ports}
            | ({"figures": figures[signal]} if signal in figures else {})
        )
        for signal, ports in graph.graph["signals"].items()
    }
    keys = ("connection", "signal", "sender", "count")
    causes = [dict(zip(keys, cause, strict=True)) for cause in graph.graph["causes"]]
    return {"signals": signals, "causes": causes, "measure": graph.graph.get("measure")}


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    return {key: asdict(value) if isinstance(value, Figures) else value for key, value in data.items()}
