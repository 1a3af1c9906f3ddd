"""Counters of this process, for the telemetry page."""

import threading
from collections import Counter


class Counts:
    """A `Counter` that any thread may add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counter: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        with self._lock:
            self._counter[name] += amount

    def __getitem__(self, name: str) -> int:
        return self._counter[name]

    def rows(self) -> list[tuple[str, int]]:
        """Return names and counts by name."""
        with self._lock:
            return sorted(self._counter.items())


COUNTS = Counts()
