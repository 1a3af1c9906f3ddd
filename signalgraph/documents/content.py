"""What the pages tell, before it is written down: who runs for whom, in which turn, and what the code says of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.apps import apps
from msgspec.structs import replace

from signalgraph import names
from signalgraph.documents.django_signals import SAID
from signalgraph.documents.sources import Site, Sources
from signalgraph.events import ANY_SENDER, ConnectionInfo, DeadEntry, PendingSender, SignalInfo
from signalgraph.graph.firing import why_not_live
from signalgraph.recent import Miss, Step


@dataclass(frozen=True)
class Audience:
    """What runs for one sender, or for several senders alike; none of them named: for all but the `named` ones.

    `turns` run one after the other, `together` are coroutines, which Django awaits at the same time.
    """

    senders: tuple[str, ...]
    turns: tuple[ConnectionInfo, ...]
    together: tuple[ConnectionInfo, ...]
    named: frozenset[str] = frozenset()

    @property
    def rows(self) -> tuple[ConnectionInfo, ...]:
        return self.turns + self.together

    def is_for(self, sender: str) -> bool:
        return sender in self.senders if self.senders else sender not in self.named


@dataclass(frozen=True)
class Content:
    """All that is told. Connections stand in Django's order; their `order` counts those that are told only.

    `steps` and `called` (ids of connections) were seen in a log; `missed` are connections that a step never reached, as
    `signalgraph.recent.Miss`. `hides` says whether something is left out; `unheard`
    are signals that have no page, but stand in the snapshot.
    """

    title: str
    signals: Mapping[str, SignalInfo]
    connections: Sequence[ConnectionInfo]
    dead: Sequence[DeadEntry] = ()
    pending: Sequence[PendingSender] = ()
    sites: Sequence[Site] = ()
    steps: Collection[Step] = ()
    called: Collection[str] = ()
    missed: Collection[Miss] = ()
    sources: Sources | None = None
    with_lines: bool = False
    with_log: bool = False
    hides: bool = False
    unheard: Sequence[SignalInfo] = ()

    @cached_property
    def _by_signal(self) -> Mapping[str, list[ConnectionInfo]]:
        found: dict[str, list[ConnectionInfo]] = defaultdict(list)
        for row in self.connections:
            found[row.signal].append(row)
        return found

    def of_signal(self, signal: str) -> list[ConnectionInfo]:
        return self._by_signal.get(signal, [])

    def of_app(self, app: str) -> list[ConnectionInfo]:
        """The connections of an app's receivers."""
        return [row for row in self.connections if names.app_of(row.receiver) == app]

    def apps(self) -> list[str]:
        """The apps that have a receiver, a sender with receivers, or a signal that is told; the project's own first."""
        told = [*(row.receiver for row in self.connections), *(row.sender for row in self.connections), *self.signals]
        return sorted(
            {names.app_of(name) for name in told} - {"", "django"}, key=lambda app: (not self._is_own(app), app)
        )

    def _is_own(self, app: str) -> bool:
        config = apps.app_configs.get(app)
        return config is not None and self.sources is not None and self.sources.is_own(config.path)

    def summary(self, row: ConnectionInfo) -> str:
        return self.sources.summary(row.file, row.line) if self.sources else ""

    def comment(self, signal: str) -> str:
        """What a signal says: the comment above it; of Django's own what their documentation says, in short."""
        return SAID.get(signal) or (self.sources.comment(signal) if self.sources else "")

    def place(self, file: str | None, line: int | None) -> str:
        """Where code stands, the same on every machine; a line of the project's own code only, if asked for."""
        if file is None:
            return ""
        own = self.sources is not None and self.sources.is_own(file)
        path = names.relative_path(file).replace("\\", "/")
        return f"{path}:{line}" if line and own and self.with_lines else path


def audiences(connections: Iterable[ConnectionInfo]) -> list[Audience]:
    """Of one signal's connections: who runs for which sender, those for any sender at their place among the others."""
    rows = sorted(connections, key=lambda row: row.order)
    for_any = [row for row in rows if row.sender == ANY_SENDER]
    alike: dict[tuple[object, ...], list[str]] = defaultdict(list)
    heard: dict[str, list[ConnectionInfo]] = {}
    for sender in sorted({row.sender for row in rows} - {ANY_SENDER}):
        heard[sender] = [row for row in rows if row.sender in (sender, ANY_SENDER)]
        alike[tuple(_told(row) for row in heard[sender])].append(sender)
    found = [_audience(senders, heard[senders[0]]) for senders in alike.values()]
    return found + ([_audience([], for_any, frozenset(heard))] if for_any else [])


def _told(row: ConnectionInfo) -> tuple[object, ...]:
    return row.receiver, row.sender == ANY_SENDER, row.weak, row.is_async, row.dispatch_uid, why_not_live(row)


def _audience(senders: list[str], rows: list[ConnectionInfo], named: frozenset[str] = frozenset()) -> Audience:
    in_turn = tuple(row for row in rows if not row.is_async)
    return Audience(tuple(senders), in_turn, tuple(row for row in rows if row.is_async), named)


def turns(connections: Iterable[ConnectionInfo], row: ConnectionInfo) -> set[tuple[int, int]]:
    """The places of a connection among its signal's, each with how many run: one for each sender that it runs for."""
    rows = sorted(connections, key=lambda one: one.order)
    senders = {one.sender for one in rows} if row.sender == ANY_SENDER else {row.sender}
    heard = [[one for one in rows if one.sender in (sender, ANY_SENDER)] for sender in senders]
    return {(1 + sum(not one.is_async and one.order < row.order for one in run), len(run)) for run in heard}


def is_documented(row: ConnectionInfo) -> bool:
    """Whether documents tell of a connection unless all are asked for.

    Left out, beside what is left out everywhere, is what Django's own apps do after a migration: it is not the
    project's, and differs from one version of Django to the next.
    """
    migrating = row.signal.rpartition(".")[2] in ("pre_migrate", "post_migrate")
    return not names.is_plumbing(row) and not (migrating and row.receiver.startswith("django."))


def package_of(name: str) -> str:
    """The top package of a signal or receiver."""
    return name.removeprefix("partial(").partition(".")[0]


def renumbered(connections: Iterable[ConnectionInfo]) -> list[ConnectionInfo]:
    """The connections in their order, which counts from 1 within each signal."""
    found: list[ConnectionInfo] = []
    counts: dict[str, int] = defaultdict(int)
    for row in sorted(connections, key=lambda row: (row.signal, row.order)):
        counts[row.signal] += 1
        found.append(replace(row, order=counts[row.signal]))
    return found
