"""The lines of a drawn graph as text formats need them: connections and causes told apart, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import networkx as nx

from signalgraph import names
from signalgraph.graph.build import find_port

Kind = Literal["connection", "cause"]
ELSEWHERE = "elsewhere"  # kind of a place for dispatches that nobody who is drawn hears


@dataclass(frozen=True)
class Cause:
    """While the receiver of `connection` (an id) ran, it dispatched `signal` for `sender`, `count` times."""

    connection: str
    signal: str
    sender: str
    count: int


@dataclass(frozen=True)
class Line:
    """One line from node to node. `connections` are ids; `causes` are what a line of the kind "cause" stands for.

    `order` (from 1) is the place of a receiver among those of its signal; `why` says of a line that can't fire why not;
    `back` closes a cycle.
    """

    source: str
    target: str
    kind: Kind
    connections: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    order: int | None = None
    can_fire: bool = True
    why: str = ""
    gone: bool = False
    back: bool = False

    @property
    def count(self) -> int:
        """How often a cause was seen."""
        return sum(cause.count for cause in self.causes)


def lines_of(graph: nx.DiGraph[str]) -> list[Line]:
    """All lines of a view, connections first, each kind by its ends.

    The causes of the wiring view, which stand beside its edges, are lines from the receiver to the port that the
    dispatch arrives at. One that no receiver in the drawing hears goes to a place of its own (`elsewhere`).
    """
    found = [_line(graph, source, target) for source, target in sorted(graph.edges)]
    found += _beside(graph)
    return sorted(found, key=lambda line: (line.kind == "cause", line.source, line.target))


def nodes_of(graph: nx.DiGraph[str]) -> dict[str, Mapping[str, Any]]:
    """The attributes of all nodes by id, in the order of the ids, places for unheard dispatches last."""
    found: dict[str, Mapping[str, Any]] = {node: graph.nodes[node] for node in sorted(graph)}
    for line in _beside(graph):
        if line.target not in found:
            cause = line.causes[0]
            label = f"{names.short(cause.signal)} from {names.short(cause.sender)}"
            own = {"signal": cause.signal, "senders": [cause.sender]}
            found[line.target] = {
                "kind": ELSEWHERE,
                "label": label,
                "name": f"{cause.signal} from {cause.sender}",
                **own,
            }
    return found


def causes_of(graph: nx.DiGraph[str]) -> list[Cause]:
    """Every cause of a view once, sorted."""
    return sorted({cause for line in lines_of(graph) for cause in line.causes}, key=_place)


def _place(cause: Cause) -> tuple[str, str, str]:
    return cause.connection, cause.signal, cause.sender


def _line(graph: nx.DiGraph[str], source: str, target: str) -> Line:
    data = graph.edges[source, target]
    is_cause = data.get("kind") == "cause"
    return Line(
        source,
        target,
        "cause" if is_cause else "connection",
        connections=() if is_cause else tuple(data["connections"]),
        causes=tuple(_dispatched(graph, source, target)) if is_cause else (),
        order=data.get("order"),
        can_fire=bool(data.get("can_fire", True)),
        why=str(data.get("why", "")),
        gone=bool(data.get("gone", False)),
        back=bool(data.get("back", False)),
    )


def _dispatched(graph: nx.DiGraph[str], source: str, target: str) -> Iterator[Cause]:
    """What an edge from a handling to a dispatch says; the connection's sender is the one that was handled."""
    handling, port = graph.nodes[source], graph.nodes[target]
    connection = names.connection_id(handling["sender"], handling["signal"], handling["name"])
    count = int(graph.edges[source, target]["count"])
    for sender in port["senders"]:
        yield Cause(connection, str(port["signal"]), str(sender), count)


def _beside(graph: nx.DiGraph[str]) -> list[Line]:
    """The causes of the wiring view as lines, one for each pair of receiver and port."""
    found: dict[tuple[str, str], list[Cause]] = {}
    for connection, signal, sender, count in graph.graph.get("causes", ()):
        receiver = names.receiver_id(names.parse_connection_id(connection)[2])
        port = find_port(graph, signal, sender) or f"{ELSEWHERE}:{signal}|{sender}"
        found.setdefault((receiver, port), []).append(Cause(connection, signal, sender, count))
    return [
        Line(receiver, port, "cause", causes=tuple(sorted(causes, key=_place)))
        for (receiver, port), causes in sorted(found.items())
        if receiver in graph
    ]
