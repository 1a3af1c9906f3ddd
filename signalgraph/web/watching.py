"""Tell recorders that somebody looks: they flush more often, and with RECORD = "watched" only then record."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace

from signalgraph.log.base import Log, LogError

LOOK_S = 20.0  # longer than a hidden tab is silent
AGAIN_S = 5.0

_lock = threading.Lock()
_told: dict[str, float] = {}


def keep_watched(log: Log) -> None:
    """Say that somebody looks for the next 20 s; the log is written at most every 5 s, however many look."""
    now = time.monotonic()
    with _lock:
        if now - _told.get(log.url, float("-inf")) < AGAIN_S:
            return
        _told[log.url] = now
    until_ms = int((time.time() + LOOK_S) * 1000)
    with contextlib.suppress(LogError):  # a log that can only be read can still be looked at
        log.change_control(lambda control: replace(control, watched_until_ms=until_ms))
