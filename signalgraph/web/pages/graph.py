"""The graph: how it is wired and where it is busy, drawn or as a list, and the same as files."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from signalgraph.events import ANY_SENDER, ConnectionInfo
from signalgraph.exports import json as json_export
from signalgraph.exports import svg
from signalgraph.graph.figures import Scale, scale_of
from signalgraph.graph.focus import Focus, focus
from signalgraph.graph.layout import Layout, layout_wiring
from signalgraph.graph.views import build_view
from signalgraph.web.asks import material_of, read_ask
from signalgraph.web.facets import connection_facets
from signalgraph.web.panel import panel_context
from signalgraph.web.scope import Scope, connection_id
from signalgraph.web.views import Page, file_view

if TYPE_CHECKING:
    import networkx as nx

VIEWS = ("wiring", "list")


@dataclass(frozen=True)
class ListRow:
    """A connection in the list twin of the drawing; `caused` are the signals that its receiver dispatched."""

    connection: str
    row: ConnectionInfo
    calls: int
    rate_per_s: float
    p95_us: float | None
    errors: int
    caused: list[tuple[str, int]] = field(default_factory=list)


def read_graph(scope: Scope) -> nx.DiGraph[str]:
    return build_view(material_of(scope), read_ask(scope.state))


_layouts: dict[tuple[object, ...], Layout] = {}
MAX_LAYOUTS = 32


def read_layout(graph: nx.DiGraph[str]) -> Layout:
    """The layout of a graph; kept by what it is made of, as numbers move nothing."""
    causes = tuple(cause[:3] for cause in graph.graph["causes"])
    key = (tuple(graph.nodes), tuple(graph.edges), causes)
    if key not in _layouts:
        while len(_layouts) >= MAX_LAYOUTS:
            _layouts.pop(next(iter(_layouts)), None)
        _layouts[key] = layout_wiring(graph)
    return _layouts[key].counted(graph)


def focus_data(found: Focus) -> dict[str, Any]:
    """What a selection lights, for the script that dims the rest."""
    return {
        "selected": found.selected,
        "nodes": sorted(found.nodes),
        "connections": sorted(found.connections),
        "causes": sorted(found.causes),
    }


def list_rows(scope: Scope) -> list[ListRow]:
    """The connections by sender, signal and the order in which they run."""
    caused: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for (cause, signal, _), count in sorted(scope.index.edges.items()):
        caused[cause].append((signal, count))
    rows = []
    for row in sorted(scope.connections, key=lambda row: (row.sender == ANY_SENDER, row.sender, row.signal, row.order)):
        own = connection_id(row)
        stats = scope.stats([own])
        figures = (stats.window_calls, stats.rate_per_s, stats.p95_us, stats.window_errors)
        rows.append(ListRow(own, row, *figures, caused[own]))
    return rows


def baseline(scope: Scope) -> str:
    """Where live numbers start, per shown connection: calls and errors ever, errors and calls per bar of the window."""
    found = {}
    for row in scope.connections:
        stats = scope.stats([connection_id(row)])
        bars = stats.spark if stats.window_calls else []
        found[connection_id(row)] = [stats.calls, stats.errors, stats.window_errors, *bars]
    return json.dumps(found, separators=(",", ":"))


def others(scope: Scope) -> str:
    """The ids of connections that are known but not drawn: one that is in neither list is new."""
    drawn = {connection_id(row) for row in scope.connections}
    known = {*(connection_id(row) for row in scope.wiring.connections), *scope.index.totals}
    return json.dumps(sorted(known - drawn), separators=(",", ":"))


def wiring(request: HttpRequest, scope: Scope) -> Page:
    asked = scope.state.params.get("view", "")
    view = asked if asked in VIEWS else "wiring"
    graph = read_graph(scope)
    found = focus(graph, scope.state.sel) if scope.state.sel else None
    if found is not None and not found.nodes:
        found = None
    context: dict[str, Any] = {
        "title": "Graph",
        "view": view,
        "lit": len(found.connections) if found else None,
        "focus": json.dumps(focus_data(found)) if found else "",
        **panel_context(scope),
    }
    if view == "list":
        context["rows"] = list_rows(scope)
    elif request.headers.get("HX-Target") != "sg-panel":
        context |= {
            "drawing": draw(scope, graph),
            "baseline": baseline(scope),
            "others": others(scope),
            "scale": drawn_scale(graph),
        }
    twin: dict[str, Any] = {}
    return Page("signalgraph/graph.html", context, twin, connection_facets(scope), scope.connection_hits)


def drawn_scale(graph: nx.DiGraph[str]) -> Scale:
    """The drawing's scale of heat, for the legend below it."""
    found = [data["figures"] for _, data in graph.nodes(data=True) if "figures" in data]
    every = [*graph.graph["signal_figures"].values(), *found]
    return scale_of(figures.value("rate") for figures in every)


def draw(scope: Scope, graph: nx.DiGraph[str], mode: svg.Mode = "page") -> str:
    return svg.render(
        graph,
        read_layout(graph),
        mode=mode,
        title="Wiring",
        query=scope.state.q,
        as_of=scope.as_of,
        selected=scope.state.sel if focus(graph, scope.state.sel).nodes else None,
        link=lambda one: scope.state.url("graph/", sel=one),
    )


def _svg(request: HttpRequest, scope: Scope) -> HttpResponse:
    body = draw(scope, read_graph(scope), mode="file")
    return HttpResponse(body, content_type="image/svg+xml")


def _json(request: HttpRequest, scope: Scope) -> HttpResponse:
    body = json_export.render(read_graph(scope), query=scope.state.q, as_of=scope.as_of)
    return HttpResponse(body, content_type="application/json")


svg_file = file_view("graph.svg", _svg)
json_file = file_view("graph.json", _json)
