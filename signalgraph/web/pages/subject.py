"""The page of one signal, sender or receiver: figures, neighbourhood, connections, recent dispatches, source."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from signalgraph.web.facets import connection_facets
from signalgraph.web.panel import subject_context
from signalgraph.web.scope import Scope, connection_id
from signalgraph.web.subjects import Subject, find_subject
from signalgraph.web.views import Missing, Page

if TYPE_CHECKING:
    from signalgraph.events import ConnectionInfo
    from signalgraph.index import Stats
    from signalgraph.traces import Seen, Trace

RECENT = 20
MAX_ROWS = 50


@dataclass(frozen=True)
class Recent:
    """A dispatch in the list of recent ones, with the trace that it belongs to."""

    trace: Trace
    seen: Seen

    @property
    def select(self) -> str:
        return f"dispatch:{self.seen.id}"

    @property
    def errors(self) -> list[str]:
        return [call.error for call in self.seen.calls if call.error]


def _known(scope: Scope, kind: str) -> set[str]:
    if kind == "signal":
        return {info.name for info in scope.wiring.signals}
    return {getattr(row, kind) for row in scope.wiring.connections}


def missing(scope: Scope, kind: str, name: str) -> Missing:
    close = difflib.get_close_matches(name, _known(scope, kind), n=1)
    hint = f" Did you mean {close[0]}?" if close else f" The page of all {kind}s lists what there is."
    return Missing(
        f"No such {kind}",
        f"No process that is recorded here knows the {kind} {name!r}: it was never connected, or it was renamed.{hint}",
    )


def recent_dispatches(scope: Scope, subject: Subject) -> list[Recent]:
    """The newest dispatches of a subject in the window, newest first."""

    def concerns(seen: Seen) -> bool:
        if subject.kind == "receiver":
            return any(call.receiver == subject.name for call in seen.calls)
        return (seen.signal if subject.kind == "signal" else seen.sender) == subject.name

    found = (Recent(trace, seen) for trace in scope.traces for seen in reversed(trace.dispatches) if concerns(seen))
    return list(islice(found, RECENT))


def _with_stats(scope: Scope, row: ConnectionInfo) -> tuple[ConnectionInfo, Stats, float | None]:
    stats = scope.stats([connection_id(row)])
    return row, stats, stats.queries / stats.calls if stats.calls else None


def subject_page(scope: Scope, kind: str, name: str) -> Page:
    """Raises `Missing` where nobody knows the name."""
    subject = find_subject(scope, kind, name)
    if subject is None:
        raise missing(scope, kind, name)
    details = subject_context(scope, subject)
    recent = recent_dispatches(scope, subject)
    context = {
        **details,
        "title": details["label"],
        "recent": recent,
        "section": f"{kind}s",
        "connection_stats": [_with_stats(scope, row) for row in subject.connections[:MAX_ROWS]],
    }
    twin = {
        kind: name,
        "connections": subject.connections,
        "stats": subject.stats,
        "unheard": subject.unheard,
        "neighbourhood": details["steps"],
        "findings": [card.finding for card in details["subject_findings"]],
        "recent": [{"trace": each.trace.id, "dispatch": each.seen} for each in recent],
    }
    return Page("signalgraph/subject.html", context, twin, connection_facets(scope), f"1 {kind}")
