"""SQL of receivers: how many queries each one made and how long they took; never the text."""

from __future__ import annotations

import functools
from threading import get_ident
from time import perf_counter_ns as clock
from typing import Any
from zlib import crc32

from signalgraph.recorder.clock import CLOSED, CURRENT, HEADER, IDENT, RUNNER, SQL

MOST_TEXTS = 2_000


class _Fingerprints(dict[str, int]):
    """Checksums of SQL texts; looking one up is cheaper than making it. The texts never leave this table."""

    def __missing__(self, sql: str) -> int:
        fingerprint = crc32(sql.encode(errors="replace"))
        if len(self) < MOST_TEXTS:
            self[sql] = fingerprint
        return fingerprint


_fingerprints = _Fingerprints()


def fingerprint_of(sql: Any) -> int:
    """The same number for the same text in every process; 0 for what is no text (composed by a database's driver)."""
    return _fingerprints[sql] if type(sql) is str else 0


def recording_execute(original: Any) -> Any:
    """`CursorWrapper._execute` and `_executemany`: note (receiver, ns, fingerprint) in the record, if there is one."""

    @functools.wraps(original)
    def execute(self: Any, sql: Any, *args: Any, **named: Any) -> Any:
        record = CURRENT.get()
        if record is None or record[IDENT] == CLOSED:
            return original(self, sql, *args, **named)
        position = len(record) - HEADER if record[RUNNER] == get_ident() else 0  # 0: which receiver is not known
        start = clock()
        try:
            return original(self, sql, *args, **named)
        finally:
            if record[IDENT] != CLOSED:
                if record[SQL] is None:
                    record[SQL] = []
                record[SQL] += (position, clock() - start, fingerprint_of(sql))

    return execute
