"""The replacements of Django's four send methods: the hot path.

Nothing here may raise, run code of the project or keep an object of it. Module globals are the recorder's state in
this process; `reset` makes them anew at start and in a forked child.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import sys
from array import array
from collections import deque
from collections.abc import Callable, MutableSequence
from threading import get_ident
from time import perf_counter_ns as now
from typing import Any

import asgiref
import django
from django.db.models.signals import ModelSignal
from django.dispatch.dispatcher import NO_RECEIVERS

from signalgraph.events import RECEIVER_BITS
from signalgraph.recorder import causes, clock
from signalgraph.recorder.clock import (
    ASYNC,
    CLOSED,
    CURRENT,
    ERROR,
    FAILURES,
    HEADER,
    IDENT,
    RECEIVERS,
    SIGNAL,
    SQL,
    SYNC,
    TRACE,
    ClockList,
    TracedOnce,
    parent_span,
    type_name,
)
from signalgraph.recorder.faults import contained, report
from signalgraph.recorder.tokens import Receivers, Senders

FIRST_TOKEN = 16  # tokens below it want more than a record: 0 is an unknown signal, then the ones named here
REQUEST_STARTED, REQUEST_FINISHED = 1, 2
IGNORED = -1
LATE = -1  # in the place of a span: the end of a call whose dispatch was over
CELLS = 63  # tally cells - 1
CAUSE = causes.CURRENT

NEAR = 8  # frames that are looked at for the line that sent
# Frames of these are never "the line that sent": the caller's own code is above them.
PLUMBING = (
    *(os.path.dirname(module.__file__ or "") + os.sep for module in (django, asgiref)),
    os.path.dirname(os.__file__) + os.sep + "asyncio",
    os.path.dirname(os.__file__) + os.sep + "concurrent",
    os.path.dirname(os.__file__) + os.sep + "threading",
)

RING: deque[tuple[Any, ...]] = deque(maxlen=0)
TALLY: MutableSequence[int] | memoryview = array("Q", [0] * (CELLS + 1))
# A signal's lock stands for it: a plain object of its own, hashed in C, where the signal's class may define a hash.
SIGNALS: dict[Any, int] = {}  # to tokens
UNHEARD: dict[Any, Callable[[], int]] = {}  # to the next number of a counter
SENDERS = Senders(lambda key, label: None)
RECEIVER_TABLE = Receivers()
known_senders, known_receivers = SENDERS.by_id, RECEIVER_TABLE.by_id
next_span: Callable[[], int] = itertools.count(1 << RECEIVER_BITS, 1 << RECEIVER_BITS).__next__
next_ended: Callable[[], int] = itertools.count(1).__next__

# Set by the recorder: gives a signal its token (IGNORED when it is to be counted only) or opens its counter.
new_signal: Callable[[Any], int] = lambda signal: IGNORED  # noqa: E731
new_counter: Callable[[Any], None] = lambda signal: None  # noqa: E731
# Counts one for the signal of a token.
new_unheard: Callable[[int], None] = lambda token: None  # noqa: E731


def reset(ring: int, tally: MutableSequence[int] | memoryview, learn: Callable[[int, str], None]) -> None:
    """Begin with empty tables and counters."""
    global RING, TALLY, next_ended, SENDERS, RECEIVER_TABLE, known_senders, known_receivers
    RING = deque(maxlen=ring)
    TALLY = tally
    next_ended = itertools.count(1).__next__
    SIGNALS.clear()
    UNHEARD.clear()
    SENDERS = Senders(learn)
    RECEIVER_TABLE = Receivers()
    known_senders, known_receivers = SENDERS.by_id, RECEIVER_TABLE.by_id
    clock.late_calls = late_call


def late_call(call: tuple[Any, ...]) -> None:
    """An async receiver's end that came after its dispatch's; it doesn't count as a dispatch."""
    RING.append((LATE, *call))


class _Plumbing(dict[str, bool]):
    """Whether a file is Django's, asgiref's or the event loop's: never the line that sent."""

    def __missing__(self, file: str) -> bool:
        self[file] = found = file.startswith(PLUMBING)
        return found


is_plumbing = _Plumbing().__getitem__


def outside(frame: Any) -> Any:
    """The first frame above that is not plumbing, or None when it isn't near."""
    for _ in range(NEAR):
        frame = frame.f_back
        if frame is None or not is_plumbing(frame.f_code.co_filename):
            return frame
    return None


@contained(default=IGNORED)
def special(signal: Any, token: int, named: dict[str, Any], sender: Any) -> int:
    """A token for a signal that has none; for a request's first signal, a cause before its record is made."""
    token = token or new_signal(signal)
    if token == REQUEST_STARTED:
        causes.open_request(next_span(), sender, named)
    return token


@contained(default=0)
def sender_token(sender: Any) -> int:
    return SENDERS.token(sender)


def receiver_tokens(receivers: list[Any]) -> tuple[int, ...]:
    try:
        return tuple(map(RECEIVER_TABLE.token, receivers))
    except Exception:  # noqa: BLE001 - the boundary: one unknown token each
        report("receiver_tokens")
        return (0,) * len(receivers)


@contained()
def facts_of(sender: Any, named: dict[str, Any]) -> tuple[Any, ...]:
    """What a model signal may say without a value of the project's: flags, names, an automatic primary key."""
    fields = named.get("update_fields")
    return (
        named.get("created"),
        named.get("raw"),
        named.get("using"),
        None if fields is None else tuple(fields),
        SENDERS.primary_key(sender, named.get("instance")),
    )


