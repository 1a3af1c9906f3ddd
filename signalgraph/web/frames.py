"""What is new after a cursor, as one frame: the shape of `feed.schema.json`, whatever carries it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from signalgraph import names
from signalgraph.conf import get_settings
from signalgraph.events import SCHEMA, ConnectionInfo, Heartbeat, Total
from signalgraph.graph.query import Query, QueryError, parse
from signalgraph.index import Index
from signalgraph.log.base import CursorError, Hole
from signalgraph.log.cursor import parse_cursor
from signalgraph.traces import Call, Seen

DEFAULT_LIMIT = 500
MAX_LIMIT = 2000
MAX_PROCESSES = 100
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
        return parse(q)
    except QueryError as error:
        raise FeedError(str(error), q, "Correct the filter at this position.", error.position) from error


def make_frame(
    index: Index, after: str | None, query: Query | None = None, limit: int = DEFAULT_LIMIT
) -> dict[str, Any]:
    """What the index holds after a cursor (None: from now), in the shape of `feed.schema.json`.

    At most `limit` dispatches: errors first, then slow ones, then an even sample; `of` is how many matched. Raises
    `FeedError` for a text that isn't a cursor.
    """
    position, hole = _locate(index, after)
    cursor = index.cursor
    seen = [] if position is None else index.dispatches_after(position)
    newest = _newest_ms(index)
    matching = seen if query is None else [each for each in seen if query.matches_dispatch(each)]
    shown = choose(matching, limit, get_settings().slow_ms)
    now = int(time.time() * 1000)
    return {
        "schema": SCHEMA,
        "cursor": cursor,
        "now": now,
        "newest": newest,
        "hole": None if hole is None else {"reason": hole.reason, "from": hole.cursor},
        "lost": index.lost,
        "shown": len(shown),
        "of": len(matching),
        "processes": [_process(beat) for beat in _alive(index.heartbeats(), now)],
        "since": index.since,
        "totals": _totals(index, position if hole is None else None, query),
        "unheard": {names.signal_id(name): count for name, count in index.unheard.items()},
        "dispatches": [_dispatch(each) for each in shown],
    }


def says_something(frame: dict[str, Any]) -> bool:
    """Whether a viewer learns anything but the time from a frame; `unheard` alone is no news."""
    return bool(frame["dispatches"] or frame["totals"] or frame["hole"])


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


def _locate(index: Index, after: str | None) -> tuple[int | None, Hole | None]:
    """The position to read from (None: from now), and the hole that it leaves."""
    if after is None:
        return None, None
    try:
        origin, position = parse_cursor(after)
    except CursorError as error:
        do = 'Use the "cursor" of an earlier frame as it is, or leave `after` out to start from now.'
        raise FeedError(str(error), after, do) from error
    if origin != parse_cursor(index.cursor)[0]:
        return 0, Hole("other-log", after)
    return position, None


def _newest_ms(index: Index) -> int | None:
    newest = index.traces(limit=1)
    return max(each.start_us for each in newest[0].dispatches) // 1000 if newest and newest[0].dispatches else None


def _alive(beats: Iterable[Heartbeat], now_ms: int) -> list[Heartbeat]:
    return [beat for beat in beats if not beat.ended and now_ms - beat.seen_ms < FORGOTTEN_MS][:MAX_PROCESSES]


def _process(beat: Heartbeat) -> dict[str, Any]:
    return {
        "id": beat.process.id,
        "label": beat.process.label,
        "heartbeat": beat.seen_ms,
        "recording": beat.recording,
        "dropped": beat.dropped,
    }


def _totals(index: Index, position: int | None, query: Query | None) -> dict[str, dict[str, int]]:
    """All totals (no position), or those that changed after it; a filter leaves the connections that it matches."""
    totals = index.totals
    chosen = totals.keys() if position is None else index.changed_since(position) & totals.keys()
    if query is not None:
        chosen = {each for each in chosen if query.matches_connection(_connection(each))}
    return {each: _total(totals[each]) for each in sorted(chosen)}


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
    }
