"""What a flush carries to a batch of the log."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter_ns as clock
from typing import Any

from signalgraph.blobs import Told, encode_told
from signalgraph.events import Batch, Cause, Process
from signalgraph.recorder.clock import START, TRACE
from signalgraph.recorder.endings import Endings
from signalgraph.recorder.outcomes import Record
from signalgraph.recorder.piles import column, sort_out
from signalgraph.recorder.sheets import Sheet
from signalgraph.recorder.signals import Signals
from signalgraph.recorder.telling import Late, Teller
from signalgraph.registry import Registry


@dataclass
class Load:
    """What one flush has taken: `counted` and `told` are ended dispatches, the same list where all are told.

    `running` are copies of records of dispatches that have not ended; `ends` are of async receiver calls whose dispatch
    was over, `late` such as were counted before; `unheard` and `ignored` are by signal name. `recorded` and `dropped`
    are the process' sums with these included, `sampled` is of this flush.
    """

    counted: list[Record] = field(default_factory=list)
    told: list[Record] = field(default_factory=list)
    running: list[Record] = field(default_factory=list)
    ends: list[tuple[Any, ...]] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    writes: list[tuple[Any, ...]] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    unheard: dict[str, int] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)
    transactions: bool = False
    recorded: int = 0
    dropped: int = 0
    writes_dropped: int = 0
    sampled: int = 0

    @property
    def is_empty(self) -> bool:
        return not (
            self.counted
            or self.told
            or self.running
            or self.ends
            or self.late
            or self.writes
            or self.causes
            or self.unheard
            or self.ignored
            or self.transactions
            or self.sampled
        )


class BatchMaker:
    """Turns loads into batches. Used by the flusher's thread alone.

    `is_told` is asked whether the late end of a call of a counted dispatch is to be told now; if not, it is held there.
    """

    def __init__(
        self,
        process: Process,
        registry: Registry,
        signals: Signals,
        share: float = 1.0,
        is_told: Callable[[Late], bool] = lambda late: True,
    ) -> None:
        self.process = process
        self.sequence = 0
        self.endings = Endings()
        self._share = share
        self._is_told = is_told
        self._teller = Teller(registry, signals)
        self.wall_us = self._teller.clockwork.wall_us

    def wiring_changed(self) -> None:
        """Forget which connection a receiver call came through; it is looked up again."""
        self._teller.routes.forget()

    def make(self, load: Load) -> Batch:
        self._teller.clockwork.follow()
        self.sequence += 1
        sheet = Sheet()
        blob = self._count_and_tell(load, sheet)
        late = load.late + [late for late in self._teller.count_late(load.ends, sheet) if self._is_told(late)]
        late_calls = [self._teller.tell_late(each, sheet) for each in late]
        writes = [self._teller.tell_write(note, sheet) for note in load.writes]
        transactions = self.endings.tell(sheet.transactions, self.wall_us)
        traces = set(column(load.told, TRACE)) | set(column(load.running, TRACE)) | {cause.id for cause in load.causes}
        for found in (writes, transactions, late):
            traces.update(each.trace for each in found)
        return Batch(
            process=self.process,
            sequence=self.sequence,
            wall_us=time.time_ns() // 1000,
            recorded=load.recorded,
            dropped=load.dropped,
            unheard=[(sheet.signals[name], count) for name, count in load.unheard.items()],
            ignored=[(sheet.signals[name], count) for name, count in load.ignored.items()],
            signals=list(sheet.signals),
            senders=list(sheet.senders),
            receivers=list(sheet.receivers),
            connections=list(sheet.connections),
            sites=list(sheet.sites),
            causes=load.causes,
            totals=sheet.connection_figures(),
            signal_totals=sheet.signal_figures(),
            first_trace=min(traces, default=0),
            last_trace=max(traces, default=0),
            dispatched=len(load.counted),
            late=late_calls,
            blob=blob,
            transactions=transactions,
            writes=writes,
            writes_dropped=load.writes_dropped,
            sampled=load.sampled,
            share=self._share,
        )

    def _count_and_tell(self, load: Load, sheet: Sheet) -> bytes:
        teller = self._teller
        piles, odd = sort_out(load.counted)
        for pile in piles:
            teller.count_pile(pile, sheet)
        for record in odd:
            teller.count(record, sheet)
        if load.told is not load.counted:
            piles, odd = sort_out(load.told)
        if not (load.told or load.running):
            return b""
        base, now = (load.told or load.running)[0][START], clock()
        running = [teller.tell_running(record, now, sheet) for record in load.running]
        others = running + [teller.tell(record, sheet) for record in odd]
        # Before everything else: what was running may have ended since, and its last report is the one that stands.
        ends = [-1 << 62] * len(running) + [record[-1] - base for record in odd]
        alike = [teller.tell_pile(pile, base, sheet) for pile in piles]
        return encode_told(Told(base + teller.clockwork.offset_ns, alike, others, ends))


def process_label(argv: list[str]) -> str:
    """How people call a process: `manage.py runserver`, `daphne`; never its arguments, which can hold a value."""
    program = os.path.basename(argv[0]) if argv and argv[0] else "python"
    if program == "__main__.py":
        program = os.path.basename(os.path.dirname(argv[0]))
    if program in ("manage.py", "django-admin", "django") and len(argv) > 1 and not argv[1].startswith("-"):
        return f"{program} {argv[1]}"
    return program
