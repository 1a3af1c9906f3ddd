"""The connections of the wiring as rows: what the drawing says, for those who read it as text."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field

from signalgraph import names
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
    for (cause, signal, _), count in sorted(scope.edges.items()):
        caused[cause].append((signal, count))
    rows = []
    for row in sorted(scope.connections, key=lambda row: (row.sender == ANY_SENDER, row.sender, row.signal, row.order)):
        own = connection_id(row)
        stats = scope.stats([own])
        figures = (stats.window_calls, stats.rate_per_s, stats.p95_us, stats.window_errors)
        rows.append(ListRow(own, row, *figures, caused[own]))
    return rows


@dataclass(frozen=True)
class AppPair:
    """What an app handles of what another one sends; `sender_app` is "" for any sender."""

    sender_app: str
    receiver_app: str
    signals: list[str]
    connections: int
    rate_per_s: float
    errors: int


def app_pairs(scope: Scope) -> list[AppPair]:
    """The apps by who sends and who handles, any sender last."""
    groups: dict[tuple[str, str], list[ConnectionInfo]] = defaultdict(list)
    for row in scope.connections:
        sender_app = "" if row.sender == ANY_SENDER else names.app_of(row.sender) or row.sender
        groups[sender_app, names.app_of(row.receiver)].append(row)
    found = []
    for key, rows in sorted(groups.items(), key=lambda each: (each[0][0] == "", each[0])):
        stats = scope.stats([connection_id(row) for row in rows])
        signals = sorted({names.short(row.signal) for row in rows})
        found.append(AppPair(*key, signals, len(rows), stats.rate_per_s, stats.window_errors))
    return found


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
