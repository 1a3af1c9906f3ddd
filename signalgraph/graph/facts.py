"""What a filter can ask: names, numbers, states; here, of a connection and of a signal. See `recorded` for the rest.

Nothing is computed before it is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import ClassVar, Protocol

from signalgraph import names
from signalgraph.events import ANY_SENDER, ConnectionInfo, SignalInfo
from signalgraph.figures import Stats
from signalgraph.graph.fields import Listed

_KINDS = {
    "django.db.models": "model",
    "django.contrib.auth": "auth",
    "django.core.signals": "request",
    "django.test": "test",
    "django.tasks": "task",
    "django.db": "database",
}
_MANAGEMENT = {"pre_migrate", "post_migrate"}
NAMES = (
    *("signal", "sender", "receiver", "app", "kind", "uid"),
    *("trace", "method", "status", "path", "process", "err"),
)  # that words are looked for in; a module is part of a receiver's name

app_of = lru_cache(maxsize=10_000)(names.app_of)


def kind_of(signal: str) -> str:
    """The kind of a signal by its name: model, auth, request, management, test, task, database, django or custom.

    >>> kind_of("django.db.models.signals.post_save"), kind_of("shop.signals.order_placed")
    ('model', 'custom')
    """
    if not signal.startswith("django."):
        return "custom"
    if signal.rpartition(".")[2] in _MANAGEMENT:
        return "management"
    return next((kind for package, kind in _KINDS.items() if signal.startswith(package + ".")), "django")


@dataclass(frozen=True)
class Reach:
    """What hops, or a ring of causes, come to: ids of handlings in the flow, and of their connections."""

    handlings: frozenset[str] = frozenset()
    connections: frozenset[str] = frozenset()


class Known(Protocol):
    """What is known besides what is listed; `Query` is one."""

    slow_us: float
    silent: Callable[[str], str]
    findings: Callable[[str], Collection[str]]

    @property
    def rings(self) -> Reach: ...

    @property
    def reached(self) -> Mapping[object, Reach]: ...

    def now(self) -> datetime: ...


@dataclass
class Facts(ABC):
    """Of one thing that is listed. `known` is what its filter knows besides."""

    known: Known
    listed: ClassVar[Listed]

    @abstractmethod
    def names(self, name: str) -> Iterable[str]:
        """What it has of a field that holds names; empty for a field that it hasn't."""

    @abstractmethod
    def number(self, name: str) -> float | None:
        """What it has of a field that is compared, in microseconds or a plain number; None where nothing is known."""

    @property
    @abstractmethod
    def states(self) -> Mapping[str, Callable[[], bool]]:
        """What `is:` can ask."""

    def share(self, name: str) -> float | None:
        """Percent of the time of the trace."""
        return None

    def is_in(self, reach: Reach) -> bool:
        """Whether it is, or ran, one of the connections that hops come to."""
        return False

    def has(self, state: str) -> bool:
        return state in self.states and self.states[state]()

    @cached_property
    def every_name(self) -> frozenset[str]:
        """What a word is looked for in."""
        return frozenset(each for name in NAMES for each in self.names(name))

    def _found(self, *ids: str) -> list[str]:
        return [rule for each in ids for rule in self.known.findings(each)]


@dataclass
class ConnectionFacts(Facts):
    """`handled` is the sender of a handling, where a receiver for any sender handled one."""

    info: ConnectionInfo
    stats: Stats | None
    handled: str | None = None
    listed = "connection"

    def names(self, name: str) -> Iterable[str]:
        info = self.info
        sender = info.sender if self.handled is None else self.handled
        if name in ("receiver", "module"):
            return (info.receiver,)
        if name == "signal":
            return (info.signal,)
        if name == "sender":
            return (sender,)
        if name == "app":
            return (app_of(info.receiver),)
        if name == "kind":
            return (kind_of(info.signal),)
        if name == "uid":
            return () if info.dispatch_uid is None else (info.dispatch_uid,)
        if name == "finding":
            own = names.connection_id(info.sender, info.signal, info.receiver)
            parts = (names.receiver_id(info.receiver), names.signal_id(info.signal), names.sender_id(sender))
            return self._found(own, *parts)
        return ()

    def number(self, name: str) -> float | None:
        return _figure(self.stats, name)

    def is_in(self, reach: Reach) -> bool:
        info = self.info
        if self.handled is not None:
            return names.connection_id(self.handled, info.signal, info.receiver) in reach.handlings
        return names.connection_id(info.sender, info.signal, info.receiver) in reach.connections

    @property
    def states(self) -> Mapping[str, Callable[[], bool]]:
        """`error`: raised in the window; `slow`: p95 at least the limit; `async` receiver; held `weak`; `called` in the
        window; `unused`: never called since the log began; `any` sender; `third-party`: defined in an installed
        package; `muted`: its signal is only counted; `cycle`: it was seen to set itself off in the end."""
        info = self.info
        return {
            **_called(self.stats, self.known.slow_us),
            "async": lambda: info.is_async,
            "weak": lambda: info.weak,
            "any": lambda: info.sender == ANY_SENDER,
            "third-party": lambda: names.is_third_party(info),
            "muted": lambda: bool(self.known.silent(info.signal)),
            "cycle": lambda: self.is_in(self.known.rings),
        }


@dataclass
class SignalFacts(Facts):
    """Of a signal by itself, as one without connections is listed."""

    info: SignalInfo
    stats: Stats | None
    listed = "signal"

    def names(self, name: str) -> Iterable[str]:
        if name == "signal":
            return (self.info.name, *self.info.aliases)
        if name == "app":
            return (app_of(self.info.name),)
        if name == "kind":
            return (kind_of(self.info.name),)
        return self._found(names.signal_id(self.info.name)) if name == "finding" else ()

    def number(self, name: str) -> float | None:
        stats = self.stats
        if name == "count" and stats is not None and not stats.window_calls:
            return max(stats.unheard, stats.ignored)
        return _figure(stats, name)

    @property
    def states(self) -> Mapping[str, Callable[[], bool]]:
        """`error`, `slow`, `called` and `unused` as of a connection; `orphan`: dispatched without any receiver."""
        stats = self.stats
        return {
            **_called(stats, self.known.slow_us),
            "orphan": lambda: self.info.receivers == 0 and stats is not None and stats.unheard > 0,
            "muted": lambda: bool(self.known.silent(self.info.name)),
        }


def _figure(stats: Stats | None, name: str) -> float | None:
    if stats is None:
        return None
    if name in ("dur", "p95"):
        return stats.p95_us
    if name == "count":
        return stats.window_calls
    if name == "rate":
        return stats.rate_per_s
    if name == "err":
        return stats.window_errors
    return stats.queries / stats.calls if name == "sql" and stats.calls else None


def _called(stats: Stats | None, slow_us: float) -> dict[str, Callable[[], bool]]:
    return {
        "error": lambda: stats is not None and stats.window_errors > 0,
        "slow": lambda: stats is not None and (stats.p95_us or 0.0) >= slow_us,
        "called": lambda: stats is not None and stats.window_calls > 0,
        "unused": lambda: stats is None or stats.calls + stats.unheard == 0,
    }
