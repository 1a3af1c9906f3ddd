"""What the graph page shows, as files: `graph.svg`, `graph.dot` and the others below the same prefix."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from signalgraph.conf import did_you_mean
from signalgraph.exports.files import KINDS, Format
from signalgraph.exports.theme import stylesheet
from signalgraph.exports.titles import file_name, title_of
from signalgraph.graph.material import DIRECTIONS, MAX_DEPTH, VIEW_NAMES, Ask, ViewError
from signalgraph.graph.naming import completed
from signalgraph.graph.views import build_view
from signalgraph.web import access
from signalgraph.web.asks import COLOURS, OWN, material_of, read_ask
from signalgraph.web.notices import error_json
from signalgraph.web.policy import HEADER, picture_policy
from signalgraph.web.scope import Scope
from signalgraph.web.state import SHARED, WINDOWS_S, State
from signalgraph.web.views import file_view

CHOICES: dict[str, Sequence[str]] = {  # by parameter
    "view": VIEW_NAMES,
    "direction": DIRECTIONS,
    "color": COLOURS,
    "t": tuple(map(str, WINDOWS_S)),
    "all": ("0", "1"),
}
KNOWN = sorted({*SHARED, *OWN} - {"of"})  # what a list is of stands in `view` here


class AskError(ValueError):
    """A parameter that says nothing: a page leaves such a thing out, a file would show something else."""

    def __init__(self, what: str, value: str, do: str) -> None:
        super().__init__(what)
        self.what, self.value, self.do = what, value, do


def read_strictly(state: State) -> Ask:
    """What the address asks for. Raises `AskError`."""
    for name in sorted(state.params.keys() - KNOWN):
        raise AskError(f"There is no parameter {name[:80]!r}.", name, _capitalized(did_you_mean(name, KNOWN)))
    for name, known in CHOICES.items():
        value = state.params.get(name, "")
        if value and value not in known:
            raise AskError(f"There is no {name} {value!r}.", value, _capitalized(did_you_mean(value, known)))
    depth = state.params.get("depth", "")
    if depth and not (depth.isascii() and depth.isdecimal() and int(depth[:9]) <= MAX_DEPTH):
        raise AskError(f"{depth!r} is no depth.", depth, f"Give a number from 0 to {MAX_DEPTH}.")
    return read_ask(state)


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _reader(kind: Format) -> Callable[[HttpRequest, Scope], HttpResponse]:
    def read(request: HttpRequest, scope: Scope) -> HttpResponse:
        try:
            ask = completed(read_strictly(scope.state), scope.wiring.connections)
            graph = build_view(material_of(scope), ask)
            body = kind.render(graph, title_of(ask), scope.state.q, scope.as_of)
        except AskError as error:
            return error_json(error.what, error.value, error.do, status=400)
        except ViewError as error:
            picked = " ".join(filter(None, (scope.state.sel, scope.state.params.get("to", ""))))
            do = "Change the address, or open graph/ at the same place and choose there."
            return error_json(str(error), picked, do, status=400)
        named = f'inline; filename="{file_name(ask, kind.suffix)}"'
        headers = {"Content-Disposition": named, HEADER: picture_policy(stylesheet())}
        return HttpResponse(body.encode(), content_type=kind.content_type, headers=headers)

    return read


def file_routes() -> list[URLPattern]:
    """An address for each format."""
    found = []
    for kind in KINDS.values():
        route = f"graph.{kind.suffix}"
        found.append(path(route, access.guarded(file_view(route, _reader(kind))), name=f"graph-{kind.suffix}"))
    return found
