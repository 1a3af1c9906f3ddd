"""`wiring`, the graph that is drawn.

A signal drawn as one node would join every sender to every receiver. So a signal is the group of its ports, one for
each audience: the senders that reach the same receivers. Every path through a port is a real connection.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import networkx as nx

from signalgraph import names
from signalgraph.events import ANY_SENDER, ConnectionInfo, SignalInfo
from signalgraph.graph.figures import Figures, Measure, heard, together
from signalgraph.graph.firing import why_not_live

Edges = Mapping[tuple[str, str, str], int]  # (connection id that ran, signal and sender it dispatched) -> how often


def build_wiring(
    signals: Iterable[SignalInfo],
    connections: Iterable[ConnectionInfo],
    *,
    edges: Edges | None = None,
    stats: Mapping[str, Figures] | None = None,
    measure: Measure = "rate",
    observed: Mapping[str, Collection[str]] | None = None,
    unfiltered: Iterable[ConnectionInfo] | None = None,
    called: Collection[str] = (),
    orphans: bool = False,
    states: Mapping[str, str] | None = None,
) -> nx.DiGraph[str]:
    """The graph that is drawn: sender -> port -> receiver.

    Parameters
    ----------
    edges : how often a connection's receiver, while it ran, dispatched a signal for a sender.
    stats : figures by connection id; None draws no numbers at all. `measure` says which of them is drawn.
    observed : senders seen dispatching a signal, by signal; they join the any-sender port if they have none.
    unfiltered : all connections, where `connections` is a selection, so that "+n any sender" stays exact.
    called : ids of connections of which calls were recorded.
    orphans : draw signals without receivers too.
    states : a word by connection id, such as "added" in a difference. Senders whose connections differ in it get ports
        of their own, so that each line towards a receiver has one state.

    Returns
    -------
    A graph with these attributes (figures and `measure` only where there are stats):

    * ``graph.graph``: `signals` (signal -> its port ids), `signal_labels`, `signal_figures`, `measure`, `orphans`,
      `causes` (sorted ``(connection id, signal, sender, count)``);
    * senders: `kind` "sender", `name`, `label`;
    * ports: `kind` "port", `signal`, `senders`, `any`, `label`, `also` (receivers for any sender, which run too);
    * receivers: `kind` "receiver", `name`, `label`, `is_async`, `file`, `line`;
    * edges: `kind` "connection", `connections` (sorted ids), `can_fire` and `why` not, in words, `observed`
      (whether one was called; None where no call of any is known); towards a receiver `order`, its place among the
      signal's receivers, and `state`, where there are states.
    """
    rows = unique(connections)
    every = rows if unfiltered is None else unique(unfiltered)
    graph: nx.DiGraph[str] = nx.DiGraph()
    causes = sorted((*edge, count) for edge, count in (edges or {}).items())
    seen = defaultdict(set, {signal: set(senders) for signal, senders in (observed or {}).items()})
    for _, signal, sender, _ in causes:
        seen[signal].add(sender)
    by_signal: dict[str, list[ConnectionInfo]] = defaultdict(list)
    for row in rows:
        by_signal[row.signal].append(row)
    lonely = [info.name for info in signals if info.name not in by_signal] if orphans else []
    graph.graph["signals"] = {signal: [] for signal in sorted({*by_signal, *lonely})}
    graph.graph["orphans"] = sorted(lonely)
    graph.graph["causes"] = causes
    for signal in sorted(by_signal):
        _add_ports(graph, signal, by_signal[signal], seen[signal], states or {})
    _add_badges(graph, every)
    _add_labels(graph)
    by_id = {connection_id(row): row for row in rows}
    for _, _, data in graph.edges(data=True):
        data.update(about_line([by_id[one] for one in data["connections"]], called))
    if stats is not None:
        graph.graph["measure"] = measure
        _add_figures(graph, stats)
    return graph


def connection_id(connection: ConnectionInfo) -> str:
    return names.connection_id(connection.sender, connection.signal, connection.receiver)


def about_line(rows: Collection[ConnectionInfo], called: Collection[str]) -> dict[str, Any]:
    """The attributes of a line that stands for these connections: it can fire if one of them can."""
    why = {connection_id(row): why_not_live(row, called, connection=connection_id(row)) for row in rows}
    return {
        "kind": "connection",
        "can_fire": not all(why.values()),
        "why": "; ".join(sorted(set(why.values()))) if all(why.values()) else "",
        "observed": any(one in called for one in why) if called else None,
    }


def port_id(signal: str, sender: str) -> str:
    """The id of the port whose first sender, in the order of names, this is."""
    return f"port:{signal}|{sender}"


def find_port(graph: nx.DiGraph[str], signal: str, sender: str) -> str | None:
    """The port that a dispatch of `signal` by `sender` arrives at; None where no receiver would hear it."""
    found = None
    for port in graph.graph["signals"].get(signal, ()):
        if sender in graph.nodes[port]["senders"]:
            return str(port)
        if graph.nodes[port]["any"]:
            found = str(port)
    return found


def ordered(signal: str, receivers: Iterable[ConnectionInfo]) -> list[ConnectionInfo]:
    """A signal's connections in the order in which Django runs them."""
    return sorted((row for row in receivers if row.signal == signal), key=lambda row: (row.order, connection_id(row)))


