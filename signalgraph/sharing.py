"""One index per log and process, and the thread that keeps it fresh."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from signalgraph.log import open_log
from signalgraph.log.base import Log, LogError

if TYPE_CHECKING:
    from signalgraph.index import Index

IDLE_S = 60.0
LOOK_S = 1.0  # a tailer looks at the log at least this often, for signs of life
PACE_S = 0.02


class Tailer:
    """Refreshes an index whenever its log has something new; ends by itself when nobody has looked for `IDLE_S`."""

    def __init__(self, log: Log, index: Index) -> None:
        self.index = index
        self._log = log
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="signalgraph-tailer", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive() and not self._stopping.is_set()

    def stop(self) -> None:
        self._stopping.set()
        self._log.close()
        self._thread.join(timeout=LOOK_S * 2)

    def _run(self) -> None:
        while not self._stopping.wait(PACE_S):
            if time.monotonic() - self.index.used > IDLE_S and _give_up(self):
                self._log.close()
                return
            try:
                self._log.wait(f"{self.index.since.partition(':')[0]}:{self.index.position}", LOOK_S)
                self.index.refresh()
            except LogError:  # whoever looks gets it too, from what they ask; the log may come back
                self._stopping.wait(LOOK_S)


_lock = threading.Lock()
_tailers: dict[str, Tailer] = {}


def share(url: str, make_index: Callable[[Log], Index]) -> Index:
    """The index of a log that is kept fresh in this process; made by the first who asks. Raises `LogError`."""
    with _lock:
        tailer = _tailers.get(url)
        if tailer is None or not tailer.is_running:
            tailer = _tailers[url] = _start(url, make_index)
        tailer.index.used = time.monotonic()
        return tailer.index


def _start(url: str, make_index: Callable[[Log], Index]) -> Tailer:
    log = open_log(url, writer=False)
    try:
        return Tailer(log, make_index(log))
    except BaseException:
        log.close()
        raise


def _give_up(tailer: Tailer) -> bool:
    """Take a tailer out unless somebody came meanwhile."""
    with _lock:
        if time.monotonic() - tailer.index.used <= IDLE_S:
            return False
        for url in [url for url, each in _tailers.items() if each is tailer]:
            del _tailers[url]
        return True


def close_shared_indexes() -> None:
    """Stop every tailer and close its log. Whoever looks next starts anew."""
    with _lock:
        tailers = list(_tailers.values())
        _tailers.clear()
    for tailer in tailers:
        tailer.stop()


def _forget() -> None:
    """In a forked child: the threads are the parent's, and its lock may be held."""
    global _lock
    _lock = threading.Lock()
    _tailers.clear()


atexit.register(close_shared_indexes)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
