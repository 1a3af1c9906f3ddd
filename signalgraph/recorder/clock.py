"""Lists whose iterators are clocks: Django's own loops run over them unchanged and time every receiver.

A record is a list while its dispatch runs: `HEADER` fields, then one clock reading per step of Django's loop (so the
number of readings is the running receiver), and becomes a tuple of atoms when it ends.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from threading import get_ident
from time import perf_counter_ns as clock
from types import CoroutineType
from typing import Any

from django.dispatch import dispatcher

from signalgraph.events import RECEIVER_BITS
from signalgraph.inert import class_qualname
from signalgraph.recorder.frames import uncounted

SPAN, PARENT, TRACE, IDENT, SIGNAL, SENDER, METHOD, CODE, LASTI, THREAD = range(10)
ARGUMENTS, FACTS, RECEIVERS, SYNC, ASYNC, SQL, FAILURES, ERROR, TRANSACTION, OUTER, RUNNER, START = range(10, 22)
HEADER = 22

MOST_CALLS = (1 << RECEIVER_BITS) - 1  # of one dispatch that have a span of their own

CLOSED = 0  # IDENT of a record whose dispatch has ended; who sends later has that dispatch as parent, not a receiver
CELL = -1  # IDENT of a cell: it stands for one receiver call in a context where the record can't say which one runs
OUTLINE = -2  # IDENT while a dispatch method runs that isn't Django's, see `subclasses`

DISPATCHER = vars(dispatcher)  # the globals of the frames of Django's loops

# None outside any dispatch, the record of the running dispatch, or a cell: in async receivers, in what a receiver waits
# for on an event loop, in what it put off until after a commit.
CURRENT: ContextVar[list[Any] | None] = ContextVar("signalgraph_current", default=None)

readings = iter(clock, None)  # endless and without a state, so all threads share it

# {}.get(None, receiver) is the receiver: it drops what `tick` returned, in C, and compares nothing.
pick: Callable[[Any, Any], Any] = {}.get


def parent_span(current: list[Any], thread: int) -> int:
    """Span of the receiver call that is running in a thread, or of its dispatch where the receiver is not known.

    A context can leave its receiver: for another thread, a task, a callback. Only the thread that iterates over the
    receivers is surely in the one that the record has reached; a cell knows its receiver wherever it is.
    """
    span: int = current[SPAN]
    if current[RUNNER] != thread or current[IDENT] == CLOSED:
        return span
    position = len(current) - HEADER  # one more than there are receivers when the loop is through
    last = current[SYNC] if current[ASYNC] is not None else len(current[RECEIVERS] or ())
    return span + position if position <= last and position <= MOST_CALLS else span


def cell_of(current: list[Any], thread: int) -> list[Any]:
    """A cell for the receiver call that is running in a thread, to be seen by whatever runs for it elsewhere."""
    cell = new_cell(parent_span(current, thread), current[TRACE])
    cell[OUTER] = current
    return cell


def new_cell(span: int, trace: int) -> list[Any]:
    cell: list[Any] = [0] * HEADER
    cell[SPAN], cell[TRACE], cell[IDENT], cell[SQL] = span, trace, CELL, None
    return cell


# Whether a list that was in other hands still holds the receivers that its record names, or names them anew; set by
# `dispatching`: (record, list, signal, async ones).
holds: Callable[[list[Any], list[Any], Any, bool], bool] = lambda record, receivers, signal, concurrent: False  # noqa: E731


class ClockList(list[Any]):
    """Iterated by one of Django's own loops, it appends a clock reading before each receiver and one at the end.

    Anybody else who iterates (a subclass that filters, a tool that wraps, `sorted`) gets a plain list: the dispatch
    is then recorded without times rather than with wrong ones. `tick` is the record's `append`, `signal` the signal
    if the list went through other hands than Django's, which may have changed it.
    """

    __slots__ = ("signal", "tick")
    tick: Callable[[int], None] | None
    signal: Any

    def __iter__(self) -> Iterator[Any]:
        tick = self.tick
        if tick is None or sys._getframe(1).f_globals is not DISPATCHER:
            return list.__iter__(self)
        self.tick = None
        record = tick.__self__  # type: ignore[attr-defined]
        if self.signal is not None and not holds(record, self, self.signal, False):
            return list.__iter__(self)
        self.begin(record)
        return map(pick, map(tick, readings), list.__iter__(self))

    def begin(self, record: list[Any]) -> None:
        """Django's loop begins, in the thread that called the method."""


class ReadyClockList(list[Any]):
    """A clock list for a loop that is known to be Django's: its slot holds what makes the iterator, without a frame."""

    __slots__ = ("__iter__",)


