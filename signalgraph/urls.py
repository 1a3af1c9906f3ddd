"""The dashboard's addresses: mount them anywhere with ``path("signals/", include("signalgraph.urls"))``."""

from __future__ import annotations

from django.urls import path

from signalgraph.web import asking, feed
from signalgraph.web.pages import (
    exports,
    findings,
    graph,
    overview,
    receivers,
    senders,
    setup,
    signals,
    timeline,
    traces,
)
from signalgraph.web.views import page_route, parameterless, routes

app_name = "signalgraph"

urlpatterns = [
    path("events.json", parameterless(feed.events_json), name="events"),
    path("ticket.json", parameterless(feed.ticket), name="ticket"),
    path("mute/", parameterless(asking.mute), name="mute"),
    path("recording/", parameterless(asking.recording), name="recording"),
    path("accept/", parameterless(asking.accept), name="accept"),
    *exports.file_routes(),
    *routes("", overview.overview, "overview"),
    page_route("graph/", graph.graph, "graph"),
    *routes("timeline/", timeline.timeline, "timeline"),
    *routes("traces/<str:trace_id>/", traces.trace, "trace"),
    *routes("signals/", signals.signals, "signals"),
    *routes("signals/<path:name>/", signals.signal, "signal"),
    *routes("receivers/", receivers.receivers, "receivers"),
    *routes("receivers/<path:name>/", receivers.receiver, "receiver"),
    *routes("senders/", senders.senders, "senders"),
    *routes("senders/<path:name>/", senders.sender, "sender"),
    *routes("findings/", findings.findings, "findings"),
    *routes("setup/", setup.setup, "setup"),
]
