"""The thread that carries what was recorded to the log, ten times a second."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from fnmatch import fnmatchcase

from msgspec import structs

from signalgraph.events import Batch, Entry, Heartbeat, Process
from signalgraph.log.base import Control, Keep, Log, LogBusy, LogError
from signalgraph.recorder import dispatching, faults
from signalgraph.recorder.batches import BatchMaker, Load
from signalgraph.recorder.intake import MOST_RECORDS, Choice, Intake
from signalgraph.recorder.signals import Signals
from signalgraph.registry import Registry

INTERVAL_S = 0.1
WATCHED_INTERVAL_S = 0.05
AT_ONCE_S = 0.001  # before the next flush when the ring fills faster than that; others get the lock meanwhile
SLOW_TICK_S = 1.0  # heartbeat, wiring, what viewers ask for
WIRING_AGAIN_S = 3600.0
PRUNE_EVERY_S = 60.0
PRUNE_EVERY_BYTES = 8 * 2**20  # a little at a time: while much is removed, the ring could fill up
MOST_BATCHES = 5  # of one flush
MOST_PENDING = 50  # batches that wait for a log that can't be written; older ones are dropped, and counted
PATIENCE_S = 0.05  # for a log that another process writes to: a fork waits for a flush
LAST_PATIENCE_S = 1.5  # when this process ends
BUSY_S = 2.0  # a log that was busy for longer is an error that people are told


class Flusher:
    """Drains the ring into a log. `asked` is called each second with what viewers ask for.

    `choice` says what of it is told; dispatches of signals that a viewer has muted are counted only, too.
    """

    def __init__(
        self,
        log: Log,
        process: Process,
        registry: Registry,
        signals: Signals,
        asked: Callable[[Control], bool],
        keep: Keep,
        choice: Choice,
    ) -> None:
        self.log = log
        self.keep = keep
        self.process = process
        self.error: str | None = None
        self._signals = signals
        self._registry = registry
        self._asked = asked
        self._choice = choice
        self._muted: frozenset[str] = frozenset()
        self._intake = Intake(signals, choice)
        self._maker = BatchMaker(process, registry, signals, choice.share, self._intake.is_told)
        self._counts: tuple[dict[str, int], dict[str, int]] = ({}, {})  # unheard and ignored, that no batch has told
        self._pending: deque[Entry] = deque()
        self._busy_since: float | None = None
        self._fingerprint = 0
        self._wiring_at = 0.0
        self._slow_at = 0.0
        self._appended_at = 0.0
        self._pruned_at = time.monotonic()
        self._written = 0  # bytes of dispatches since the log was pruned
        self._interval_s = INTERVAL_S
        self._recording = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.lock = threading.RLock()
        self._silence()

    @property
    def recorded(self) -> int:
        return self._intake.accounted

    @property
    def dropped(self) -> int:
        return self._intake.dropped

    def start(self) -> None:
        if self._thread is None:
            self.log.be_patient(PATIENCE_S)
            self._thread = threading.Thread(target=self._run, name="signalgraph-flusher", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Carry the rest to the log and say that this process has ended in order."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        with self.lock:
            self.log.be_patient(LAST_PATIENCE_S)
            self._guarded(lambda: self.flush(last=True))
            if self._pending:  # the log took no more: that is lost, and said
                self.log.be_patient(PATIENCE_S)
            while self._pending:
                self._give_up(self._pending.popleft())
            self._guarded(lambda: self.log.beat(structs.replace(self.heartbeat(), recording=False, ended=True)))

    def _run(self) -> None:
        while not self._stopping.wait(self._pause()):
            with self.lock:
                self._guarded(self.flush)

    def _pause(self) -> float:
        ring = dispatching.RING
        is_filling = len(ring) >= min(MOST_RECORDS, (ring.maxlen or 0) // 2 or 1)
        return AT_ONCE_S if is_filling else self._interval_s

    def _guarded(self, work: Callable[[], object]) -> None:
        """The boundary of this thread: what fails here is told by `state()` and on the setup page."""
        try:
            work()
            self._busy_since = None
        except LogBusy as error:
            now = time.monotonic()
            self._busy_since = self._busy_since or now
            if now - self._busy_since >= BUSY_S:
                self.error = str(error)
        except LogError as error:
            self.error = str(error)
        except Exception:  # noqa: BLE001 - a bug of ours must not end the thread
            faults.report("the flusher")

    def heartbeat(self) -> Heartbeat:
        return Heartbeat(
            self.process,
            int(time.time() * 1000),
            self._recording,
            self.recorded,
            self.dropped,
            sampled=self._intake.sampled,
            share=self._choice.share,
        )

    def flush(self, *, last: bool = False, unheard: bool = False) -> None:
        """Append what there is; each second also the wiring if it changed, a sign of life, and what viewers ask."""
        now = time.monotonic()
        slow = last or now - self._slow_at >= SLOW_TICK_S
        if slow:
            self._slow_at = now
            self._watch_wiring(now)
            self._intake.forget_ended()
        self._signals.judge_new()
        batches = 0
        while self._drain(counts=slow or unheard, last=last) and (last or batches < MOST_BATCHES):
            self._write()
            batches += 1
        self._write()
        if slow and not last:
            self._listen()
            if now - self._appended_at >= SLOW_TICK_S:
                self.log.beat(self.heartbeat())
        if not last and (now - self._pruned_at >= PRUNE_EVERY_S or self._written >= PRUNE_EVERY_BYTES):
            self._pruned_at, self._written = now, 0
            self.log.prune(max_age_s=self.keep.age_s, max_bytes=self.keep.bytes)

    def _drain(self, *, counts: bool, last: bool) -> bool:
        """Make one batch of what is in the ring; True when there may be more."""
        load, more = self._intake.take(self._maker.wall_us, last=last)
        load.transactions = self._maker.endings.take_notes()
        if counts and not more:
            self._count()
        unheard, ignored = self._counts
        _add(ignored, load.ignored)
        load.unheard, load.ignored = ({}, {}) if more else (unheard, ignored)
        if not load.is_empty:
            self._make(load)
        if not more and not self._intake.holds:
            self._signals.forget_dead()
        return more

    def _make(self, load: Load) -> None:
        try:
            self._pending.append(self._maker.make(load))
        except Exception:
            self._intake.give_back(len(load.counted))
            raise
        if load.unheard or load.ignored:
            self._counts = ({}, {})

    def _count(self) -> None:
        for known, news in zip(self._counts, (self._signals.unheard(), self._signals.ignored()), strict=True):
            _add(known, news)

    def _write(self) -> None:
        while len(self._pending) > MOST_PENDING:
            self._give_up(self._pending.popleft())
        while self._pending:
            entry = self._pending[0]
            try:
                self.log.append(entry)
            except LogError:
                raise
            except Exception:  # noqa: BLE001 - an entry that can't be written must not stop those behind it
                faults.report("writing an entry")
                self._give_up(entry)
            self._pending.popleft()
            self._written += len(entry.blob) if isinstance(entry, Batch) else 0
            self._appended_at = time.monotonic()
        self.error = None

    def _give_up(self, entry: Entry) -> None:
        """Count what an entry takes with it, and keep what can still be told."""
        if isinstance(entry, Batch):
            self._intake.give_back(entry.dispatched)
            for known, counts in zip(self._counts, (entry.unheard, entry.ignored), strict=True):
                _add(known, {entry.signals[position]: count for position, count in counts})
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
        if control.muted != self._muted:
            self._muted = control.muted
            self._silence()

    def _silence(self) -> None:
        self._signals.silence(
            lambda name: name in self._muted or any(fnmatchcase(name, pattern) for pattern in self._choice.ignore)
        )


def _add(known: dict[str, int], news: dict[str, int]) -> None:
    for name, count in news.items():
        known[name] = known.get(name, 0) + count
