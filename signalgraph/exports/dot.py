r"""The graph in Graphviz' DOT.

A signal is a cluster of its audiences, so no path leads from a sender to a receiver that doesn't hear it. Names of
nodes are the ids of the pages. In every string `&`, `"`, `\` and control characters are written as numeric character
references (`&#38;`): Graphviz shows them as the characters, another reader gets them from ``html.unescape``.
Beside what Graphviz draws, the graph has `title`, `query` and `as_of`; nodes and edges have `kind`; edges have `count`
(causes), `order`, `can_fire` and `why`, `observed` and `back` where there is something to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import networkx as nx

from signalgraph.exports.captions import about, caption, line_label
from signalgraph.exports.drawn import ELSEWHERE, Line, clusters_of, is_clustered, lines_of, nodes_of
from signalgraph.exports.theme import TOKENS

_AWKWARD = re.compile(r'[&"\\\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_COLOURS = {name: light for name, (light, _) in TOKENS.items()}
_LOOKS: Mapping[str, dict[str, str]] = {
    "sender": {"color": _COLOURS["sender"], "fillcolor": _COLOURS["sender_tint"]},
    "port": {"color": _COLOURS["signal"], "fillcolor": _COLOURS["signal_tint"]},
    "receiver": {"color": _COLOURS["receiver"], "fillcolor": _COLOURS["receiver_tint"], "style": "filled,rounded"},
    "app": {"color": _COLOURS["line_control"], "fillcolor": _COLOURS["line"], "shape": "box3d"},
    ELSEWHERE: {"color": _COLOURS["line_strong"], "fillcolor": _COLOURS["bg"], "shape": "plaintext"},
}


def render(graph: nx.DiGraph[str], *, title: str = "", query: str = "", as_of: str = "") -> str:
    """A drawn graph as DOT; the same graph gives the same text."""
    nodes, clusters = nodes_of(graph), clusters_of(graph)
    inside = {port for ports in clusters.values() for port in ports}
    said = {"label": _shown(about(graph, title, query, as_of)), "title": title, "query": query, "as_of": as_of}
    look = {"rankdir": "LR", "labelloc": "t", "labeljust": "l", "ranksep": "1.2", "fontname": "Helvetica"}
    parts = [
        "digraph signals {",
        f"  graph [{_list(said | look)}]",
        "  node [shape=box, style=filled, fontname=Helvetica, fontsize=11]",
        f"  edge [fontname=Helvetica, fontsize=10, color={_quoted(_COLOURS['line_control'])}, arrowsize=0.6]",
        *(_node(graph, node, data) for node, data in nodes.items() if node not in inside),
    ]
    for box, ports in clusters.items():
        label = graph.graph["signal_labels"][nodes[ports[0]]["signal"]]
        own = {"label": _shown([label]), "style": "rounded", "color": _COLOURS["signal"]}
        parts += [f"  subgraph {_quoted(f'cluster_{box}')} {{", f"    graph [{_list(own)}]"]
        parts += [f"  {_node(graph, port, nodes[port])}" for port in ports]
        parts.append("  }")
    parts += [_edge(graph, line) for line in lines_of(graph)]
    return "\n".join([*parts, "}", ""])


def _node(graph: nx.DiGraph[str], node: str, data: Mapping[str, Any]) -> str:
    look = dict(_LOOKS.get(data["kind"], {}))
    if data.get("is_async"):
        look["style"] = "filled,rounded,dashed"
    name = data.get("name") or f"{data.get('signal', '')} from {', '.join(data.get('senders', ())) or 'any sender'}"
    if data.get("observed") is False:
        look["fillcolor"] = _COLOURS["bg"]
    own = {"kind": data["kind"], "label": _shown(caption(graph, data)), "tooltip": name, **look}
    own |= {"stage": str(data["stage"])} if "stage" in data else {}
    return f"  {_quoted(node)} [{_list(own)}]"


def _edge(graph: nx.DiGraph[str], line: Line) -> str:
    own: dict[str, str] = {"kind": line.kind}
    if line.kind == "cause":
        own |= {"count": str(line.count), "style": "dashed", "arrowhead": "vee"}
        own |= {"constraint": "false"} if line.back or is_clustered(graph) else {}
    if line.order is not None:
        own["order"] = str(line.order)
    if line.observed is False:
        own |= {"observed": "false", "color": _COLOURS["line_strong"]}
    if not line.can_fire:
        own |= {"can_fire": "false", "why": line.why, "style": "dotted", "arrowhead": "tee"}
    if line.back:
        own["back"] = "true"
    label = line_label(graph, line)
    own |= {"label": _shown([label])} if label else {}
    return f"  {_quoted(line.source)} -> {_quoted(line.target)} [{_list(own)}]"


class _Label(str):
    """Text whose escapes are written already: in a label Graphviz reads `\\` as a way to say something else."""


def _shown(lines: Iterable[str]) -> _Label:
    return _Label("&#10;".join(_AWKWARD.sub(_in_label, line) for line in lines if line))


def _in_label(match: re.Match[str]) -> str:
    return "&#92;&#92;" if match[0] == "\\" else _reference(match)


def _reference(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"&#{code if 0x20 <= code < 0x7F or code in (9, 10, 13) else 0xFFFD};"


def _quoted(text: str) -> str:
    return f'"{text if isinstance(text, _Label) else _AWKWARD.sub(_reference, text)}"'


def _list(attributes: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={_quoted(value)}" for key, value in attributes.items())
