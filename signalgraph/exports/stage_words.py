"""A focus or path in words: heads, titles that appear on hover, and labels for those who hear it."""

from __future__ import annotations

import textwrap

import networkx as nx

from signalgraph import names
from signalgraph.exports.words import count, measured
from signalgraph.graph.figures import DISPATCH_UNITS, UNITS, Figures
from signalgraph.graph.routes import Route, Stub

NOTE_CHARS = 96
TRUTH = "Every path is made of connections, and of causes that were seen for the sender that was handled."


def of_graph(graph: nx.DiGraph[str]) -> str:
    ports = [data for _, data in graph.nodes(data=True) if data["kind"] == "port"]
    handlings = sum(data["kind"] == "receiver" for _, data in graph.nodes(data=True))
    if not ports:
        return graph.graph["note"].rstrip(".") or "Nothing to draw"
    stages = count(len({data["stage"] for data in ports}), "stage")
    parts = [f"{graph.graph.get('view', 'focus').capitalize()}: {count_dispatches(len(ports))} in {stages}"]
    parts += [count(handlings, "receiver call"), *_cycles(graph)]
    return ", ".join(parts)


def count_dispatches(number: int) -> str:
    return f"{number} dispatch" if number == 1 else f"{number} dispatches"


def _cycles(graph: nx.DiGraph[str]) -> list[str]:
    found = len(graph.graph["cycles"])
    return [count(found, "cycle")] if found else []


def note_lines(graph: nx.DiGraph[str]) -> list[str]:
    return textwrap.wrap(graph.graph["note"], NOTE_CHARS) or ["Nothing to draw."]


def head(stage: int, kind: str) -> str:
    if kind == "sender":
        return "senders"
    return f"stage {stage}" if kind == "port" else "receivers"


def selects(graph: nx.DiGraph[str], node: str) -> str:
    """The id that a click on a box selects: what it is on every other page."""
    data = graph.nodes[node]
    if data["kind"] == "port":
        return names.signal_id(data["signal"])
    return names.receiver_id(data["name"]) if data["kind"] == "receiver" else node


def of_sender(graph: nx.DiGraph[str], node: str) -> str:
    return f"Sender {graph.nodes[node]['name']}, {count(graph.out_degree(node), 'signal')}"


def of_port(graph: nx.DiGraph[str], port: str) -> str:
    data = graph.nodes[port]
    said = [f"Stage {data['stage']}, signal {graph.graph['signal_labels'][data['signal']]} from {data['label']}"]
    said += [count(graph.out_degree(port), "receiver"), *measured(graph, data.get("figures"), DISPATCH_UNITS)]
    said += ["never seen"] if data["observed"] is False else []
    causes = sum(line["kind"] == "cause" for _, _, line in graph.in_edges(port, data=True))
    return ", ".join([*said, *([f"dispatched by {count(causes, 'receiver')}"] if causes else [])])


def title_of_port(graph: nx.DiGraph[str], port: str) -> str:
    data = graph.nodes[port]
    said = [data["name"]]
    if data["observed"] is False:
        said.append("never seen")
    if data["sent"]:
        said.append(f"sent {count(data['sent'], 'time')} by code outside receivers")
    if data["causes_left"]:
        said.append(f"{count(data['causes_left'], 'more receiver')} dispatched it")
    if data["besides"]:
        said.append(f"receivers that run too: {', '.join(data['besides'])}")
    return "\n".join(said)


def of_receiver(graph: nx.DiGraph[str], node: str) -> str:
    data = graph.nodes[node]
    figures = data.get("figures") or Figures()
    said = [f"Stage {data['stage']}, receiver {data['label']}", *measured(graph, data.get("figures"), UNITS)]
    said += [count(figures.errors, "error")] if figures.errors else []
    said += [word for word, is_so in (("slow", figures.slow), ("async", data["is_async"])) if is_so]
    said += [
        word
        for word, is_so in (("for any sender", data["for_any"]), ("never seen", data["observed"] is False))
        if is_so
    ]
    effects = graph.out_degree(node)
    return ", ".join([*said, *([f"dispatches {count(effects, 'signal')}"] if effects else []), *_why(graph, node)])


def title_of_receiver(graph: nx.DiGraph[str], node: str) -> str:
    data = graph.nodes[node]
    about = [word for word, is_so in (("async", data["is_async"]), ("for any sender", data["for_any"])) if is_so]
    about += ["never seen"] if data["observed"] is False else []
    name = f"{data['name']} ({', '.join(about)})" if about else data["name"]
    return "\n".join([name, *_why(graph, node)])


def _why(graph: nx.DiGraph[str], node: str) -> list[str]:
    return [f"can't fire: {line['why']}" for _, _, line in graph.in_edges(node, data=True) if line["why"]]


def of_cause(graph: nx.DiGraph[str], route: Route) -> str:
    port = graph.nodes[route.port]
    signal = graph.graph["signal_labels"][port["signal"]]
    receiver = graph.nodes[route.receiver]["label"]
    back = " and closes a cycle" if graph.edges[route.receiver, route.port]["back"] else ""
    times = f", {count(route.count, 'time')}" if route.count else ""
    return f"{receiver} dispatches {signal} for {port['label']}{times}{back}"


def of_stub(graph: nx.DiGraph[str], stub: Stub) -> str:
    label = graph.nodes[stub.receiver]["label"]
    if graph.nodes[stub.receiver]["kind"] == "receiver":
        return f"{label} dispatches {count(stub.count, 'more signal')}, not drawn"
    return f"{count(stub.count, 'more receiver')}, not drawn, {'dispatches' if stub.count == 1 else 'dispatch'} it"
