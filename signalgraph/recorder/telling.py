"""Records to what a log tells: tokens become names, clock readings become receiver calls, and totals are kept."""

from __future__ import annotations

import time
from collections import deque
from time import perf_counter_ns as clock
from typing import Any, NamedTuple

from signalgraph.blobs import Alike
from signalgraph.events import Dispatch, LateCall, ReceiverCall, Write
from signalgraph.recorder import capture
from signalgraph.recorder.clock import (
    ARGUMENTS,
    CODE,
    ERROR,
    FACTS,
    LASTI,
    METHOD,
    PARENT,
    RECEIVERS,
    SENDER,
    SIGNAL,
    SPAN,
    START,
    THREAD,
    TRACE,
    TRANSACTION,
)
from signalgraph.recorder.outcomes import (
    RAISED,
    RUNNING,
    Outcome,
    Record,
    outcomes_of,
    outcomes_so_far,
    spent_on,
    status_of,
    told_name,
)
from signalgraph.recorder.piles import Column, Pile, differences, shared
from signalgraph.recorder.routes import Routes, Sites, argument_name, facts_of, sender_label
from signalgraph.recorder.sheets import Connection, Sheet
from signalgraph.recorder.signals import Signals
from signalgraph.registry import Registry

DRIFT_NS = 50_000_000  # a wall clock that moved by more is followed
AWAITED = 10_000  # running calls whose end is awaited


class Clockwork:
    """Monotonic to wall time. The offset is kept while the wall clock agrees, so that a trace stays in order."""

    def __init__(self) -> None:
        self.offset_ns = time.time_ns() - clock()

    def follow(self) -> None:
        offset = time.time_ns() - clock()
        if abs(offset - self.offset_ns) > DRIFT_NS:
            self.offset_ns = offset

    def wall_us(self, monotonic_ns: int) -> int:
        return (monotonic_ns + self.offset_ns) // 1000


class _Open:
    """A dispatch that has ended while calls of it go on. `failed`: it was counted as one in which something raised."""

    __slots__ = ("failed", "signal", "trace")

    def __init__(self, trace: int, signal: str, failed: bool) -> None:
        self.trace, self.signal, self.failed = trace, signal, failed


class Late(NamedTuple):
    """The end of an async receiver's call that came after that of its dispatch: the note of it, and whose it was."""

    end: tuple[Any, ...]
    connection: Connection
    trace: int


