"""Writes for which Django sends no signal: `bulk_create`, `bulk_update`, `update` and the deletes that only run SQL."""

from __future__ import annotations

import functools
import itertools
import sys
from collections import deque
from threading import get_ident
from time import perf_counter_ns as clock
from typing import Any

from django.db.models import deletion

from signalgraph.recorder import causes, dispatching
from signalgraph.recorder.clock import CURRENT, TRACE, parent_span, type_name
from signalgraph.recorder.faults import contained
from signalgraph.recorder.frames import uncounted
from signalgraph.recorder.sites import outside

BULK_CREATE, BULK_UPDATE, UPDATE, FAST_DELETE = range(4)  # positions in `events.OPERATIONS`

CAUSE = causes.CURRENT
DELETION = vars(deletion)

# (span, parent, trace, sender token, operation, rows, start ns, end ns, code, lasti, thread, transaction, error): a
# write's `rows` is None where nobody knows, `error` the name of what it raised
NOTES: deque[tuple[Any, ...]] = deque(maxlen=20_000)
_counter = itertools.count()

_in_bulk_update: set[Any] = set()  # (thread, id of the model)
_fast_deletes: set[int] = set()  # ids of the collectors that are about to delete their only object without a signal
MOST_FAST_DELETES = 1_000  # at once, in all threads


def reset() -> None:
    """Begin with no notes and no count, at a start and in a forked child."""
    global _counter
    NOTES.clear()
    _in_bulk_update.clear()
    _fast_deletes.clear()
    _counter = itertools.count()


def noted() -> int:
    """How many writes were noted since `reset`. Those that neither were taken nor are in `NOTES` were dropped.

    A write is counted after it was put into `NOTES`, so a reader takes notes first and asks then.
    """
    return int(repr(_counter)[len("count(") : -1])  # the one look at a counter that doesn't move it


@contained()
def _note(model: Any, operation: int, rows: int | None, start: int, end: int, caller: Any, error: str | None) -> None:
    if model._meta.auto_created:  # m2m_changed tells of these
        return
    caller = outside(caller)
    thread = get_ident()
    trace = CAUSE.get()[0]
    if trace < dispatching.FLOOR:
        trace = 0
    parent = 0
    current = CURRENT.get()
    if current is not None:
        parent = parent_span(current, thread)
        trace = trace or current[TRACE]
    transaction = dispatching.TRANSACTIONS.get(thread)
    span = dispatching.next_span()
    token = dispatching.known_senders.get(id(model)) or dispatching.sender_token(model)
    NOTES.append(
        (
            span,
            parent,
            trace or span,
            token,
            operation,
            rows,
            start,
            end,
            caller and caller.f_code,
            caller and caller.f_lasti,
            thread,
            transaction and (transaction[0] or dispatching.name_transaction(transaction)),
            error,
        )
    )
    next(_counter)


def _caller() -> Any:
    """The frame that called the replacement that asks; a thread may begin with that very call."""
    try:
        return sys._getframe(2)
    except ValueError:
        return None


def _created(result: Any, args: tuple[Any, ...], named: dict[str, Any]) -> int | None:
    """Rows that `bulk_create` made of its arguments (objs, batch_size, ignore_conflicts, ...)."""
    ignoring = args[2] if len(args) > 2 else named.get("ignore_conflicts", False)
    return len(result) if type(result) is list and ignoring is False else None


def _touched(result: Any, args: tuple[Any, ...], named: dict[str, Any]) -> int | None:
    return result if type(result) is int else None


@uncounted
def recording_write(original: Any, operation: int) -> Any:
    """A method of `QuerySet` that writes without a signal. `bulk_update` calls `update` for its batches: told once."""
    rows_of = _created if operation == BULK_CREATE else _touched

    @functools.wraps(original)
    def write(self: Any, *args: Any, **named: Any) -> Any:
        if not dispatching.ON:
            return original(self, *args, **named)
        model, key = self.__dict__.get("model"), None
        if operation == BULK_UPDATE or _in_bulk_update:
            key = (get_ident(), id(model))
            if key in _in_bulk_update:
                return original(self, *args, **named)
            if operation == BULK_UPDATE:
                _in_bulk_update.add(key)
        rows, error, caller, start = None, None, _caller(), clock()
        try:
            result = original(self, *args, **named)
            rows = rows_of(result, args, named)
            return result
        except BaseException as exc:
            error = type_name(exc)
            raise
        finally:
            if operation == BULK_UPDATE:
                _in_bulk_update.discard(key)
            _note(model, operation, rows, start, clock(), caller, error)

    return write


@uncounted
def recording_can_fast_delete(original: Any) -> Any:
    """`Collector.can_fast_delete`: its answer to `Collector.delete` itself decides that no signal is sent."""

    @functools.wraps(original)
    def can_fast_delete(self: Any, *args: Any, **named: Any) -> Any:
        answer = original(self, *args, **named)
        if answer is True and dispatching.ON:
            frame = sys._getframe(1)
            if frame.f_code.co_name == "delete" and frame.f_globals is DELETION:
                if len(_fast_deletes) >= MOST_FAST_DELETES:  # of methods that another tool keeps without ours
                    _fast_deletes.clear()
                _fast_deletes.add(id(self))
        return answer

    return can_fast_delete


@uncounted
def recording_delete(original: Any) -> Any:
    """`Collector.delete`: a write when it deleted one object without a signal; of others the signals tell."""

    @functools.wraps(original)
    def delete(self: Any, *args: Any, **named: Any) -> Any:
        if not dispatching.ON:
            return original(self, *args, **named)
        rows, error, caller, start = None, None, _caller(), clock()
        try:
            result = original(self, *args, **named)
            rows = result[0] if type(result) is tuple and result and type(result[0]) is int else None
            return result
        except BaseException as exc:
            error = type_name(exc)
            raise
        finally:
            if id(self) in _fast_deletes:
                _fast_deletes.discard(id(self))
                for model in self.data:
                    _note(model, FAST_DELETE, rows, start, clock(), caller, error)

    return delete
