"""What is new after a cursor, as one frame: the shape of `feed.schema.json`, whatever carries it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from signalgraph import names
from signalgraph.conf import get_settings
from signalgraph.events import SCHEMA, ConnectionInfo, Heartbeat, Total, Transaction
from signalgraph.graph.query import Query, QueryError
from signalgraph.index import Index
from signalgraph.log.base import CursorError, Hole
from signalgraph.resolve import spelled_id
from signalgraph.traces import Call, Seen, Written
from signalgraph.web.filtering import read_filter, tell
from signalgraph.wirings import id_of

DEFAULT_LIMIT = 500
MAX_LIMIT = 2000
MAX_PROCESSES = 100
MAX_WRITES = 2000  # and ends of transactions, the newest
MOST_TRIES = 4
FORGOTTEN_MS = 300_000  # a process that has been silent for longer isn't listed; the setup page lists them all

T = TypeVar("T")


class FeedError(Exception):
    """A question that can't be answered: `what` is wrong, with which `value`, what to `do`, where (`position`)."""

    def __init__(self, what: str, value: object, do: str, position: int | None = None) -> None:
        super().__init__(what)
        self.what, self.value, self.do, self.position = what, value, do, position

    @property
    def text(self) -> str:
        """As JSON, the same over HTTP and on the socket."""
        error = {"what": self.what, "value": self.value, "do": self.do}
        if self.position is not None:
            error["position"] = self.position
        return msgspec.json.encode({"error": error}).decode()


def parse_query(q: str) -> Query | None:
    """The filter, or None for an empty one; raises `FeedError` that points at the spot."""
    if not q.strip():
        return None
    try:
        return read_filter(q)
    except QueryError as error:
        raise FeedError(str(error), q, "Correct the filter at this position.", error.position) from error


def make_frame(
    index: Index, after: str | None, query: Query | None = None, limit: int = DEFAULT_LIMIT
) -> dict[str, Any]:
    """What the index holds after a cursor (None: from now), in the shape of `feed.schema.json`.

    At most `limit` dispatches: errors first, then slow ones, then an even sample; `of` says how many there were.
    Raises `FeedError` for a text that isn't a cursor, `LogError`.
    """
    news = read_news(index, after)
    control = index.control()
    if query is not None:
        tell(query, index, lambda: control, lambda connection: index.stats([connection]))
    matching = news.seen if query is None else [each for each in news.seen if _matches(index, query, each)]
    shown = choose(matching, limit, get_settings().slow_ms)
    now = int(time.time() * 1000)
    return {
        "schema": SCHEMA,
        "cursor": news.cursor,
        "now": now,
        "newest": index.newest_ms,
        "hole": None if news.hole is None else {"reason": news.hole.reason, "from": news.hole.cursor},
        "lost": index.lost,
        "shown": len(shown),
        "of": max(len(matching), news.count if query is None else 0),
        "processes": [_process(beat) for beat in _alive(index.heartbeats(), now)],
        "since": index.since,
        "totals": {each: _total(total) for each, total in _matching_totals(index, news.totals, query).items()},
        "unheard": {names.signal_id(name): count for name, count in index.unheard.items()},
        "ignored": {names.signal_id(name): count for name, count in index.ignored.items()},
        "muted": [names.signal_id(name) for name in sorted(control.muted)],
        "paused": control.paused,
        "dispatches": [_dispatch(each) for each in shown],
        "writes": [_write(each) for each in _matching_writes(news.writes, matching, query)[-MAX_WRITES:]],
        "transactions": [_transaction(*each) for each in news.transactions[-MAX_WRITES:]],
    }


@dataclass(frozen=True)
class News:
    """What an index says as of one cursor. `count` also counts dispatches that it no longer holds."""

    cursor: str
    hole: Hole | None
    seen: list[Seen]
    count: int
    totals: dict[str, Total]
    writes: list[Written]
    transactions: list[tuple[str, Transaction]]


def read_news(index: Index, after: str | None) -> News:
    """What is new after a cursor (None: all totals); the index may read on meanwhile, so it is asked until it agrees.

    After some tries the older cursor is given: some dispatches come again with the next frame, none is left out.
    """
    for _ in range(MOST_TRIES):
        cursor = index.cursor
        news = _read_news(index, after, cursor)
        if index.cursor == cursor:
            break
    return news


def _read_news(index: Index, after: str | None, cursor: str) -> News:
    if after is None:
        return News(cursor, None, [], 0, index.totals, [], [])
    position, hole = _locate(index, after)
    if position > index.position:  # another process has read further than this one
        return News(after, hole, [], 0, {}, [], [])
    totals = index.totals
    if hole is None:
        changed = index.changed_since(position)
        totals = {each: total for each, total in totals.items() if each in changed}
    seen, count = index.dispatches_after(position), index.count_after(position)
    return News(cursor, hole, seen, count, totals, index.writes_after(position), index.transactions_after(position))


def _locate(index: Index, after: str) -> tuple[int, Hole | None]:
    try:
        return index.locate(after)
    except CursorError as error:
        do = 'Use the "cursor" of an earlier frame as it is, or leave `after` out to start from now.'
        raise FeedError(str(error), after, do) from error


