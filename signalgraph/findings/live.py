"""The rows of all signals together with the objects that stand in them."""

from __future__ import annotations

import gc
import weakref
from collections import defaultdict
from dataclasses import dataclass
from types import FrameType, FunctionType
from typing import Any

from django.dispatch import Signal

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.registry import REGISTRY
from signalgraph.rows import read_rows, snapshot


@dataclass(frozen=True)
class LiveRow:
    """A connection together with the objects themselves. `is_forgotten`: nothing holds its receiver but the cache of
    the check that Django makes of signatures in DEBUG.
    """

    info: ConnectionInfo
    signal: Signal
    receiver: Any
    sender_key: int | None
    is_forgotten: bool = False

    @property
    def id(self) -> str:
        return names.connection_id(self.info.sender, self.info.signal, self.info.receiver)


def live_rows() -> list[LiveRow]:
    """All live rows that the registry knows but Django's own, by signal and in the order in which Django runs them."""
    signals = REGISTRY.signals()
    forgotten = _forgotten(signals)
    rows = [row for signal in signals for row in _rows_of(signal, forgotten)]
    rows = [row for row in rows if not row.info.receiver.removeprefix("partial(").startswith("django.")]
    return sorted(rows, key=lambda row: (row.info.signal, row.info.order))


def _rows_of(signal: Signal, forgotten: set[int]) -> list[LiveRow]:
    """The registry's rows of a signal with the objects that stand in Django's; without those that just went away."""
    found: dict[tuple[int, int | None], list[Any]] = defaultdict(list)
    for raw in read_rows(signal):
        if not raw.is_dead:
            found[names.describe_receiver(raw.receiver).ident, raw.sender_key].append(raw.receiver)
    rows = []
    for row in REGISTRY.rows(signal):
        objects = found[row.ident, row.sender_key]
        if objects:
            receiver = objects.pop(0)
            rows.append(LiveRow(row.info, signal, receiver, row.sender_key, id(receiver) in forgotten))
    return rows


def _forgotten(signals: list[Signal]) -> set[int]:
    """The ids of weakly held receivers that only the cache of Django's signature check keeps alive."""
    held = [row[1] for signal in signals for row in snapshot(signal) if type(row[1]) is weakref.ReferenceType]
    keys, others = _holders(tuple(filter(_is_local, (entry() for entry in held))))
    return keys - others


def _holders(objects: tuple[Any, ...]) -> tuple[set[int], set[int]]:
    """Which of the objects a key of the cache holds, and which something else.

    What holds them here must not be found: no variable that an inner function shares (a cell), no list. `objects` is a
    tuple, so that the call makes none of its own.
    """
    keys: set[int] = set()
    others: set[int] = set()
    wanted = set(map(id, objects))
    for holder in gc.get_referrers(*objects) if objects else ():
        if holder is objects or type(holder) is FrameType:
            continue
        is_key = type(holder) is tuple and any(type(each) is str and each == "remove_first" for each in holder)
        for referent in gc.get_referents(holder):
            if id(referent) in wanted:
                (keys if is_key else others).add(id(referent))
    return keys, others


def _is_local(obj: Any) -> bool:
    """Whether no module is bound to hold it: anything but a function that its module or a class has by its name."""
    if obj is None or type(obj) is not FunctionType:
        return obj is not None
    name = obj.__qualname__
    return "<l" in name or ("." not in name and obj.__globals__.get(name) is not obj)  # <locals>, <lambda>
