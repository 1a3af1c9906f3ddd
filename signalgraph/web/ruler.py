"""From microseconds since the start of a trace to percent of a waterfall's width: bars, round times, transactions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from signalgraph.events import Transaction
from signalgraph.traces import Trace

BARS_END = 92.0  # percent of the width that the trace takes; the rest is for labels
MIN_WIDTH = 0.25
MOST_BANDS = 6
LABEL_WIDTH = 9.0  # percent that the word at the end of a transaction takes from the round times


@dataclass(frozen=True)
class Bar:
    """A rectangle; `css` is its class in app.css, `x` and `width` are percent."""

    css: str
    x: float
    width: float
    y: int = 7
    height: int = 10


@dataclass(frozen=True)
class Band:
    """A transaction behind the rows. `end` is where it was committed or rolled back, None outside of the picture."""

    x: float
    width: float
    end: float | None
    word: str
    is_committed: bool


@dataclass(frozen=True)
class Ruler:
    """The scale of one trace."""

    span_us: float
    origin_us: int

    def x(self, at_us: float) -> float:
        return round(at_us / self.span_us * BARS_END, 2)

    def bar(self, css: str, start_us: float, duration_us: float, **shape: int) -> Bar:
        return Bar(css, self.x(start_us), max(self.x(duration_us), MIN_WIDTH), **shape)

    def band(self, end: Transaction) -> Band:
        start = min(max(self.x(end.start_us - self.origin_us), 0.0), BARS_END)
        stop = self.x(end.start_us - self.origin_us + end.duration_ns / 1000)
        width = round(max(min(stop, BARS_END) - start, MIN_WIDTH), 2)
        word = "commit" if end.committed else "rolled back"
        return Band(start, width, stop if 0 <= stop <= BARS_END else None, word, end.committed)

    def marks(self, bands: list[Band]) -> list[tuple[float, str]]:
        """At most five round times, percent and label; without one where a word of a transaction stands."""
        step_us = 10.0
        for each in (each * 10**power for power in range(1, 10) for each in (1, 2, 4, 5, 8)):
            step_us = float(each)
            if self.span_us / each < 5:
                break
        times = [(n * step_us) for n in range(int(self.span_us / step_us) + 1)]
        taken = [band.end for band in bands if band.end is not None and band.word]
        return [
            (x, "" if any(end - 2 * LABEL_WIDTH < x < end for end in taken) else f"{at / 1000:g} ms")
            for x, at in ((self.x(at), at) for at in times)
        ]


def ruler_of(trace: Trace) -> Ruler:
    ends = [seen.start_us - trace.start_us + (seen.duration_us or 0) for seen in trace.dispatches]
    ends += [write.start_us - trace.start_us + write.duration_us for write in trace.writes]
    return Ruler(max([trace.duration_us or 0, *ends, 1.0]), trace.start_us)


def bands_of(trace: Trace, ruler: Ruler) -> list[Band]:
    """The outermost transactions in which something of a trace happened and whose end is known, by start."""
    if trace.fates is None:
        return []
    found: dict[int, Transaction] = {}
    for transaction in {abs(each) for each in trace.transactions}:
        end = trace.fates.outermost(trace.process.id, transaction)
        if end is not None:
            found[end.id] = end
    bands = [ruler.band(end) for end in sorted(found.values(), key=lambda end: end.start_us)[:MOST_BANDS]]
    return _with_room(bands)


def _with_room(bands: list[Band]) -> list[Band]:
    """Without the words for which there is no room left of their line."""
    taken = 0.0
    shown = []
    for band in bands:
        has_room = band.end is not None and band.end - taken >= LABEL_WIDTH
        shown.append(band if has_room else replace(band, word=""))
        taken = band.end or taken
    return shown
