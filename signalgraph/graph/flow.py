"""`flow`, the graph whose paths are true: what a receiver, while it handled one sender, was seen to set off."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence

import networkx as nx

from signalgraph import names
from signalgraph.events import ANY_SENDER, ConnectionInfo
from signalgraph.graph.build import connection_id, unique
from signalgraph.graph.material import Material
from signalgraph.recent import Miss, Step

__all__ = ["Step", "ascend", "build_flow", "cycles", "descend", "flow_of", "handling_id", "hears", "paths"]

Hears = Mapping[tuple[str, str], list[ConnectionInfo]]  # connections by (signal, sender as connected)


def build_flow(
    connections: Iterable[ConnectionInfo],
    steps: Mapping[Step, int],
    *,
    sent: Mapping[tuple[str, str], int] | None = None,
    missed: Mapping[Miss, int] | None = None,
    calls: Mapping[str, int] | None = None,
) -> nx.DiGraph[str]:
    """The graph of causes. A node is a handling: a connection, and the sender whose dispatch it handled.

    A receiver connected for any sender is one connection and has a handling for each sender that was seen, so a path
    never goes on with what that receiver did for somebody else. An edge says that one handling dispatched what the
    other handled.

    Parameters
    ----------
    steps : (connection of the receiver that ran, sender that it handled, signal, sender) -> how often that was sent.
    sent : (signal, sender) -> how often code outside receivers was seen sending that.
    missed : a step (or "", "" and what stands in `sent`) and a connection -> how often that was sent and this
        connection not reached, because a receiver before it raised.
    calls : all recorded calls by connection id. With it, a connection that was never called is set off by nothing,
        though what it hears was sent: it was connected later.

    Returns
    -------
    A graph with these attributes:

    * nodes: `signal`, `sender`, `receiver`; `connection`, the id in the wiring, whose sender may be `*`; `observed`,
      whether it ran or was set off; `calls`, how often: of a connection for one sender all recorded calls, of one for
      any sender those of this sender in `steps` and `sent`. What was never seen stands there as it is connected.
    * edges: `count`, how often one was seen setting off the other.

    A step whose receiver is not among `connections` is left out.
    """
    rows = unique(connections)
    by_id = {connection_id(row): row for row in rows}
    heard = hears(row for row in rows if not calls or calls.get(connection_id(row)))
    flow: nx.DiGraph[str] = nx.DiGraph()
    for start, count in sorted((sent or {}).items()):
        _add_effects(flow, heard, ("", "", *start), count, missed or {})
    for step, count in sorted(steps.items()):
        if step[0] in by_id:
            cause = _add_handling(flow, by_id[step[0]], step[1])
            for effect, times in _add_effects(flow, heard, step, count, missed or {}).items():
                before = flow.edges[cause, effect]["count"] if flow.has_edge(cause, effect) else 0
                flow.add_edge(cause, effect, count=before + times)
    seen = {data["connection"] for _, data in flow.nodes(data=True)}
    for row in rows:
        called = (calls or {}).get(connection_id(row), 0)
        if row.sender != ANY_SENDER:
            data = flow.nodes[_add_handling(flow, row, row.sender, observed=called > 0)]
            data["calls"] = max(data["calls"], called)
        elif connection_id(row) not in seen:
            flow.nodes[_add_handling(flow, row, ANY_SENDER, observed=called > 0)]["calls"] = called
    return _sorted(flow)


def flow_of(material: Material) -> nx.DiGraph[str]:
    """The flow of the connections that a filter left."""
    return build_flow(
        material.connections, material.steps, sent=material.sent, missed=material.missed, calls=material.calls
    )


def handling_id(row: ConnectionInfo, sender: str) -> str:
    """The id of a connection's handling of what this sender dispatched."""
    return names.connection_id(sender, row.signal, row.receiver)


def hears(connections: Iterable[ConnectionInfo]) -> Hears:
    found: dict[tuple[str, str], list[ConnectionInfo]] = defaultdict(list)
    for row in connections:
        found[row.signal, row.sender].append(row)
    return found


def heard_by(heard: Hears, signal: str, sender: str) -> list[ConnectionInfo]:
    """The connections that run when this sender dispatches this signal: its own first, then those for any sender."""
    own = heard.get((signal, sender), []) if sender != ANY_SENDER else []
    return [*own, *heard.get((signal, ANY_SENDER), [])]


def descend(flow: nx.DiGraph[str], starts: Iterable[str], depth: int | None = None) -> dict[str, int]:
    """What handlings set off: each handling reached within `depth` causes, and in how many at least; starts have 0."""
    return _reach(flow.adj, starts, depth)


