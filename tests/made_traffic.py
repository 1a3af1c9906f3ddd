"""Traffic that a test makes up: what is connected, who sent what, and what each receiver did; read through a log."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from log_entries import SHOP, batch, connection, now_us, signal_total, span, total, transaction, wiring, write

from signalgraph import findings
from signalgraph.events import (
    METHODS,
    OPERATIONS,
    STATUSES,
    Cause,
    ConnectionInfo,
    Dispatch,
    PendingSender,
    Process,
    ReceiverCall,
    Transaction,
    Wiring,
    Write,
)
from signalgraph.findings import Finding
from signalgraph.findings.traffic import Traffic, read_traffic
from signalgraph.index import Index
from signalgraph.log import open_log

ORDERED = "shop.signals.order_placed"
PRE_SAVE = "django.db.models.signals.pre_save"
POST_SAVE = "django.db.models.signals.post_save"
ORDER, BOOK = "shop.Order", "library.Book"
START_US = now_us()


class Did:
    """What one receiver did in a dispatch."""

    def __init__(self, receiver: str, ms: float | None = 1.0, status: str = "returned", **more: Any) -> None:
        self.receiver, self.ms, self.status, self.more = receiver, ms, status, more


class Site:
    """Connect first, then send; `find` tells what a rule sees of it."""

    def __init__(self, process: Process = SHOP) -> None:
        self.process = process
        self.connections: list[ConnectionInfo] = []
        self.pending: list[PendingSender] = []
        self.earlier: list[Wiring] = []
        self.unheard: dict[str, int] = {}
        self.dispatches: list[Dispatch] = []
        self.causes: list[Cause] = []
        self.transactions: list[Transaction] = []
        self.writes: list[Write] = []
        self.share = 1.0
        self.started_ms: int | None = None  # of the log
        self.silent: frozenset[str] = frozenset()
        self.gone: set[str] = set()  # receivers that are connected no longer
        self._signals: list[str] = []
        self._senders: list[str] = []
        self._sites: list[str] = []
        self._numbers = 0
        self._trace = 0

    def connect(self, *receivers: str, signal: str = ORDERED, sender: str = ORDER, **changes: Any) -> Site:
        for receiver in receivers:
            order = 1 + sum(each.signal == signal for each in self.connections)
            made = {"order": order, **changes}
            self.connections.append(connection(f"shop.receivers.{receiver}", signal=signal, sender=sender, **made))
        return self

    @contextmanager
    def request(self, ms: float = 100.0, kind: str = "request") -> Iterator[None]:
        """What is sent in the block belongs to one trace with a cause."""
        self._trace = self._next()
        self.causes.append(Cause(span(self._trace), kind, "POST /orders/", None, START_US, int(ms * 1e6)))
        yield
        self._trace = 0

    def atomic(self, *, committed: bool = True) -> int:
        """A transaction: its number, for `send`."""
        number = self._next()
        self.transactions.append(transaction(number, committed=committed))
        return number

    def send(
        self,
        *did: Did,
        signal: str = ORDERED,
        sender: str = ORDER,
        inside: tuple[int, int] | None = None,
        method: str = "send",
        atomic: int = 0,
        ms: float | None = None,
        **facts: Any,
    ) -> int:
        """A dispatch, in the n-th receiver (from 1) of an earlier one with `inside`; returns its number."""
        number = self._next()
        outer = next((each for each in self.dispatches if inside and each.span == span(inside[0])), None)
        trace = outer.trace if outer else span(self._trace or number)
        calls = [self._call(each, signal, sender) for each in did]
        whole = sum(each.duration_ns or 0 for each in calls) if ms is None else int(ms * 1e6)
        at = START_US + number * 10
        place = (self._at(self._signals, signal), self._at(self._senders, sender))
        self.dispatches.append(
            Dispatch(
                span(number),
                span(inside[0]) + inside[1] if inside else 0,
                trace,
                *place,
                METHODS.index(method),
                0,
                at,
                whole,
                self._at(self._sites, "shop/views.py:12"),
                1,
                calls,
                facts=facts,
                transaction=span(atomic) if atomic >= 0 else -span(-atomic),
            )
        )
        return number

    def write(self, operation: str = "bulk_create", sender: str = ORDER, **changes: Any) -> None:
        self.writes.append(
            write(
                self._next(),
                sender=self._at(self._senders, sender),
                operation=OPERATIONS.index(operation),
                site=self._at(self._sites, "shop/services.py:26"),
                **changes,
            )
        )

    def _call(self, did: Did, signal: str, sender: str) -> ReceiverCall:
        name = f"shop.receivers.{did.receiver}"
        places = [
            place
            for place, each in enumerate(self.connections)
            if (each.receiver, each.signal) == (name, signal) and each.sender in (sender, "*")
        ]
        ns = None if did.ms is None else int(did.ms * 1e6)
        return ReceiverCall(places[0], STATUSES.index(did.status), 1_000, ns, **did.more)  # type: ignore[arg-type]

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    @staticmethod
    def _at(table: list[str], name: str) -> int:
        if name not in table:
            table.append(name)
        return table.index(name)

    def traffic(self, *, slow_ms: float = 100.0) -> Traffic:
        """Everything through a log and an index, as a page reads it."""
        log = open_log(f"memory://{uuid.uuid4().hex}", writer=True)
        for entry in self.earlier:
            log.append(entry)
        still = [each for each in self.connections if each.receiver not in self.gone]
        log.append(wiring(still, process=self.process, pending=self.pending))
        tables = self._tables()
        calls = [each for one in self.dispatches for each in one.calls]
        log.append(
            batch(
                self.dispatches,
                process=self.process,
                causes=self.causes,
                transactions=self.transactions,
                writes=self.writes,
                share=self.share,
                totals=[total(calls, place) for place in range(len(self.connections))],
                signal_totals=[signal_total(self.dispatches, place) for place in range(len(self._signals))],
                unheard=[(self._signals.index(name), count) for name, count in self.unheard.items()],
                **tables,
            )
        )
        index = Index(log)
        if self.started_ms is not None:
            index.started_ms = self.started_ms
        return read_traffic(index, slow_ms=slow_ms, silent=self.silent)

    def _tables(self) -> dict[str, Any]:
        receivers = [each.receiver for each in self.connections]
        for each in self.connections:
            self._at(self._signals, each.signal)
            self._at(self._senders, each.sender)
        for name in self.unheard:
            self._at(self._signals, name)
        rows = [
            (self._signals.index(each.signal), self._senders.index(each.sender), place)
            for place, each in enumerate(self.connections)
        ]
        names = {"signals": self._signals, "senders": self._senders, "receivers": receivers, "connections": rows}
        return {**names, "sites": self._sites}

    def find(self, rule: str, **options: Any) -> list[Finding]:
        """What one rule finds, with its id on each finding."""
        found = list(findings.load_rules()[rule].find(self.traffic(**options)))
        assert {each.rule for each in found} <= {rule}
        return found

    def subjects(self, rule: str, **options: Any) -> list[str]:
        """What a rule finds something about, without the part that is the same for all."""
        return [each.subject.removeprefix("receiver:shop.receivers.") for each in self.find(rule, **options)]
