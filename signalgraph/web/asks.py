"""What an address asks the graph to show, and what is known to draw it from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast
from urllib.parse import unquote

from signalgraph.graph.figures import Figures, Measure
from signalgraph.graph.material import DIRECTIONS, MAX_DEPTH, VIEW_NAMES, Ask, Direction, Material
from signalgraph.web.scope import Scope, connection_id
from signalgraph.web.state import State

COLOURS: tuple[Measure, ...] = ("rate", "p95", "errors", "self")
# Parameters of the graph that its exports and its list take along; `of` is the view that a list is the twin of.
OWN = ("view", "of", "to", "depth", "direction", "open", "color", "at")


def read_ask(state: State) -> Ask:
    """What the address says of the picture. What makes no sense there is read as if it were not there."""
    params = state.params
    asked = params.get("of", "") if params.get("view") == "list" else params.get("view", "")
    depth, plain = params.get("depth", ""), Ask()
    return Ask(
        view=asked if asked in VIEW_NAMES else plain.view,
        selection=state.sel,
        target=params.get("to", ""),
        depth=min(int(depth), MAX_DEPTH) if depth.isdecimal() and len(depth) < 9 else plain.depth,
        direction=cast("Direction", _one_of(DIRECTIONS, params.get("direction"), plain.direction)),
        open=tuple(unquote(app) for app in dict.fromkeys(params.get("open", "").split(",")) if app),
        measure=cast("Measure", _one_of(COLOURS, params.get("color"), plain.measure)),
    )


def lacks_end(ask: Ask) -> bool:
    """Whether it is a path of which an end is still to be picked, from the wiring."""
    return ask.view == "path" and not (ask.selection and ask.target)


def write_open(apps: Iterable[str]) -> str:
    """The parameter `open`: a comma in an app's name is no end of it, as `read_ask` reads it."""
    return ",".join(app.replace("%", "%25").replace(",", "%2C") for app in apps)


def _one_of(known: tuple[str, ...], asked: str | None, otherwise: str) -> str:
    return asked if asked in known else otherwise


def material_of(scope: Scope) -> Material:
    """What the pages know, as far as the filter leaves it."""
    wiring, causes = scope.wiring, scope.index.causes
    return Material(
        signals=wiring.signals,
        connections=scope.connections,
        unfiltered=wiring.connections,
        steps=causes.steps,
        stats=figures_of(scope),
        pending=wiring.pending,
        sent=causes.sent,
        missed=causes.missed,
        calls={key: total.calls for key, total in scope.index.totals.items()},
    )


def figures_of(scope: Scope) -> dict[str, Figures]:
    """What is drawn of each connection, in the window of the page."""
    found = {}
    for row in scope.connections:
        stats = scope.stats([connection_id(row)])
        p95_us = stats.p95_us or 0.0
        found[connection_id(row)] = Figures(
            calls=stats.window_calls,
            errors=stats.window_errors,
            rate_per_s=stats.rate_per_s,
            p95_us=p95_us,
            ms_per_s=stats.ms_per_s,
            slow=p95_us >= scope.slow_us,
        )
    return found
