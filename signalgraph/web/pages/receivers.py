"""The table of receivers and the page of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.web.facets import connection_facets
from signalgraph.web.pages.subject import subject_page
from signalgraph.web.panel import panel_context
from signalgraph.web.scope import Scope, connection_id
from signalgraph.web.tables import Column, read_table
from signalgraph.web.views import Page

if TYPE_CHECKING:
    from signalgraph.index import Stats


@dataclass(frozen=True)
class ReceiverRow:
    """A receiver in the table; `stats` are of all its connections that are shown, together."""

    name: str
    signals: list[str]
    senders: list[str]
    is_async: bool
    is_weak: bool
    dispatch_uids: list[str]
    file: str | None
    line: int | None
    stats: Stats

    @property
    def queries_each(self) -> float | None:
        """Queries in a call, on average; None of no call."""
        return self.stats.queries / self.stats.calls if self.stats.calls else None


COLUMNS: list[Column[ReceiverRow]] = [
    Column("name", "receiver", lambda row: names.short(row.name)),
    Column("signal", "signal, sender", lambda row: row.signals, "lo"),
    Column("held", "held", lambda row: row.is_weak, "lo hi"),
    Column("calls", "calls", lambda row: row.stats.window_calls, "n lo"),
    Column("rate", "/s", lambda row: row.stats.rate_per_s, "n"),
    Column("spark", "", None, "lo hi"),
    Column("p50", "p50", lambda row: row.stats.p50_us, "n lo"),
    Column("p95", "p95", lambda row: row.stats.p95_us, "n"),
    Column("spent", "ms/s", lambda row: row.stats.ms_per_s, "n lo"),
    Column("queries", "SQL a call", lambda row: row.queries_each, "n lo"),
    Column("errors", "errors", lambda row: row.stats.window_errors, "n"),
]


def read_rows(scope: Scope) -> list[ReceiverRow]:
    by_receiver: dict[str, list[ConnectionInfo]] = {}
    for row in scope.connections:
        by_receiver.setdefault(row.receiver, []).append(row)
    return [_row(scope, name, rows) for name, rows in sorted(by_receiver.items())]


def _row(scope: Scope, name: str, rows: list[ConnectionInfo]) -> ReceiverRow:
    return ReceiverRow(
        name=name,
        signals=sorted({row.signal for row in rows}),
        senders=sorted({row.sender for row in rows}),
        is_async=any(row.is_async for row in rows),
        is_weak=any(row.weak for row in rows),
        dispatch_uids=sorted({row.dispatch_uid for row in rows if row.dispatch_uid}),
        file=names.relative_path(rows[0].file) if rows[0].file else None,
        line=rows[0].line,
        stats=scope.stats([connection_id(row) for row in rows]),
    )


def receivers(request: HttpRequest, scope: Scope) -> Page:
    rows = read_rows(scope)
    context = {
        "title": "Receivers",
        "table": read_table(scope.state, rows, COLUMNS, "-spent"),
        **panel_context(scope),
    }
    hits = scope.hits(len(rows), "receiver")
    parts = {"sg-panel": "signalgraph/_panel.html", "sg-rows": "signalgraph/_receiver_rows.html"}
    twin = {"receivers": rows}
    return Page("signalgraph/receivers.html", context, twin, connection_facets(scope), hits, parts=parts)


def receiver(request: HttpRequest, scope: Scope, name: str) -> Page:
    return subject_page(scope, "receiver", name.removeprefix("receiver:"))