def ascend(flow: nx.DiGraph[str], starts: Iterable[str], depth: int | None = None) -> dict[str, int]:
    """What led to handlings: each from which one of them is reached within `depth` causes, and in how many at least."""
    return _reach(flow.pred, starts, depth)


def paths(flow: nx.DiGraph[str], starts: Collection[str], ends: Collection[str]) -> nx.DiGraph[str]:
    """The handlings and causes on a way from one of `starts` to one of `ends`; empty where there is none.

    A way begins at its last start and ends at its first end, so it neither comes back to the one nor goes on from the
    other, unless what it leads to is itself.
    """
    first, last = set(starts), set(ends)
    on_a_way = [
        (cause, effect)
        for cause, effect in flow.edges
        if (cause in first or cause not in last) and (effect in last or effect not in first)
    ]
    found: nx.DiGraph[str] = nx.DiGraph()
    found.add_nodes_from(flow.nodes(data=True))
    found.add_edges_from((cause, effect, flow.edges[cause, effect]) for cause, effect in on_a_way)
    within = descend(found, first & set(flow)).keys() & ascend(found, last & set(flow)).keys()
    return _sorted(found.subgraph(within))


def cycles(flow: nx.DiGraph[str]) -> list[list[str]]:
    """Handlings that set each other off in a ring: for each cause that can come back to itself a shortest way round.

    Each ring begins with the least of its ids, and every ring's causes stand in one of them; there can be very many
    more rings than causes, and `networkx.simple_cycles` counts them all.

    >>> cycles(nx.DiGraph([("a", "b"), ("b", "a"), ("b", "c")]))
    [['a', 'b']]
    """
    found: set[tuple[str, ...]] = set()
    for part in nx.strongly_connected_components(flow):
        joined = {node: sorted(other for other in flow.adj[node] if other in part) for node in part}
        for effect in sorted(part):
            causes = [cause for cause in flow.pred[effect] if cause in part]
            before = _shortest_ways(joined, effect, causes)
            for cause in causes:
                ring = _way(before, cause)
                least = ring.index(min(ring))
                found.add((*ring[least:], *ring[:least]))
    return [list(ring) for ring in sorted(found, key=lambda ring: (len(ring), ring))]


def _add_handling(flow: nx.DiGraph[str], row: ConnectionInfo, sender: str, *, observed: bool = True) -> str:
    """Add it, or note that it was seen; a receiver connected both for a sender and for any is one handling of it."""
    node = handling_id(row, sender)
    if node not in flow:
        own = {"signal": row.signal, "sender": sender, "receiver": row.receiver, "connection": connection_id(row)}
        flow.add_node(node, **own, observed=observed, calls=0)
    elif observed:
        flow.nodes[node]["observed"] = True
    return node


def _add_effects(
    flow: nx.DiGraph[str], heard: Hears, step: Step, count: int, missed: Mapping[Miss, int]
) -> dict[str, int]:
    """Add the handlings that these dispatches reached; how often each of them."""
    _, _, signal, sender = step
    reached: dict[str, int] = {}
    for row in heard_by(heard, signal, sender):
        never = missed.get((*step, connection_id(row)), 0)
        if never and never >= count:
            continue
        node = _add_handling(flow, row, sender)
        reached[node] = max(count - never, reached.get(node, 0))
    for node, times in reached.items():
        flow.nodes[node]["calls"] += times
    return reached


def _reach(joined: Mapping[str, Iterable[str]], starts: Iterable[str], depth: int | None) -> dict[str, int]:
    found = dict.fromkeys(sorted(starts), 0)
    waiting = deque(found)
    while waiting:
        node = waiting.popleft()
        for other in sorted(joined[node]) if depth is None or found[node] < depth else ():
            if other not in found:
                found[other] = found[node] + 1
                waiting.append(other)
    return found


def _shortest_ways(joined: Mapping[str, Sequence[str]], start: str, ends: Collection[str]) -> dict[str, str]:
    """What stands before each node on the first of its shortest ways from `start`, until all `ends` are reached."""
    before = {start: ""}
    missing = set(ends) - {start}
    waiting = deque([start])
    while waiting and missing:
        node = waiting.popleft()
        for other in joined[node]:
            if other not in before:
                before[other] = node
                missing.discard(other)
                waiting.append(other)
    return before


def _way(before: Mapping[str, str], end: str) -> list[str]:
    way = [end]
    while before[way[-1]]:
        way.append(before[way[-1]])
    return way[::-1]


def _sorted(graph: nx.DiGraph[str]) -> nx.DiGraph[str]:
    """The same graph with nodes and edges in the order of their ids."""
    found: nx.DiGraph[str] = nx.DiGraph()
    found.add_nodes_from((node, dict(graph.nodes[node])) for node in sorted(graph))
    found.add_edges_from((*edge, dict(graph.edges[edge])) for edge in sorted(graph.edges))
    return found
