"""The replacements of Django's four send methods: the hot path.

Nothing here may raise, run code of the project or keep an object of it. Module globals are the recorder's state in
this process; `reset` makes them anew at start and in a forked child.
"""

from __future__ import annotations

import functools
import itertools
import sys
from array import array
from collections import deque
from collections.abc import Callable, MutableSequence
from threading import get_ident
from time import perf_counter_ns as now
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary, ref

import django
from django.db.models.signals import ModelSignal
from django.dispatch.dispatcher import NO_RECEIVERS

from signalgraph.events import RECEIVER_BITS
from signalgraph.recorder import causes, clock
from signalgraph.recorder.clock import (
    ASYNC,
    CLOSED,
    CODE,
    CURRENT,
    DISPATCHER,
    ERROR,
    FAILURES,
    HEADER,
    IDENT,
    METHOD,
    OUTER,
    OUTLINE,
    RECEIVERS,
    SIGNAL,
    SPAN,
    SQL,
    SYNC,
    TRACE,
    ClockList,
    ClockListElsewhere,
    ReadyClockList,
    TracedOnce,
    parent_span,
    pick,
    readings,
    type_name,
    under,
)
from signalgraph.recorder.faults import contained, is_interruption, report
from signalgraph.recorder.frames import uncounted
from signalgraph.recorder.sites import kind_of, outside
from signalgraph.recorder.tokens import Receivers, Senders

FIRST_TOKEN = 16  # tokens below it want more than a record: 0 is an unknown signal, then the ones named here
ENDS = causes.ENDS
REQUEST_STARTED, TASK_STARTED = 1, 2  # and 3 for another module of tasks
REQUEST_FINISHED, TASK_FINISHED = REQUEST_STARTED + ENDS, TASK_STARTED + ENDS
IGNORED = -1
ONLY_ITERATES = django.VERSION[:2] in ((5, 2), (6, 0), (6, 1))  # what Django's loops do with sync receivers: once
ASEND = 2  # the first of `events.METHODS` that is a coroutine
CELLS = 63  # tally cells - 1
CAUSE = causes.CURRENT

ON = False  # set by `patches`: off, a replacement that another tool keeps above Django's passes through
FLOOR = 0  # causes with a lower id were opened before a pause or a fork and may be over

RING: deque[tuple[Any, ...]] = deque(maxlen=0)
OPEN: dict[int, list[Any] | None] = {}  # by thread: the record that runs; `OUTER` leads to those around it
TRANSACTIONS: dict[int, Any] = {}  # by thread: the innermost that is open; see `recorder.transactions`
OPEN_ASYNC: dict[int, list[Any]] = {}  # by span
LATE_CALLS: deque[tuple[Any, ...]] = deque(maxlen=20_000)  # async receivers' ends that came after their dispatch's
TALLY: MutableSequence[int] | memoryview = array("Q", [0] * (CELLS + 1))
# A signal's lock stands for it: a plain object of its own, hashed in C, where the signal's class may define a hash.
SIGNALS: dict[Any, int] = {}  # to tokens
UNHEARD: dict[Any, Callable[[], int]] = {}  # to the next number of a counter
SENDERS = Senders(lambda key, label: None)
RECEIVER_TABLE = Receivers()
known_senders, known_receivers, automatic_keys = SENDERS.by_id, RECEIVER_TABLE.by_id, SENDERS.automatic_keys
namespace = object.__getattribute__
next_span: Callable[[], int] = itertools.count(1 << RECEIVER_BITS, 1 << RECEIVER_BITS).__next__
next_ended: Callable[[], int] = itertools.count(1).__next__

# Set by the recorder: gives a signal its token (IGNORED when it is to be counted only) or opens its counter.
new_signal: Callable[[Any], int] = lambda signal: IGNORED  # noqa: E731
new_counter: Callable[[Any], None] = lambda signal: None  # noqa: E731
# Counts one for the signal of a token: nobody heard it, or it is only to be counted.
new_unheard: Callable[[int], None] = lambda token: None  # noqa: E731
# Set by `tasks`: opens the cause of a task, by its id and the arguments of the signal that says that it has started.
open_task: Callable[[int, dict[str, Any]], None] = lambda span, named: None  # noqa: E731
new_ignored: Callable[[Any], None] = lambda signal: None  # noqa: E731
# Set by `patches`: a replacement is called while paused, so it is where it should not be any more.
left_over: Callable[[], None] = lambda: None  # noqa: E731
# Set by `subclasses`: `_live_receivers` for a dispatch method that isn't Django's: (original, signal, sender, outline).
hand_out: Callable[[Any, Any, Any, list[Any]], Any] = lambda original, signal, sender, outline: original(signal, sender)  # noqa: E731
# Adds values that SIGNALGRAPH["CAPTURE"] names to the facts of a record: (signal's token, sender's, arguments, facts)
# -> facts.
CAPTURE: Callable[[int, int, dict[str, Any], tuple[Any, ...] | None], tuple[Any, ...] | None] | None = None
# Adds the message of an error, where that is asked for: (record, error, position of the receiver or 0).
CAPTURE_ERROR: Callable[[list[Any], BaseException, int], None] | None = None