def unique(connections: Iterable[ConnectionInfo]) -> list[ConnectionInfo]:
    """The connections by id, each once."""
    by_id: dict[str, ConnectionInfo] = {}
    for row in connections:
        by_id.setdefault(connection_id(row), row)
    return [by_id[one] for one in sorted(by_id)]


def _audiences(
    rows: Iterable[ConnectionInfo], states: Mapping[str, str]
) -> list[tuple[list[str], list[ConnectionInfo]]]:
    """(senders, their connections) for each set of receivers that some sender reaches; any sender is one of its own."""
    by_sender: dict[str, list[ConnectionInfo]] = defaultdict(list)
    for row in rows:
        by_sender[row.sender].append(row)
    grouped: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for sender in sorted(by_sender):
        reached = tuple(sorted(f"{row.receiver}|{states.get(connection_id(row), '')}" for row in by_sender[sender]))
        grouped[(ANY_SENDER,) if sender == ANY_SENDER else ("", *reached)].append(sender)
    found = [(senders, [row for sender in senders for row in by_sender[sender]]) for senders in grouped.values()]
    return sorted(found, key=lambda one: (one[0] == [ANY_SENDER], one[0]))


def _add_ports(
    graph: nx.DiGraph[str], signal: str, rows: list[ConnectionInfo], seen: set[str], states: Mapping[str, str]
) -> None:
    audiences = _audiences(rows, states)
    placed = {sender for senders, _ in audiences for sender in senders}
    for senders, mine in audiences:
        port = port_id(signal, senders[0])
        is_any = senders == [ANY_SENDER]
        drawn = sorted(seen - placed - {ANY_SENDER}) if is_any else senders
        graph.graph["signals"][signal].append(port)
        graph.add_node(port, kind="port", signal=signal, senders=drawn, any=is_any, also=[])
        for row in mine:
            _add_receiver(graph, port, row)
            if state := states.get(connection_id(row)):
                graph.edges[port, names.receiver_id(row.receiver)]["state"] = state
        for sender in drawn:
            node = names.sender_id(sender)
            graph.add_node(node, kind="sender", name=sender)
            ids = [connection_id(row) for row in mine if is_any or row.sender == sender]
            graph.add_edge(node, port, connections=sorted(ids))


def _add_receiver(graph: nx.DiGraph[str], port: str, row: ConnectionInfo) -> None:
    node = names.receiver_id(row.receiver)
    if node not in graph:
        graph.add_node(node, kind="receiver", name=row.receiver, is_async=row.is_async, file=row.file, line=row.line)
    if not graph.has_edge(port, node):
        graph.add_edge(port, node, connections=[], order=row.order)
    line = graph.edges[port, node]
    line["connections"] = sorted([*line["connections"], connection_id(row)])
    line["order"] = min(line["order"], row.order)


def _add_badges(graph: nx.DiGraph[str], rows: Iterable[ConnectionInfo]) -> None:
    also: dict[str, list[ConnectionInfo]] = defaultdict(list)
    for row in rows:
        if row.sender == ANY_SENDER:
            also[row.signal].append(row)
    for _, data in graph.nodes(data=True):
        if data["kind"] == "port" and not data["any"]:
            data["also"] = [row.receiver for row in ordered(data["signal"], also[data["signal"]])]


def _add_labels(graph: nx.DiGraph[str]) -> None:
    """Labels are told apart within their column."""
    signals = names.distinct_labels(graph.graph["signals"])
    graph.graph["signal_labels"] = {signal: signals[signal] for signal in sorted(signals)}
    for kind in ("sender", "receiver"):
        nodes = [data for _, data in graph.nodes(data=True) if data["kind"] == kind]
        labels = names.distinct_labels(data["name"] for data in nodes)
        for data in nodes:
            data["label"] = labels[data["name"]]
    for _, data in graph.nodes(data=True):
        if data["kind"] != "port":
            continue
        several = f"{len(data['senders'])} senders"
        first = graph.nodes[names.sender_id(data["senders"][0])]["label"] if data["senders"] else ""
        data["label"] = "any sender" if data["any"] else several if len(data["senders"]) > 1 else first


def _add_figures(graph: nx.DiGraph[str], stats: Mapping[str, Figures]) -> None:
    """Receivers and lines add up; a port and a signal count dispatches, so their busiest receiver counts."""
    nothing = Figures()
    for _, target, data in graph.edges(data=True):
        # What one sender of many sends to receivers for any sender is not counted, so its line claims no rate.
        unknown = graph.nodes[target].get("any", False)
        data["figures"] = nothing if unknown else together(stats.get(one, nothing) for one in data["connections"])
    for node, data in graph.nodes(data=True):
        if data["kind"] == "receiver":
            data["figures"] = together(line["figures"] for _, _, line in graph.in_edges(node, data=True))
        elif data["kind"] == "port":
            data["figures"] = heard(line["figures"] for _, _, line in graph.out_edges(node, data=True))
    graph.graph["signal_figures"] = found = {}
    for signal, ports in graph.graph["signals"].items():
        own = together(graph.nodes[port]["figures"] for port in ports if not graph.nodes[port]["any"])
        others = [graph.nodes[port]["figures"] for port in ports if graph.nodes[port]["any"]]
        found[signal] = heard([own, *others])
