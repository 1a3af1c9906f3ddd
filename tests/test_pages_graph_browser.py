"""The views of the graph and the findings in a real Chromium: by mouse, by keys alone, and without scripts."""

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
from log_entries import SHOP, connection, dispatch, now_ms, wiring
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from test_pages_findings import SLOW, TWICE, find
from test_pages_graph import CHECK, ORDER, RESERVE, ROWS, call, span, told

from signalgraph.events import Heartbeat
from signalgraph.index import close_shared_indexes
from signalgraph.log import Log, open_log

pytestmark = pytest.mark.browser

SHOWN = 15_000  # milliseconds, on a machine that has other things to do


@pytest.fixture
def log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """An order that leads to a save, two findings, and a process that gives signs of life."""
    url = f"memory://{uuid.uuid4().hex}"
    settings.SIGNALGRAPH = {"LOG": url, "ACCESS": "page_urls.everybody"}
    settings.ROOT_URLCONF = "page_urls"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    find(monkeypatch, [TWICE], [SLOW])
    log = open_log(url, writer=True)
    log.append(wiring([*ROWS, connection("django.db.close", signal="django.core.signals.request_started", sender="*")]))
    inner = dispatch(2, parent=span(1) + 1, trace=span(1), signal=1, sender=1, calls=[call(1)])
    log.append(told([inner, dispatch(1)]))
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


