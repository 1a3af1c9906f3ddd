"""An independent count of a process' dispatches, held against what the log says of the same stretch.

Knows nothing of how signalgraph records: it replaces `Signal.send*` once more, above or below the recorder, and looks
at the responses. Used by the drives of this folder, in a project's own process.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from django.core import signals as core
from django.db.models import signals as models
from django.dispatch import Signal

METHODS = ("send", "send_robust", "asend", "asend_robust")
DEPTH: ContextVar[int] = ContextVar("traffic_depth", default=0)
NAMED = {
    id(value): f"{module.__name__}.{name}"
    for module in (core, models)
    for name, value in vars(module).items()
    if isinstance(value, Signal)
}


class Count:
    """Dispatches with and without a receiver by signal, receiver calls, heard dispatches by depth."""

    def __init__(self) -> None:
        self.heard: Counter[str] = Counter()
        self.unheard: Counter[str] = Counter()
        self.calls = 0
        self.failed = 0
        self.depths: Counter[int] = Counter()
        self.stopped = 0  # an error ended the dispatch: how many receivers ran is not in the responses

    def add(self, signal: Signal, depth: int, responses: list[tuple[Any, Any]]) -> None:
        name = NAMED.get(id(signal), "(other)")
        if not responses:
            self.unheard[name] += 1
            return
        self.heard[name] += 1
        self.depths[depth] += 1
        self.calls += len(responses)
        self.failed += sum(isinstance(response, Exception) for _, response in responses)


@contextlib.contextmanager
def counting() -> Iterator[Count]:
    """Count every dispatch of this process while the block runs."""
    count = Count()
    before = {name: vars(Signal)[name] for name in METHODS}
    for name in METHODS:
        setattr(Signal, name, _counted(before[name], count, is_async=name.startswith("a")))
    try:
        yield count
    finally:
        for name in METHODS:
            setattr(Signal, name, before[name])


def _counted(original: Callable[..., Any], count: Count, *, is_async: bool) -> Callable[..., Any]:
    @functools.wraps(original)
    def send(self: Signal, *args: Any, **named: Any) -> Any:
        token = DEPTH.set(DEPTH.get() + 1)
        try:
            responses = original(self, *args, **named)
            count.add(self, DEPTH.get(), responses)
        except BaseException:
            count.stopped += 1
            raise
        else:
            return responses
        finally:
            DEPTH.reset(token)

    @functools.wraps(original)
    async def asend(self: Signal, *args: Any, **named: Any) -> Any:
        token = DEPTH.set(DEPTH.get() + 1)
        try:
            responses = await original(self, *args, **named)
            count.add(self, DEPTH.get(), responses)
        except BaseException:
            count.stopped += 1
            raise
        else:
            return responses
        finally:
            DEPTH.reset(token)

    return asend if is_async else send


def told_by_log() -> dict[str, Any]:
    """What this process' log holds so far: the same figures, from its totals and from its dispatches."""
    from signalgraph import recorder
    from signalgraph.index import Index
    from signalgraph.log import open_log

    recorder.flush()
    state = recorder.state()
    log = open_log(state.log_url or "", writer=False)
    totals = log.totals()
    dispatches = {seen.id: seen for seen in _dispatches(log) if seen.id.startswith(state.process.id)}  # type: ignore[union-attr]
    depths: dict[str, int] = {}
    for key in sorted(dispatches, key=lambda key: int(key.partition("-")[2], 16)):  # outer ones have lower numbers
        seen, parent = dispatches[key], dispatches.get(dispatches[key].parent_dispatch or "")
        # What a receiver put off until after the commit names it as its parent, although it is over.
        is_within = parent is not None and seen.start_us <= parent.start_us + parent.duration_us
        depths[key] = 1 + (depths[parent.id] if parent is not None and is_within else 0)
    told = {
        "heard": {name: total.calls for name, total in totals.signals.items()},
        "unheard": dict(totals.unheard),
        "calls": sum(total.calls for total in totals.connections.values()),
        "failed": sum(total.errors for total in totals.connections.values()),
        "depths": Counter(depths.values()),
        "calls of dispatches": sum(call.status != "not reached" for seen in dispatches.values() for call in seen.calls),
        "untimed": sum(total.untimed for total in totals.connections.values()),
        "dropped": state.dropped,
        "faults": state.faults,
    }
    assert Index(log).dispatched == sum(told["heard"].values())
    log.close()
    return told


def _dispatches(log: Any) -> Iterator[Any]:
    from signalgraph.events import Batch
    from signalgraph.resolve import resolve

    cursor = None
    while True:
        page = log.read(cursor, limit=500)
        for _, entry in page.entries:
            if isinstance(entry, Batch):
                yield from resolve(entry)
        cursor = page.cursor
        if not page.more:
            return


def compare(count: Count, before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Figure to (counted, told by the log), for every figure; equal pairs agree."""

    def told(key: str) -> Counter[Any]:
        return Counter(after[key]) - Counter(before[key])

    def of_named(counts: Counter[str]) -> dict[str, int]:
        found = {name: number for name, number in counts.items() if name in NAMED.values()}
        return {**found, "(other)": counts.total() - sum(found.values())}

    pairs: dict[str, tuple[Any, Any]] = {}
    for key, counted in (("heard", count.heard), ("unheard", count.unheard)):
        log = of_named(told(key))
        for name in {*counted, *log} - {name for name in log if not log[name] and not counted[name]}:
            pairs[f"{key} {name}"] = (counted[name], log.get(name, 0))
    for depth in sorted({*count.depths, *told("depths")}):
        pairs[f"depth {depth}"] = (count.depths[depth], told("depths")[depth])
    pairs["receiver calls in the totals"] = (count.calls, after["calls"] - before["calls"])
    pairs["receiver calls of dispatches"] = (count.calls, after["calls of dispatches"] - before["calls of dispatches"])
    pairs["failed calls"] = (count.failed, after["failed"] - before["failed"])
    for key in ("untimed", "dropped", "faults"):
        pairs[key] = (0, after[key] - before[key])
    pairs["stopped by an error"] = (count.stopped, 0)
    return pairs
