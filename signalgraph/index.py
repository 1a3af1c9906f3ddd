"""The reader's memory of a log: totals of everything, the newest traces, and what is needed to draw both."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from signalgraph.events import Batch, Cause, Entry, Heartbeat, Process, Total, Transaction, Wiring
from signalgraph.fates import Fates
from signalgraph.figures import WINDOW_S, Buckets, Figures, Stats, make_stats
from signalgraph.gathering import Gathering
from signalgraph.log.base import Control, Hole, Log
from signalgraph.log.cursor import locate, make_cursor, parse_cursor
from signalgraph.lookup import miss, parse_trace_id, read_trace
from signalgraph.presence import Presence
from signalgraph.recent import MOST, Causes, Edge, Recent, sum_steps
from signalgraph.resolve import connection_ids, resolve, resolve_late, resolve_writes, spelled_id, told
from signalgraph.sharing import close_shared_indexes, share
from signalgraph.sums import Sums
from signalgraph.traces import Seen, Trace, TraceGone, Written
from signalgraph.wirings import MergedWiring, Wirings, id_of

__all__ = ["Index", "MergedWiring", "Stats", "TraceGone", "close_shared_indexes", "shared_index"]

HEADS = 30_000  # entries whose counts are read at the start: 15 minutes of 33 a second, in about a second
START_ENTRIES = 2000  # of which the newest are read with their dispatches
PAGE_ENTRIES = 500
RESOLVED_PER_S = 20_000  # dispatches and writes; beyond it they are counted and left in the log
COUNTED = 4096  # positions for which the number of dispatches is known


class Index:
    """What is known of a log; thread-safe and bounded. Every method may raise `LogError`.

    Parameters
    ----------
    log : Log
        The index reads it and doesn't close it.
    traces : int
        How many of the newest traces are held; an older one is read from the log by its id.
    clock : callable
        Unix seconds, for the ends of windows and for who is alive.
    """

    def __init__(self, log: Log, *, traces: int = 2000, clock: Callable[[], float] = time.time) -> None:
        self.log = log
        self.used = time.monotonic()  # when somebody last looked; an index that nobody looks at is given up
        self._most_traces = traces
        self._clock = clock
        self._lock = threading.RLock()
        self._news = threading.Condition(self._lock)
        self._start()

    def _start(self) -> None:
        """Read totals, and of the newest entries as much as fits."""
        totals = self.log.totals()
        self._cursor = totals.cursor
        self._origin, self._position = parse_cursor(totals.cursor)
        self._since, self.started_ms = totals.since, totals.since_ms
        self._sums = Sums(totals, self._position)
        self._counted: deque[tuple[int, int]] = deque([(self._position, self._sums.dispatched)], maxlen=COUNTED)
        self._recent = Recent()
        self._fates = Fates()
        self._gathering = Gathering(self._most_traces, self._fates)
        self._activity = Buckets()  # dispatches, errors of receivers, and their queries in the place of ns
        self._began_s = self._clock()
        self._newest_ms: int | None = None
        self._skipped_us = 0  # of what was dispatched before, some may be in the log only
        self._budget, self._budget_at = float(RESOLVED_PER_S), time.monotonic()
        self._wirings = Wirings(self.log.wirings())
        self._presence = Presence(self.log, self._clock)
        self._read_recent()

    def _read_recent(self) -> None:
        """Two passes: counts from the heads of the whole window, dispatches from its newest entries alone."""
        begin = self.log.recent(limit=HEADS, since_us=int((self._clock() - WINDOW_S) * 1e6))
        heads: list[tuple[int, int, int]] = []
        for position, entry in self._pages(begin, dispatches=False):
            heads.append((position, entry.wall_us, told(entry)))
            self._take_head(position, entry)
        room, first = MOST, self._position
        for position, _, count in heads[: -START_ENTRIES - 1 : -1]:
            room -= count
            if room < 0:
                break
            first = position - 1
        self._recent.held_from = first
        self._skipped_us = max((wall_us for position, wall_us, _ in heads if position <= first), default=0)
        if heads and begin != self._since:
            self._skipped_us = max(self._skipped_us, heads[0][1])
        for position, entry in self._pages(make_cursor(self._origin, first), dispatches=True):
            if isinstance(entry, Batch):
                self._resolve(position, entry)

    def _pages(self, cursor: str, *, dispatches: bool) -> Iterable[tuple[int, Entry]]:
        """The entries after a cursor up to the position for which the totals stand."""
        while True:
            page = self.log.read(cursor, limit=PAGE_ENTRIES, dispatches=dispatches)
            yield from ((position, entry) for position, entry in page.entries if position <= self._position)
            cursor = page.cursor
            if not page.more or parse_cursor(cursor)[1] >= self._position:
                return

    def refresh(self) -> bool:
        """Read what is new; True when there was something."""
        with self._lock:
            origin, end = parse_cursor(self.log.end())
            behind = origin != self._origin or end - self._position > START_ENTRIES
            news = behind or self._read_on()
            if behind:
                self._start()
            elif news:
                self._presence.look()
            self._presence.look_again()
            if news:
                self._news.notify_all()
            return news

    def _read_on(self) -> bool:
        news = False
        while True:
            page = self.log.read(self._cursor, limit=PAGE_ENTRIES)
            if page.hole is not None:
                self._start()
                return True
            for position, entry in page.entries:
                self._take(position, entry)
            self._cursor, news = page.cursor, news or bool(page.entries)
            self._position = parse_cursor(page.cursor)[1]
            if not page.more:
                return news

    def _take(self, position: int, entry: Entry) -> None:
        self._position = position
        self._take_head(position, entry)
        if isinstance(entry, Wiring):
            self._wirings.add(entry)
            return
        self._sums.add(position, entry)
        self._counted.append((position, self._sums.dispatched))
        if self._affords(told(entry)):
            self._resolve(position, entry)
        else:
            self._skipped_us = max(self._skipped_us, entry.wall_us)

    def _affords(self, count: int) -> bool:
        now = time.monotonic()
        self._budget = min(RESOLVED_PER_S, self._budget + (now - self._budget_at) * RESOLVED_PER_S)
        self._budget_at = now
        if count > self._budget and self._budget < RESOLVED_PER_S:
            return False
        self._budget -= count
        return True

    def _take_head(self, position: int, entry: Entry) -> None:
        """Rates, causes and the ends of transactions: what is to be had without the dispatches."""
        if isinstance(entry, Wiring):
            return
        wall_s = entry.wall_us / 1e6
        self._began_s = min(self._began_s, wall_s)
        for key, total in zip(connection_ids(entry), entry.totals, strict=True):
            self._recent.of_connection(key).buckets.add(wall_s, total.calls, total.errors, total.ns)
        for name, total in zip(entry.signals, entry.signal_totals, strict=False):  # none from an older recorder
            if total.calls:
                self._recent.of_signal(name).buckets.add(wall_s, total.calls, total.errors, total.ns)
        errors, queries = sum(total.errors for total in entry.totals), sum(total.queries for total in entry.totals)
        self._activity.add(wall_s, entry.dispatched, errors, queries)
        if entry.dispatched:
            self._newest_ms = max(self._newest_ms or 0, entry.wall_us // 1000)
        for cause in entry.causes:
            self._gathering.explain(spelled_id(entry.process.id, cause.id), cause)
        for transaction in entry.transactions:
            self._fates.add(position, entry.process.id, transaction)

    def _resolve(self, position: int, batch: Batch) -> None:
        for seen in resolve(batch):
            self._recent.add(position, seen, batch.share)
            self._gathering.add(seen, batch.process)
        for write in resolve_writes(batch):
            self._recent.add_write(position, write)
            self._gathering.add(write, batch.process)
        for late in batch.late:
            changed = self._recent.replace_call(position, *resolve_late(batch, late), batch.share)
            if changed is not None:
                self._gathering.add(changed, batch.process)

    @property
    def cursor(self) -> str:
        """Up to where the log has been read. Asking for it says that somebody looks."""
        self.used = time.monotonic()
        return self._cursor

    @property
    def position(self) -> int:
        """The position of `cursor`."""
        return self._position

    @property
    def since(self) -> str:
        """The cursor from which totals count."""
        return self._since

    @property
    def newest_ms(self) -> int | None:
        """Unix ms at which the newest dispatch was reported, None while there is none."""
        return self._newest_ms

    @property
    def dispatched(self) -> int:
        """Dispatches since the log began that at least one receiver heard."""
        return self._sums.dispatched

    @property
    def lost(self) -> int:
        """Dispatches known to be missing."""
        return self._presence.lost

    @property
    def totals(self) -> dict[str, Total]:
        """Exact sums since the log began, by connection id; also of what is no longer connected."""
        with self._lock:
            return dict(self._sums.connections)

    @property
    def unheard(self) -> dict[str, int]:
        """Dispatches that no receiver heard, by the name of the signal."""
        with self._lock:
            return dict(self._sums.unheard)

    @property
    def ignored(self) -> dict[str, int]:
        """Dispatches that were only counted, as `IGNORE` or a viewer's mute asks, by the name of the signal."""
        with self._lock:
            return dict(self._sums.ignored)

    @property
    def causes(self) -> Causes:
        """What was seen of causes in memory, a copy of all three tables at one moment."""
        with self._lock:
            return Causes(self._recent.steps.copy(), self._recent.sent.copy(), self._recent.missed.copy())

    @property
    def edges(self) -> dict[Edge, int]:
        """Observed causes without the sender that was handled."""
        with self._lock:
            return sum_steps(self._recent.steps)

    def locate(self, cursor: str) -> tuple[int, Hole | None]:
        """The position of a cursor, and what can't be told after it from memory. Raises `CursorError`.

        A cursor of another log gives position 0. "pruned": dispatches between it and the oldest held are not here.
        """
        with self._lock:
            return locate(cursor, self._origin, self._recent.held_from, max(self._position, parse_cursor(cursor)[1]))

    def dispatches_after(self, position: int) -> list[Seen]:
        """The dispatches in memory after a position, oldest first; a changed one is told again."""
        with self._lock:
            return self._recent.after(position)

    def writes_after(self, position: int) -> list[Written]:
        """The writes in memory after a position, oldest first."""
        with self._lock:
            return self._recent.writes_after(position)

    def transactions_after(self, position: int) -> list[tuple[str, Transaction]]:
        """(process id, transaction) of those in memory whose end was told after a position, oldest first."""
        with self._lock:
            return self._fates.after(position)

    def count_after(self, position: int) -> int:
        """How many dispatches ended after a position, also those that are not held or were sampled away."""
        with self._lock:
            before = next((count for at, count in reversed(self._counted) if at <= position), None)
            return self._sums.dispatched - (self._counted[0][1] if before is None else before)

    def changed_since(self, position: int) -> set[str]:
        """Ids of connections whose totals changed after a position."""
        with self._lock:
            return {key for key, at in self._sums.changed.items() if at > position}

    def heartbeats(self) -> list[Heartbeat]:
        """Every process known, newest sign of life first, at most 1 s old."""
        return self._presence.heartbeats()

    def control(self) -> Control:
        """What viewers ask of the processes that record, at most 1 s old."""
        return self._presence.control()

    def change_control(self, change: Callable[[Control], Control]) -> Control:
        """Ask something else of them. Raises `LogError` where the log can't be written."""
        return self._presence.change_control(change)

    def process(self, process_id: str) -> Process | None:
        """The process of that id, None when it is not known."""
        return self._presence.process(process_id)

    def cause(self, trace_id: str) -> Cause | None:
        """Why a trace exists; None when it has no cause or isn't in memory."""
        with self._lock:
            return self._gathering.cause(trace_id)

    def inner_traces(self, trace: Trace) -> list[Trace]:
        """The traces in memory whose causes began in another one (a task run in a request), oldest first."""
        with self._lock:
            return self._gathering.inner(trace)

    def wiring(self) -> MergedWiring:
        """What is connected now in the living processes, or, when none lives, in the one that was wired last."""
        with self._lock:
            return self._wirings.merged(self.heartbeats(), int(self._clock() * 1000))

    def wirings(self) -> list[Wiring]:
        """What each process told last of its wiring, newest first; of processes that have ended too."""
        with self._lock:
            return self._wirings.newest()

    def disconnected(self) -> list[str]:
        """Ids of connections that were called once and are connected no longer, sorted."""
        connected = {id_of(connection) for connection in self.wiring().connections}
        with self._lock:
            return sorted(key for key, total in self._sums.connections.items() if total.calls and key not in connected)

    def stats(self, connection_ids: Iterable[str], window_s: float = WINDOW_S) -> Stats:
        """The figures of some connections together; zeros for those that were never called."""
        with self._lock:
            keys = list(connection_ids)
            total = sum((self._sums.connections.get(key, Total()) for key in keys), Total())
            return self._row(list(filter(None, map(self._recent.connections.get, keys))), total, window_s)

    def signal_stats(self, name: str, window_s: float = WINDOW_S) -> Stats:
        """The figures of a signal's dispatches as a whole; its `queries` are those of its receivers."""
        with self._lock:
            figures = self._recent.signals.get(name, Figures())
            counts = (self._sums.unheard.get(name, 0), self._sums.ignored.get(name, 0))
            return self._row([figures], self._sums.of_signal(name), window_s, *counts)

    def _row(self, figures: list[Figures], total: Total, window_s: float, unheard: int = 0, ignored: int = 0) -> Stats:
        return make_stats(figures, total, self._clock(), window_s, self._began_s, unheard, ignored)

    def activity(self, window_s: float = WINDOW_S, buckets: int = 60) -> list[tuple[int, int, int]]:
        """(start in unix ms, dispatches, errors of receivers) of the window in so many buckets, oldest first."""
        with self._lock:
            return list(zip(*self._activity.spread(self._clock(), window_s, buckets)[:3], strict=True))

    def query_activity(self, window_s: float = WINDOW_S, buckets: int = 60) -> list[int]:
        """Queries of receivers in the same buckets."""
        with self._lock:
            return self._activity.spread(self._clock(), window_s, buckets)[3]

    def traces(
        self, match: Callable[[Trace], bool] | None = None, limit: int = 50, before: int | None = None
    ) -> list[Trace]:
        """Traces in memory, newest first; with `before`, those that started before that time (unix us)."""
        with self._lock:
            found: list[Trace] = []
            for gathered in self._gathering.newest():
                if len(found) >= limit:
                    break
                if (before is None or gathered.start_us < before) and (match is None or match(gathered.trace())):
                    found.append(gathered.trace())
            return found

    def trace(self, trace_id: str) -> Trace:
        """The trace of that id, from memory or from the log.

        Raises `TraceGone` when neither has it, and `ValueError` for what isn't an id of a trace.
        """
        parse_trace_id(trace_id)
        with self._lock:
            gathered = self._gathering.get(trace_id)
            held = gathered.trace() if gathered else None
        if held is not None and held.start_us > self._skipped_us:
            return held
        read = read_trace(self.log, trace_id, self.cause(trace_id), self._fates, self.process)
        return read or held or miss(self.log, trace_id)

    def wait_newer(self, cursor: str, timeout: float) -> bool:
        """Block until the index has read past a cursor (True), or for so many seconds (False).

        Something has to refresh the index meanwhile, as it does that of `shared_index`.
        """
        self.used = time.monotonic()
        origin, position = parse_cursor(cursor)
        with self._news:
            return self._news.wait_for(lambda: self._origin != origin or self._position > position, timeout)


def shared_index(log_url: str, traces: int = 2000) -> Index:
    """The index of a log that this process shares, kept fresh by a thread until 60 s after the last look.

    Raises `LogError` when the log can't be opened.
    """
    return share(log_url, partial(Index, traces=traces))
