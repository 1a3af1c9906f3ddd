"""Frames of ours that nobody counts: `stacklevel` finds the line that it finds without us.

`warnings` and `logging` pass over frames of files whose name has both "importlib" and "_bootstrap" in it (their
`_is_internal_frame`, Python 3.11-3.14), and Django's warnings that skip its own files would stop at ours.
"""

from __future__ import annotations

import linecache
from types import CodeType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Any)

MARK = " (passed over as importlib._bootstrap)"


def uncounted(function: Function) -> Function:
    """Decorate a function whose frame, or that of a function it makes, stands between the project and Django.

    Its code says another file, which begins with the true one; `linecache` still finds its lines for tracebacks.
    """
    function.__code__ = _elsewhere(function.__code__)
    linecache.lazycache(function.__code__.co_filename, function.__globals__)
    return function


def _elsewhere(code: CodeType) -> CodeType:
    within = tuple(_elsewhere(part) if isinstance(part, CodeType) else part for part in code.co_consts)
    return code.replace(co_filename=code.co_filename + MARK, co_consts=within)
