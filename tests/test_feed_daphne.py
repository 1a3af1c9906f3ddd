"""The feed on a real Daphne: what a browser's socket sees, below a prefix, against a log that others write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from feed_server import PREFIX, Server
from log_entries import batch, dispatch
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import signalgraph.web
from signalgraph.log import Log, open_log

SCHEMA = json.loads((Path(signalgraph.web.__file__).parent / "feed.schema.json").read_text())


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    log = open_log(f"sqlite://{tmp_path_factory.mktemp('feed')}/log.sqlite3", writer=True)
    yield log
    log.close()


@pytest.fixture(scope="module")
def server(log: Log) -> Iterator[Server]:
    server = Server(log)
    yield server
    server.stop()
    written = "".join(server.lines)
    assert "Traceback" not in written, written
    assert "ticket=" not in written


@asynccontextmanager
async def open_socket(server: Server, origin: str | None = "", **question: Any) -> AsyncIterator[ClientConnection]:
    url = f"ws://{server.host}{PREFIX}/signalgraph.ws"
    own: Any = f"http://{server.host}" if origin == "" else origin
    async with connect(url, origin=own, proxy=None) as socket:
        if question:
            await say(socket, **{"ticket": server.ticket(), **question})
        yield socket


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection) -> dict[str, Any]:
    """The next message that isn't a ping."""
    async with asyncio.timeout(10):
        while True:
            message = json.loads(await socket.recv())
            if "ping" not in message:
                return dict(message)


async def close_code(socket: ClientConnection) -> int | None:
    async with asyncio.timeout(20):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


async def heard_unasked(socket: ClientConnection, *, seconds: float) -> list[dict[str, Any]]:
    """What comes in so many seconds, pings left out."""
    heard = []
    try:
        async with asyncio.timeout(seconds):
            while True:
                heard.append(json.loads(await socket.recv()))
    except TimeoutError:
        return [each for each in heard if "ping" not in each]


def ids(frame: dict[str, Any]) -> list[int]:
    return [int(each["id"].partition("-")[2], 16) >> 16 for each in frame["dispatches"]]


def add(log: Log, first: int, count: int = 1) -> list[int]:
    """Dispatches with these numbers, in a batch of their own."""
    numbers = list(range(first, first + count))
    log.append(batch([dispatch(number) for number in numbers]))
    return numbers


@pytest.mark.asyncio
async def test_frames_arrive_as_they_are_recorded(server: Server, log: Log) -> None:
    """Pushed within a moment, each held to the public schema."""
    async with open_socket(server, after=None) as socket:
        frame = await hear(socket)
        for first in (100, 200):
            await say(socket, after=frame["cursor"])
            added = add(log, first, 3)
            frame = await hear(socket)
            jsonschema.Draft202012Validator(SCHEMA).validate(frame)
            assert ids(frame) == added


@pytest.mark.asyncio
async def test_a_viewer_that_was_cut_off_loses_nothing(server: Server, log: Log) -> None:
    """It connects again and asks from its cursor: every dispatch once, in order."""
    expected: list[int] = []
    got: list[int] = []
    cursor = server.frame()["cursor"]
    for start in (1000, 2000, 3000):
        async with open_socket(server, after=cursor) as socket:
            frame = await hear(socket)  # the first answer of a socket comes at once
            got += ids(frame)
            await say(socket, after=frame["cursor"])
            expected += add(log, start, 50)
            frame = await hear(socket)
            got += ids(frame)
            cursor = frame["cursor"]
            socket.transport.abort()
        for n in range(5):
            expected += add(log, start + 100 + 50 * n, 50)
    got += ids(server.frame(cursor, limit=2000))
    assert got == expected


@pytest.mark.asyncio
async def test_polling_gives_the_same_as_the_socket(server: Server, log: Log) -> None:
    """One shape over both; only the moment differs."""
    cursor = server.frame()["cursor"]
    add(log, 5000, 20)
    async with open_socket(server, after=cursor) as socket:
        pushed = await hear(socket)
        while pushed["cursor"] == cursor:
            await say(socket, after=cursor)
            pushed = await hear(socket)
    polled = server.frame(cursor)
    for key in ("cursor", "dispatches", "totals", "unheard", "shown", "of", "hole", "since", "lost", "newest"):
        assert polled[key] == pushed[key]


@pytest.mark.asyncio
@pytest.mark.parametrize("origin", [None, "http://evil.example", "https://localhost", "null"])
async def test_another_origin_is_refused_at_the_handshake(server: Server, origin: str | None) -> None:
    """Status 403, whatever ticket it would have had."""
    with pytest.raises(InvalidStatus) as refused:
        async with open_socket(server, origin=origin):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.asyncio
async def test_without_a_good_ticket_nothing_is_answered(server: Server) -> None:
    """Missing, forged, or cut: the socket closes with 4401, so the page knows to get a new one."""
    good = server.ticket()
    for ticket in (None, "", "forged", f"1.000:{good.partition(':')[2]}", good[:-1]):
        async with open_socket(server, after=None, ticket=ticket) as socket:
            assert await close_code(socket) == 4401


