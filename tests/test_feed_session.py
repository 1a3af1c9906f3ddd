"""The protocol of the socket, message by message, without a server: docs/feed.md."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.test import RequestFactory

from signalgraph.web import session as session_module
from signalgraph.web.answers import Answer
from signalgraph.web.frames import FeedError
from signalgraph.web.session import Session
from signalgraph.web.tickets import make_ticket

QUIET: frozenset[tuple[str, bool]] = frozenset()


class Log:
    """Stands in for the answers: entries are numbers, a cursor is how many there are."""

    def __init__(self) -> None:
        self.entries = 0
        self.recording = QUIET
        self.asked: list[tuple[str | None, str, int]] = []
        self.events: list[asyncio.Event] = []
        self._was_asked = asyncio.Event()

    async def next_question(self) -> None:
        await self._was_asked.wait()
        self._was_asked.clear()

    async def make(self, after: str | None, q: str, limit: int) -> Answer:
        self.asked.append((after, q, limit))
        self._was_asked.set()
        if q == "wrong":
            raise FeedError("There is no field 'wrong'.", q, "Use another.", 0)
        news = after is not None and int(after) < self.entries and q != "nothing"
        frame = {"cursor": str(self.entries), "after": after, "q": q}
        return Answer(json.dumps(frame), str(self.entries), news, self.recording, 0.0)

    def add(self) -> None:
        self.entries += 1
        for event in self.events:
            event.set()

    def subscribe(self, event: asyncio.Event) -> None:
        if event not in self.events:
            self.events.append(event)

    def unsubscribe(self, event: asyncio.Event) -> None:
        if event in self.events:
            self.events.remove(event)


class Viewer:
    """The other end of a session."""

    def __init__(self, log: Log) -> None:
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.session = Session(self._hear, self._close, log, log)  # type: ignore[arg-type]

    async def _hear(self, text: str) -> None:
        self.heard.put_nowait(json.loads(text))

    async def _close(self, code: int, reason: str) -> None:
        assert reason
        if not self.closed.done():
            self.closed.set_result(code)

    async def say(self, **message: Any) -> None:
        await self.session.receive(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        return await within(self.heard.get)

    async def settle(self) -> None:
        """Ask a first question: that one never waits."""
        await self.say(after=None)
        await self.hear()


async def within(wait: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(2):
        return await wait()


@asynccontextmanager
async def viewing(log: Log, *, is_let_in: bool = True) -> AsyncIterator[Viewer]:
    viewer = Viewer(log)
    running = asyncio.create_task(viewer.session.run())
    if is_let_in:
        await viewer.say(ticket=ticket())
    try:
        yield viewer
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert log.events == []


def ticket() -> str:
    return make_ticket(RequestFactory().get("/"))


@pytest.mark.asyncio
async def test_a_question_without_a_cursor_is_answered_at_once() -> None:
    """From now: the totals are news by themselves."""
    async with viewing(Log()) as viewer:
        await viewer.say(after=None)
        assert (await viewer.hear())["after"] is None


@pytest.mark.asyncio
async def test_the_first_question_is_answered_at_once() -> None:
    """Also with a cursor that nothing follows: who comes back after a cut learns who records now."""
    async with viewing(Log()) as viewer:
        await viewer.say(after="0")
        assert (await viewer.hear())["after"] == "0"


@pytest.mark.asyncio
async def test_the_first_message_may_bring_the_ticket_and_the_question() -> None:
    """One message is enough to begin, with the filter and the limit that it names."""
    log = Log()
    async with viewing(log, is_let_in=False) as viewer:
        await viewer.say(after=None, q="app:shop", limit=7, ticket=ticket())
        await viewer.hear()
    assert log.asked == [(None, "app:shop", 7)]


@pytest.mark.asyncio
async def test_an_empty_answer_waits_for_news() -> None:
    """And holds what came while it waited."""
    log = Log()
    async with viewing(log) as viewer:
        await viewer.settle()
        await viewer.say(after="0")
        await asyncio.sleep(0.1)
        assert viewer.heard.empty()
        log.add()
        assert (await viewer.hear())["cursor"] == "1"


@pytest.mark.asyncio
async def test_news_that_do_not_match_are_passed_over_once() -> None:
    """The wait goes on from behind them, so a rare filter on a busy log doesn't read the same entries again."""
    log = Log()
    async with viewing(log) as viewer:
        await viewer.settle()
        await within(log.next_question)
        await viewer.say(after="0", q="nothing")
        for _ in range(3):
            await within(log.next_question)
            log.add()
        await within(log.next_question)
        assert viewer.heard.empty()
    assert [after for after, _, _ in log.asked] == [None, "0", "0", "1", "2"]


@pytest.mark.asyncio
async def test_an_empty_answer_does_not_wait_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    """After 25 s the viewer gets an empty frame: processes and the clock are news too."""
    monkeypatch.setattr(session_module, "WAIT_S", 0.1)
    async with viewing(Log()) as viewer:
        await viewer.settle()
        await viewer.say(after="0")
        assert (await viewer.hear())["cursor"] == "0"


