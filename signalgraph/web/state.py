"""What a URL of the dashboard says: where it is mounted, which page, and the state that all pages share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from django.http import HttpRequest

from signalgraph.graph.grammar import MOST_CHARACTERS

SHARED = ("q", "t", "sel", "all")
WINDOWS_S = (60, 300, 900)
MAX_PARAMETER = MOST_CHARACTERS + 1  # a filter that is too long is refused, not cut

_parameter = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class State:
    """The base path (ends in "/", quoted), the page's own path below it, and the query parameters in use."""

    base: str
    path: str
    params: dict[str, str] = field(default_factory=dict)

    @property
    def q(self) -> str:
        return self.params.get("q", "")

    @property
    def sel(self) -> str:
        return self.params.get("sel", "")

    @property
    def window_s(self) -> int:
        """The time window in seconds; one of `WINDOWS_S`, the longest where the URL says none or another."""
        asked = self.params.get("t", "")
        return int(asked) if asked.isdecimal() and int(asked) in WINDOWS_S else WINDOWS_S[-1]

    @property
    def shows_plumbing(self) -> bool:
        return self.params.get("all") == "1"

    @property
    def here(self) -> str:
        """This page with its parameters."""
        return self.url()

    @property
    def twin(self) -> str:
        """The JSON of this page with the shared state."""
        return self.url(f"{self.path.rstrip('/')}.json", sel=None)

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What a new filter keeps: the parameters but the filter, the place in the rows, and what was just done."""
        return [each for each in self.params.items() if each[0] not in ("q", "page", "row", "before", "accepted")]

    def url(self, path: str | None = None, **changes: object) -> str:
        """The address of a page; None: this page with its own parameters. A change to None or "" drops a parameter."""
        here = path is None
        params = {name: value for name, value in self.params.items() if here or name in SHARED}
        params.update({name: "" if value is None else str(value) for name, value in changes.items()})
        query = urlencode({name: value for name, value in params.items() if value}, quote_via=quote)
        return self.base + (self.path if path is None else path) + (f"?{query}" if query else "")


def page_path(kind: str, name: str) -> str:
    """The path of a signal's, receiver's or sender's own page below the base: ``signals/shop.signals.paid/``."""
    return f"{kind}s/{quote(name, safe='')}/"


def parameters_of(route: str) -> list[str]:
    """The names of a route's converters."""
    return _parameter.findall(route)


def tail_of(route: str, kwargs: dict[str, object]) -> str:
    """The part of a path that a route matched, from its converters' values."""
    return _parameter.sub(lambda match: str(kwargs[match[1]]), route)


def read_state(request: HttpRequest, route: str, kwargs: dict[str, object]) -> State:
    """The state of a request. The base is what precedes the route: no `reverse()`, which a prefix can make fail."""
    tail = tail_of(route, kwargs)
    path = request.path
    base = path[: len(path) - len(tail)] if tail and path.endswith(tail) else path
    params = {name: request.GET[name][:MAX_PARAMETER].replace("\0", "") for name in request.GET}
    return State(quote(base, safe="/~!$&'()*+,;=:@"), quote(tail, safe="/~"), params)
