"""The apps view: which app handles what which app sends. An edge is a set of connections, and claims no more.

An app that is opened shows its own senders and receivers, with the ports of the signals between them, as the wiring
does. Everything else stays collapsed. Each connection is in exactly one edge towards its receiver (or the receiver's
app), or in one badge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import networkx as nx

from signalgraph import names
from signalgraph.conf import did_you_mean
from signalgraph.events import ANY_SENDER, ConnectionInfo
from signalgraph.graph.build import about_line, build_wiring, connection_id, unique
from signalgraph.graph.figures import Figures, heard, together
from signalgraph.graph.material import Ask, Material, ViewError

HUB_LINES = 8  # an app with more lines on one side is a hub: nobody could follow them
ANY_BADGE = "any sender"

Ids = dict[tuple[str, str], list[ConnectionInfo]]  # (app that sends, app that handles) -> connections


def app_id(app: str) -> str:
    return f"app:{app}"


def app_of(name: str) -> str:
    """The app of a sender or receiver; a text, and what else belongs to none, is its own. Any sender has none."""
    return "" if name == ANY_SENDER else names.app_of(name) or name


def app_of_dispatch(signal: str, sender: str) -> str:
    """The app in which something is dispatched: that of the sender, else that of the signal."""
    return names.app_of(sender) or app_of(signal)


def build_apps(material: Material, ask: Ask) -> nx.DiGraph[str]:
    """The graph of apps, with those of `ask.open` shown from inside.

    Returns
    -------
    A graph with the attributes of the wiring graph for what is opened (a port of the app `shop` has `@shop` at the end
    of its id, as it joins only what is drawn in that app; `app` on senders, ports and receivers), and

    * apps: `kind` "app", `name`, `label`, `open`, `badges` (text -> ids of connections that are no line), and
      `sent_to`, `heard_from`: the apps that it is wired to on either side;
    * edges between apps: `kind` "connection", `connections` (sorted ids), `signals`, `can_fire`, `why`;
    * ``graph.graph``: `app_causes`, the dispatches that an app's receivers caused in an app, as sorted
      ``(app, app, count)``; `label_chars`, by kind the longest label that opening any app could show.

    Raises `ViewError` for an app to open that there isn't.
    """
    rows = unique(material.connections)
    pairs: Ids = defaultdict(list)
    for row in rows:
        pairs[app_of(row.sender), app_of(row.receiver)].append(row)
    apps = sorted({app for pair in pairs for app in pair} - {""})
    opened = _opened(ask.open, apps, material.unfiltered)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.graph.update(signals={}, signal_labels={}, orphans=[], causes=_causes(material, rows))
    graph.graph["app_causes"] = _app_causes(graph.graph["causes"])
    graph.graph["label_chars"] = _label_chars(rows)
    if material.stats is not None:
        graph.graph.update(measure=ask.measure, signal_figures={})
    _add_apps(graph, apps, opened, pairs)
    for app in opened:
        _add_inside(graph, app, opened, pairs, material, ask)
    for (source, target), own in sorted(pairs.items()):
        if source not in opened and target not in opened:
            _add_outside(graph, source, target, own, material)
    labels = names.distinct_labels(row.signal for row in rows)
    graph.graph["signal_labels"] = {signal: labels[signal] for signal in sorted(graph.graph["signals"])}
    _add_figures(graph, pairs, material.stats)
    return graph


def inside(graph: nx.DiGraph[str], app: str) -> nx.DiGraph[str]:
    """What is drawn inside an opened app, as a wiring graph of its own; signals are told apart by `@` and the app."""
    own = [node for node, data in graph.nodes(data=True) if data.get("app") == app]
    part: nx.DiGraph[str] = nx.DiGraph(graph.subgraph(own))
    ports: dict[str, list[str]] = defaultdict(list)
    for node in sorted(own):
        if graph.nodes[node]["kind"] == "port":
            ports[f"{graph.nodes[node]['signal']}@{app}"].append(node)
    labels = graph.graph["signal_labels"]
    part.graph = {
        "signals": {
            signal: sorted(found, key=lambda port: (graph.nodes[port]["any"], port)) for signal, found in ports.items()
        },
        "signal_labels": labels | {signal: labels[signal.removesuffix(f"@{app}")] for signal in ports},
        "causes": [],
    }
    if "measure" in graph.graph:
        part.graph["measure"] = graph.graph["measure"]
        part.graph["signal_figures"] = {
            signal: heard(graph.nodes[port]["figures"] for port in found) for signal, found in ports.items()
        }
    return part


def _opened(wanted: Iterable[str], apps: Collection[str], unfiltered: Iterable[ConnectionInfo]) -> list[str]:
    """Those that are drawn; one that the filter has left out is no error."""
    known = {*apps, *(app_of(name) for row in unfiltered for name in (row.sender, row.receiver))} - {""}
    for app in wanted:
        if app not in known:
            there = sorted(one for one in known if names.app_of(one))  # texts that send are boxes, but no apps
            do = did_you_mean(app, there) if there else "nothing is connected."
            raise ViewError(f"There is no app {app!r} to open; {do}")
    return sorted(set(wanted) & set(apps))


def _causes(material: Material, rows: Iterable[ConnectionInfo]) -> list[tuple[str, str, str, int]]:
    """What the drawn connections were seen dispatching: (connection, signal, sender, count)."""
    shown = {connection_id(row) for row in rows}
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for (cause, _, signal, sender), count in material.steps.items():
        if cause in shown:
            counts[cause, signal, sender] += count
    return sorted((*cause, count) for cause, count in counts.items())


def _app_causes(causes: Iterable[tuple[str, str, str, int]]) -> list[tuple[str, str, int]]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for cause, signal, sender, count in causes:
        ran = app_of(names.parse_connection_id(cause)[2])
        counts[ran, app_of_dispatch(signal, sender)] += count
    return sorted((*pair, count) for pair, count in counts.items())


def _label_chars(rows: Sequence[ConnectionInfo]) -> dict[str, int]:
    """So that opening an app makes no column wider, and moves nothing sideways."""

    def longest(found: Iterable[str]) -> int:
        return max(map(len, names.distinct_labels(found).values()), default=0)

    return {
        "sender": longest(row.sender for row in rows if row.sender != ANY_SENDER),
        "signal": longest(row.signal for row in rows),
        "receiver": longest(row.receiver for row in rows),
    }


def _add_apps(graph: nx.DiGraph[str], apps: Iterable[str], opened: Collection[str], pairs: Ids) -> None:
    for app in apps:
        graph.add_node(
            app_id(app),
            kind="app",
            name=app,
            label=app,
            open=app in opened,
            badges={},
            sent_to=sorted(target for source, target in pairs if source == app),
            heard_from=sorted(source for source, target in pairs if target == app and source),
        )


def _add_outside(
    graph: nx.DiGraph[str], source: str, target: str, rows: list[ConnectionInfo], material: Material
) -> None:
    """A line between two collapsed apps, or a badge where a line would be one of too many."""
    ids = sorted(connection_id(row) for row in rows)
    sender, receiver = graph.nodes.get(app_id(source)), graph.nodes[app_id(target)]
    if sender is None:
        receiver["badges"][ANY_BADGE] = ids
    elif source != target and _is_hub(sender["sent_to"], source):
        receiver["badges"][f"from {source}"] = ids
    elif source != target and _is_hub(receiver["heard_from"], target):
        sender["badges"][f"to {target}"] = ids
    else:
        about = about_line(rows, material.called)
        signals = sorted({row.signal for row in rows})
        graph.add_edge(app_id(source), app_id(target), connections=ids, signals=signals, **about)


def _is_hub(beside: Iterable[str], app: str) -> bool:
    return len(set(beside) - {app}) > HUB_LINES


def _add_inside(
    graph: nx.DiGraph[str], app: str, opened: Collection[str], pairs: Ids, material: Material, ask: Ask
) -> None:
    """The wiring of what this app handles, and of what it sends to collapsed apps; what isn't opened is its app."""
    rows = [
        row
        for (source, target), own in pairs.items()
        if target == app or (source == app and target not in opened)
        for row in own
    ]
    wiring = build_wiring(
        (),
        rows,
        stats=material.stats,
        measure=ask.measure,
        unfiltered=material.unfiltered,
        called=material.called,
    )
    at: dict[str, str] = {}
    for node, data in wiring.nodes(data=True):
        owner = app if data["kind"] == "port" else _owner(data)
        own_node = f"{node}@{app}" if data["kind"] == "port" else node
        at[node] = own_node if data["kind"] == "port" or owner in opened else app_id(owner)
        if at[node] == own_node:
            graph.add_node(own_node, **data, app=owner)
    for source, target, data in wiring.edges(data=True):
        _add_line(graph, at[source], at[target], data, material)
    for signal, ports in wiring.graph["signals"].items():
        graph.graph["signals"].setdefault(signal, []).extend(at[port] for port in ports)


