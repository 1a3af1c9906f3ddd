"""How numbers are written and drawn: at most three digits that matter, a thin space between thousands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone as django_timezone

NARROW_SPACE = "\u202f"
NOTHING = "·"


def number(value: float | None) -> str:
    """A count with thousands apart; a middle dot where nothing is known."""
    return NOTHING if value is None else f"{value:,.0f}".replace(",", NARROW_SPACE)


def rate(value: float | None) -> str:
    """A value a second: 14, 8.7, 0.9, 0.01; 0 only where it is none at all."""
    if value is None:
        return NOTHING
    if value >= 9.95:
        return number(value)
    if value >= 0.095:
        return f"{value:.1f}".removesuffix(".0")
    if value >= 0.005:
        return f"{value:.2f}"
    return "<0.01" if value > 0 else "0"


def milliseconds(value_us: float | None) -> str:
    """Microseconds as milliseconds: 298, 12.4, 0.4, 0.02."""
    if value_us is None:
        return NOTHING
    value_ms = value_us / 1000
    if value_ms >= 99.95:
        return number(value_ms)
    if value_ms >= 0.095 or value_ms == 0:
        return f"{value_ms:.1f}"
    return f"{value_ms:.2f}" if value_ms >= 0.005 else "<0.01"


def duration_words(seconds: float | None) -> str:
    """A duration in one unit: 0.3 s, 21 s, 5 min, 3 h, 2 days."""
    if seconds is None:
        return NOTHING
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def clock(epoch_us: float, *, milliseconds: bool = True) -> str:
    """A time of day in the project's time zone: 15:01:41.482."""
    moment = datetime.fromtimestamp(epoch_us / 1e6, tz=UTC)
    local = moment.astimezone(django_timezone.get_current_timezone())
    return local.strftime("%H:%M:%S") + (f".{local.microsecond // 1000:03d}" if milliseconds else "")


def polyline(values: Sequence[float], height: int, *, pad: float = 2.0) -> str:
    """Points of a sparkline from zero to its largest value, "x y x y"; empty where there is nothing to draw."""
    top = max(values, default=0)
    if top <= 0 or len(values) < 2:
        return ""
    step = 100 / (len(values) - 1)
    scale = (height - 2 * pad) / top
    return " ".join(f"{i * step:.1f} {height - pad - value * scale:.1f}" for i, value in enumerate(values))


def no_finer_than(values: Sequence[float], most: int) -> Sequence[float]:
    """At most so many bars, neighbours added up; the oldest, which holds a whole bucket for a part of it, is left out.

    >>> no_finer_than([9, 0, 3, 0, 4, 0], 3), no_finer_than([1, 2], 3)
    ([3, 4], [1, 2])
    """
    if len(values) <= most:
        return values
    size = -(-len(values) // most)
    return [sum(values[at : at + size]) for at in range(size, len(values), size)]


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


@dataclass(frozen=True)
class BarMark:
    """A bar in a small drawing; both are percent."""

    x: float
    width: float


def round_up(value: float) -> float:
    """The next 1, 2, 3, 5 times a power of ten: the end of an axis."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 3, 5, 10) if step * power >= value)
