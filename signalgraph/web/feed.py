"""The feed over HTTP: `events.json` and `ticket.json`."""

from __future__ import annotations

import sys

import msgspec
from django.http import HttpRequest, HttpResponse

from signalgraph import recorder
from signalgraph.conf import get_settings, resolve_log_url
from signalgraph.index import Index, shared_index
from signalgraph.log.base import LogError
from signalgraph.web.access import guarded
from signalgraph.web.frames import DEFAULT_LIMIT, MAX_LIMIT, FeedError, parse_query
from signalgraph.web.frames import make_frame as frame
from signalgraph.web.tickets import LIFETIME_S, make_ticket
from signalgraph.web.watching import keep_watched

SOCKET_NAME = "signalgraph.ws"
SOCKET_FLAG = "signalgraph.websockets"  # in the scope of a request: `asgi.websockets` answers sockets here


def current_index() -> Index:
    """The index of the log that the settings name, or of the one in memory that this process records into instead.

    Raises `LogError` where there is neither.
    """
    settings, recording = get_settings(), recorder.state()
    instead = recording.log_url if recording.error is not None else None
    if instead is not None and instead.startswith("memory:"):
        return shared_index(instead, settings.traces)
    return shared_index(resolve_log_url(settings), settings.traces)


@guarded
def events_json(request: HttpRequest) -> HttpResponse:
    """`events.json?after=&q=&limit=`: one frame, at once. Already guarded."""
    try:
        limit = _limit(request.GET.get("limit", ""))
        query = parse_query(request.GET.get("q", ""))
        index = current_index()
        keep_watched(index.log)
        answer = frame(index, request.GET.get("after") or None, query, limit)
    except FeedError as error:
        return _json(error.text, status=400)
    except LogError as error:
        return _json(FeedError("The log can't be read.", None, str(error)).text, status=503)
    return _json(msgspec.json.encode(answer))


@guarded
def ticket(request: HttpRequest) -> HttpResponse:
    """`ticket.json`: `{"ticket": "...", "seconds": 60}` for whoever may look. Already guarded."""
    return _json(msgspec.json.encode({"ticket": make_ticket(request), "seconds": LIFETIME_S}))


def has_socket(request: HttpRequest) -> bool:
    """Whether this process answers `signalgraph.ws`, as far as a request can tell; where not, pages poll.

    True under `asgi.websockets`, and where an ASGI project has imported `signalgraph.routing` for its own router.
    """
    scope = getattr(request, "scope", None)
    return scope is not None and (SOCKET_FLAG in scope or "signalgraph.routing" in sys.modules)


def _limit(text: str) -> int:
    if not text:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= MAX_LIMIT):
        raise FeedError("limit is out of range.", text, f"Ask for a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def _json(body: str | bytes, *, status: int = 200) -> HttpResponse:
    return HttpResponse(body, content_type="application/json", status=status)
