"""The filter language, one for the box, the URL, exports, the command line and Python: `docs/filter.md`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from signalgraph.events import Cause, ConnectionInfo, Process, SignalInfo
from signalgraph.figures import Stats
from signalgraph.graph.errors import QueryError
from signalgraph.graph.evaluation import holds, holds_in_trace
from signalgraph.graph.facts import ConnectionFacts, Reach, SignalFacts, kind_of
from signalgraph.graph.fields import Listed
from signalgraph.graph.grammar import read_tree
from signalgraph.graph.recorded import DispatchFacts, TraceFacts
from signalgraph.graph.terms import Term
from signalgraph.graph.tree import EVERYTHING, Node, hops_of, normal, only, terms_of, text_of, without
from signalgraph.names import connection_id
from signalgraph.traces import Seen, Trace

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Listed", "Query", "QueryError", "kind_of", "parse"]

_FROM_STATS = frozenset({"is", "dur", "p95", "count", "rate", "err", "sql"})  # fields that need a connection's figures


def parse(q: str, *, slow_ms: float = 100.0) -> Query:
    """Read a filter; an empty one matches everything.

    `slow_ms` is what `is:slow` means, in milliseconds. Raises `QueryError`, and nothing else.

    >>> parse("signal:post_save   and not (app:admin or is:async)").text
    'signal:post_save -(app:admin or is:async)'
    """
    return Query(read_tree(q), slow_ms=slow_ms)


class Query:
    """A filter that was read. Two are equal when their trees are.

    What it can't know by itself is set before it is asked:

    * `silent` says why a signal of some name is only counted, "" where it is recorded: what `is:muted` asks;
    * `findings` gives the ids of the rules that found something in a `signal:`, `sender:`, `receiver:` or
      `connection:`: what `finding:` asks;
    * `clock` gives the unix time and `zone` is the time zone of `ts:`, None for that of the process;
    * `follow`, at once or `when_asked`, reads the flow: what hops and `is:cycle` ask.
    """

    def __init__(self, tree: Node, *, slow_ms: float = 100.0) -> None:
        self.tree = tree
        self.slow_us = slow_ms * 1000
        self.silent: Callable[[str], str] = lambda name: ""
        self.findings: Callable[[str], Collection[str]] = lambda subject: ()
        self.clock: Callable[[], float] = time.time
        self.zone: tzinfo | None = None
        self._rings = Reach()
        self._reached: dict[object, Reach] = {}
        self._follow: Callable[[], None] | None = None
        self._trees: dict[Listed, Node] = {}

    @property
    def text(self) -> str:
        """The filter as it is written: `parse` gives an equal one for it."""
        return text_of(self.tree)

    @property
    def terms(self) -> list[Term]:
        """All terms, in the order in which they are written."""
        return list(terms_of(self.tree))

    @property
    def asks_figures(self) -> bool:
        """Whether a connection can't be matched without its statistics."""
        return any(term.name in _FROM_STATS for term in self.terms)

    @property
    def asks_findings(self) -> bool:
        """Whether `findings` will be called."""
        return any(term.name == "finding" for term in self.terms)

    @property
    def asks_flow(self) -> bool:
        """Whether it has hops or asks for rings, and so needs `follow`."""
        return self._asks_rings or any(True for _ in hops_of(self.tree))

    @property
    def _asks_rings(self) -> bool:
        return any(term.name == "is" and "cycle" in term.contents for term in self.terms)

    @property
    def rings(self) -> Reach:
        """What was seen to set itself off in the end."""
        self._follow_now()
        return self._rings

    @property
    def reached(self) -> Mapping[object, Reach]:
        """What its hops come to."""
        self._follow_now()
        return self._reached

    def _follow_now(self) -> None:
        follow, self._follow = self._follow, None
        if follow is not None:
            follow()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"parse({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and (self.tree, self.slow_us) == (other.tree, other.slow_us)

    def __hash__(self) -> int:
        return hash((self.tree, self.slow_us))

    def now(self) -> datetime:
        """The time from which relative times count, in the zone of those without one."""
        return datetime.fromtimestamp(self.clock(), self.zone).astimezone(self.zone)

    def ignored_for(self, listed: Listed) -> list[str]:
        """The terms that have no meaning for what is listed and are left out, as they are written.

        `a or b` without `a` is `b`; what holds nothing else is left out as a whole. Hops mean connections, whatever is
        listed: a dispatch or a trace that ran one of them.
        """
        return [text_of(node) for node in without(self.tree, lambda term: not term.applies(listed))]

    def follow(
        self,
        flow: nx.DiGraph[str],
        connections: Iterable[ConnectionInfo],
        stats_of: Callable[[str], Stats | None] | None = None,
    ) -> None:
        """Find out where hops lead and what is in a ring, for all that is matched from now on.

        `flow` is that of all `connections`, see `signalgraph.graph.flow.build_flow`; `stats_of` gives the figures of
        a connection by its id. Before, hops match only what they start from, and nothing is in a ring.
        """
        from signalgraph.graph.reach import reach_of, rings_of  # needs networkx, which takes 150 ms to import

        self._follow = None
        stats_of = stats_of if stats_of is not None and self.asks_figures else lambda connection: None
        rows = {connection_id(row.sender, row.signal, row.receiver): row for row in connections}
        self._rings = rings_of(flow) if self._asks_rings else Reach()
        self._reached = {}
        for hops in hops_of(self.tree):
            self._reached[hops] = reach_of(hops, flow, rows, stats_of, self)

    def when_asked(self, follow: Callable[[], None]) -> None:
        """Call this, which calls `follow`, when it first has to be known where hops lead."""
        self._follow = follow

    def with_findings(self, findings: Callable[[str], Collection[str]]) -> Query:
        """The same filter, which knows of these findings and no others."""
        self._follow_now()
        other = copy(self)
        other.findings = findings
        return other

    def select(
        self,
        connections: Iterable[ConnectionInfo],
        *,
        stats_of: Callable[[str], Stats | None] | None = None,
        flow: nx.DiGraph[str] | None = None,
        unfiltered: Iterable[ConnectionInfo] | None = None,
    ) -> list[ConnectionInfo]:
        """The connections that fit, hops followed over the flow of `unfiltered`, by default of the same connections.

        `stats_of` gives the figures of a connection by its id; without it nothing is known to have been called. A
        query without hops and `is:cycle` needs no `flow`.
        """
        rows = list(connections)
        if flow is not None and self.asks_flow:
            self.follow(flow, rows if unfiltered is None else unfiltered, stats_of)
        if stats_of is None or not self.asks_figures:
            return [row for row in rows if self.matches_connection(row)]
        ids = [connection_id(row.sender, row.signal, row.receiver) for row in rows]
        return [row for row, own in zip(rows, ids, strict=True) if self.matches_connection(row, stats_of(own))]

    def matches_connection(self, info: ConnectionInfo, stats: Stats | None = None) -> bool:
        """Whether a connection fits. Without `stats` nothing is known to have been called."""
        return holds(self._tree("connection"), ConnectionFacts(self, info, stats))

    def matches_signal(self, info: SignalInfo, stats: Stats | None = None) -> bool:
        """Whether a signal fits by itself, as one without connections has to. Hops lead nowhere from it."""
        return holds(self._tree("signal"), SignalFacts(self, info, stats))

    def matches_dispatch(self, seen: Seen, cause: Cause | None = None, process: Process | None = None) -> bool:
        """Whether a dispatch fits. What caused it and where is not in it: see `Index.cause` and `Index.process`."""
        return holds(self._tree("dispatch"), DispatchFacts(self, seen, cause, process))

    def matches_trace(self, trace: Trace) -> bool:
        """Whether a trace fits: one of its dispatches has what is asked of a dispatch, and none what is ruled out."""
        tree = self._tree("trace")
        return tree == EVERYTHING or holds_in_trace(tree, TraceFacts(self, trace))

    def _tree(self, listed: Listed) -> Node:
        if listed not in self._trees:
            tree = only(self.tree, lambda term: term.applies(listed))
            self._trees[listed] = normal(tree) if listed == "trace" else tree
        return self._trees[listed]
