"""Records of the ring to a batch of the log: tokens become names, clock readings become receiver calls."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable
from time import perf_counter_ns as clock
from typing import Any

from signalgraph.events import (
    Alike,
    Batch,
    Cause,
    Dispatch,
    LateCall,
    Process,
    ReceiverCall,
    Told,
    encode_told,
)
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
from signalgraph.recorder.outcomes import RAISED, RUNNING, Record, outcomes_of, spent_on, status_of, told_name
from signalgraph.recorder.piles import Column, column, differences, readings_of, shared, sort_out, steps_between
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


class BatchMaker:
    """Turns what a flush drained into one `Batch`. Used by the flusher's thread alone."""

    def __init__(self, process: Process, registry: Registry, signals: Signals) -> None:
        self.process = process
        self.signals = signals
        self.clockwork = Clockwork()
        self.sequence = 0
        self._routes = Routes(registry, signals)
        self._sites = Sites()
        self._running: dict[int, Connection] = {}  # by the span of the call
        self._early: deque[tuple[Any, ...]] = deque(maxlen=1000)  # ends of calls whose dispatch is still held back

    def wiring_changed(self) -> None:
        self._routes.forget()

    def make(
        self,
        records: list[Record],
        ends: Iterable[tuple[Any, ...]],
        causes: list[Cause],
        unheard: dict[str, int],
        recorded: int,
        dropped: int,
    ) -> Batch:
        """`ends` are of async receiver calls whose dispatch was over; `recorded` and `dropped` are the process' sums
        with these records included."""
        self.clockwork.follow()
        self.sequence += 1
        sheet = Sheet()
        base = records[0][START] if records else 0
        piles, odd = sort_out(records)
        alike = [self._alike(pile, base, sheet) for pile in piles]
        others = [self._dispatch(record, sheet) for record in odd]
        late: list[LateCall] = []
        ends, self._early = [*self._early, *ends], deque(maxlen=self._early.maxlen)
        for end in ends:
            late += self._late(end, sheet)
        traces = {record[TRACE] for record in records}
        traces.update(cause.id for cause in causes)
        told = Told(base + self.clockwork.offset_ns, alike, others, [record[-1] - base for record in odd])
        unheard_at = [(sheet.signals[name], count) for name, count in unheard.items()]
        return Batch(
            process=self.process,
            sequence=self.sequence,
            wall_us=time.time_ns() // 1000,
            recorded=recorded,
            dropped=dropped,
            unheard=unheard_at,
            signals=list(sheet.signals),
            senders=list(sheet.senders),
            receivers=list(sheet.receivers),
            connections=list(sheet.connections),
            sites=list(sheet.sites),
            causes=causes,
            totals=sheet.connection_figures(),
            signal_totals=sheet.signal_figures(),
            first_trace=min(traces, default=0),
            last_trace=max(traces, default=0),
            dispatched=len(records),
            late=late,
            blob=encode_told(told) if records else b"",
        )

    def _alike(self, pile: list[Record], base: int, sheet: Sheet) -> Alike:
        """Count a pile and tell it."""
        first = pile[0]
        name, label = self.signals.name(first[SIGNAL]), sender_label(first[SENDER])
        signal = sheet.signals[name]
        route = self._routes.find(first[SIGNAL], first[SENDER], first[RECEIVERS])
        connections = [sheet.connection(connection) for connection in route]
        readings = readings_of(pile)
        steps = steps_between(readings)
        for connection, durations in zip(connections, steps[1:-1], strict=True):
            sheet.count_calls(connection, len(pile), sum(durations), max(durations))
        whole = differences(readings[-1], readings[0])
        sheet.count_dispatches(signal, len(pile), 0, sum(whole), max(whole))
        facts: Column | None = column(pile, FACTS)
        if facts is not None and facts.count(None) == len(pile):
            facts = None
        return Alike(
            signal,
            sheet.senders[label],
            first[METHOD],
            self._site(first, sheet),
            connections,
            list(map(argument_name, first[ARGUMENTS])),
            column(pile, SPAN),
            shared(column(pile, PARENT)),
            column(pile, TRACE),
            shared(column(pile, THREAD)),
            shared([number or 0 for number in column(pile, TRANSACTION)]),
            None if facts is None else [self._facts(record, name, label) or None for record in pile],
            [start - base for start in readings[0]],
            steps,
        )

    def _dispatch(self, record: Record, sheet: Sheet) -> Dispatch:
        """Count a record and tell it."""
        start, end = record[START], record[-1]
        name, label = self.signals.name(record[SIGNAL]), sender_label(record[SENDER])
        signal = sheet.signals[name]
        receivers = record[RECEIVERS]
        route = self._routes.find(record[SIGNAL], record[SENDER], receivers or ())
        calls = []
        for order, (outcome, connection) in enumerate(zip(outcomes_of(record), route, strict=True), 1):
            status, begin, duration, busy, error, spent = outcome
            offset = None if begin is None else begin - start
            call = ReceiverCall(sheet.connection(connection), status, offset, duration, busy, error, *spent)
            sheet.count_call(call)
            calls.append(call)
            if status == RUNNING:
                while len(self._running) >= AWAITED:
                    del self._running[next(iter(self._running))]
                self._running[record[SPAN] + order] = connection
        status = status_of(record[ERROR])
        if receivers is None:
            sheet.count_untimed(signal)
        else:
            failed = status == RAISED or any(call.status == RAISED for call in calls)
            sheet.count_dispatches(signal, 1, failed, end - start, end - start)
        return Dispatch(
            record[SPAN],
            record[PARENT],
            record[TRACE],
            signal,
            sheet.senders[label],
            record[METHOD],
            status,
            self.clockwork.wall_us(start),
            end - start,
            self._site(record, sheet),
            record[THREAD],
            calls,
            list(map(argument_name, record[ARGUMENTS])),
            self._facts(record, name, label),
            record[TRANSACTION] or 0,
        )

    def _facts(self, record: Record, signal: str, sender: str) -> dict[str, Any]:
        facts = record[FACTS]
        if not facts:
            return {}
        return facts_of(facts, record[SENDER]) | capture.told((record[SIGNAL], record[SENDER]), signal, sender, facts)

    def _site(self, record: Record, sheet: Sheet) -> int:
        return -1 if record[CODE] is None else sheet.sites[self._sites.find(record[CODE], record[LASTI])]

    def _late(self, record: tuple[Any, ...], sheet: Sheet) -> list[LateCall]:
        span, begin, end, busy, error, queries, start = record
        connection = self._running.pop(span, None)
        if connection is None:
            self._early.append(record)
            return []
        spent = spent_on(queries)
        times = (begin - start, end - begin, busy)
        call = ReceiverCall(sheet.connection(connection), status_of(error), *times, told_name(error), *spent)
        sheet.count_call(call, again=True)
        return [LateCall(span, call)]


def process_label(argv: list[str]) -> str:
    """How people call a process: `manage.py runserver`, `daphne`; never its arguments, which can hold a value."""
    program = os.path.basename(argv[0]) if argv and argv[0] else "python"
    if program == "__main__.py":
        program = os.path.basename(os.path.dirname(argv[0]))
    if program in ("manage.py", "django-admin", "django") and len(argv) > 1 and not argv[1].startswith("-"):
        return f"{program} {argv[1]}"
    return program
