"""Transactions: which one a dispatch was sent in, and whether what was done in it lasts.

The outermost `Atomic` of a database opens one, and each that makes a savepoint. A `TestCase`'s own are none, or all
that a test does would be "rolled back".
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections import deque
from threading import get_ident
from time import perf_counter_ns as clock
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from signalgraph.recorder import causes, dispatching
from signalgraph.recorder.clock import CURRENT, TRACE
from signalgraph.recorder.faults import report

CAUSE = causes.CURRENT

# (id, id of the one around it or 0, alias, trace or 0, start ns, end ns, committed), as they end. The one around it may
# be of another database (their aliases say so) and is negative for work after its commit. The trace is 0 where there
# was neither a cause nor a dispatch when it was opened: it is that of the records that name the transaction.
NOTES: deque[tuple[Any, ...]] = deque(maxlen=20_000)


# depth of the atomic block, transaction, trace, the cause that carries it, the cause before
_Open = tuple[int, tuple[Any, ...], int, causes.Current, causes.Current]


class _Blocks:
    """The transactions that are open on one connection, each with the depth of its atomic block."""

    __slots__ = ("connection", "ending", "open")

    def __init__(self, connection: Any) -> None:
        self.connection = weakref.ref(connection)
        self.open: list[_Open] = []
        self.ending: list[int] | None = None  # in the exit of the outermost: its id, and when COMMIT was done or 0


class _OfThread(threading.local):
    """Connections are each thread's own. `connections[alias]` costs 1.5 us, finding it here 0.2 us."""

    def __init__(self) -> None:
        self.blocks: dict[str, _Blocks] = {}


_of_thread = _OfThread()


def _blocks_of(atomic: Any, alias: str) -> tuple[_Blocks, Any]:
    """What is open on the connection that an atomic block was just entered on, and the connection."""
    blocks = _of_thread.blocks.get(alias)
    if blocks is not None:
        connection = blocks.connection()
        if connection is not None and connection.atomic_blocks and connection.atomic_blocks[-1] is atomic:
            return blocks, connection
    connection = connections[alias]  # the first time, and when the project has replaced it
    blocks = _of_thread.blocks[alias] = _Blocks(connection)
    return blocks, connection


def _open(atomic: Any) -> None:
    alias = DEFAULT_DB_ALIAS if atomic.using is None else atomic.using
    blocks, connection = _blocks_of(atomic, alias)
    stack = connection.atomic_blocks
    depth = len(stack)
    outermost = depth == 1 or stack[-2]._from_testcase
    if not outermost and (not connection.savepoint_ids or connection.savepoint_ids[-1] is None):
        return
    thread = get_ident()
    cause = CAUSE.get()
    outer = cause[2]
    if outer is not None:
        outer = _still_open(outer, thread, alias, outermost)
    trace = cause[0] if cause[0] >= dispatching.FLOOR else 0
    if not trace:
        current = CURRENT.get()
        trace = 0 if current is None else current[TRACE]
    while blocks.open and blocks.open[-1][0] >= depth:  # left while we didn't see it: a lost connection, a pause
        blocks.open.pop()
    transaction = (dispatching.next_span(), thread, outer, clock(), alias)
    carrying = (cause[0], cause[1], transaction)
    blocks.open.append((depth, transaction, trace, carrying, cause))
    CAUSE.set(carrying)


def _still_open(outer: Any, thread: int, alias: str, outermost: bool) -> Any:
    """The innermost transaction of this thread. Before a database's outermost one, none of its own can be open: such a
    one ended in another context, as a generator's may."""
    floor = dispatching.FLOOR
    while outer is not None and (
        outer[1] != thread or abs(outer[0]) < floor or (outermost and outer[0] > 0 and outer[4] == alias)
    ):
        outer = outer[2]
    return outer


def _without(cause: causes.Current, transaction: tuple[Any, ...], found: Any) -> causes.Current:
    """A cause that was opened in a transaction and outlives it, and those before it, without the transaction."""
    before = cause[1]
    if before is not None and before[2] is transaction:
        before = _without(before, transaction, found)
    return (cause[0], before, found)


def _close(entry: _Open, end: int, committed: bool) -> None:
    _, transaction, trace, carrying, found = entry
    cause = CAUSE.get()
    if cause is carrying:
        CAUSE.set(found)
    elif cause[2] is transaction:
        CAUSE.set(_without(cause, transaction, found[2]))
    ident, _, outer, start, alias = transaction
    NOTES.append((ident, 0 if outer is None else outer[0], alias, trace, start, end, committed))


def _opened_by(atomic: Any) -> tuple[_Blocks, Any, _Open] | None:
    """What is open on the connection of a block that is about to be left, the connection, and what the block opened."""
    alias = DEFAULT_DB_ALIAS if atomic.using is None else atomic.using
    blocks = _of_thread.blocks.get(alias)
    if blocks is None or not blocks.open:
        return None
    connection = blocks.connection()
    if connection is None:
        return None
    depth = len(connection.atomic_blocks)
    while blocks.open and blocks.open[-1][0] > depth:
        blocks.open.pop()
    if not blocks.open or blocks.open[-1][0] != depth:
        return None
    entry = blocks.open.pop()
    return (blocks, connection, entry) if entry[1][0] >= dispatching.FLOOR else None


def recording_enter(original: Any) -> Any:
    """`Atomic.__enter__`: opens a transaction where one begins or a savepoint is made."""

    @functools.wraps(original)
    def __enter__(self: Any) -> Any:
        entered = original(self)
        if dispatching.ON and not self._from_testcase:
            try:
                _open(self)
            except Exception:  # noqa: BLE001 - the boundary
                report("opening a transaction")
        return entered

    return __enter__


def recording_exit(original: Any) -> Any:
    """`Atomic.__exit__`: notes the end of the transaction that the block had opened, with what became of it."""

    @functools.wraps(original)
    def __exit__(self: Any, exc_type: Any, exc_value: Any, traceback: Any) -> Any:
        if not dispatching.ON:
            return original(self, exc_type, exc_value, traceback)
        try:
            opened = _opened_by(self)
        except Exception:  # noqa: BLE001 - the boundary
            report("closing a transaction")
            opened = None
        if opened is None:
            return original(self, exc_type, exc_value, traceback)
        blocks, connection, entry = opened
        # As Django decides it: first of all, a connection that was closed has rolled back.
        committed = exc_type is None and not connection.needs_rollback and not connection.closed_in_transaction
        ending = blocks.ending = [entry[1][0], 0] if entry[0] == 1 else None
        try:
            return original(self, exc_type, exc_value, traceback)
        except BaseException:
            # A COMMIT that failed, or a callback after one that was done. Django clears the flag after the callbacks.
            committed = committed and ending is not None and connection.run_commit_hooks_on_set_autocommit_on
            raise
        finally:
            blocks.ending = None
            try:
                _close(entry, ending[1] if ending is not None and ending[1] else clock(), committed)
            except Exception:  # noqa: BLE001 - the boundary
                report("closing a transaction")

    return __exit__


def ending(connection: Any) -> list[int] | None:
    """The transaction of a connection whose COMMIT was just done: [its id, the time to note as its end]."""
    blocks = _of_thread.blocks.get(connection.alias)
    return blocks.ending if blocks is not None and blocks.connection() is connection else None