def reset(ring: int, tally: MutableSequence[int] | memoryview, learn: Callable[[int, str | None], None]) -> None:
    """Begin with empty tables and counters."""
    global RING, TALLY, FLOOR, next_ended, SENDERS, RECEIVER_TABLE, known_senders, known_receivers, automatic_keys
    RING = deque(maxlen=ring)
    TALLY = tally
    FLOOR = next_span()
    OPEN.clear()
    OPEN_ASYNC.clear()
    TRANSACTIONS.clear()
    LATE_CALLS.clear()
    next_ended = itertools.count(1).__next__
    SIGNALS.clear()
    UNHEARD.clear()
    SENDERS = Senders(learn)
    RECEIVER_TABLE = Receivers()
    known_senders, known_receivers, automatic_keys = SENDERS.by_id, RECEIVER_TABLE.by_id, SENDERS.automatic_keys
    clock.late_calls = late_call


def late_call(call: tuple[Any, ...]) -> None:
    """An async receiver's end that came after its dispatch's; it doesn't count as a dispatch."""
    LATE_CALLS.append(call)


def name_transaction(transaction: list[Any]) -> int:
    """Give an open transaction an id, and those around it: a note of its end will be wanted."""
    outer = transaction[1]
    if outer is not None and not outer[0]:
        name_transaction(outer)
    transaction[0] = ident = next_span()
    return ident


def told_by_outline(current: list[Any] | None, signal: Any) -> bool:
    """Whether Django's own method of a signal runs in another method of the same signal: one dispatch, not two."""
    return current is not None and current[IDENT] == OUTLINE and current[SIGNAL] == id(signal)


def special(signal: Any, token: int, named: dict[str, Any], sender: Any) -> int:
    """A token for a signal that has none; for a request's first signal, a cause before its record is made."""
    try:
        token = token or new_signal(signal)
        current = CURRENT.get()
        if current is not None and told_by_outline(current, signal):
            return token
        if token < 0:
            new_ignored(signal)
        elif token == REQUEST_STARTED:
            causes.open_request(next_span(), sender, named)
        elif token < ENDS:
            open_task(next_span(), named)
        return token
    except Exception:  # noqa: BLE001 - the boundary
        report("special")
        return IGNORED


def end_of_special(token: int, record: list[Any]) -> None:
    """What a dispatch that begins or ends a cause does at its end."""
    try:
        if token > ENDS:
            causes.close_nearest(causes.PAIRS[token])
        elif record[ERROR] is not None and CAUSE.get()[0] == record[TRACE]:
            causes.close_nearest(causes.PAIRS[token + ENDS])  # whoever would have sent the other signal was stopped
    except Exception:  # noqa: BLE001 - the boundary
        report("end_of_special")


@contained(default=0)
def sender_token(sender: Any) -> int:
    return SENDERS.token(sender)


def receiver_tokens(receivers: list[Any], signal: Any) -> tuple[int, ...]:
    try:
        return tuple([RECEIVER_TABLE.token(receiver, signal) for receiver in receivers])
    except Exception:  # noqa: BLE001 - the boundary: one unknown token each
        report("receiver_tokens")
        return (0,) * len(receivers)


# What can be read without running a project's code; by identity, since a metaclass may define `==` and `hash`.
PLAIN = frozenset(map(id, (frozenset, set, list, tuple)))


def _texts(fields: Any) -> tuple[str, ...] | None:
    """The texts in a plain container: nothing else is kept, not even until the next flush."""
    return tuple([name for name in fields if type(name) is str]) if id(type(fields)) in PLAIN else None


