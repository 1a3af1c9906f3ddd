"""The pages in a real Chromium over a WSGI server, so by polling: clicks, keys, live numbers, and the policy."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test.testcases import LiveServerThread
from log_entries import SHOP, SIGNALS, batch, call, connection, dispatch, now_ms, now_us, span, wiring
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from signalgraph.events import Cause, Heartbeat
from signalgraph.index import close_shared_indexes
from signalgraph.log import Log, open_log

pytestmark = pytest.mark.browser

TRACE = f"{SHOP.id}-{span(1):x}"
RECEIPT = "receiver:shop.receivers.send_receipt"


@pytest.fixture
def log(settings: Any) -> Iterator[Log]:
    """A request in which `order_placed` led to a `post_save` whose receiver failed, and a process that records."""
    url = f"memory://{uuid.uuid4().hex}"
    settings.SIGNALGRAPH = {"LOG": url, "ACCESS": "page_urls.everybody"}
    settings.ROOT_URLCONF = "page_urls"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    log = open_log(url, writer=True)
    log.append(wiring([connection(), connection("shop.receivers.audit", signal=SIGNALS[1], sender="*")]))
    log.append(batch([], wall_us=now_us() - 890_000_000))  # a log as old as the window, so that rates are of all of it
    start_us = now_us() - 1_000_000
    failed = call(1, status=1, error="shop.errors.OutOfStock")
    inner = dispatch(2, parent=span(1) + 1, trace=span(1), signal=1, status=1, start_us=start_us + 50, calls=[failed])
    cause = Cause(span(1), "request", "POST /orders/", "shop.views.order", start_us, 5_000_000)
    log.append(batch([inner, dispatch(1, start_us=start_us)], causes=[cause]))
    done = threading.Event()
    thread = threading.Thread(target=beat, args=(log, done))
    thread.start()
    yield log
    done.set()
    thread.join()
    close_shared_indexes()


def beat(log: Log, done: threading.Event) -> None:
    while not done.is_set():
        log.beat(Heartbeat(SHOP, now_ms(), True, 2))
        done.wait(0.5)


@pytest.fixture
def site(log: Log) -> Iterator[str]:
    server = LiveServerThread("localhost", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    yield f"http://localhost:{server.port}/signals/"
    server.terminate()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """Closed before the server is: its threads wait for open connections."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser complains about: violations of the policy, scripts that fail."""
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.mark.parametrize(
    "path",
    ["", "graph/", "graph/?view=list", "timeline/", f"traces/{TRACE}/", "signals/", "receivers/", "senders/", "setup/"],
)
def test_each_page_runs_under_its_policy(page: Page, site: str, complaints: list[str], path: str) -> None:
    """No violation, no error, in both themes; nothing is wider than a phone."""
    page.emulate_media(color_scheme="dark")
    page.goto(site + path)
    page.emulate_media(color_scheme="light")
    expect(page.locator("sg-live b")).to_have_text("Live")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []


def test_a_click_in_the_graph_lights_what_is_true_and_moves_nothing(page: Page, site: str) -> None:
    """The rest is dimmed, the causal edge is drawn, the panel and the URL follow, Esc goes back."""
    page.goto(f"{site}graph/")
    box = page.locator(f"[id='{RECEIPT}'] .box")
    before = box.get_attribute("y")
    box.click()
    expect(page.locator("#sg-panel h2")).to_have_text("send_receipt")
    expect(page).to_have_url(re.compile(r"sel=receiver%3Ashop\.receivers\.send_receipt"))
    expect(page.locator(".route.on").first).to_be_visible()
    assert box.get_attribute("y") == before
    page.keyboard.press("Escape")
    expect(page.locator("#sg-panel")).to_be_hidden()
    expect(page.locator(".node.dim")).to_have_count(0)
    expect(page).to_have_url(f"{site}graph/")
    assert page.evaluate("document.activeElement.querySelector('.node').id") == RECEIPT


def test_the_graph_is_walked_by_arrows(page: Page, site: str) -> None:
    """One tab stop; an arrow goes to the nearest box, Enter selects it."""
    page.goto(f"{site}graph/")
    page.locator("sg-graph").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.querySelector('.node').dataset.kind") == "signal"
    page.keyboard.press("Enter")
    expect(page.locator("#sg-panel .kind")).to_contain_text("Signal")


def test_numbers_in_the_graph_are_live(page: Page, site: str, log: Log) -> None:
    """A new dispatch raises the number in its box without a reload."""
    page.goto(f"{site}graph/?t=60")
    cell = page.locator(f"[id='{RECEIPT}'] [data-count]")
    expect(cell).to_have_text("0.02")
    log.append(batch([dispatch(n) for n in range(10, 190)]))
    expect(cell).to_have_text("3")
    expect(page.locator(f"[id='{RECEIPT}'] .heat")).to_have_class(re.compile("ht5"))


