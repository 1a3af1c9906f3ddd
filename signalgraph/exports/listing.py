"""The connections of a drawn graph as rows of a table, whatever the view."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.exports.drawn import lines_of
from signalgraph.graph.figures import Figures


@dataclass(frozen=True)
class Listed:
    """One connection. `info` is None of what isn't connected (any more, or yet), `figures` where nothing was measured;
    `why` says of one that can't fire why not.

    `stages` are those of a focus or path in which its receiver stands; empty in other views.
    """

    id: str
    sender: str
    signal: str
    receiver: str
    info: ConnectionInfo | None
    figures: Figures | None
    can_fire: bool
    why: str
    gone: bool
    stages: tuple[int, ...] = ()

    @property
    def where(self) -> str:
        """Where the receiver is written: `shop/receivers.py:12`, never a path of one machine; empty if unknown."""
        if self.info is None or self.info.file is None:
            return ""
        path = names.relative_path(self.info.file)
        return f"{path}:{self.info.line}" if self.info.line else path


def list_connections(graph: nx.DiGraph[str]) -> list[Listed]:
    """Every connection of a view once: by signal, then in the order in which Django runs the receivers."""
    lines = [line for line in lines_of(graph) if line.kind == "connection"]
    stuck = {one: line.why for line in lines if not line.can_fire for one in line.connections}
    stages: dict[str, set[int]] = {one: set() for line in lines for one in line.connections}
    for line in lines:
        data = graph.nodes[line.target]
        if data["kind"] == "receiver" and "stage" in data:
            for one in line.connections:
                stages[one].add(int(data["stage"]))
    here = {one for line in lines if not line.gone for one in line.connections}
    rows, stats = graph.graph.get("rows", {}), graph.graph.get("stats", {})
    found = [
        Listed(
            one,
            *names.parse_connection_id(one),
            rows.get(one),
            stats.get(one),
            can_fire=one not in stuck,
            why=stuck.get(one, ""),
            gone=one not in here,
            stages=tuple(sorted(seen)),
        )
        for one, seen in stages.items()
    ]
    return sorted(found, key=_place)


def _place(row: Listed) -> tuple[str, int, str, str]:
    return row.signal, row.info.order if row.info else 1_000_000, row.sender, row.receiver
