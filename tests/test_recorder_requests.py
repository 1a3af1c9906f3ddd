"""Requests as causes: by route and view, without a middleware, and never by their path."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import AsyncClient, Client, RequestFactory

from signalgraph import recorder
from signalgraph.blobs import decode_dispatches
from signalgraph.events import Batch, Cause, Dispatch
from signalgraph.log import open_log
from signalgraph.recorder import causes
from tests.recorded_urls import viewed

pytestmark = [pytest.mark.urls("tests.recorded_urls"), pytest.mark.django_db]


def listens(sender, **kwargs):
    return None


@pytest.fixture(autouse=True)
def _listening() -> Iterator[None]:
    viewed.connect(listens)
    yield
    viewed.disconnect(listens)


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[object]:
    log = open_log(f"memory://{request.node.name}", writer=True)
    recorder.start(log)
    yield log
    recorder.stop()
    log.close()


def read(log) -> tuple[dict[int, Cause], dict[str, Dispatch]]:
    """The newest word on each cause, and the dispatches of `viewed` by their sender."""
    recorder.flush()
    told: dict[int, Cause] = {}
    by_sender: dict[str, Dispatch] = {}
    for _, entry in log.read(limit=10_000).entries:
        if isinstance(entry, Batch):
            told.update({cause.id: cause for cause in entry.causes})
            for dispatch in decode_dispatches(entry):
                if entry.signals[dispatch.signal].endswith(".viewed"):
                    by_sender[entry.senders[dispatch.sender].strip('"')] = dispatch
    return told, by_sender


def test_a_dispatch_in_a_view_belongs_to_its_request(log) -> None:
    """The trace is the request, told by method, route pattern and view."""
    Client().get("/items/very-secret/")
    told, by_sender = read(log)
    cause = told[by_sender["item"].trace]
    assert (cause.kind, cause.name, cause.view) == ("request", "GET /items/<str:token>/", "tests.recorded_urls.item")
    assert cause.duration_ns > by_sender["item"].duration_ns


def test_an_async_view_is_a_cause_too(log) -> None:
    """Under ASGI the request's cause reaches the coroutine."""
    asyncio.run(AsyncClient().get("/asynchronous/"))
    told, by_sender = read(log)
    assert told[by_sender["asynchronous"].trace].name == "GET /asynchronous/"


def test_a_request_inside_a_request_is_a_cause_of_its_own(log) -> None:
    """A view that uses the test client: the inner request ends, and the outer one goes on."""
    Client().get("/nesting/")
    told, by_sender = read(log)
    assert told[by_sender["before"].trace].name == "GET /nesting/"
    assert by_sender["after"].trace == by_sender["before"].trace
    assert told[by_sender["item"].trace].name == "GET /items/<str:token>/"
    assert causes.CURRENT.get() == causes.NONE


def test_a_server_starts_afresh_after_a_stream_that_nobody_read(log) -> None:
    """A response that was never closed leaves no cause to the next request of its thread."""
    environ = RequestFactory().get("/streaming/").environ
    handler = WSGIHandler()
    handler(environ, lambda status, headers: None)
    left_open = causes.CURRENT.get()
    response = handler(RequestFactory().get("/items/x/").environ, lambda status, headers: None)
    assert causes.CURRENT.get()[1] == causes.NONE != left_open
    response.close()
    assert causes.CURRENT.get() == causes.NONE


def test_a_request_that_no_route_takes_is_told_without_its_path(log) -> None:
    """A path can hold a token, so a request without a route has no name but its method."""
    Client().get("/nowhere/very-secret/")
    told, _ = read(log)
    assert [cause.name for cause in told.values()] == ["GET (no route)"]


def test_our_own_pages_are_not_recorded(log) -> None:
    """Requests to views in the namespace `signalgraph` leave no trace, and count nothing."""
    Client().get("/own/page/very-secret/")
    told, by_sender = read(log)
    assert (told, by_sender) == ({}, {})
    assert log.totals().connections == {}
