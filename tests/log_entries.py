"""Entries to put into logs: small, valid, and named after what a test is about."""

from __future__ import annotations

import time
from typing import Any

from signalgraph.blobs import encode_dispatches
from signalgraph.events import (
    Batch,
    Cause,
    ConnectionInfo,
    Dispatch,
    LateCall,
    Process,
    ReceiverCall,
    SignalInfo,
    Total,
    Transaction,
    Wiring,
    Write,
)

SHOP = Process("00000000000000aa", 11, "web-1", "manage.py runserver", 1_000)
STOCK = Process("00000000000000bb", 22, "web-1", "manage.py import_stock", 2_000)
SIGNALS = ["shop.signals.order_placed", "django.db.models.signals.post_save"]
SENDERS = ["shop.Order", "*"]
RECEIVERS = ["shop.receivers.send_receipt", "shop.receivers.audit"]
RUNNING = 4  # position of that status
CONNECTIONS = [(0, 0, 0), (1, 1, 1)]
SEND_RECEIPT = "connection:shop.Order|shop.signals.order_placed|shop.receivers.send_receipt"
AUDIT = "connection:*|django.db.models.signals.post_save|shop.receivers.audit"


def span(number: int) -> int:
    """The span of the n-th dispatch of a process."""
    return number << 16


def call(connection: int = 0, duration_ns: int | None = 1_000_000, **changes: Any) -> ReceiverCall:
    return ReceiverCall(connection, **{"offset_ns": 1_000, "duration_ns": duration_ns, **changes})


def dispatch(number: int = 1, *, calls: list[ReceiverCall] | None = None, **changes: Any) -> Dispatch:
    """A dispatch of `order_placed` by `shop.Order`, in a trace of its own."""
    values: dict[str, Any] = {
        "span": span(number),
        "parent": 0,
        "trace": span(number),
        "signal": 0,
        "sender": 0,
        "method": 0,
        "status": 0,
        "start_us": now_us(),
        "duration_ns": 2_000_000,
        "site": 0,
        "thread": 1,
        "calls": [call()] if calls is None else calls,
    }
    return Dispatch(**{**values, **changes})


def batch(
    dispatches: list[Dispatch] | None = None,
    *,
    process: Process = SHOP,
    causes: list[Cause] | None = None,
    late: list[LateCall] | None = None,
    **changes: Any,
) -> Batch:
    """A batch of these dispatches (by default one) with the totals that they come to."""
    dispatches = [dispatch()] if dispatches is None else dispatches
    traces = [each.trace for each in dispatches] + [cause.id for cause in causes or []]
    traces += [each.trace for each in (*changes.get("writes", ()), *changes.get("transactions", ()))]
    calls = [each for one in dispatches for each in one.calls] + [each.call for each in late or []]
    values: dict[str, Any] = {
        "process": process,
        "sequence": 1,
        "wall_us": now_us(),
        "recorded": sum(each.status != RUNNING for each in dispatches),
        "dropped": 0,
        "signals": SIGNALS,
        "senders": SENDERS,
        "receivers": RECEIVERS,
        "connections": CONNECTIONS,
        "sites": ["shop/views.py:12"],
        "causes": causes or [],
        "totals": [total(calls, n) for n in range(len(CONNECTIONS))],
        "unheard": [],
        "first_trace": min(traces, default=0),
        "last_trace": max(traces, default=0),
        "dispatched": sum(each.status != RUNNING for each in dispatches),
        "late": late or [],
        "blob": encode_dispatches(dispatches),
        "signal_totals": [signal_total(dispatches, n) for n in range(len(SIGNALS))],
    }
    return Batch(**{**values, **changes})


def write(number: int = 50, **changes: Any) -> Write:
    """A `bulk_create` of 120 orders, in a trace of its own."""
    values: dict[str, Any] = {
        "span": span(number),
        "parent": 0,
        "trace": span(number),
        "sender": 0,
        "operation": 0,
        "rows": 120,
        "start_us": now_us(),
        "duration_ns": 3_000_000,
        "site": 0,
        "thread": 1,
    }
    return Write(**{**values, **changes})


def transaction(number: int = 90, *, trace: int = 1, committed: bool = True, outer: int = 0) -> Transaction:
    """The end of a transaction; all three are numbers as of dispatches."""
    around = span(outer) if outer >= 0 else -span(-outer)
    return Transaction(span(number), around, span(trace), "default", now_us(), 5_000_000, committed)


def total(calls: list[ReceiverCall], connection: int) -> Total:
    own = [each for each in calls if each.connection == connection]
    durations = [each.duration_ns or 0 for each in own]
    raised = sum(each.status == 1 for each in own)
    return Total(len(own), raised, sum(durations), max(durations, default=0), sum(each.queries for each in own))


def signal_total(dispatches: list[Dispatch], signal: int) -> Total:
    own = [each for each in dispatches if each.signal == signal and each.status != RUNNING]
    raised = sum(each.status == 1 or any(call.status == 1 for call in each.calls) for each in own)
    durations = [each.duration_ns for each in own]
    return Total(len(own), raised, sum(durations), max(durations, default=0))


def connection(
    receiver: str = RECEIVERS[0], *, signal: str = SIGNALS[0], sender: str = SENDERS[0], **changes: Any
) -> ConnectionInfo:
    values: dict[str, Any] = {"dispatch_uid": None, "weak": True, "is_async": False, "order": 1}
    values |= {"file": "/srv/shop/receivers.py", "line": 8}
    return ConnectionInfo(signal, sender, receiver, **{**values, **changes})


def wiring(connections: list[ConnectionInfo] | None = None, *, process: Process = SHOP, **changes: Any) -> Wiring:
    connections = [connection()] if connections is None else connections
    names = sorted({each.signal for each in connections})
    signals = [
        SignalInfo(f"signal:{name}", name, [], "django.dispatch.Signal", sum(c.signal == name for c in connections))
        for name in names
    ]
    return Wiring(
        **{"process": process, "wall_us": now_us(), "signals": signals, "connections": connections, **changes}
    )


def now_us() -> int:
    return time.time_ns() // 1000


def now_ms() -> int:
    return time.time_ns() // 1_000_000