def facts_of(sender: Any, named: dict[str, Any]) -> tuple[Any, ...] | None:
    """What a model signal may say without a value of the project's: flags, names, an automatic primary key."""
    try:  # not `contained`, and the key's not by a method of the table: two calls less for each save
        get = named.get
        created, raw, using, fields = get("created"), get("raw"), get("using"), get("update_fields")
        key, attribute = None, automatic_keys.get(id(sender))
        if attribute is not None:
            instance = get("instance")
            if type(instance) is sender:
                # Not getattr: a deferred field would query, a property would run.
                key = namespace(instance, "__dict__").get(attribute)
                if type(key) is not int:
                    key = str(key) if type(key) is UUID else None
        return (
            created if created is True or created is False else None,
            raw if raw is True or raw is False else None,
            using if type(using) is str else None,
            None if fields is None else _texts(fields),
            key,
        )
    except Exception:  # noqa: BLE001 - the boundary
        report("facts_of")
        return None


def open_record(signal: Any, token: int, sender: Any, method: int, named: dict[str, Any], caller: Any) -> list[Any]:
    """The record of a dispatch that begins, `HEADER` fields long."""
    code = caller and caller.f_code
    if code is None or kind_of(code.co_filename):
        # A request's signals come from the server; looking up from there costs 10 us and finds nobody.
        caller = outside(caller) if token >= FIRST_TOKEN else None
        code = caller and caller.f_code
    try:
        who = known_senders[id(sender)]
    except KeyError:
        who = sender_token(sender)
    span = next_span()
    thread = get_ident()
    trace = CAUSE.get()[0]
    if trace < FLOOR:
        trace = 0
    transaction = TRANSACTIONS.get(thread)
    if transaction is not None:
        transaction = transaction[0] or name_transaction(transaction)
    current = CURRENT.get()
    if current is None:
        parent = 0
    else:
        parent = parent_span(current, thread)
        trace = trace or current[TRACE]
        if current[IDENT] == OUTLINE and current[SIGNAL] == id(signal):
            caller, current[RECEIVERS] = current[CODE], ()
            code = caller and caller.f_code
    facts = facts_of(sender, named) if type(signal) is ModelSignal else None
    if CAPTURE is not None:
        facts = CAPTURE(token, who, named, facts)
    return [
        span,
        parent,
        trace or span,
        id(signal),
        token,
        who,
        method,
        code,
        caller and caller.f_lasti,
        thread,
        tuple(named),
        facts,
        None,
        0,
        None,
        None,
        None,
        None,
        transaction,
        None,
        0,
        now(),
    ]


@contained()
def note_error(record: list[Any], exc: BaseException) -> None:
    """The error that ends a dispatch."""
    record[ERROR] = type_name(exc)
    if CAPTURE_ERROR is not None:
        CAPTURE_ERROR(record, exc, 0)


@contained()
def note_failure(record: list[Any], err: BaseException) -> None:
    """The error of the receiver that runs, where the dispatch goes on."""
    position = len(record) - HEADER
    if CAPTURE_ERROR is not None:
        CAPTURE_ERROR(record, err, position)
    failed = (position, type_name(err))
    record[FAILURES] = failed if record[FAILURES] is None else record[FAILURES] + failed


def close_record(record: list[Any]) -> None:
    """Put an ended dispatch that a receiver heard into the ring; one that nobody heard is only counted."""
    record.append(now())
    record[IDENT] = CLOSED  # before it is in the ring: the flusher tells none as running that it has told as ended
    receivers = record[RECEIVERS]
    if receivers or receivers is None:  # None: another tool's `_live_receivers` answered, and who heard it isn't known
        if record[ASYNC] is not record[SQL]:  # not both None, as they mostly are
            record[ASYNC] = None if record[ASYNC] is None else tuple(record[ASYNC])
            record[SQL] = None if record[SQL] is None else tuple(record[SQL])
        RING.append(tuple(record))
        ended = next_ended()
        TALLY[ended & CELLS] = ended
    else:
        new_unheard(record[SIGNAL])


