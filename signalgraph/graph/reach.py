"""Hops: the connections up and down the causes that were seen.

A hop is one cause in the flow: from a connection whose receiver, while it handled a sender, dispatched a signal, to one
that ran for that dispatch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import networkx as nx

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.figures import Stats
from signalgraph.graph.evaluation import holds
from signalgraph.graph.facts import ConnectionFacts, Known, Reach
from signalgraph.graph.flow import ascend, descend
from signalgraph.graph.tree import Hops

StatsOf = Callable[[str], Stats | None]  # of a connection, by its id


def reach_of(
    hops: Hops, flow: nx.DiGraph[str], rows: Mapping[str, ConnectionInfo], stats_of: StatsOf, known: Known
) -> Reach:
    """What hops come to, what they start from among it; `rows` are the connections of the flow by id."""
    starts = []
    for handling, data in flow.nodes(data=True):
        own = data["connection"]
        row = rows.get(own) or by_id(own)
        if holds(hops.node, ConnectionFacts(known, row, stats_of(own), data["sender"])):
            starts.append(handling)
    found = set(starts)
    if hops.up != 0:
        found.update(ascend(flow, starts, hops.up))
    if hops.down != 0:
        found.update(descend(flow, starts, hops.down))
    return _reach(flow, found)


def rings_of(flow: nx.DiGraph[str]) -> Reach:
    """What was seen to set itself off in the end, in time linear in the flow: which rings there are doesn't matter."""
    rings = (part for part in nx.strongly_connected_components(flow) if len(part) > 1)
    return _reach(flow, {*nx.nodes_with_selfloops(flow), *(handling for ring in rings for handling in ring)})


def by_id(connection_id: str) -> ConnectionInfo:
    """A connection of which no more than the id is known."""
    sender, signal, receiver = names.parse_connection_id(connection_id)
    return ConnectionInfo(signal, sender, receiver, None, False, False, 0, None, None)


def _reach(flow: nx.DiGraph[str], handlings: set[str]) -> Reach:
    return Reach(frozenset(handlings), frozenset(flow.nodes[each]["connection"] for each in handlings))
