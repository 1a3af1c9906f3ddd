"""Siblings of a waterfall that repeat one another, to be shown as one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from signalgraph.traces import Node, Trace, Written

FOLD_FROM = 3
PERIODS = (1, 2, 3, 4)

Item = Node | Written


@dataclass(frozen=True)
class Run:
    """Siblings shown as one row: `times` repeats of the same `period` of them; a single one repeats nothing."""

    items: list[Item]
    period: int = 1

    @property
    def times(self) -> int:
        return len(self.items) // self.period

    @property
    def key(self) -> str:
        """What opens it."""
        first = self.items[0]
        return first.id if isinstance(first, Written) else first.dispatch.id


def items_of(node: Node) -> list[Item]:
    """What is below a node: receivers in their order and then what none of them is known to have sent, else by time."""
    if node.call is None:
        return [*node.children, *node.writes]
    return sorted([*node.children, *node.writes], key=_start_us)


def roots_of(trace: Trace) -> list[Item]:
    """What is in no dispatch, by time."""
    return sorted([*trace.tree(), *trace.loose_writes], key=_start_us)


def _start_us(item: Item) -> int:
    return item.start_us if isinstance(item, Written) else item.dispatch.start_us


def runs_of(items: list[Item], trace: Trace) -> list[Run]:
    """Siblings, those that repeat one another put together: the same from the same places, none failed."""
    shapes = [_shape(item, trace) for item in items]
    runs = []
    at = 0
    while at < len(items):
        found = [(each, _repeats(shapes, at, each)) for each in PERIODS]
        period, times = max(found, key=lambda one: one[0] * one[1] * (one[1] >= FOLD_FROM))
        length = period * times if times >= FOLD_FROM else 1
        runs.append(Run(items[at : at + length], period if length > 1 else 1))
        at += length
    return runs


def _shape(item: Item, trace: Trace) -> tuple[object, ...] | None:
    """What makes two siblings the same; None for one that always has a row of its own."""
    if isinstance(item, Written):
        told = (item.operation, item.sender, item.at, item.transaction < 0, trace.fate(item.transaction))
        return None if item.error else told
    if item.call is not None or not _is_quiet(item):
        return None
    seen = item.dispatch
    receivers = tuple(call.receiver for call in seen.calls)
    fate = (seen.transaction < 0, trace.fate(seen.transaction))
    return seen.signal, seen.sender, seen.at, seen.method, receivers, fate


def _is_quiet(node: Node) -> bool:
    nodes = list(node.walk())
    calls = [each.call for each in nodes if each.call is not None]
    dispatches = [each.dispatch for each in nodes if each.call is None]
    return all(call.status == "returned" for call in calls) and all(seen.status != "running" for seen in dispatches)


def _repeats(shapes: Sequence[object], at: int, period: int) -> int:
    """How often the `period` shapes from `at` on stand there in a row; 0 where one of them can't be folded."""
    first = shapes[at : at + period]
    if len(first) < period or None in first:
        return 0
    times = 1
    while shapes[at + times * period : at + (times + 1) * period] == first:
        times += 1
    return times
