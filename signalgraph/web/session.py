"""One viewer's socket, however its bytes travel: tickets, pulls, answers, pings. The protocol is docs/feed.md."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from signalgraph.web.answers import Answer, Answers
from signalgraph.web.frames import DEFAULT_LIMIT, MAX_LIMIT, FeedError
from signalgraph.web.news import PACE_S, News
from signalgraph.web.tickets import seconds_left

WAIT_S = 25.0  # how long an empty answer waits
PING_S = 2.0  # the longest silence: a viewer that hears nothing for 5 s calls the page stale
HELLO_S = 10.0  # how long a socket may be open before it brings a ticket
MAX_PENDING = 8
MAX_MESSAGE_CHARS = 16_384

# An application may only use codes from 4000 on: Daphne raises for those of the protocol itself.
BAD_DATA, BAD_TICKET, TOO_MUCH = 4400, 4401, 4429


class Message(Struct, forbid_unknown_fields=True):
    """What a viewer sends. With `after` (null: from now) it asks for a frame; without, it only renews its ticket."""

    after: str | UnsetType | None = UNSET
    q: str = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    ticket: str | None = None


@dataclass(frozen=True)
class Pull:
    """One question; it gets exactly one answer, in the order asked."""

    after: str | None
    q: str
    limit: int


@dataclass
class Session:
    """Serves one socket: `receive` takes its messages, `run` answers until the ticket ends or it is cancelled."""

    send: Callable[[str], Awaitable[None]]
    close: Callable[[int, str], Awaitable[None]]
    answers: Answers
    news: News
    clock: Callable[[], float] = time.monotonic
    _pulls: asyncio.Queue[Pull | FeedError] = field(default_factory=lambda: asyncio.Queue(MAX_PENDING))
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _valid_until: float = 0.0
    _has_ticket: bool = False
    _bad_messages: int = 0
    _sent_at: float = 0.0
    _answered_at: float = float("-inf")
    _recording: object = None

    def __post_init__(self) -> None:
        self._sent_at = self.clock()
        self._valid_until = self._sent_at + HELLO_S

    async def receive(self, text: str) -> None:
        """Take one message of the viewer. Nothing is answered before a ticket was good."""
        if len(text) > MAX_MESSAGE_CHARS:
            await self.close(TOO_MUCH, "message too long")
            return
        try:
            message = msgspec.json.decode(text, type=Message)
        except msgspec.DecodeError as error:
            await self._reject(error)
            return
        if not self._admit(message.ticket):
            await self.close(BAD_TICKET, "ticket missing, expired or not ours")
        elif message.after is not UNSET:
            await self._ask(Pull(message.after, message.q, message.limit))

    async def run(self) -> None:
        """Answer pulls and keep the socket alive; returns when the ticket was not renewed in time."""
        answering = asyncio.create_task(self._answer_all())
        try:
            await self._stay(answering)
        finally:
            self.news.unsubscribe(self._wake)
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

    async def _reject(self, error: msgspec.DecodeError) -> None:
        self._bad_messages += not isinstance(error, msgspec.ValidationError)
        if self._bad_messages > 1:
            await self.close(BAD_DATA, "messages must be JSON")
        elif not self._has_ticket:
            await self.close(BAD_TICKET, "the first message must bring a ticket")
        else:
            do = f'Send an object with "after" (a cursor or null), "q", "limit" (1-{MAX_LIMIT}) and "ticket".'
            await self._ask(FeedError(str(error), None, do))

    def _admit(self, ticket: str | None) -> bool:
        if ticket is None:
            return self._has_ticket
        left_s = seconds_left(ticket)
        if left_s > 0:
            self._has_ticket = True
            self._valid_until = self.clock() + left_s
        return left_s > 0

    async def _ask(self, question: Pull | FeedError) -> None:
        try:
            self._pulls.put_nowait(question)
        except asyncio.QueueFull:
            await self.close(TOO_MUCH, "more questions than answers")
        self._wake.set()

    async def _stay(self, answering: asyncio.Task[None]) -> None:
        while not answering.done():
            left_s = self._valid_until - self.clock()
            if left_s <= 0:
                await self.close(BAD_TICKET, "ticket expired")
                return
            if self.clock() - self._sent_at >= PING_S:
                await self._say(msgspec.json.encode({"ping": int(time.time() * 1000)}).decode())
            silence_s = self._sent_at + PING_S - self.clock()
            await asyncio.wait([answering], timeout=max(0.01, min(left_s, silence_s)))
        answering.result()

    async def _answer_all(self) -> None:
        while True:
            question = await self._pulls.get()
            self.news.subscribe(self._wake)  # not before: whoever brings no ticket must not open the log
            await asyncio.sleep(self._answered_at + PACE_S - self.clock())
            try:
                if isinstance(question, FeedError):
                    raise question
                answer = await self._answer(question)
            except FeedError as error:
                await self._say(error.text)
            else:
                self._recording = answer.recording
                await self._say(answer.text)
            self._answered_at = self.clock()

    async def _answer(self, pull: Pull) -> Answer:
        """The first answer that says something; an empty one when the time is over or the viewer asks again.

        The first question doesn't wait: who comes back after a cut wants to know who records now.
        """
        until = self.clock() + WAIT_S
        after = pull.after
        while True:
            self._wake.clear()
            answer = await self.answers.make(after, pull.q, pull.limit)
            is_over = self.clock() >= until or not self._pulls.empty()
            if answer.says_something or after is None or is_over or answer.recording != self._recording:
                return answer
            after = answer.cursor  # nothing matched so far, so nothing is skipped
            await self._news(min(until - self.clock(), PING_S))

    async def _news(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            pass  # look all the same: whether anybody still records changes without an entry

    async def _say(self, text: str) -> None:
        self._sent_at = self.clock()
        await self.send(text)
