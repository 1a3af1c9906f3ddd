"""The ends of transactions, until something that was told names one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from signalgraph.events import Transaction
from signalgraph.inert import writable
from signalgraph.recorder import transactions

REMEMBERED = 20_000  # transactions that were named and have not ended, or have ended and were not named, or were told


class Endings:
    """Transactions that told records name, and those around them. Used by the flusher's thread alone."""

    def __init__(self) -> None:
        self._named: OrderedDict[int, int] = OrderedDict()  # to the trace that named it
        self._ended: OrderedDict[int, tuple[Any, ...]] = OrderedDict()
        self._told: OrderedDict[int, None] = OrderedDict()

    def take_notes(self) -> bool:
        """Read what `transactions` has noted; whether there is something to tell."""
        news = False
        while transactions.NOTES:
            note = transactions.NOTES.popleft()
            _remember(self._ended, note[0], note)
            news = news or note[0] in self._named
        return news

    def tell(self, named: dict[int, int], wall_us: Callable[[int], int]) -> list[Transaction]:
        """The ends of what has been named, now (to the trace that does) or before; each is told once."""
        for number, trace in named.items():
            if abs(number) not in self._told:
                _remember(self._named, abs(number), trace)
        told: list[Transaction] = []
        waiting = [number for number in self._named if number in self._ended]
        while waiting:
            ident, outer, alias, trace, start, end, committed = self._ended.pop(waiting.pop())
            trace = trace or self._named[ident]
            del self._named[ident]
            _remember(self._told, ident, None)
            told.append(Transaction(ident, outer, trace, writable(alias), wall_us(start), end - start, committed))
            if outer and abs(outer) not in self._told and abs(outer) not in self._named:
                _remember(self._named, abs(outer), trace)
                if abs(outer) in self._ended:
                    waiting.append(abs(outer))
        return told


def _remember(table: OrderedDict[int, Any], number: int, value: Any) -> None:
    table[number] = value
    while len(table) > REMEMBERED:
        table.popitem(last=False)