def _owner(data: Mapping[str, Any]) -> str:
    return app_of(data["name"])


def _add_line(graph: nx.DiGraph[str], source: str, target: str, data: Mapping[str, Any], material: Material) -> None:
    """Lines of several senders or receivers in one collapsed app are one."""
    if not graph.has_edge(source, target):
        graph.add_edge(source, target, **data)
        return
    line = graph.edges[source, target]
    line["connections"] = sorted({*line["connections"], *data["connections"]})
    if data["observed"] is not None:
        line["observed"] = line["observed"] or data["observed"]
    line["can_fire"] = line["can_fire"] or data["can_fire"]
    line["why"] = "" if line["can_fire"] else "; ".join(sorted({*line["why"].split("; "), *data["why"].split("; ")}))
    if "order" in line:
        line["order"] = min(line["order"], data["order"])
    if "figures" in line:
        line["figures"] = together([line["figures"], data["figures"]])


def _add_figures(graph: nx.DiGraph[str], pairs: Ids, stats: Mapping[str, Figures] | None) -> None:
    """Of an app: what its receivers did; of a line between apps: what its connections did."""
    if stats is None:
        return
    nothing = Figures()
    handled: dict[str, list[Figures]] = defaultdict(list)
    for (_, target), rows in pairs.items():
        handled[target] += [stats.get(connection_id(row), nothing) for row in rows]
    for _, data in graph.nodes(data=True):
        if data["kind"] == "app":
            data["figures"] = together(handled[data["name"]])
    for _, _, data in graph.edges(data=True):
        if "figures" not in data:
            data["figures"] = together(stats.get(one, nothing) for one in data["connections"])
    for signal, ports in graph.graph["signals"].items():
        graph.graph["signal_figures"][signal] = heard(graph.nodes[port]["figures"] for port in ports)
