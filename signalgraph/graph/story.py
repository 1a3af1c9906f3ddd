"""`flow`, told by dispatches: who sent what, who handled it, and what each of them sent then."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx

from signalgraph import names
from signalgraph.events import ANY_SENDER, ConnectionInfo, PendingSender
from signalgraph.graph.build import about_line, connection_id, port_id, unique
from signalgraph.graph.figures import Figures, heard
from signalgraph.graph.firing import why_not_live
from signalgraph.graph.flow import flow_of, handling_id, heard_by, hears
from signalgraph.graph.material import Material, ViewError


def build_story(material: Material) -> nx.DiGraph[str]:
    """The whole story: a graph of dispatches and handlings, from which a view takes its part.

    A `port` is what one sender dispatches with one signal, a `receiver` one handling of it. A port leads to each
    handling, whether it was seen or stands in the wiring alone (`observed`; None where no log was read); a handling
    leads to the ports that its receiver was seen dispatching. So every path is one that the wiring makes, or that was
    seen, step by step.

    ``graph.graph["flow"]`` is the flow that it tells.
    """
    rows = unique(material.connections)
    flow = flow_of(material)
    by_id, heard = {connection_id(row): row for row in rows}, hears(rows)
    # A signal of a class of its own may call receivers of another sender, such as a base class.
    ran: dict[tuple[str, str], list[ConnectionInfo]] = defaultdict(list)
    for _, data in flow.nodes(data=True):
        ran[data["signal"], data["sender"]].append(by_id[data["connection"]])
    # Not from the edges of `flow`: a dispatch was seen also where it reached nothing that is shown.
    told: Counter[tuple[str, str]] = Counter()
    for (connection, handled, signal, sender), count in material.steps.items():
        if connection in by_id and ((signal, sender) in ran or heard_by(heard, signal, sender)):
            told[handling_id(by_id[connection], handled), port_id(signal, sender)] += count
            ran.setdefault((signal, sender), [])
    story: nx.DiGraph[str] = nx.DiGraph(flow=flow)
    for signal, sender in sorted(ran):
        own = [*heard_by(heard, signal, sender), *ran[signal, sender]]
        _add_dispatch(story, material, signal, sender, unique(own))
    for (cause, port), count in sorted(told.items()):
        story.nodes[port]["observed"] = True
        line = {"kind": "cause", "count": count, "observed": True, "back": False}
        story.add_edge(cause, port, **line, can_fire=True, why="")
    return story


def choose(story: nx.DiGraph[str], material: Material, selection: str) -> list[str]:
    """The ports and handlings that an id stands for, sorted.

    A sender or a signal: the dispatches. A receiver or a connection: the handlings. Raises `ViewError` for an id that
    is none, or of something that isn't there.
    """
    kind, _, name = selection.partition(":")
    if kind not in ("sender", "signal", "port", "receiver", "connection") or not name:
        what = "nothing" if not selection else repr(selection)
        raise ViewError(
            f"{what} is selected; select an id that begins with sender:, signal:, receiver: or connection:."
        )
    found = sorted(node for node, data in story.nodes(data=True) if _is_meant(node, data, kind, selection, name))
    if not found:
        raise ViewError(_why_missing(material, kind, selection, name))
    return found


def _is_meant(node: str, data: Mapping[str, Any], kind: str, selection: str, name: str) -> bool:
    if kind == "sender" and name == ANY_SENDER:
        return bool(data["kind"] == "receiver" and data["connection"].startswith(f"connection:{ANY_SENDER}|"))
    if kind == "connection":
        return node == selection or data.get("connection") == selection
    if data["kind"] == "receiver":
        return kind == "receiver" and bool(data["name"] == name)
    own = {"sender": data["sender"], "signal": data["signal"], "port": node.removeprefix("port:")}
    return own.get(kind) == name


def _why_missing(material: Material, kind: str, selection: str, name: str) -> str:
    waiting = next((one for one in material.pending if _waits(one, kind, name)), None)
    if waiting is not None:
        return f"{selection} waits for the model {waiting.sender}, which is not loaded, so it is not connected yet."
    whole = {connection_id(row): row for row in material.unfiltered}
    left = {connection_id(row) for row in material.connections}
    hidden = [one for one, row in whole.items() if one not in left and _names(row, kind, selection, name)]
    if hidden and all(names.is_plumbing(whole[one]) for one in hidden):
        return f"Only connections of Django's own have {selection}, and they are left out."
    if hidden:
        return f"The filter hides {selection}; widen the filter to see it."
    return f"There is no {selection} among what is connected; check the name, or select it in the list."


def _waits(one: PendingSender, kind: str, name: str) -> bool:
    return (kind == "receiver" and one.receiver == name) or (kind == "sender" and one.sender == name.lower())


def _names(row: ConnectionInfo, kind: str, selection: str, name: str) -> bool:
    if kind == "connection":
        return connection_id(row) == selection
    return bool({"sender": row.sender, "signal": row.signal, "receiver": row.receiver}.get(kind) == name)


def _add_dispatch(
    story: nx.DiGraph[str], material: Material, signal: str, sender: str, rows: Sequence[ConnectionInfo]
) -> None:
    port, flow = port_id(signal, sender), story.graph["flow"]
    by_handling: dict[str, list[ConnectionInfo]] = defaultdict(list)
    for row in rows:
        by_handling[handling_id(row, sender)].append(row)
    about = {"signal": signal, "sender": sender, "senders": [sender], "any": sender == ANY_SENDER, "also": []}
    sent = material.sent.get((signal, sender), 0)
    story.add_node(port, kind="port", **about, observed=True if sent else None, sent=sent)
    never = next(filter(None, (_why_never(material, row) for row in rows if row.sender == sender)), "")
    for node, own in sorted(by_handling.items(), key=lambda one: (one[1][0].order, one[0])):
        known = flow.nodes[node] if node in flow else {}
        observed = bool(known.get("observed")) if material.is_recorded else None
        story.add_node(node, **_handling(own[0], sender), observed=observed, calls=known.get("calls", 0))
        line = about_line(own, set(map(connection_id, own)) if observed else material.called)
        if never and not observed:
            line |= {"can_fire": False, "why": never}
        line |= {"connections": sorted(map(connection_id, own)), "order": own[0].order, "observed": observed}
        story.add_edge(port, node, **line)
        story.nodes[port]["observed"] = story.nodes[port]["observed"] or observed
    if material.stats is not None:
        _add_figures(story, port, material.stats)


def _why_never(material: Material, row: ConnectionInfo) -> str:
    """Why its sender never sends, which holds for receivers for any sender as well."""
    return why_not_live(row, material.called, connection=connection_id(row))


def _handling(row: ConnectionInfo, sender: str) -> dict[str, Any]:
    own: dict[str, Any] = {"signal": row.signal, "sender": sender, "connection": connection_id(row)}
    own |= {"kind": "receiver", "name": row.receiver, "for_any": row.sender == ANY_SENDER}
    return own | {"is_async": row.is_async, "file": row.file, "line": row.line, "order": row.order}


def _add_figures(story: nx.DiGraph[str], port: str, stats: Mapping[str, Figures]) -> None:
    """What was measured of receivers for any sender is not one sender's, so their handlings claim no number."""
    own = [node for node in story.successors(port) if not story.nodes[node]["for_any"] or story.nodes[port]["any"]]
    for node in own:
        story.nodes[node]["figures"] = stats.get(story.nodes[node]["connection"], Figures())
        story.edges[port, node]["figures"] = story.nodes[node]["figures"]
    if own:
        story.nodes[port]["figures"] = heard(story.nodes[node]["figures"] for node in own)


def sender_line(story: nx.DiGraph[str], port: str) -> dict[str, Any]:
    """The attributes of the line from a sender to its port: it can fire if one of the lines that follow it can."""
    lines = [line for _, _, line in story.out_edges(port, data=True)]
    found = {
        "kind": "connection",
        "connections": sorted({one for line in lines for one in line["connections"]}),
        "can_fire": any(line["can_fire"] for line in lines),
        "why": "; ".join(sorted({line["why"] for line in lines if line["why"]})),
        "observed": story.nodes[port]["observed"],
        "count": story.nodes[port]["sent"],
    }
    figures = story.nodes[port].get("figures")
    return found | ({"figures": figures} if figures else {}) | ({"why": ""} if found["can_fire"] else {})


def sender_node(sender: str) -> tuple[str, dict[str, Any]]:
    return names.sender_id(sender), {"kind": "sender", "name": sender, "stage": 0}
