"""What became of each receiver of a dispatch: clock readings, errors and queries of a record become outcomes."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from signalgraph.events import METHODS, STATUSES
from signalgraph.inert import writable
from signalgraph.recorder.clock import (
    ASYNC,
    ERROR,
    FAILURES,
    HEADER,
    METHOD,
    RECEIVERS,
    RUNNER,
    SPAN,
    SQL,
    SYNC,
    THREAD,
)
from signalgraph.recorder.queries import AGAIN

RETURNED, RAISED, NOT_REACHED, CANCELLED, RUNNING, NOT_TIMED, WAITING = range(len(STATUSES))
CANCELLATIONS = ("CancelledError", "GeneratorExit")
ASEND = METHODS.index("asend")  # the first that is a coroutine

Record = tuple[Any, ...]  # see `clock`


class Spent(NamedTuple):
    """Queries, their time, how often the most frequent one ran (0: none ran twice) and its fingerprint."""

    queries: int = 0
    ns: int = 0
    repeats: int = 0
    repeated: int = 0


NO_SQL = Spent()


class Outcome(NamedTuple):
    """One receiver in one dispatch. `begin` is a clock reading."""

    status: int
    begin: int | None = None
    duration: int | None = None
    busy: int | None = None
    error: str | None = None
    spent: Spent = NO_SQL


def status_of(error: str | None) -> int:
    if error is None:
        return RETURNED
    return CANCELLED if error in CANCELLATIONS else RAISED


def outcomes_of(record: Record) -> list[Outcome]:
    """What became of the receivers of a dispatch that has ended, in their order."""
    receivers, concurrent, error = record[RECEIVERS] or (), record[ASYNC], record[ERROR]
    sync = len(receivers) if concurrent is None else record[SYNC]
    # On 5.2 and 6.0 `asend` runs the sync group beside the async one, and an async receiver's error ends both. On a
    # thread of its own, the group goes on: nobody can cancel it.
    elsewhere = concurrent is not None and any(len(call) > 2 and call[4] == error for call in concurrent)
    elsewhere = elsewhere or (error in CANCELLATIONS and record[RUNNER] != record[THREAD])
    outcomes = sync_outcomes(sync, record[HEADER:-1], record[-1], None if elsewhere else error, record[FAILURES])
    if concurrent is not None:
        rest = NOT_TIMED if error is None else NOT_REACHED
        outcomes += async_outcomes(record[SPAN] + sync + 1, len(receivers) - sync, concurrent, rest)
    return _with_queries(outcomes, record[SQL])


def outcomes_so_far(record: Record) -> list[Outcome]:
    """The same of a dispatch that is running; its record has no reading at the end."""
    receivers, concurrent, ticks = record[RECEIVERS] or (), record[ASYNC], record[HEADER:]
    sync = len(receivers) if concurrent is None else record[SYNC]
    if sync and not ticks:
        # Without `asend`, nothing comes between Django's asking who listens and its loop: another tool runs them.
        outcomes = [Outcome(WAITING if record[METHOD] >= ASEND else NOT_TIMED)] * sync
    else:
        begun = min(sync, len(ticks))
        outcomes = sync_outcomes(begun, ticks, 0, None, record[FAILURES]) + [Outcome(WAITING)] * (sync - begun)
    if concurrent is not None:
        outcomes += async_outcomes(record[SPAN] + sync + 1, len(receivers) - sync, concurrent, WAITING)
    return _with_queries(outcomes, record[SQL])


def _with_queries(outcomes: list[Outcome], queries: tuple[int, ...] | None) -> list[Outcome]:
    for position, spent in queries_by_position(queries).items() if queries else ():
        if 1 <= position <= len(outcomes):  # 0: nobody knows whose
            outcomes[position - 1] = outcomes[position - 1]._replace(spent=spent)
    return outcomes


def sync_outcomes(
    count: int, ticks: Record, end: int, error: str | None, failures: tuple[Any, ...] | None
) -> list[Outcome]:
    """What became of the sync receivers: one reading before each and one when Django's loop was through.

    Without an error a loop that isn't through goes on after its dispatch has ended.
    """
    if not ticks and count:
        return [Outcome(NOT_TIMED)] * count
    caught = dict(zip(failures[::2], failures[1::2], strict=True)) if failures else {}
    through = len(ticks) > count
    outcomes: list[Outcome] = []
    for index in range(count):
        if index >= len(ticks):
            outcomes.append(Outcome(NOT_TIMED if error is None else NOT_REACHED))
            continue
        is_last = not through and index == len(ticks) - 1
        if error is None and is_last:
            outcomes.append(Outcome(RUNNING, ticks[index]))
            continue
        stop = ticks[index + 1] if index + 1 < len(ticks) else end
        name = caught.get(index + 1)
        if name is None and is_last:
            name = error
        outcomes.append(Outcome(status_of(name), ticks[index], stop - ticks[index], None, told_name(name)))
    return outcomes


def async_outcomes(first_span: int, count: int, calls: tuple[Record, ...], rest: int) -> list[Outcome]:
    """What became of the async receivers; `rest`: the status of those that have not begun."""
    began = {call[0]: call[1] for call in calls if len(call) == 2}
    ended = {call[0]: call for call in calls if len(call) > 2}
    outcomes: list[Outcome] = []
    for span in range(first_span, first_span + count):
        if span in ended:
            _, begin, end, busy, name, queries = ended[span]
            outcomes.append(Outcome(status_of(name), begin, end - begin, busy, told_name(name), spent_on(queries)))
        elif span in began:
            outcomes.append(Outcome(RUNNING, began[span]))
        else:
            outcomes.append(Outcome(rest))
    return outcomes


def told_name(error: str | None) -> str | None:
    """The name of an error's type as a log can hold it."""
    return None if error is None else writable(error)


def queries_by_position(queries: tuple[int, ...]) -> dict[int, Spent]:
    """(running receiver, ns, fingerprint) triples to what each receiver spent."""
    positions = queries[::3]
    if len(set(positions)) == 1:
        return {positions[0] % AGAIN: spent_on(queries)}
    by_position: dict[int, list[int]] = {}
    for at, position in enumerate(positions):
        by_position.setdefault(position % AGAIN, []).extend(queries[3 * at : 3 * at + 3])
    return {position: spent_on(tuple(own)) for position, own in by_position.items()}


def spent_on(queries: tuple[int, ...]) -> Spent:
    """What one receiver's queries come to, out of (running receiver, ns, fingerprint) triples."""
    if not queries:
        return NO_SQL
    fingerprints, count = queries[2::3], len(queries) // 3
    often = Counter(filter(None, fingerprints))
    if max(queries[::3]) >= AGAIN:  # folded
        more = [position // AGAIN for position in queries[::3]]
        count += sum(more)
        for fingerprint, again in zip(fingerprints, more, strict=True):
            often[fingerprint] += again
        del often[0]
    repeated, repeats = often.most_common(1)[0] if often else (0, 0)
    if repeats < 2:
        return Spent(count, sum(queries[1::3]))
    return Spent(count, sum(queries[1::3]), repeats, repeated)
