"""Who records into a log, and what viewers ask of them: read from it at most once a second."""

from __future__ import annotations

import threading
from collections.abc import Callable

from signalgraph.events import Heartbeat, Process
from signalgraph.log.base import Control, Log

FRESH_S = 1.0


class Presence:
    """The signs of life of processes, and the control. Thread-safe; every method may raise `LogError`."""

    def __init__(self, log: Log, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self.look()

    def look(self) -> None:
        """Read both now."""
        with self._lock:
            self._look()

    def _look(self) -> None:
        self._heartbeats, self._control, self._at = self._log.heartbeats(), self._log.control(), self._clock()

    def look_again(self) -> None:
        """Read both where they are older than `FRESH_S`."""
        with self._lock:
            self._look_again()

    def _look_again(self) -> None:
        if self._clock() - self._at >= FRESH_S:
            self._look()

    def heartbeats(self) -> list[Heartbeat]:
        """Every process known, newest sign of life first, at most `FRESH_S` old."""
        with self._lock:
            self._look_again()
            return list(self._heartbeats)

    def control(self) -> Control:
        """What viewers ask for, at most `FRESH_S` old."""
        with self._lock:
            self._look_again()
            return self._control

    def change_control(self, change: Callable[[Control], Control]) -> Control:
        """Change what viewers ask for; known here at once."""
        with self._lock:
            self._control = self._log.change_control(change)
            return self._control

    @property
    def lost(self) -> int:
        """Dispatches known to be missing: dropped by a full ring, or lost by a crash."""
        return sum(beat.dropped + beat.lost for beat in self._heartbeats)

    def process(self, process_id: str) -> Process | None:
        """The process of that id, None when it is not known."""
        return next((beat.process for beat in self._heartbeats if beat.process.id == process_id), None)