def open_record(signal: Any, token: int, sender: Any, method: int, named: dict[str, Any], frame: Any) -> list[Any]:
    """The record of a dispatch that begins, `HEADER` fields long."""
    code = frame.f_code
    if is_plumbing(code.co_filename):
        # A request's signals come from the server; looking up from there costs 10 us and finds nobody.
        frame = outside(frame) if token >= FIRST_TOKEN else None
        code = frame and frame.f_code
    try:
        who = known_senders[id(sender)]
    except KeyError:
        who = sender_token(sender)
    span = next_span()
    trace = CAUSE.get()[0]
    current = CURRENT.get()
    if current is None:
        parent = 0
    else:
        parent = parent_span(current)
        trace = trace or current[TRACE]
    return [
        span,
        parent,
        trace or span,
        id(signal),
        token,
        who,
        method,
        code,
        frame and frame.f_lasti,
        get_ident(),
        tuple(named),
        facts_of(sender, named) if type(signal) is ModelSignal else None,
        None,
        0,
        None,
        None,
        None,
        None,
        now(),
    ]


def close_record(record: list[Any]) -> None:
    """Put an ended dispatch that a receiver heard into the ring; one that nobody heard is only counted."""
    record.append(now())
    if record[RECEIVERS]:
        if record[ASYNC] is not None:
            record[ASYNC] = tuple(record[ASYNC])
        if record[SQL] is not None:
            record[SQL] = tuple(record[SQL])
        RING.append((*record,))
        ended = next_ended()
        TALLY[ended & CELLS] = ended
    else:
        new_unheard(record[SIGNAL])
    record[IDENT] = CLOSED


def recording_sync(original: Any, method: int) -> Any:
    """`send` or `send_robust`, recording. `method` is a position in `events.METHODS`."""

    @functools.wraps(original)
    def send(self: Any, sender: Any, **named: Any) -> Any:
        if not self.receivers or self.sender_receivers_cache.get(sender) is NO_RECEIVERS:
            try:
                UNHEARD[self.lock]()
            except (KeyError, AttributeError):
                new_counter(self)
            return []
        token = SIGNALS.get(self.lock, 0)
        if token < FIRST_TOKEN:
            token = special(self, token, named, sender)
            if token < 0:
                return original(self, sender, **named)
        record = open_record(self, token, sender, method, named, sys._getframe(1))
        outer = CURRENT.set(record)
        try:
            return original(self, sender, **named)
        except BaseException as exc:
            record[ERROR] = type_name(exc)
            raise
        finally:
            CURRENT.reset(outer)
            close_record(record)
            if token == REQUEST_FINISHED:
                causes.close_request()

    return send


def recording_async(original: Any, method: int) -> Any:
    """`asend` or `asend_robust`, recording."""

    @functools.wraps(original)
    async def send(self: Any, sender: Any, **named: Any) -> Any:
        if not self.receivers or self.sender_receivers_cache.get(sender) is NO_RECEIVERS:
            try:
                UNHEARD[self.lock]()
            except (KeyError, AttributeError):
                new_counter(self)
            return []
        token = SIGNALS.get(self.lock, 0)
        if token < FIRST_TOKEN:
            token = special(self, token, named, sender)
            if token < 0:
                return await original(self, sender, **named)
        record = open_record(self, token, sender, method, named, sys._getframe(1))
        outer = CURRENT.set(record)
        try:
            return await original(self, sender, **named)
        except BaseException as exc:
            record[ERROR] = type_name(exc)
            raise
        finally:
            with contextlib.suppress(ValueError):  # abandoned, and collected in another context: not ours to change
                CURRENT.reset(outer)
            close_record(record)
            if token == REQUEST_FINISHED:
                causes.close_request()

    return send


def recording_live_receivers(original: Any) -> Any:
    """`_live_receivers`: in a dispatch that is being recorded, hands Django's loop lists that are clocks."""

    @functools.wraps(original)
    def _live_receivers(self: Any, sender: Any) -> Any:
        found = original(self, sender)
        record = CURRENT.get()
        if record is None or record[IDENT] != id(self) or len(record) != HEADER:
            return found  # not this dispatch, or its loop runs already
        try:
            sync, concurrent = found
        except (TypeError, ValueError):
            return found  # another tool's shape: recorded without times
        try:
            tokens = tuple([known_receivers[id(receiver)] for receiver in sync])
        except KeyError:  # one that is new, or a bound method: that is made anew for each dispatch
            tokens = receiver_tokens(sync)
        if sync:
            sync = ClockList(sync)
            sync.tick = record.append
        if concurrent:
            record[SYNC] = len(tokens)
            tokens += receiver_tokens(concurrent)
            concurrent = TracedOnce(concurrent)
            concurrent.record = record
            concurrent.calls = record[ASYNC] = []
        record[RECEIVERS] = tokens
        return sync, concurrent

    return _live_receivers


def recording_robust_failure(original: Any) -> Any:
    """`_log_robust_failure`: the only place that tells a raised exception from a returned one."""

    @functools.wraps(original)
    def _log_robust_failure(self: Any, receiver: Any, err: Any) -> Any:
        if type(receiver) is clock.StandIn:
            return original(self, receiver.receiver, err)
        record = CURRENT.get()
        if record is not None and record[IDENT] == id(self):
            failed = (len(record) - HEADER, type_name(err))
            record[FAILURES] = failed if record[FAILURES] is None else record[FAILURES] + failed
        return original(self, receiver, err)

    return _log_robust_failure
