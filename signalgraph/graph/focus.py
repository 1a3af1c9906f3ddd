"""What belongs to a selection: connections that are true as a path, not lines that happen to meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import networkx as nx

from signalgraph import names
from signalgraph.events import ANY_SENDER
from signalgraph.graph.build import find_port

Cause = tuple[str, str, str]  # connection id that ran, signal and sender that it dispatched


@dataclass(frozen=True)
class Focus:
    """What a selection lights. `nodes` holds ids of senders, signals, ports and receivers.

    A line is lit when it carries one of `connections`; a causal edge when it is one of `causes`.
    """

    selected: str
    nodes: frozenset[str] = frozenset()
    connections: frozenset[str] = frozenset()
    causes: frozenset[Cause] = frozenset()

    @property
    def ids(self) -> frozenset[str]:
        return self.nodes | self.connections

    def lights(self, connections: Iterable[str]) -> bool:
        return not self.connections.isdisjoint(connections)


@dataclass
class _Parts:
    """`own` are the connections whose causes are followed: a receiver for any sender runs for a selected sender, but
    what it dispatches it may have dispatched for another."""

    nodes: set[str] = field(default_factory=set)
    connections: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)


def focus(graph: nx.DiGraph[str], selection: str) -> Focus:
    """The connection-true neighbourhood of a sender, signal, port, receiver or connection, causes one step each way.

    A sender: what runs when it sends, receivers for any sender among it. A signal: all its ports. A receiver: its
    ports, their senders, what it dispatches with all that runs then, and the receivers that dispatch to it. An id
    that is not drawn gives an empty focus.

    >>> focus(nx.DiGraph(signals={}, causes=[]), "sender:shop.Order").nodes
    frozenset()
    """
    if "starts" in graph.graph:
        return _focus_in_stages(graph, selection)
    kind, _, name = selection.partition(":")
    parts = _Parts()
    if kind == "sender" and selection in graph:
        _light_sender(graph, parts, name)
    elif kind == "signal" and name in graph.graph["signals"]:
        parts.nodes.add(selection)
        for port in graph.graph["signals"][name]:
            _light_port(graph, parts, port)
        parts.own = set(parts.connections)
    elif kind == "port" and selection in graph:
        _light_port(graph, parts, selection)
        parts.own = set(parts.connections)
        _light_any(graph, parts, graph.nodes[selection]["signal"])
    elif kind == "receiver" and selection in graph:
        _light_receiver(graph, parts, selection)
        parts.own = set(parts.connections)
    elif kind == "connection":
        _light_connection(graph, parts, selection)
        parts.own = set(parts.connections)
    causes = _light_causes(graph, parts)
    return Focus(selection, frozenset(parts.nodes), frozenset(parts.connections), frozenset(causes))


def _focus_in_stages(graph: nx.DiGraph[str], selection: str) -> Focus:
    """In a focus or path: what is set off and what led to it. Lines are lit by the box that they lead to."""
    kind, _, name = selection.partition(":")
    chosen = {node for node, data in graph.nodes(data=True) if node == selection or _stands_for(data, kind, name)}
    nodes = set(chosen)
    for node in chosen:
        nodes |= nx.descendants(graph, node) | nx.ancestors(graph, node)
    causes: set[Cause] = set()
    for source, target, line in graph.edges(data=True):
        if line["kind"] == "cause" and source in nodes and target in nodes:
            causes.add((source, graph.nodes[target]["signal"], graph.nodes[target]["sender"]))
    return Focus(selection, frozenset(nodes), frozenset(nodes), frozenset(causes))


def _stands_for(data: Mapping[str, Any], kind: str, name: str) -> bool:
    own = {"port": {"signal": "signal"}, "receiver": {"receiver": "name"}}.get(data["kind"], {})
    if kind == "connection":
        return bool(data.get("connection") == f"connection:{name}")
    return bool(name and kind in own and data[own[kind]] == name)


def _light_port(graph: nx.DiGraph[str], parts: _Parts, port: str) -> None:
    parts.nodes.update((port, names.signal_id(graph.nodes[port]["signal"])))
    for source, _, line in graph.in_edges(port, data=True):
        parts.nodes.add(source)
        parts.connections.update(line["connections"])
    for _, receiver, line in graph.out_edges(port, data=True):
        parts.nodes.add(receiver)
        parts.connections.update(line["connections"])


def _light_any(graph: nx.DiGraph[str], parts: _Parts, signal: str) -> None:
    """The receivers for any sender, which run for every sender of the signal; not the other senders seen there."""
    for port in graph.graph["signals"].get(signal, ()):
        if graph.nodes[port]["any"]:
            parts.nodes.update((port, names.signal_id(signal)))
            for _, receiver, line in graph.out_edges(port, data=True):
                parts.nodes.add(receiver)
                parts.connections.update(line["connections"])


def _light_sender(graph: nx.DiGraph[str], parts: _Parts, sender: str) -> None:
    parts.nodes.add(names.sender_id(sender))
    for _, port, line in graph.out_edges(names.sender_id(sender), data=True):
        _light_dispatch(graph, parts, graph.nodes[port]["signal"], sender)
        if not graph.nodes[port]["any"]:
            parts.own.update(line["connections"])


def _light_dispatch(graph: nx.DiGraph[str], parts: _Parts, signal: str, sender: str) -> None:
    """All that runs when this sender sends this signal."""
    port = find_port(graph, signal, sender)
    if port is None:
        return
    node = names.sender_id(sender)
    parts.nodes.update((port, names.signal_id(signal)))
    if node in graph:
        parts.nodes.add(node)
    for _, receiver, line in graph.out_edges(port, data=True):
        mine = graph.edges[node, port]["connections"] if graph.has_edge(node, port) else line["connections"]
        parts.nodes.add(receiver)
        parts.connections.update(one for one in line["connections"] if one in mine)
    _light_any(graph, parts, signal)


def _light_receiver(graph: nx.DiGraph[str], parts: _Parts, receiver: str) -> None:
    parts.nodes.add(receiver)
    for port, _, line in graph.in_edges(receiver, data=True):
        parts.nodes.update((port, names.signal_id(graph.nodes[port]["signal"])))
        parts.nodes.update(source for source, _ in graph.in_edges(port))
        parts.connections.update(line["connections"])


def _light_connection(graph: nx.DiGraph[str], parts: _Parts, connection: str) -> None:
    for source, target, line in graph.edges(data=True):
        if connection in line["connections"]:
            port = source if graph.nodes[source]["kind"] == "port" else target
            parts.nodes.update((source, target, names.signal_id(graph.nodes[port]["signal"])))
            parts.connections.add(connection)


def _light_causes(graph: nx.DiGraph[str], parts: _Parts) -> set[Cause]:
    """Add what the selection's own connections set off, and the receivers that set them off; return those causes."""
    heard: set[tuple[str, str]] = set()
    for connection in parts.own:
        sender, signal, _ = names.parse_connection_id(connection)
        heard.add((signal, sender))
    found: set[Cause] = set()
    for connection, signal, sender, _ in graph.graph["causes"]:
        if connection in parts.own:
            found.add((connection, signal, sender))
            _light_dispatch(graph, parts, signal, sender)
        if (signal, sender) in heard or (signal, ANY_SENDER) in heard:
            found.add((connection, signal, sender))
            receiver = names.receiver_id(names.parse_connection_id(connection)[2])
            if receiver in graph:
                parts.nodes.add(receiver)
    return found
