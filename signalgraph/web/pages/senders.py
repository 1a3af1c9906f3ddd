"""The table of senders, those that receivers are connected for and those that were seen sending; the page of one."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest

from signalgraph import names
from signalgraph.events import ANY_SENDER, ConnectionInfo
from signalgraph.web.facets import connection_facets
from signalgraph.web.pages.subject import subject_page
from signalgraph.web.panel import panel_context
from signalgraph.web.scope import Scope, connection_id
from signalgraph.web.tables import Column, read_table
from signalgraph.web.views import Page

if TYPE_CHECKING:
    from signalgraph.index import Stats


@dataclass(frozen=True)
class SenderRow:
    """A sender in the table. `dispatches` are those seen in the window; `stats` of the receivers connected for it."""

    name: str
    signals: list[str]
    receivers: int
    dispatches: int
    rate_per_s: float
    stats: Stats


COLUMNS: list[Column[SenderRow]] = [
    Column("name", "sender", lambda row: names.short(row.name)),
    Column("signals", "signals", lambda row: len(row.signals), "lo"),
    Column("receivers", "receivers for it", lambda row: row.receivers, "n lo"),
    Column("dispatches", "dispatches", lambda row: row.dispatches, "n"),
    Column("rate", "/s", lambda row: row.rate_per_s, "n"),
    Column("spark", "", None, "lo hi"),
    Column("spent", "ms/s in receivers", lambda row: row.stats.ms_per_s, "n lo"),
    Column("errors", "errors", lambda row: row.stats.window_errors, "n"),
]


def read_rows(scope: Scope) -> list[SenderRow]:
    connected: dict[str, list[ConnectionInfo]] = defaultdict(list)
    for row in scope.connections:
        if row.sender != ANY_SENDER:
            connected[row.sender].append(row)
    shown = {row.signal for row in scope.connections}
    sent: Counter[str] = Counter()
    signals: dict[str, set[str]] = defaultdict(set)
    for seen in (seen for trace in scope.traces for seen in trace.dispatches):
        if seen.signal in shown:
            sent[seen.sender] += 1
            signals[seen.sender].add(seen.signal)
    for name, rows in connected.items():
        signals[name].update(row.signal for row in rows)
    return [_row(scope, name, sorted(signals[name]), connected.get(name, []), sent[name]) for name in sorted(signals)]


def _row(scope: Scope, name: str, signals: list[str], rows: list[ConnectionInfo], sent: int) -> SenderRow:
    return SenderRow(
        name=name,
        signals=signals,
        receivers=len({row.receiver for row in rows}),
        dispatches=sent,
        rate_per_s=sent / scope.seconds,
        stats=scope.stats([connection_id(row) for row in rows]),
    )


def senders(request: HttpRequest, scope: Scope) -> Page:
    rows = read_rows(scope)
    context = {
        "title": "Senders",
        "table": read_table(scope.state, rows, COLUMNS, "-dispatches"),
        **panel_context(scope),
    }
    hits = scope.hits(len(rows), "sender")
    parts = {"sg-panel": "signalgraph/_panel.html", "sg-rows": "signalgraph/_sender_rows.html"}
    twin = {"senders": rows}
    return Page("signalgraph/senders.html", context, twin, connection_facets(scope), hits, parts=parts)


def sender(request: HttpRequest, scope: Scope, name: str) -> Page:
    return subject_page(scope, "sender", name.removeprefix("sender:"))
