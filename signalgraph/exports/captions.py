"""What text formats write into boxes, and on lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import networkx as nx

from signalgraph.exports import app_words, stage_words, words
from signalgraph.exports.drawn import Line, is_clustered
from signalgraph.graph.figures import DISPATCH_UNITS, UNITS

TRUTH = (
    "Every path along solid lines, from a sender through an audience of a signal to a receiver, is a real connection. "
    "Dashed lines are causes that were seen, each true by itself."
)


def caption(graph: nx.DiGraph[str], data: Mapping[str, Any]) -> list[str]:
    """The lines of text of a box: its short name, then what is worth knowing of it."""
    label = data["label"]
    if data["kind"] == "port" and not is_clustered(graph):
        label = f"{graph.graph['signal_labels'][data['signal']]} from {label}"
    notes = ", ".join([*_marks(data), *_numbers(graph, data)])
    badges = [app_words.of_badge(said, ids) for said, ids in sorted(data.get("badges", {}).items())]
    return [label, *badges, *([notes] if notes else [])]


def _marks(data: Mapping[str, Any]) -> Iterator[str]:
    if data.get("also"):
        yield f"+{len(data['also'])} any sender"
    if data.get("is_async"):
        yield "async"
    if data.get("for_any"):
        yield "for any sender"
    if data.get("observed") is False:
        yield "not seen"
    if data.get("besides"):
        yield f"{words.count(len(data['besides']), 'more receiver')} not drawn"
    if data.get("causes_left"):
        yield f"{words.count(data['causes_left'], 'more cause')} not drawn"
    if data.get("effects_left"):
        yield f"{words.count(data['effects_left'], 'more signal')} dispatched, not drawn"


def _numbers(graph: nx.DiGraph[str], data: Mapping[str, Any]) -> list[str]:
    figures = data.get("figures")
    shown = words.measured(graph, figures, DISPATCH_UNITS if data["kind"] == "port" else UNITS)
    if figures is not None and figures.errors and graph.graph.get("measure") != "errors":
        shown.append(words.count(figures.errors, "error"))
    return shown


def line_label(graph: nx.DiGraph[str], line: Line) -> str:
    """How often a cause was seen; of connections, why nothing comes along, or how many a line from app to app is."""
    if line.kind == "cause":
        back = " (a cycle)" if line.back else ""
        return f"{line.count}\N{MULTIPLICATION SIGN}{back}" if line.count else ""
    state = "" if line.can_fire else "cannot fire"
    is_of_apps = any(end in graph and graph.nodes[end]["kind"] == "app" for end in (line.source, line.target))
    several = words.count(len(line.connections), "connection") if is_of_apps and len(line.connections) > 1 else ""
    return ", ".join(filter(None, (several, state)))


def holds(graph: nx.DiGraph[str]) -> str:
    """How much of what is drawn, in words."""
    view = graph.graph.get("view", "wiring")
    if view == "apps":
        return app_words.of_graph(graph)
    return words.of_graph(graph) if view == "wiring" else stage_words.of_graph(graph)


def truth(graph: nx.DiGraph[str]) -> str:
    """What may be concluded from the lines."""
    return app_words.TRUTH if graph.graph.get("view") == "apps" else TRUTH


def about(graph: nx.DiGraph[str], title: str, query: str, as_of: str) -> list[str]:
    """What an export says of itself, a line each; of a view that lacks something why it does."""
    said = [title, *([f"Filter: {query}"] if query else []), *([f"As of {as_of}"] if as_of else [])]
    return [*said, *([graph.graph["note"]] if graph.graph.get("note") else [])]
