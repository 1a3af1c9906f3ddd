"""Live by WebSocket: one line in the project's asgi.py, whatever the prefix of the pages."""

from __future__ import annotations

from typing import Any, cast

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from django.core.handlers.asgi import ASGIHandler

from signalgraph.web.consumers import FeedConsumer
from signalgraph.web.feed import SOCKET_FLAG, SOCKET_NAME


def websockets(app: ASGI3Application) -> ASGI3Application:
    """Answer every WebSocket whose path ends in `/signalgraph.ws`; pass everything else through to `app`.

    Requests carry a mark, so that the pages know that the socket is there. Other WebSockets are refused where `app`
    is Django alone, which can't answer them.
    """
    feed = cast(ASGI3Application, FeedConsumer.as_asgi())
    inner: ASGI3Application = _refuse if _is_django_alone(app) else app

    async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "websocket":
            is_ours = scope["path"].endswith(f"/{SOCKET_NAME}")
            await (feed if is_ours else inner)(scope, receive, send)
        elif scope["type"] == "http":
            await app(cast(Scope, {**scope, SOCKET_FLAG: True}), receive, send)
        else:
            await app(scope, receive, send)

    return application


def _is_django_alone(app: Any) -> bool:
    return isinstance(app, ASGIHandler) and type(app).__call__ is ASGIHandler.__call__


async def _refuse(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    await receive()  # websocket.connect
    await send({"type": "websocket.close", "code": 1000, "reason": "There is no WebSocket at this address."})
