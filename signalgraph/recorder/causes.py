"""Why a dispatch happens: the request, command, task or test around it, with no middleware.

A cause is an id from the same counter as the spans. What is known of it stands in one list, its entry: in `OPEN` while
it runs, in `NOTES` when it has ended. A raw path gets into one only where CAPTURE asks for it.
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

from signalgraph.recorder.faults import report

# (id, the cause before it, the transaction); id 0 is "no cause". A transaction is None or (id, thread, the transaction
# around it, start, alias) and holds in its thread only; for what on_commit put off until after it, the id is negative.
Current = tuple[int, Any, Any]
NONE: Current = (0, None, None)
CURRENT: ContextVar[Current] = ContextVar("signalgraph_cause", default=NONE)

REQUEST, TASK = "request", "task"
CELERY = "celery"

# An entry. START and END are clock readings, OUTER is the id of the cause around. NAME is the method of a request and
# HANDLER the name of the class that serves it; ROUTE, VIEW and OWN (a page of signalgraph) are what the resolver found.
# PAIR is what the signals are of that begin and end it, None for a block of code, which always ends.
KIND, NAME, START, OUTER, END, PAIR, HANDLER, ROUTE, VIEW, OWN, PATH = range(11)
PAIRS = {2: REQUEST, 4: TASK, 6: TASK}  # by the token of the signal that says that it has finished

LONGEST_PATH = 1000  # characters that wait for the flusher
KEEP_PATHS = False  # set by `capture`

OPEN: dict[int, list[Any]] = {}  # entries by id; reasons.py takes out what nobody has ended
# (id, entry) of the causes that have ended, in that order; bounded, since one that is lost costs only its name
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
    if handler is WSGIHandler or handler is ASGIHandler:
        before = NONE
    elif isinstance(handler, type):
        name = handler.__name__
        if issubclass(handler, (WSGIHandler, ASGIHandler)):
            before = NONE
    OPEN[span] = [REQUEST, method, clock(), before[0], None, REQUEST, name, None, None, False, None]
    CURRENT.set((span, before, before[2]))
    if KEEP_PATHS and type(asked) is dict:
        path = asked.get("path") or asked.get("PATH_INFO")
        OPEN[span][PATH] = path[:LONGEST_PATH] if type(path) is str else None


def open_cause(span: int, kind: str, name: str, pair: str | None = None) -> None:
    """Begin a cause of another kind inside the one that runs."""
    before = CURRENT.get()
    OPEN[span] = [kind, name, clock(), before[0], None, pair, None, None, None, False, None]
    CURRENT.set((span, before, before[2]))


def close_cause(span: int) -> None:
    """End a cause and restore the one before it; what was left open inside it ends with it.

    In a context that is not inside the cause (a generator that another one closes) nothing is restored.
    """
    found = current = CURRENT.get()
    while found[0] != span and found[1] is not None:
        found = found[1]
    if found[0] != span:
        _end(span)
        return
    while current is not found[1]:
        _end(current[0])
        current = current[1]
    CURRENT.set(current)


def close_nearest(pair: str | None) -> None:
    """End the innermost cause of a pair of signals, of which the second has just been sent."""
    span, before, _ = CURRENT.get()
    entry = OPEN.get(span)
    if entry is not None and entry[PAIR] is pair:  # nearly always; `close_cause`, written out
        CURRENT.set(before)
        entry[END] = clock()
        NOTES.append((span, entry))
        OPEN.pop(span, None)
        return
    while before is not None:
        entry = OPEN.get(before[0])
        if entry is not None and entry[PAIR] is pair:
            close_cause(before[0])
            return
        before = before[1]


def close_request() -> None:
    """End the request that has just finished."""
    try:
        close_nearest(REQUEST)
    except Exception:  # noqa: BLE001 - the boundary
        report("close_request")


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


def _end(span: int) -> None:
    entry = OPEN.get(span)
    if entry is not None:
        entry[END] = clock()
        NOTES.append((span, entry))  # before it leaves OPEN, so that a reader finds it in one of them
        OPEN.pop(span, None)


def forget() -> None:
    """Drop what is known, at the end of recording and in a forked child: whatever goes on is not told of."""
    OPEN.clear()
    NOTES.clear()


def resume() -> None:
    """After a pause: forget what may have ended unseen. A command, a test or the like sees to its end itself."""
    for span, entry in OPEN.copy().items():
        if entry[PAIR] is not None:
            OPEN.pop(span, None)


def recording_resolve_request(original: Any) -> Any:
    """`BaseHandler.resolve_request`: the route and view as Django itself found them, whatever the urlconf."""

    @functools.wraps(original)
    def resolve_request(self: Any, request: Any) -> Any:
        match = original(self, request)
        entry = OPEN.get(CURRENT.get()[0])
        if entry is not None and entry[PAIR] is REQUEST:
            try:
                entry[VIEW], names = match._func_path, match.app_names
                if names:
                    entry[OWN] = "signalgraph" in names
                entry[ROUTE] = match.route  # last: who sees a route sees the rest
            except Exception:  # noqa: BLE001 - the boundary: the request stays without a route
                report("resolve_request")
        return match

    return resolve_request