@pytest.fixture(params=[True], ids=["scripts"])
def page(browser: Browser, site: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of which nothing may complain: no script that fails, nothing that the policy forbids."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    context = browser.new_context(viewport={"width": 1440, "height": 900}, java_script_enabled=request.param)
    page = context.new_page()
    page.set_default_timeout(SHOWN)
    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


expect.set_options(timeout=SHOWN)
either_way = pytest.mark.parametrize("page", [True, False], ids=["scripts", "no scripts"], indirect=True)


def tab(page: Page, name: str) -> None:
    page.locator("#sg-graph-tools").get_by_role("link", name=name, exact=True).click()


@either_way
def test_views_are_switched_by_their_tabs(page: Page, site: str) -> None:
    """Each with its own picture; what is selected goes along."""
    page.goto(f"{site}graph/?sel={ORDER}")
    for name in ("Apps", "Focus", "Path", "List", "Wiring"):
        tab(page, name)
        expect(page.locator(f"#sg-view-{name.lower()}")).to_have_attribute("aria-current", "true")
        assert f"sel={ORDER}" in unquote(page.url)
    expect(page.locator("svg.graph")).to_be_visible()


def test_a_click_leads_on_to_a_focus(page: Page, site: str) -> None:
    """The tabs follow the selection; a click in the focus opens the panel and moves nothing, Esc closes it."""
    page.goto(f"{site}graph/")
    page.locator(f"[id='{ORDER}']").click()
    expect(page.locator("#sg-panel h2")).to_have_text("shop.Order")
    tab(page, "Focus")
    expect(page.locator("#sg-lit")).to_contain_text("Focus on shop.Order")
    box = page.locator(".node.receiver", has_text="check")
    before = box.locator(".box").get_attribute("x")
    box.click()
    expect(page.locator("#sg-panel h2")).to_have_text("check")
    expect(page).to_have_url(re.compile("at=receiver"))
    expect(box.locator(".ring")).to_be_visible()
    assert box.locator(".box").get_attribute("x") == before
    expect(page.locator("#sg-lit")).to_contain_text("2 of 2 receivers lit")
    page.keyboard.press("Escape")
    expect(page.locator("#sg-panel")).to_be_hidden()
    expect(page.locator("#sg-lit")).to_contain_text("Focus on shop.Order")


def test_the_panel_asks_why_something_ran(page: Page, site: str) -> None:
    """From the wiring to what led to a receiver, in two clicks."""
    page.goto(f"{site}graph/")
    page.locator(f"[id='{CHECK}']").click()
    page.get_by_role("link", name="Why did this run?").click()
    expect(page.locator("#sg-direction-up")).to_have_attribute("aria-current", "true")
    expect(page.locator(".node.receiver", has_text="reserve")).to_be_visible()


def test_a_focus_is_widened_and_turned_by_keys(page: Page, site: str) -> None:
    """`+` and `-` for causes, `u`, `i` and `b` for directions; in the address as well."""
    page.goto(f"{site}graph/?view=focus&sel={ORDER}&depth=0")
    receivers = page.locator(".node.receiver")
    expect(receivers).to_have_count(1)
    page.keyboard.press("+")
    expect(receivers).to_have_count(2)
    expect(page).to_have_url(re.compile("depth=1"))
    page.keyboard.press("-")
    expect(receivers).to_have_count(1)
    page.keyboard.press("u")
    expect(page.locator("#sg-direction-up")).to_have_attribute("aria-current", "true")
    page.keyboard.press("i")
    expect(page.locator("#sg-direction-down")).to_have_attribute("aria-current", "true")
    page.keyboard.press("b")
    expect(page.locator("#sg-direction-both")).to_have_attribute("aria-current", "true")


def test_the_drawing_is_zoomed_and_moved_by_keys(page: Page, site: str) -> None:
    """`w` and `s` zoom, `a` and `d` move, `0` shows all; nothing of it where letters are off."""
    page.goto(f"{site}graph/?view=focus&sel={ORDER}")
    page.locator("svg.graph").wait_for()

    def width() -> float:
        return float(page.evaluate("document.querySelector('svg.graph').getBoundingClientRect().width"))

    start = width()
    for _ in range(4):
        page.keyboard.press("w")
    wide = width()
    assert wide > start
    page.keyboard.press("d")
    assert page.evaluate("document.querySelector('sg-graph').scrollLeft") > 0
    page.keyboard.press("s")
    assert width() < wide
    page.keyboard.press("0")
    assert width() <= page.evaluate("document.querySelector('sg-graph').clientWidth")
    page.evaluate("localStorage.setItem('signalgraph.keys', 'off')")
    page.keyboard.press("w")
    assert width() <= page.evaluate("document.querySelector('sg-graph').clientWidth")


@either_way
def test_a_path_is_asked_for_in_its_form(page: Page, site: str) -> None:
    """Two names and a button; what has no way says so, and offers the way back."""
    page.goto(f"{site}graph/?view=path")
    page.get_by_label("from", exact=True).fill("check")
    page.get_by_label("to", exact=True).fill("shop.Order")
    page.get_by_role("button", name="Show the ways").click()
    expect(page.get_by_role("heading", name="No way was seen")).to_be_visible()
    page.get_by_role("link", name="The way back").click()
    expect(page.locator(".node.receiver")).to_have_count(2)
    assert f"sel={ORDER}&to={CHECK}" in unquote(page.url)


def test_a_path_is_picked_in_the_drawing(page: Page, site: str) -> None:
    """First where it begins, then where it ends."""
    page.goto(f"{site}graph/?view=path")
    page.locator(f"[id='{ORDER}']").click()
    expect(page.get_by_text("Now where it ends")).to_be_visible()
    page.locator(f"[id='{CHECK}']").click()
    expect(page.locator(".node.receiver")).to_have_count(2)
    expect(page.locator("#sg-path-to")).to_have_value(CHECK)


def test_an_app_opens_in_its_place_and_closes(page: Page, site: str) -> None:
    """By a click, and by Enter on what the arrows reach."""
    page.goto(f"{site}graph/?view=apps")
    page.locator("[id='app:shop'] .receiver .box").click()
    expect(page.locator(f"[id='{RESERVE}']")).to_be_visible()
    expect(page).to_have_url(re.compile("open=shop"))
    page.locator("a.pick[href$='view=apps']").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"[id='{RESERVE}']")).to_have_count(0)


def test_numbers_of_a_focus_are_live_and_nothing_moves(page: Page, site: str, log: Log) -> None:
    """They are put into the drawing that is there: the keyboard's place in it stays."""
    page.goto(f"{site}graph/?view=focus&sel={ORDER}&t=60")
    box = page.locator(".node.receiver", has_text="reserve")
    place = box.locator(".box").get_attribute("y")
    page.locator("a.pick", has=page.locator(".node.receiver", has_text="reserve")).focus()
    before = box.locator("[data-count]").text_content()
    log.append(told([dispatch(n) for n in range(10, 190)]))
    expect(box.locator("[data-count]")).not_to_have_text(str(before))
    assert box.locator(".box").get_attribute("y") == place
    assert "reserve" in page.evaluate("document.activeElement.textContent")


def test_files_are_downloaded_from_the_menu(page: Page, site: str) -> None:
    """With a name that says what is in them."""
    page.goto(f"{site}graph/?view=focus&sel={ORDER}")
    page.locator("#sg-exports summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Mermaid").click()
    assert download.value.suggested_filename == "signals-focus-shop.Order.mmd"


