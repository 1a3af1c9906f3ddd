"""The graph as node-link JSON, as NetworkX reads and writes it.

``networkx.node_link_graph(json.loads(text), edges="edges")`` gives a directed graph back. Of the wiring view it is::

    {"schema": 1, "directed": true, "multigraph": false,
     "graph": {"title": "...", "query": "...", "as_of": "...", "view": "wiring", "ask": {...}, "measure": "rate" | null,
               "signals": {"<signal>": {"label", "ports": ["port:..."], "figures"}},
               "connections": {"connection:...": {"signal", "sender", "receiver", "order", "weak", "async",
                                                  "dispatch_uid", "file", "line", "why_not", "figures"}},
               "causes": [{"connection": "connection:...", "signal", "sender", "count"}]},
     "nodes": [{"id": "sender:...", "kind": "sender", "name", "label"},
               {"id": "port:...", "kind": "port", "signal", "label", "senders": [], "any": false, "also": []},
               {"id": "receiver:...", "kind": "receiver", "name", "label", "is_async", "file", "line"}],
     "edges": [{"source", "target", "kind", "connections": ["connection:..."], "can_fire": true}]}

The other views hold the same, and what each of them adds to nodes and edges; there, causes are edges with the kind
"cause" as well. Ids are those of the pages and stay the same over restarts. Files are below the project or the
installed packages. Lists are sorted, so equal graphs give equal text. Where something was measured, connections, nodes,
signals and edges also have ``"figures": {"calls", "errors", "rate_per_s", "p95_us", "ms_per_s", "slow"}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import networkx as nx
from msgspec import Struct, to_builtins

from signalgraph import names
from signalgraph.exports.drawn import causes_of
from signalgraph.graph.figures import Figures

SCHEMA = 1
_OWN = {
    "signals",
    "signal_labels",
    "signal_figures",
    "causes",
    "rows",
    "stats",
    "stuck",
    "label_chars",
}  # told in another shape


def render(graph: nx.DiGraph[str], *, title: str = "", query: str = "", as_of: str = "") -> str:
    """A drawn graph as JSON text, ended by a newline."""
    found = node_link(graph, title=title, query=query, as_of=as_of)
    return json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def node_link(graph: nx.DiGraph[str], *, title: str = "", query: str = "", as_of: str = "") -> dict[str, Any]:
    """A drawn graph as plain lists and dicts; the graph itself is left as it is."""
    copy: nx.DiGraph[str] = nx.DiGraph(**_about(graph), title=title, query=query, as_of=as_of)
    for node in sorted(graph):
        copy.add_node(node, **_plain(graph.nodes[node]))
    for source, target in sorted(graph.edges):
        data = graph.edges[source, target]
        copy.add_edge(source, target, **{"kind": "connection", "can_fire": True, **_plain(data)})
    return {"schema": SCHEMA, **nx.node_link_data(copy, edges="edges")}


def plain(key: str, value: Any) -> Any:
    """A value as JSON has it. A file is told as people know it, never as a path of one machine."""
    if key == "file" and isinstance(value, str):
        return names.relative_path(value)
    if isinstance(value, Struct):
        return _plain(to_builtins(value))
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, set | frozenset):
        return sorted(plain("", one) for one in value)
    return [plain("", one) for one in value] if isinstance(value, list | tuple) else value


def _plain(data: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): plain(key, value) for key, value in data.items()}


def _about(graph: nx.DiGraph[str]) -> dict[str, Any]:
    whole = graph.graph
    figures, stats, stuck = (whole.get(key, {}) for key in ("signal_figures", "stats", "stuck"))
    labels = whole.get("signal_labels", {})
    signals = {
        signal: {"label": labels.get(signal, signal), "ports": ports} | _figures(figures, signal)
        for signal, ports in whole.get("signals", {}).items()
    }
    connections = {
        one: {**_plain(to_builtins(row)), "why_not": stuck.get(one, ""), **_figures(stats, one)}
        for one, row in whole.get("rows", {}).items()
    }
    told = {key: value for key, value in whole.items() if key not in _OWN}
    causes = causes_of(graph)
    return _plain({"measure": None, **told, "signals": signals, "connections": connections, "causes": causes})


def _figures(stats: Mapping[str, Figures], one: str) -> dict[str, Figures]:
    return {"figures": stats[one]} if one in stats else {}
