"""SQL of receivers: how many queries each one made and how long they took; never the text."""

from __future__ import annotations

import functools
from time import perf_counter_ns as clock
from typing import Any

from signalgraph.recorder.clock import CLOSED, CURRENT, HEADER, IDENT, SQL


def recording_execute(original: Any) -> Any:
    """`CursorWrapper._execute` and `_executemany`: note (running receiver, ns) in the record, if there is one."""

    @functools.wraps(original)
    def execute(self: Any, *args: Any, **named: Any) -> Any:
        record = CURRENT.get()
        if record is None or record[IDENT] == CLOSED:
            return original(self, *args, **named)
        position = len(record) - HEADER
        start = clock()
        try:
            return original(self, *args, **named)
        finally:
            if record[IDENT] != CLOSED:
                if record[SQL] is None:
                    record[SQL] = []
                record[SQL] += (position, clock() - start)

    return execute
