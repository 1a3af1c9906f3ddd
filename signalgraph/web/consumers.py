"""The feed on a WebSocket: an adapter of Channels to `session.Session`."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from channels.generic.websocket import AsyncWebsocketConsumer  # type: ignore[import-untyped]  # it has no types

from signalgraph.web.answers import Answers
from signalgraph.web.feed import current_index
from signalgraph.web.news import News
from signalgraph.web.origin import is_same_origin
from signalgraph.web.session import BAD_DATA, Session

BAD_ORIGIN, FAILED = 4403, 4500

logger = logging.getLogger("signalgraph.feed")

ANSWERS = Answers(current_index)
NEWS = News(current_index)


class GoneError(Exception):
    """The viewer has gone; the server tells us in a moment."""


class FeedConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Refuses a foreign Origin at the handshake; the session does the rest."""

    # No such layer: viewers share a log, not messages, and a project's Redis layer must not be asked for a channel.
    channel_layer_alias = ""

    _running: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        if not is_same_origin(self.scope["headers"]):
            await self.close(BAD_ORIGIN, "the page and the socket must have the same origin")
            return
        await self.accept()
        self._session = Session(self._say, self._end, ANSWERS, NEWS)
        self._running = asyncio.create_task(self._run())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._running is None or self._running.done():
            return
        if text_data is None:
            await self._end(BAD_DATA, "messages must be text")
        else:
            await self._session.receive(text_data)

    async def disconnect(self, code: int) -> None:
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    async def _say(self, text: str) -> None:
        try:
            await self.send(text)
        except (RuntimeError, OSError) as error:  # what Daphne and uvicorn raise while a socket is closing
            raise GoneError from error

    async def _end(self, code: int, reason: str) -> None:
        if self._running is not None and self._running is not asyncio.current_task():
            self._running.cancel()
        with contextlib.suppress(RuntimeError, OSError):
            await self.close(code, reason)

    async def _run(self) -> None:
        try:
            await self._session.run()
        except GoneError:
            return
        except Exception:
            logger.exception("A socket of the dashboard failed.")
            await self._end(FAILED, "the server failed; its log says why")
