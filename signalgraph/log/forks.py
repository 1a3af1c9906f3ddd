"""Keeps open logs out of forks: none is in use while the process forks, and the child drops what it must not share.

This module is imported before the recorder registers its own fork handlers. Handlers run in reverse before a fork, so
the recorder's flusher is held first and can't wait for a log that is held here.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What a log must do around a fork."""

    def before_fork(self) -> None: ...

    def after_fork_in_parent(self) -> None: ...

    def after_fork(self) -> None: ...


_logs: weakref.WeakSet[Forkable] = weakref.WeakSet()
_held: list[Forkable] = []


def watch(log: Forkable) -> None:
    """Hold this log while the process forks, for as long as the log is referenced elsewhere."""
    _logs.add(log)


def _before() -> None:
    _held[:] = list(_logs)
    for log in _held:
        log.before_fork()


def _in_parent() -> None:
    for log in _held:
        log.after_fork_in_parent()
    _held.clear()


def _in_child() -> None:
    for log in _held:
        log.after_fork()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
