"""One trace out of the log, by its id, with the ends of the transactions in and around it."""

from __future__ import annotations

import re
from collections.abc import Callable

from signalgraph.events import Batch, Cause, Process
from signalgraph.fates import Fates
from signalgraph.gathering import gather
from signalgraph.log.base import Log
from signalgraph.resolve import resolve, resolve_writes
from signalgraph.traces import Seen, Trace, TraceGone, Written

MOST_OUTER = 5  # causes around a trace in which the transactions around it are looked for
_TRACE_ID = re.compile(r"([0-9a-f]{16})-([0-9a-f]{1,15})", re.ASCII)


def parse_trace_id(trace_id: str) -> tuple[str, int]:
    """The process and the number of a trace. Raises `ValueError` for what isn't an id of one."""
    match = _TRACE_ID.fullmatch(trace_id)
    if match is None:
        raise ValueError(f"{trace_id[:80]!r} isn't the id of a trace; one looks like 00f1d2c3b4a59687-1a0000.")
    return match[1], int(match[2], 16)


def read_trace(
    log: Log, trace_id: str, known: Cause | None, around: Fates, find_process: Callable[[str], Process | None]
) -> Trace | None:
    """What the log has of a trace, None for nothing; `known` and `around` is what the reader remembers beside it.

    A cause in which nothing was dispatched is a trace too: others may have begun in it.
    """
    process, trace = parse_trace_id(trace_id)
    batches = log.trace(process, trace)
    found: list[Seen | Written] = [sent for batch in batches for sent in resolve(batch) if sent.trace == trace_id]
    found += [sent for batch in batches for sent in resolve_writes(batch) if sent.trace == trace_id]
    causes = [cause for batch in batches for cause in batch.causes if cause.id == trace]
    causes += [known] if known else []
    teller = batches[0].process if batches else find_process(process)
    if teller is None or not (found or causes):
        return None
    return gather(trace_id, teller, found, causes, _read_fates(log, process, batches, causes, around))


def _read_fates(log: Log, process: str, batches: list[Batch], causes: list[Cause], around: Fates) -> Fates:
    """The ends of the transactions of a trace, and of those of the causes around it: one of theirs may hold these."""
    fates = Fates(around)
    for _ in range(MOST_OUTER):
        for batch in batches:
            for transaction in batch.transactions:
                fates.add(0, process, transaction)
        outer = max((cause.outer for cause in causes), default=0)
        if not outer:
            break
        batches = log.trace(process, outer)
        causes = [cause for batch in batches for cause in batch.causes if cause.id == outer]
    return fates


def miss(log: Log, trace_id: str) -> Trace:
    """Raises `TraceGone` for a trace that isn't in the log."""
    raise TraceGone(
        f"Trace {trace_id} isn't in the log {log.url}: it was recorded elsewhere, or it is older than what "
        'SIGNALGRAPH["KEEP"] keeps. Raise KEEP to look further back.'
    )
