"""URLs for tests of access and the feed: no login page but the named one, the feed below a prefix."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from signalgraph.web import feed


def sign_in(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Who are you?")


urlpatterns = [
    path("sign-in/", sign_in, name="sign-in"),
    path("deep/signals/events.json", feed.events_json),
    path("deep/signals/ticket.json", feed.ticket),
]
