"""Causal edges as SVG: stubs with a count at rest, and in full those of a selection."""

from __future__ import annotations

from collections.abc import Sequence

from signalgraph.exports import words
from signalgraph.exports.boxes import HIDDEN, Pen
from signalgraph.exports.markup import classes, joined, lines, number, tag, text
from signalgraph.graph.figures import short_number
from signalgraph.graph.focus import Cause
from signalgraph.graph.routes import Route

CORNER_PX = 8


def stubs(pen: Pen) -> str:
    """Drawn always, except where the full routes of the same causes are."""
    drawn = []
    for stub in pen.layout.stubs:
        x, y = stub.x, stub.y
        whole = pen.focus is not None and any(
            _is_lit(pen, route.causes) for route in pen.layout.causes if route.receiver == stub.receiver
        )
        if whole and not pen.page:
            continue
        parts = [
            tag("title", text(words.of_stub(pen.graph, stub))),
            tag("path", class_=_line(pen, stub.causes), d=f"M{x:g} {y:g}h10"),
            tag("path", class_="cause-tip", d=f"M{x + 9:g} {y - 3:g}l6 3 -6 3z"),
            tag("text", text(short_number(stub.count)), class_="num st", x=x + 18, y=y + pen.baseline(11)),
        ]
        dim = pen.focus is not None and not _is_lit(pen, stub.causes)
        drawn.append(
            tag(
                "g",
                *parts,
                class_=classes("stub", dim and "dim"),
                display=HIDDEN if whole else None,
                role="img",
                aria_label=words.of_stub(pen.graph, stub),
                **_ends(pen, stub.causes),
            )
        )
    return tag("g", lines(["", *drawn, ""])) if drawn else ""


def routes(pen: Pen) -> str:
    """On the page all, hidden until an end of theirs is selected; in a file those of the selection.

    Paths begin at the port, so that the dashes of routes which share a track fall on each other.
    """
    drawn = []
    for route in pen.layout.causes:
        lit = pen.focus is not None and _is_lit(pen, route.causes)
        if not (lit or pen.page):
            continue
        x, y = route.points[-1]
        parts = [
            tag("title", text(words.of_route(pen.graph, route))),
            tag("path", class_=_line(pen, route.causes), d=path([(x - 7, y), *route.points[-2::-1]])),
            tag("path", class_="cause-tip", d=f"M{number(x - 8)} {number(y - 4)}l8 4 -8 4z"),
        ]
        drawn.append(_hidden_until(pen, lit, parts, route))
    return tag("g", lines(["", *drawn, ""]), aria_hidden="true") if drawn else ""


def pills(pen: Pen) -> str:
    """The routes' counts, above everything."""
    drawn = []
    for route in pen.layout.causes:
        lit = pen.focus is not None and _is_lit(pen, route.causes)
        if not (lit or pen.page):
            continue
        x, y, width = route.pill
        parts = [
            tag("rect", class_="pill", x=x - width / 2, y=y - 8, width=width, height=16, rx=8),
            tag("text", text(short_number(route.count)), class_="pilltext", x=x, y=y + pen.baseline(11)),
        ]
        drawn.append(_hidden_until(pen, lit, parts, route))
    return tag("g", lines(["", *drawn, ""]), aria_hidden="true") if drawn else ""


def _hidden_until(pen: Pen, lit: bool, parts: Sequence[str], route: Route) -> str:
    return tag(
        "g",
        *parts,
        class_=classes("route", lit and "on"),
        display=None if lit else HIDDEN,
        data_receiver=route.receiver if pen.page else None,
        data_port=route.port if pen.page else None,
        **_ends(pen, route.causes),
    )


def _ends(pen: Pen, causes: Sequence[Cause]) -> dict[str, str | None]:
    """Which connections dispatched (`data-from`), and what: `signal|sender` (`data-to`); lists of the same length."""
    if not pen.page:
        return {}
    return {
        "data_from": joined(connection for connection, _, _ in causes),
        "data_to": joined(f"{signal}|{sender}" for _, signal, sender in causes),
    }


def _line(pen: Pen, causes: Sequence[Cause]) -> str | None:
    """Causes that come back to themselves look as they do in a focus."""
    return classes("cause", not pen.on_cycles.isdisjoint(causes) and "back")


def _is_lit(pen: Pen, causes: Sequence[Cause]) -> bool:
    return pen.focus is None or not pen.focus.causes.isdisjoint(causes)


def path(points: Sequence[tuple[float, float]]) -> str:
    """Straight runs joined by round corners, which shrink where a run is too short for them."""
    written = [f"M{number(points[0][0])} {number(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(CORNER_PX, _distance(before, corner) / 2, _distance(corner, after) / 2)
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        written.append(f"L{_pair(start)}Q{_pair(corner)} {_pair(end)}")
    return "".join([*written, f"L{_pair(points[-1])}"])


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(corner: tuple[float, float], end: tuple[float, float], distance: float) -> tuple[float, float]:
    share = distance / (_distance(corner, end) or 1)
    return corner[0] + (end[0] - corner[0]) * share, corner[1] + (end[1] - corner[1]) * share


def _pair(point: tuple[float, float]) -> str:
    return f"{number(point[0])} {number(point[1])}"
