"""All visitors at once, at a steady rate."""

import threading
import time
from contextlib import suppress
from http.client import HTTPException
from queue import Full, Queue

from dashboard.traffic import Action, plan
from dashboard.visitor import Visitor

RETRY_AFTER_S = 1.0
LEAVE_WITHIN_S = 5.0


class Crowd:
    """Visitors, each in a thread of its own, so that one who waits keeps nobody else from visiting.

    Attributes
    ----------
    done, unanswered
        Actions that the site answered, whatever it said, and actions that met no site.
    """

    def __init__(self, base_url: str, seed: int, visitors: int) -> None:
        self.base_url = base_url
        self.seed = seed
        self.done = 0
        self.unanswered = 0
        self._lock = threading.Lock()
        # Bounded: when the site is slower than the rate, the plan waits for it.
        self._queues: list[Queue[Action | None]] = [Queue(maxsize=2) for _ in range(visitors)]

    def visit(self, rate: float, duration_s: float | None, stop: threading.Event) -> None:
        """Follow the plan at `rate` actions per second until `stop` is set or the time is over."""
        threads = [threading.Thread(target=self._work, args=(queue, stop), daemon=True) for queue in self._queues]
        for thread in threads:
            thread.start()
        due = time.monotonic()
        end = None if duration_s is None else due + duration_s
        for action in plan(self.seed, len(self._queues)):
            if (end is not None and due >= end) or stop.wait(max(0.0, due - time.monotonic())):
                break
            self._hand_over(action, stop, end)
            due = max(due + 1 / rate, time.monotonic())  # what was late stays late: no burst after a pause
        self._say_goodbye(threads)

    def _hand_over(self, action: Action, stop: threading.Event, end: float | None) -> None:
        while not stop.is_set() and (end is None or time.monotonic() < end):
            with suppress(Full):
                return self._queues[action.visitor].put(action, timeout=0.2)

    def _say_goodbye(self, threads: list[threading.Thread]) -> None:
        until = time.monotonic() + LEAVE_WITHIN_S
        for queue in self._queues:
            with suppress(Full):
                queue.put(None, timeout=max(0.0, until - time.monotonic()))
        for thread in threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))

    def _work(self, actions: "Queue[Action | None]", stop: threading.Event) -> None:
        visitor = Visitor(self.base_url, self.seed)
        for action in iter(actions.get, None):
            if stop.is_set():
                return
            answered = self._try(visitor, action)
            with self._lock:
                self.done += answered
                self.unanswered += not answered
            if not answered:  # the site restarts: come back a little later
                stop.wait(RETRY_AFTER_S)

    def _try(self, visitor: Visitor, action: Action) -> bool:
        try:
            visitor.do(action)
        except (OSError, HTTPException):
            return False
        return True
