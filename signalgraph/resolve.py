"""Batches with their names put in place."""

from __future__ import annotations

from signalgraph.blobs import decode_dispatches
from signalgraph.events import METHODS, OPERATIONS, RECEIVER_BITS, STATUSES, Batch, Entry, LateCall, ReceiverCall
from signalgraph.names import connection_id
from signalgraph.traces import Call, Seen, Written

ORDER = (1 << RECEIVER_BITS) - 1  # the bits of a span that say which receiver


def spelled_id(process: str, span: int) -> str:
    """The id of a dispatch or a trace: `<process>-<span hex>`.

    >>> spelled_id("00000000000000aa", 65536)
    '00000000000000aa-10000'
    """
    return f"{process}-{span:x}"


def connection_ids(batch: Batch) -> list[str]:
    """The ids of the batch's connections, in its order."""
    return [
        connection_id(batch.senders[sender], batch.signals[signal], batch.receivers[receiver])
        for signal, sender, receiver in batch.connections
    ]


def told(entry: Entry) -> int:
    """How many dispatches and writes are in an entry; those that were sampled away are only counted."""
    return max(entry.dispatched - entry.sampled, 0) + len(entry.writes) if isinstance(entry, Batch) else 0


def resolve(batch: Batch) -> list[Seen]:
    """The dispatches of a batch, in the order in which they ended."""
    names = _Names(batch)
    process = batch.process.id
    return [
        Seen(
            spelled_id(process, each.span),
            spelled_id(process, each.trace),
            _parent(process, each.parent),
            batch.signals[each.signal],
            batch.senders[each.sender],
            METHODS[each.method],
            each.start_us,
            _us(each.duration_ns),
            STATUSES[each.status],
            batch.sites[each.site] if each.site >= 0 else None,
            each.thread,
            each.arguments,
            each.facts,
            [names.call(call) for call in each.calls],
            each.transaction,
        )
        for each in decode_dispatches(batch)
    ]


def resolve_writes(batch: Batch) -> list[Written]:
    """The writes of a batch for which no signal was sent."""
    process = batch.process.id
    return [
        Written(
            spelled_id(process, each.span),
            spelled_id(process, each.trace),
            _parent(process, each.parent),
            batch.senders[each.sender],
            OPERATIONS[each.operation],
            each.rows,
            each.start_us,
            _us(each.duration_ns),
            batch.sites[each.site] if each.site >= 0 else None,
            each.thread,
            each.transaction,
            each.error,
        )
        for each in batch.writes
    ]


def resolve_late(batch: Batch, late: LateCall) -> tuple[str, int, Call]:
    """The dispatch that a late call belongs to, which of its receivers (from 1) it is, and the call."""
    dispatch = spelled_id(batch.process.id, late.span & ~ORDER)
    return dispatch, late.span & ORDER, _Names(batch).call(late.call)


class _Names:
    def __init__(self, batch: Batch) -> None:
        ids = connection_ids(batch)
        self._connections = [
            (batch.receivers[receiver], batch.senders[sender], name)
            for (_, sender, receiver), name in zip(batch.connections, ids, strict=True)
        ]

    def call(self, call: ReceiverCall) -> Call:
        return Call(
            *self._connections[call.connection],
            None if call.offset_ns is None else _us(call.offset_ns),
            None if call.duration_ns is None else _us(call.duration_ns),
            None if call.busy_ns is None else _us(call.busy_ns),
            STATUSES[call.status],
            call.error,
            call.queries,
            _us(call.queries_ns),
            call.repeats,
            call.repeated,
        )


def _us(ns: int) -> float:
    return round(ns / 1000, 1)


def _parent(process: str, span: int) -> str | None:
    if not span:
        return None
    order = span & ORDER
    dispatch = spelled_id(process, span & ~ORDER)
    return f"{dispatch}/{order}" if order else dispatch
