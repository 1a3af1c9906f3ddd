"""The log for tests and for a single process: a bounded list of entries."""

from __future__ import annotations

import threading
import time
from array import array
from collections import deque
from collections.abc import Callable

from msgspec import structs

from signalgraph.events import Batch, Entry, Heartbeat, Process, Total, Wiring, encode_entry
from signalgraph.log import forks
from signalgraph.log.base import Control, Log, Page, Totals
from signalgraph.log.cursor import locate, make_cursor, new_origin, parse_cursor
from signalgraph.log.living import carry_over, is_living

MAX_ENTRIES = 10_000
MAX_BYTES = 64 * 2**20

_shared: dict[str, MemoryLog] = {}
_opening = threading.Lock()


def open_memory(name: str) -> MemoryLog:
    """The log of that name in this process; it stays until the process ends."""
    with _opening:
        if name not in _shared:
            _shared[name] = MemoryLog(name)
        return _shared[name]


class MemoryLog(Log):
    """Entries in a deque, oldest first; the oldest ones go when there are more than `MAX_ENTRIES` or `MAX_BYTES`."""

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._origin = new_origin()
        self._since_ms = int(time.time() * 1000)
        self._news = threading.Condition()
        self._entries: deque[tuple[int, Entry, int]] = deque()
        self._bytes = 0
        self._end = 0
        self._pruned = 0
        self._connections: dict[tuple[str, str, str], Total] = {}
        self._signals: dict[str, Total] = {}
        self._unheard: dict[str, int] = {}
        self._ignored: dict[str, int] = {}
        self._dispatched = 0
        self._wirings: dict[str, tuple[int, Wiring]] = {}
        self._heartbeats: dict[str, Heartbeat] = {}
        self._tallies: dict[str, memoryview] = {}
        self._control = Control()
        forks.watch(self)

    @property
    def url(self) -> str:
        return f"memory://{self._name}"

    def append(self, entry: Entry) -> str:
        size = len(encode_entry(entry))
        with self._news:
            self._end += 1
            self._entries.append((self._end, entry, size))
            self._bytes += size
            if isinstance(entry, Wiring):
                self._wirings[entry.process.id] = (self._end, entry)
            else:
                self._add(entry)
            known = self._heartbeats.get(entry.process.id)
            self._heartbeats[entry.process.id] = carry_over(known, entry)
            while len(self._entries) > MAX_ENTRIES or (self._bytes > MAX_BYTES and len(self._entries) > 1):
                self._remove_oldest()
            self._news.notify_all()
            return make_cursor(self._origin, self._end)

    def _add(self, batch: Batch) -> None:
        for (signal, sender, receiver), total in zip(batch.connections, batch.totals, strict=True):
            if total != Total():  # what was only told, as it runs or was counted before, adds nothing
                key = (batch.signals[signal], batch.senders[sender], batch.receivers[receiver])
                self._connections[key] = self._connections.get(key, Total()) + total
        for name, total in zip(batch.signals, batch.signal_totals, strict=False):  # none from an older recorder
            if total != Total():
                self._signals[name] = self._signals.get(name, Total()) + total
        for known, counts in ((self._unheard, batch.unheard), (self._ignored, batch.ignored)):
            for signal, count in counts:
                name = batch.signals[signal]
                known[name] = known.get(name, 0) + count
        self._dispatched += batch.dispatched

    def _remove_oldest(self) -> None:
        position, entry, size = self._entries.popleft()
        self._bytes -= size
        self._pruned = position
        process = entry.process.id
        if self._wirings.get(process, (0, None))[0] == position and not self._keeps_wiring(process):
            del self._wirings[process]

    def _keeps_wiring(self, process: str) -> bool:
        is_newest = max(self._wirings, key=lambda each: self._wirings[each][0]) == process
        return is_newest or is_living(self._heartbeats[process], int(time.time() * 1000))

    def be_patient(self, seconds: float) -> None:
        """Nothing: writes wait for other threads only."""

    def beat(self, heartbeat: Heartbeat) -> None:
        with self._news:
            self._heartbeats[heartbeat.process.id] = heartbeat

    def tally(self, process: Process) -> memoryview:
        with self._news:
            cells = self._tallies.setdefault(process.id, memoryview(array("Q", [0] * 64)))
            self._heartbeats.setdefault(process.id, Heartbeat(process, process.started_ms, recording=False))
            return cells

    def heartbeats(self) -> list[Heartbeat]:
        with self._news:
            return sorted(self._heartbeats.values(), key=lambda beat: beat.seen_ms, reverse=True)

    def end(self) -> str:
        return make_cursor(self._origin, self._end)

    def read(self, after: str | None = None, *, limit: int = 1000, dispatches: bool = True) -> Page:
        with self._news:
            start, hole = locate(after, self._origin, self._pruned, self._end)
            first = self._entries[0][0] if self._entries else self._end + 1
            skip = max(0, start + 1 - first)
            rows = [self._entries[i] for i in range(skip, min(len(self._entries), skip + limit))]
            entries = [(position, entry) for position, entry, _ in rows]
            newest = entries[-1][0] if entries else self._end
            more = newest < self._end
        if not dispatches:
            entries = [(n, structs.replace(e, blob=b"") if isinstance(e, Batch) else e) for n, e in entries]
        return Page(entries, make_cursor(self._origin, newest), hole, more)

    def recent(self, *, limit: int, since_us: int = 0) -> str:
        with self._news:
            position = self._end
            for number, entry, _ in reversed(self._entries):
                if self._end - number >= limit or entry.wall_us < since_us:
                    break
                position = number - 1
            return make_cursor(self._origin, position)

    def totals(self) -> Totals:
        with self._news:
            since = make_cursor(self._origin, 0)
            return Totals(
                self.end(),
                since,
                dict(self._connections),
                dict(self._unheard),
                self._dispatched,
                self._since_ms,
                dict(self._signals),
                dict(self._ignored),
            )

    def wirings(self) -> dict[str, Wiring]:
        with self._news:
            return {process: wiring for process, (_, wiring) in self._wirings.items()}

    def trace(self, process_id: str, trace: int) -> list[Batch]:
        with self._news:
            entries = [entry for _, entry, _ in self._entries]
        batches = [entry for entry in entries if isinstance(entry, Batch) and entry.process.id == process_id]
        return [batch for batch in batches if batch.first_trace <= trace <= batch.last_trace]

    def control(self) -> Control:
        return self._control

    def change_control(self, change: Callable[[Control], Control]) -> Control:
        with self._news:
            self._control = change(self._control)
            return self._control

    def wait(self, after: str, timeout_s: float) -> bool:
        origin, position = parse_cursor(after)
        if origin != self._origin:
            return True
        with self._news:
            self._news.wait_for(lambda: self._end > position, timeout_s)
            return self._end > position

    def prune(self, *, max_age_s: float | None = None, max_bytes: int | None = None) -> int:
        oldest_us = 0 if max_age_s is None else int((time.time() - max_age_s) * 1e6)
        with self._news:
            before = len(self._entries)
            while self._entries and (
                self._entries[0][1].wall_us < oldest_us or (max_bytes is not None and self._bytes > max_bytes)
            ):
                self._remove_oldest()
            return before - len(self._entries)

    def before_fork(self) -> None:
        self._news.acquire()

    def after_fork_in_parent(self) -> None:
        self._news.release()

    def after_fork(self) -> None:
        self._news = threading.Condition()

    def close(self) -> None:
        """Nothing: others may share it, and what was recorded can be read after its recorder has stopped."""
