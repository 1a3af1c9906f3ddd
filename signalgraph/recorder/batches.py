"""Records of the ring to a batch of the log: tokens become names, clock readings become receiver calls."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Iterable
from time import perf_counter_ns as clock
from typing import Any

from signalgraph import names
from signalgraph.events import (
    STATUSES,
    Batch,
    Cause,
    Dispatch,
    LateCall,
    Process,
    ReceiverCall,
    Total,
    encode_dispatches,
)
from signalgraph.inert import writable
from signalgraph.recorder import capture, dispatching
from signalgraph.recorder.clock import HEADER
from signalgraph.recorder.signals import Signals
from signalgraph.registry import Registry

RETURNED, RAISED, NOT_REACHED, CANCELLED, RUNNING, NOT_TIMED = range(len(STATUSES))
CANCELLATIONS = ("CancelledError", "GeneratorExit")
DRIFT_NS = 50_000_000  # a wall clock that moved by more is followed
LONGEST_NAME = 80  # characters of an argument's name
REMEMBERED = 10_000  # entries of each table that only saves work, and running calls whose end is awaited

Connection = tuple[str, str, str]  # signal, sender filter, receiver


def status_of(error: str | None) -> int:
    if error is None:
        return RETURNED
    return CANCELLED if error in CANCELLATIONS else RAISED


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


class Numbering(dict[Any, int]):
    """Positions in one of a batch's tables, given in the order of first use."""

    def __missing__(self, name: Any) -> int:
        self[name] = position = len(self)
        return position


