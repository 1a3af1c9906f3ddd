"""Work that `on_commit` puts off: what is sent in it was sent by the receiver call that asked for it.

Neither Django nor a project ever sees a callback that we wrapped. What is known of a callback is carried by its entry
in `connection.run_on_commit`, a tuple like any other; while Django runs the callbacks, unpacking an entry is what
changes the context for the callback that comes next.
"""

from __future__ import annotations

import functools
import sys
from threading import get_ident
from time import perf_counter_ns as clock
from typing import Any

from signalgraph.recorder import causes, dispatching
from signalgraph.recorder.clock import CLOSED, CURRENT, IDENT, OUTER, TRACE, new_cell, parent_span
from signalgraph.recorder.dispatching import TRANSACTIONS
from signalgraph.recorder.faults import contained
from signalgraph.recorder.frames import uncounted
from signalgraph.recorder.transactions import ALIAS, CONNECTION, ENDED, ID

CAUSE = causes.CURRENT
LOOP = "run_and_clear_commit_hooks"


class Asked(tuple[Any, ...]):
    """An entry of `connection.run_on_commit` that remembers who asked: (span of the receiver call or 0, trace)."""

    by: tuple[int, int]
    cause: causes.Current


class Resuming(tuple[Any, ...]):
    """An entry in Django's loop over the callbacks: unpacked there, it sets the context that its callback runs in."""

    cell: list[Any] | None
    cause: causes.Current

    def __iter__(self) -> Any:
        if sys._getframe(1).f_code.co_name == LOOP:
            CURRENT.set(self.cell)
            CAUSE.set(self.cause)
        return tuple.__iter__(self)


@contained()
def _remember(connection: Any) -> None:
    entries = connection.run_on_commit
    if not connection.in_atomic_block or not entries or type(entries[-1]) is not tuple:
        return  # it ran at once
    current = CURRENT.get()
    asked = Asked(entries[-1])
    asked.by = (0, 0) if current is None else (parent_span(current, get_ident()), current[TRACE])
    asked.cause = CAUSE.get()
    entries[-1] = asked


@uncounted
def recording_on_commit(original: Any) -> Any:
    """`BaseDatabaseWrapper.on_commit`: the entry that it appends remembers who asked."""

    @functools.wraps(original)
    def on_commit(self: Any, *args: Any, **named: Any) -> Any:
        result = original(self, *args, **named)
        if dispatching.ON:
            _remember(self)
        return result

    return on_commit


@contained()
def _restore(connection: Any, asked: dict[int, Asked]) -> None:
    entries = connection.run_on_commit
    # The set of savepoint ids is made for each entry, and all of them live: its id is the entry's.
    entries[:] = [asked.get(id(entry[0]), entry) if type(entry) is tuple else entry for entry in entries]


@uncounted
def recording_savepoint_rollback(original: Any) -> Any:
    """`BaseDatabaseWrapper.savepoint_rollback`, which makes plain tuples of the entries that stay."""

    @functools.wraps(original)
    def savepoint_rollback(self: Any, *args: Any, **named: Any) -> Any:
        asked = {id(entry[0]): entry for entry in self.run_on_commit if type(entry) is Asked}
        result = original(self, *args, **named)
        if asked:
            _restore(self, asked)
        return result

    return savepoint_rollback


@contained(default=[])
def _resume(connection: Any, current: list[Any] | None) -> list[list[Any]]:
    """Prepare the entries for Django's loop; the cells that the callbacks run under."""
    here = CAUSE.get()
    cells = []
    for position, entry in enumerate(connection.run_on_commit):
        resuming = Resuming(entry)
        (span, trace), resuming.cause = (entry.by, entry.cause) if type(entry) is Asked else ((0, 0), here)
        resuming.cell = None
        if span and span >= dispatching.FLOOR:  # not asked for before a pause
            resuming.cell = new_cell(span, trace)
            resuming.cell[OUTER] = current
            cells.append(resuming.cell)
        connection.run_on_commit[position] = resuming
    return cells


@contained()
def _after_commit(connection: Any, thread: int) -> Any:
    """Let what the callbacks do be after the transaction whose COMMIT was just done; answers that one."""
    done = TRANSACTIONS.get(thread)
    if done is None or done[CONNECTION]() is not connection:
        return None
    ident = done[ID] or dispatching.name_transaction(done)
    ENDED[ident] = clock()
    TRANSACTIONS[thread] = [-ident, None, 0, done[ALIAS], done[CONNECTION], 0]
    return done


@uncounted
def recording_commit_hooks(original: Any) -> Any:
    """`BaseDatabaseWrapper.run_and_clear_commit_hooks`: each callback runs for the receiver call that asked for it."""

    @functools.wraps(original)
    def run_and_clear_commit_hooks(self: Any) -> Any:
        if not self.run_on_commit or self.in_atomic_block or not dispatching.ON:
            return original(self)
        current, cause, thread = CURRENT.get(), CAUSE.get(), get_ident()
        running = dispatching.OPEN.get(thread)
        cells, done = _resume(self, current), _after_commit(self, thread)
        try:
            return original(self)
        finally:
            CURRENT.set(current)
            CAUSE.set(cause)
            if done is not None and TRANSACTIONS.get(thread, [0])[ID] == -done[ID]:
                TRANSACTIONS[thread] = done
            if dispatching.OPEN.get(thread) is not running:  # a callback's dispatch has left its cell there
                dispatching.OPEN[thread] = running
            for cell in cells:
                cell[IDENT], cell[OUTER] = CLOSED, None

    return run_and_clear_commit_hooks
