"""Who may look: the access rule, the decorator that every view carries, and the tickets of the socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


def allowed(request: HttpRequest) -> bool:
    """Whether the project's rule (`SIGNALGRAPH["ACCESS"]` or the default) lets this request see the dashboard."""
    raise NotImplementedError


def guarded(view: View) -> View:
    """Put the access rule, CSRF protection, no caching and our headers around a (sync) view."""

    def guard(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs)

    return guard


def nonce(request: HttpRequest) -> str | None:
    """The nonce that the project's own CSP middleware made for this request, which our tags then carry."""
    raise NotImplementedError


def make_ticket(request: HttpRequest) -> str:
    """A signed text that opens the socket for the next 60 s; only call it for a request that is allowed."""
    raise NotImplementedError


def check_ticket(text: str) -> bool:
    """Whether a ticket is ours and younger than 60 s."""
    raise NotImplementedError
