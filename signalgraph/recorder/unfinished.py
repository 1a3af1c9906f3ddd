"""Dispatches that are still running: a slow or stuck receiver is told while it hangs."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter_ns as clock
from typing import Any

from signalgraph.recorder import dispatching
from signalgraph.recorder.clock import ASYNC, CLOSED, IDENT, OUTER, SPAN, SQL, START
from signalgraph.recorder.outcomes import Record

LONG_NS = 250_000_000  # open for so long, a dispatch is told as running
AGAIN_NS = 1_000_000_000
DEEPEST = 100  # dispatches in one another that are looked at, of one thread


class Unfinished:
    """Finds the dispatches that have been open for long. Used by the flusher's thread alone."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}  # when each was told last, by span

    def look(self) -> list[Record]:
        """Copies of the records, as they are now, of those that are to be told (again).

        Call it before the ring is emptied: a dispatch that ends later then comes later.
        """
        now = clock()
        found = {record[SPAN]: record for record in _long_open(now)}
        self._told = {span: at for span, at in self._told.items() if span in found}
        return [record for span, record in found.items() if now - self._told.get(span, 0) >= AGAIN_NS]

    def note(self, records: list[Record]) -> None:
        """These were told."""
        now = clock()
        self._told.update((record[SPAN], now) for record in records)


def _long_open(now: int) -> Iterator[Record]:
    for record in [*dispatching.OPEN.copy().values(), *dispatching.OPEN_ASYNC.copy().values()]:
        around = record
        for _ in range(DEEPEST):
            if not around:
                break
            outer = around[OUTER]
            # One that has ended has lost its `OUTER`; what it was in is in `OPEN` in its place, or is about to be.
            if around[IDENT] > CLOSED and now - around[START] >= LONG_NS:
                copy = _copy(around)
                if around[IDENT] > CLOSED:
                    yield copy
            around = outer


def _copy(record: list[Any]) -> Record:
    """The record as a tuple of atoms, without the reading at its end."""
    copy = list(record)
    copy[OUTER] = None
    copy[ASYNC] = None if copy[ASYNC] is None else tuple(copy[ASYNC])
    copy[SQL] = None if copy[SQL] is None else tuple(copy[SQL])
    return tuple(copy)


def forget_ended() -> None:
    """Empty the places of threads that dispatch nothing now, some of which are no more."""
    table = dispatching.OPEN
    for thread, record in table.copy().items():
        if record is None or record[IDENT] == CLOSED:
            popped = table.pop(thread, None)
            if popped is not None and popped[IDENT] != CLOSED:  # it has begun another one meanwhile
                table.setdefault(thread, popped)
