"""What can be selected or has a page of its own: a signal, a sender, a receiver, with what is known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from signalgraph import conf, names
from signalgraph.events import ANY_SENDER, ConnectionInfo
from signalgraph.web.scope import Scope, connection_id
from signalgraph.web.sourcing import excerpt

if TYPE_CHECKING:
    from signalgraph.index import Stats
    from signalgraph.traces import Call, Seen

KINDS = ("signal", "sender", "receiver")
MAX_CAUSES = 8


@dataclass(frozen=True)
class Step:
    """A line of the neighbourhood, `depth` steps in; `note` stands on its right."""

    kind: str
    name: str
    depth: int
    note: str = ""
    is_here: bool = False


@dataclass(frozen=True)
class Place:
    """Where something is written: the path for people, and the link into an editor where one is set."""

    path: str
    line: int
    url: str
    lines: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class NewestError:
    trace_id: str
    error: str
    receiver: str
    start_us: int


@dataclass(frozen=True)
class Subject:
    """A selected thing. `connections` are its own, in the order in which they run."""

    kind: str
    name: str
    connections: list[ConnectionInfo]
    stats: Stats
    unheard: int = 0
    silent: str = ""  # of a signal: why it is only counted ("muted", "IGNORE")

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def is_async(self) -> bool:
        return self.kind == "receiver" and any(row.is_async for row in self.connections)

    @property
    def badges(self) -> list[str]:
        """How a receiver is held: weak, strong, async, more than one connection."""
        if self.kind != "receiver" or not self.connections:
            return []
        held = sorted({"weak" if row.weak else "strong" for row in self.connections})
        return [*held, *(["async"] if self.is_async else [])]


def split_id(text: str) -> tuple[str, str] | None:
    """Kind and name of a prefixed id; None for a text that is none.

    A connection stands for its receiver, a port for its signal.
    """
    kind, colon, name = text.partition(":")
    if kind == "port":
        return "signal", name.partition("|")[0]
    if kind == "connection":
        try:
            return "receiver", names.parse_connection_id(text)[2]
        except ValueError:
            return None
    return (kind, name) if colon and name and kind in KINDS else None


def find_subject(scope: Scope, kind: str, name: str) -> Subject | None:
    """The signal, sender or receiver of that name, whatever the filter; None where nobody knows it."""
    rows = [row for row in scope.wiring.connections if getattr(row, kind) == name]
    rows.sort(key=lambda row: (row.signal, row.order))
    ids = [connection_id(row) for row in rows]
    if kind == "signal":
        counted = name in scope.index.unheard or name in scope.index.ignored
        known = bool(rows) or counted or any(info.name == name for info in scope.wiring.signals)
        stats = scope.index.signal_stats(name, scope.state.window_s)
        unheard, silent = scope.index.unheard.get(name, 0), scope.silence_of(name)
        return Subject(kind, name, rows, stats, unheard, silent) if known else None
    if not rows:
        part = 0 if kind == "sender" else 2
        ids = [each for each in scope.index.totals if names.parse_connection_id(each)[part] == name]
    seen = kind == "sender" and any(name == each.sender for trace in scope.traces for each in trace.dispatches)
    return Subject(kind, name, rows, scope.stats(ids)) if rows or ids or seen else None


def heard_by(scope: Scope, signal: str, sender: str) -> list[ConnectionInfo]:
    """The connections that a dispatch runs, in order."""
    rows = [row for row in scope.wiring.connections if row.signal == signal and row.sender in (sender, ANY_SENDER)]
    return sorted(rows, key=lambda row: row.order)


def neighbourhood(scope: Scope, subject: Subject) -> list[Step]:
    """What leads to a subject and what it leads to, by connections and observed causes; paths, not lines that meet."""
    own = {connection_id(row) for row in subject.connections}
    heard = {(row.signal, row.sender) for row in subject.connections}
    causes: Counter[str] = Counter()
    for (cause, signal, sender), count in scope.edges.items():
        if (signal, sender) in heard or (signal, ANY_SENDER) in heard:
            causes[names.parse_connection_id(cause)[2]] += count
    steps = [Step("receiver", name, 0, f"causes {count}") for name, count in causes.most_common(MAX_CAUSES)]
    for row in subject.connections:
        here = [row.sender, row.signal, row.receiver]
        for depth, (kind, name) in enumerate(zip(("sender", "signal", "receiver"), here, strict=True)):
            step = Step(kind, name, depth, _note(scope, kind, row), kind == subject.kind)
            previous = [each for each in steps if each.depth <= depth]
            if step not in previous[-1:]:
                steps.append(step)
        steps.extend(_caused(scope, connection_id(row)))
    return _without_repeats(steps) if own else steps


def _note(scope: Scope, kind: str, row: ConnectionInfo) -> str:
    if kind == "receiver":
        calls = scope.stats([connection_id(row)]).window_calls
        return f"{calls} calls" if calls != 1 else "1 call"
    return ""


def _caused(scope: Scope, cause: str) -> list[Step]:
    steps = []
    for (each, signal, sender), count in sorted(scope.edges.items()):
        if each == cause:
            steps.append(Step("signal", signal, 3, f"{count} caused"))
            steps.extend(Step("receiver", row.receiver, 4) for row in heard_by(scope, signal, sender))
    return steps


def _without_repeats(steps: list[Step]) -> list[Step]:
    """The same sender and signal above several receivers are said once."""
    open_at: dict[int, str] = {}
    kept = []
    for step in steps:
        if step.depth < 2 and open_at.get(step.depth) == f"{step.kind}:{step.name}":
            continue
        open_at = {depth: name for depth, name in open_at.items() if depth < step.depth}
        open_at[step.depth] = f"{step.kind}:{step.name}"
        kept.append(step)
    return kept


def place_of(file: str | None, line: int | None, *, with_lines: bool = False) -> Place | None:
    """Where something is written; None where that isn't known."""
    if not file or not line:
        return None
    pattern = conf.get_settings().editor
    url = pattern.replace("{path}", file).replace("{line}", str(line)) if pattern else ""
    lines = excerpt(file, line) if with_lines and file.endswith(".py") else []
    return Place(names.relative_path(file), line, url, lines)


def newest_error(scope: Scope, subject: Subject) -> NewestError | None:
    """The newest failed call of a subject in the window."""
    for trace in scope.traces:
        for seen in reversed(trace.dispatches):
            for call in seen.calls:
                if call.error and _concerns(subject, seen, call):
                    return NewestError(trace.id, call.error, call.receiver, seen.start_us)
    return None


def _concerns(subject: Subject, seen: Seen, call: Call) -> bool:
    values: Mapping[str, str] = {"signal": seen.signal, "sender": seen.sender, "receiver": call.receiver}
    return values[subject.kind] == subject.name