def says_something(frame: dict[str, Any]) -> bool:
    """Whether a viewer learns anything but the time from a frame; `unheard` alone is no news."""
    return any(frame[part] for part in ("dispatches", "totals", "hole", "writes", "transactions"))


def choose(seen: Sequence[Seen], limit: int, slow_ms: float) -> list[Seen]:
    """At most `limit` of the dispatches, in their order: errors first, then slow ones, then an even sample."""
    if len(seen) <= limit:
        return list(seen)
    ranks: tuple[list[int], list[int], list[int]] = ([], [], [])
    for n, each in enumerate(seen):
        ranks[0 if each.status == "raised" or each.errors else 1 if each.duration_us >= slow_ms * 1000 else 2].append(n)
    kept: list[int] = []
    for rank in ranks:
        kept += even_sample(rank, limit - len(kept))
    return [seen[n] for n in sorted(kept)]


def even_sample(items: Sequence[T], size: int) -> list[T]:
    """`size` of the items, evenly spaced, the last one among them; all where there are fewer."""
    if size >= len(items):
        return list(items)
    return [items[(n + 1) * len(items) // size - 1] for n in range(size)]


def _matches(index: Index, query: Query, seen: Seen) -> bool:
    return query.matches_dispatch(seen, index.cause(seen.trace), index.process(seen.id.partition("-")[0]))


def _matching_writes(writes: list[Written], matching: list[Seen], query: Query | None) -> list[Written]:
    """With a filter, those in the traces of the dispatches that it matches."""
    if query is None:
        return writes
    traces = {seen.trace for seen in matching}
    return [write for write in writes if write.trace in traces]


def _alive(beats: Iterable[Heartbeat], now_ms: int) -> list[Heartbeat]:
    return [beat for beat in beats if not beat.ended and now_ms - beat.seen_ms < FORGOTTEN_MS][:MAX_PROCESSES]


def _process(beat: Heartbeat) -> dict[str, Any]:
    return {
        "id": beat.process.id,
        "label": beat.process.label,
        "heartbeat": beat.seen_ms,
        "recording": beat.recording,
        "dropped": beat.dropped,
        "sampled": beat.sampled,
        "share": beat.share,
    }


def _matching_totals(index: Index, totals: dict[str, Total], query: Query | None) -> dict[str, Total]:
    if query is None or not totals:
        return totals
    connected = {id_of(each): each for each in index.wiring().connections}
    return {
        each: total
        for each, total in totals.items()
        if query.matches_connection(
            connected.get(each) or _connection(each), index.stats([each]) if query.asks_figures else None
        )
    }


def _connection(connection_id: str) -> ConnectionInfo:
    """A connection by its id alone: totals outlive the wiring that would know more."""
    sender, signal, receiver = names.parse_connection_id(connection_id)
    return ConnectionInfo(signal, sender, receiver, None, False, False, 0, None, None)


def _total(total: Total) -> dict[str, int]:
    return {
        "calls": total.calls,
        "errors": total.errors,
        "ns": total.ns,
        "max_ns": total.max_ns,
        "queries": total.queries,
        "untimed": total.untimed,
    }


def _dispatch(seen: Seen) -> dict[str, Any]:
    return {
        "id": seen.id,
        "trace": seen.trace,
        "parent": seen.parent,
        "signal": names.signal_id(seen.signal),
        "sender": names.sender_id(seen.sender),
        "method": seen.method,
        "start": seen.start_us,
        "duration": seen.duration_us,
        "status": seen.status,
        "at": seen.at,
        "calls": [_call(call) for call in seen.calls],
        **_in_transaction(seen),
    }


def _in_transaction(sent: Seen | Written) -> dict[str, Any]:
    process = sent.id.partition("-")[0]
    own = spelled_id(process, abs(sent.transaction)) if sent.transaction else None
    return {"transaction": own, "after_commit": sent.transaction < 0}


def _write(write: Written) -> dict[str, Any]:
    return {
        "id": write.id,
        "trace": write.trace,
        "parent": write.parent,
        "sender": names.sender_id(write.sender),
        "operation": write.operation,
        "rows": write.rows,
        "start": write.start_us,
        "duration": write.duration_us,
        "at": write.at,
        "error": write.error,
        **_in_transaction(write),
    }


def _transaction(process: str, end: Transaction) -> dict[str, Any]:
    return {
        "id": spelled_id(process, end.id),
        "outer": spelled_id(process, end.outer) if end.outer > 0 else None,
        "trace": spelled_id(process, end.trace),
        "using": end.using,
        "start": end.start_us,
        "duration": round(end.duration_ns / 1000, 1),
        "committed": end.committed,
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "receiver": names.receiver_id(call.receiver),
        "offset": call.offset_us,
        "duration": call.duration_us,
        "busy": call.busy_us,
        "status": call.status,
        "error": call.error,
        "queries": call.queries,
        "repeats": call.repeats,
        "repeated": fingerprint(call.repeated) if call.repeats else None,
    }


def fingerprint(number: int) -> str:
    """The fingerprint of a query's text as it is shown: hex."""
    return f"{number & 0xFFFF_FFFF_FFFF_FFFF:x}"
