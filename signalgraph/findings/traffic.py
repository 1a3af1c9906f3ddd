"""What the run-time rules read: the kept traces and the exact sums of a log, as they were at one moment."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from django.apps import apps
from msgspec import Struct

from signalgraph import names
from signalgraph.events import ConnectionInfo, Total, Wiring
from signalgraph.figures import Stats
from signalgraph.recent import was_chosen
from signalgraph.traces import NOT_RUN, Call, Seen, Trace
from signalgraph.wirings import MergedWiring, id_of

if TYPE_CHECKING:
    from signalgraph.index import Index

MOST_TRACES = 2_000
DEEPEST = 100  # dispatches around one another that are followed upwards
DULL_US = 5_000.0  # what is quicker is no work that any rule speaks of
PYTHON_US = 2_000.0  # around one query: many times what the ORM takes, so that a busy machine is no finding
ON_A_LOOP = frozenset({"asend", "asend_robust"})

Place = tuple[str, int]  # a receiver call: the id of its dispatch, and its number from 1


class Ran(Struct, frozen=True, gc=False):
    """A receiver call, with the dispatch and the trace that it stands in; `number` counts from 1."""

    trace: Trace
    seen: Seen
    number: int
    call: Call

    @property
    def place(self) -> Place:
        return self.seen.id, self.number

    @property
    def at_us(self) -> int:
        """When it began, since the epoch."""
        return self.seen.start_us + int(self.call.offset_us or 0)

    @property
    def took_us(self) -> float:
        """Its duration, 0 where it isn't known."""
        return self.call.duration_us or 0.0

    @property
    def fate(self) -> str | None:
        """`COMMITTED` or `ROLLED_BACK` where it ran in a transaction of which the end is known, else None."""
        return self.trace.fate(self.seen.transaction)


@dataclass
class Calls:
    """What a receiver did in the kept traces, newest trace first.

    There were `count` calls, of them `transacted` inside a transaction, in so many `traces`. Only those are held that a
    rule looks at, in as many lists as they belong to: `long` ones took `DULL_US`, `failed` ones raised, `repeating`
    ones ran a query more than once, `on_a_loop` are those of `asend`.
    """

    count: int = 0
    transacted: int = 0
    traces: int = 0
    newest: Trace | None = None  # that was counted last
    long: list[Ran] = field(default_factory=list)
    failed: list[Ran] = field(default_factory=list)
    repeating: list[Ran] = field(default_factory=list)
    on_a_loop: list[Ran] = field(default_factory=list)

    def add(self, trace: Trace, seen: Seen, number: int) -> None:
        """Count a call, and hold it where a rule looks at such."""
        call = seen.calls[number - 1]
        self.count += 1
        if seen.transaction > 0:
            self.transacted += 1
        if self.newest is not trace:
            self.newest = trace
            self.traces += 1
        is_long = call.duration_us is not None and call.duration_us >= DULL_US
        on_a_loop = seen.method in ON_A_LOOP
        if not (is_long or on_a_loop or call.repeats or call.status == "raised"):
            return
        ran = Ran(trace, seen, number, call)
        if is_long:
            self.long.append(ran)
        if call.status == "raised":
            self.failed.append(ran)
        if call.repeats:
            self.repeating.append(ran)
        if on_a_loop:
            self.on_a_loop.append(ran)


