"""Every name that we replace, in one table; installed while recording, the originals back by identity when not."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import FunctionType
from typing import Any

from asgiref.sync import AsyncToSync
from django.core.handlers.base import BaseHandler
from django.core.management.base import BaseCommand
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models.deletion import Collector
from django.db.models.query import QuerySet
from django.db.transaction import Atomic
from django.dispatch import Signal

from signalgraph.recorder import (
    causes,
    commits,
    dispatching,
    loops,
    outlines,
    proxies,
    queries,
    scopes,
    subclasses,
    tasks,
    transactions,
    writes,
)

# owner, name, what makes the replacement from the original; in the order of installing, so that `send` never runs
# without the `_live_receivers` that it counts on
TABLE: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
    (Signal, "_live_receivers", dispatching.recording_live_receivers),
    (Signal, "_log_robust_failure", dispatching.recording_robust_failure),
    (Signal, "send", partial(dispatching.recording_sync, method=0)),
    (Signal, "send_robust", partial(dispatching.recording_sync, method=1)),
    (Signal, "asend", partial(dispatching.recording_async, method=2)),
    (Signal, "asend_robust", partial(dispatching.recording_async, method=3)),
    (CursorWrapper, "_execute", queries.recording_execute),
    (CursorWrapper, "_executemany", queries.recording_execute),
    (Atomic, "__enter__", transactions.recording_enter),
    (Atomic, "__exit__", transactions.recording_exit),
    (BaseDatabaseWrapper, "on_commit", commits.recording_on_commit),
    (BaseDatabaseWrapper, "savepoint_rollback", commits.recording_savepoint_rollback),
    (BaseDatabaseWrapper, "run_and_clear_commit_hooks", commits.recording_commit_hooks),
    (QuerySet, "bulk_create", partial(writes.recording_write, operation=writes.BULK_CREATE)),
    (QuerySet, "bulk_update", partial(writes.recording_write, operation=writes.BULK_UPDATE)),
    (QuerySet, "update", partial(writes.recording_write, operation=writes.UPDATE)),
    (QuerySet, "_raw_delete", partial(writes.recording_write, operation=writes.FAST_DELETE)),
    (Collector, "can_fast_delete", writes.recording_can_fast_delete),
    (Collector, "delete", writes.recording_delete),
    (AsyncToSync, "__call__", loops.recording_async_to_sync),
    (BaseHandler, "resolve_request", causes.recording_resolve_request),
    (BaseCommand, "execute", scopes.recording_command),
)

# Only once a proxy has been handed out: requests of a test client connect and disconnect a lot.
FOR_PROXIES: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
    (Signal, "connect", proxies.recording_connect),
    (Signal, "disconnect", proxies.recording_connect),
)


@dataclass(frozen=True)
class Patch:
    owner: type
    name: str
    original: Any
    replacement: Any


# Ours that stand, or may stand, in the chain of a name, the lowest first: another tool's function can be between them,
# or above them all.
_stacks: dict[tuple[type, str], list[Patch]] = {(owner, name): [] for owner, name, _ in TABLE}
_subclasses: list[Any] = []  # what stood in the place of `Signal.__init_subclass__`, and ours
_on = False
_proxies_are_out = False
_switching = threading.RLock()


def install() -> None:
    """Replace every name; another tool's function that stands there is called, not dropped.

    Called again while recording, it sees to those that another tool has replaced since.
    """
    global _on
    with _switching:
        if not _on:
            dispatching.FLOOR = dispatching.next_span()
            dispatching.TRANSACTIONS.clear()  # those of before may have ended unseen
        for owner, name, replace in (*TABLE, *scopes.arrived(), *(FOR_PROXIES if _proxies_are_out else ())):
            _replace(owner, name, replace)
        tasks.connect_celery()
        if not _subclasses:
            found = vars(Signal).get("__init_subclass__")
            _subclasses[:] = found, subclasses.recording_init_subclass(found)
            setattr(Signal, "__init_subclass__", _subclasses[1])  # noqa: B010 - mypy
        _on = dispatching.ON = True
        subclasses.cover_all()


def _replace(owner: type, name: str, replace: Callable[[Any], Any]) -> None:
    found, stack = vars(owner).get(name), _stacks.setdefault((owner, name), [])
    for position, patch in enumerate(stack):
        if found is patch.replacement:  # what stood above it, is gone
            del stack[position + 1 :]
            return
    if type(found) is not FunctionType:
        return  # a mock, say, which is not called as a method is
    if _is_native(owner, name, found):
        stack.clear()  # whoever put it back has dropped ours
    elif owner is Signal and name in outlines.DISPATCHES:
        # Whether it calls ours below, or Django's, or none: an outline makes it one dispatch.
        replace = partial(outlines.recording_method, name=name)
        dispatching.UNHEARD.clear()
    elif stack and owner is not Signal:
        return  # it calls ours, or it would do the work of Django's method itself
    patch = Patch(owner, name, found, replace(found))
    setattr(owner, name, patch.replacement)
    stack.append(patch)


def _is_native(owner: type, name: str, found: FunctionType) -> bool:
    """Whether a function is the one that the class was made with."""
    return (
        found.__globals__ is vars(sys.modules[owner.__module__])
        and found.__qualname__ == f"{owner.__qualname__}.{name}"
        and "__wrapped__" not in vars(found)
    )


def uninstall() -> None:
    """Put the originals back, except where another tool has replaced ours since: ours then only passes through.

    Called again while paused, it sees to those that have come to light.
    """
    global _on
    with _switching:
        _on = dispatching.ON = False
        tasks.disconnect_celery()
        _restore()


def _restore() -> None:
    subclasses.uncover_all()
    if _subclasses and vars(Signal).get("__init_subclass__") is _subclasses[1]:
        if _subclasses[0] is None:
            del Signal.__init_subclass__
        else:
            setattr(Signal, "__init_subclass__", _subclasses[0])  # noqa: B010
        _subclasses.clear()
    for (owner, name), stack in reversed(_stacks.items()):
        while ours := [patch for patch in stack if vars(owner).get(name) is patch.replacement]:
            setattr(owner, name, ours[0].original)
            del stack[stack.index(ours[0]) :]


def _clean_up() -> None:
    """A replacement was called while paused: it has come to light, perhaps. Never waits, as the project is calling."""
    if _switching.acquire(blocking=False):
        try:
            if not _on:
                _restore()
        finally:
            _switching.release()


def _let_proxies_out() -> None:
    """A first proxy is about to be handed out: whoever connects or disconnects it means its receiver."""
    global _proxies_are_out
    with _switching:
        _proxies_are_out = True
        if _on:
            for owner, name, replace in FOR_PROXIES:
                _replace(owner, name, replace)
        proxies.before_first = proxies.nothing


dispatching.left_over = _clean_up
proxies.before_first = _let_proxies_out
scopes.before_command = lambda: install() if _on else None


def installed() -> bool:
    return _on


def _after_fork_in_child() -> None:
    global _switching
    _switching = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
