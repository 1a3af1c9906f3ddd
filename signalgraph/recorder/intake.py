"""What a flush takes from the ring and the queues beside it: what of it is counted, told, held back or left out."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple

from signalgraph.recorder import dispatching, writes
from signalgraph.recorder.batches import Load
from signalgraph.recorder.clock import SIGNAL, SPAN, TRACE
from signalgraph.recorder.outcomes import Record
from signalgraph.recorder.reasons import Reasons
from signalgraph.recorder.sampling import Sampler
from signalgraph.recorder.signals import Signals
from signalgraph.recorder.telling import Late
from signalgraph.recorder.unfinished import Unfinished, forget_ended

MOST_RECORDS = 20_000  # of one batch
_signal_of = itemgetter(SIGNAL)


class Choice(NamedTuple):
    """What is told of what was counted: a share of the traces, those with an error or a dispatch that took `slow_ns`,
    and only signals that no name in `ignore` (`*` stands for anything) means."""

    share: float = 1.0
    slow_ns: int = 100_000_000
    ignore: tuple[str, ...] = ()


class Intake:
    """Used by the flusher's thread alone. Counts are since the process started.

    `accounted` are the ended dispatches that were taken and are in the totals, or are to be left out of them.
    """

    def __init__(self, signals: Signals, choice: Choice) -> None:
        self.accounted = 0
        self.dropped = 0
        self.sampled = 0
        self.writes_dropped = 0
        self.reasons = Reasons()
        self._signals = signals
        self._sampler = Sampler(choice.share, choice.slow_ns, self.reasons.has_ended) if choice.share < 1 else None
        self._unfinished = Unfinished()
        self._held: list[Record] = []
        self._held_writes: list[Record] = []
        self._writes_taken = 0
        self._ignored: dict[str, int] = {}

    @property
    def holds(self) -> bool:
        return bool(self._held)

    def take(self, wall_us: Callable[[int], int], *, last: bool) -> tuple[Load, bool]:
        """What there is, at most `MOST_RECORDS`; True when there may be more. `last`: nothing is held back."""
        unfinished = [] if last else self._unfinished.look()
        records, more = self._from_ring()
        noted = self._from_notes()
        self.reasons.take_notes()
        told, held, own = self._sorted(self._held + records, last)
        noted, held_writes, _ = self._sorted(self._held_writes + noted, last)
        told = self._heard(told)
        load = Load(counted=told, told=told, writes=noted)
        # Not before all has worked: what fails is dropped, and counted as such.
        self._held, self._held_writes = held, held_writes
        self.accounted += len(told) + own + sum(self._ignored.values())
        load.ignored, self._ignored = self._ignored, {}
        load.recorded, load.dropped = self.accounted, self._count_dropped(len(held))
        load.writes_dropped = self._count_dropped_writes()
        load.ends = [dispatching.LATE_CALLS.popleft() for _ in range(len(dispatching.LATE_CALLS))]
        if self._sampler is not None:
            self._sample(load, self._sampler, last=last and not more)
        if unfinished:
            load.running = self._running(unfinished, {record[SPAN] for record in records})
        load.causes = self.reasons.news(wall_us)
        return load, more

    def give_back(self, batch_dispatched: int) -> None:
        """A batch could not be written."""
        self.accounted -= batch_dispatched
        self.dropped += batch_dispatched

    def is_told(self, late: Late) -> bool:
        """Whether the end of a call is to be told now; if not, it is kept until its trace is."""
        return self._sampler is None or self._sampler.take_late(late)

    @staticmethod
    def forget_ended() -> None:
        forget_ended()

    def _from_ring(self) -> tuple[list[Record], bool]:
        take = dispatching.RING.popleft
        records: list[Record] = []
        try:
            for _ in range(MOST_RECORDS):
                records.append(take())
        except IndexError:
            return records, False
        return records, True

    def _from_notes(self) -> list[Record]:
        taken = [writes.NOTES.popleft() for _ in range(len(writes.NOTES))]
        self._writes_taken += len(taken)
        return taken

    def _sorted(self, records: list[Record], last: bool) -> tuple[list[Record], list[Record], int]:
        told, held, own = self.reasons.sort(records, TRACE) if records else (records, [], 0)
        return (told + held, [], own) if last else (told, held, own)

    def _heard(self, records: list[Record]) -> list[Record]:
        """Without those that are to be counted only, and those that began before the recorder was started again: they
        are of another table of names."""
        tokens = set(map(_signal_of, records))
        unknown = {token for token in tokens if not self._signals.knows(token)}
        silent = tokens & self._signals.silent
        if not (unknown or silent):
            return records
        for token in map(_signal_of, records):
            if token in silent:
                name = self._signals.name(token)
                self._ignored[name] = self._ignored.get(name, 0) + 1
        return [record for record in records if record[SIGNAL] not in unknown and record[SIGNAL] not in silent]

    def _count_dropped(self, held: int) -> int:
        """By the number that every dispatch takes as it ends."""
        ended, in_ring = max(dispatching.TALLY), len(dispatching.RING)
        self.dropped = max(self.dropped, ended - self.accounted - held - in_ring)
        return self.dropped

    def _count_dropped_writes(self) -> int:
        in_queue = len(writes.NOTES)
        self.writes_dropped = max(self.writes_dropped, writes.noted() - self._writes_taken - in_queue)
        return self.writes_dropped

    def _sample(self, load: Load, sampler: Sampler, *, last: bool) -> None:
        told, load.sampled = sampler.sort(load.counted, load.writes, last=last)
        load.told, load.writes, load.late = told.records, told.writes, told.late
        self.sampled += load.sampled

    def _running(self, records: list[Record], ended: set[int]) -> list[Record]:
        """Of the copies of open records, those to tell. A signal may be muted, a trace not be told so far."""
        told, _, _ = self.reasons.sort([record for record in records if record[SPAN] not in ended], TRACE)
        told = [each for each in told if self._signals.knows(each[SIGNAL]) and each[SIGNAL] not in self._signals.silent]
        if self._sampler is not None:
            told = self._sampler.running(told)
        self._unfinished.note(told)
        return told
