"""The drawing in words: titles that appear on hover, and labels for those who hear it."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx

from signalgraph import names
from signalgraph.graph.figures import DISPATCH_UNITS, UNITS, Figures, Measure, short_number
from signalgraph.graph.routes import Route, Stub


def count(number: int, noun: str) -> str:
    """`1 sender`, `2 senders`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def of_graph(graph: nx.DiGraph[str]) -> str:
    kinds = [data["kind"] for _, data in graph.nodes(data=True)]
    signals = graph.graph["signals"]
    return (
        f"Wiring: {count(kinds.count('sender'), 'sender')}, {count(len(signals), 'signal')} with "
        f"{count(kinds.count('port'), 'audience')}, {count(kinds.count('receiver'), 'receiver')}"
    )


def of_sender(graph: nx.DiGraph[str], node: str) -> str:
    signals = {graph.nodes[port]["signal"] for port in graph.successors(node)}
    return f"Sender {graph.nodes[node]['name']}, {count(len(signals), 'signal')}"


def of_signal(graph: nx.DiGraph[str], signal: str) -> str:
    ports = graph.graph["signals"][signal]
    senders = {sender for port in ports for sender in graph.nodes[port]["senders"]}
    receivers = {receiver for port in ports for receiver in _receivers(graph, port)}
    parts = [f"Signal {graph.graph['signal_labels'][signal]}"]
    parts += [count(len(senders), "sender"), count(len(receivers), "receiver")]
    figures = graph.graph.get("signal_figures", {}).get(signal)
    return ", ".join(parts + measured(graph, figures, DISPATCH_UNITS))


def of_port(graph: nx.DiGraph[str], port: str) -> str:
    data = graph.nodes[port]
    who = "any sender" if data["any"] else " and ".join(data["senders"])
    calls = count(len(_receivers(graph, port)), "receiver")
    also = f", and {count(len(data['also']), 'receiver')} for any sender" if data["also"] else ""
    signal = graph.graph["signal_labels"][data["signal"]]
    return ", ".join([f"{signal} from {who}: {calls}{also}", *measured(graph, data.get("figures"), DISPATCH_UNITS)])


def _receivers(graph: nx.DiGraph[str], port: str) -> set[str]:
    """By the connections: where an app is drawn closed, its box stands for several."""
    lines = graph.out_edges(port, data=True)
    return {names.parse_connection_id(one)[2] for _, _, line in lines for one in line["connections"]}


def title_of_port(graph: nx.DiGraph[str], port: str) -> str:
    """The senders, and who else runs for them."""
    data = graph.nodes[port]
    seen = f" (seen: {', '.join(data['senders'])})" if data["senders"] else ""
    who = f"any sender{seen}" if data["any"] else ", ".join(data["senders"])
    return f"{data['signal']} from {who}" + (f"\n{also(graph, port)}" if data["also"] else "")


def also(graph: nx.DiGraph[str], port: str) -> str:
    """Which receivers for any sender run too."""
    found = graph.nodes[port]["also"]
    verb = "runs" if len(found) == 1 else "run"
    return f"{count(len(found), 'receiver')} for any sender {verb} too: {', '.join(found)}"


def of_receiver(graph: nx.DiGraph[str], node: str) -> str:
    data = graph.nodes[node]
    parts = [f"Receiver {data['label']}", *measured(graph, data.get("figures"), UNITS)]
    figures = data.get("figures") or Figures()
    if figures.errors and graph.graph["measure"] != "errors":
        parts.append(count(figures.errors, "error"))
    return ", ".join([*parts, *(["slow"] if figures.slow else []), *(["async"] if data["is_async"] else [])])


def title_of_receiver(graph: nx.DiGraph[str], node: str) -> str:
    data = graph.nodes[node]
    return f"{data['name']}{' (async)' if data['is_async'] else ''}"


def of_stub(graph: nx.DiGraph[str], stub: Stub) -> str:
    signals = sorted({signal for _, signal, _ in stub.causes})
    labels = graph.graph["signal_labels"]
    named = ", ".join(labels.get(signal, signal) for signal in signals)
    return f"{graph.nodes[stub.receiver]['label']} dispatches {named}, {count(stub.count, 'time')}"


def of_route(graph: nx.DiGraph[str], route: Route) -> str:
    signal = graph.graph["signal_labels"][graph.nodes[route.port]["signal"]]
    senders = " and ".join(sorted({sender for _, _, sender in route.causes}))
    return f"{graph.nodes[route.receiver]['label']} dispatches {signal} for {senders}, {count(route.count, 'time')}"


def measured(graph: nx.DiGraph[str], figures: Figures | None, units: Mapping[Measure, tuple[str, str]]) -> list[str]:
    """The number that is drawn, with its unit in words; nothing where nothing was measured."""
    if figures is None or "measure" not in graph.graph:
        return []
    measure: Measure = graph.graph["measure"]
    shown = short_number(figures.value(measure))
    return [f"{shown} {units[measure][shown != '1']}"]
