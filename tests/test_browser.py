"""What a person does on the dashboard of the demo: real Daphne, real recording, real Chromium."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fresh_site import ROOT, free_port, wait_for

pytestmark = pytest.mark.browser

ARRIVES_WITHIN_MS = 5_000  # from the page's opening to the first dispatch on it
SHOWS_WITHIN_MS = 15_000  # anything else, on a machine that has other things to do


class Demo:
    """The bookshop under Daphne with a database and a log of its own, and a visitor's client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            **os.environ,
            "DEMO_VAR": str(folder),
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "SIGNALGRAPH_LOG": f"sqlite://{folder / 'log.sqlite3'}",
            "SIGNALGRAPH_RECORD": "always",
        }
        subprocess.run([sys.executable, "manage.py", "demo_data"], cwd=ROOT, env=environment, check=True, timeout=120)
        self.output = (folder / "site.txt").open("w")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "daphne",
                "-v",
                "0",
                "-b",
                "127.0.0.1",
                "-p",
                str(self.port),
                "dashboard.asgi:application",
            ],
            cwd=ROOT,
            env=environment,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )
        wait_for(self.port, self.process, self.output.name)
        self.visitor = httpx.Client(base_url=self.url, follow_redirects=True, timeout=30)
        self.books = re.findall(r'href="(/books/[\w-]+/)"', self.visitor.get("/").text)

    def read(self) -> None:
        """Read a book: one `book_read`."""
        self.visitor.get(f"{self.books[0]}read/").raise_for_status()

    def stop(self) -> None:
        self.visitor.close()
        self.process.terminate()
        self.process.wait(timeout=30)
        self.output.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    yield demo
    demo.stop()


