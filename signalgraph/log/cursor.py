"""Cursors of logs whose positions are integers: ``origin:position``."""

from __future__ import annotations

import re
import secrets

from signalgraph.log.base import CursorError, Hole

_CURSOR = re.compile(r"([0-9a-f]{16}):([0-9]{1,18})", re.ASCII)


def new_origin() -> str:
    """A name for a new log, which no other log has."""
    return secrets.token_hex(8)


def make_cursor(origin: str, position: int) -> str:
    """The cursor after an entry; position 0 is before the first.

    >>> make_cursor("00f1d2c3b4a59687", 12)
    '00f1d2c3b4a59687:12'
    """
    return f"{origin}:{position}"


def parse_cursor(cursor: str) -> tuple[str, int]:
    """Origin and position; raises `CursorError` for anything that isn't a cursor."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise CursorError(f"{cursor[:80]!r} isn't a cursor; one looks like 00f1d2c3b4a59687:12 and comes from a log.")
    return match[1], int(match[2])


def locate(after: str | None, origin: str, pruned: int, end: int) -> tuple[int, Hole | None]:
    """The position to read on from, and what is missing before it.

    `pruned` is the newest position that was removed and `end` the newest given out: a position past it was never one
    of this log (a file that was put back from a copy, say).
    """
    if after is None:
        return 0, None
    of, position = parse_cursor(after)
    if of != origin or position > end:
        return 0, Hole("other-log", after)
    return position, Hole("pruned", after) if position < pruned else None
