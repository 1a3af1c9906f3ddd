"""Transactions: which one a dispatch was sent in, and whether what was done in it lasts.

The outermost `Atomic` of a database opens one, and each that makes a savepoint. A `TestCase`'s own are none, or all
that a test does would be "rolled back". Connections belong to threads, and so do transactions: not a context but the
thread says in which one its dispatches are, whatever tasks and generators run in it.
"""

from __future__ import annotations

import functools
import weakref
from collections import deque
from threading import get_ident
from time import perf_counter_ns as clock
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from signalgraph.recorder import causes, dispatching
from signalgraph.recorder.clock import CURRENT, TRACE
from signalgraph.recorder.dispatching import TRANSACTIONS
from signalgraph.recorder.faults import contained, report
from signalgraph.recorder.frames import uncounted

CAUSE = causes.CURRENT

# (id, id of the one around it or 0, alias, trace or 0, start ns, end ns, committed), as they end. The one around it may
# be of another database (their aliases say so); it is negative for work after its commit. The trace is 0 where neither
# a cause nor a dispatch was around: it is then that of the records that name the transaction.
NOTES: deque[tuple[Any, ...]] = deque(maxlen=20_000)

# An open one is a list: id (0 until something names it: most never are), the open one around it in this thread,
# start ns, alias, weak connection, depth of its block on that connection. `name_transaction` gives the id.
Open = list[Any]
ID, OUTER, STARTED, ALIAS, CONNECTION, DEPTH = range(6)
OVER = -1  # depth of one that has ended before one in it, as blocks of several databases may

ENDED: dict[int, int] = {}  # by id: when COMMIT was done, of those whose callbacks run now

# `using` of an Atomic and thread to its connection: `connections[alias]` costs 1.5 us
_connections: dict[str | None, dict[int, weakref.ref[Any]]] = {}


def _find(using: str | None, thread: int) -> Any:
    """The weak reference to a thread's connection, as Django finds it; remembered while the connection lives."""

    def forget(dead: weakref.ref[Any]) -> None:
        if by_thread.get(thread) is dead:
            by_thread.pop(thread, None)
        transaction = TRANSACTIONS.get(thread)
        if transaction is not None and transaction[CONNECTION] is dead:  # of a thread that is gone
            TRANSACTIONS.pop(thread, None)

    by_thread = _connections.setdefault(using, {})
    reference = by_thread[thread] = weakref.ref(connections[using or DEFAULT_DB_ALIAS], forget)
    return reference


@uncounted
def recording_enter(original: Any) -> Any:
    """`Atomic.__enter__`: opens a transaction where one begins or a savepoint is made."""

    @functools.wraps(original)
    def __enter__(self: Any) -> Any:
        entered = original(self)
        if not dispatching.ON or self._from_testcase:
            return entered
        try:
            thread, using = get_ident(), self.using
            try:
                reference = _connections[using][thread]
                connection: Any = reference()
                blocks = connection.atomic_blocks
                if blocks[-1] is not self:  # the project has put another connection in its place
                    raise LookupError
            except (LookupError, AttributeError):
                reference = _find(using, thread)
                connection = reference()
                blocks = connection.atomic_blocks
            depth = len(blocks)
            outer = TRANSACTIONS.get(thread)
            if depth == 1 or blocks[-2]._from_testcase:
                if outer is not None:
                    outer = _without(outer, using or DEFAULT_DB_ALIAS)
            elif not connection.savepoint_ids or connection.savepoint_ids[-1] is None:
                return entered
            elif outer is not None and outer[CONNECTION] is reference and outer[DEPTH] >= depth:
                outer = _at(outer, reference, depth - 1)
            TRANSACTIONS[thread] = [0, outer, clock(), using or DEFAULT_DB_ALIAS, reference, depth]
        except Exception:  # noqa: BLE001 - the boundary
            report("opening a transaction")
        return entered

    return __enter__


def _without(transaction: Any, alias: str) -> Any:
    """What is open but for those of a database, of which none can be: they ended where we didn't see it."""
    around = transaction
    while around is not None:
        if around[ALIAS] == alias and around[ID] >= 0:
            around[DEPTH] = OVER
        around = around[OUTER]
    return _still_open(transaction)


def _still_open(transaction: Any) -> Any:
    while transaction is not None and transaction[DEPTH] == OVER:
        transaction = transaction[OUTER]
    return transaction


def _at(transaction: Any, reference: Any, depth: int) -> Any:
    """The innermost that is open, but for deeper ones of a connection, which ended where we didn't see it."""
    while transaction is not None and transaction[CONNECTION] is reference and transaction[DEPTH] > depth:
        transaction = transaction[OUTER]
    return transaction


def _opened_by(atomic: Any, thread: int) -> Any:
    """The transaction that was opened by a block which is about to be left, if we saw that."""
    transaction = TRANSACTIONS.get(thread)
    reference = _connections.get(atomic.using, {}).get(thread)
    connection = None if reference is None else reference()
    depth = 0 if connection is None else len(connection.atomic_blocks)
    while transaction is not None and depth:  # blocks of several databases may end in any order
        if transaction[CONNECTION] is reference and transaction[DEPTH] == depth:
            return transaction
        transaction = transaction[OUTER]
    return None


@contained()
def _note(transaction: Open, committed: bool) -> None:
    ident, outer, start, alias, _, _ = transaction
    trace = CAUSE.get()[0]
    if trace < dispatching.FLOOR:
        current = CURRENT.get()
        trace = 0 if current is None else current[TRACE]
    end = ENDED.pop(ident, 0) or clock()
    NOTES.append((ident, 0 if outer is None else outer[ID], alias, trace, start, end, committed))


@uncounted
def recording_exit(original: Any) -> Any:
    """`Atomic.__exit__`: notes the end of the transaction that the block had opened, with what became of it."""

    @functools.wraps(original)
    def __exit__(self: Any, exc_type: Any, exc_value: Any, traceback: Any) -> Any:
        thread = get_ident()
        transaction: Any = TRANSACTIONS.get(thread)
        if transaction is None or not dispatching.ON:
            return original(self, exc_type, exc_value, traceback)
        connection = transaction[CONNECTION]()
        blocks = None if connection is None else connection.atomic_blocks
        if not blocks or blocks[-1] is not self or transaction[DEPTH] != len(blocks):
            transaction = _opened_by(self, thread)
            if transaction is None:
                return original(self, exc_type, exc_value, traceback)
            connection = transaction[CONNECTION]()
        # As Django decides it: a connection that was closed has rolled back.
        committed = exc_type is None and not connection.needs_rollback and not connection.closed_in_transaction
        try:
            return original(self, exc_type, exc_value, traceback)
        except BaseException:
            # A COMMIT that failed, or a callback after one that was done: Django clears the flag after the callbacks.
            committed = committed and transaction[DEPTH] == 1 and connection.run_commit_hooks_on_set_autocommit_on
            raise
        finally:
            outer = transaction[OUTER]
            if TRANSACTIONS.get(thread) is not transaction:
                transaction[DEPTH] = OVER
            else:
                if outer is not None and outer[DEPTH] == OVER:
                    outer = _still_open(outer)
                if outer is None:
                    del TRANSACTIONS[thread]
                else:
                    TRANSACTIONS[thread] = outer
            if transaction[ID]:
                _note(transaction, committed)

    return __exit__
