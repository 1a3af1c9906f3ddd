"""What a focus and a path take from the whole story."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

import networkx as nx

from signalgraph import names
from signalgraph.events import ANY_SENDER
from signalgraph.graph.build import connection_id
from signalgraph.graph.flow import cycles, paths
from signalgraph.graph.material import Ask, Material, ViewError
from signalgraph.graph.ranks import rank
from signalgraph.graph.story import build_story, choose, sender_line, sender_node

NO_LOG = "No log was read, so what receivers set off isn't known."


def build_focus(material: Material, ask: Ask) -> nx.DiGraph[str]:
    """What the selection sets off and what led to it, `ask.depth` causes far.

    Returns
    -------
    A graph of dispatches and handlings, stage by stage, with these attributes:

    * ``graph.graph``: `signals` (signal -> its port ids), `signal_labels`, `starts` (what was selected), `cycles` (see
      `signalgraph.graph.flow.cycles`), `note` (why there is nothing to draw, or not all that there may be), `measure`
      where there are stats;
    * senders: `kind` "sender", `name`, `label`, `stage` 0;
    * ports, one for each dispatch: `kind` "port", `signal`, `senders` (one), `label`, `name`, `stage`, `distance`
      (causes from the selection, negative before it), `observed`, `sent` (times that code outside receivers sent it),
      `besides` (receivers that run too and are not drawn), `causes_left` (handlings that dispatched it and are not
      drawn);
    * receivers, one for each handling: `kind` "receiver", `name`, `label`, `connection`, `signal`, `sender`, `for_any`,
      `is_async`, `file`, `line`, `order`, `stage`, `distance`, `observed`, `calls`, `effects_left` (dispatches of its
      receiver that are not drawn);
    * edges: `kind` "connection" (sender to port to receiver; `connections`, towards a receiver `order`) or "cause"
      (receiver to port; `count`, `back` where it closes a cycle); `observed` (here and elsewhere None
      where no log was read), `can_fire`, `why` not.
    """
    if ask.depth < 0:
        raise ViewError(f"The depth is {ask.depth}; give 0 or more causes to follow.")
    story = build_story(material)
    starts = choose(story, material, ask.selection)
    down = _follow(story, starts, ask.depth, backwards=False) if ask.direction != "up" else dict.fromkeys(starts, 0)
    up = _follow(story, starts, ask.depth, backwards=True) if ask.direction != "down" else dict.fromkeys(starts, 0)
    distances = {node: -distance for node, distance in up.items()} | down
    distances = {port: distances[node] for node in distances for port in _port_of(story, node)} | distances
    drawn = _drawn(story, story.subgraph(distances), starts, distances)
    drawn.graph["note"] = NO_LOG if ask.depth and not material.is_recorded else ""
    return _measured(drawn, material, ask)


def build_path(material: Material, ask: Ask) -> nx.DiGraph[str]:
    """How the selection reaches the target: the same graph as a focus, of nothing but what is on a way there.

    Without a way it is empty, and its `note` says what is missing.
    """
    if not (ask.selection and ask.target):
        raise ViewError("A path needs two ends: select where it starts, and say where it goes to.")
    story = build_story(material)
    starts, ends = choose(story, material, ask.selection), choose(story, material, ask.target)
    ways = paths(story, starts, ends)
    found: nx.DiGraph[str] = nx.DiGraph(ways)
    for node in [node for node in starts if node in ways]:
        for port in _port_of(story, node):
            found.add_node(port, **story.nodes[port])
            found.add_edge(port, node, **story.edges[port, node])
    drawn = _drawn(story, found, starts, _follow(found, [one for one in starts if one in found], None, backwards=False))
    drawn.graph["note"] = "" if material.is_recorded else NO_LOG
    if not found:
        drawn.graph["note"] = _no_way(story, material, ask, starts, ends)
    return _measured(drawn, material, ask)


def _follow(story: nx.DiGraph[str], starts: Iterable[str], depth: int | None, *, backwards: bool) -> dict[str, int]:
    """How many causes each node is away: a dispatch and its handlings are as far, what a handling sends is one more."""
    found = dict.fromkeys(starts, 0)
    waiting = deque(found)
    while waiting:
        node = waiting.popleft()
        for other in story.pred[node] if backwards else story.adj[node]:
            cause = story.edges[(other, node) if backwards else (node, other)]["kind"] == "cause"
            if other in found or (cause and found[node] == depth):
                continue
            found[other] = found[node] + cause
            waiting.append(other)
    return found


def _port_of(story: nx.DiGraph[str], node: str) -> list[str]:
    return list(story.pred[node]) if story.nodes[node]["kind"] == "receiver" else []


def _drawn(
    story: nx.DiGraph[str], part: nx.DiGraph[str], starts: Collection[str], distances: dict[str, int]
) -> nx.DiGraph[str]:
    """The part as a graph of its own, ranked, labelled, and with what is left out of it counted."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from((node, dict(story.nodes[node], distance=distances.get(node, 0))) for node in sorted(part))
    graph.add_edges_from((*edge, dict(part.edges[edge])) for edge in sorted(part.edges))
    first = {port for node in starts if node in graph for port in (_port_of(graph, node) or [node])}
    rank(graph, first)
    _count_rest(story, graph)
    _add_senders(story, graph, first)
    _add_labels(graph)
    handlings = [node for node, data in graph.nodes(data=True) if data["kind"] == "receiver"]
    flow = story.graph["flow"]
    graph.graph.update(starts=sorted(starts), cycles=cycles(flow.subgraph(handlings).copy()), note="")
    return graph


