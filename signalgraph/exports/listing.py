"""The connections of a drawn graph as rows of a table, whatever the view."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.exports.drawn import lines_of
from signalgraph.graph.figures import Figures
from signalgraph.graph.views import connections_in


@dataclass(frozen=True)
class Listed:
    """One connection. `info` is None of what isn't connected (any more, or yet), `figures` where nothing was measured;
    `why` says of one that can't fire why not, and is empty of all others.

    `stages` are those of a focus or path in which its receiver stands; empty in other views.
    """

    id: str
    sender: str
    signal: str
    receiver: str
    info: ConnectionInfo | None
    figures: Figures | None
    why: str
    stages: tuple[int, ...] = ()

    @property
    def can_fire(self) -> bool:
        return not self.why

    @property
    def where(self) -> str:
        """Where the receiver is written: `shop/receivers.py:12`, never a path of one machine; empty if unknown."""
        if self.info is None or self.info.file is None:
            return ""
        path = names.relative_path(self.info.file)
        return f"{path}:{self.info.line}" if self.info.line else path


def list_connections(graph: nx.DiGraph[str]) -> list[Listed]:
    """Every connection of a view once: by signal, then in the order in which Django runs the receivers."""
    rows, stats, stuck = (graph.graph.get(key, {}) for key in ("rows", "stats", "stuck"))
    stages: dict[str, set[int]] = {}
    for line in lines_of(graph):
        for one in line.connections if "stage" in graph.nodes.get(line.target, ()) else ():
            stages.setdefault(one, set()).add(graph.nodes[line.target]["stage"])
    found = [
        Listed(
            one,
            *names.parse_connection_id(one),
            rows.get(one),
            stats.get(one),
            why=stuck.get(one, ""),
            stages=tuple(sorted(stages.get(one, ()))),
        )
        for one in connections_in(graph)
    ]
    return sorted(found, key=_place)


def _place(row: Listed) -> tuple[str, int, str, str]:
    return row.signal, row.info.order if row.info else 1_000_000, row.sender, row.receiver