def test_the_link_of_what_is_shown_is_copied(page: Page, site: str) -> None:
    """By the button or by `y`; it says so."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{site}graph/")
    page.locator(f"[id='{CHECK}']").click()
    expect(page).to_have_url(re.compile("sel="))
    page.keyboard.press("y")
    expect(page.locator("#sg-shared")).to_have_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


@either_way
def test_a_card_opens_and_only_one_is_open(page: Page, site: str) -> None:
    """In the address too, so that it can be shared."""
    page.goto(f"{site}findings/")
    page.get_by_role("link", name=re.compile("A receiver is slow")).click()
    expect(page.get_by_text("How to fix")).to_be_visible()
    page.get_by_role("link", name=re.compile("A receiver is connected twice")).click()
    expect(page.locator("[aria-expanded=true]")).to_contain_text("connected twice")
    expect(page.locator("[aria-expanded=true]")).to_have_count(1)
    assert f"open={TWICE.key}" in unquote(page.url)


def test_a_finding_is_accepted_by_keys_alone(page: Page, site: str, log: Log) -> None:
    """From the navigation to the reason; it is gone from the open ones, and is withdrawn again."""
    page.goto(site)
    page.keyboard.press("g")
    page.keyboard.press("f")
    page.get_by_role("link", name=re.compile("A receiver is slow")).focus()
    page.keyboard.press("Enter")
    reason = page.get_by_label("Reason to accept")
    reason.wait_for()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "sg-why":
            break
    page.keyboard.press("Enter")
    assert log.control().accepted == {}
    page.keyboard.type("A print server.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").get_by_role("link", name="A receiver is slow")).to_be_visible()
    expect(page.locator(".card")).to_have_count(1)
    assert log.control().accepted == {SLOW.key: "A print server."}
    expect(page.locator("#sg-nav .count")).to_have_text("1 open")
    page.goto(f"{site}findings/?state=accepted&open={SLOW.key}")
    page.get_by_role("button", name="Withdraw").press("Enter")
    expect(page.get_by_text("Nothing was accepted")).to_be_visible()
    assert log.control().accepted == {}


@pytest.mark.parametrize("page", [False], ids=["no scripts"], indirect=True)
def test_a_finding_is_accepted_without_scripts(page: Page, site: str, log: Log) -> None:
    """The form is a form."""
    page.goto(f"{site}findings/?open={SLOW.key}")
    page.get_by_label("Reason to accept").fill("A print server.")
    page.get_by_role("button", name="Accept").click()
    expect(page.locator(".card")).to_have_count(1)
    assert log.control().accepted == {SLOW.key: "A print server."}


@pytest.mark.parametrize(
    "path",
    [
        "graph/?view=apps&open=shop",
        f"graph/?view=focus&sel={ORDER}&at={CHECK}",
        f"graph/?view=path&sel={ORDER}&to={CHECK}",
        f"graph/?view=list&of=focus&sel={ORDER}",
        "graph/?view=list&of=apps",
        "graph/?view=focus",
        "findings/",
        f"findings/?open={SLOW.key}",
        "findings/?state=accepted",
    ],
)
def test_nothing_is_wider_than_a_phone(page: Page, site: str, path: str) -> None:
    """In both themes, and nobody complains."""
    page.emulate_media(color_scheme="dark")
    page.goto(site + path)
    expect(page.locator("sg-live b")).to_have_text("Live")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_open_card_scrolls_in_the_main_view(page: Page, site: str) -> None:
    """Header and strip stay where they are, as on every other page."""
    page.set_viewport_size({"width": 1400, "height": 500})
    page.goto(f"{site}findings/?open={SLOW.key}")
    main = page.locator("#main")
    assert main.evaluate("main => main.scrollHeight > main.clientHeight")
    assert page.evaluate("document.documentElement.scrollHeight") <= 500


def test_the_labels_of_the_files_stand_on_one_line_each(page: Page, site: str) -> None:
    """The menu is as wide as the longest of them."""
    page.goto(f"{site}graph/")
    page.get_by_text("Export", exact=True).click()
    heights = page.locator("#sg-exports .pop a").evaluate_all("links => links.map(link => link.offsetHeight)")
    assert set(heights) == {28}


def test_the_table_of_processes_is_not_cut(page: Page, site: str) -> None:
    """At the width of a laptop, its last column too, with large numbers."""
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(f"{site}setup/")
    table = page.get_by_role("region", name="Processes")
    numbers = "cells => cells.forEach((cell, at) => cell.textContent = at > 1 ? '12,345,678' : cell.textContent)"
    table.locator("td").evaluate_all(numbers)
    assert table.evaluate("table => table.scrollWidth <= table.clientWidth")
