"""Every name that we replace, in one table; installed while recording, the originals back by identity when not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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

from signalgraph.recorder import causes, commits, dispatching, loops, queries, scopes, tasks, transactions, writes

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


@dataclass(frozen=True)
class Patch:
    owner: type
    name: str
    original: Any
    replacement: Any


_installed: list[Patch] = []
_left_under: dict[tuple[type, str], Patch] = {}  # ours, with another tool's replacement above it


_switching = threading.Lock()


def install() -> None:
    """Replace every name; another tool's function that stands there is called, not dropped."""
    with _switching:
        if _installed:
            _install_arrived()
            return
        dispatching.FLOOR = dispatching.next_span()
        dispatching.TRANSACTIONS.clear()
        causes.resume()
        for owner, name, replace in TABLE:
            _replace(owner, name, replace)
        _install_arrived()
        dispatching.ON = True


def _replace(owner: type, name: str, replace: Callable[[Any], Any]) -> None:
    found = vars(owner)[name]
    patch = _left_under.pop((owner, name), None)
    if patch is None or found is patch.original:
        patch = Patch(owner, name, found, replace(found))
        setattr(owner, name, patch.replacement)
    _installed.append(patch)


def _install_arrived() -> None:
    """What is loaded in few processes, and not for us: looked for again each second, and before a command."""
    tasks.connect_celery()
    for owner, name, replace in scopes.arrived():
        if all((patch.owner, patch.name) != (owner, name) for patch in _installed):
            _replace(owner, name, replace)


scopes.before_command = lambda: install() if _installed else None


def uninstall() -> None:
    """Put the originals back, except where another tool has replaced ours since: ours then only passes through."""
    with _switching:
        dispatching.ON = False
        tasks.disconnect_celery()
        for patch in reversed(_installed):
            if vars(patch.owner)[patch.name] is patch.replacement:
                setattr(patch.owner, patch.name, patch.original)
            else:
                _left_under[patch.owner, patch.name] = patch
        _installed.clear()


def installed() -> bool:
    return bool(_installed)
