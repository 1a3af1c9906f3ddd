"""`feed.js` and `live.js` in a real Chromium, against a real Daphne, under the policy that our pages have."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from feed_server import PREFIX, Server
from log_entries import SHOP, batch, dispatch, now_ms
from playwright.sync_api import Browser, Page, WebSocket, expect

from signalgraph.events import Heartbeat
from signalgraph.log import Log, open_log

pytestmark = pytest.mark.browser

LIVE = "sg-live button"
BY_SOCKET = "document.getElementById('sg-app').dataset.transport === 'websocket'"


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


class Beating:
    """A process that lives as long as a test runs, and records unless it is told not to."""

    def __init__(self, log: Log) -> None:
        self.recording = True
        self._log, self._done = log, threading.Event()
        self._thread = threading.Thread(target=self._beat)
        self._thread.start()

    def _beat(self) -> None:
        while not self._done.is_set():
            self._log.beat(Heartbeat(SHOP, now_ms(), recording=self.recording))
            self._done.wait(0.5)

    def stop(self) -> None:
        self._done.set()
        self._thread.join()


@pytest.fixture(autouse=True)
def process(log: Log) -> Iterator[Beating]:
    beating = Beating(log)
    yield beating
    beating.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture
def view(page: Page, server: Server) -> Iterator[Page]:
    """The page of `feed_urls`; a violation of the policy or an error in a script fails the test."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: "Security Policy" in message.text and errors.append(message.text))
    visit(page, server)
    yield page
    assert errors == []


def visit(page: Page, server: Server, question: str = "") -> None:
    page.goto(f"http://{server.host}{PREFIX}/{question}")
    until(page, "window.heard && heard.frames > 0")


def until(page: Page, expression: str, *, within_s: float = 10) -> None:
    """Playwright's own wait evaluates text in the page, which the policy forbids."""
    end = time.monotonic() + within_s
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(20)


def add(log: Log, *numbers: int) -> list[int]:
    log.append(batch([dispatch(number) for number in numbers]))
    return list(numbers)


def wait_for(page: Page, numbers: list[int]) -> None:
    until(page, f"{numbers}.every((n) => heard.dispatches.includes(n))")


def transport(page: Page) -> str | None:
    return page.locator("#sg-app").get_attribute("data-transport")


def test_dispatches_arrive_over_the_socket(view: Page, log: Log) -> None:
    """And the page says that it is live, and by what."""
    until(view, BY_SOCKET)
    wait_for(view, add(log, 1, 2, 3))
    wait_for(view, add(log, 4))
    assert view.evaluate("heard.dispatches") == [1, 2, 3, 4]
    expect(view.locator(LIVE)).to_have_class("live is-live")
    expect(view.locator(LIVE)).to_contain_text("Live")
    expect(view.locator(f"{LIVE} .age")).to_contain_text("s ago")
    until(view, "heard.now.rate > 0")
    expect(view.locator(LIVE)).to_contain_text("/s")


def test_without_a_socket_it_polls(view: Page, server: Server, log: Log) -> None:
    """The same dispatches, at most a second later; where the socket's address is wrong, too."""
    for first, socket in ((10, "none"), (20, "nowhere.ws")):
        visit(view, server, f"?socket={socket}")
        wait_for(view, add(log, first, first + 1))
        wait_for(view, add(log, first + 2))
        assert view.evaluate("heard.dispatches") == [first, first + 1, first + 2]
        assert transport(view) == "polling"


@pytest.mark.parametrize("socket", ["signalgraph.ws", "none"])
def test_space_pauses_counts_what_is_new_and_resumes_where_it_stopped(
    view: Page, server: Server, log: Log, socket: str
) -> None:
    """Nothing moves while paused, and nothing is missing afterwards."""
    visit(view, server, f"?socket={socket}")
    start = 100 if socket == "none" else 200
    wait_for(view, add(log, start))
    view.keyboard.press("Space")
    expect(view.locator(LIVE)).to_have_class("live is-paused")
    added = add(log, *range(start + 1, start + 21)) + add(log, *range(start + 21, start + 38))
    expect(view.locator(LIVE)).to_contain_text("37 new")
    assert view.evaluate("heard.dispatches") == [start]
    assert view.locator(LIVE).get_attribute("aria-pressed") == "false"
    view.keyboard.press("Space")
    expect(view.locator(LIVE)).to_have_class("live is-live")
    wait_for(view, added)
    assert view.evaluate("heard.dispatches") == [start, *added]


