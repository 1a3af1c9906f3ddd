"""Ratios that repeat on a noisy machine: two or more processes in turn, in short slices, the fastest of each.

Each variant (plain Django, Django recorded, Django under another tool) has a process of its own, forked from this one,
which builds the same call. Switching a tool on and off in one process would be measured too: a class that is changed
again and again loses the interpreter's caches (CPython 3.13 gives a class 1,000 versions and then no more), which no
project ever sees. Slices are half a millisecond or one call, their order is rotated, each begins with calls that aren't
counted, only one process runs at a time, all on the same processor (the other may share its core with somebody else's
work), and the least of all slices of one stands against the least of the other. New processes do the same again until
the figures have settled, and some times more when a bar is missed: their slices are added, not chosen from.
"""

from __future__ import annotations

import contextlib
import gc
import os
import struct
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter_ns

Call = Callable[[], object]
# Switches a tool on in the process that it is called in; the answer is done after each slice, where time is not taken.
Switch = Callable[[], Call]

SLICE_NS = 500_000
WARM_NS = 20_000_000
SLICES = 150
ROUNDS = 5
SETTLED = 1.03

END = -1
ASK, ANSWER = struct.Struct("q"), struct.Struct("d")


class MeasuredError(RuntimeError):
    """A process that was to be measured has ended."""


@dataclass(frozen=True)
class Row:
    """Something to measure. `build` makes the call in the process that measures it; `most` is the bar of its ratio."""

    name: str
    build: Callable[[], Call]
    most: float = float("inf")


@dataclass(frozen=True)
class Result:
    """Nanoseconds of one call, by variant; the first is plain Django."""

    row: Row
    ns: dict[str, float]

    @property
    def plain_ns(self) -> float:
        return next(iter(self.ns.values()))

    def ratio(self, variant: str) -> float:
        return self.ns[variant] / self.plain_ns

    def added_ns(self, variant: str) -> float:
        return self.ns[variant] - self.plain_ns


def nothing() -> Call:
    """Plain Django."""
    return lambda: None


def measure(row: Row, variants: Mapping[str, Switch], judged: str | None = None) -> Result:
    """The least of each variant over rounds of new processes.

    Two rounds at least, and more until the two least of each variant agree: now and then a process is slow for all
    its life, and it could be the plain one. More also while `judged` is above the row's bar.
    """
    rounds: dict[str, list[float]] = {name: [] for name in variants}
    while True:
        for name, ns in one_round(row, variants).items():
            rounds[name] = sorted([*rounds[name], ns])
        result = Result(row, {name: found[0] for name, found in rounds.items()})
        count = len(next(iter(rounds.values())))
        settled = count > 1 and all(second <= SETTLED * first for first, second, *_ in rounds.values())
        if count == ROUNDS or (settled and (judged is None or result.ratio(judged) <= row.most)):
            return result


def one_round(row: Row, variants: Mapping[str, Switch]) -> dict[str, float]:
    contestants = [(name, Contestant(row, switch)) for name, switch in variants.items()]
    least = dict.fromkeys(variants, float("inf"))
    try:
        calls = {name: contestant.calls_in_slice() for name, contestant in contestants}
        for _ in range(SLICES):
            contestants.append(contestants.pop(0))
            for name, contestant in contestants:
                least[name] = min(least[name], contestant.slice_ns(calls[name]))
    finally:
        for _, contestant in contestants:
            contestant.end()
    return least


class Contestant:
    """A forked process that times slices of one variant when it is asked to."""

    def __init__(self, row: Row, switch: Switch) -> None:
        asked, self._ask = os.pipe()
        self._answers, answer = os.pipe()
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._ask)
            os.close(self._answers)
            serve(row, switch, asked, answer)
        os.close(asked)
        os.close(answer)

    def calls_in_slice(self) -> int:
        return max(1, int(SLICE_NS / self.slice_ns(0)))

    def slice_ns(self, calls: int) -> float:
        """Nanoseconds of one call, over so many of them."""
        os.write(self._ask, ASK.pack(calls))
        answer = os.read(self._answers, ANSWER.size)
        if not answer:
            raise MeasuredError("A measured process has ended; what it says is above.")
        return float(ANSWER.unpack(answer)[0])

    def end(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._ask, ASK.pack(END))  # closing is not enough: those forked later hold the pipe as well
        os.close(self._ask)
        os.close(self._answers)
        os.waitpid(self._pid, 0)


def serve(row: Row, switch: Switch, asked: int, answer: int) -> None:
    """Answer requests for slices until there are no more; doesn't return."""
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        after = switch()
        call = row.build()
        while (calls := ASK.unpack(os.read(asked, ASK.size) or ASK.pack(END))[0]) != END:
            spent = slice_ns(call, calls) if calls else warm_ns(call)
            after()
            os.write(answer, ANSWER.pack(spent))
    except BaseException:  # noqa: BLE001 - the child of a fork must not return into its parent's code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)


def warm_ns(call: Call) -> float:
    """Call until the interpreter has specialized the code; nanoseconds of one call."""
    start, calls = perf_counter_ns(), 0
    while perf_counter_ns() - start < WARM_NS:
        call()
        calls += 1
    return slice_ns(call, max(1, calls // 20))


def slice_ns(call: Call, calls: int) -> float:
    for _ in range(calls // 8 + 1):
        call()
    gc.disable()
    start = perf_counter_ns()
    for _ in range(calls):
        call()
    spent = perf_counter_ns() - start
    gc.enable()
    return spent / calls
