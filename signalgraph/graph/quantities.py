"""Numbers, durations, shares and times in a filter: how they are read, and what is compared with them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from signalgraph.graph.times import is_relative, is_time, stretch_of

Kind = Literal["number", "duration", "share", "time"]
Limits = tuple[float, float]

UNITS_US = {"us": 1.0, "ms": 1_000.0, "s": 1_000_000.0}
OPERATORS = (">=", "<=", "!=", ">", "<", "=")

_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(us|ms|s|%|/s)?", re.ASCII)
_KINDS: dict[str, Kind] = {"us": "duration", "ms": "duration", "s": "duration", "%": "share", "/s": "number"}


@dataclass(frozen=True)
class Quantity:
    """One number with its unit, or one time, as it is written. A duration is in milliseconds where no unit is given."""

    text: str
    kind: Kind

    def bounds(self, now: datetime, after_us: float | None = None) -> Limits:
        """The smallest and largest number that it stands for: microseconds, percent, or a plain number.

        They differ for times alone: `14:47` stands for a minute. See `stretch_of` for the parameters.
        """
        if self.kind == "time":
            return stretch_of(self.text, now, after_us)
        match = _NUMBER.fullmatch(self.text)
        if match is None:
            raise ValueError(f"{self.text!r} isn't a number.")
        value = float(match[1]) * (UNITS_US[match[2] or "ms"] if self.kind == "duration" else 1.0)
        return value, value


@dataclass(frozen=True)
class Range:
    """From `first` to `last`, both included; one number alone has no `last`."""

    first: Quantity
    last: Quantity | None = None

    @property
    def kind(self) -> Kind:
        return self.first.kind

    @property
    def text(self) -> str:
        """As it is written in a filter: `5ms`, `5ms..10ms`."""
        return f"{self.first.text}..{self.last.text}" if self.last else self.first.text

    def bounds(self, now: datetime) -> Limits:
        """The smallest and largest number in it."""
        low, high = self.first.bounds(now)
        return low, self.last.bounds(now, low)[1] if self.last else high


def read_quantity(text: str, kind: Kind) -> Quantity | None:
    """A number with its unit or a time; None for what is none. A share can stand where a duration can."""
    if kind == "time":
        return Quantity(text, "time") if is_time(text) else None
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    found = _KINDS.get(match[2] or "", kind)
    if found == kind or (found, kind) == ("share", "duration"):
        return Quantity(text, found)
    return None


def limits_of(ranges: Iterable[Range], operator: str, now: datetime) -> list[Limits]:
    """The smallest and largest number of each; a relative time alone lasts until now."""
    found = []
    for each in ranges:
        low, high = each.bounds(now)
        is_since = not operator and each.last is None and is_relative(each.first.text)
        found.append((low, now.timestamp() * 1e6 if is_since else high))
    return found


def compare(number: float, operator: str, limits: Iterable[Limits]) -> bool:
    """Whether a number is within one of the limits or, with an operator, beside or within the only ones.

    `>` is after the end of what a time stands for, `>=` from its beginning on.
    """
    return any(_holds(number, operator, low, high) for low, high in limits)


def _holds(number: float, operator: str, low: float, high: float) -> bool:
    if operator == ">":
        return number > high
    if operator == ">=":
        return number >= low
    if operator == "<":
        return number < low
    if operator == "<=":
        return number <= high
    return (low <= number <= high) != (operator == "!=")
