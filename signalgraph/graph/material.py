"""What a picture is asked to show, and what is known to draw it from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

from signalgraph import names
from signalgraph.events import ANY_SENDER, ConnectionInfo, PendingSender, SignalInfo
from signalgraph.graph.figures import Figures, Measure
from signalgraph.recent import Miss, Step

ViewName = Literal["wiring", "apps", "focus", "path"]
MAX_OBSERVED = 6
IN_A_MIGRATION = " in a migration"
Direction = Literal["down", "up", "both"]
VIEW_NAMES: tuple[ViewName, ...] = get_args(ViewName)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
MAX_DEPTH = 9  # that can be asked for in an address or a command


class ViewError(ValueError):
    """A picture that can't be drawn as asked: what is wrong, with which value, and what to do."""


class TooManyBoxes(ViewError):
    """More than can be laid out in a few seconds, or read. `depth` is the largest that can, None where none would."""

    def __init__(self, message: str, depth: int | None) -> None:
        super().__init__(message)
        self.depth = depth


@dataclass(frozen=True)
class Ask:
    """What a picture is asked to show: the same in an address, on the command line and in Python.

    Parameters
    ----------
    selection : an id (`sender:`, `signal:`, `receiver:`, `connection:`): what a focus is about, where a path starts.
    target : an id, where a path ends.
    depth : how many causes in a row a focus follows, from 0.
    direction : "down" to what the selection sets off, "up" to what led to it.
    open : labels of the apps that the apps view shows from inside.
    measure : which number is drawn, where there are any.
    """

    view: ViewName = "wiring"
    selection: str = ""
    target: str = ""
    depth: int = 3
    direction: Direction = "both"
    open: tuple[str, ...] = ()
    measure: Measure = "rate"


@dataclass(frozen=True)
class Material:
    """What is known: `connections` are those that a filter left, `unfiltered` all of them.

    Parameters
    ----------
    steps : observed causes, see `signalgraph.recent.Recent`.
    sent : dispatches that no receiver sent, by (signal, sender).
    missed : how often steps and `sent` did not reach a connection, as `signalgraph.graph.flow.build_flow` takes it.
    calls : all recorded calls by connection id.
    stats : figures by connection id, in the window that is drawn; None draws no numbers.
    pending : connects that wait for a model.
    """

    signals: Sequence[SignalInfo]
    connections: Sequence[ConnectionInfo]
    unfiltered: Sequence[ConnectionInfo]
    steps: Mapping[Step, int] = field(default_factory=dict)
    stats: Mapping[str, Figures] | None = None
    pending: Sequence[PendingSender] = ()
    sent: Mapping[tuple[str, str], int] = field(default_factory=dict)
    missed: Mapping[Miss, int] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_recorded(self) -> bool:
        """Whether a log was read; without one nothing is known of what receivers set off."""
        return self.stats is not None or bool(self.steps or self.sent or self.calls)

    @cached_property
    def observed(self) -> dict[str, set[str]]:
        """Who was seen sending what is heard for any sender, by signal.

        Senders that are drawn anyway, and others only where they are few: "any sender" says it better than fifty do.
        """
        heard = {row.signal for row in self.connections if row.sender == ANY_SENDER}
        drawn = {row.sender for row in self.connections}
        found: dict[str, set[str]] = {}
        for signal, sender in {*self.sent, *(step[2:] for step in self.steps)}:
            if signal in heard and sender not in (names.NO_SENDER, names.UNKNOWN_SENDER):
                found.setdefault(signal, set()).add(sender)
        return {signal: _few(senders, drawn) for signal, senders in found.items()}

    @cached_property
    def called(self) -> set[str]:
        """Ids of connections that ran."""
        drawn = (one for one, figures in (self.stats or {}).items() if figures.calls)
        return {*(one for one, calls in self.calls.items() if calls), *drawn}


def _few(senders: set[str], drawn: set[str]) -> set[str]:
    others = {sender for sender in senders - drawn if not sender.endswith(IN_A_MIGRATION)}
    return (senders & drawn) | (others if len(others) <= MAX_OBSERVED else set())
