"""The numbers on the drawing: what was measured of a connection, its sums, and the scale of heat and width."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from signalgraph.events import Total
from signalgraph.figures import Stats

Measure = Literal["calls", "rate", "p95", "errors", "self"]
MEASURES: tuple[Measure, ...] = ("calls", "rate", "p95", "errors", "self")
HEADS: dict[Measure, tuple[str, str]] = {  # over the signals, over the receivers
    "calls": ("dispatches", "calls"),
    "rate": ("dispatches/s", "calls/s"),
    "p95": ("p95 ms", "p95 ms"),
    "errors": ("errors", "errors"),
    "self": ("ms/s", "ms/s"),
}
UNITS: dict[Measure, tuple[str, str]] = {  # one, many: in words, for those who hear the drawing
    "calls": ("call", "calls"),
    "rate": ("per second", "per second"),
    "p95": ("millisecond at the 95th percentile", "milliseconds at the 95th percentile"),
    "errors": ("error", "errors"),
    "self": ("millisecond a second", "milliseconds a second"),
}
DISPATCH_UNITS: dict[Measure, tuple[str, str]] = UNITS | {"calls": ("dispatch", "dispatches")}

THIN_PX = 1.4
WIDEST_PX = 4.1
_SHARES = (0.036, 0.07, 0.35, 0.6)  # of the largest value: where heat steps 2 to 5 begin
_ROUND = (1, 2, 3, 5, 8, 10)


@dataclass(frozen=True)
class Figures:
    """What is known of one connection, or of several taken together, in some window of time.

    `rate_per_s` is calls a second, `p95_us` a duration in microseconds, `ms_per_s` receiver time a second.
    """

    calls: int = 0
    errors: int = 0
    rate_per_s: float = 0.0
    p95_us: float = 0.0
    ms_per_s: float = 0.0
    slow: bool = False

    @classmethod
    def of_total(cls, total: Total) -> Figures:
        """The figures that a log's total gives: counts only, as it knows no window."""
        return cls(calls=total.calls, errors=total.errors)

    @classmethod
    def of_stats(cls, stats: Stats, slow_ms: float = math.inf) -> Figures:
        """The figures that the index gives; slow is a p95 of at least `slow_ms`."""
        p95_us = stats.p95_us or 0.0
        slow = p95_us >= slow_ms * 1000
        return cls(stats.calls, stats.errors, stats.rate_per_s, p95_us, stats.ms_per_s, slow)

    def value(self, measure: Measure) -> float:
        """The number that is drawn; p95 in milliseconds."""
        if measure == "calls":
            return float(self.calls)
        if measure == "rate":
            return self.rate_per_s
        if measure == "p95":
            return self.p95_us / 1000
        return float(self.errors) if measure == "errors" else self.ms_per_s


def together(parts: Iterable[Figures]) -> Figures:
    """Calls that are not the same calls: everything adds up, except p95, where the worst stands for all."""
    found = list(parts)
    return Figures(
        calls=sum(part.calls for part in found),
        errors=sum(part.errors for part in found),
        rate_per_s=math.fsum(part.rate_per_s for part in found),
        p95_us=max((part.p95_us for part in found), default=0.0),
        ms_per_s=math.fsum(part.ms_per_s for part in found),
        slow=any(part.slow for part in found),
    )


def heard(parts: Iterable[Figures]) -> Figures:
    """One dispatch calls each of its receivers once: the busiest receiver counts the dispatches, the rest adds up."""
    found = list(parts)
    added = together(found)
    return Figures(
        calls=max((part.calls for part in found), default=0),
        errors=added.errors,
        rate_per_s=max((part.rate_per_s for part in found), default=0.0),
        p95_us=added.p95_us,
        ms_per_s=added.ms_per_s,
        slow=added.slow,
    )


def _rounded(value: float) -> float:
    """The nearest of 1, 2, 3, 5, 8 times a power of ten."""
    power = math.floor(math.log10(value))
    share = value / 10.0**power
    digit = min(_ROUND, key=lambda one: abs(math.log(one / share)))
    return float(f"{digit}e{power}")


@dataclass(frozen=True)
class Scale:
    """From a number to its heat step (1 to 5) and the width of its line. `top` is the largest number drawn."""

    top: float = 0.0

    @property
    def steps(self) -> tuple[float, ...]:
        """Where the steps 2 to 5 begin: round numbers, rising; empty when nothing was measured."""
        if self.top <= 0:
            return ()
        return tuple(_rounded(self.top * share) for share in _SHARES)

    def step(self, value: float) -> int:
        return 1 + sum(value >= begin for begin in self.steps)

    def width_px(self, value: float) -> float:
        """Width grows with the logarithm of the number, from the third step's begin on."""
        begin = self.top * _SHARES[1]
        if value <= begin or self.top <= 0:
            return THIN_PX
        share = math.log(value / begin) / math.log(1 / _SHARES[1])
        return round(THIN_PX + min(share, 1.0) * (WIDEST_PX - THIN_PX), 1)


HOT_PER_S = 1.7  # the hottest step begins at 60 % of a scale's top


def scale_of(values: Iterable[float], measure: Measure = "rate") -> Scale:
    """The scale of what is drawn; of rates on a quiet site the hottest step still begins at one a second."""
    top = max(values, default=0.0)
    return Scale(max(top, HOT_PER_S) if top and measure == "rate" else top)


def short_number(value: float) -> str:
    """At most five characters.

    >>> [short_number(number) for number in (0, 0.004, 0.31, 5.08, 14, 128, 1234, 45678, 2_300_000)]
    ['0', '<.01', '0.3', '5.1', '14', '128', '1.2k', '46k', '2.3M']
    """
    if value <= 0:
        return "0"
    if value < 0.095:
        return f"{value:.2f}" if value >= 0.005 else "<.01"
    for unit in ("", "k", "M", "G"):
        if value < 9.95 and (unit or value != int(value)):
            return f"{value:.1f}".removesuffix(".0") + unit
        if value < 999.5:
            return f"{value:.0f}{unit}"
        value /= 1000
    return ">1T"
