"""Muting a signal and pausing recording from the pages: who may, what is changed, what the pages say then."""

from __future__ import annotations

import json
import re
import uuid
from html import unescape
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from log_entries import SHOP, SIGNALS, batch, connection, dispatch, now_ms, wiring

from signalgraph.events import Heartbeat
from signalgraph.index import Index
from signalgraph.log import Log, LogError, open_log
from signalgraph.log.base import Control
from signalgraph.web import asking, scope

ORDERED = SIGNALS[0]
HTMX = {"HX-Request": "true"}


def nobody(request: HttpRequest) -> bool:
    return False


@pytest.fixture
def log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Log:
    url = f"memory://{uuid.uuid4().hex}"
    settings.SIGNALGRAPH = {"LOG": url, "ACCESS": "page_urls.everybody"}
    settings.ROOT_URLCONF = "page_urls"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    log = open_log(url, writer=True)
    for module in (scope, asking):
        monkeypatch.setattr(module, "current_index", lambda: Index(log))
    log.append(wiring([connection(), connection("shop.receivers.audit", signal=SIGNALS[1], sender="*")]))
    log.append(batch([dispatch(1)], ignored=[(0, 7)]))
    log.beat(Heartbeat(SHOP, now_ms(), True, 1))
    return log


def post(path: str = "mute/", headers: dict[str, str] | None = None, **values: str) -> HttpResponse:
    return Client().post(f"/signals/{path}", values, headers=headers)


def text(path: str) -> str:
    """What a page says, without markup."""
    words = re.sub(r"<[^>]*>", " ", Client().get(f"/signals/{path}").content.decode())
    return " ".join(unescape(words).split())


@pytest.mark.parametrize("name", [ORDERED, f"signal:{ORDERED}"])
def test_a_signal_is_muted_and_recorded_again(log: Log, name: str) -> None:
    """What else was asked for stays."""
    log.set_control(Control(watched_until_ms=77, muted=frozenset({"a.b"})))
    assert post(signal=name).status_code == 303
    assert log.control() == Control(77, False, frozenset({"a.b", ORDERED}))
    post(signal=name, muted="0")
    assert log.control() == Control(77, False, frozenset({"a.b"}))


@pytest.mark.parametrize(
    ("back", "location"),
    [
        ("/signals/signals/?q=app%3Ashop", "/signals/signals/?q=app%3Ashop"),
        ("", "/signals/signals/"),
        ("//evil.example/", "/signals/signals/"),
        ("https://evil.example/signals/", "/signals/signals/"),
        ("/elsewhere/", "/signals/signals/"),
    ],
)
def test_without_scripts_it_goes_back_to_the_page_that_asked(log: Log, back: str, location: str) -> None:
    """And to no address outside of the dashboard."""
    assert post(signal=ORDERED, back=back)["Location"] == location


def test_htmx_shows_again_the_part_in_which_the_button_stood(log: Log) -> None:
    """The panel, or the main view; the tables and the strip look again."""
    answer = post(signal=ORDERED, back="/signals/graph/", part="sg-panel", headers=HTMX)
    assert json.loads(answer["HX-Location"]) == {"path": "/signals/graph/", "target": "#sg-panel", "swap": "outerHTML"}
    assert answer["HX-Trigger"] == "sg:refresh, sg:refresh-slow"
    answer = post(signal=ORDERED, back="/signals/graph/", headers=HTMX)
    assert json.loads(answer["HX-Location"])["target"] == "#main"


def test_a_name_that_nobody_knows_is_refused(log: Log) -> None:
    """With its name; a muted one that is gone can still be unmuted."""
    answer = post(signal="shop.signals.nothing")
    assert answer.status_code == 400
    assert "shop.signals.nothing" in answer.content.decode()
    assert log.control().muted == frozenset()
    log.set_control(Control(muted=frozenset({"shop.signals.gone"})))
    assert post(signal="shop.signals.gone", muted="0").status_code == 303
    assert log.control().muted == frozenset()


def test_htmx_shows_a_refusal_beside_what_is_there(log: Log) -> None:
    """Nothing is replaced by it."""
    answer = post(signal="shop.signals.nothing", headers=HTMX)
    assert (answer.status_code, answer["HX-Reswap"]) == (200, "none")
    assert 'id="sg-notice"' in answer.content.decode()
    assert "shop.signals.nothing" in answer.content.decode()


