"""What viewers ask for, in processes of their own: recording while somebody looks, a mute, a pause."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from signalgraph.index import close_shared_indexes
from signalgraph.log import open_log
from signalgraph.web import watching

DEADLINE_S = 30

# Sends two signals all the time and says when its recording starts and ends.
WORKER = """
    import sys, time
    from django.conf import settings
    settings.configure(DEBUG=False)
    import django
    django.setup()
    from django.dispatch import Signal
    from signalgraph import recorder

    def listens(sender, **kwargs): ...

    quiet, noisy = Signal(), Signal()
    quiet.connect(listens)
    noisy.connect(listens)
    recorder.start("sqlite://" + sys.argv[1], mode=sys.argv[2], process_label=sys.argv[3])
    was = None
    while True:
        now = recorder.state().recording
        if now is not was:
            print("on" if now else "off", flush=True)
            was = now
        quiet.send("worker")
        noisy.send("worker")
        time.sleep(0.01)
"""


class Worker:
    """A recorded process; `said` is what it has printed so far."""

    def __init__(self, path: Path, mode: str, label: str) -> None:
        command = [sys.executable, "-c", textwrap.dedent(WORKER), str(path), mode, label]
        self.said: list[str] = []
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.said.extend(line.strip() for line in self._process.stdout)

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


@pytest.fixture
def path(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """The log of the site and of its workers."""
    path = tmp_path / "log.sqlite3"
    settings.SIGNALGRAPH = {"LOG": f"sqlite://{path}", "ACCESS": "page_urls.everybody", "RECORD": "off"}
    settings.ROOT_URLCONF = "page_urls"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    open_log(f"sqlite://{path}", writer=True).close()
    yield path
    close_shared_indexes()


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "It did not happen."
        time.sleep(0.02)


def frame() -> dict[str, Any]:
    return Client().get("/signals/events.json").json()


def calls(part: str = "") -> int:
    return sum(total["calls"] for key, total in frame()["totals"].items() if part in key)


def test_watched_processes_record_while_somebody_looks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is opened switches both on, without scripts too; when the last viewer is gone both are off."""
    monkeypatch.setattr(watching, "LOOK_S", 3.0)
    workers = [Worker(path, "watched", label) for label in ("one", "two")]
    try:
        wait(lambda: all(worker.said == ["off"] for worker in workers))
        assert Client().get("/signals/").status_code == 200
        wait(lambda: all(worker.said == ["off", "on"] for worker in workers))
        wait(lambda: all(worker.said == ["off", "on", "off"] for worker in workers))
        recorded = {key: total for key, total in frame()["totals"].items() if total["calls"]}
    finally:
        for worker in workers:
            worker.end()
    assert len(recorded) == 2


def test_a_mute_reaches_every_process(path: Path) -> None:
    """From then on that signal is counted only, in all of them, and the others go on; until it is taken back."""
    workers = [Worker(path, "always", label) for label in ("one", "two")]
    try:
        wait(lambda: calls("noisy") > 0 and calls("quiet") > 0)
        noisy = next(key.split("|")[1] for key in frame()["totals"] if "noisy" in key)
        assert Client().post("/signals/mute/", {"signal": noisy}).status_code == 303
        wait(lambda: frame()["ignored"].get(f"signal:{noisy}", 0) > 0)
        wait(lambda: is_still("noisy"))
        counted = frame()["ignored"][f"signal:{noisy}"]
        wait(lambda: frame()["ignored"][f"signal:{noisy}"] > counted)
        before = calls("noisy")
        Client().post("/signals/mute/", {"signal": noisy, "muted": "0"})
        wait(lambda: calls("noisy") > before)
    finally:
        for worker in workers:
            worker.end()


def is_still(part: str) -> bool:
    """Whether the calls of a signal stay the same while those of the other grow."""
    before, other = calls(part), calls("quiet")
    wait(lambda: calls("quiet") > other + 50)
    return calls(part) == before


def test_a_pause_reaches_every_process(path: Path) -> None:
    """Nothing is recorded then, in processes that always record as well; pages say so."""
    workers = [Worker(path, "always", label) for label in ("one", "two")]
    try:
        wait(lambda: calls() > 0)
        Client().post("/signals/recording/", {"paused": "1"})
        wait(lambda: all(worker.said == ["on", "off"] for worker in workers))
        wait(lambda: "Recording is paused" in Client().get("/signals/").content.decode())
        Client().post("/signals/recording/", {"paused": "0"})
        wait(lambda: all(worker.said == ["on", "off", "on"] for worker in workers))
    finally:
        for worker in workers:
            worker.end()
