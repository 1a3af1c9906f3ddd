"""SQL of receivers: how many queries each one made and how long they took; never the text."""

from __future__ import annotations

import functools
import os
from threading import Lock, get_ident
from time import perf_counter_ns as clock
from typing import Any
from zlib import crc32

from signalgraph.events import RECEIVER_BITS
from signalgraph.recorder.clock import CLOSED, CURRENT, HEADER, IDENT, RUNNER, SQL
from signalgraph.recorder.faults import contained
from signalgraph.recorder.frames import uncounted

MOST_TEXTS = 2_000
LONGEST_TEXT = 2_000  # characters of a text that is remembered: a bulk insert has a million
SAVEPOINTS = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")  # each text with a name of its own

# (running receiver, ns, fingerprint) triples are folded where there are more: (receiver + (n - 1) * AGAIN, ns of all n,
# fingerprint) stands for n queries with the same text.
MOST_TRIPLES = 4_000
AGAIN = 1 << RECEIVER_BITS

_creating = Lock()
_folding = Lock()


class _Fingerprints(dict[str, int]):
    """Checksums of SQL texts; looking one up is cheaper than making it. The texts never leave this table."""

    def __missing__(self, sql: str) -> int:
        if sql.startswith(SAVEPOINTS):
            return crc32(sql.rpartition(" ")[0].encode())
        fingerprint = crc32(sql.encode(errors="replace"))
        if len(sql) <= LONGEST_TEXT:
            if len(self) >= MOST_TEXTS:
                self.clear()
            self[sql] = fingerprint
        return fingerprint


_fingerprints = _Fingerprints()


def fingerprint_of(sql: Any) -> int:
    """The same number for the same text in every process; 0 for what is no text (composed by a database's driver)."""
    return _fingerprints[sql] if type(sql) is str else 0


def triples_of(record: list[Any]) -> list[int]:
    """The list for a record's queries, also when several threads of its receivers come with the first."""
    with _creating:
        if record[SQL] is None:
            record[SQL] = []
        found: list[int] = record[SQL]
        return found


def hand_on(triples: list[int], record: list[Any], position: int) -> None:
    """Add the queries that were made for a receiver under a cell to those of its record."""
    found = triples_of(record)
    for many, ns, fingerprint in zip(*[iter(triples)] * 3, strict=True):
        found += (position + many // AGAIN * AGAIN, ns, fingerprint)


@contained()
def fold(triples: list[int]) -> None:
    """Keep one triple for each receiver and text, so that a receiver may query for hours."""
    if not _folding.acquire(blocking=False):
        return
    try:
        length = len(triples) // 3 * 3  # another thread may add to it meanwhile
        sums: dict[tuple[int, int], list[int]] = {}
        for at in range(0, length, 3):
            more, receiver = divmod(triples[at], AGAIN)
            key = receiver, triples[at + 2]
            if key not in sums and len(sums) > MOST_TRIPLES // 2:
                key = receiver, 0  # texts that are all different are only counted
            total = sums.setdefault(key, [0, 0])
            total[0] += 1 + more
            total[1] += triples[at + 1]
        triples[:length] = [
            value
            for (receiver, fingerprint), (count, ns) in sums.items()
            for value in (receiver + (count - 1) * AGAIN, ns, fingerprint)
        ]
    finally:
        _folding.release()


def _after_fork_in_child() -> None:
    """Another thread of the parent may have held them."""
    global _creating, _folding
    _creating, _folding = Lock(), Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


@uncounted
def recording_execute(original: Any) -> Any:
    """`CursorWrapper._execute` and `_executemany`: note (receiver, ns, fingerprint) in the record, if there is one."""

    # Named parameters, not *args, which cost 0.3 us a query. Django calls with these four and uses two.
    @functools.wraps(original)
    def execute(self: Any, sql: Any, params: Any = None, many: Any = None, context: Any = None) -> Any:
        record = CURRENT.get()
        if record is None or record[IDENT] == CLOSED:
            return original(self, sql, params, many, context)
        position = len(record) - HEADER if record[RUNNER] == get_ident() else 0  # 0: which receiver is not known
        start = clock()
        try:
            return original(self, sql, params, many, context)
        finally:
            if record[IDENT] != CLOSED:
                triples = record[SQL]
                if triples is None:
                    triples = triples_of(record)
                triples += (position, clock() - start, _fingerprints[sql] if type(sql) is str else 0)
                if len(triples) > 3 * MOST_TRIPLES:
                    fold(triples)

    return execute