def test_a_new_connection_is_drawn_when_it_is_called(page: Page, site: str, log: Log) -> None:
    """Only a change of the topology lays the drawing out again."""
    page.goto(f"{site}graph/")
    log.append(wiring([connection(), connection("shop.receivers.late", signal="shop.signals.late")]))
    names = {"signals": ["shop.signals.late"], "receivers": ["shop.receivers.late"], "connections": [(0, 0, 0)]}
    log.append(batch([dispatch(50)], **names, totals=[batch([dispatch(50)]).totals[0]]))
    expect(page.locator("[id='receiver:shop.receivers.late']")).to_be_visible(timeout=10_000)


def test_the_filter_narrows_while_it_is_typed(page: Page, site: str) -> None:
    """The URL and the links of the navigation follow; a mistake is marked and leaves what is shown."""
    page.goto(f"{site}receivers/")
    page.keyboard.press("/")
    page.keyboard.type("signal:order_placed")
    expect(page.locator("#sg-hits")).to_have_text("1 receiver")
    expect(page).to_have_url(re.compile("q=signal%3Aorder_placed"))
    expect(page.locator("#sg-nav a", has_text="Graph")).to_have_attribute("href", re.compile("q=signal"))
    page.keyboard.type(" sgnal:x")
    expect(page.locator("#sg-filter-error mark")).to_have_text("sgnal")
    expect(page.locator("#sg-rows")).to_contain_text("send_receipt")
    assert page.evaluate("document.activeElement.id") == "sg-q"


def test_a_table_sorts_in_place(page: Page, site: str) -> None:
    """With the order in the URL, and the same after a reload."""
    page.goto(f"{site}receivers/")
    page.locator("th a", has_text="receiver").first.click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("receiver")
    expect(page).to_have_url(re.compile("sort=name"))
    page.reload()
    expect(page.locator("tbody .name code").first).to_have_text("audit")


def test_new_traces_appear_until_somebody_pauses(page: Page, site: str, log: Log) -> None:
    """Space holds everything; the control says how much waits."""
    page.goto(f"{site}timeline/")
    rows = page.locator("#sg-traces tbody tr")
    expect(rows).to_have_count(1)
    log.append(batch([dispatch(20)]))
    expect(rows).to_have_count(2, timeout=8_000)
    page.keyboard.press("Space")
    expect(page.locator("sg-live b")).to_have_text("Paused")
    log.append(batch([dispatch(21)]))
    expect(page.locator("sg-live .figure")).to_have_text("1 new")
    expect(rows).to_have_count(2)


def test_the_lanes_name_every_signal_and_its_rate(page: Page, site: str) -> None:
    """What the canvas draws stands beside it as text."""
    page.goto(f"{site}timeline/")
    expect(page.locator(".lane[role=listitem] code")).to_have_text(["order_placed", "post_save"], timeout=8_000)
    expect(page.locator(".lane[role=listitem] .n").first).to_have_text("0.02/s")


def test_a_trace_is_read_by_keyboard_alone(page: Page, site: str) -> None:
    """From the overview's error to the call in which it began, and down the waterfall."""
    page.goto(f"{site}timeline/")
    page.locator("#sg-traces a.name").first.focus()
    page.keyboard.press("Enter")
    page.locator("#sg-panel a", has_text="Open trace").focus()
    page.keyboard.press("Enter")
    page.locator("[role=row][tabindex='0']").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator("#sg-panel h2")).to_have_text("audit")
    expect(page.locator("#sg-panel")).to_contain_text("OutOfStock")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[role=row][aria-level='2']").first).to_be_hidden()


def test_the_theme_is_kept(page: Page, site: str) -> None:
    """By a cookie, so that the server writes it into the page."""
    page.goto(site)
    page.locator("sg-theme button").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_keys_are_listed_and_letters_can_be_switched_off(page: Page, site: str) -> None:
    """`g s` goes to the signals, unless letters are off."""
    page.goto(site)
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page).to_have_url(f"{site}signals/")
    page.keyboard.press("?")
    page.locator("#sg-keys-off").check()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page).to_have_url(f"{site}signals/")


def test_a_phone_opens_the_graph_as_a_list(page: Page, site: str) -> None:
    """Three columns don't fit; the drawing is one tap away."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site}graph/")
    expect(page).to_have_url(f"{site}graph/?view=list")
    page.locator("a", has_text="Wiring").click()
    expect(page.locator("svg.graph")).to_be_visible()


def test_without_scripts_everything_is_there(site: str, browser: Browser) -> None:
    """Selection, filter and tables are links and forms."""
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{site}graph/?sel={RECEIPT}")
    expect(plain.locator("#sg-panel h2")).to_have_text("send_receipt")
    plain.locator("#sg-q").fill("signal:post_save")
    plain.keyboard.press("Enter")
    expect(plain.locator("#sg-hits")).to_have_text("1 of 2 connections")
    context.close()
