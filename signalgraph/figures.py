"""Figures over time: rates in buckets, percentiles over samples, and the row of a table made of them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from signalgraph.events import Total

BUCKET_S = 5  # divides the 15 s of a sparkline's bar
WINDOW_S = 900
SPARK_BARS = 60
SAMPLES = 512


@dataclass(frozen=True)
class Stats:
    """What a table says of one or more connections (or of a signal's dispatches).

    `calls`, `errors`, `queries` and `max_us` are exact since the log began; `window_calls`, `window_errors`,
    `rate_per_s`, `ms_per_s` and `spark` are of the window; percentiles are over the newest `sample_size` durations
    (None without any). `untimed` calls are not among `calls`. `unheard` counts dispatches that no receiver heard and
    `ignored` those that were only counted (both since the log began, 0 for connections).

    Of a signal, a call is a dispatch that at least one receiver heard, and an error one in which something was raised.
    """

    calls: int = 0
    errors: int = 0
    rate_per_s: float = 0.0
    p50_us: float | None = None
    p95_us: float | None = None
    max_us: float | None = None
    ms_per_s: float = 0.0
    queries: int = 0
    spark: list[int] = field(default_factory=list)
    sample_size: int = 0
    window_calls: int = 0
    window_errors: int = 0
    unheard: int = 0
    untimed: int = 0
    ignored: int = 0


class Buckets:
    """Sums of (calls, errors, ns) per `BUCKET_S` seconds over the last `WINDOW_S`; times are unix seconds."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: deque[list[int]] = deque()

    def add(self, at_s: float, calls: int, errors: int, ns: int) -> None:
        """Add to the bucket of a time; one that is older than the window is left out."""
        number = int(at_s) // BUCKET_S
        rows = self._rows
        row = rows[-1] if rows and rows[-1][0] == number else self._row(number)
        row[1] += calls
        row[2] += errors
        row[3] += ns

    def _row(self, number: int) -> list[int]:
        # Batches of other processes come a little late, so it isn't always the newest one.
        row = next((row for row in self._rows if row[0] == number), None)
        if row is None:
            row = [number, 0, 0, 0]
            self._rows.append(row)
            if len(self._rows) > 1 and self._rows[-2][0] > number:
                self._rows = deque(sorted(self._rows))
            while self._rows[0][0] <= self._rows[-1][0] - WINDOW_S // BUCKET_S:
                self._rows.popleft()
        return row

    def since(self, start_s: float) -> list[tuple[int, int, int, int]]:
        """(unix second of the start, calls, errors, ns) of the buckets that end after a time, oldest first."""
        first = int(start_s) // BUCKET_S
        return [(n * BUCKET_S, calls, errors, ns) for n, calls, errors, ns in self._rows if n >= first]

    def spread(self, now_s: float, window_s: float, count: int) -> tuple[list[int], list[int], list[int], list[int]]:
        """The window before a time in `count` bars, oldest first: their starts (unix ms), calls, errors, ns."""
        end_s = whole_end(now_s, window_s / count)
        rows = self.since(end_s - window_s)
        starts = [round((end_s - window_s + n * window_s / count) * 1000) for n in range(count)]
        calls, errors, ns = (
            bars([(row[0], row[column], 0, 0) for row in rows], end_s, window_s, count) for column in (1, 2, 3)
        )
        return starts, calls, errors, ns


class Figures:
    """The newest durations (us) and the buckets of a connection or a signal."""

    __slots__ = ("buckets", "samples")

    def __init__(self) -> None:
        self.samples: deque[float] = deque(maxlen=SAMPLES)
        self.buckets = Buckets()


def make_stats(
    figures: Sequence[Figures],
    total: Total,
    now_s: float,
    window_s: float,
    began_s: float,
    unheard: int = 0,
    ignored: int = 0,
) -> Stats:
    """The row of some connections, or of one signal.

    `began_s` is the time of the first entry that was read: a rate is per second of the window in which there was
    something to count, which may be shorter than `window_s`.
    """
    window_s = max(BUCKET_S, min(window_s, WINDOW_S))
    end_s = whole_end(now_s, window_s / SPARK_BARS)
    rows = [row for each in figures for row in each.buckets.since(end_s - window_s)]
    calls, errors, ns = (sum(row[n] for row in rows) for n in (1, 2, 3))
    seconds = max(BUCKET_S, min(window_s, now_s - began_s))
    samples = sorted(duration for each in figures for duration in each.samples)
    return Stats(
        calls=total.calls,
        errors=total.errors,
        rate_per_s=calls / seconds,
        p50_us=percentile(samples, 0.5),
        p95_us=percentile(samples, 0.95),
        max_us=round(total.max_ns / 1000, 1) if total.calls else None,
        ms_per_s=ns / 1e6 / seconds,
        queries=total.queries,
        spark=bars(rows, end_s, window_s, SPARK_BARS),
        sample_size=len(samples),
        window_calls=calls,
        window_errors=errors,
        unheard=unheard,
        untimed=total.untimed,
        ignored=ignored,
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Nearest-rank percentile of sorted numbers, None without any.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    if not ordered:
        return None
    return ordered[max(1, math.ceil(len(ordered) * share)) - 1]


def whole_end(now_s: float, width_s: float) -> float:
    """The end of the bar that a time is in, so that bars stay in place while time goes on."""
    return (now_s // width_s + 1) * width_s


def bars(rows: Iterable[tuple[int, int, int, int]], end_s: float, window_s: float, count: int) -> list[int]:
    """Calls per bar, oldest first: the window before a time in `count` bars."""
    heights = [0] * count
    for at, calls, _, _ in rows:
        place = int((at - end_s + window_s) * count / window_s)
        heights[min(max(place, 0), count - 1)] += calls
    return heights
