"""The log for the processes of one machine: one SQLite file in WAL mode, written without the ORM."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import structs

from signalgraph.events import Batch, Entry, Heartbeat, Process, Wiring, decode_entry
from signalgraph.log import forks
from signalgraph.log.base import Control, Log, LogError, Page, Totals
from signalgraph.log.cursor import locate, make_cursor, parse_cursor
from signalgraph.log.living import carry_over
from signalgraph.log.sqlite_file import BUSY_S, absolute_path, busy_timeout, explain, open_file
from signalgraph.log.sqlite_rows import (
    INSERT,
    add_totals,
    entry_of,
    find_control,
    find_heartbeat,
    find_totals,
    heartbeat_decoder,
    kept_wirings,
    meta,
    put_control,
    put_heartbeat,
    row_of,
    until_bytes,
)
from signalgraph.log.tallies import DeadTally, Tally

POLL_S = 0.02
PAGE_BYTES = 32 * 2**20
TRACE_BYTES = 64 * 2**20
PRUNE_ENTRIES = 500  # removed in one transaction, so that writers don't wait for long
VACUUM_PAGES = 2000
KEPT_FREE = 0.1  # share of a file's pages

_END = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'entries'), 0)"
_TRACE = (
    "SELECT head, dispatches FROM entries WHERE kind = 'batch' AND process = ? AND last_trace >= ? AND first_trace <= ?"
    " ORDER BY position"
)
_LAST_BEFORE = "SELECT coalesce(min(position) - 1, (SELECT max(position) FROM entries)) FROM entries WHERE wall_us >= ?"


class SqliteLog(Log):
    """A log in the file at an absolute path; raises `LogError` when it can't be opened.

    One connection is shared by the threads of the process, behind a lock. It is closed before a fork and opened again
    by whoever needs it; so it is when the file was removed or replaced.
    """

    def __init__(self, path: str, *, writer: bool) -> None:
        self._path = absolute_path(path)
        self._writer = writer
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._origin = ""
        self._patience_s = BUSY_S
        self._changes = 0  # commits and openings of ours, which PRAGMA data_version doesn't tell
        self._closed = threading.Event()
        self._tallies: dict[str, Tally] = {}
        try:
            self.end()
        except BaseException:
            self.close()
            raise
        forks.watch(self)

    @property
    def url(self) -> str:
        return f"sqlite://{'/' if os.name == 'nt' else ''}{self._path}"

    @property
    def path(self) -> Path:
        return self._path

    def append(self, entry: Entry) -> str:
        self._refuse_readers("append")
        with self._write() as connection:
            cursor = connection.execute(INSERT, row_of(entry))
            if isinstance(entry, Batch):
                add_totals(connection, entry)
            put_heartbeat(connection, carry_over(find_heartbeat(connection, entry.process.id), entry))
            return make_cursor(self._origin, cursor.lastrowid or 0)

    def be_patient(self, seconds: float) -> None:
        with self._lock:
            self._patience_s = seconds
            if self._connection is not None:
                self._connection.execute(busy_timeout(seconds))

    def beat(self, heartbeat: Heartbeat) -> None:
        self._refuse_readers("beat")
        with self._write() as connection:
            put_heartbeat(connection, heartbeat)
        if heartbeat.ended and heartbeat.process.id in self._tallies:
            self._tallies.pop(heartbeat.process.id).remove()

    def tally(self, process: Process) -> memoryview:
        self._refuse_readers("tally")
        with self._lock:
            if process.id not in self._tallies:
                self._tallies[process.id] = Tally(self._path.parent, process.id)
                with self._write() as connection:
                    if find_heartbeat(connection, process.id) is None:
                        put_heartbeat(connection, Heartbeat(process, process.started_ms, recording=False))
            return self._tallies[process.id].cells

    def heartbeats(self) -> list[Heartbeat]:
        query = "SELECT heartbeat, settled FROM processes ORDER BY seen_ms DESC, id"
        with self._read() as connection:
            rows = [(heartbeat_decoder.decode(data), settled) for data, settled in connection.execute(query)]
        return [beat if settled else self._count_loss(beat) for beat, settled in rows]

    def _count_loss(self, beat: Heartbeat) -> Heartbeat:
        """The heartbeat with what was lost, when its process turns out to be dead."""
        with DeadTally(self._path.parent, beat.process.id) as tally:
            if tally.ended is None:
                return beat
            with self._write() as connection:
                now = find_heartbeat(connection, beat.process.id) or beat
                if not now.ended and not now.lost:  # else it ended in order, or another reader was faster
                    now = structs.replace(now, lost=max(0, tally.ended - now.recorded - now.dropped))
                    put_heartbeat(connection, now, settled=True)
            tally.remove()
            return now

    def end(self) -> str:
        with self._read() as connection:
            return make_cursor(self._origin, *connection.execute(_END).fetchone())

    def read(self, after: str | None = None, *, limit: int = 1000, dispatches: bool = True) -> Page:
        blob = "dispatches" if dispatches else "NULL"
        query = f"SELECT position, head, {blob} FROM entries WHERE position > ? ORDER BY position LIMIT ?"
        with self._read() as connection:
            (end,) = connection.execute(_END).fetchone()
            start, hole = locate(after, self._origin, meta(connection, "pruned"), end)
            rows = list(until_bytes(connection.execute(query, (start, limit)), PAGE_BYTES))
            entries = [(position, entry_of(head, blob)) for position, head, blob in rows]
            newest = entries[-1][0] if entries else end
            return Page(entries, make_cursor(self._origin, newest), hole, more=newest < end)

    def recent(self, *, limit: int, since_us: int = 0) -> str:
        with self._read() as connection:
            (end,) = connection.execute(_END).fetchone()
            start = max(0, end - limit)  # positions have no gaps but where pruning made them
            old = "SELECT max(position) FROM entries WHERE position > ? AND wall_us < ?"
            (oldest,) = connection.execute(old, (start, since_us)).fetchone()
            start = max(start, oldest or 0, min(end, meta(connection, "pruned")))
            return make_cursor(self._origin, start)

    def totals(self) -> Totals:
        with self._read() as connection:
            connections, signals = find_totals(connection)
            return Totals(
                make_cursor(self._origin, *connection.execute(_END).fetchone()),
                make_cursor(self._origin, 0),
                connections,
                dict(connection.execute("SELECT * FROM unheard").fetchall()),
                meta(connection, "dispatched"),
                meta(connection, "since_ms"),
                signals,
                dict(connection.execute("SELECT * FROM ignored").fetchall()),
            )

    def wirings(self) -> dict[str, Wiring]:
        newest = "SELECT max(position) FROM entries WHERE kind = 'wiring' GROUP BY process"
        with self._read() as connection:
            rows = connection.execute(f"SELECT head FROM entries WHERE position IN ({newest})").fetchall()
            entries = [decode_entry(head) for (head,) in rows]
            return {entry.process.id: entry for entry in entries if isinstance(entry, Wiring)}

    def trace(self, process_id: str, trace: int) -> list[Batch]:
        with self._read() as connection:
            rows = until_bytes(connection.execute(_TRACE, (process_id, trace, trace)), TRACE_BYTES)
            entries = [entry_of(head, blob) for head, blob in rows]
            return [entry for entry in entries if isinstance(entry, Batch)]

    def control(self) -> Control:
        with self._read() as connection:
            return find_control(connection)

    def change_control(self, change: Callable[[Control], Control]) -> Control:
        with self._write() as connection:
            control = change(find_control(connection))
            put_control(connection, control)
            return control

    def wait(self, after: str, timeout_s: float) -> bool:
        origin, position = parse_cursor(after)
        deadline = time.monotonic() + timeout_s
        version = None
        while True:
            with self._lock:
                newest = self._version()
                if newest != version and (self._origin != origin or parse_cursor(self.end())[1] > position):
                    return True
            version = newest
            left = deadline - time.monotonic()
            if left <= 0 or self._closed.wait(min(POLL_S, left)):
                return False

    def _version(self) -> tuple[int, int]:
        """What changes with every commit, of this connection or of another; a few us."""
        try:
            connection = self._connect()
            return self._changes, connection.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            raise explain(self._path, error) from error

    def prune(self, *, max_age_s: float | None = None, max_bytes: int | None = None) -> int:
        removed = 0
        if max_age_s is not None:
            oldest_us = int((time.time() - max_age_s) * 1e6)
            with self._read() as connection:
                (last,) = connection.execute(_LAST_BEFORE, (oldest_us,)).fetchone()
            removed += self._remove_up_to(last or 0)
            with self._write() as connection:
                connection.execute("DELETE FROM processes WHERE missing = 0 AND seen_ms < ?", (oldest_us // 1000,))
        if max_bytes is not None:
            removed += self._remove_up_to(self._last_beyond(max_bytes))
        if removed:
            self._give_back_pages()
        return removed

    def _last_beyond(self, max_bytes: int) -> int:
        """The last of the oldest entries that have to go for the rest to fit."""
        last = 0
        with self._read() as connection:
            page, pages, free = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_size", "page_count", "freelist_count")
            )
            excess = (pages - free) * page - max_bytes
            sizes = "SELECT position, length(head) + coalesce(length(dispatches), 0) FROM entries ORDER BY position"
            for position, size in connection.execute(sizes):
                if excess <= 0:
                    break
                last, excess = position, excess - size
        return last

    def _remove_up_to(self, last: int) -> int:
        removed = 0
        while True:
            with self._write() as connection:
                kept = kept_wirings(connection)
                marks = ", ".join("?" * len(kept))
                chosen = f"SELECT position FROM entries WHERE position <= ? AND position NOT IN ({marks})"
                chosen += f" ORDER BY position LIMIT {PRUNE_ENTRIES}"
                rows = connection.execute(chosen, (last, *kept)).fetchall()
                if not rows:
                    return removed
                connection.executemany("DELETE FROM entries WHERE position = ?", rows)
                pruned = "UPDATE meta SET value = max(value, ?) WHERE name = 'pruned'"
                connection.execute(pruned, rows[-1])
                removed += len(rows)

    def _give_back_pages(self) -> None:
        with self._lock:
            try:
                free, pages = (
                    self._connect().execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count")
                )
                if free < pages * KEPT_FREE:
                    return  # what comes next takes them: a log at its limit is written to all the time
                # Not execute(): the statement gives up a page a step and has no columns, so it would take one step.
                self._connect().executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
            except sqlite3.Error as error:
                raise explain(self._path, error) from error

    def before_fork(self) -> None:
        self._lock.acquire()
        self._disconnect()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork(self) -> None:
        self._lock = threading.RLock()
        closed, self._closed = self._closed.is_set(), threading.Event()
        if closed:
            self._closed.set()
        for tally in self._tallies.values():
            tally.let_go()
        self._tallies.clear()

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            self._disconnect()
            for tally in self._tallies.values():
                tally.let_go()
            self._tallies.clear()

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        # IMMEDIATE: a transaction that begins to write after it has read fails at once when another one wrote.
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection
            self._changes += 1

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                connection = self._connect()
                connection.execute(begin)
                try:
                    yield connection
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            except (sqlite3.Error, msgspec.MsgspecError, OverflowError) as error:
                raise explain(self._path, error) from error

    def _connect(self) -> sqlite3.Connection:
        if self._closed.is_set():
            raise LogError(f"The log {self.url} is closed; open it again.")
        file = _identity(self._path)
        # A log that was removed is made again by those who write; readers wait for that.
        if self._connection is None or (file != self._file and (self._writer or file is not None)):
            self._disconnect()
            self._connection = open_file(self._path, self._patience_s)
            self._file = _identity(self._path)
            self._origin = meta(self._connection, "origin")
            self._changes += 1
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _refuse_readers(self, what: str) -> None:
        if not self._writer:
            raise LogError(f"The log {self.url} was opened for reading; open it with writer=True to {what}.")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
