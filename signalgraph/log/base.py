"""The contract of a log. One test suite holds every log to it (`tests/test_log_contract.py`).

A log is append-only. A position is an integer that grows with every entry; a cursor is the string
``origin:position``, where the origin names this very log, so that a cursor of another log is told apart.
Totals are kept by the log in the same transaction as the entry that adds to them, so they are exact as of a
position and never shrink when old entries are pruned.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from signalgraph.events import Batch, Entry, Heartbeat, Process, Total, Wiring


class LogError(Exception):
    """A log can't be opened, read or written; the message says which, why and what to do."""


class LogBusy(LogError):
    """Another process writes to the log just now; the same call may work a moment later."""


class CursorError(ValueError):
    """A string that isn't a cursor; the message holds it and says what one looks like."""


class Keep(NamedTuple):
    """How much of a log is kept: the age in seconds and the size in bytes; None is no limit."""

    age_s: float | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class Hole:
    """What a reader can't be given. `reason` is "pruned" or "other-log", `cursor` the one that was asked for."""

    reason: str
    cursor: str


@dataclass(frozen=True)
class Page:
    """Entries after a cursor, oldest first, and the cursor to go on from. `more`: there are further ones now."""

    entries: list[tuple[int, Entry]]
    cursor: str
    hole: Hole | None = None
    more: bool = False


@dataclass(frozen=True)
class Totals:
    """Sums since the log began (`since`, at `since_ms`), as of `cursor`.

    They stand by (signal, sender filter, receiver), by unheard signal, of whole dispatches by signal, and by signal
    whose dispatches were only counted.
    """

    cursor: str
    since: str
    connections: dict[tuple[str, str, str], Total] = field(default_factory=dict)
    unheard: dict[str, int] = field(default_factory=dict)
    dispatched: int = 0
    since_ms: int = 0
    signals: dict[str, Total] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Control:
    """What viewers ask of recorders, and tell one another.

    `watched_until_ms`: somebody looks until then; `muted`: signal names; `accepted`: the reason for each finding that
    was accepted, by the entry that names it.
    """

    watched_until_ms: int = 0
    paused: bool = False
    muted: frozenset[str] = frozenset()
    accepted: Mapping[str, str] = field(default_factory=dict)


class Log(ABC):
    """Where recorders append and viewers read. Safe for use by several threads; processes open their own."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The log's address, in the form that `open_log` takes."""

    @abstractmethod
    def append(self, entry: Entry) -> str:
        """Add an entry, its totals and its process' heartbeat at once; return its cursor. Raises `LogError`."""

    @abstractmethod
    def be_patient(self, seconds: float) -> None:
        """How long a write waits for others before it raises `LogBusy`, where there is something to wait for."""

    @abstractmethod
    def beat(self, heartbeat: Heartbeat) -> None:
        """Say that a process lives (or, `ended`, that it has ended in order and lost nothing). Raises `LogError`."""

    @abstractmethod
    def tally(self, process: Process) -> memoryview:
        """64 unsigned 64-bit cells that outlive a crash of the process where the log can make them so.

        A recorder stores its running number n of ended dispatches in cell ``n % 64``. When a process is found dead
        without having ended in order, ``max(cells) - recorded - dropped`` is what it lost, to the dispatch.
        """

    @abstractmethod
    def heartbeats(self) -> list[Heartbeat]:
        """Every process known, newest sign of life first; dead ones are found and their loss is counted here."""

    @abstractmethod
    def end(self) -> str:
        """The cursor after the newest entry."""

    @abstractmethod
    def read(self, after: str | None = None, *, limit: int = 1000, dispatches: bool = True) -> Page:
        """At most `limit` entries after a cursor (None: from the oldest kept). Raises `CursorError`, `LogError`.

        A cursor of another log or one that pruning has passed gives a page from the oldest entry kept (after it), with
        its hole. Without `dispatches` the batches come with an empty `blob`, which is much faster.
        """

    @abstractmethod
    def recent(self, *, limit: int, since_us: int = 0) -> str:
        """A cursor after which at most `limit` entries follow, all made since `since_us` as far as clocks agree."""

    @abstractmethod
    def totals(self) -> Totals:
        """Exact totals without decoding one dispatch."""

    @abstractmethod
    def wirings(self) -> dict[str, Wiring]:
        """The newest wiring of each process, by process id."""

    @abstractmethod
    def trace(self, process_id: str, trace: int) -> list[Batch]:
        """The batches that may hold dispatches of a trace, oldest first; empty when they were pruned."""

    @abstractmethod
    def control(self) -> Control: ...

    @abstractmethod
    def change_control(self, change: Callable[[Control], Control]) -> Control:
        """Replace what viewers ask for by what `change` makes of it, and return that; nobody's change gets lost.

        `change` runs inside a transaction: it is short and doesn't use the log. Raises `LogError`.
        """

    def set_control(self, control: Control) -> None:
        """Replace what viewers ask for, whatever it was."""
        self.change_control(lambda _: control)

    @abstractmethod
    def wait(self, after: str, timeout_s: float) -> bool:
        """Block until there is an entry after the cursor (True) or the time is over (False)."""

    @abstractmethod
    def prune(self, *, max_age_s: float | None = None, max_bytes: int | None = None) -> int:
        """Remove the oldest entries past an age or size; return how many. Totals stay."""

    @abstractmethod
    def after_fork(self) -> None:
        """Called in a forked child before anything else: drop what must not be shared with the parent."""

    @abstractmethod
    def close(self) -> None: ...
