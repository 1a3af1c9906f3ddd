"""What one request looks at: the index, the wiring and the connections that its filter leaves."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from signalgraph import conf, names
from signalgraph.events import ConnectionInfo, Heartbeat
from signalgraph.figures import BUCKET_S
from signalgraph.graph.figures import Scale, scale_of
from signalgraph.graph.query import Listed, Query
from signalgraph.log.base import Control
from signalgraph.recent import Edge, was_chosen
from signalgraph.web.feed import current_index
from signalgraph.web.figures import clock, duration_words, number
from signalgraph.web.filtering import read_filter, tell
from signalgraph.web.silence import silence_of
from signalgraph.web.state import State
from signalgraph.web.watching import keep_watched

if TYPE_CHECKING:
    from signalgraph.index import Index, Stats
    from signalgraph.traces import Trace
    from signalgraph.wirings import MergedWiring

STALE_S = 5.0
MAX_TRACES = 2000


@dataclass
class Scope:
    """Read-only and lazy: a page pays for what it shows."""

    state: State
    index: Index
    query: Query
    now_s: float = field(default_factory=time.time)
    _stats: dict[tuple[str, ...], Stats] = field(default_factory=dict)

    @cached_property
    def wiring(self) -> MergedWiring:
        return self.index.wiring()

    @cached_property
    def edges(self) -> dict[Edge, int]:
        """Observed causes, as `Index.edges` says; a page asks for them once for each connection that it tells of."""
        return self.index.edges

    @cached_property
    def shown(self) -> list[ConnectionInfo]:
        """The connections that are not hidden as Django's own plumbing."""
        every = self.wiring.connections
        return every if self.state.shows_plumbing else [row for row in every if not names.is_plumbing(row)]

    @cached_property
    def hidden(self) -> int:
        """How many connections of Django's own the filter matches that are not shown."""
        if self.filters_nothing or self.state.shows_plumbing:
            return len(self.wiring.connections) - len(self.shown)
        found = self.query.select(self.wiring.connections, stats_of=self.stats_of)
        return sum(map(names.is_plumbing, found))

    @cached_property
    def connections(self) -> list[ConnectionInfo]:
        """The shown connections that the filter matches."""
        if self.filters_nothing:
            return self.shown
        return self.query.select(self.shown, stats_of=self.stats_of)

    @property
    def filters_nothing(self) -> bool:
        return not self.query.text.strip()

    def stats_of(self, connection: str) -> Stats:
        """The figures of one connection, by its id."""
        return self.stats([connection])

    def stats(self, connection_ids: Iterable[str]) -> Stats:
        """The figures of some connections together, in the window of the page."""
        key = tuple(connection_ids)
        if key not in self._stats:
            self._stats[key] = self.index.stats(key, self.state.window_s)
        return self._stats[key]

    @cached_property
    def seconds(self) -> float:
        """The part of the window in which there was a log to count in; every rate is per second of it."""
        every = self.stats(self.index.totals)
        return every.window_calls / every.rate_per_s if every.rate_per_s else float(self.state.window_s)

    @property
    def window_words(self) -> str:
        """What rates and counts are of: the window, or how long there has been anything to count."""
        return duration_words(min(self.seconds, self.state.window_s)).replace(".0 s", " s")

    @cached_property
    def control(self) -> Control:
        """What viewers ask of the processes that record."""
        return self.index.control()

    def silence_of(self, signal: str) -> str:
        """Why a signal is only counted: "muted", "IGNORE", or "" where it is recorded."""
        return silence_of(signal, self.control)

    @cached_property
    def shares(self) -> list[float]:
        """The shares of their traces that living processes keep, smallest first; empty where all keep all."""
        found = sorted({beat.share for beat in self.living})
        return found if found and found[0] < 1 else []

    @cached_property
    def heartbeats(self) -> list[Heartbeat]:
        return self.index.heartbeats()

    @property
    def living(self) -> list[Heartbeat]:
        """The processes that gave a sign of life within `STALE_S`."""
        return [beat for beat in self.heartbeats if not beat.ended and self.now_s - beat.seen_ms / 1000 < STALE_S]

    def is_alive(self, process_id: str) -> bool:
        """Whether a process gave a sign of life lately: what it had begun may still go on."""
        return any(beat.process.id == process_id for beat in self.living)

    @cached_property
    def window_traces(self) -> list[Trace]:
        """The traces in memory that began within the window, newest first."""
        since_us = (self.now_s - self.state.window_s) * 1e6
        return [trace for trace in self._held if trace.start_us >= since_us]

    @cached_property
    def _held(self) -> list[Trace]:
        return self.index.traces(limit=MAX_TRACES)

    @property
    def oldest_held_us(self) -> int | None:
        """From when on every trace is in memory, unix us; None where none was left out for room."""
        full = len(self._held) >= min(conf.get_settings().traces, MAX_TRACES)
        return self._held[-1].start_us if full else None

    def dispatches_per_s(self, window_s: int) -> float:
        """Dispatches a second over a window, the one figure that every page gives; exact, whatever the filter."""
        activity = self.index.activity(window_s, window_s // BUCKET_S)
        covered_s = self.now_s - activity[0][0] / 1000
        if window_s <= self.state.window_s:
            covered_s = min(covered_s, self.seconds)
        return sum(count for _, count, _ in activity) / max(covered_s, BUCKET_S)

    @cached_property
    def traces(self) -> list[Trace]:
        """Those of them that the filter matches."""
        if self.filters_nothing:
            return self.window_traces
        return [trace for trace in self.window_traces if self.query.matches_trace(trace)]

    @cached_property
    def listed(self) -> list[Trace]:
        """Those that are listed: requests for static files, of which each page makes many, only where one failed."""
        if self.state.shows_plumbing:
            return self.traces
        return [trace for trace in self.traces if trace.errors or not trace.is_static]

    def is_fair(self, trace: Trace) -> bool:
        """Whether a trace is kept whatever happened in it: percentiles of slow ones alone would make all look slow."""
        share = next((beat.share for beat in self.heartbeats if beat.process.id == trace.process.id), 1.0)
        return was_chosen(trace.id, share)

    def hits(self, count: int, unit: str) -> str:
        """How much the filter leaves, and which of its terms mean nothing for what is listed."""
        listed: Listed = "trace" if unit == "trace" else "signal" if unit == "signal" else "connection"
        return f"{number(count)} {unit}{'' if count == 1 else 's'}{self._left_out(listed)}"

    @property
    def connection_hits(self) -> str:
        left_out = self._left_out("connection")
        return f"{len(self.connections)} of {len(self.wiring.connections)} connections{left_out}"

    def _left_out(self, listed: Listed) -> str:
        ignored = self.query.ignored_for(listed)
        return f"; {', '.join(ignored)} left out here" if ignored else ""

    @property
    def traces_words(self) -> str:
        """What the figures made of traces rest on, in words: the sample and where it begins."""
        kept = "kept " if self.shares else ""
        if len(self.traces) < conf.get_settings().traces:
            return f"{number(len(self.traces))} {kept}traces"
        return f"the newest {number(len(self.traces))} {kept}traces, since {clock(self.traces[-1].start_us)[:8]}"

    @property
    def newest_age_s(self) -> float | None:
        """How long ago the newest recorded dispatch was, whatever the filter; None before the first."""
        newest_ms = self.index.newest_ms
        return None if newest_ms is None else max(self.now_s - newest_ms / 1000, 0.0)

    @property
    def slow_us(self) -> float:
        """From here on a dispatch or receiver call is slow."""
        return conf.get_settings().slow_ms * 1000

    @property
    def as_of(self) -> str:
        """The time of what is shown, to the second, for a file that outlives the page."""
        return f"{datetime.fromtimestamp(self.now_s, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"

    @cached_property
    def scale(self) -> Scale:
        """The scale of heat of every table: relative to the busiest connection that is shown."""
        return scale_of(self.stats([connection_id(row)]).rate_per_s for row in self.connections)

    @property
    def has_recorded(self) -> bool:
        return bool(self.index.totals or self.index.unheard)


def connection_id(row: ConnectionInfo) -> str:
    return names.connection_id(row.sender, row.signal, row.receiver)


def open_scope(state: State) -> Scope:
    """The scope of a request. Raises `QueryError` for a filter that can't be read, `LogError`, `SettingsError`."""
    query = read_filter(state.q)
    scope = Scope(state, current_index(), query)
    keep_watched(scope.index.log)
    tell(query, scope.index, lambda: scope.control, scope.stats_of)
    return scope