@pytest.mark.asyncio
async def test_a_process_that_stops_recording_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says "Recording off" within seconds, though nothing is added to the log."""
    monkeypatch.setattr(session_module, "PING_S", 0.05)
    log = Log()
    async with viewing(log) as viewer:
        await viewer.say(after=None)
        await viewer.hear()
        await viewer.say(after="0")
        log.recording = frozenset({("9f2c4e6a8b0d1f35", False)})
        while "ping" in (message := await viewer.hear()):
            pass
        assert message["cursor"] == "0"


@pytest.mark.asyncio
async def test_silence_is_filled_with_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A viewer tells a quiet project from a dead connection, also when it asked nothing."""
    monkeypatch.setattr(session_module, "PING_S", 0.03)
    async with viewing(Log()) as viewer:
        assert list(await viewer.hear()) == ["ping"]
        assert list(await viewer.hear()) == ["ping"]


@pytest.mark.asyncio
async def test_each_question_gets_one_answer_in_order() -> None:
    """A waiting question is answered when the next one comes, so a viewer that counts knows which is which."""
    log = Log()
    async with viewing(log) as viewer:
        await viewer.settle()
        await viewer.say(after="0", q="first")
        await asyncio.sleep(0.05)
        await viewer.say(after="0", q="second")
        assert (await viewer.hear())["q"] == "first"
        log.add()
        assert (await viewer.hear())["q"] == "second"


@pytest.mark.asyncio
async def test_frames_are_at_least_50_ms_apart() -> None:
    """However fast a viewer asks."""
    async with viewing(Log()) as viewer:
        started = asyncio.get_running_loop().time()
        for _ in range(4):
            await viewer.say(after=None)
            await viewer.hear()
        assert asyncio.get_running_loop().time() - started > 0.14


@pytest.mark.asyncio
async def test_a_question_that_cannot_be_answered_gets_an_error_and_the_next_an_answer() -> None:
    """It says what, which value, what to do and where; the socket stays open."""
    async with viewing(Log()) as viewer:
        await viewer.say(after=None, q="wrong")
        assert await viewer.hear() == {
            "error": {"what": "There is no field 'wrong'.", "value": "wrong", "do": "Use another.", "position": 0}
        }
        await viewer.say(after=None)
        assert "cursor" in await viewer.hear()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "message", [{"after": 7}, {"after": None, "limit": 0}, {"after": None, "limit": 2001}, {"aftr": None}, [], "x"]
)
async def test_a_message_of_the_wrong_shape_gets_an_error(message: object) -> None:
    """It names the field; the ticket is never in it."""
    async with viewing(Log()) as viewer:
        for _ in range(3):
            await viewer.session.receive(json.dumps(message))
            error = (await viewer.hear())["error"]
            assert error["what"]
            assert error["value"] is None
        assert not viewer.closed.done()


@pytest.mark.asyncio
async def test_malformed_json_is_an_error_once_and_the_end_twice() -> None:
    """Whoever sends it twice isn't ours."""
    async with viewing(Log()) as viewer:
        await viewer.session.receive("{")
        assert "error" in await viewer.hear()
        await viewer.session.receive("{")
        assert await viewer.closed == 4400


@pytest.mark.asyncio
@pytest.mark.parametrize("message", [{"after": None}, {"after": None, "ticket": "forged"}, {"ticket": ""}, {}, []])
async def test_nothing_is_answered_without_a_ticket(message: object) -> None:
    """The socket is closed instead, and the log isn't opened."""
    log = Log()
    async with viewing(log, is_let_in=False) as viewer:
        await viewer.session.receive(json.dumps(message))
        assert await within(lambda: viewer.closed) == 4401
    assert log.asked == []


@pytest.mark.asyncio
async def test_a_socket_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After 10 s."""
    monkeypatch.setattr(session_module, "HELLO_S", 0.05)
    async with viewing(Log(), is_let_in=False) as viewer:
        assert await within(lambda: viewer.closed) == 4401


@pytest.mark.asyncio
async def test_a_ticket_that_is_not_renewed_ends_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lost access is out within a minute, even with a question waiting; a renewal lets others stay."""
    monkeypatch.setattr(session_module, "seconds_left", lambda text: 0.15 if text else 0.0)
    async with viewing(Log()) as viewer:
        await viewer.settle()
        await viewer.say(after="0")
        for _ in range(4):
            await asyncio.sleep(0.05)
            await viewer.say(ticket="again")
        assert not viewer.closed.done()
        assert await within(lambda: viewer.closed) == 4401
        assert viewer.heard.empty()


@pytest.mark.asyncio
async def test_too_much_at_once_ends_the_socket() -> None:
    """Nothing grows in the server for a viewer that only asks, or sends a book."""
    async with viewing(Log()) as viewer:
        for _ in range(12):
            await viewer.say(after="0")
        assert await within(lambda: viewer.closed) == 4429
    async with viewing(Log()) as viewer:
        await viewer.say(after=None, q="x" * 20_000)
        assert await within(lambda: viewer.closed) == 4429


@pytest.mark.asyncio
async def test_a_slow_viewer_is_sent_one_frame_for_each_question() -> None:
    """A thousand entries later it has one frame to read, and nothing has been kept for it."""
    log = Log()
    async with viewing(log) as viewer:
        await viewer.say(after="0")
        for _ in range(1000):
            log.add()
            await asyncio.sleep(0)
        await viewer.hear()
        await asyncio.sleep(0.1)
        assert viewer.heard.empty()
        await viewer.say(after="0")
        assert (await viewer.hear())["cursor"] == "1000"
