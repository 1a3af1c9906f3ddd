"""The apps view in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import networkx as nx

from signalgraph import names
from signalgraph.exports.words import count, measured
from signalgraph.graph.figures import UNITS

TRUTH = (
    "A line says that connections lead from an app's senders to another app's receivers, and which: no more. A line to "
    "an app and a line from it are no path; inside an opened app every line is a connection."
)
MOST_TOLD = 12  # connections in a title


def of_graph(graph: nx.DiGraph[str]) -> str:
    apps = [data for _, data in graph.nodes(data=True) if data["kind"] == "app"]
    opened = sum(data["open"] for data in apps)
    badges = sum(len(ids) for data in apps for ids in data["badges"].values())
    carried = {one for _, _, line in graph.edges(data=True) for one in line["connections"]}
    told = f", {badges} of them in badges" if badges else ""
    shown = f" ({opened} opened)" if opened else ""
    return f"Apps: {count(len(apps), 'app')}{shown}, {count(len(carried) + badges, 'connection')}{told}"


def of_app(graph: nx.DiGraph[str], app: str) -> str:
    """What an app sends and handles, and what a click does."""
    data = graph.nodes[app]
    sent = [one for one in data["sent_to"] if one != data["name"]]
    heard = [one for one in data["heard_from"] if one != data["name"]]
    parts = [f"App {data['label']}"]
    parts += ["wired to itself"] if data["name"] in data["sent_to"] else []
    parts += [f"sends to {count(len(sent), 'app')}"] if sent else []
    parts += [f"handles what {count(len(heard), 'app')} send{'s' if len(heard) == 1 else ''}"] if heard else []
    parts += [of_badge(text, ids) for text, ids in data["badges"].items()]
    return ", ".join([*parts, *measured(graph, data.get("figures"), UNITS), "opened" if data["open"] else "closed"])


def of_line(graph: nx.DiGraph[str], source: str, target: str) -> str:
    data = graph.edges[source, target]
    ends = [graph.nodes[end]["label"] for end in (source, target)]
    return f"{ends[0]} to {ends[1]}: {count(len(data['connections']), 'connection')}"


def of_badge(text: str, ids: Collection[str]) -> str:
    return f"{count(len(ids), 'connection')} {'for ' if text == 'any sender' else ''}{text}"


def told(ids: Sequence[str]) -> str:
    """Connections a line each: who sends what to whom."""
    lines = []
    for one in ids[:MOST_TOLD]:
        sender, signal, receiver = names.parse_connection_id(one)
        lines.append(f"{names.short(sender)}: {names.short(signal)} to {names.short(receiver)}")
    return "\n".join(lines + ([f"and {len(ids) - MOST_TOLD} more"] if len(ids) > MOST_TOLD else []))


def of_causes(causes: Sequence[tuple[str, int]]) -> str:
    """What an app's receivers dispatched, by app."""
    return ", ".join(f"{count(number, 'dispatch' if number == 1 else 'dispatche')} in {app}" for app, number in causes)
