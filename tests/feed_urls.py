"""URLs for tests of access and the feed: no login page but the named one, the feed below a prefix."""

from __future__ import annotations

from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.urls import path

import signalgraph
from signalgraph.web import feed
from signalgraph.web.access import guarded, make_ticket

STATIC = Path(signalgraph.__file__).parent / "static/signalgraph"


def sign_in(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Who are you?")


PAGE = """<!doctype html><title>feed</title><link rel="icon" href="data:,">
<script type="module" src="static/probe.js"></script><script type="module" src="static/live.js"></script>
<script type="module" src="static/feed.js"></script>
<div id="sg-app" data-events="events.json" data-ticket-url="ticket.json" data-socket="{}" data-ticket="{}"></div>
<sg-live></sg-live><input id="box">"""
PROBE = """
window.heard = { dispatches: [], frames: 0, states: [], errors: [] };
document.addEventListener("sg:frame", (event) => {
  heard.frames += 1;
  heard.dispatches.push(...event.detail.dispatches.map((each) => parseInt(each.id.split("-")[1], 16) / 65536));
});
document.addEventListener("sg:state", (event) => {
  heard.now = event.detail;
  if (heard.states.at(-1) !== event.detail.state) heard.states.push(event.detail.state);
});
document.addEventListener("sg:error", (event) => heard.errors.push(event.detail));
"""


@guarded
def page(request: HttpRequest) -> HttpResponse:
    """The two modules of the feed and nothing else, under the policy of every page."""
    socket = "" if request.GET.get("socket") == "none" else request.GET.get("socket", "signalgraph.ws")
    return HttpResponse(PAGE.format(socket, request.GET.get("ticket") or make_ticket(request)))


def script(request: HttpRequest, name: str) -> HttpResponse:
    text = PROBE if name == "probe" else (STATIC / f"{name}.js").read_text()
    return HttpResponse(text, content_type="text/javascript")


urlpatterns = [
    path("deep/signals/", page),
    path("deep/signals/static/<slug:name>.js", script),
    path("sign-in/", sign_in, name="sign-in"),
    path("deep/signals/events.json", feed.events_json),
    path("deep/signals/ticket.json", feed.ticket),
]
