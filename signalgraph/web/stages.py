"""A focus or a path as text: stage by stage what is dispatched, who handles it, and what that sets off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True)
class Arrow:
    """A cause, at its other end: what was dispatched, or in which handling; `closes` a cycle where it leads back."""

    id: str
    label: str
    count: int
    closes: bool


@dataclass(frozen=True)
class Handling:
    """A receiver that a dispatch runs; `data` is what the graph knows of it, `why` why it can't run."""

    id: str
    data: dict[str, Any]
    why: str
    sets_off: list[Arrow]


@dataclass(frozen=True)
class Sent:
    """One dispatch: a signal, sent by one sender."""

    id: str
    signal: str
    sender: str
    caused_by: list[Arrow]
    handlings: list[Handling]


@dataclass(frozen=True)
class Stage:
    """`number` counts the causes between it and what was asked for; it is negative before that."""

    number: int
    sent: list[Sent] = field(default_factory=list)

    @property
    def title(self) -> str:
        if not self.number:
            return "Here"
        count = abs(self.number)
        return f"{count} cause{'s' if count > 1 else ''} {'later' if self.number > 0 else 'earlier'}"


def read_stages(graph: nx.DiGraph[str]) -> list[Stage]:
    """The stages of a focus or path in their order; a dispatch stands in one of them, with its receivers in order."""
    found: dict[int, list[Sent]] = defaultdict(list)
    ports = [
        (data["distance"], data["stage"], data["name"], node)
        for node, data in graph.nodes(data=True)
        if data["kind"] == "port"
    ]
    for distance, _, _, node in sorted(ports):
        found[distance].append(_sent(graph, node))
    return [Stage(number, sent) for number, sent in found.items()]


def _sent(graph: nx.DiGraph[str], port: str) -> Sent:
    data = graph.nodes[port]
    lines = sorted(graph.out_edges(port, data=True), key=lambda line: (line[2].get("order", 0), line[1]))
    handlings = [_handling(graph, node, line) for _, node, line in lines if line["kind"] == "connection"]
    return Sent(port, data["signal"], data["senders"][0], list(_caused_by(graph, port)), handlings)


def _handling(graph: nx.DiGraph[str], node: str, line: dict[str, Any]) -> Handling:
    why = "" if line["can_fire"] else line["why"]
    sets_off = [
        Arrow(port, _label(graph, port), data["count"], bool(data.get("back")))
        for _, port, data in sorted(graph.out_edges(node, data=True), key=lambda line: line[1])
        if data["kind"] == "cause"
    ]
    return Handling(node, dict(graph.nodes[node]), why, sets_off)


def _caused_by(graph: nx.DiGraph[str], port: str) -> Iterator[Arrow]:
    for node, _, data in sorted(graph.in_edges(port, data=True), key=lambda line: line[0]):
        if data["kind"] == "cause":
            yield Arrow(node, graph.nodes[node]["label"], data["count"], bool(data.get("back")))


def _label(graph: nx.DiGraph[str], port: str) -> str:
    return f"{graph.graph['signal_labels'][graph.nodes[port]['signal']]} of {graph.nodes[port]['label']}"
