"""What is new after a cursor, as one frame: over HTTP here, over the socket in `consumers`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

DEFAULT_LIMIT = 500
MAX_LIMIT = 2000


def frame(index: Any, after: str | None, query: Any, limit: int = DEFAULT_LIMIT) -> dict[str, Any]:
    """What the index holds after a cursor, in the shape of `feed.schema.json`."""
    raise NotImplementedError


def events_json(request: HttpRequest) -> HttpResponse:
    """`events.json?after=&q=&limit=`: one frame, at once. Already guarded."""
    raise NotImplementedError


def ticket(request: HttpRequest) -> HttpResponse:
    """`ticket.json`: `{"ticket": "...", "seconds": 60}` for whoever may look. Already guarded."""
    raise NotImplementedError


def has_socket(request: HttpRequest) -> bool:
    """Whether this process answers `signalgraph.ws`; the page says that it polls where not."""
    raise NotImplementedError