class BatchMaker:
    """Turns what a flush drained into one `Batch`. Used by the flusher's thread alone."""

    def __init__(self, process: Process, registry: Registry, signals: Signals) -> None:
        self.process = process
        self.registry = registry
        self.signals = signals
        self.clockwork = Clockwork()
        self.sequence = 0
        self._routes: dict[tuple[int, int, tuple[int, ...]], tuple[Connection, ...]] = {}
        self._sites: dict[tuple[str, str, int, int], str] = {}
        self._running: dict[int, Connection] = {}  # by the span of the call
        self._early: deque[tuple[Any, ...]] = deque(maxlen=1000)  # ends of calls whose dispatch is still held back
        self._last_seen: dict[tuple[str, int], tuple[str, str]] = {}

    def wiring_changed(self) -> None:
        """Forget which connection a receiver call came through; it is looked up again."""
        self._routes.clear()

    def make(
        self,
        records: Iterable[tuple[Any, ...]],
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
        tables = _Tables()
        dispatches: list[Dispatch] = []
        late: list[LateCall] = []
        for record in records:
            dispatches.append(self._dispatch(record, tables))
        ends, self._early = [*self._early, *ends], deque(maxlen=self._early.maxlen)
        for end in ends:
            late += self._late(end, tables)
        traces = [dispatch.trace for dispatch in dispatches]
        traces += [cause.id for cause in causes]
        return Batch(
            process=self.process,
            sequence=self.sequence,
            wall_us=time.time_ns() // 1000,
            recorded=recorded,
            dropped=dropped,
            unheard=[(tables.signals[name], count) for name, count in unheard.items()],
            signals=list(tables.signals),
            senders=list(tables.senders),
            receivers=list(tables.receivers),
            connections=list(tables.connections),
            sites=list(tables.sites),
            causes=causes,
            totals=[Total(*figures) for figures in tables.totals],
            signal_totals=[Total(*tables.dispatches.get(n, ())) for n in range(len(tables.signals))],
            first_trace=min(traces, default=0),
            last_trace=max(traces, default=0),
            dispatched=len(dispatches),
            late=late,
            blob=encode_dispatches(dispatches),
        )

    def _dispatch(self, record: tuple[Any, ...], tables: _Tables) -> Dispatch:
        (span, parent, trace, _, signal, sender, method, code, lasti, thread) = record[:10]
        (arguments, facts, receivers, sync, concurrent, queries, failures, error, transaction) = record[10:19]
        receivers, start, end = receivers or (), record[HEADER - 1], record[-1]
        if concurrent is None:
            sync = len(receivers)
        # On 5.2 and 6.0 `asend` runs the sync group beside the async one, and an async receiver's error ends both.
        elsewhere = concurrent is not None and any(len(call) > 2 and call[4] == error for call in concurrent)
        outcomes = sync_outcomes(receivers[:sync], record[HEADER:-1], end, None if elsewhere else error, failures)
        if concurrent is not None:
            stopped = error is not None and not any(concurrent)
            outcomes += async_outcomes(span + sync + 1, len(receivers) - sync, concurrent, error, stopped)
        spent = queries_by_position(queries) if queries else {}
        calls = []
        route = self._route(signal, sender, receivers, sync)
        for order, ((status, begin, duration, busy, name, own), connection) in enumerate(
            zip(outcomes, route, strict=True), 1
        ):
            position = tables.connection(connection)
            offset = None if begin is None else begin - start
            call = ReceiverCall(position, status, offset, duration, busy, name, *spent.get(order, own))
            tables.count(position, call)
            calls.append(call)
            if status == RUNNING:
                while len(self._running) >= REMEMBERED:
                    del self._running[next(iter(self._running))]
                self._running[span + order] = connection
        status = status_of(error)
        name, label = self.signals.name(signal), dispatching.SENDERS.labels.get(sender, "?")
        position = tables.signals[name]
        tables.count_dispatch(position, status == RAISED or any(call.status == RAISED for call in calls), end - start)
        return Dispatch(
            span,
            parent,
            trace,
            position,
            tables.senders[label],
            method,
            status,
            self.clockwork.wall_us(start),
            end - start,
            tables.sites[self._site(code, lasti)] if code is not None else -1,
            thread,
            calls,
            list(map(argument_name, arguments)),
            facts_of(facts) | capture.told((signal, sender), name, label, facts) if facts else {},
            transaction or 0,
        )

    def _late(self, record: tuple[Any, ...], tables: _Tables) -> list[LateCall]:
        span, begin, end, busy, error, queries, start = record
        count, ns, repeats, repeated = spent_on(queries)
        connection = self._running.pop(span, None)
        if connection is None:
            self._early.append(record)
            return []
        position = tables.connection(connection)
        call = ReceiverCall(
            position, status_of(error), begin - start, end - begin, busy, error, count, ns, repeats, repeated
        )
        tables.count(position, call, again=True)
        return [LateCall(span, call)]

    def _site(self, code: Any, lasti: int) -> str:
        # Not the code object as a key: it is compared by value, and kept alive.
        key = (code.co_filename, code.co_qualname, code.co_firstlineno, lasti)
        site = self._sites.get(key)
        if site is None:
            if len(self._sites) > REMEMBERED:
                self._sites.clear()
            file = writable(names.relative_path(code.co_filename))
            site = self._sites[key] = f"{file}:{line_of(code, lasti)}"
        return site

    def _route(self, signal: int, sender: int, receivers: tuple[int, ...], sync: int) -> tuple[Connection, ...]:
        """The connection through which each receiver of a dispatch was called."""
        key = (signal, sender, receivers)
        route = self._routes.get(key)
        if route is None:
            if len(self._routes) > REMEMBERED:
                self._routes.clear()
            route = self._routes[key] = tuple(self._find_route(signal, sender, receivers))
        return route

    def _find_route(self, signal: int, sender: int, receivers: tuple[int, ...]) -> list[Connection]:
        name = self.signals.name(signal)
        label = dispatching.SENDERS.labels.get(sender, "?")
        live = self.signals.living(signal)
        rows = [] if live is None else [row for row in self.registry.rows(live) if row.info.sender in ("*", label)]
        rows.sort(key=lambda row: row.info.is_async)  # Django runs the sync ones first, each group in its order
        table = dispatching.RECEIVER_TABLE
        free = [(table.by_id.get(row.ident), row) for row in rows]
        route = []
        for token in receivers:
            found = next((pair for pair in free if pair[0] == token), None)
            if found is None:  # disconnected since; a sender filter that was never seen is not guessed
                unseen = (names.UNKNOWN_SENDER, table.labels.get(token, ("?",))[0])
                route.append((name, *self._last_seen.get((name, token), unseen)))
            else:
                free.remove(found)
                route.append((name, found[1].info.sender, found[1].info.receiver))
                if len(self._last_seen) < REMEMBERED:
                    self._last_seen[name, token] = (found[1].info.sender, found[1].info.receiver)
        return route


class _Tables:
    """The tables of names of one batch, and its totals."""

    def __init__(self) -> None:
        self.signals, self.senders, self.receivers, self.sites = Numbering(), Numbering(), Numbering(), Numbering()
        self.connections: Numbering = Numbering()
        self.totals: list[list[int]] = []
        self.dispatches: dict[int, list[int]] = {}  # by the position of the signal: calls, errors, ns, max_ns

    def connection(self, connection: Connection) -> int:
        signal, sender, receiver = connection
        position = self.connections[self.signals[signal], self.senders[sender], self.receivers[receiver]]
        if position == len(self.totals):
            self.totals.append([0, 0, 0, 0, 0])
        return position

    def count(self, position: int, call: ReceiverCall, *, again: bool = False) -> None:
        """Add a call to the totals; `again`: it was counted when it was still running."""
        if call.status in (NOT_REACHED, NOT_TIMED):
            return
        total = self.totals[position]
        duration = call.duration_ns or 0
        total[0] += not again
        total[1] += call.status == RAISED
        total[2] += duration
        total[3] = max(total[3], duration)
        total[4] += call.queries

    def count_dispatch(self, signal: int, failed: bool, duration: int) -> None:
        total = self.dispatches.setdefault(signal, [0, 0, 0, 0])
        total[0] += 1
        total[1] += failed
        total[2] += duration
        total[3] = max(total[3], duration)


Spent = tuple[int, int, int, int]  # queries, their ns, how often the most frequent one ran, its fingerprint
NO_SQL: Spent = (0, 0, 0, 0)
# status, begin, duration, busy, error, SQL
Outcome = tuple[int, int | None, int | None, int | None, str | None, Spent]


def sync_outcomes(
    receivers: tuple[int, ...], ticks: tuple[int, ...], end: int, error: str | None, failures: tuple[Any, ...] | None
) -> list[Outcome]:
    """What became of the sync receivers: one reading before each and one when Django's loop was through.

    Without an error a loop that isn't through goes on after its dispatch has ended.
    """
    if not ticks and receivers:
        return [(NOT_TIMED, None, None, None, None, NO_SQL)] * len(receivers)
    caught = dict(zip(failures[::2], failures[1::2], strict=True)) if failures else {}
    through = len(ticks) > len(receivers)
    outcomes: list[Outcome] = []
    for index in range(len(receivers)):
        if index >= len(ticks):
            outcomes.append((NOT_TIMED if error is None else NOT_REACHED, None, None, None, None, NO_SQL))
            continue
        if error is None and not through and index == len(ticks) - 1:
            outcomes.append((RUNNING, ticks[index], None, None, None, NO_SQL))
            continue
        stop = ticks[index + 1] if index + 1 < len(ticks) else end
        name = caught.get(index + 1)
        if name is None and not through and index == len(ticks) - 1:
            name = error
        outcomes.append((status_of(name), ticks[index], stop - ticks[index], None, name, NO_SQL))
    return outcomes


def async_outcomes(
    first_span: int, count: int, calls: tuple[tuple[Any, ...], ...], error: str | None, stopped: bool
) -> list[Outcome]:
    """What became of the async receivers; `stopped`: the dispatch ended with an error before one began."""
    began = {call[0]: call[1] for call in calls if len(call) == 2}
    ended = {call[0]: call for call in calls if len(call) > 2}
    outcomes: list[Outcome] = []
    for span in range(first_span, first_span + count):
        if span in ended:
            _, begin, end, busy, name, queries = ended[span]
            outcomes.append((status_of(name), begin, end - begin, busy, name, spent_on(queries)))
        elif span in began:
            outcomes.append((RUNNING, began[span], None, None, None, NO_SQL))
        else:
            outcomes.append((NOT_REACHED if stopped or error else NOT_TIMED, None, None, None, None, NO_SQL))
    return outcomes


def queries_by_position(queries: tuple[int, ...]) -> dict[int, Spent]:
    """(running receiver, ns, fingerprint) triples to what each receiver spent."""
    positions = queries[::3]
    if len(set(positions)) == 1:
        return {positions[0]: spent_on(queries)}
    by_position: dict[int, list[int]] = {}
    for at, position in enumerate(positions):
        by_position.setdefault(position, []).extend(queries[3 * at : 3 * at + 3])
    return {position: spent_on(tuple(own)) for position, own in by_position.items()}


def spent_on(queries: tuple[int, ...]) -> Spent:
    """What one receiver's queries come to, out of (running receiver, ns, fingerprint) triples."""
    if not queries:
        return NO_SQL
    fingerprints = queries[2::3]
    repeated, repeats = Counter(filter(None, fingerprints)).most_common(1)[0] if any(fingerprints) else (0, 0)
    return len(fingerprints), sum(queries[1::3]), repeats if repeats > 1 else 0, repeated if repeats > 1 else 0


def facts_of(facts: tuple[Any, ...]) -> dict[str, Any]:
    """The flags of a model signal, each only in the type that Django gives it."""
    created, raw, using, update_fields, key = facts[: capture.FACTS_OF_MODELS]
    told: dict[str, Any] = {}
    if type(created) is bool:
        told["created"] = created
    if raw is True:
        told["raw"] = True
    if type(using) is str and using != "default":
        told["using"] = using
    if update_fields is not None:
        told["update_fields"] = sorted(field for field in update_fields if type(field) is str)
    if key is not None:
        told["pk"] = key
    return told


def argument_name(name: Any) -> str:
    """A name that stands in code; one that came with data (`**request.POST`) is a value."""
    return name if type(name) is str and name.isidentifier() and len(name) <= LONGEST_NAME else "(…)"


def line_of(code: Any, lasti: int) -> int:
    """The line of an instruction, as `frame.f_lineno` would have said."""
    for start, end, line in code.co_lines():
        if start <= lasti < end and line is not None:
            return int(line)
    return int(code.co_firstlineno)


def process_label(argv: list[str]) -> str:
    """How people call a process: `manage.py runserver`, `daphne`; never its arguments, which can hold a value."""
    program = os.path.basename(argv[0]) if argv and argv[0] else "python"
    if program == "__main__.py":
        program = os.path.basename(os.path.dirname(argv[0]))
    if program in ("manage.py", "django-admin", "django") and len(argv) > 1 and not argv[1].startswith("-"):
        return f"{program} {argv[1]}"
    return program