@pytest.fixture
def page(browser: Browser, demo: Demo) -> Iterator[Page]:
    """A page whose scripts must not fail and whose policy must not be broken."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    yield page
    context.close()
    assert errors == []


def open_live(page: Page, demo: Demo, path: str) -> None:
    page.goto(f"{demo.url}/signals/{path}")
    expect(page.locator("sg-live")).to_contain_text("Live", timeout=SHOWS_WITHIN_MS)


def test_a_dispatch_arrives_on_the_open_page(page: Page, demo: Demo) -> None:
    """The trace of a request that is made now is on the timeline within 5 s, over the WebSocket."""
    open_live(page, demo, "timeline/")
    expect(page.locator("#sg-app")).to_have_attribute("data-transport", "websocket", timeout=SHOWS_WITHIN_MS)
    newest = page.locator("tr[data-trace]").first
    before = newest.get_attribute("data-trace")
    demo.read()
    expect(newest).not_to_have_attribute("data-trace", before, timeout=ARRIVES_WITHIN_MS)
    expect(newest).to_contain_text("/read/")


def test_counts_on_the_graph_change_in_place(page: Page, demo: Demo) -> None:
    """The number beside a receiver follows its calls; no box moves."""
    open_live(page, demo, "graph/")
    receiver = page.locator('[id="receiver:library.receivers.count_read"]')
    place = receiver.bounding_box()
    before = receiver.locator("[data-count]").text_content()
    for _ in range(40):
        demo.read()
    expect(receiver.locator("[data-count]")).not_to_have_text(before, timeout=SHOWS_WITHIN_MS)
    assert receiver.bounding_box() == place


def test_space_pauses_and_goes_on(page: Page, demo: Demo) -> None:
    """Paused says how many are new; going on shows them."""
    open_live(page, demo, "timeline/")
    page.locator("main").focus()
    page.keyboard.press("Space")
    expect(page.locator("sg-live")).to_contain_text("Paused", timeout=SHOWS_WITHIN_MS)
    newest = page.locator("tr[data-trace]").first.get_attribute("data-trace")
    demo.read()
    expect(page.locator("sg-live")).to_contain_text(re.compile(r"[1-9]\d* new"), timeout=SHOWS_WITHIN_MS)
    assert page.locator("tr[data-trace]").first.get_attribute("data-trace") == newest
    page.keyboard.press("Space")
    expect(page.locator("sg-live")).to_contain_text("Live", timeout=SHOWS_WITHIN_MS)
    expect(page.locator("tr[data-trace]").first).not_to_have_attribute("data-trace", newest, timeout=SHOWS_WITHIN_MS)


def test_a_filter_is_applied_and_stands_in_the_address(page: Page, demo: Demo) -> None:
    """Typing narrows the table without a reload; the address can be shared."""
    demo.read()
    open_live(page, demo, "signals/")
    page.locator("#sg-q").fill("signal:*book_read")
    expect(page.locator("main")).not_to_contain_text("request_started", timeout=SHOWS_WITHIN_MS)
    expect(page.locator("main")).to_contain_text("book_read")
    expect(page).to_have_url(re.compile(r"q=signal"), timeout=SHOWS_WITHIN_MS)


def test_a_wrong_filter_is_explained_at_the_spot(page: Page, demo: Demo) -> None:
    """An unknown field is named, with the one that was probably meant."""
    open_live(page, demo, "signals/")
    page.locator("#sg-q").fill("app:shop reciever:x")
    error = page.get_by_role("alert")
    expect(error.locator("mark")).to_have_text("reciever", timeout=SHOWS_WITHIN_MS)
    expect(error).to_contain_text("receiver")


def test_a_trace_opens_to_its_waterfall(page: Page, demo: Demo) -> None:
    """From the newest traces to one request: its dispatches and receivers, in the order they ran."""
    demo.read()
    open_live(page, demo, "timeline/")
    row = page.locator("tr[data-trace]", has_text="/read/").first
    trace = row.get_attribute("data-trace")
    page.goto(f"{demo.url}/signals/traces/{trace}/")
    tree = page.locator('[role="treegrid"]')
    expect(tree).to_contain_text("book_read")
    expect(tree).to_contain_text("count_read")
    expect(page.locator("h1")).to_contain_text("GET /books/<slug:slug>/read/")


def test_a_receiver_is_focused_by_a_click(page: Page, demo: Demo) -> None:
    """A click lights what belongs to the receiver, dims the rest, opens its details; Esc undoes that."""
    open_live(page, demo, "graph/")
    page.locator('[id="receiver:library.receivers.count_read"]').click()
    expect(page.locator(".panel")).to_contain_text("library.receivers.count_read", timeout=SHOWS_WITHIN_MS)
    expect(page).to_have_url(re.compile("sel=receiver"), timeout=SHOWS_WITHIN_MS)
    expect(page.locator('[id="receiver:shop.receivers.send_receipt"]')).to_have_class(re.compile(r"\bdim\b"))
    expect(page.locator('[id="signal:library.signals.book_read"]')).not_to_have_class(re.compile(r"\bdim\b"))
    page.keyboard.press("Escape")
    expect(page.locator('[id="receiver:shop.receivers.send_receipt"]')).not_to_have_class(
        re.compile(r"\bdim\b"), timeout=SHOWS_WITHIN_MS
    )


def test_the_picture_is_downloaded_as_it_is_shown(page: Page, demo: Demo, tmp_path: Path) -> None:
    """The file has the connections of the filtered page and opens by itself."""
    page.goto(f"{demo.url}/signals/graph/?q=app:library")
    page.locator("#sg-exports summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="SVG").click()
    path = tmp_path / "wiring.svg"
    download.value.save_as(path)
    root = ET.parse(path).getroot()
    ids = {element.get("id") for element in root.iter()}
    assert "receiver:library.receivers.count_read" in ids
    assert "receiver:shop.receivers.send_receipt" not in ids
    page.goto(path.as_uri())
    expect(page.locator('[id="receiver:library.receivers.count_read"]')).to_be_visible()


@pytest.mark.parametrize(
    "path", ["", "graph/", "timeline/", "signals/", "receivers/", "senders/", "findings/", "setup/"]
)
def test_every_page_works_without_scripts(browser: Browser, demo: Demo, path: str) -> None:
    """The pages are rendered on the server: what they say is there with JavaScript switched off."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    response = page.goto(f"{demo.url}/signals/{path}")
    assert response is not None
    assert response.status == 200
    expect(page.locator("main")).to_be_visible()
    assert len(page.locator("main").inner_text()) > 100
    context.close()
