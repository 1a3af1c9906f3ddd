"""Figures over time: rates in buckets, percentiles over samples, and the row of a table made of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

BUCKET_S = 5  # divides the 15 s of a sparkline's bar
WINDOW_S = 900
SPARK_BARS = 60
SAMPLES = 512


@dataclass(frozen=True)
class Stats:
    """What a table says of one or more connections (or of a signal's dispatches).

    `calls`, `errors`, `queries` and `max_us` are exact since the log began; `window_calls`, `window_errors`,
    `rate_per_s`, `ms_per_s` and `spark` are of the window; percentiles are over the newest `sample_size` durations
    (None without any). `unheard` counts dispatches that no receiver heard and is 0 for connections.
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


class Buckets:
    """Sums of (calls, errors, ns) per `BUCKET_S` seconds over the last `WINDOW_S`; times are unix seconds."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: deque[list[int]] = deque()

    def add(self, at_s: float, calls: int, errors: int, ns: int) -> None:
        """Add to the bucket of a time; one that is older than the window is left out."""
        number = int(at_s) // BUCKET_S
        rows = self._rows
        if not rows or rows[-1][0] < number:
            rows.append([number, calls, errors, ns])
        else:  # batches of other processes come a little late
            row = next((row for row in reversed(rows) if row[0] == number), None)
            if row is None:
                row = [number, 0, 0, 0]
                rows.append(row)
                self._rows = rows = deque(sorted(rows))
            row[1] += calls
            row[2] += errors
            row[3] += ns
        while rows[0][0] <= rows[-1][0] - WINDOW_S // BUCKET_S:
            rows.popleft()

    def since(self, start_s: float) -> list[tuple[int, int, int, int]]:
        """(unix second, calls, errors, ns) of the buckets that begin at or after a time, oldest first."""
        return [(n * BUCKET_S, c, e, ns) for n, c, e, ns in self._rows if n * BUCKET_S >= start_s]


def percentile(ordered: list[int], share: float) -> float | None:
    """Nearest-rank percentile in us of sorted nanoseconds, None without any.

    >>> percentile([1000, 2000, 3000, 4000], 0.5)
    2.0
    """
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * round(share * 1000) // 1000))
    return round(ordered[rank - 1] / 1000, 1)


def bars(rows: Iterable[tuple[int, int, int, int]], end_s: float, window_s: float, count: int) -> list[int]:
    """Calls per bar, oldest first: the window before a time in `count` bars."""
    width = window_s / count
    heights = [0] * count
    for at, calls, _, _ in rows:
        place = int((at - (end_s - window_s)) / width)
        if 0 <= place < count:
            heights[place] += calls
    return heights