def test_space_in_a_text_field_is_a_space(view: Page) -> None:
    """Typing a filter doesn't pause."""
    view.locator("#box").press("Space")
    expect(view.locator("#box")).to_have_value(" ")
    expect(view.locator(LIVE)).to_have_class("live is-live")


def test_a_filter_leaves_what_it_matches(view: Page, log: Log) -> None:
    """Though a question with the old one was waiting. Without it again the next one comes, and none comes twice."""
    until(view, BY_SOCKET)
    set_filter(view, "signal:nothing.*")
    add(log, 301, 302)
    view.wait_for_timeout(500)
    assert view.evaluate("heard.dispatches") == []
    set_filter(view, "")
    wait_for(view, add(log, 303))
    # What was left out comes too, unless an answer in between has moved the cursor past it.
    heard = view.evaluate("heard.dispatches")
    assert heard in ([303], [301, 302, 303])


def set_filter(page: Page, q: str) -> None:
    page.evaluate("q => document.dispatchEvent(new CustomEvent('sg:filter', {detail: {q}}))", q)


def test_a_wrong_filter_is_said_and_a_right_one_heals(view: Page, log: Log) -> None:
    """The server's words reach the page."""
    set_filter(view, "sgnal:x")
    until(view, "heard.errors.length > 0")
    assert view.evaluate("heard.errors[0].value") == "sgnal:x"
    set_filter(view, "")
    wait_for(view, add(log, 400))
    until(view, "heard.now.error === null")


def test_when_nobody_records_it_says_so(view: Page, process: Beating) -> None:
    """Within seconds, though nothing is added to the log."""
    process.recording = False
    expect(view.locator(LIVE)).to_contain_text("Recording off", timeout=15_000)
    expect(view.locator(LIVE)).to_have_class("live is-off")


def test_a_server_that_went_away_is_stale_and_nothing_is_lost_when_it_comes_back(page: Page, log: Log) -> None:
    """The page never shows old news as live, and goes on at its cursor with the new server."""
    server = Server(log)
    try:
        visit(page, server)
        until(page, BY_SOCKET)
        wait_for(page, add(log, 500))
        port = int(server.host.rpartition(":")[2])
        server.stop()
        added = add(log, *range(501, 601))
        expect(page.locator(LIVE)).to_contain_text("Stale", timeout=10_000)
        expect(page.locator(LIVE)).to_contain_text("no answer for")
        server = Server(log, port)
        added += add(log, *range(601, 651))
        until(page, "heard.dispatches.includes(650)", within_s=20)
        expect(page.locator(LIVE)).to_have_class("live is-live")
        assert page.evaluate("heard.dispatches") == [500, *added]
    finally:
        server.stop()


def test_a_hidden_tab_hears_little_and_catches_up(page: Page, server: Server, log: Log) -> None:
    """At most one message a second while 20 batches a second are recorded; all of them when it is looked at."""
    messages: list[Any] = []
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    page.on("websocket", lambda socket: socket.on("framereceived", lambda message: messages.append(message)))
    visit(page, server)
    until(page, BY_SOCKET)
    hide(page, hidden=True)
    page.wait_for_timeout(300)
    del messages[:]
    added: list[int] = []
    for n in range(80):
        added += add(log, 700 + n)
        page.wait_for_timeout(50)
    assert len(messages) <= 5
    hide(page, hidden=False)
    until(page, "heard.dispatches.includes(779)", within_s=1.5)
    assert page.evaluate("heard.dispatches") == added
    assert len(sockets) == 1


def hide(page: Page, *, hidden: bool) -> None:
    """What the browser does when another tab is looked at, as far as a script can see."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', {get: () => hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_the_ticket_is_renewed_while_the_page_is_open(page: Page, server: Server, log: Log) -> None:
    """Every 25 s by the page's clock, over HTTP."""
    page.clock.install()
    visit(page, server)
    page.clock.run_for(1000)
    with page.expect_response("**/ticket.json") as response:
        page.clock.run_for(26_000)
    assert response.value.status == 200


def test_the_page_of_a_bygone_ticket_gets_a_new_one(page: Page, server: Server, log: Log) -> None:
    """As when the browser shows a page from its memory: the socket is refused once, then opens."""
    with page.expect_response("**/ticket.json"):
        visit(page, server, "?ticket=1.000:bygone")
    until(page, BY_SOCKET)
    wait_for(page, add(log, 900))