def test_a_log_that_cannot_be_written_says_so(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which file, and what to do."""

    def refuse(self: Log, change: object) -> None:
        raise LogError("The log /srv/log.sqlite3 can't be written (readonly).")

    monkeypatch.setattr(type(log), "change_control", refuse)
    answer = post(signal=ORDERED)
    assert answer.status_code == 503
    assert "/srv/log.sqlite3" in answer.content.decode()
    assert "let this process write there" in answer.content.decode()


@pytest.mark.parametrize("path", ["mute/", "recording/"])
def test_only_who_may_look_may_ask(log: Log, settings: Any, path: str) -> None:
    """By the project's own rule, as everywhere."""
    settings.SIGNALGRAPH = {**settings.SIGNALGRAPH, "ACCESS": "test_asking.nobody"}
    assert post(path, signal=ORDERED, paused="1").status_code == 403
    assert log.control() == Control()


@pytest.mark.parametrize("path", ["mute/", "recording/"])
def test_a_page_of_somebody_else_cannot_ask(log: Log, path: str) -> None:
    """A POST needs the token of our page, a GET changes nothing."""
    client = Client(enforce_csrf_checks=True)
    assert client.post(f"/signals/{path}", {"signal": ORDERED, "paused": "1"}).status_code == 403
    assert client.get(f"/signals/{path}", {"signal": ORDERED, "paused": "1"}).status_code == 405
    assert log.control() == Control()


def test_the_form_of_the_page_brings_its_token(log: Log) -> None:
    """It works as it stands in the page."""
    client = Client(enforce_csrf_checks=True)
    html = client.get(f"/signals/signals/{ORDERED}/").content.decode()
    form = html[html.index('action="/signals/mute/"') :]
    values = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[: form.index("</form>")]))
    assert client.post("/signals/mute/", {key: unescape(value) for key, value in values.items()}).status_code == 303
    assert log.control().muted == {ORDERED}


def test_pages_say_what_is_muted(log: Log) -> None:
    """In the strip of each, in the table, on its page and in the health line, with a way to take it back."""
    assert "muted" not in text("timeline/").replace("mute the signal", "")
    log.set_control(Control(muted=frozenset({ORDERED})))
    assert "1 signal is muted" in text("timeline/")
    assert "1 signal is muted" in text("").split("How the apps")[0]
    table = text(f"signals/?open={ORDERED}")
    assert "Counted only 1 signal, muted by a viewer" in table
    assert "order_placed muted shop.signals" in table
    assert "Unmute" in table
    page = text(f"signals/{ORDERED}/")
    assert "muted: counted only" in page
    assert "Unmute" in page
    assert "Unmute" in text(f"graph/?view=list&sel=signal:{ORDERED}")


def test_what_is_muted_is_found_by_the_filter(log: Log) -> None:
    """`is:muted` of signals and connections."""
    log.set_control(Control(muted=frozenset({ORDERED})))
    assert [row["name"] for row in Client().get("/signals/signals.json?q=is:muted").json()["signals"]] == [ORDERED]
    receivers = Client().get("/signals/receivers.json?q=-is:muted").json()["receivers"]
    assert [row["name"] for row in receivers] == ["shop.receivers.audit"]


def test_what_the_settings_ignore_is_shown_and_not_unmuted(log: Log, settings: Any) -> None:
    """A viewer can't take it back; what was counted is there."""
    settings.SIGNALGRAPH = {**settings.SIGNALGRAPH, "IGNORE": ["shop.signals.*"]}
    page = text(f"signals/{ORDERED}/")
    assert "counted only (IGNORE)" in page
    assert "7 were only counted so far" in page
    assert "Unmute" not in page


def test_recording_is_paused_and_goes_on(log: Log) -> None:
    """In every process; pages say so."""
    assert post("recording/", paused="1", back="/signals/setup/")["Location"] == "/signals/setup/"
    assert log.control().paused
    assert "recording paused" in text("timeline/")
    assert "A viewer has paused recording" in text("setup/")
    post("recording/", paused="0")
    assert not log.control().paused
