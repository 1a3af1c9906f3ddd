"""The connections and causes of a view as a table, for spreadsheets and data frames.

A row is of the kind "connection", or "cause": while `receiver` handled `signal` of `sender`, it dispatched
`dispatched_signal` for `dispatched_sender`, `count` times. What is not known is empty. Every row says of which
export it is. RFC 4180: lines end with CR LF, text is UTF-8 without a byte order mark.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula. Such a cell gets an apostrophe in front,
which spreadsheets hide, and so does one that begins with an apostrophe: take one off to have the name back.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import networkx as nx

from signalgraph import names
from signalgraph.exports.drawn import causes_of
from signalgraph.exports.listing import Listed, list_connections
from signalgraph.exports.markup import printable

COLUMNS = (
    "kind", "sender", "signal", "receiver", "order", "stages", "async", "weak", "dispatch_uid", "where",
    "can_fire", "why_not", "calls", "errors", "rate_per_s", "p95_ms", "ms_per_s",
    "dispatched_signal", "dispatched_sender", "count", "title", "view", "query", "as_of",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")  # noqa: RUF001 - wide ones count in some countries

Cell = str | int | float | bool | None


def render(graph: nx.DiGraph[str], *, title: str = "", query: str = "", as_of: str = "") -> str:
    """A drawn graph as CSV, with a line of column names; the same graph gives the same text."""
    said = {"title": title, "view": str(graph.graph.get("view", "wiring")), "query": query, "as_of": as_of}
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(COLUMNS)
    for row in (*map(_connection, list_connections(graph)), *_causes(graph)):
        table.writerow([_cell((row | said).get(column)) for column in COLUMNS])
    return written.getvalue()


def _connection(row: Listed) -> dict[str, Cell]:
    info, figures = row.info, row.figures
    found: dict[str, Cell] = {
        "kind": "connection",
        "sender": row.sender,
        "signal": row.signal,
        "receiver": row.receiver,
    }
    found |= {"can_fire": row.can_fire, "why_not": row.why, "where": row.where}
    found["stages"] = " ".join(map(str, row.stages))
    if info:
        found |= {"order": info.order, "async": info.is_async, "weak": info.weak, "dispatch_uid": info.dispatch_uid}
    if figures:
        found |= {"calls": figures.calls, "errors": figures.errors, "rate_per_s": round(figures.rate_per_s, 3)}
        found |= {"p95_ms": round(figures.p95_us / 1000, 3), "ms_per_s": round(figures.ms_per_s, 3)}
    return found


def _causes(graph: nx.DiGraph[str]) -> Iterator[dict[str, Cell]]:
    for cause in causes_of(graph):
        sender, signal, receiver = names.parse_connection_id(cause.connection)
        own: dict[str, Cell] = {"kind": "cause", "sender": sender, "signal": signal, "receiver": receiver}
        yield own | {"dispatched_signal": cause.signal, "dispatched_sender": cause.sender, "count": cause.count}


def _cell(value: Cell) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