class ClockListElsewhere(ClockList):
    """For `asend`, whose sync receivers may run on another thread: says on which one."""

    __slots__ = ()

    def begin(self, record: list[Any]) -> None:
        record[RUNNER] = get_ident()


class TracedOnce(list[Any]):
    """Its first iteration yields stand-ins for the async receivers, the second (Django's `zip`) the originals."""

    __slots__ = ("calls", "record", "signal")
    calls: list[tuple[Any, ...]] | None
    record: list[Any]
    signal: Any

    def __iter__(self) -> Iterator[Any]:
        if self.calls is None or sys._getframe(1).f_globals is not DISPATCHER:
            return list.__iter__(self)
        calls, self.calls = self.calls, None
        record = self.record
        if self.signal is not None and not holds(record, self, self.signal, True):
            return list.__iter__(self)
        first = record[SPAN] + record[SYNC] + 1
        return iter([StandIn(r, first + i, calls, record) for i, r in enumerate(list.__iter__(self))])


class StandIn:
    """Calls an async receiver and drives its coroutine; in everything else it answers as the receiver does."""

    __slots__ = ("calls", "receiver", "record", "span")

    def __init__(self, receiver: Any, span: int, calls: list[tuple[Any, ...]], record: list[Any]) -> None:
        self.receiver, self.span, self.calls, self.record = receiver, span, calls, record

    @uncounted
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        awaitable = self.receiver(*args, **kwargs)
        return named_like(drive(awaitable, self.span, self.calls, self.record), awaitable)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.receiver, name)


# Where the end of a call goes whose dispatch is over; set by `recorder.records`.
late_calls: Callable[[tuple[Any, ...]], None] = lambda call: None  # noqa: E731


@uncounted
@types.coroutine
def drive(awaitable: Any, span: int, calls: list[tuple[Any, ...]], record: list[Any]) -> Any:
    """Run an async receiver under a cell of its own; the time that its steps take is its busy time."""
    cell, busy = new_cell(span, record[TRACE]), [0]
    start = clock()
    calls.append((span, start))
    try:
        value = yield from under(awaitable, cell, busy)
    except BaseException as exc:
        end_call(cell, start, busy[0], exc, calls, record)
        raise
    end_call(cell, start, busy[0], None, calls, record)
    return value


@uncounted
async def _awaiting(awaitable: Any) -> Any:
    return await awaitable  # what may be awaited, and the error where that may not, are Python's own


def named_like(coroutine: Any, awaitable: Any) -> Any:
    """Give a coroutine the names of another one that it stands for."""
    if type(awaitable) is CoroutineType:
        coroutine.__name__, coroutine.__qualname__ = awaitable.__name__, awaitable.__qualname__
    return coroutine


@uncounted
@types.coroutine
def under(awaitable: Any, current: list[Any], busy: list[int]) -> Any:
    """Run an awaitable with `CURRENT` set around each of its steps only, and add up their ns in `busy`.

    Django 6.1 runs the async receivers of a dispatch in one shared context and copies it back to the caller, so a
    value that stays set across an await would be seen by siblings and leak.
    """
    iterator = awaitable.__await__() if type(awaitable) is CoroutineType else _awaiting(awaitable).__await__()
    value, error = None, None
    while True:
        outer = CURRENT.get()
        CURRENT.set(current)
        step = clock()
        try:
            if error is not None:
                raised, error = error, None
                try:
                    yielded = iterator.throw(raised)
                finally:
                    del raised  # its traceback holds this frame
            elif value is None:
                yielded = next(iterator)
            else:
                yielded = iterator.send(value)
        except StopIteration as stop:
            return stop.value
        finally:
            CURRENT.set(outer)
            busy[0] += clock() - step
        try:
            value = yield yielded
        except GeneratorExit:
            outer = CURRENT.get()
            CURRENT.set(current)
            try:
                iterator.close()
            finally:
                CURRENT.set(outer)
            raise
        except BaseException as exc:  # noqa: BLE001 - thrown into the receiver at its next step
            error, value = exc, None


def end_call(
    cell: list[Any],
    start: int,
    busy: int | None,
    exc: BaseException | None,
    calls: list[tuple[Any, ...]],
    record: list[Any],
) -> None:
    """Note the end of a receiver call that has a cell. `busy` is None where it isn't async."""
    queries = cell[SQL] or ()
    name = None if exc is None else type_name(exc)
    cell[IDENT] = CLOSED
    call = (cell[SPAN], start, clock(), busy, name, tuple(queries))
    if record[IDENT] == CLOSED:
        late_calls((*call, record[START]))
    else:
        calls.append(call)


def type_name(exc: BaseException) -> str:
    """The name of an error's type, never its text: a message can hold a value."""
    return class_qualname(type(exc))
