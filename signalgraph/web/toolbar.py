"""What stands above the graph: which view, coloured by what, how far, in which direction, and as which files."""

from __future__ import annotations

from dataclasses import dataclass

from signalgraph.exports.files import KINDS
from signalgraph.graph.material import MAX_DEPTH, VIEW_NAMES, Ask
from signalgraph.web.asks import COLOURS, OWN, lacks_end
from signalgraph.web.state import State

FILES = {  # by format: what it is for
    "svg": "SVG, a picture",
    "dot": "DOT, for Graphviz",
    "mermaid": "Mermaid, for Markdown",
    "graphml": "GraphML, for yEd and Gephi",
    "json": "JSON, for NetworkX",
    "csv": "CSV, one line a connection",
    "markdown": "Markdown, as text",
}
DIRECTIONS = {
    "up": ("up", "u", "what led to it"),
    "both": ("both", "b", "both ways"),
    "down": ("down", "i", "what follows"),
}


@dataclass(frozen=True)
class Choice:
    """A link of the toolbar; `url` is "" where it leads nowhere from here."""

    name: str
    label: str
    url: str
    is_current: bool = False
    key: str = ""
    title: str = ""


@dataclass(frozen=True)
class Toolbar:
    """`depth` is None where a view follows no causes."""

    views: list[Choice]
    colours: list[Choice]
    depth: int | None
    less: Choice
    more: Choice
    directions: list[Choice]
    exports: list[Choice]


def read_toolbar(state: State, ask: Ask, *, is_list: bool) -> Toolbar:
    """The controls that mean something for this view, each with the address that it leads to."""
    follows = ask.view == "focus"
    return Toolbar(
        views=_views(state, ask, is_list=is_list),
        colours=[] if is_list else [_colour(state, ask, name) for name in COLOURS],
        depth=ask.depth if follows else None,
        less=Choice(
            "less", "\N{MINUS SIGN}", state.url(depth=ask.depth - 1) if ask.depth else "", key="-", title="Fewer causes"
        ),
        more=Choice(
            "more", "+", state.url(depth=ask.depth + 1) if ask.depth < MAX_DEPTH else "", key="+", title="More causes"
        ),
        directions=[_direction(state, ask, name) for name in DIRECTIONS] if follows else [],
        exports=[Choice(name, label, export_url(state, ask, KINDS[name].suffix)) for name, label in FILES.items()],
    )


def _views(state: State, ask: Ask, *, is_list: bool) -> list[Choice]:
    found = [
        Choice(name, name.capitalize(), state.url(view=name, of=None, at=None), not is_list and ask.view == name)
        for name in VIEW_NAMES
    ]
    of = None if ask.view == "wiring" else ask.view
    return [*found, Choice("list", "List", state.url(view="list", of=of, at=None), is_list, title="The same as text")]


def _colour(state: State, ask: Ask, name: str) -> Choice:
    return Choice(name, name, state.url(color=None if name == "rate" else name), ask.measure == name)


def _direction(state: State, ask: Ask, name: str) -> Choice:
    label, key, title = DIRECTIONS[name]
    return Choice(name, label, state.url(direction=None if name == "both" else name), ask.direction == name, key, title)


def export_url(state: State, ask: Ask, suffix: str) -> str:
    """The address of a file that shows what the page shows: the wiring, while an end of a path is to be picked."""
    own = {name: state.params.get(name) for name in OWN if name != "at"}
    own |= {"view": None if ask.view == "wiring" else ask.view, "of": None}  # a list has the files of its view
    if lacks_end(ask):
        own |= dict.fromkeys(("view", "sel", "to"))
    return state.url(f"graph.{suffix}", **own)
