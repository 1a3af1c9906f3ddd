"""Call sites: the frame that sent, which is the first one of the project's own code."""

from __future__ import annotations

import os
from typing import Any

import asgiref
import django

NEAR = 8  # frames that are looked at for the line that sent
# Frames of these are never "the line that sent": the caller's own code is above them,
PLUMBING = tuple(os.path.dirname(file or "") + os.sep for file in (django.__file__, asgiref.__file__, __file__))
# and above these is whoever runs the loop or the thread, who sent nothing.
LOOPS = tuple(os.path.dirname(os.__file__) + os.sep + name for name in ("asyncio", "concurrent", "threading"))
USER, DJANGO, LOOP = range(3)
MOST_FILES = 10_000  # of which it is remembered whose code they are


class _Kinds(dict[str, int]):
    """Whose code a file is."""

    def __missing__(self, file: str) -> int:
        found = DJANGO if file.startswith(PLUMBING) else LOOP if file.startswith(LOOPS) else USER
        if len(self) < MOST_FILES:  # code that is made at run time may come from a new file each time
            self[file] = found
        return found


kind_of = _Kinds().__getitem__


def outside(frame: Any) -> Any:
    """The first frame from here upwards that is the project's, or None when it isn't near."""
    for _ in range(NEAR):
        if frame is None:
            return None
        kind = kind_of(frame.f_code.co_filename)
        if kind != DJANGO:
            return frame if kind == USER else None
        frame = frame.f_back
    return None
