"""Records that differ in times and ids only are put on piles, so that C goes through them column by column.

Most dispatches are alike: the same signal to the same receivers, nothing raised, no query. The work for each of them is
a few C calls on a list; all the rest is done once for a pile.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from operator import itemgetter, sub
from typing import Any

from signalgraph.recorder.clock import (
    ARGUMENTS,
    ASYNC,
    CODE,
    ERROR,
    FAILURES,
    HEADER,
    LASTI,
    METHOD,
    RECEIVERS,
    SENDER,
    SIGNAL,
    SQL,
    START,
)
from signalgraph.recorder.outcomes import Record

_AT = [itemgetter(position) for position in range(HEADER + 30)]
_key_of = itemgetter(SIGNAL, SENDER, METHOD, LASTI, ARGUMENTS, RECEIVERS, ASYNC, SQL, FAILURES, ERROR)
_WITHOUT_KEY = 6  # fields of the key before those that are None in a record for a pile
_NOTHING_ODD = (None,) * 4
_code_of = itemgetter(CODE)

Column = list[Any]


class _Piles(dict[tuple[Any, ...], list[Record]]):
    """Records by what must be the same. `odd` takes those that have to be looked at one by one."""

    def __init__(self, odd: list[Record]) -> None:
        super().__init__()
        self._odd = odd

    def __missing__(self, key: tuple[Any, ...]) -> list[Record]:
        if key[_WITHOUT_KEY:] != _NOTHING_ODD or key[_WITHOUT_KEY - 1] is None:
            return self._odd
        pile: list[Record] = []
        self[key] = pile
        return pile


class Pile:
    """Records that are alike. `readings` are columns of clock readings from the start to the end, `steps` of the ns
    between them: to the first receiver, one for each receiver, from the last one to the end."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.first = records[0]

    def column(self, position: int) -> Column:
        return column(self.records, position)

    @cached_property
    def readings(self) -> list[Column]:
        return [self.column(position) for position in range(START, len(self.first))]

    @cached_property
    def steps(self) -> list[Column]:
        return [differences(after, before) for before, after in pairwise(self.readings)]


def sort_out(records: list[Record]) -> tuple[list[Pile], list[Record]]:
    """The piles, and the records that are on none. Each keeps its order."""
    odd: list[Record] = []
    piles = _Piles(odd)
    for record in records:
        try:
            piles[_key_of(record)].append(record)
        except Exception:  # noqa: BLE001 - an argument's name may be a project's own kind of str, whose hash is its code
            odd.append(record)
    found: list[Pile] = []
    for pile in piles.values():
        length = HEADER + len(pile[0][RECEIVERS]) + 2  # a reading before each receiver, after the last, at the end
        if set(map(len, pile)) != {length}:
            odd += [record for record in pile if len(record) != length]
            pile = [record for record in pile if len(record) == length]
        if pile:
            found += map(Pile, _by_code(pile))
    return found, odd


def _by_code(pile: list[Record]) -> list[list[Record]]:
    """By identity: code objects are equal by value, and to hash one takes a microsecond."""
    if len(set(map(id, map(_code_of, pile)))) == 1:
        return [pile]
    found: dict[int, list[Record]] = {}
    for record in pile:
        found.setdefault(id(record[CODE]), []).append(record)
    return list(found.values())


def column(records: list[Record], position: int) -> Column:
    return list(map(_AT[position] if position < len(_AT) else itemgetter(position), records))


def differences(after: Column, before: Column) -> Column:
    return list(map(sub, after, before))


def shared(values: Column) -> Any:
    """The value that stands in the whole column of numbers, or else the column."""
    return values[0] if values.count(values[0]) == len(values) else values
