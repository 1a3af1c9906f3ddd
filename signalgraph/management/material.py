"""What commands draw from: what is connected in this process, and what a log has recorded of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from signalgraph import conf, names, registry
from signalgraph.events import ConnectionInfo
from signalgraph.graph.figures import Figures
from signalgraph.graph.flow import build_flow
from signalgraph.graph.material import Material
from signalgraph.index import Index
from signalgraph.log import Log, LogError, open_log
from signalgraph.log.base import Control
from signalgraph.web.filtering import read_filter, tell

if TYPE_CHECKING:
    from signalgraph.index import Stats


OVER_S = 60.0  # without a sign of life


INSTEAD = {"--log": "leave out --log", "log=": "give log=None"}  # how to do without a log


class LogMissing(LogError):
    """There is no log where one was looked for; nothing was created."""


@contextmanager
def reading(url: str, *, named: str = "--log") -> Iterator[Index]:
    """What is known of a log; "" is the project's own. Nothing is created where there is none.

    `named` is what an error calls the URL, a key of `INSTEAD`.

    Raises `LogError` for a log that isn't there or can't be read, `SettingsError`.
    """
    if url and not _is_address(url):
        raise LogError(f"{named} is {url!r}; give the address of a log, as in sqlite:///absolute/path/log.sqlite3.")
    address = url or conf.resolve_log_url(conf.get_settings())
    path = address.removeprefix("sqlite://")
    if path != address and not Path(path).exists():
        raise LogMissing(f"There is no log at {path} yet. Record something first, or {INSTEAD[named]}.")
    log = open_log(address, writer=False)
    try:
        index = Index(log, clock=_clock_of(log))
        index.refresh()
        yield index
    finally:
        log.close()


def _is_address(url: str) -> bool:
    scheme, separator, rest = url.partition("://")
    return bool(separator) and (scheme == "memory" or (scheme == "sqlite" and rest.startswith("/")))


def _clock_of(log: Log) -> Callable[[], float]:
    """The time; of a log that nobody writes to any more its end: its last minutes are what there is to see."""
    newest_s = max((beat.seen_ms for beat in log.heartbeats()), default=0) / 1000
    return (lambda: newest_s) if time.time() - newest_s > OVER_S else time.time


def material_from_registry(
    *, query: str = "", everything: bool = False, log: str | None = None, named: str = "log="
) -> Material:
    """All that is needed to draw what is connected in this process.

    Parameters
    ----------
    query : only the connections that this filter leaves.
    everything : with the framework's own plumbing.
    log : the URL of a log whose counts and causes are added, "" for the project's own, None for none.
    named : what an error calls that URL, see `reading`.

    Raises `QueryError`, `LogError`, `SettingsError`.
    """
    if log is None:
        return _material(query, everything, None)
    with reading(log, named=named) as index:
        return _material(query, everything, index)


def _material(query: str, everything: bool, index: Index | None) -> Material:
    wiring = registry.REGISTRY.wiring_now(collect=True)
    rows = wiring.connections
    slow_ms = conf.get_settings().slow_ms
    stats = {} if index is None else {one: index.stats([one]) for one in index.totals}
    steps, sent, missed = ({}, {}, {}) if index is None else index.causes
    calls = {one: stat.calls for one, stat in stats.items()}
    asked = read_filter(query)
    tell(asked, index, Control if index is None else index.control, stats.get)
    flow = build_flow(rows, steps, sent=sent, missed=missed, calls=calls) if asked.asks_flow else None
    shown = [row for row in rows if everything or not names.is_plumbing(row)]
    chosen = asked.select(shown, stats_of=stats.get, flow=flow, unfiltered=rows)
    return Material(
        signals=wiring.signals,
        connections=chosen,
        unfiltered=rows,
        steps=steps,
        sent=sent,
        missed=missed,
        calls=calls,
        stats=None if index is None else _figures(rows, stats, slow_ms),
        pending=wiring.pending,
    )


def _figures(rows: list[ConnectionInfo], stats: dict[str, Stats], slow_ms: float) -> dict[str, Figures]:
    """Calls and errors since the log began; rate, p95 and time of the index' window."""
    ids = {names.connection_id(row.sender, row.signal, row.receiver) for row in rows}
    return {one: Figures.of_stats(stats[one], slow_ms) for one in sorted(ids & stats.keys())}
