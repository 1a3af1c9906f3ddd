"""Entries, totals and heartbeats as rows of an SQLite log. Every function runs in a transaction of its caller."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import structs

from signalgraph.events import Batch, Entry, Heartbeat, Total, Wiring, decode_entry, encode_entry
from signalgraph.log.base import Control
from signalgraph.log.living import SILENT_MS

INSERT = (
    "INSERT INTO entries (process, kind, wall_us, first_trace, last_trace, dispatched, head, dispatches)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADD_TOTALS = (
    "INSERT INTO totals VALUES {} ON CONFLICT DO UPDATE SET calls = calls + excluded.calls,"
    " errors = errors + excluded.errors, ns = ns + excluded.ns, max_ns = max(max_ns, excluded.max_ns),"
    " queries = queries + excluded.queries, untimed = untimed + excluded.untimed"
)
_ADD_COUNTS = " VALUES {} ON CONFLICT DO UPDATE SET dispatches = dispatches + excluded.dispatches"
MOST_AT_ONCE = 64  # rows of one statement: at most 999 values fit into one, in SQLite as it was long built
heartbeat_decoder = msgspec.msgpack.Decoder(Heartbeat)


def row_of(entry: Entry) -> tuple[Any, ...]:
    if isinstance(entry, Wiring):
        return entry.process.id, "wiring", entry.wall_us, None, None, 0, encode_entry(entry), None
    head = encode_entry(structs.replace(entry, blob=b""))
    traces = (entry.first_trace, entry.last_trace)
    return entry.process.id, "batch", entry.wall_us, *traces, entry.dispatched, head, entry.blob


def entry_of(head: bytes, blob: bytes | None) -> Entry:
    entry = decode_entry(head)
    return structs.replace(entry, blob=blob) if blob and isinstance(entry, Batch) else entry


def add_totals(connection: sqlite3.Connection, batch: Batch) -> None:
    names = (batch.signals, batch.senders, batch.receivers)
    rows = [
        (*(table[n] for table, n in zip(names, key, strict=True)), *structs.astuple(total))
        for key, total in zip(batch.connections, batch.totals, strict=True)
        if total != Total()  # what was only told, as it runs or was counted before, adds nothing
    ]
    rows += [
        (name, "", "", *structs.astuple(total))  # of a signal as a whole; no sender or receiver has an empty name
        for name, total in zip(batch.signals, batch.signal_totals, strict=False)  # none from an older recorder
        if total != Total()
    ]
    insert(connection, _ADD_TOTALS, rows)
    for table, counts in (("unheard", batch.unheard), ("ignored", batch.ignored)):
        named = [(batch.signals[signal], count) for signal, count in counts]
        insert(connection, f"INSERT INTO {table}{_ADD_COUNTS}", named)
    connection.execute("UPDATE meta SET value = value + ? WHERE name = 'dispatched'", (batch.dispatched,))


def insert(connection: sqlite3.Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    """Run a statement with rows in the place of its `{}`, in few steps.

    Each step lets go of the interpreter lock, and in a process that is busy the next one comes 5 ms later, which
    `executemany` does for every row. Powers of two, so that few statements are prepared.
    """
    at, size = 0, MOST_AT_ONCE
    while at < len(rows):
        while size > len(rows) - at:
            size //= 2
        chosen = rows[at : at + size]
        row = f"({', '.join('?' * len(chosen[0]))})"
        connection.execute(statement.format(", ".join([row] * size)), [value for one in chosen for value in one])
        at += size


def find_totals(connection: sqlite3.Connection) -> tuple[dict[tuple[str, str, str], Total], dict[str, Total]]:
    """Those of connections, and those of signals."""
    connections, signals = {}, {}
    for signal, sender, receiver, *figures in connection.execute("SELECT * FROM totals"):
        if receiver:
            connections[signal, sender, receiver] = Total(*figures)
        else:
            signals[signal] = Total(*figures)
    return connections, signals


def find_heartbeat(connection: sqlite3.Connection, process: str) -> Heartbeat | None:
    row = connection.execute("SELECT heartbeat FROM processes WHERE id = ?", (process,)).fetchone()
    return heartbeat_decoder.decode(row[0]) if row else None


def put_heartbeat(connection: sqlite3.Connection, beat: Heartbeat, *, settled: bool = False) -> None:
    row = (beat.process.id, beat.seen_ms, beat.dropped + beat.lost, beat.ended or settled, msgspec.msgpack.encode(beat))
    connection.execute("INSERT OR REPLACE INTO processes VALUES (?, ?, ?, ?, ?)", row)


def find_control(connection: sqlite3.Connection) -> Control:
    row = connection.execute("SELECT value FROM meta WHERE name = 'control'").fetchone()
    if row is None:
        return Control()
    values = json.loads(row[0])
    accepted = values.get("accepted", {})  # none in a log that was written before findings could be accepted
    return Control(values["watched_until_ms"], values["paused"], frozenset(values["muted"]), accepted)


def put_control(connection: sqlite3.Connection, control: Control) -> None:
    values = {
        "watched_until_ms": control.watched_until_ms,
        "paused": control.paused,
        "muted": sorted(control.muted),
        "accepted": dict(control.accepted),
    }
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('control', ?)", (json.dumps(values),))


def meta(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0]


def kept_wirings(connection: sqlite3.Connection) -> list[int]:
    """The newest wiring of each living process, and of all: what is connected must not be forgotten for being old."""
    newest = "SELECT process, max(position) FROM entries WHERE kind = 'wiring' GROUP BY process"
    positions = dict(connection.execute(newest).fetchall())
    alive = "SELECT id FROM processes WHERE settled = 0 AND seen_ms > ?"
    living = {process for (process,) in connection.execute(alive, (int(time.time() * 1000) - SILENT_MS,))}
    return sorted({n for process, n in positions.items() if process in living} | {max(positions.values(), default=0)})


def until_bytes(rows: Iterator[tuple[Any, ...]], most: int) -> Iterator[tuple[Any, ...]]:
    """Rows until their last two columns have come to a size; at least one."""
    for row in rows:
        yield row
        most -= len(row[-2]) + len(row[-1] or b"")
        if most <= 0:
            return