@uncounted
def recording_sync(original: Any, method: int) -> Any:  # noqa: C901 - written out, see below
    """`send` or `send_robust`, recording. `method` is a position in `events.METHODS`.

    `open_record` and `close_record` are written out here: two calls less are 5 % of a dispatch to three receivers.
    """

    @functools.wraps(original)
    def send(self: Any, sender: Any, **named: Any) -> Any:  # noqa: C901
        if not ON:
            left_over()
            return original(self, sender, **named)
        if not self.receivers or NO_RECEIVERS is (
            # A WeakKeyDictionary's own `get` would be another frame.
            cache.data.get(ref(sender))  # type: ignore[attr-defined]
            if type(cache := self.sender_receivers_cache) is WeakKeyDictionary
            else cache.get(sender)
        ):
            try:
                UNHEARD[self.lock]()
            except (KeyError, AttributeError):
                new_counter(self)
            return []
        token = SIGNALS.get(self.lock, 0)
        if token < ENDS:
            token = special(self, token, named, sender)
            if token < 0:
                return original(self, sender, **named)
        try:
            try:
                caller = sys._getframe(1)
            except ValueError:  # a thread may begin with this very call
                caller = None
            code = caller and caller.f_code
            if code is None or kind_of(code.co_filename):
                # A request's signals come from the server; looking up from there costs 10 us and finds nobody.
                caller = outside(caller) if token >= FIRST_TOKEN else None
                code = caller and caller.f_code
            try:
                who = known_senders[id(sender)]
            except KeyError:
                who = sender_token(sender)
            span = next_span()
            thread = get_ident()
            trace = CAUSE.get()[0]
            if trace < FLOOR:
                trace = 0
            transaction = TRANSACTIONS.get(thread) if TRANSACTIONS else None
            if transaction is not None:
                transaction = transaction[0] or name_transaction(transaction)
            current = CURRENT.get()
            if current is None:
                parent = 0
            else:
                parent = parent_span(current, thread)
                trace = trace or current[TRACE]
                if current[IDENT] == OUTLINE and current[SIGNAL] == id(self):
                    caller, current[RECEIVERS] = current[CODE], ()
                    code = caller and caller.f_code
            facts = facts_of(sender, named) if type(self) is ModelSignal else None
            if CAPTURE is not None:
                facts = CAPTURE(token, who, named, facts)
            record: list[Any] = [
                span,
                parent,
                trace or span,
                id(self),
                token,
                who,
                method,
                code,
                caller and caller.f_lasti,
                thread,
                tuple(named),
                facts,
                None,
                0,
                None,
                None,
                None,
                None,
                transaction,
                current,
                thread,
                now(),
            ]
        except Exception as exc:
            if is_interruption(exc):
                raise
            report("send")
            return original(self, sender, **named)
        OPEN[thread] = record
        outer = None
        try:
            outer = CURRENT.set(record)
            return original(self, sender, **named)
        except BaseException as exc:
            note_error(record, exc)
            raise
        finally:
            if outer is not None:
                CURRENT.reset(outer)
            else:  # an error of a handler of the operating system's signals came just then
                CURRENT.set(current)
            if current is not None:  # else `OPEN` keeps this one, closed, until the thread's next dispatch
                OPEN[thread] = current
                record[OUTER] = None
            record.append(now())
            record[IDENT] = CLOSED
            receivers = record[RECEIVERS]
            if receivers or receivers is None:
                if record[ASYNC] is not record[SQL]:  # not both None, as they mostly are
                    record[ASYNC] = None if record[ASYNC] is None else tuple(record[ASYNC])
                    record[SQL] = None if record[SQL] is None else tuple(record[SQL])
                RING.append(tuple(record))
                ended = next_ended()
                TALLY[ended & CELLS] = ended
            else:
                new_unheard(record[SIGNAL])
            if token < FIRST_TOKEN:
                end_of_special(token, record)

    return send


@uncounted
def recording_async(original: Any, method: int) -> Any:  # noqa: C901 - written out, as the other
    """`asend` or `asend_robust`, recording."""

    @functools.wraps(original)
    async def send(self: Any, sender: Any, **named: Any) -> Any:  # noqa: C901
        if not ON:
            left_over()
            return await original(self, sender, **named)
        if not self.receivers or NO_RECEIVERS is (
            # A WeakKeyDictionary's own `get` would be another frame.
            cache.data.get(ref(sender))  # type: ignore[attr-defined]
            if type(cache := self.sender_receivers_cache) is WeakKeyDictionary
            else cache.get(sender)
        ):
            try:
                UNHEARD[self.lock]()
            except (KeyError, AttributeError):
                new_counter(self)
            return []
        token = SIGNALS.get(self.lock, 0)
        if token < ENDS:
            token = special(self, token, named, sender)
            if token < 0:
                return await original(self, sender, **named)
        try:
            caller = sys._getframe(1)
        except ValueError:  # a thread may begin with this very call
            caller = None
        try:
            record = open_record(self, token, sender, method, named, caller)
        except Exception as exc:
            if is_interruption(exc):
                raise
            report("asend")
            return await original(self, sender, **named)
        OPEN_ASYNC[record[SPAN]] = record
        try:
            return await under(original(self, sender, **named), record, [0])
        except BaseException as exc:
            note_error(record, exc)
            raise
        finally:
            OPEN_ASYNC.pop(record[SPAN], None)
            close_record(record)
            if token < FIRST_TOKEN:
                end_of_special(token, record)

    return send


