"""Stages: which dispatch comes before which, from the longest way there; what leads back closes a cycle."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import networkx as nx


def rank(graph: nx.DiGraph[str], starts: Collection[str]) -> None:
    """Set `stage` of ports and receivers, from 1 on, and `back` of the causes that close a cycle.

    A receiver is in the stage of its port, and what it dispatches in a later one. A port that nothing drawn leads to
    stands right before what follows from it, one of `starts` in the first stage.
    """
    after = _by_ports(graph)
    back = set(_back_edges(after, _first_to_last(graph, after, starts)))
    after.remove_edges_from(back)
    stages: dict[str, int] = {}
    for port in nx.lexicographical_topological_sort(after):
        stages[port] = 1 + max((stages[before] for before in after.predecessors(port)), default=0)
    for port in after:
        if not after.pred[port] and after.adj[port] and port not in starts:
            stages[port] = min(stages[follows] for follows in after.adj[port]) - 1
    for port, stage in stages.items():
        graph.nodes[port]["stage"] = stage
        for receiver in graph.successors(port):
            graph.nodes[receiver]["stage"] = stage
            for effect in graph.successors(receiver):
                graph.edges[receiver, effect]["back"] = (port, effect) in back


def _by_ports(graph: nx.DiGraph[str]) -> nx.DiGraph[str]:
    """Which dispatch leads to which, whichever receiver it was."""
    after: nx.DiGraph[str] = nx.DiGraph()
    ports = sorted(node for node, data in graph.nodes(data=True) if data["kind"] == "port")
    after.add_nodes_from(ports)
    for port in ports:
        after.add_edges_from((port, effect) for receiver in graph.successors(port) for effect in graph[receiver])
    return after


def _first_to_last(graph: nx.DiGraph[str], after: nx.DiGraph[str], starts: Collection[str]) -> list[str]:
    """From where a cycle is entered: where nothing leads to, then what was asked for, then what code outside sends."""

    def place(port: str) -> tuple[bool, bool, bool, str]:
        return bool(after.pred[port]), port not in starts, not graph.nodes[port]["sent"], port

    return sorted(after, key=place)


def _back_edges(after: nx.DiGraph[str], order: list[str]) -> Iterator[tuple[str, str]]:
    """Edges to where a search, depth first, is still under way: without them there is no cycle."""
    under_way: dict[str, Iterator[str]] = {}
    done: set[str] = set()
    for start in order:
        if start not in done:
            under_way[start] = iter(sorted(after[start]))
        while under_way:
            here = next(reversed(under_way))
            following = next(under_way[here], None)
            if following is None:
                del under_way[here]
                done.add(here)
            elif following in under_way:
                yield here, following
            elif following not in done:
                under_way[following] = iter(sorted(after[following]))