@pytest.mark.asyncio
async def test_a_ticket_that_becomes_too_old_ends_the_socket(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """One made 58 seconds ago opens it for two more, in the middle of a wait."""
    from django.conf import settings
    from django.test import RequestFactory

    from signalgraph.web import tickets
    from tests import feed_site

    monkeypatch.setattr(settings, "SECRET_KEY", feed_site.SECRET_KEY)
    now = tickets.time.time()
    monkeypatch.setattr(tickets.time, "time", lambda: now - 58)
    ticket = tickets.make_ticket(RequestFactory().get("/"))
    monkeypatch.undo()
    async with open_socket(server, after=None, ticket=ticket) as socket:
        frame = await hear(socket)
        await say(socket, after=frame["cursor"])
        assert await close_code(socket) == 4401


@pytest.mark.asyncio
async def test_what_is_not_ours_is_closed_with_a_reason_code(server: Server) -> None:
    """Bytes, JSON that is malformed twice, a book: each with the code that docs/feed.md gives."""
    for messages, code in (([b"\x00"], 4400), (["{", "{"], 4400), (["x" * 20_000], 4429)):
        async with open_socket(server, after=None) as socket:
            for message in messages:
                await socket.send(message)
            assert await close_code(socket) == code


@pytest.mark.asyncio
async def test_a_viewer_that_leaves_in_the_middle_is_no_error(server: Server, log: Log) -> None:
    """Whether it says so or not; the fixture reads the server's log."""
    for n in range(20):
        async with open_socket(server, after=None) as socket:
            frame = await hear(socket)
            await say(socket, after=frame["cursor"])
            add(log, 50_000 + n)
            await asyncio.sleep(0.01 * (n % 10))
            if n % 2:
                socket.transport.abort()


@pytest.mark.asyncio
async def test_a_wrong_question_is_answered_and_the_socket_stays(server: Server) -> None:
    """The error names the value; the next question gets a frame."""
    async with open_socket(server, after="yesterday") as socket:
        assert (await hear(socket))["error"]["value"] == "yesterday"
        await say(socket, after=None)
        assert "cursor" in await hear(socket)


@pytest.mark.asyncio
async def test_a_quiet_log_is_not_a_dead_one(server: Server) -> None:
    """A ping after 2 s of silence, with the server's clock."""
    async with open_socket(server, after=None) as socket:
        frame = await hear(socket)
        await say(socket, after=frame["cursor"])
        async with asyncio.timeout(5):
            ping = json.loads(await socket.recv())
        assert list(ping) == ["ping"]
        assert ping["ping"] > frame["now"]


@pytest.mark.asyncio
async def test_a_slow_viewer_is_kept_nothing_for(server: Server, log: Log) -> None:
    """While it draws, 200 batches are recorded; then it reads one frame that counts them all."""
    async with open_socket(server, after=None) as slow, open_socket(server, after=None) as fast:
        frame = await hear(slow)
        seen = await hear(fast)
        for n in range(200):
            add(log, 10_000 + 10 * n, 10)
        last = log.end()
        got = 0
        while seen["cursor"] != last:
            await say(fast, after=seen["cursor"], limit=2000)
            seen = await hear(fast)
            got += seen["of"]
        assert got == 2000
        assert await heard_unasked(slow, seconds=1) == []
        await say(slow, after=frame["cursor"])
        frame = await hear(slow)
        assert (frame["shown"], frame["of"], frame["cursor"]) == (500, 2000, last)


@pytest.mark.asyncio
async def test_many_viewers_wait_without_a_thread_each(server: Server, log: Log) -> None:
    """Forty sockets that wait cost the process no thread more than one, and all hear the news."""
    async with open_socket(server, after=None) as first:
        cursor = (await hear(first))["cursor"]
        threads = count_threads(server)
        ticket = server.ticket()
        url = f"ws://{server.host}{PREFIX}/signalgraph.ws"
        sockets = [await connect(url, origin=f"http://{server.host}", proxy=None) for _ in range(40)]
        for socket in sockets:
            await say(socket, after=cursor, ticket=ticket)
            await hear(socket)
            await say(socket, after=cursor)
        assert count_threads(server) - threads <= 3  # Django's own for requests come and go
        added = add(log, 90_000, 2)
        frames = await asyncio.gather(*(hear(socket) for socket in sockets))
        assert all(ids(frame) == added for frame in frames)
        await asyncio.gather(*(socket.close() for socket in sockets))


def count_threads(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))


def test_a_request_through_a_proxy_gets_nothing(server: Server) -> None:
    """Neither a frame nor a ticket, so no socket either."""
    for path in ("events.json", "ticket.json"):
        assert server.get(path).status_code == 200
        answer = server.get(path, **{"X-Forwarded-For": "203.0.113.7"})
        assert answer.status_code == 403
        assert "localhost" in answer.json()["error"]["do"]
