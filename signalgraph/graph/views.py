"""The views: each builds the graph that it draws, and knows how to lay it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import networkx as nx

from signalgraph.graph.build import build_wiring, connection_id
from signalgraph.graph.excerpt import build_focus, build_path
from signalgraph.graph.layered import layout_stages
from signalgraph.graph.layout import Layout, layout_wiring
from signalgraph.graph.material import Ask, Direction, Material, ViewError, ViewName
from signalgraph.recent import sum_steps

__all__ = ["VIEWS", "Ask", "Direction", "Material", "ViewError", "ViewName", "build_view", "lay_out"]

Build = Callable[[Material, Ask], "nx.DiGraph[str]"]
LayOut = Callable[["nx.DiGraph[str]"], Layout]


def build_view(material: Material, ask: Ask) -> nx.DiGraph[str]:
    """The graph that a view draws. `graph.graph` says which: "view" is its name, "ask" what was asked.

    It also holds what is known of each connection that is drawn, by id: "rows" (`ConnectionInfo`; none of what isn't
    connected) and, where there are stats, "stats" (`Figures`).

    Raises `ViewError` for a view or a selection that there isn't.
    """
    graph = _find(ask.view)[0](material, ask)
    drawn = {one for _, _, line in graph.edges(data=True) for one in line.get("connections", ())}
    rows = {connection_id(row): row for row in (*material.unfiltered, *material.connections)}
    graph.graph.update(view=ask.view, ask=ask, rows={one: rows[one] for one in sorted(drawn & rows.keys())})
    if material.stats is not None:
        graph.graph["stats"] = {one: material.stats[one] for one in sorted(drawn & material.stats.keys())}
    return graph


def lay_out(graph: nx.DiGraph[str]) -> Layout:
    """Where everything of a view goes; the same graph gives the same layout, to the pixel."""
    return _find(graph.graph["view"])[1](graph)


def _find(view: str) -> tuple[Build, LayOut]:
    if view not in VIEWS:
        raise ViewError(f"There is no view {view!r}; use one of: {', '.join(VIEWS)}.")
    return VIEWS[view]


def _build_wiring(material: Material, ask: Ask) -> nx.DiGraph[str]:
    shown = {connection_id(row) for row in material.connections}
    heard = {row.signal for row in material.connections}
    edges = sum_steps(material.steps)
    return build_wiring(
        material.signals,
        material.connections,
        edges={edge: count for edge, count in edges.items() if edge[0] in shown and edge[1] in heard},
        stats=material.stats,
        measure=ask.measure,
        observed=material.observed,
        unfiltered=material.unfiltered,
        gone=material.gone,
        called=material.called,
    )


# A view's own module takes `Ask` and `Material` from graph/material.py, as this one imports it.
VIEWS: Mapping[str, tuple[Build, LayOut]] = {
    "wiring": (_build_wiring, layout_wiring),
    "focus": (build_focus, layout_stages),
    "path": (build_path, layout_stages),
}
