"""Tokens and code objects of records to names: the connections of a dispatch, and the line that sent it."""

from __future__ import annotations

from typing import Any

from django.db import connections

from signalgraph import names
from signalgraph.inert import writable
from signalgraph.recorder import dispatching
from signalgraph.recorder.sheets import Connection
from signalgraph.recorder.signals import Signals
from signalgraph.registry import Registry

REMEMBERED = 10_000  # entries of each table that only saves work
LONGEST_NAME = 80  # characters of an argument's name
KEY_BITS = 64  # of a primary key that is told: no database makes larger ones by itself
UNKNOWN = "?"


class Routes:
    """The connections through which the receivers of a dispatch were called. Used by the flusher's thread alone."""

    def __init__(self, registry: Registry, signals: Signals) -> None:
        self._registry = registry
        self._signals = signals
        self._known: dict[tuple[int, int, tuple[int, ...]], tuple[Connection, ...]] = {}
        self._last_seen: dict[tuple[str, int], tuple[str, str]] = {}

    def forget(self) -> None:
        """Look up again which connection a receiver call came through: the wiring has changed."""
        self._known.clear()

    def find(self, signal: int, sender: int, receivers: tuple[int, ...]) -> tuple[Connection, ...]:
        key = (signal, sender, receivers)
        route = self._known.get(key)
        if route is None:
            if len(self._known) > REMEMBERED:
                self._known.clear()
            route = self._known[key] = tuple(self._look_up(signal, sender, receivers))
        return route

    def _look_up(self, signal: int, sender: int, receivers: tuple[int, ...]) -> list[Connection]:
        name = self._signals.name(signal)
        label = sender_label(sender)
        live = self._signals.living(signal)
        rows = [] if live is None else [row for row in self._registry.rows(live) if row.info.sender in ("*", label)]
        rows.sort(key=lambda row: row.info.is_async)  # Django runs the sync ones first, each group in its order
        table = dispatching.RECEIVER_TABLE
        free = [(table.by_id.get(row.ident), row) for row in rows]
        route = []
        for token in receivers:
            found = next((pair for pair in free if pair[0] == token), None)
            if found is None:  # disconnected since; a sender filter that was never seen is not guessed
                unseen = (names.UNKNOWN_SENDER, table.labels.get(token, (UNKNOWN,))[0])
                route.append((name, *self._last_seen.get((name, token), unseen)))
            else:
                free.remove(found)
                route.append((name, found[1].info.sender, found[1].info.receiver))
                if len(self._last_seen) < REMEMBERED:
                    self._last_seen[name, token] = (found[1].info.sender, found[1].info.receiver)
        return route


class Sites:
    """Lines that sent."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int, int], str] = {}

    def find(self, code: Any, lasti: int) -> str:
        """`<file>:<line>` of an instruction."""
        # Not the code object as a key: it is compared by value, and kept alive.
        key = (code.co_filename, code.co_qualname, code.co_firstlineno, lasti)
        site = self._known.get(key)
        if site is None:
            if len(self._known) > REMEMBERED:
                self._known.clear()
            file = writable(names.relative_path(code.co_filename))
            site = self._known[key] = f"{file}:{line_of(code, lasti)}"
        return site


def sender_label(token: int) -> str:
    label: str = dispatching.SENDERS.labels.get(token, UNKNOWN)
    return label


def line_of(code: Any, lasti: int) -> int:
    """The line of an instruction, as `frame.f_lineno` would have said."""
    for start, end, line in code.co_lines():
        if start <= lasti < end and line is not None:
            return int(line)
    return int(code.co_firstlineno)


def argument_name(name: Any) -> str:
    """A name that stands in code; one that came with data (`**request.POST`) is a value."""
    return name if type(name) is str and name.isidentifier() and len(name) <= LONGEST_NAME else "(…)"


def facts_of(facts: tuple[Any, ...], sender: int) -> dict[str, Any]:
    """The flags of a model signal, each only as Django gives it: a project may send one with any value."""
    created, raw, using, update_fields, key = facts[:5]
    told: dict[str, Any] = {}
    if type(created) is bool:
        told["created"] = created
    if raw is True:
        told["raw"] = True
    if type(using) is str and using != "default" and using in connections.settings:
        told["using"] = writable(using)
    if update_fields is not None:
        known = dispatching.SENDERS.fields.get(sender, ())
        told["update_fields"] = sorted(writable(field) for field in update_fields if field in known)
    if type(key) is str or (type(key) is int and key.bit_length() <= KEY_BITS):
        told["pk"] = str(key)
    return told
