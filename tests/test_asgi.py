"""`signalgraph.asgi.websockets`: what it answers, and what it leaves to the project."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.core.asgi import get_asgi_application
from django.test import RequestFactory

from signalgraph.asgi import websockets
from signalgraph.routing import websocket_urlpatterns
from signalgraph.web import feed

OWN = [(b"host", b"example.com"), (b"origin", b"https://example.com")]


class Project:
    """An ASGI application that remembers the scopes it was given."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        await send({"type": f"{scope['type']}.seen"})


async def connect(app: Any, path: str, headers: list[tuple[bytes, bytes]] = OWN) -> bool:
    socket = WebsocketCommunicator(app, path, headers=headers)
    is_accepted, _code = await socket.connect()
    if is_accepted:
        await socket.disconnect()
    return is_accepted


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/signalgraph.ws", "/signals/signalgraph.ws", "/de/tenant 7/x/signalgraph.ws"])
async def test_a_socket_of_ours_is_answered_under_any_prefix(path: str) -> None:
    """The pages may be mounted anywhere, and nothing is reversed."""
    project = Project()
    assert await connect(websockets(project), path)
    assert project.scopes == []


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/chat/", "/notsignalgraph.ws", "/signalgraph.ws/more", "/"])
async def test_another_socket_goes_to_the_project(path: str) -> None:
    """With its scope as it came."""
    project = Project()
    socket = WebsocketCommunicator(websockets(project), path, headers=OWN)
    await socket.send_input({"type": "websocket.connect"})
    assert await socket.receive_output() == {"type": "websocket.seen"}
    assert project.scopes == [socket.scope]
    await socket.wait()


@pytest.mark.asyncio
async def test_another_socket_is_refused_where_django_is_alone() -> None:
    """Django itself would raise for it, and the server would log a traceback."""
    assert not await connect(websockets(get_asgi_application()), "/chat/")


@pytest.mark.asyncio
async def test_lifespan_goes_to_the_project() -> None:
    """It may open its connections there."""
    project = Project()
    app = ApplicationCommunicator(websockets(project), {"type": "lifespan"})
    assert await app.receive_output() == {"type": "lifespan.seen"}
    assert project.scopes == [{"type": "lifespan"}]
    await app.wait()


@pytest.mark.asyncio
async def test_a_request_goes_to_the_project_and_knows_of_the_socket() -> None:
    """So the pages open a socket only where somebody answers it. The server's own scope is not changed."""
    project = Project()
    scope = {"type": "http", "path": "/signals/", "method": "GET"}
    app = ApplicationCommunicator(websockets(project), scope)
    await app.receive_output()
    await app.wait()
    assert project.scopes == [{**scope, feed.SOCKET_FLAG: True}]
    assert feed.SOCKET_FLAG not in scope


def test_a_request_without_asgi_has_no_socket() -> None:
    """WSGI has no scope: the pages poll."""
    assert not feed.has_socket(RequestFactory().get("/signals/"))


def test_an_asgi_request_knows_whether_there_is_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the mark of `websockets`, or because the project imported our URL patterns for a router."""
    request = RequestFactory().get("/signals/")
    request.scope = {"type": "http"}  # type: ignore[attr-defined]
    assert feed.has_socket(request)  # signalgraph.routing is imported above
    monkeypatch.delitem(sys.modules, "signalgraph.routing")
    assert not feed.has_socket(request)
    request.scope[feed.SOCKET_FLAG] = True  # type: ignore[attr-defined]
    assert feed.has_socket(request)


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/signalgraph.ws", "/signals/signalgraph.ws"])
async def test_a_project_s_own_router_answers_it_too(path: str) -> None:
    """`websocket_urlpatterns` matches below any prefix."""
    assert await connect(URLRouter(websocket_urlpatterns), path)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"example.com")],
        [(b"host", b"example.com"), (b"origin", b"null")],
        [(b"host", b"example.com"), (b"origin", b"https://evil.example")],
        [(b"host", b"example.com"), (b"origin", b"https://example.com.evil.example")],
        [(b"host", b"example.com"), (b"origin", b"https://example.com@evil.example")],
        [(b"host", b"example.com"), (b"origin", b"http://example.com:8000")],
        [(b"host", b"example.com"), (b"origin", b"file://example.com")],
        [(b"host", b"example.com"), (b"origin", b"https://example.com"), (b"origin", b"https://evil.example")],
        [(b"host", b"example.com"), (b"origin", b"https://\xff")],
        [(b"host", b"example.com"), (b"origin", b"http://[")],
        [(b"origin", b"https://example.com")],
        [],
    ],
)
async def test_a_foreign_origin_is_refused_at_the_handshake(headers: list[tuple[bytes, bytes]]) -> None:
    """Browsers let any page open a socket to any host; only our own may."""
    assert not await connect(websockets(Project()), "/signals/signalgraph.ws", headers)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"example.com", b"https://EXAMPLE.com"),
        (b"example.com:443", b"https://example.com"),
        (b"example.com", b"http://example.com:80"),
        (b"localhost:8000", b"http://localhost:8000"),
        (b"[::1]:8000", b"http://[::1]:8000"),
    ],
)
async def test_the_own_origin_may_be_written_in_several_ways(host: bytes, origin: bytes) -> None:
    """The port that a scheme has anyway is left out by browsers, not by all proxies."""
    assert await connect(websockets(Project()), "/signalgraph.ws", [(b"host", host), (b"origin", origin)])


def test_it_can_be_imported_before_django_is_set_up() -> None:
    """A project's asgi.py imports it in its first lines."""
    code = "import django.conf, signalgraph.asgi; assert not django.conf.settings.configured"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env={})
