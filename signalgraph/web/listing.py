"""The connections of the wiring as rows: what the drawing says, for those who read it as text."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field

from signalgraph.events import ANY_SENDER, ConnectionInfo
from signalgraph.web.scope import Scope, connection_id


@dataclass(frozen=True)
class ListRow:
    """A connection in the list twin of the drawing; `caused` are the signals that its receiver dispatched."""

    connection: str
    row: ConnectionInfo
    calls: int
    rate_per_s: float
    p95_us: float | None
    errors: int
    caused: list[tuple[str, int]] = field(default_factory=list)


def list_rows(scope: Scope) -> list[ListRow]:
    """The connections by sender, signal and the order in which they run."""
    caused: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for (cause, signal, _), count in sorted(scope.index.edges.items()):
        caused[cause].append((signal, count))
    rows = []
    for row in sorted(scope.connections, key=lambda row: (row.sender == ANY_SENDER, row.sender, row.signal, row.order)):
        own = connection_id(row)
        stats = scope.stats([own])
        figures = (stats.window_calls, stats.rate_per_s, stats.p95_us, stats.window_errors)
        rows.append(ListRow(own, row, *figures, caused[own]))
    return rows


def baseline(scope: Scope) -> str:
    """Where live numbers start, per shown connection: calls and errors ever, errors and calls per bar of the window."""
    found = {}
    for row in scope.connections:
        stats = scope.stats([connection_id(row)])
        bars = stats.spark if stats.window_calls else []
        found[connection_id(row)] = [stats.calls, stats.errors, stats.window_errors, *bars]
    return json.dumps(found, separators=(",", ":"))


def others(scope: Scope) -> str:
    """The ids of connections that are known but not drawn: one that is in neither list is new."""
    drawn = {connection_id(row) for row in scope.connections}
    known = {*(connection_id(row) for row in scope.wiring.connections), *scope.index.totals}
    return json.dumps(sorted(known - drawn), separators=(",", ":"))
