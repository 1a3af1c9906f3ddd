"""The pictures of the pages: the wiring of what a page tells."""

from __future__ import annotations

from collections.abc import Iterable

from signalgraph.documents.content import Content
from signalgraph.events import ConnectionInfo
from signalgraph.exports import svg
from signalgraph.graph.build import build_wiring
from signalgraph.graph.layout import layout_wiring


def draw(content: Content, connections: Iterable[ConnectionInfo], title: str) -> str:
    """An SVG document that says neither a time nor a count, so that it changes with the wiring only."""
    graph = build_wiring(content.signals.values(), connections, unfiltered=content.connections)
    return svg.render(graph, layout_wiring(graph), mode="file", title=title)
