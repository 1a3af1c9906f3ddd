"""The file of an SQLite log: how it is made, recognised and opened, and what its errors mean to people."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path

from signalgraph.events import LOG_SCHEMA
from signalgraph.log.base import LogBusy, LogError
from signalgraph.log.cursor import new_origin

APPLICATION_ID = 0x5347_4C47  # "SGLG", https://www.sqlite.org/pragma.html#pragma_application_id
BUSY_S = 2.0
RETRY_S = 0.02

TABLES = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE entries (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    process TEXT NOT NULL,
    kind TEXT NOT NULL,
    wall_us INTEGER NOT NULL,
    first_trace INTEGER,
    last_trace INTEGER,
    dispatched INTEGER NOT NULL,
    head BLOB NOT NULL,
    dispatches BLOB
);
CREATE INDEX entries_by_trace ON entries (process, last_trace, first_trace) WHERE kind = 'batch';
CREATE INDEX wirings ON entries (process) WHERE kind = 'wiring';
CREATE TABLE totals (
    signal TEXT, sender TEXT, receiver TEXT,
    calls INTEGER NOT NULL, errors INTEGER NOT NULL, ns INTEGER NOT NULL, max_ns INTEGER NOT NULL,
    queries INTEGER NOT NULL, untimed INTEGER NOT NULL,
    PRIMARY KEY (signal, sender, receiver)
) WITHOUT ROWID;
CREATE TABLE unheard (signal TEXT PRIMARY KEY, dispatches INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE ignored (signal TEXT PRIMARY KEY, dispatches INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE processes (
    id TEXT PRIMARY KEY,
    seen_ms INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    heartbeat BLOB NOT NULL
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {LOG_SCHEMA};
"""


def absolute_path(text: str) -> Path:
    """The path of ``sqlite://<text>``; raises `LogError` when it isn't absolute.

    A relative one would be another file for each working directory.
    """
    if os.name == "nt" and text[:1] == "/":
        text = text[1:]
    if not os.path.isabs(text) or text.endswith(("/", os.sep)) or "\0" in text:
        raise LogError(
            f'SIGNALGRAPH["LOG"] is {f"sqlite://{text}"!r}; '
            "give the absolute path of a file, as in sqlite:///var/lib/shop/signals.sqlite3."
        )
    return Path(text)


def open_file(path: Path, patience_s: float) -> sqlite3.Connection:
    """A connection to the log at a path, which is made where it is missing; raises `LogError`.

    `patience_s` is how long its writes wait for those of others.
    """
    try:
        _make_folder(path.parent)
        with contextlib.suppress(FileExistsError):
            # Not left to SQLite: it would give the file the mode that the umask allows.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise LogError(
            f"The log {path} can't be made: {error.strerror or error}. "
            'Make its folder writable or set SIGNALGRAPH["LOG"] to another path.'
        ) from error
    try:
        return _connect(path, patience_s)
    except sqlite3.Error as error:
        raise explain(path, error) from error


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise
    else:
        (folder / ".gitignore").write_text("*\n")


def _connect(path: Path, patience_s: float) -> sqlite3.Connection:
    deadline = time.monotonic() + BUSY_S
    while True:
        # One connection for all threads, behind the log's lock: it can be closed for sure before a fork, which a
        # connection of each thread can't. isolation_level=None: transactions are ours, never implicit.
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path)
            connection.execute(busy_timeout(patience_s))
        except BaseException as error:
            connection.close()
            # Switching to WAL doesn't wait for its turn when several processes make the file at once.
            busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_S)
        else:
            return connection


def busy_timeout(seconds: float) -> str:
    """The statement that says how long a connection waits for a lock."""
    return f"PRAGMA busy_timeout = {round(seconds * 1000)}"


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN")  # one moment for all that is looked at: another process may be making the tables
    is_empty = _is_empty(connection, path)
    connection.execute("COMMIT")
    if is_empty:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only possible while there is no table
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        if _is_empty(connection, path):
            for statement in TABLES.split(";"):
                connection.execute(statement)
            meta = {"origin": new_origin(), "since_ms": int(time.time() * 1000), "dispatched": 0, "pruned": 0}
            connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        connection.execute("COMMIT")
    # With WAL, NORMAL syncs at checkpoints only: a killed process loses nothing that it has committed, a power cut
    # at most the last commits, and neither damages the file. https://www.sqlite.org/pragma.html#pragma_synchronous
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA journal_size_limit = 16777216")


def _is_empty(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether nothing is in the file yet; raises `LogError` when something else than a log of ours is."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application == APPLICATION_ID and version == LOG_SCHEMA:
        return False
    if application == APPLICATION_ID:
        raise LogError(
            f"The log {path} has schema version {version}, this signalgraph reads {LOG_SCHEMA}. "
            'Move it away and a new one is made, or set SIGNALGRAPH["LOG"] to another path.'
        )
    if application or version or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise LogError(
            f"{path} is an SQLite database, but not a log of signalgraph; it is left as it is. "
            'Set SIGNALGRAPH["LOG"] to a path of its own.'
        )
    return True


_MEANINGS = {
    sqlite3.SQLITE_BUSY: "is locked by another process; try again, or find out who holds it (fuser)",
    sqlite3.SQLITE_LOCKED: "is locked; try again",
    sqlite3.SQLITE_FULL: 'can\'t grow, the disk is full; make room or lower SIGNALGRAPH["KEEP"]',
    sqlite3.SQLITE_IOERR: "can't be read or written by the system; look at the disk, its room and its quota",
    sqlite3.SQLITE_NOTADB: "isn't an SQLite file; move it away and a new log is made",
    sqlite3.SQLITE_CORRUPT: "is damaged; move it away, with its -wal and -shm files, and a new log is made",
    sqlite3.SQLITE_READONLY: "can't be written; make the file and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "can't be opened; make the file and its folder readable and writable",
}


def explain(path: Path, error: Exception) -> LogError:
    """What an error of SQLite means for the log at a path, and what to do."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None and not isinstance(error, sqlite3.Error):
        return LogError(
            f"The log {path} holds an entry that can't be used ({error}); move it away and a new one is made."
        )
    code = (code or 0) & 0xFF
    meaning = _MEANINGS.get(code, "can't be used; move it away and a new log is made")
    kind = LogBusy if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) else LogError
    return kind(f"The log {path} {meaning} ({error}).")
