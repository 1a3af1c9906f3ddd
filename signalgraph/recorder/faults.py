"""The one boundary at which a failure of the recorder stops: counted, logged once, never in the project."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
from collections.abc import Callable
from types import FrameType
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
            except Exception as exc:
                if is_interruption(exc):
                    raise
                report(function.__qualname__)
                return default

        return call  # type: ignore[return-value]

    return decorate


def is_interruption(exc: BaseException) -> bool:
    """Whether an error is that of a handler of the operating system's signals, which can raise anywhere, in here too.

    It is the project's (a time limit, say), and has to get there. A handler is known by its argument: a frame.
    """
    traceback = exc.__traceback__
    while traceback is not None:
        frame, traceback = traceback.tb_frame, traceback.tb_next
        if not str(frame.f_globals.get("__name__")).startswith("signalgraph."):
            given = inspect.getargvalues(frame)
            values = [given.locals.get(name) for name in given.args]
            values += given.locals.get(given.varargs or "", ())
            if any(type(value) is FrameType for value in values):
                return True
    return False


def report(where: str) -> None:
    """Count the exception that is being handled; log it with its traceback the first time."""
    counted[where] = counted.get(where, 0) + 1
    if counted[where] == 1:
        with contextlib.suppress(Exception):  # a project's handler of logs may fail, too
            logger.exception("signalgraph failed in %s; recording goes on, the project is not affected.", where)
