"""The pictures of the pages: the wiring of what a page tells."""

from __future__ import annotations

from collections.abc import Iterable

from signalgraph import names
from signalgraph.documents.content import Content
from signalgraph.events import ConnectionInfo
from signalgraph.exports import svg
from signalgraph.graph.build import build_wiring
from signalgraph.graph.layout import layout_wiring
from signalgraph.graph.views import Ask, Material, build_view, lay_out

DEPTH = 2  # causes in a row; more would be too small to read in a page's width
MOST = 60  # boxes


def draw(content: Content, connections: Iterable[ConnectionInfo], title: str) -> str:
    """The wiring of some connections. It says neither a time nor a count, so that it changes with the wiring only."""
    graph = build_wiring(content.signals.values(), connections, unfiltered=content.connections)
    return svg.render(graph, layout_wiring(graph), mode="file", title=title)


def causes_to_draw(content: Content) -> tuple[list[str], list[str]]:
    """The signals of the project and the senders for which something was seen to follow, so that a picture tells it."""
    found = [(names.parse_connection_id(step[0])[1], step[1]) for step in content.steps]
    heard = {(row.signal, row.sender) for row in content.connections}
    signals = {signal for signal, _ in found if signal in content.signals and names.app_of(signal) != "django"}
    senders = {sender for signal, sender in found if (signal, sender) in heard}
    return sorted(signals), sorted(senders)


def draw_causes(content: Content, selection: str, title: str) -> str | None:
    """What was seen to follow, stage by stage, from a `signal:` or `sender:`; None for more than can be read."""
    material = Material(
        list(content.signals.values()),
        content.connections,
        content.connections,
        steps=dict.fromkeys(content.steps, 0),  # as they are drawn without a number; a miss is all of them
        missed=dict.fromkeys(content.missed, 1),
        calls=dict.fromkeys(content.called, 1),
    )
    graph = build_view(material, Ask(view="focus", selection=selection, depth=DEPTH, direction="down"))
    if len(graph) > MOST:
        return None
    return svg.render(graph, lay_out(graph), mode="file", title=title)
