"""Times in a filter: `-5m`, `14:47`, `2026-11-21`, `2026-11-21T14:47:03Z`, and the stretch that each stands for."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

_RELATIVE = re.compile(r"-([0-9]{1,6}(?:\.[0-9]{1,3})?)(s|m|h|d)", re.ASCII)
_DAY = r"(?P<day>(?:19[7-9]|20[0-9])[0-9]-[0-9]{2}-[0-9]{2})"
_TIME = r"(?P<time>[0-9]{2}:[0-9]{2}(?P<second>:[0-9]{2}(?P<part>\.[0-9]{1,6})?)?)"
_ABSOLUTE = re.compile(
    rf"(?:{_DAY}T)?{_TIME}(?P<zone>Z|[+-][0-9]{{2}}:[0-9]{{2}})?|{_DAY.replace('day', 'only')}", re.ASCII
)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Stretch = tuple[float, float]  # the first and the last microsecond since the epoch


def is_relative(text: str) -> bool:
    """Whether it is a time before now: `-90s`, `-5m`, `-1.5h`, `-2d`."""
    return _RELATIVE.fullmatch(text) is not None


def is_time(text: str) -> bool:
    """Whether it can be read as a time.

    >>> is_time("14:47"), is_time("2026-11-21T14:47:03.5+01:00"), is_time("25:00"), is_time("noon")
    (True, True, False, False)
    """
    if is_relative(text):
        return True
    try:
        stretch_of(text, datetime(2000, 1, 1).astimezone())
    except ValueError:
        return False
    return True


def stretch_of(text: str, now: datetime, after_us: float | None = None) -> Stretch:
    """The first and the last microsecond of what a time stands for: a day, a minute, a second, an instant.

    `now` has a time zone, which holds for times without one. A time of day is the last one that has begun, or, with
    `after_us`, the first one that begins then or later. Raises `ValueError` for what is no time.
    """
    relative = _RELATIVE.fullmatch(text)
    if relative:
        at = now.timestamp() - float(relative[1]) * _SECONDS[relative[2]]
        return at * 1e6, at * 1e6
    match = _ABSOLUTE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} isn't a time; write 14:47, 2026-11-21T14:47 or -5m.")
    if match["only"]:
        day = date.fromisoformat(match["only"])
        return _us(_at(day, time.min, now)), _us(_at(day + timedelta(days=1), time.min, now)) - 1
    moment = time.fromisoformat(match["time"])
    zoned = now.astimezone(_zone(match["zone"])) if match["zone"] else now
    begin_us = (
        _us(_at(date.fromisoformat(match["day"]), moment, zoned)) if match["day"] else _near(moment, zoned, after_us)
    )
    return begin_us, begin_us + _width_us(match) - 1


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1))


def _near(moment: time, now: datetime, after_us: float | None) -> float:
    today = now.date() if after_us is None else datetime.fromtimestamp(after_us / 1e6, now.tzinfo).date()
    at_us = _us(_at(today, moment, now))
    if after_us is None:
        return at_us if at_us <= _us(now) else _us(_at(today - timedelta(days=1), moment, now))
    return at_us if at_us >= after_us else _us(_at(today + timedelta(days=1), moment, now))


def _at(day: date, moment: time, now: datetime) -> datetime:
    return datetime.combine(day, moment, now.tzinfo)


def _us(moment: datetime) -> float:
    return round(moment.timestamp() * 1e6)


def _width_us(match: re.Match[str]) -> int:
    if match["part"]:
        return int(10 ** (7 - len(match["part"])))
    return 1_000_000 if match["second"] else 60_000_000
