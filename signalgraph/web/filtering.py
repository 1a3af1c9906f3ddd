"""The filter of a page or of a viewer: read with the project's settings, and told what the index knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING

from django.utils import timezone

from signalgraph.conf import get_settings
from signalgraph.events import ConnectionInfo
from signalgraph.figures import Stats
from signalgraph.graph.query import Query, parse
from signalgraph.log.base import Control
from signalgraph.web.found import find_now, rules_by_subject
from signalgraph.web.silence import silence_of

if TYPE_CHECKING:
    import networkx as nx

    from signalgraph.index import Index


def read_filter(q: str) -> Query:
    """The filter of a request; times are in the project's time zone. Raises `QueryError`."""
    query = parse(q, slow_ms=get_settings().slow_ms)
    query.zone = timezone.get_current_timezone()
    return query


def tell(
    query: Query,
    index: Index | None,
    control: Callable[[], Control] = Control,
    stats_of: Callable[[str], Stats | None] | None = None,
) -> None:
    """Tell a filter where to learn, when it asks, what is silent, what rules found and where hops lead.

    Without an index it learns what the settings and the code say.
    """

    @cache
    def rules() -> dict[str, set[str]]:
        return rules_by_subject(find_now(index, control()))

    query.silent = lambda signal: silence_of(signal, control())
    query.findings = lambda subject: rules().get(subject, ())
    if index is not None:
        query.when_asked(lambda: _follow(query, index, stats_of))


def _follow(query: Query, index: Index, stats_of: Callable[[str], Stats | None] | None) -> None:
    if query.asks_flow:
        connections = index.wiring().connections
        query.follow(flow_of(index, connections), connections, stats_of)


def flow_of(index: Index, connections: Iterable[ConnectionInfo]) -> nx.DiGraph[str]:
    """The causes that the index has seen between these connections."""
    from signalgraph.graph.flow import build_flow  # networkx takes 150 ms to import, and few filters have hops

    causes = index.causes
    return build_flow(connections, causes.steps, sent=causes.sent, missed=causes.missed)
