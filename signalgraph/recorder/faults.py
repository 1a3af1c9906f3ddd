"""The one boundary at which a failure of the recorder stops: counted, logged once, never in the project."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

logger = logging.getLogger("signalgraph")

Function = TypeVar("Function", bound=Callable[..., Any])

counted: dict[str, int] = {}


def contained(default: Any = None) -> Callable[[Function], Function]:
    """Decorate a function so that it answers `default` when it fails."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception:  # noqa: BLE001 - the named boundary
                report(function.__qualname__)
                return default

        return call  # type: ignore[return-value]

    return decorate


def report(where: str) -> None:
    """Count the exception that is being handled; log it with its traceback the first time."""
    counted[where] = counted.get(where, 0) + 1
    if counted[where] == 1:
        with contextlib.suppress(Exception):  # a project's handler of logs may fail, too
            logger.exception("signalgraph failed in %s; recording goes on, the project is not affected.", where)
