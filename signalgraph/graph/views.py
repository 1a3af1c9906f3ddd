"""The views: each builds the graph that it draws, and knows how to lay it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import networkx as nx

from signalgraph.graph.apps import build_apps
from signalgraph.graph.apps_layout import layout_apps
from signalgraph.graph.build import build_wiring, connection_id
from signalgraph.graph.excerpt import build_focus, build_path
from signalgraph.graph.firing import why_not_live
from signalgraph.graph.flow import cycles, flow_of
from signalgraph.graph.layered import layout_stages
from signalgraph.graph.layout import Layout, layout_wiring
from signalgraph.graph.material import Ask, Direction, Material, TooManyBoxes, ViewError, ViewName
from signalgraph.recent import sum_steps

__all__ = [
    "VIEWS",
    "Ask",
    "Direction",
    "Material",
    "ViewError",
    "ViewName",
    "build_view",
    "check_size",
    "connections_in",
    "lay_out",
]

MOST_BOXES = 5_000  # laid out in about five seconds
MOST_IN_STAGES = 2_000  # as long, at a hundred stages

Build = Callable[[Material, Ask], "nx.DiGraph[str]"]
LayOut = Callable[["nx.DiGraph[str]"], Layout]


def build_view(material: Material, ask: Ask) -> nx.DiGraph[str]:
    """The graph that a view draws. `graph.graph` says which: "view" is its name, "ask" what was asked.

    It also holds what is known of the connections that are drawn, by id: "rows" (`ConnectionInfo`), "stuck" (why those
    that can't fire can't) and, where there are stats, "stats" (`Figures`); and the "cycles" of causes,
    as `signalgraph.graph.flow.cycles` lists them.

    Raises `ViewError` for a view or a selection that there isn't.
    """
    graph = _find(ask.view)[0](material, ask)
    drawn, called = connections_in(graph), material.called
    known = {connection_id(row): row for row in (*material.unfiltered, *material.connections)}
    rows = {one: known[one] for one in sorted(drawn & known.keys())}
    stuck = {one: why for one, row in rows.items() if (why := why_not_live(row, called, connection=one))}
    if "cycles" not in graph.graph:
        graph.graph["cycles"] = cycles(flow_of(material))
    graph.graph.update(view=ask.view, ask=ask, rows=rows, stuck=stuck)
    if material.stats is not None:
        graph.graph["stats"] = {one: material.stats[one] for one in sorted(drawn & material.stats.keys())}
    return graph


def connections_in(graph: nx.DiGraph[str]) -> set[str]:
    """The ids of the connections that a view draws, on lines or in the badges of apps."""
    found = {one for _, _, line in graph.edges(data=True) for one in line.get("connections", ())}
    badges = (ids for _, data in graph.nodes(data=True) for ids in data.get("badges", {}).values())
    return found.union(*badges)


def lay_out(graph: nx.DiGraph[str]) -> Layout:
    """Where everything of a view goes; the same graph gives the same layout, to the pixel.

    Raises `TooManyBoxes`.
    """
    check_size(graph)
    return _find(graph.graph["view"])[1](graph)


def check_size(graph: nx.DiGraph[str]) -> None:
    """Raise `TooManyBoxes` for a graph that only a table can show."""
    stages = graph.graph["view"] in ("focus", "path")
    most = MOST_IN_STAGES if stages else MOST_BOXES
    ports = [] if stages else [data for _, data in graph.nodes(data=True) if data["kind"] == "port"]
    # A signal is one box with a row for each port, in each app that is opened.
    boxes = len(graph) - len(ports) + len({(data["signal"], data.get("app")) for data in ports})
    if boxes <= most:
        return
    said = f"{boxes:,} boxes are more than can be drawn ({most:,})."
    reach = sorted(abs(data.get("distance", 0)) for _, data in graph.nodes(data=True))
    depth = reach[most] - 1 if stages else -1
    if depth < 0 or graph.graph["view"] == "path":
        raise TooManyBoxes(f"{said} Filter them; JSON, CSV and the list have them all.", None)
    raise TooManyBoxes(f"{said} Ask for a depth of at most {depth}, or filter them.", depth)


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
        called=material.called,
    )


# A view's own module takes `Ask` and `Material` from graph/material.py, as this one imports it.
VIEWS: Mapping[str, tuple[Build, LayOut]] = {
    "wiring": (_build_wiring, layout_wiring),
    "apps": (build_apps, layout_apps),
    "focus": (build_focus, layout_stages),
    "path": (build_path, layout_stages),
}
