"""Why a dispatch happens: the request, command, task or test around it, with no middleware.

A cause is an id from the same counter as the spans. What is known of it stands in one list, its entry, that goes to the
flusher when the cause begins, and is completed while it runs. A raw path gets into one only where CAPTURE asks for it.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter_ns as clock
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from signalgraph.recorder.clock import CURRENT as RUNNING
from signalgraph.recorder.faults import report
from signalgraph.recorder.frames import uncounted

REQUEST, TASK = "request", "task"
CELERY = "celery"

# An entry. START and END are clock readings, OUTER is the id of the cause around. NAME is the method of a request and
# HANDLER the name of the class that serves it; ROUTE, VIEW and OWN (a page of signalgraph) are what the resolver found.
# PAIR is what the signals are of that begin and end it, None for a block of code, which always ends.
PAIR, NAME, START, OUTER, END, HANDLER, ROUTE, VIEW, OWN, KIND, PATH = range(11)

# Tokens of signals: those that begin a cause are below `ENDS`, the one that ends it is `ENDS` more.
ENDS = 8
PAIRS = {9: REQUEST, 10: TASK, 11: TASK}

LONGEST_PATH = 1000  # characters that wait for the flusher
KEEP_PATHS = False  # set by `capture`

# (id, the cause before it, its entry); id 0 is "no cause"
Current = tuple[int, Any, list[Any]]
NONE: Current = (0, None, [None] * 11)
CURRENT: ContextVar[Current] = ContextVar("signalgraph_cause", default=NONE)

# (id, entry) of the causes that have begun; bounded, since one that is lost costs only its name
NOTES: deque[tuple[int, list[Any]]] = deque(maxlen=20_000)


def open_request(span: int, handler: Any, named: dict[str, Any]) -> None:
    """Begin a request's cause: nested for the test client, afresh for a server, which has one request at a time."""
    asked = named.get("environ")
    # As the standards want it; a subclass of dict could run a project's code.
    if type(asked) is dict:
        method = asked.get("REQUEST_METHOD")
    else:
        asked = named.get("scope")
        method = asked.get("method") if type(asked) is dict else None
    before, name = CURRENT.get(), None
    served = handler is WSGIHandler or handler is ASGIHandler
    if not served and isinstance(handler, type):
        name = handler.__name__
        served = issubclass(handler, (WSGIHandler, ASGIHandler))
    if served:
        before = NONE
        RUNNING.set(None)  # what an interrupted dispatch may have left
    entry = [REQUEST, method, clock(), before[0], None, name, None, None, False, REQUEST, None]
    CURRENT.set((span, before, entry))
    NOTES.append((span, entry))
    if KEEP_PATHS and type(asked) is dict:
        path = asked.get("path") or asked.get("PATH_INFO")
        entry[PATH] = path[:LONGEST_PATH] if type(path) is str else None


def open_cause(span: int, kind: str, name: str, pair: str | None = None) -> Current:
    """Begin a cause of another kind inside the one that runs."""
    before = CURRENT.get()
    entry = [pair, name, clock(), before[0], None, None, None, None, False, kind, None]
    opened = (span, before, entry)
    CURRENT.set(opened)
    NOTES.append((span, entry))
    return opened


def close_cause(cause: Current) -> None:
    """End a cause and restore the one before it; what was left open inside it ends with it.

    In a context that is not inside the cause (a generator that another one closes) nothing is restored.
    """
    now = cause[2][END] = clock()
    inside = []
    current = CURRENT.get()
    while current is not cause:
        inside.append(current[2])
        current = current[1]
        if current is None:
            return
    for entry in inside:
        entry[END] = entry[END] or now
    CURRENT.set(cause[1])


def close_nearest(pair: str) -> None:
    """End the innermost cause of a pair of signals, of which the second has just been sent."""
    current = CURRENT.get()
    if current[2][PAIR] is pair:  # nearly always; `close_cause`, written out
        current[2][END] = clock()
        CURRENT.set(current[1])
        return
    while current is not None:
        if current[2][PAIR] is pair:
            close_cause(current)
            return
        current = current[1]


def ending(token: int, count: Callable[[], Any]) -> Callable[[], Any]:
    """What counts the dispatches of a signal that nobody hears; one that ends a cause does so all the same."""
    pair = PAIRS.get(token)
    if pair is None:
        return count

    def count_and_end() -> Any:
        try:
            close_nearest(pair)
        except Exception:  # noqa: BLE001 - the boundary
            report("ending")
        return count()

    return count_and_end


@uncounted
def recording_resolve_request(original: Any) -> Any:
    """`BaseHandler.resolve_request`: the route and view as Django itself found them, whatever the urlconf."""

    @functools.wraps(original)
    def resolve_request(self: Any, request: Any) -> Any:
        match = original(self, request)
        entry = CURRENT.get()[2]
        if entry[PAIR] is REQUEST:
            try:
                entry[VIEW], names = match._func_path, match.app_names
                if names:
                    entry[OWN] = "signalgraph" in names
                entry[ROUTE] = match.route  # last: who sees a route sees the rest
            except Exception:  # noqa: BLE001 - the boundary: the request stays without a route
                report("resolve_request")
        return match

    return resolve_request
