"""Receivers that wait for an event loop: what runs there for them is theirs, on whichever thread the loop is."""

from __future__ import annotations

import contextlib
import functools
from threading import get_ident
from typing import Any

from signalgraph.recorder.clock import CELL, CLOSED, CURRENT, IDENT, RUNNER, SPAN, SQL, cell_of
from signalgraph.recorder.frames import uncounted
from signalgraph.recorder.queries import hand_on


@uncounted
def recording_async_to_sync(original: Any) -> Any:
    """`AsyncToSync.__call__`: the receiver that calls it waits, so all that is sent in there was sent by it."""

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **named: Any) -> Any:
        record = CURRENT.get()
        if record is None or record[IDENT] in (CELL, CLOSED) or record[RUNNER] != get_ident():
            return original(self, *args, **named)
        cell = cell_of(record, record[RUNNER])
        outer = CURRENT.set(cell)
        try:
            return original(self, *args, **named)
        finally:
            with contextlib.suppress(ValueError):  # collected in another context: not ours to change
                CURRENT.reset(outer)
            cell[IDENT] = CLOSED
            if cell[SQL]:
                hand_on(cell[SQL], record, cell[SPAN] - record[SPAN])

    return __call__
