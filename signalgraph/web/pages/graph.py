"""The graph: how it is wired, where it is busy, what follows from what; drawn or as a list."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from signalgraph import names
from signalgraph.exports import svg
from signalgraph.exports.stage_words import selects
from signalgraph.exports.titles import title_of
from signalgraph.graph.figures import Scale, scale_of
from signalgraph.graph.focus import Focus, focus
from signalgraph.graph.layout import Layout, layout_wiring
from signalgraph.graph.material import Ask, ViewError
from signalgraph.graph.views import build_view, check_size, lay_out
from signalgraph.web.asks import lacks_end, material_of, read_ask, write_open
from signalgraph.web.facets import connection_facets
from signalgraph.web.legend import measure_words, read_legend
from signalgraph.web.listing import app_pairs, baseline, list_rows, others
from signalgraph.web.panel import panel_context
from signalgraph.web.scope import Scope
from signalgraph.web.stages import read_stages
from signalgraph.web.starts import explain_problem, known_ids, named, no_focus
from signalgraph.web.toolbar import read_toolbar
from signalgraph.web.views import Page

if TYPE_CHECKING:
    import networkx as nx

DRAWING = "sg-drawing"
PANEL = "sg-panel"
STAGED = ("focus", "path")
MAX_LAYOUTS = 32
NEARLY_ALL = 0.9  # of what two drawings hold

_layouts: dict[tuple[object, ...], Layout] = {}
_keeping = threading.Lock()


def read_graph(scope: Scope) -> nx.DiGraph[str]:
    return build_view(material_of(scope), read_ask(scope.state))


def read_layout(graph: nx.DiGraph[str]) -> Layout:
    """The layout of a graph; that of the wiring is kept by what it is made of, as numbers move nothing.

    A wiring that differs little from one that was drawn is laid out near it, so that what is in both stays in place.
    """
    if graph.graph["view"] != "wiring":
        return lay_out(graph)
    check_size(graph)
    causes = tuple(cause[:3] for cause in graph.graph["causes"])
    key = (tuple(graph.nodes), tuple(graph.edges), causes)
    layout = _layouts.get(key)
    if layout is None:
        layout = layout_wiring(graph, near=_nearest(graph))
        with _keeping:
            while len(_layouts) >= MAX_LAYOUTS:
                del _layouts[next(iter(_layouts))]
            _layouts[key] = layout
    return layout.counted(graph)


def _nearest(graph: nx.DiGraph[str]) -> Layout | None:
    """The newest layout that has nearly all that is to be drawn, and little else."""
    for layout in reversed(list(_layouts.values())):
        boxes = {one for one, box in layout.nodes.items() if box.kind != "signal"}
        if len(boxes & graph.nodes) >= NEARLY_ALL * max(len(boxes), len(graph)):
            return layout
    return None


def focus_data(drawn: nx.DiGraph[str], found: Focus) -> dict[str, Any]:
    """What a selection lights, for the script that dims the rest; `chosen` are the boxes that stand for it."""
    chosen = {found.selected}
    if drawn.graph["view"] in STAGED:
        chosen |= {node for node in found.nodes if selects(drawn, node) == found.selected}
    return {
        "chosen": sorted(chosen),
        "nodes": sorted(found.nodes),
        "connections": sorted(found.connections),
        "causes": sorted(found.causes),
    }


def graph(request: HttpRequest, scope: Scope) -> Page:
    """Every view; a path that lacks an end shows the wiring, to pick it from."""
    ask = read_ask(scope.state)
    is_list = scope.state.params.get("view") == "list"
    path = _path_form(scope) if ask.view == "path" else None
    context: dict[str, Any] = {"path": path, "is_list": is_list, "shown": "", "lit": ""}
    try:
        ask = named(scope, ask)
        context |= _picture(request, scope, ask, is_list=is_list)
    except ViewError as error:
        context["problem"] = explain_problem(scope, ask, error)
    status = context["problem"].status if "problem" in context else HTTPStatus.OK
    context |= {"ask": ask, "heading": title_of(ask), "toolbar": read_toolbar(scope.state, ask, is_list=is_list)}
    context["title"] = "Graph" if ask.view == "wiring" else f"{title_of(ask)}, graph"
    parts = {PANEL: "signalgraph/_graph_panel.html", DRAWING: "signalgraph/_graph_drawing.html"}
    template = "signalgraph/graph.html"
    return Page(template, context, {}, connection_facets(scope), scope.connection_hits, status=status, parts=parts)


def _path_form(scope: Scope) -> dict[str, Any]:
    kept = [(name, value) for name, value in scope.state.params.items() if name not in ("sel", "to", "at")]
    return {"kept": kept, "clear": scope.state.url(sel=None, to=None, at=None), "ids": known_ids(scope)}


def _picture(request: HttpRequest, scope: Scope, ask: Ask, *, is_list: bool) -> dict[str, Any]:
    """What the page shows of a graph. Raises `ViewError`."""
    if ask.view == "focus" and not ask.selection:
        return {"problem": no_focus(scope)}
    drawn = build_view(material_of(scope), replace(ask, view="wiring") if lacks_end(ask) else ask)
    if drawn.graph.get("note"):
        raise ViewError(drawn.graph["note"])
    pick = "" if lacks_end(ask) else "at" if ask.view in STAGED else "sel"
    context = {"pick": pick, "shown": shown_words(drawn), **_selected(scope, drawn, pick)}
    if request.headers.get("HX-Target") == PANEL:
        return context | {"drawing": not is_list}
    if is_list:
        return context | _as_list(scope, drawn)
    if drawn.graph["view"] == "wiring" and ask.measure == "rate":
        context |= {"baseline": baseline(scope), "others": others(scope)}
    context |= {"legend": read_legend(drawn), "measure_words": measure_words(drawn), "scale": drawn_scale(drawn)}
    picture = draw(scope, drawn, link=_link(scope, ask, pick), picked=scope.state.params.get(pick, ""))
    return context | {"drawing": picture, "cycles": read_cycles(drawn)}


def _selected(scope: Scope, drawn: nx.DiGraph[str], pick: str) -> dict[str, Any]:
    """The panel of what is picked, and what that lights."""
    picked = scope.state.params.get(pick, "") if pick else ""
    found = focus(drawn, picked) if picked else None
    if found is not None and not found.nodes:
        found = None
    return {
        "lit": lit_words(drawn, found) if found else "",
        "focus": json.dumps(focus_data(drawn, found)) if found else "",
        **panel_context(scope, picked, pick),
    }


def _link(scope: Scope, ask: Ask, pick: str) -> Callable[[str], str]:
    """The address that a click on a box leads to, from the id of the box. A click on an app opens or closes it."""
    param = pick or ("to" if ask.selection else "sel")

    def url(one: str) -> str:
        kind, _, name = one.partition(":")
        if kind != "app":
            return scope.state.url(**{param: one})
        opened = [each for each in ask.open if each != name] if name in ask.open else [*ask.open, name]
        return scope.state.url(open=write_open(opened))

    return url


def _as_list(scope: Scope, drawn: nx.DiGraph[str]) -> dict[str, Any]:
    if drawn.graph["view"] in STAGED:
        return {"list": "signalgraph/_graph_stages.html", "stages": read_stages(drawn), "cycles": read_cycles(drawn)}
    if drawn.graph["view"] == "apps":
        return {"list": "signalgraph/_graph_apps.html", "pairs": app_pairs(scope)}
    return {"list": "signalgraph/_graph_list.html", "rows": list_rows(scope)}


def shown_words(graph: nx.DiGraph[str]) -> str:
    """How much a drawing holds."""
    view = graph.graph["view"]
    every = {one for *_, data in graph.edges(data=True) for one in data.get("connections", ())}
    if view == "apps":
        every |= {one for _, data in graph.nodes(data=True) for ids in data.get("badges", {}).values() for one in ids}
    count = f"{len(every)} connection{'' if len(every) == 1 else 's'}"
    return f"{count}, each line true by itself" if view == "wiring" else count


def lit_words(graph: nx.DiGraph[str], found: Focus) -> str:
    """How much of a drawing is lit."""
    if graph.graph["view"] in STAGED:
        every = [node for node, data in graph.nodes(data=True) if data["kind"] == "receiver"]
        return f"{len(found.nodes.intersection(every))} of {len(every)} receivers lit"
    every = sorted({one for *_, data in graph.edges(data=True) for one in data.get("connections", ())})
    return f"{len(found.connections)} of {len(every)} connections lit"


def read_cycles(graph: nx.DiGraph[str]) -> list[list[str]]:
    """What handles what in each cycle, in turn: short names, also of what isn't drawn as one box."""
    return [[_handling(graph, one) for one in cycle] for cycle in graph.graph.get("cycles", ())]


def _handling(graph: nx.DiGraph[str], one: str) -> str:
    return str(graph.nodes[one]["label"]) if one in graph else names.short(names.parse_connection_id(one)[2])


def drawn_scale(graph: nx.DiGraph[str]) -> Scale:
    """The drawing's scale of heat, for the legend below it."""
    measure = graph.graph.get("measure", "rate")
    found = [data["figures"] for _, data in graph.nodes(data=True) if "figures" in data]
    every = [*graph.graph.get("signal_figures", {}).values(), *found]
    return scale_of((figures.value(measure) for figures in every), measure)


def draw(scope: Scope, graph: nx.DiGraph[str], *, link: Callable[[str], str], picked: str) -> str:
    return svg.render(
        graph,
        read_layout(graph),
        title=title_of(graph.graph["ask"]),
        query=scope.state.q,
        as_of=scope.as_of,
        selected=picked if picked and focus(graph, picked).nodes else None,
        link=link,
    )
