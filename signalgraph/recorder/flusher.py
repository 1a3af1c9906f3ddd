"""The thread that carries what was recorded to the log, ten times a second."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec import structs

from signalgraph.events import Batch, Entry, Heartbeat, Process
from signalgraph.log.base import Control, Keep, Log, LogError
from signalgraph.recorder import dispatching, faults
from signalgraph.recorder.batches import BatchMaker
from signalgraph.recorder.clock import SIGNAL, TRACE
from signalgraph.recorder.reasons import Reasons
from signalgraph.recorder.signals import Signals
from signalgraph.registry import Registry

INTERVAL_S = 0.1
WATCHED_INTERVAL_S = 0.05
SLOW_TICK_S = 1.0  # heartbeat, wiring, what viewers ask for
WIRING_AGAIN_S = 3600.0
PRUNE_EVERY_S = 60.0
MOST_RECORDS = 20_000  # of one batch
MOST_PENDING = 50  # batches that wait for a log that can't be written; older ones are dropped, and counted


class Flusher:
    """Drains the ring into a log. `asked` is called each second with what viewers ask for."""

    def __init__(
        self,
        log: Log,
        process: Process,
        registry: Registry,
        signals: Signals,
        asked: Callable[[Control], bool],
        keep: Keep,
    ) -> None:
        self.log = log
        self.keep = keep
        self.process = process
        self.error: str | None = None
        self.recorded = 0
        self.dropped = 0
        self._signals = signals
        self._registry = registry
        self._asked = asked
        self._reasons = Reasons()
        self._maker = BatchMaker(process, registry, signals)
        self._held: list[tuple[Any, ...]] = []
        self._unheard: dict[str, int] = {}
        self._pending: deque[Entry] = deque()
        self._fingerprint = 0
        self._wiring_at = 0.0
        self._slow_at = 0.0
        self._appended_at = 0.0
        self._pruned_at = time.monotonic()
        self._interval_s = INTERVAL_S
        self._recording = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.lock = threading.RLock()

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="signalgraph-flusher", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Carry the rest to the log and say that this process has ended in order."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        with self.lock:
            self._guarded(lambda: self.flush(last=True))
            while self._pending:  # the log took no more: that is lost, and said
                self._give_up(self._pending.popleft())
            self._guarded(lambda: self.log.beat(structs.replace(self.heartbeat(), recording=False, ended=True)))

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_s):
            with self.lock:
                self._guarded(self.flush)

    def _guarded(self, work: Callable[[], object]) -> None:
        """The boundary of this thread: what fails here is told by `state()` and on the setup page."""
        try:
            work()
        except LogError as error:
            self.error = str(error)
        except Exception:  # noqa: BLE001 - a bug of ours must not end the thread
            faults.report("the flusher")

    def heartbeat(self) -> Heartbeat:
        return Heartbeat(self.process, int(time.time() * 1000), self._recording, self.recorded, self.dropped)

    def flush(self, *, last: bool = False) -> None:
        """Append what there is; each second also the wiring if it changed, a sign of life, and what viewers ask."""
        now = time.monotonic()
        slow = last or now - self._slow_at >= SLOW_TICK_S
        if slow:
            self._slow_at = now
            self._watch_wiring(now)
        while self._drain(unheard=slow, last=last):
            self._write()
        self._write()
        if slow and not last:
            self._listen()
            if now - self._appended_at >= SLOW_TICK_S:
                self.log.beat(self.heartbeat())
            if now - self._pruned_at >= PRUNE_EVERY_S:
                self._pruned_at = now
                self.log.prune(max_age_s=self.keep.age_s, max_bytes=self.keep.bytes)

    def _drain(self, *, unheard: bool, last: bool) -> bool:
        """Make one batch of what is in the ring; True when there may be more."""
        records, more = self._take()
        self._reasons.take_notes()
        told, held, own = self._reasons.sort(records, TRACE)
        if last:
            told, held = told + held, []
        # A dispatch that began before the recorder was started again is of another table of names: dropped.
        told = [record for record in told if self._signals.knows(record[SIGNAL])]
        self._held = held
        accounted = self.recorded + len(told) + own
        ended, in_ring = max(dispatching.TALLY), len(dispatching.RING)
        self.dropped = max(self.dropped, ended - accounted - len(held) - in_ring)
        causes = self._reasons.news(self._maker.clockwork.wall_us)
        ends = [dispatching.LATE_CALLS.popleft() for _ in range(len(dispatching.LATE_CALLS))]
        if unheard and not more:
            self._count_unheard()
        if told or causes or ends or (self._unheard and not more):
            counts, self._unheard = self._unheard, {}
            self._pending.append(self._maker.make(told, ends, causes, counts, accounted, self.dropped))
        self.recorded = accounted
        if not (more or held):
            self._signals.forget_dead()
        return more

    def _count_unheard(self) -> None:
        for name, count in self._signals.unheard().items():
            self._unheard[name] = self._unheard.get(name, 0) + count

    def _take(self) -> tuple[list[tuple[Any, ...]], bool]:
        ring = dispatching.RING
        records, self._held = self._held, []
        try:
            for _ in range(MOST_RECORDS):
                records.append(ring.popleft())
        except IndexError:
            return records, False
        return records, True

    def _write(self) -> None:
        while len(self._pending) > MOST_PENDING:
            self._give_up(self._pending.popleft())
        while self._pending:
            try:
                self.log.append(self._pending[0])
            except LogError:
                raise
            except Exception:  # noqa: BLE001 - an entry that can't be written must not stop those behind it
                faults.report("writing an entry")
                self._give_up(self._pending[0])
            self._pending.popleft()
            self._appended_at = time.monotonic()
        self.error = None

    def _give_up(self, entry: Entry) -> None:
        """Count what an entry takes with it, and keep what can still be told."""
        if isinstance(entry, Batch):
            self.recorded -= entry.dispatched
            self.dropped += entry.dispatched
            for position, count in entry.unheard:
                name = entry.signals[position]
                self._unheard[name] = self._unheard.get(name, 0) + count
        else:
            self._fingerprint, self._wiring_at = 0, 0.0

    def _watch_wiring(self, now: float) -> None:
        fingerprint = self._registry.fingerprint()
        if fingerprint == self._fingerprint and now - self._wiring_at < WIRING_AGAIN_S:
            return
        if fingerprint != self._fingerprint:
            self._registry.scan()
            self._maker.wiring_changed()
            self._fingerprint = self._registry.fingerprint()
        self._wiring_at = now
        self._pending.append(self._registry.wiring(self.process, time.time_ns() // 1000))

    def _listen(self) -> None:
        control = self.log.control()
        self._recording = self._asked(control)
        watched = control.watched_until_ms > time.time() * 1000
        self._interval_s = WATCHED_INTERVAL_S if watched else INTERVAL_S
