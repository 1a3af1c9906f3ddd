"""The facets beside a page: what the filter could be narrowed to, with counts, as links that edit the filter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.graph import query
from signalgraph.web.scope import Scope, connection_id

MAX_VALUES = 12

_plain = re.compile(r"[^\s\",()|]+")


@dataclass(frozen=True)
class Facet:
    label: str
    count: int
    is_on: bool
    url: str


@dataclass(frozen=True)
class FacetGroup:
    title: str
    facets: list[Facet]


def quoted(value: str) -> str:
    """A value as the filter language writes it."""
    return value if _plain.fullmatch(value) else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _term(field: str) -> re.Pattern[str]:
    return re.compile(rf'(?:^|(?<=\s)){field}:((?:"(?:[^"\\]|\\.)*"|[^\s"])+)(?=\s|$)')


def values_of(text: str, field: str) -> list[str]:
    """The values that a filter's own ``field:a,b`` term lists, as written."""
    match = _term(field).search(text)
    return re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+', match[1]) if match else []


def toggle(text: str, field: str, value: str) -> str:
    """The filter with a value added to its ``field:a,b`` term, or taken out of it."""
    listed, written = values_of(text, field), quoted(value)
    kept = [each for each in listed if each != written] if written in listed else [*listed, written]
    term = f"{field}:{','.join(kept)}" if kept else ""
    pattern = _term(field)
    changed = pattern.sub(lambda _: term, text, count=1) if listed else f"{text} {term}"
    return " ".join(changed.split()) if '"' not in changed else changed.strip()


def _group(scope: Scope, title: str, field: str, counts: Counter[str]) -> FacetGroup:
    listed = values_of(scope.state.q, field)
    shown = [value for value, _ in counts.most_common(MAX_VALUES)]
    facets = [
        Facet(value, counts[value], quoted(value) in listed, scope.state.url(q=toggle(scope.state.q, field, value), page=None))
        for value in shown
    ]
    return FacetGroup(title, facets)


def _plumbing(scope: Scope) -> Facet:
    count = sum(1 for row in scope.wiring.connections if names.is_plumbing(row))
    is_on = scope.state.shows_plumbing
    return Facet("Django's own", count, is_on, scope.state.url(all=None if is_on else "1", page=None))


def _counts(rows: Iterable[ConnectionInfo], value: Callable[[ConnectionInfo], Iterable[str]]) -> Counter[str]:
    return Counter(each for row in rows for each in value(row))


def _conditions(scope: Scope) -> Callable[[ConnectionInfo], list[str]]:
    def value(row: ConnectionInfo) -> list[str]:
        stats = scope.stats([connection_id(row)])
        found = {"error": stats.window_errors > 0, "async": row.is_async, "weak": row.weak, "called": stats.window_calls > 0}
        return [name for name, holds in found.items() if holds]

    return value


def connection_facets(scope: Scope) -> list[FacetGroup]:
    """Facets counted in connections: app, kind of signal, condition."""
    rows = scope.shown
    app = _group(scope, "App", "app", _counts(rows, lambda row: {names.app_of(row.receiver)}))
    kind = _group(scope, "Kind", "kind", _counts(rows, lambda row: [query.kind_of(row.signal)]))
    conditions = _counts(rows, _conditions(scope))
    groups = [FacetGroup(app.title, [*app.facets, _plumbing(scope)]), kind, _group(scope, "Is", "is", conditions)]
    labels = Counter(beat.process.label for beat in scope.heartbeats if not beat.ended)
    groups.append(_group(scope, "Process", "process", labels))
    return [group for group in groups if group.facets]