class Teller:
    """Counts records and tells them in terms of a `Sheet`. Used by the flusher's thread alone."""

    def __init__(self, registry: Registry, signals: Signals) -> None:
        self.signals = signals
        self.clockwork = Clockwork()
        self.routes = Routes(registry, signals)
        self._sites = Sites()
        self._running: dict[int, tuple[Connection, _Open]] = {}  # by the span of the call
        self._early: deque[tuple[Any, ...]] = deque(maxlen=1000)  # ends of calls whose dispatch is still held back

    def count_pile(self, pile: Pile, sheet: Sheet) -> None:
        count = len(pile.records)
        for connection, durations in zip(self._connections(pile.first, sheet), pile.steps[1:-1], strict=True):
            sheet.count_calls(connection, count, sum(durations), max(durations))
        whole = differences(pile.readings[-1], pile.readings[0])
        signal = sheet.signals[self.signals.name(pile.first[SIGNAL])]
        sheet.count_dispatches(signal, count, 0, sum(whole), max(whole))

    def tell_pile(self, pile: Pile, base: int, sheet: Sheet) -> Alike:
        """`base` is the reading that is 0 on the batch's clock."""
        first, count = pile.first, len(pile.records)
        name, label = self.signals.name(first[SIGNAL]), sender_label(first[SENDER])
        facts: Column | None = pile.column(FACTS)
        if facts is not None:
            plain = facts.count(None) == count
            facts = None if plain else [self._facts(record, name, label) or None for record in pile.records]
        transactions = pile.column(TRANSACTION)
        if transactions.count(None) != count:
            for record in pile.records:
                sheet.name_transaction(record[TRANSACTION], record[TRACE])
        return Alike(
            sheet.signals[name],
            sheet.senders[label],
            first[METHOD],
            self._site(first[CODE], first[LASTI], sheet),
            self._connections(first, sheet),
            list(map(argument_name, first[ARGUMENTS])),
            pile.column(SPAN),
            shared(pile.column(PARENT)),
            pile.column(TRACE),
            shared(pile.column(THREAD)),
            shared([number or 0 for number in transactions]),
            facts,
            [start - base for start in pile.readings[0]],
            pile.steps,
        )

    def count(self, record: Record, sheet: Sheet) -> None:
        """Count a dispatch, and remember those of its calls that go on."""
        calls = self._calls(record, outcomes_of(record), sheet)
        name = self.signals.name(record[SIGNAL])
        failed = status_of(record[ERROR]) == RAISED or any(call.status == RAISED for call in calls)
        for call in calls:
            sheet.count_call(call)
        if record[RECEIVERS] is None:
            sheet.count_untimed(sheet.signals[name])
        else:
            duration = record[-1] - record[START]
            sheet.count_dispatches(sheet.signals[name], 1, failed, duration, duration)
        if any(call.status == RUNNING for call in calls):
            self._await(record, [call.status for call in calls], _Open(record[TRACE], name, failed))

    def _await(self, record: Record, statuses: list[int], dispatch: _Open) -> None:
        route = self.routes.find(record[SIGNAL], record[SENDER], record[RECEIVERS] or ())
        for order, (status, connection) in enumerate(zip(statuses, route, strict=True), 1):
            if status == RUNNING:
                while len(self._running) >= AWAITED:
                    del self._running[next(iter(self._running))]
                self._running[record[SPAN] + order] = connection, dispatch

    def tell(self, record: Record, sheet: Sheet) -> Dispatch:
        """A dispatch that has ended."""
        outcomes = outcomes_of(record)
        return self._dispatch(record, outcomes, status_of(record[ERROR]), record[-1] - record[START], sheet)

    def tell_running(self, record: Record, now: int, sheet: Sheet) -> Dispatch:
        """A dispatch as far as it is."""
        return self._dispatch(record, outcomes_so_far(record), RUNNING, now - record[START], sheet)

    def _dispatch(self, record: Record, outcomes: list[Outcome], status: int, duration: int, sheet: Sheet) -> Dispatch:
        name, label = self.signals.name(record[SIGNAL]), sender_label(record[SENDER])
        sheet.name_transaction(record[TRANSACTION], record[TRACE])
        return Dispatch(
            record[SPAN],
            record[PARENT],
            record[TRACE],
            sheet.signals[name],
            sheet.senders[label],
            record[METHOD],
            status,
            self.clockwork.wall_us(record[START]),
            duration,
            self._site(record[CODE], record[LASTI], sheet),
            record[THREAD],
            self._calls(record, outcomes, sheet),
            list(map(argument_name, record[ARGUMENTS])),
            self._facts(record, name, label),
            record[TRANSACTION] or 0,
        )

    def count_late(self, ends: list[tuple[Any, ...]], sheet: Sheet) -> list[Late]:
        """Count the ends of calls whose dispatch was counted; the others wait for the next batch."""
        found = []
        ends, self._early = [*self._early, *ends], deque(maxlen=self._early.maxlen)
        for end in ends:
            awaited = self._running.pop(end[0], None)
            if awaited is None:
                self._early.append(end)
                continue
            connection, dispatch = awaited
            late = Late(end, connection, dispatch.trace)
            call = self.tell_late(late, sheet).call
            sheet.count_call(call, again=True)
            if call.status == RAISED and not dispatch.failed:
                dispatch.failed = True
                sheet.count_error(sheet.signals[dispatch.signal])
            found.append(late)
        return found

    def tell_late(self, late: Late, sheet: Sheet) -> LateCall:
        span, begin, end, busy, error, queries, start = late.end
        position = sheet.connection(late.connection)
        times = (begin - start, end - begin, busy)
        return LateCall(span, ReceiverCall(position, status_of(error), *times, told_name(error), *spent_on(queries)))

    def tell_write(self, note: tuple[Any, ...], sheet: Sheet) -> Write:
        """A note of `writes`."""
        span, parent, trace, sender, operation, rows, start, end, code, lasti, thread, transaction, error = note
        sheet.name_transaction(transaction, trace or span)
        return Write(
            span,
            parent,
            trace or span,
            sheet.senders[sender_label(sender)],
            operation,
            rows,
            self.clockwork.wall_us(start),
            end - start,
            self._site(code, lasti, sheet),
            thread,
            transaction or 0,
            told_name(error),
        )

    def _calls(self, record: Record, outcomes: list[Outcome], sheet: Sheet) -> list[ReceiverCall]:
        start = record[START]
        return [
            ReceiverCall(position, status, None if begin is None else begin - start, duration, busy, error, *spent)
            for position, (status, begin, duration, busy, error, spent) in zip(
                self._connections(record, sheet), outcomes, strict=True
            )
        ]

    def _connections(self, record: Record, sheet: Sheet) -> list[int]:
        return list(map(sheet.connection, self.routes.find(record[SIGNAL], record[SENDER], record[RECEIVERS] or ())))

    def _facts(self, record: Record, signal: str, sender: str) -> dict[str, Any]:
        facts, token = record[FACTS], record[SENDER]
        return facts_of(facts, token) | capture.told((record[SIGNAL], token), signal, sender, facts) if facts else {}

    def _site(self, code: Any, lasti: int, sheet: Sheet) -> int:
        return -1 if code is None else sheet.sites[self._sites.find(code, lasti)]
