"""The fields of the filter language: what each takes, and of what it can be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from signalgraph.events import METHODS, STATUSES
from signalgraph.graph.quantities import Kind

Listed = Literal["connection", "signal", "dispatch", "trace"]

_EVERY = frozenset[Listed](["connection", "signal", "dispatch", "trace"])
_WIRED = frozenset[Listed](["connection", "signal"])
_RECORDED = frozenset[Listed](["dispatch", "trace"])
_TRACE = frozenset[Listed](["trace"])


@dataclass(frozen=True)
class Field:
    """A field: `listed` says what has it; `measures` what it is compared with, None where it holds names.

    `choices` are all the values that there are, where there are few. A number that `has_names` can be asked for by
    name too. Of a trace, one that `is_whole` is of all of it and not of one of its dispatches.
    """

    name: str
    listed: frozenset[Listed]
    measures: Kind | None = None
    choices: tuple[str, ...] = ()
    needs_operator: bool = False
    has_names: bool = False
    is_whole: bool = False


STATES: dict[Listed, frozenset[str]] = {
    "connection": frozenset(
        ["error", "slow", "async", "weak", "unused", "called", "any", "third-party", "muted", "cycle"]
    ),
    "signal": frozenset(["error", "slow", "orphan", "unused", "called", "muted"]),
    "dispatch": frozenset(["error", "slow", "async", "any", "running", "after-commit", "repeats", "cycle"]),
    "trace": frozenset(
        ["error", "slow", "async", "any", "running", "after-commit", "repeats", "cycle", "rolled-back", "bypass"]
    ),
}
_STATES = (
    *("error", "slow", "async", "weak", "orphan", "unused", "called", "any", "third-party", "muted", "cycle"),
    *("running", "rolled-back", "after-commit", "repeats", "bypass"),
)

_ALL = (
    Field("signal", _EVERY),
    Field("sender", _EVERY),
    Field("receiver", _EVERY),
    Field("app", _EVERY),
    Field("module", _EVERY),
    Field("kind", _EVERY, is_whole=True),
    Field("is", _EVERY, choices=_STATES, is_whole=True),
    Field("finding", _EVERY),
    Field("dur", _EVERY, "duration", needs_operator=True, is_whole=True),
    Field("count", _EVERY, "number", is_whole=True),
    Field("err", _EVERY, "number", has_names=True, is_whole=True),
    Field("sql", _EVERY, "number", is_whole=True),
    Field("uid", _WIRED),
    Field("p95", _WIRED, "duration", needs_operator=True),
    Field("rate", _WIRED, "number", needs_operator=True),
    Field("method", _RECORDED, choices=METHODS),
    Field("status", _RECORDED, choices=tuple(status.replace(" ", "-") for status in STATUSES)),
    Field("path", _RECORDED, is_whole=True),
    Field("process", _RECORDED, is_whole=True),
    Field("trace", _RECORDED, is_whole=True),
    Field("ts", _RECORDED, "time", is_whole=True),
    Field("sql.dup", _RECORDED, "number", is_whole=True),
    Field("depth", _TRACE, "number", is_whole=True),
    Field("self", _TRACE, "duration", needs_operator=True),
)
FIELDS = {field.name: field for field in _ALL}
