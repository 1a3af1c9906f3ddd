"""Why a dispatch happens: the request around it, with no middleware.

A cause is an id from the same counter as the spans. `NOTES` carries what is learned of causes to the flusher; a raw
path leaves this module only where CAPTURE asks for it.
"""

from __future__ import annotations

import functools
from collections import deque
from contextvars import ContextVar
from time import perf_counter_ns as clock
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from signalgraph.recorder.faults import contained

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))

OPENED, ROUTED, CLOSED, PATH = "opened", "routed", "closed", "path"

# (id, the cause before it, the transaction); id 0 is "no cause". A transaction is None or (id, thread, the transaction
# around it, start, alias) and holds in its thread only; for what on_commit put off until after it, the id is negative.
Current = tuple[int, Any, Any]
NONE: Current = (0, None, None)
CURRENT: ContextVar[Current] = ContextVar("signalgraph_cause", default=NONE)

LONGEST_PATH = 1000  # characters that wait for the flusher

# (what, cause id, ...) in the order in which it happened; bounded, since a cause that is lost costs only its name
NOTES: deque[tuple[Any, ...]] = deque(maxlen=20_000)

KEEP_PATHS = False  # set by `capture`


def open_request(span: int, handler: Any, named: dict[str, Any]) -> None:
    """Begin a request's cause: nested for the test client, afresh for a server, which has one request at a time."""
    environ, scope = exact_dict(named.get("environ")), exact_dict(named.get("scope"))
    method = environ.get("REQUEST_METHOD") or scope.get("method")
    served = isinstance(handler, type) and issubclass(handler, (WSGIHandler, ASGIHandler))
    if type(method) is not str or method not in METHODS:
        method = "OTHER"  # a client may send any word
    before = NONE if served else CURRENT.get()
    CURRENT.set((span, before, before[2]))
    is_static = isinstance(handler, type) and "StaticFiles" in handler.__name__
    NOTES.append((OPENED, span, method, is_static, clock()))
    if KEEP_PATHS:
        path = scope.get("path") or environ.get("PATH_INFO")
        if type(path) is str:
            NOTES.append((PATH, span, path[:LONGEST_PATH]))


def exact_dict(value: Any) -> dict[Any, Any]:
    """The value where it is a dict, as the standards want it; a subclass could run a project's code."""
    return value if type(value) is dict else {}


@contained()
def close_request() -> None:
    """End the request's cause and restore the one before it."""
    span, before, _ = CURRENT.get()
    if before is not None:
        NOTES.append((CLOSED, span, clock()))
        CURRENT.set(before)


@contained()
def _note_route(match: Any) -> None:
    span = CURRENT.get()[0]
    if span:
        own = "signalgraph" in match.app_names
        NOTES.append((ROUTED, span, str(match.route), str(match._func_path), own))


def recording_resolve_request(original: Any) -> Any:
    """`BaseHandler.resolve_request`: the route and view as Django itself found them, whatever the urlconf."""

    @functools.wraps(original)
    def resolve_request(self: Any, request: Any) -> Any:
        match = original(self, request)
        _note_route(match)
        return match

    return resolve_request
