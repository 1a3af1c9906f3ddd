"""How long requests take: an object whose methods are receivers."""

import time
from contextvars import ContextVar
from typing import Any

from .counts import Counts


class Timer:
    """Connected by its bound methods; whoever connects it keeps it, because a connection holds it weakly."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._started: ContextVar[float | None] = ContextVar("started", default=None)

    def started(self, **kwargs: Any) -> None:
        self._started.set(time.perf_counter())
        self.counts.add("requests started")

    def finished(self, **kwargs: Any) -> None:
        """Sent by a response when it is closed, maybe in another context than the request: then without a time."""
        self.counts.add("requests finished")
        started = self._started.get()
        if started is not None:
            self.counts.add("requests, ms", round(1000 * (time.perf_counter() - started)))
