"""A made-up project: what its receivers dispatch follows from what they handle, so that all of its traces are known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import strategies as st
from wirings import connect, signals_of

from signalgraph.events import ConnectionInfo
from signalgraph.graph.build import connection_id
from signalgraph.graph.material import Ask, Material
from signalgraph.names import connection_id as handling
from signalgraph.names import parse_connection_id

SIGNALS = [f"app.signals.s{n}" for n in range(4)]
SENDERS = [f"app.M{n}" for n in range(4)]
RECEIVERS = [f"app.receivers.r{n}" for n in range(6)]
DEEPEST = 5

Dispatch = tuple[str, str]  # signal, sender


@dataclass
class Project:
    """`does`: what a receiver dispatches while it handles a sender's signal, by the id of that handling.

    `fails`: handlings that raise every other time, after that. Whoever sent it catches the error.
    """

    connections: list[ConnectionInfo]
    does: dict[str, list[Dispatch]]
    roots: list[Dispatch]
    fails: set[str] = field(default_factory=set)
    missed: Counter[tuple[str, str, str, str, str]] = field(default_factory=Counter)
    steps: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    set_off: Counter[tuple[str, str]] = field(default_factory=Counter)
    handled: Counter[str] = field(default_factory=Counter)
    did: dict[str, set[Dispatch]] = field(default_factory=dict)  # of `does`, what came about before `DEEPEST`

    def run(self) -> Project:
        """Send the roots and what follows, `DEEPEST` in a row at most."""
        for signal, sender in self.roots:
            self._dispatch(("", "", signal, sender), DEEPEST)
        return self

    def hearing(self, signal: str, sender: str) -> list[ConnectionInfo]:
        """As Django's `_live_receivers` chooses."""
        return [row for row in self.connections if row.signal == signal and row.sender in ("*", sender)]

    def _dispatch(self, step: tuple[str, str, str, str], deeper: int) -> None:
        connection, handled, signal, sender = step
        heard = self.hearing(signal, sender)
        for at, row in enumerate(heard, 1):
            own = handling(sender, signal, row.receiver)
            self.handled[own] += 1
            if connection:
                _, caused_by, receiver = parse_connection_id(connection)
                self.set_off[handling(handled, caused_by, receiver), own] += 1
            fails = own in self.fails and self.handled[own] % 2 == 1
            for then in self.does.get(own, ()) if deeper else ():
                self.steps[connection_id(row), sender, *then] += 1
                self.did.setdefault(own, set()).add(then)
                self._dispatch((connection_id(row), sender, *then), deeper - 1)
            if fails:
                self.missed.update((*step, connection_id(left)) for left in heard[at:])
                return

    @property
    def sent(self) -> Counter[Dispatch]:
        return Counter(self.roots)


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """A wiring of a few names, so that they meet often, run from a few roots; mostly what is sent is heard."""
    kinds = st.tuples(st.sampled_from(SIGNALS), st.sampled_from(["*", "*", *SENDERS]), st.sampled_from(RECEIVERS))
    # One receiver per signal and sender or for any of them: connected for both, it would run twice.
    found = draw(st.lists(kinds, unique_by=lambda one: (one[0], one[2]), min_size=4, max_size=14))
    rows = [connect(*kind, order) for order, kind in enumerate(found, 1)]
    handled = [
        (row.signal, sender, row.receiver)
        for row in rows
        for sender in (SENDERS if row.sender == "*" else [row.sender])
    ]
    heard = st.sampled_from([(signal, sender) for signal, sender, _ in handled])
    dispatches = st.one_of(heard, heard, heard, st.tuples(st.sampled_from(SIGNALS), st.sampled_from(SENDERS)))
    some = st.sampled_from([handling(sender, signal, receiver) for signal, sender, receiver in handled])
    does = draw(
        st.dictionaries(some, st.lists(dispatches, min_size=1, max_size=2, unique=True), min_size=2, max_size=8)
    )
    busy = st.sampled_from([parse_connection_id(one)[1::-1] for one in does])
    roots = draw(st.lists(st.one_of(busy, busy, dispatches), min_size=1, max_size=6))
    return Project(rows, does, roots, draw(st.sets(some, max_size=3))).run()


def material_of(project: Project) -> Material:
    rows = project.connections
    return Material(signals_of(rows), rows, rows, project.steps, stats={}, sent=project.sent, missed=project.missed)


@st.composite
def asks(draw: st.DrawFn) -> tuple[Project, Ask]:
    """A project that has connections, and a focus on something in it."""
    project = draw(projects())
    busy = [row for row in project.connections if any(step[0] == connection_id(row) for step in project.steps)]
    row = draw(st.sampled_from(busy or project.connections))
    ids = [f"signal:{row.signal}", f"receiver:{row.receiver}", connection_id(row)]
    ids += [f"sender:{row.sender}"] if row.sender != "*" else []
    depth, direction = draw(st.integers(0, 4)), draw(st.sampled_from(["down", "up", "both"]))
    return project, Ask("focus", draw(st.sampled_from(ids)), depth=depth, direction=direction)
