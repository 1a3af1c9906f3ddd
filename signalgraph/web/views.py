"""From a request to a page: the state in its URL, the scope, then the whole page, a part for htmx, or JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django_htmx.middleware import HtmxDetails

from signalgraph.conf import SettingsError
from signalgraph.graph import query
from signalgraph.log.base import LogError
from signalgraph.traces import TraceGone
from signalgraph.web import access
from signalgraph.web.context import app_context, scope_context
from signalgraph.web.facets import FacetGroup
from signalgraph.web.notices import error_json
from signalgraph.web.scope import Scope, open_scope
from signalgraph.web.state import State, parameters_of, read_state

FRAGMENT = "signalgraph/_fragment.html"
WHOLE = "signalgraph/base.html"
PANEL = "signalgraph/_panel.html"
STRIP = "signalgraph/_strip.html"
LIVE_PARTS = {"sg-overview", "sg-setup"}  # one of them takes the other's place with the first dispatch


@dataclass
class Page:
    """What a page's view gives: a template with its context, the JSON twin, and what the frame around it shows.

    `parts` are templates for htmx requests whose target has that id; any other htmx request gets the main view.
    """

    template: str
    context: dict[str, Any]
    twin: dict[str, Any]
    facets: Sequence[FacetGroup] = ()
    hits: str = ""
    status: int = 200
    parts: dict[str, str] = field(default_factory=dict)


class Missing(Exception):
    """Something that a URL names isn't there: what was asked for, why it isn't there, what to do."""

    def __init__(self, title: str, message: str, status: int = 404) -> None:
        super().__init__(message)
        self.title, self.message, self.status = title, message, status


Reader = Callable[..., Page]


def twin_json(scope: Scope, twin: dict[str, Any]) -> bytes:
    """The JSON of a page: its data, and as of when and over which window it holds."""
    around = {
        "schema": 1,
        "as_of": scope.index.cursor,
        "window_s": scope.state.window_s,
        "q": scope.state.q,
        "lost": scope.index.lost,
    }
    return msgspec.json.encode({**around, **twin}, enc_hook=str)


def message_page(request: HttpRequest, state: State, title: str, message: str, status: int) -> HttpResponse:
    """A page that says in words why there is nothing else."""
    context = {**app_context(request, state), "title": title, "message": message, "layout": WHOLE}
    if HtmxDetails(request):
        context["layout"] = FRAGMENT
    return render(request, "signalgraph/message.html", context, status=status)


def filter_error(request: HttpRequest, state: State, error: query.QueryError, *, as_json: bool) -> HttpResponse:
    """An unreadable filter: the spot and what is wrong with it. htmx keeps the results that it shows."""
    if as_json:
        do = f"Did you mean {error.suggestion}?" if error.suggestion else "Change the filter at that position."
        return error_json(error.message, state.q, do, status=400, position=error.position)
    text, start, end = state.q, error.position, error.position + max(error.length, 1)
    spot = {"before": text[:start], "at": text[start:end] or " ", "after": text[end:], "message": error.message}
    if HtmxDetails(request):
        response = render(request, "signalgraph/_filter_error.html", {"error": spot, "is_oob": True})
        response["HX-Reswap"], response["HX-Push-Url"] = "none", "false"
        return response
    context = {**app_context(request, state), "spot": spot, "layout": WHOLE}
    context |= {"title": "The filter can't be read", "message": "Nothing is shown until it can."}
    return render(request, "signalgraph/message.html", context, status=400)


def page_response(request: HttpRequest, scope: Scope, page: Page) -> HttpResponse:
    """The whole page, or the part of it that htmx asked for."""
    htmx = HtmxDetails(request)
    context = {**app_context(request, scope.state), **scope_context(scope, page.facets, page.hits), **page.context}
    context["is_htmx"] = bool(htmx)
    context["layout"] = FRAGMENT if htmx and not htmx.history_restore_request else WHOLE
    parts = {"sg-panel": context.get("panel", PANEL), "sg-strip": STRIP, **page.parts}
    if htmx and htmx.target in LIVE_PARTS and htmx.target not in parts:
        return HttpResponse(headers={"HX-Refresh": "true"})
    template = parts.get(htmx.target or "", page.template) if htmx else page.template
    response = render(request, template, context, status=page.status)
    response["Vary"] = "HX-Request, HX-Target"
    return response


def mounted(route: str, reader: Reader, *, as_json: bool) -> Callable[..., HttpResponse]:
    """The view of a route: read its state and scope, call its reader, answer in HTML or JSON.

    The prefix that the dashboard is mounted at can have parameters of its own, which are none of the reader's.
    """

    def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        state = read_state(request, route, kwargs)
        try:
            scope = open_scope(state)
            if HtmxDetails(request).target == "sg-strip":
                return page_response(request, scope, Page(STRIP, {}, {}))
            page = reader(request, scope, **{name: kwargs[name] for name in parameters_of(route)})
        except query.QueryError as error:
            return filter_error(request, state, error, as_json=as_json)
        except (Missing, TraceGone, LogError, SettingsError) as error:
            title, message, status = explain(error)
            if as_json:
                return error_json(title, request.path, message, status=status)
            return message_page(request, state, title, message, status)
        if as_json:
            body = twin_json(scope, page.twin)
            return HttpResponse(body, content_type="application/json", status=page.status)
        return page_response(request, scope, page)

    return view


def file_view(route: str, reader: Callable[[HttpRequest, Scope], HttpResponse]) -> Callable[..., HttpResponse]:
    """The view of an export: the filtered scope as a file; errors as JSON."""

    def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        state = read_state(request, route, {})
        try:
            return reader(request, open_scope(state))
        except query.QueryError as error:
            return filter_error(request, state, error, as_json=True)
        except (LogError, SettingsError) as error:
            title, message, status = explain(error)
            return error_json(title, request.path, message, status=status)

    return view


def explain(error: Exception) -> tuple[str, str, int]:
    """Title, message and HTTP status of what a page can't show."""
    if isinstance(error, Missing):
        return error.title, error.message, error.status
    if isinstance(error, TraceGone):
        return "This trace is gone", str(error), 404
    return "The log can't be read", str(error), 503


def parameterless(view: access.View) -> access.View:
    """A view that takes no parameters, below a prefix that may have some."""

    def call(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        return view(request)

    return call


def page_route(route: str, reader: Reader, name: str) -> URLPattern:
    return path(route, access.guarded(mounted(route, reader, as_json=False)), name=name)


def routes(route: str, reader: Reader, name: str) -> list[URLPattern]:
    """A page and its JSON twin: ``signals/`` and ``signals.json``; of the root ``overview.json``."""
    twin = f"{route.rstrip('/') or name}.json"
    return [
        path(twin, access.guarded(mounted(twin, reader, as_json=True)), name=f"{name}-json"),
        page_route(route, reader, name),
    ]
