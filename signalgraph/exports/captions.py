"""What text formats write into boxes, and on lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx

from signalgraph.exports import words
from signalgraph.exports.drawn import Line
from signalgraph.graph.figures import DISPATCH_UNITS, UNITS

TRUTH = (
    "Every path along solid lines, from a sender through an audience of a signal to a receiver, is a real connection. "
    "Dashed lines are causes: seen, or possible by the wiring, one at a time."
)


def caption(graph: nx.DiGraph[str], data: Mapping[str, Any]) -> list[str]:
    """The lines of text of a box: its short name, then what is worth knowing of it."""
    kind = data["kind"]
    notes = []
    if data.get("also"):
        notes.append(f"+{len(data['also'])} any sender")
    if data.get("is_async"):
        notes.append("async")
    figures = data.get("figures")
    notes += words.measured(graph, figures, DISPATCH_UNITS if kind == "port" else UNITS)
    if figures is not None and figures.errors and graph.graph.get("measure") != "errors":
        notes.append(words.count(figures.errors, "error"))
    return [data["label"], *([", ".join(notes)] if notes else [])]


def line_label(line: Line) -> str:
    """How often a cause was seen; of a connection, why nothing comes along it. Empty for an ordinary one."""
    if line.kind == "cause":
        return f"{line.count}\N{MULTIPLICATION SIGN}" if line.count else ""
    if not line.can_fire:
        return "cannot fire"
    return "gone" if line.gone else ""


def about(title: str, query: str, as_of: str) -> list[str]:
    """What an export says of itself, a line each."""
    return [title, *([f"Filter: {query}"] if query else []), *([f"As of {as_of}"] if as_of else [])]
