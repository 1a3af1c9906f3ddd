"""The table of signals - called, not called, orphaned - and the page of one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest

from signalgraph import names
from signalgraph.events import ANY_SENDER, ConnectionInfo, SignalInfo
from signalgraph.graph.query import kind_of
from signalgraph.web.facets import connection_facets
from signalgraph.web.pages.subject import subject_page
from signalgraph.web.panel import panel_context
from signalgraph.web.scope import Scope, connection_id
from signalgraph.web.tables import Column, read_table
from signalgraph.web.views import Page

if TYPE_CHECKING:
    from signalgraph.index import Stats

STATES = ("called", "counted only", "not called", "orphaned", "unused")
MEANINGS = {
    "called": "dispatched to at least one receiver",
    "counted only": "muted by a viewer, or named in IGNORE; dispatches since the log began",
    "not called": "connected but not dispatched in this window",
    "orphaned": "dispatched but nobody listens",
    "unused": "nobody listens, never dispatched since the log began",
}


@dataclass(frozen=True)
class SignalRow:
    """A signal in the table. `senders` is None for any sender; `dispatches` of an orphan, or of one that is only
    counted, are since the log began."""

    name: str
    kind: str
    state: str
    senders: int | None
    receivers: int
    dispatches: int
    rate_per_s: float | None
    stats: Stats
    connections: list[ConnectionInfo]
    silent: str  # why it is only counted: "muted", "IGNORE", or ""

    @property
    def can_open(self) -> bool:
        return bool(self.receivers or self.silent)


COLUMNS: list[Column[SignalRow]] = [
    Column("name", "signal", lambda row: names.short(row.name)),
    Column("kind", "kind", lambda row: row.kind, "lo"),
    Column("senders", "senders", lambda row: -1 if row.senders is None else row.senders, "n lo"),
    Column("receivers", "receivers", lambda row: row.receivers, "n lo"),
    Column("dispatches", "dispatches", lambda row: row.dispatches, "n lo"),
    Column("rate", "/s", lambda row: row.rate_per_s, "n"),
    Column("spark", "", None, "lo"),
    Column("p50", "p50", lambda row: row.stats.p50_us, "n lo"),
    Column("p95", "p95", lambda row: row.stats.p95_us, "n"),
    Column("errors", "errors", lambda row: row.stats.window_errors, "n"),
]


def _state(receivers: int, calls: int, unheard: int) -> str:
    if receivers:
        return "called" if calls else "not called"
    return "orphaned" if unheard else "unused"


def _stats(scope: Scope, info: SignalInfo) -> Stats:
    return scope.index.signal_stats(info.name, scope.state.window_s)


def _row(scope: Scope, info: SignalInfo, rows: list[ConnectionInfo]) -> SignalRow:
    stats = _stats(scope, info)
    unheard = scope.index.unheard.get(info.name, 0)
    silent = scope.silence_of(info.name)
    state = "counted only" if silent else _state(len(rows), stats.window_calls, unheard)
    since_begin = {"orphaned": unheard, "counted only": stats.ignored}.get(state)
    senders = {row.sender for row in rows}
    return SignalRow(
        name=info.name,
        kind=kind_of(info.name),
        state=state,
        senders=None if ANY_SENDER in senders else len(senders),
        receivers=len({row.receiver for row in rows}),
        dispatches=stats.window_calls if since_begin is None else since_begin,
        rate_per_s=stats.rate_per_s if since_begin is None else None,
        stats=stats,
        connections=sorted(rows, key=lambda row: row.order),
        silent=silent,
    )


def read_rows(scope: Scope) -> list[SignalRow]:
    """The signals of the shown connections; those without a receiver too, where no filter asks for connections."""
    by_signal: dict[str, list[ConnectionInfo]] = {}
    for row in scope.connections:
        by_signal.setdefault(row.signal, []).append(row)
    connected = {row.signal for row in scope.wiring.connections}
    found = [_row(scope, info, by_signal[info.name]) for info in scope.wiring.signals if info.name in by_signal]
    for info in scope.wiring.signals:
        is_ours = scope.state.shows_plumbing or names.app_of(info.name) != "django"
        if info.name not in connected and is_ours and scope.query.matches_signal(info, _stats(scope, info)):
            found.append(_row(scope, info, []))
    return found


def signals(request: HttpRequest, scope: Scope) -> Page:
    every = read_rows(scope)
    counts = Counter(row.state for row in every)
    asked = scope.state.params.get("state", "")
    rows = [row for row in every if row.state == asked] if asked in STATES else every
    table = read_table(scope.state, rows, COLUMNS, "-dispatches", group=lambda row: STATES.index(row.state))
    opened = scope.state.params.get("open", "")
    context = {
        "title": "Signals",
        "table": table,
        "states": [(state, counts[state]) for state in STATES if counts[state]],
        "counts": counts,
        "meanings": MEANINGS,
        "asked": asked if asked in STATES else "",
        "every": len(every),
        "opened": opened,
        "opened_calls": next((_calls(scope, row) for row in table.rows if row.name == opened), []),
        **panel_context(scope),
    }
    hits = scope.hits(len(rows), "signal")
    twin = {"signals": rows}
    parts = {"sg-panel": "signalgraph/_panel.html", "sg-rows": "signalgraph/_signal_rows.html"}
    return Page("signalgraph/signals.html", context, twin, connection_facets(scope), hits, parts=parts)


def _calls(scope: Scope, row: SignalRow) -> list[tuple[ConnectionInfo, Stats, int]]:
    """A signal's receivers in their order, their figures and share of the slowest one's p95 in percent."""
    found = [(each, scope.stats([connection_id(each)])) for each in row.connections]
    top = max((stats.p95_us or 0 for _, stats in found), default=0) or 1
    return [(each, stats, round((stats.p95_us or 0) / top * 100)) for each, stats in found]


def signal(request: HttpRequest, scope: Scope, name: str) -> Page:
    return subject_page(scope, "signal", name.removeprefix("signal:"))
