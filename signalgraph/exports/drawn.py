"""The lines of a drawn graph as text formats need them: connections and causes told apart, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import networkx as nx

from signalgraph import names
from signalgraph.graph.apps import app_id, app_of, app_of_dispatch
from signalgraph.graph.build import find_port

Kind = Literal["connection", "cause"]
ELSEWHERE = "elsewhere"  # kind of a place for dispatches that nobody who is drawn hears


@dataclass(frozen=True)
class Cause:
    """While the receiver of `connection` (an id) ran, it dispatched `signal` for `sender`, `count` times.

    In a focus and in a path the sender in that id is the one that was handled, never `*`.
    """

    connection: str
    signal: str
    sender: str
    count: int


@dataclass(frozen=True)
class Line:
    """One line from node to node. `connections` are ids; `causes` are what a line of the kind "cause" stands for.

    `order` (from 1) is the place of a receiver among those of its signal; `why` says of a line that can't fire why not;
    `observed` is None where a view doesn't tell what was seen from what stands in the wiring; `back` closes a cycle.
    """

    source: str
    target: str
    kind: Kind
    connections: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    order: int | None = None
    can_fire: bool = True
    why: str = ""
    observed: bool | None = None
    back: bool = False

    @property
    def count(self) -> int:
        """How often a cause was seen."""
        return sum(cause.count for cause in self.causes)


def lines_of(graph: nx.DiGraph[str]) -> list[Line]:
    """All lines of a view, connections first, each kind by its ends.

    The causes of the wiring and of the apps, which stand beside the edges there, are lines to the port, or the app,
    that the dispatch belongs to. One that no receiver in the drawing hears goes to a place of its own (`elsewhere`).
    """
    found = [_line(graph, source, target) for source, target in graph.edges]
    found += _beside(graph)
    return sorted(found, key=lambda line: (line.kind == "cause", line.source, line.target))


def nodes_of(graph: nx.DiGraph[str]) -> dict[str, Mapping[str, Any]]:
    """The attributes of all nodes by id, in the order of the ids, places for unheard dispatches last."""
    found: dict[str, Mapping[str, Any]] = {node: graph.nodes[node] for node in sorted(graph)}
    for line in _beside(graph):
        if line.target not in found:
            name = line.target.partition(":")[2]
            signal, _, sender = name.partition("|")
            label = f"{names.short(signal)} from {names.short(sender)}" if sender else name
            found[line.target] = {"kind": ELSEWHERE, "label": label, "name": name.replace("|", " from ")}
    return found


def clusters_of(graph: nx.DiGraph[str]) -> dict[str, list[str]]:
    """The ports of each signal's box by the id of the box, sorted; an opened app has boxes of its own (`@shop`).

    None in a focus and in a path, where each dispatch stands in its stage.
    """
    found: dict[str, list[str]] = {}
    for signal, ports in sorted(graph.graph.get("signals", {}).items()):
        for port in ports if is_clustered(graph) else ():
            app = graph.nodes[port].get("app", "")
            found.setdefault(names.signal_id(signal) + (f"@{app}" if app else ""), []).append(port)
    return found


def is_clustered(graph: nx.DiGraph[str]) -> bool:
    """Whether a signal is one box with all its ports."""
    return graph.graph.get("view", "wiring") in ("wiring", "apps")


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
        observed=data.get("observed"),
        back=bool(data.get("back", False)),
    )


def _dispatched(graph: nx.DiGraph[str], source: str, target: str) -> Iterator[Cause]:
    """What an edge from a handling to a dispatch says."""
    handling, port = graph.nodes[source], graph.nodes[target]
    connection = names.connection_id(handling["sender"], handling["signal"], handling["name"])
    yield Cause(connection, str(port["signal"]), str(port["sender"]), int(graph.edges[source, target]["count"]))


def _beside(graph: nx.DiGraph[str]) -> list[Line]:
    """The causes that stand beside the edges as lines, one for each pair of ends."""
    found: dict[tuple[str, str], list[Cause]] = {}
    ends_of = _app_ends if graph.graph.get("view") == "apps" else _wiring_ends
    for connection, signal, sender, count in graph.graph.get("causes", ()):
        cause = Cause(connection, signal, sender, count)
        found.setdefault(ends_of(graph, cause), []).append(cause)
    return [
        Line(source, target, "cause", causes=tuple(sorted(causes, key=_place)))
        for (source, target), causes in sorted(found.items())
        if source in graph
    ]


def _wiring_ends(graph: nx.DiGraph[str], cause: Cause) -> tuple[str, str]:
    receiver = names.receiver_id(names.parse_connection_id(cause.connection)[2])
    port = find_port(graph, cause.signal, cause.sender)
    return receiver, port or f"{ELSEWHERE}:{cause.signal}|{cause.sender}"


def _app_ends(graph: nx.DiGraph[str], cause: Cause) -> tuple[str, str]:
    """From the app whose receiver ran to the app in which it dispatched, opened or not."""
    ran = app_of(names.parse_connection_id(cause.connection)[2])
    dispatched = app_of_dispatch(cause.signal, cause.sender)
    target = app_id(dispatched)
    return app_id(ran), target if target in graph else f"{ELSEWHERE}:{dispatched}"