@dataclass(frozen=True)
class Traffic:
    """A snapshot; nothing in it changes any more, and reading it asks no log.

    `traces` are those in memory, newest first. `totals` (by connection id), `unheard` and `heard` (by the name of
    a signal: dispatches that nobody, that somebody heard) are exact since `since_ms`. `slow` holds the figures of the
    receivers of which at least one call took `slow_us`. `shares` are what each process keeps of its traces, `silent`
    the signals that are only counted.
    """

    traces: Sequence[Trace] = ()
    wiring: MergedWiring = field(default_factory=MergedWiring)
    wirings: Sequence[Wiring] = ()
    totals: Mapping[str, Total] = field(default_factory=dict)
    unheard: Mapping[str, int] = field(default_factory=dict)
    heard: Mapping[str, int] = field(default_factory=dict)
    slow: Mapping[str, Stats] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    slow_us: float = 100_000.0
    since_ms: int = 0
    now_ms: int = 0

    @cached_property
    def connections(self) -> dict[str, ConnectionInfo]:
        """What is connected now, by id, without the framework's own machinery."""
        return {id_of(each): each for each in self.wiring.connections if not names.is_plumbing(each)}

    @cached_property
    def receivers(self) -> dict[str, list[ConnectionInfo]]:
        """The same by receiver, each with its connections."""
        found: dict[str, list[ConnectionInfo]] = defaultdict(list)
        for each in self.connections.values():
            found[each.receiver].append(each)
        return dict(found)

    @cached_property
    def calls(self) -> dict[str, Calls]:
        """What ran, by receiver: of those that are connected now."""
        found = {receiver: Calls() for receiver in self.receivers}
        add = {key: found[each.receiver].add for key, each in self.connections.items()}
        for trace in self.traces:
            for seen in trace.dispatches:
                for number, call in enumerate(seen.calls, 1):
                    if call.connection in add and call.status not in NOT_RUN:
                        add[call.connection](trace, seen, number)
        return found

    @cached_property
    def inside(self) -> dict[Place, list[Seen]]:
        """What was dispatched in a receiver call."""
        return self._nested[0]

    @cached_property
    def outer(self) -> dict[str, tuple[Trace, Seen]]:
        """The dispatches in which another one was sent, by id."""
        return self._nested[1]

    @cached_property
    def _nested(self) -> tuple[dict[Place, list[Seen]], dict[str, tuple[Trace, Seen]]]:
        inside: dict[Place, list[Seen]] = {}
        outer: dict[str, tuple[Trace, Seen]] = {}
        for trace in self.traces:
            ids = set()
            for seen in trace.dispatches:
                if seen.parent:
                    dispatch, _, number = seen.parent.partition("/")
                    if number:
                        inside.setdefault((dispatch, int(number)), []).append(seen)
                        ids.add(dispatch)
            if ids:
                outer.update((seen.id, (trace, seen)) for seen in trace.dispatches if seen.id in ids)
        return inside, outer

    def around(self, place: Place) -> list[Ran]:
        """A receiver call in which something was dispatched and those around it, innermost first, as far as known."""
        found: list[Ran] = []
        while len(found) < DEEPEST:
            known = self.outer.get(place[0])
            if known is None or place[1] > len(known[1].calls):
                break
            trace, seen = known
            found.append(Ran(trace, seen, place[1], seen.calls[place[1] - 1]))
            place = (seen.parent_dispatch or "", seen.parent_call or 0)
            if not place[1]:
                break
        return found

    def every(self, receivers: Collection[str]) -> Iterator[Ran]:
        """All calls of some receivers, the dull ones too."""
        wanted = {key for key, each in self.connections.items() if each.receiver in receivers}
        for trace in self.traces:
            for seen in trace.dispatches:
                for number, call in enumerate(seen.calls, 1):
                    if call.connection in wanted and call.status not in NOT_RUN:
                        yield Ran(trace, seen, number, call)

    def own_us(self, ran: Ran) -> float:
        """The time of a call without that of what it dispatched before it ended."""
        nested = (each.duration_us for each in self.inside.get(ran.place, ()) if each.transaction >= 0)
        return max(0.0, ran.took_us - sum(nested))

    def unqueried_us(self, ran: Ran) -> float:
        """The part of a call's own time that its queries, with the Python around them, don't explain."""
        return max(0.0, self.own_us(ran) - ran.call.queries_us - PYTHON_US * ran.call.queries)

    @staticmethod
    def is_own(name: str) -> bool:
        """Whether a name is that of something in an app of the project, not in an installed package."""
        found = apps.app_configs.get(names.app_of(name))
        return found is not None and not names.is_installed(f"{found.path}/")

    def is_fair(self, trace: Trace) -> bool:
        """Whether a trace was kept by chance or with all others: those kept for what went wrong distort a share."""
        return was_chosen(trace.id, self.shares.get(trace.process.id, 1.0))

    @property
    def is_sampled(self) -> bool:
        return any(share < 1 for share in self.shares.values())


def read_traffic(index: Index, *, slow_ms: float, silent: Collection[str] = ()) -> Traffic:
    """What an index knows now. Its lock is held for one look at a time only. Raises `LogError`.

    `silent` are signals that are only counted, as settings ask; those that viewers mute are known.
    """
    wiring, totals, unheard = index.wiring(), index.totals, index.unheard
    signals = {signal.name for signal in wiring.signals} | set(unheard)
    return Traffic(
        traces=index.traces(limit=MOST_TRACES),
        wiring=wiring,
        wirings=index.wirings(),
        totals=totals,
        unheard=unheard,
        heard={name: index.signal_stats(name).calls for name in signals},
        slow=_slow(index, wiring, totals, slow_ms),
        shares={beat.process.id: beat.share for beat in index.heartbeats()},
        silent=frozenset(silent) | index.control().muted | set(index.ignored),
        slow_us=slow_ms * 1000,
        since_ms=index.started_ms,
        now_ms=int(time.time() * 1000),
    )


def _slow(index: Index, wiring: MergedWiring, totals: Mapping[str, Total], slow_ms: float) -> dict[str, Stats]:
    ids: dict[str, list[str]] = defaultdict(list)
    for each in wiring.connections:
        if not names.is_plumbing(each):
            ids[each.receiver].append(id_of(each))
    longest = {receiver: max(totals.get(key, Total()).max_ns for key in keys) for receiver, keys in ids.items()}
    return {receiver: index.stats(ids[receiver]) for receiver, ns in longest.items() if ns >= slow_ms * 1e6}
