"""What the setup page says of how it is recorded: the mode that is in force, samples, faults, cost."""

from __future__ import annotations

import re
import threading
import uuid
from html import unescape
from typing import Any

import pytest
from django.test import Client
from log_entries import SHOP, STOCK, batch, connection, dispatch, now_ms, wiring

from signalgraph.events import Heartbeat
from signalgraph.index import Index
from signalgraph.log import Log, open_log
from signalgraph.recorder import faults
from signalgraph.web import recording, scope


@pytest.fixture
def log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Log:
    url = f"memory://{uuid.uuid4().hex}"
    settings.SIGNALGRAPH = {"LOG": url, "ACCESS": "page_urls.everybody"}
    settings.ROOT_URLCONF = "page_urls"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    log = open_log(url, writer=True)
    monkeypatch.setattr(scope, "current_index", lambda: Index(log))
    log.append(wiring([connection()]))
    log.append(batch([dispatch(1)]))
    log.beat(Heartbeat(SHOP, now_ms(), True, 1))
    return log


def text(path: str = "setup/") -> str:
    """What a page says, without markup."""
    words = re.sub(r"<[^>]*>", " ", Client().get(f"/signals/{path}").content.decode())
    return " ".join(unescape(words).split())


@pytest.mark.parametrize(
    ("record", "debug", "said"),
    [
        ("auto", True, 'RECORD = "auto" records, as DEBUG is on'),
        ("auto", False, 'RECORD = "auto" records in DEBUG only, and DEBUG is off'),
        ("always", False, 'RECORD = "always" records, whatever DEBUG is'),
        ("watched", False, 'RECORD = "watched" records while somebody looks at these pages'),
        ("off", True, 'RECORD = "off" records nothing'),
    ],
)
def test_the_mode_is_said_as_it_works_here(log: Log, settings: Any, record: str, debug: bool, said: str) -> None:
    """What `auto` does depends on DEBUG."""
    settings.DEBUG = debug
    settings.SIGNALGRAPH = {**settings.SIGNALGRAPH, "RECORD": record}
    assert said in text()


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([1.0, 1.0], "not sampled"),
        ([0.1, 0.1], "1 in 10 traces kept, errors and slow ones always"),
        ([0.1, 1.0], "1 in 10 to all traces kept"),
        ([0.3, 0.3], "30 % traces kept"),
    ],
)
def test_pages_say_which_traces_are_kept(log: Log, shares: list[float], said: str) -> None:
    """In the strip and in the health line; figures that come from traces say that they are of kept ones."""
    for process, share in zip((SHOP, STOCK), shares, strict=True):
        log.beat(Heartbeat(process, now_ms(), True, 100, sampled=90 if share < 1 else 0, share=share))
    page = text("")
    assert page.count(said) == 2
    assert ("kept traces" in page.split("What causes it")[1]) == (shares[0] < 1)


def test_processes_say_what_they_sampled_away(log: Log) -> None:
    """Beside what they recorded and dropped."""
    log.beat(Heartbeat(SHOP, now_ms(), True, 5000, dropped=7, sampled=4500, share=0.1))
    assert "5 000 4 500 1 in 10 kept 7" in text()


def test_settings_that_shape_the_record_are_named(log: Log, settings: Any) -> None:
    """Names only: SAMPLE, IGNORE, CAPTURE, REDACT."""
    more = {"SAMPLE": 0.1, "IGNORE": ["shop.signals.*"], "CAPTURE": ["created_by"], "REDACT": ["*token*"]}
    settings.SIGNALGRAPH = {**settings.SIGNALGRAPH, **more}
    page = text()
    assert "SAMPLE = 0.1" in page
    assert "IGNORE = ['shop.signals.*']" in page
    assert "values created_by hidden in them *token*" in page
    assert "the values that CAPTURE names" in page


def test_faults_of_the_recorder_are_shown_with_what_failed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most often first; nothing where there is none."""
    assert "The recorder of this process failed" not in text()
    monkeypatch.setattr(faults, "counted", {"the flusher": 1, "close_request": 3})
    assert "failed 4 times look In close_request (3), the flusher (1)." in text()


def test_the_cost_is_that_of_our_own_threads(log: Log) -> None:
    """Their processor time against that of the whole process."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name=recording.CARRIES, daemon=True)
    thread.start()
    try:
        spent = recording._thread_seconds()
    finally:
        done.set()
        thread.join()
    assert [name for name, _ in spent if name == recording.CARRIES]
    assert all(seconds >= 0 for _, seconds in spent)


def test_percentiles_say_on_how_many_calls_they_stand(log: Log) -> None:
    """Everywhere, and that these were kept where others were not."""
    signal = "shop.signals.order_placed"
    assert "ms of 1 p95" in text(f"signals/{signal}/")
    log.beat(Heartbeat(SHOP, now_ms(), True, 100, sampled=99, share=0.1))
    assert "ms of 1 kept p95" in text(f"signals/{signal}/")
    assert "percentiles of 1 kept" in text(f"graph/?view=list&sel=signal:{signal}")
    assert "percentiles of the newest kept, at most 512" in text("signals/")
    assert 'title="of 1 dispatches"' in Client().get("/signals/signals/").content.decode()
