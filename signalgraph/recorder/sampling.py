"""`SAMPLE`: which traces are told. All of them are counted; those with an error or a slow dispatch are always told."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import perf_counter_ns as clock

from signalgraph.events import kept_by_chance
from signalgraph.recorder.clock import ASYNC, ERROR, FAILURES, PARENT, SPAN, START, TRACE
from signalgraph.recorder.outcomes import RAISED, Record, status_of
from signalgraph.recorder.telling import Late

LONGEST_NS = 10_000_000_000  # a trace that was not chosen is held so long for something to go wrong
MOST_HELD = 20_000  # records of such traces
REMEMBERED = 10_000  # traces that were told for what went wrong in them


class _Held:
    """What is known so far of a trace that was not chosen."""

    __slots__ = ("is_over", "late", "records", "since", "writes")

    def __init__(self, since: int) -> None:
        self.since = since
        self.is_over = False
        self.records: list[Record] = []
        self.writes: list[Record] = []
        self.late: list[Late] = []


class Sampler:
    """Tells a share of the traces by chance, and those that go wrong. Used by the flusher's thread alone.

    `has_ended` says whether a trace is that of a cause which is over.
    """

    def __init__(self, share: float, slow_ns: int, has_ended: Callable[[int], bool]) -> None:
        self.share = share
        self._slow_ns = slow_ns
        self._has_ended = has_ended
        self._kept: OrderedDict[int, None] = OrderedDict()
        self._held: OrderedDict[int, _Held] = OrderedDict()
        self._records = 0

    def sort(self, records: list[Record], writes: list[Record], *, last: bool) -> tuple[_Held, int]:
        """What to tell now, and how many records will never be told; `last`: nothing comes after."""
        now = clock()
        told = _Held(now)
        for record in records:
            trace = record[TRACE]
            if self._is_wrong(record):
                self.keep(trace)
            if self.is_kept(trace):
                told.records.append(record)
                continue
            held = self._of(trace, now)
            held.records.append(record)
            held.is_over = held.is_over or (record[SPAN] == trace and not record[PARENT])  # its root has ended
            self._records += 1
        for write in writes:
            if write[-1] is not None:  # the name of what it raised
                self.keep(write[TRACE])
            held = told if self.is_kept(write[TRACE]) else self._of(write[TRACE], now)
            held.writes.append(write)
            held.is_over = held.is_over or write[SPAN] == write[TRACE]
        for trace in [trace for trace in self._held if trace in self._kept]:
            held = self._take(trace)
            told.records[:0], told.writes[:0] = held.records, held.writes
            told.late += held.late
        return told, self._let_go(now, last)

    def is_kept(self, trace: int) -> bool:
        return trace in self._kept or kept_by_chance(trace, self.share)

    def keep(self, trace: int) -> None:
        """Tell a trace, with what is held of it, from the next `sort` on."""
        self._kept[trace] = None
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)

    def running(self, records: list[Record]) -> list[Record]:
        """Those of open records that belong to a trace that is told; one that runs for long makes its trace one."""
        now = clock()
        for record in records:
            if now - record[START] >= self._slow_ns:
                self.keep(record[TRACE])
        return [record for record in records if self.is_kept(record[TRACE])]

    def take_late(self, late: Late) -> bool:
        """Whether the late end of a call is to be told now; if not, it is held until its trace is, if that ever is."""
        if status_of(late.end[4]) == RAISED:
            self.keep(late.trace)
        held = self._held.get(late.trace)
        if held is not None:
            held.late.append(late)
        return held is None and self.is_kept(late.trace)

    def _of(self, trace: int, now: int) -> _Held:
        held = self._held.get(trace)
        if held is None:
            held = self._held[trace] = _Held(now)
        return held

    def _take(self, trace: int) -> _Held:
        held = self._held.pop(trace)
        self._records -= len(held.records)
        return held

    def _is_wrong(self, record: Record) -> bool:
        if record[-1] - record[START] >= self._slow_ns or record[FAILURES] is not None:
            return True
        if record[ERROR] is not None and status_of(record[ERROR]) == RAISED:
            return True
        calls = record[ASYNC]
        return calls is not None and any(len(call) > 2 and status_of(call[4]) == RAISED for call in calls)

    def _let_go(self, now: int, last: bool) -> int:
        """Drop the traces that are over, or held for too long or among too many; return how many records went."""
        before = self._records
        for trace in [trace for trace, held in self._held.items() if last or self._is_over(trace, held, now)]:
            self._take(trace)
        while self._records > MOST_HELD:
            self._take(next(iter(self._held)))
        return before - self._records

    def _is_over(self, trace: int, held: _Held, now: int) -> bool:
        return held.is_over or now - held.since > LONGEST_NS or self._has_ended(trace)