# By identity, since a metaclass may define `==` and `hash`.
OURS = frozenset(map(id, (list, ClockList, ReadyClockList, ClockListElsewhere, TracedOnce)))


@uncounted
def recording_live_receivers(original: Any) -> Any:  # noqa: C901
    """`_live_receivers`: in a dispatch that is being recorded, hands Django's loop lists that are clocks."""

    @functools.wraps(original)
    def _live_receivers(self: Any, sender: Any) -> Any:  # noqa: C901 - written out
        record = CURRENT.get()
        if record is None or record[IDENT] != id(self) or len(record) != HEADER:
            if record is not None and told_by_outline(record, self):
                return hand_out(original, self, sender, record)
            if not ON:
                left_over()
            return original(self, sender)  # not this dispatch, or its loop runs already
        found = original(self, sender)
        try:
            sync, concurrent = found
        except (TypeError, ValueError):
            return found  # another tool's shape: recorded without times
        if type(sync) is not list or type(concurrent) is not list:
            if id(type(sync)) not in OURS or id(type(concurrent)) not in OURS:
                return found
            # Made by a `_live_receivers` of ours below another's: this one is nearer to Django's loop.
            sync, concurrent = list(list.__iter__(sync)), list(list.__iter__(concurrent))
        try:
            tokens = tuple([known_receivers[id(receiver)] for receiver in sync])
        except KeyError:  # one that is new, or a bound method: that is made anew for each dispatch
            tokens = receiver_tokens(sync, self)
        # Whoever else asks may hand the lists on to Django's loop, or not, or changed.
        direct = sys._getframe(1).f_globals is DISPATCHER
        if sync:
            if direct and record[METHOD] < ASEND:
                receivers, clocked = sync, map(pick, map(record.append, readings), sync)
                if ONLY_ITERATES:
                    sync = clocked
                else:
                    sync = ReadyClockList(receivers)
                    sync.__iter__ = clocked.__iter__  # type: ignore[method-assign]
            else:
                sync = ClockList(sync) if record[METHOD] < ASEND else ClockListElsewhere(sync)
                sync.tick, sync.signal = record.append, None if direct else self
        if concurrent:
            record[SYNC] = len(tokens)
            tokens += receiver_tokens(concurrent, self)
            concurrent = TracedOnce(concurrent)
            concurrent.record, concurrent.signal = record, None if direct else self
            if record[ASYNC] is None:  # else there was an answer further in, which may be the one that is used
                record[ASYNC] = []
            concurrent.calls = record[ASYNC]
        elif record[ASYNC] is not None:
            record[SYNC], record[ASYNC] = 0, None
        record[RECEIVERS] = tokens
        return sync, concurrent

    return _live_receivers


def holds(record: list[Any], receivers: list[Any], signal: Any, concurrent: bool) -> bool:
    """Whether a list that was in other hands still holds what its record names; a record that can is set right."""
    tokens, told = receiver_tokens(list(list.__iter__(receivers)), signal), record[RECEIVERS] or ()
    sync = len(told) if record[ASYNC] is None else record[SYNC]
    claimed = told[sync:] if concurrent else told[:sync]
    if tokens == claimed:
        return True
    if record[ASYNC] is not None and len(tokens) != len(claimed):
        return False
    record[RECEIVERS] = told[:sync] + tokens if concurrent else tokens + told[sync:]
    return True


clock.holds = holds


@uncounted
def recording_robust_failure(original: Any) -> Any:
    """`_log_robust_failure`: the only place that tells a raised exception from a returned one."""

    @functools.wraps(original)
    def _log_robust_failure(self: Any, receiver: Any, err: Any) -> Any:
        if type(receiver) is clock.StandIn:
            if CAPTURE_ERROR is not None:
                CAPTURE_ERROR(receiver.record, err, receiver.span - receiver.record[SPAN])
            return original(self, receiver.receiver, err)
        record = CURRENT.get()
        if record is not None and record[IDENT] == id(self):
            note_failure(record, err)
        return original(self, receiver, err)

    return _log_robust_failure