def _measured(graph: nx.DiGraph[str], material: Material, ask: Ask) -> nx.DiGraph[str]:
    if material.stats is not None:
        graph.graph["measure"] = ask.measure
    return graph


def _count_rest(story: nx.DiGraph[str], graph: nx.DiGraph[str]) -> None:
    for node, data in graph.nodes(data=True):
        if data["kind"] == "port":
            data["besides"] = [story.nodes[one]["name"] for one in story.adj[node] if one not in graph]
            data["causes_left"] = sum(one not in graph for one in story.pred[node])
        else:
            data["effects_left"] = sum(one not in graph for one in story.adj[node])


def _add_senders(story: nx.DiGraph[str], graph: nx.DiGraph[str], first: Collection[str]) -> None:
    """Who sends what was asked for and what the first stage shows; where a receiver did all of it, nobody else."""
    for port in [node for node, data in graph.nodes(data=True) if data["kind"] == "port"]:
        data = graph.nodes[port]
        begins = data["sent"] or not graph.pred[port]
        if begins and (port in first or data["stage"] == 1) and data["sender"] not in (ANY_SENDER, names.NO_SENDER):
            node, about = sender_node(data["sender"])
            drawn = {one for _, _, line in graph.out_edges(port, data=True) for one in line["connections"]}
            line = sender_line(story, port)
            graph.add_node(node, **about)
            graph.add_edge(node, port, **line | {"connections": [one for one in line["connections"] if one in drawn]})


def _add_labels(graph: nx.DiGraph[str]) -> None:
    nodes = graph.nodes(data=True)
    ports = {node: data for node, data in nodes if data["kind"] == "port"}
    signals = names.distinct_labels(data["signal"] for data in ports.values())
    senders = names.distinct_labels(data["name"] if data["kind"] == "sender" else data["sender"] for _, data in nodes)
    receivers = names.distinct_labels(data["name"] for _, data in nodes if data["kind"] == "receiver")
    for _, data in nodes:
        if data["kind"] == "port":
            data["label"] = "no sender" if data["sender"] == names.NO_SENDER else senders[data["sender"]]
            data["name"] = f"{data['signal']} from {data['label'] if data['any'] else data['sender']}"
        else:
            data["label"] = (senders if data["kind"] == "sender" else receivers)[data["name"]]
    of_signal: dict[str, list[str]] = {signal: [] for signal in signals}
    for node in sorted(ports):
        of_signal[ports[node]["signal"]].append(node)
    graph.graph.update(signals=dict(sorted(of_signal.items())), signal_labels=dict(sorted(signals.items())))


def _no_way(
    story: nx.DiGraph[str], material: Material, ask: Ask, starts: Collection[str], ends: Collection[str]
) -> str:
    """What was not seen, and what would have to be; without a log only what is not connected."""
    awaited = sorted({port for node in ends for port in (_port_of(story, node) or [node])})
    named = [f"{names.short(story.nodes[port]['signal'])} from {_who(story, port)}" for port in awaited[:3]]
    more = f" or {len(awaited) - 3} others" if len(awaited) > 3 else ""
    reached = _follow(story, starts, None, backwards=False)
    idle = sum(story.nodes[node]["kind"] == "receiver" for node in reached)
    missing = f"a receiver would have to dispatch {', '.join(named)}{more}."
    if not material.is_recorded:
        return f"The wiring alone doesn't lead from {ask.selection} to {ask.target}: {missing} {NO_LOG}"
    said = [f"No path was seen from {ask.selection} to {ask.target}."]
    said += [f"The wiring alone doesn't lead there either: {missing}"]
    said += [f"None of the {idle} handlings that follow from the start was seen doing that."] if idle > 1 else []
    return " ".join([*said, *_left_out(material)])


def _left_out(material: Material) -> list[str]:
    """The sentence on what was not looked at, if anything was not: Django's own may be hidden without a filter."""
    left = {connection_id(row) for row in material.connections}
    hidden = [row for row in material.unfiltered if connection_id(row) not in left]
    own = sum(map(names.is_plumbing, hidden))
    counts = {"of Django's own": own, "that the filter hides": len(hidden) - own}
    said = " and ".join(f"{count} {words}" for words, count in counts.items() if count)
    return [f"Connections that were not looked at: {said}; a path may lead through them."] if said else []


def _who(story: nx.DiGraph[str], port: str) -> str:
    data = story.nodes[port]
    return "any sender" if data["any"] else names.short(data["sender"])
