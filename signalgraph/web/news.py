"""One thread that waits for the log on behalf of every socket of this process, however many there are."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from signalgraph.log.base import LogError

PACE_S = 0.05  # all sockets are told at once, so they ask for the same frame, and it is made once
LOOK_S = 1.0  # how long the thread outlives the last socket

logger = logging.getLogger("signalgraph.feed")


class Waitable(Protocol):
    """What the thread needs of an index."""

    @property
    def cursor(self) -> str: ...

    def wait_newer(self, cursor: str, timeout: float) -> bool: ...


class News:
    """Sets the event of each subscriber, on the subscriber's own loop, when there is something new to read."""

    def __init__(self, get_index: Callable[[], Waitable]) -> None:
        self._get_index = get_index
        self._lock = threading.Lock()
        self._events: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._thread: threading.Thread | None = None

    def subscribe(self, event: asyncio.Event) -> None:
        """Call it on the event's loop; the first one starts the thread, and it ends soon after the last one left."""
        with self._lock:
            self._events[event] = asyncio.get_running_loop()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="signalgraph-news", daemon=True)
                self._thread.start()

    def unsubscribe(self, event: asyncio.Event) -> None:
        with self._lock:
            self._events.pop(event, None)

    def _watch(self) -> None:
        cursor = ""
        while not self._is_over():
            try:
                index = self._get_index()
                if index.cursor != cursor or index.wait_newer(cursor, LOOK_S):
                    cursor = index.cursor
                    self._tell()
                    time.sleep(PACE_S)
            except LogError:
                logger.exception("The log can't be read; trying again.")
                time.sleep(LOOK_S)

    def _is_over(self) -> bool:
        with self._lock:
            if self._events:
                return False
            self._thread = None
            return True

    def _tell(self) -> None:
        with self._lock:
            for event, loop in list(self._events.items()):
                try:
                    loop.call_soon_threadsafe(event.set)
                except RuntimeError:  # that loop is closed, and its sockets with it
                    del self._events[event]
