"""What `Batch.blob` holds: the dispatches of a batch, most of them column by column."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import msgspec
from msgspec import Struct

from signalgraph.events import Batch, Dispatch, Facts, ReceiverCall


class Alike(Struct, frozen=True, array_like=True):
    """Dispatches of one batch that differ in the columns only, all of whose receivers returned and made no query.

    `connections` are those of the calls. A column that is one value holds it for all of them. `starts` are ns on
    the batch's clock; `steps` are columns of ns: from the start to the first receiver, one for each receiver, and from
    the last one to the end.
    """

    signal: int
    sender: int
    method: int
    site: int
    connections: list[int]
    arguments: list[str]
    spans: list[int]
    parents: list[int] | int
    traces: list[int]
    threads: list[int] | int
    transactions: list[int] | int
    facts: list[Facts | None] | None
    starts: list[int]
    steps: list[list[int]]


class Told(Struct, frozen=True, array_like=True):
    """What `Batch.blob` holds. `wall_ns`: wall time at 0 of the batch's clock; `ends`: when the `others` ended, on it.

    A dispatch stands in `alike` where it can, as that takes a fraction of the work and the room; `others` can say all.
    """

    wall_ns: int
    alike: list[Alike]
    others: list[Dispatch]
    ends: list[int]


_decoder = msgspec.msgpack.Decoder(Told)
_encoder = msgspec.msgpack.Encoder()


def encode_told(told: Told) -> bytes:
    return _encoder.encode(told)


def encode_dispatches(dispatches: list[Dispatch]) -> bytes:
    return encode_told(Told(0, [], dispatches, [0] * len(dispatches)))


def decode_dispatches(batch: Batch) -> list[Dispatch]:
    """The dispatches of a batch, in the order in which they ended."""
    if not batch.blob:
        return []
    told = _decoder.decode(batch.blob)
    ended = list(zip(told.ends, told.others, strict=True))
    for alike in told.alike:
        ended += _spread(alike, told.wall_ns)
    ended.sort(key=lambda pair: pair[0])
    return [dispatch for _, dispatch in ended]


def _spread(alike: Alike, wall_ns: int) -> Iterator[tuple[int, Dispatch]]:
    """The dispatches, each with when it ended."""
    columns: tuple[Any, ...] = (alike.parents, alike.traces, alike.threads, alike.transactions, alike.facts)
    fields = zip(*[column if isinstance(column, list) else repeat(column) for column in columns], strict=False)
    rows = zip(alike.spans, alike.starts, zip(*alike.steps, strict=True), strict=True)
    for (span, start, (offset, *durations, rest)), shared in zip(rows, fields, strict=False):
        parent, trace, thread, transaction, facts = shared
        calls = []
        for connection, duration in zip(alike.connections, durations, strict=True):
            calls.append(ReceiverCall(connection, 0, offset, duration))
            offset += duration
        duration = offset + rest
        yield (
            start + duration,
            Dispatch(
                span,
                parent,
                trace,
                alike.signal,
                alike.sender,
                alike.method,
                0,
                (wall_ns + start) // 1000,
                duration,
                alike.site,
                thread,
                calls,
                alike.arguments,
                facts or {},
                transaction,
            ),
        )
