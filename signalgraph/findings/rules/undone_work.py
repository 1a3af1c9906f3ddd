"""Work without a query in a receiver whose transaction was rolled back later."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph.fates import ROLLED_BACK
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import milliseconds, several, tell
from signalgraph.findings.traffic import DULL_US, Ran, Traffic

TYPICALLY = 0.5  # of all its calls work so: one that mostly doesn't was held up by the machine
MOSTLY = 0.5  # of a call's own time is not spent around queries, or it may be the Python between them


def find(traffic: Traffic) -> Iterator[Finding]:
    for receiver, calls in traffic.calls.items():
        working = [ran for ran in calls.long if is_working(traffic, ran)]
        undone = [ran for ran in working if ran.call.status == "returned" and ran.fate == ROLLED_BACK]
        if undone and len(working) >= TYPICALLY * calls.count:
            yield _finding(traffic, receiver, undone, calls.count)


def is_working(traffic: Traffic, ran: Ran) -> bool:
    """Whether a call did something that takes time and is no query."""
    return traffic.unqueried_us(ran) >= max(DULL_US, MOSTLY * traffic.own_us(ran))


def _finding(traffic: Traffic, receiver: str, undone: list[Ran], of: int) -> Finding:
    durations = sorted(map(traffic.unqueried_us, undone))
    typical = milliseconds(durations[len(durations) // 2])
    detail = (
        f"That was so in {len(undone):,} of {several(of, 'call')}. The rollback took back what was written to the "
        "database and nothing else: mail, files and calls to other services, if it made any, stay."
    )
    sentence = f"{receiver} worked for {typical} without a query in a transaction that was rolled back later."
    return tell(RULE.id, traffic, receiver, undone, sentence, detail=detail, worst=traffic.unqueried_us)


RULE = Rule(
    id="SG206",
    title="Work was done for a transaction that was rolled back",
    severity="risk",
    seen="run",
    fix=(
        "Put what leaves the database off until it is sure: transaction.on_commit(partial(notify, order)). Keep in the "
        "receiver what the transaction decides about."
    ),
    explanation=(
        "A receiver that runs inside a transaction acts on rows that may never exist: a mail about a failed order."
    ),
    find=find,
)
