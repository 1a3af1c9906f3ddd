"""Muting, pausing and what still runs, in a real Chromium over a WSGI server."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test.testcases import LiveServerThread
from log_entries import RUNNING, SHOP, SIGNALS, batch, call, connection, dispatch, now_ms, now_us, span, wiring
from playwright.sync_api import Browser, Page, expect

from signalgraph.events import Heartbeat, Total
from signalgraph.index import close_shared_indexes
from signalgraph.log import Log, open_log

pytestmark = pytest.mark.browser

ORDERED = SIGNALS[0]


@pytest.fixture
def log(settings: Any) -> Iterator[Log]:
    """Two connections, one dispatch, and a process that gives signs of life."""
    url = f"memory://{uuid.uuid4().hex}"
    settings.SIGNALGRAPH = {"LOG": url, "ACCESS": "page_urls.everybody"}
    settings.ROOT_URLCONF = "page_urls"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    log = open_log(url, writer=True)
    log.append(wiring([connection(), connection("shop.receivers.audit", signal=SIGNALS[1], sender="*")]))
    log.append(batch([dispatch(1)]))
    done = threading.Event()

    def beat() -> None:
        while not done.is_set():
            log.beat(Heartbeat(SHOP, now_ms(), True, 2))
            done.wait(0.5)

    thread = threading.Thread(target=beat)
    thread.start()
    yield log
    done.set()
    thread.join()
    close_shared_indexes()


@pytest.fixture
def site(log: Log) -> Iterator[str]:
    server = LiveServerThread("localhost", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    yield f"http://localhost:{server.port}/signals/"
    server.terminate()


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def page(browser: Browser, site: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, java_script_enabled=request.param)
    yield context.new_page()
    context.close()


only_with_scripts = pytest.mark.parametrize("page", [True], ids=["scripts"], indirect=True)


@pytest.mark.parametrize("path", [f"signals/{ORDERED}/", f"signals/?open={ORDERED}", f"graph/?sel=signal:{ORDERED}"])
def test_a_signal_is_muted_where_it_is_shown(page: Page, site: str, log: Log, path: str) -> None:
    """By a click, with and without scripts: the button turns round, every page says so, the view stays."""
    page.goto(site + path)
    page.get_by_role("button", name="Mute").click()
    expect(page.get_by_role("button", name="Unmute")).to_be_visible()
    assert log.control().muted == {ORDERED}
    expect(page.locator("#sg-muted")).to_have_text("1 signal is muted")
    assert unquote(page.url) == site + path
    page.get_by_role("button", name="Unmute").click()
    expect(page.get_by_role("button", name=re.compile("^Mute"))).to_be_visible()
    assert log.control().muted == frozenset()


@only_with_scripts
def test_the_key_m_mutes_what_is_selected(page: Page, site: str, log: Log) -> None:
    """And records it again; where no signal is selected it does nothing."""
    page.goto(f"{site}graph/?sel=receiver:shop.receivers.send_receipt")
    expect(page.locator("#sg-panel h2")).to_have_text("send_receipt")
    page.keyboard.press("m")
    page.goto(f"{site}graph/?sel=signal:{ORDERED}")
    assert log.control().muted == frozenset()
    page.keyboard.press("m")
    expect(page.locator("#sg-panel").get_by_text("muted", exact=True)).to_be_visible()
    assert log.control().muted == {ORDERED}
    page.keyboard.press("m")
    expect(page.locator("#sg-panel").get_by_text("muted", exact=True)).to_be_hidden()
    assert log.control().muted == frozenset()


def test_what_is_muted_is_found_and_taken_back(page: Page, site: str, log: Log) -> None:
    """From the strip of any page to the table, and on the setup page."""
    page.goto(f"{site}signals/{ORDERED}/")
    page.get_by_role("button", name="Mute").click()
    page.get_by_role("link", name="1 signal is muted").click()
    expect(page.get_by_text("Counted only")).not_to_have_count(0)
    expect(page.locator("tbody tr:not(.group)")).to_have_count(1)
    page.goto(f"{site}setup/")
    page.get_by_role("button", name="Unmute").click()
    expect(page.get_by_text("None. Mute a noisy signal")).to_be_visible()
    assert log.control().muted == frozenset()


def test_recording_is_paused_from_the_setup_page(page: Page, site: str, log: Log) -> None:
    """In every process; it says so and offers the way back."""
    page.goto(f"{site}setup/")
    page.get_by_role("button", name="Pause recording in every process").click()
    expect(page.get_by_text("Recording is paused", exact=True)).to_be_visible()
    assert log.control().paused
    page.get_by_role("button", name="Record again").click()
    expect(page.get_by_role("button", name="Pause recording in every process")).to_be_visible()
    assert not log.control().paused


@only_with_scripts
def test_a_refusal_is_said_and_nothing_is_replaced(page: Page, site: str, log: Log) -> None:
    """A page that stood open for long: its token is another one's now."""
    page.goto(f"{site}signals/{ORDERED}/")
    page.context.clear_cookies()
    page.get_by_role("button", name="Mute").click()
    expect(page.get_by_role("alert").filter(has_text="refused (403)")).to_be_visible()
    expect(page.locator("h1")).to_have_text("order_placed")
    assert log.control().muted == frozenset()


@only_with_scripts
def test_a_dispatch_is_seen_while_it_runs(page: Page, site: str, log: Log) -> None:
    """It grows, and when it has ended it is what it was in the end; nobody has to reload."""
    start_us = now_us()
    running = call(status=RUNNING, duration_ns=None)

    def report(**changes: Any) -> None:
        log.append(batch([dispatch(9, start_us=start_us, **changes)], **({} if "status" not in changes else idle)))

    idle = {"totals": [Total()] * 2}
    report(status=RUNNING, duration_ns=1_000_000_000, calls=[running])
    page.goto(f"{site}traces/{SHOP.id}-{span(9):x}/")
    row = page.locator(".wfr[aria-level]").first
    expect(row).to_contain_text("still running")
    expect(row).to_contain_text("1 000")
    report(status=RUNNING, duration_ns=2_000_000_000, calls=[running])
    expect(row).to_contain_text("2 000", timeout=15_000)
    report(duration_ns=3_000_000_000)
    expect(row).to_contain_text("3 000", timeout=15_000)
    expect(row).not_to_contain_text("still running")
