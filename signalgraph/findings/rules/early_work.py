"""Long work without a query in a receiver, while a transaction is open."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import milliseconds, several, tell
from signalgraph.findings.traffic import Ran, Traffic

SHARE_OF_SLOW = 0.5  # of SLOW_MS: others wait for the locks and the connection of an open transaction as well
FEWEST = 3  # calls: once may be a cold cache, twice a coincidence
OFTEN = 0.25  # of the calls in a transaction; below, a busy machine is as likely


def find(traffic: Traffic) -> Iterator[Finding]:
    least_us = traffic.slow_us * SHARE_OF_SLOW
    for receiver, calls in traffic.calls.items():
        long = [ran for ran in calls.long if ran.took_us >= least_us]
        early = [ran for ran in long if ran.fate is not None and traffic.unqueried_us(ran) >= least_us]
        if len(early) >= max(FEWEST, OFTEN * calls.transacted):
            yield _finding(traffic, receiver, early, calls.transacted, least_us)


def _finding(traffic: Traffic, receiver: str, early: list[Ran], of: int, least_us: float) -> Finding:
    durations = sorted(map(traffic.unqueried_us, early))
    detail = (
        f"{milliseconds(least_us)} or more in {len(early):,} of {several(of, 'call')} inside a transaction, at most "
        f"{milliseconds(durations[-1])}. What it does is not recorded; what takes so long without a query mostly waits "
        "for another service, sends mail, or renders."
    )
    typical = milliseconds(durations[len(durations) // 2])
    sentence = f"{receiver} works for {typical}, queries left out, while a transaction is open."
    return tell(RULE.id, traffic, receiver, early, sentence, detail=detail, worst=traffic.unqueried_us)


RULE = Rule(
    id="SG205",
    title="Slow work before the commit",
    severity="cost",
    seen="run",
    fix=(
        "If the transaction doesn't depend on it, put it off: transaction.on_commit(partial(send_receipt, order)), or "
        "start a task there. Else do it before the transaction begins."
    ),
    explanation=(
        "Locks are held and a connection is taken until the commit, and if the transaction is rolled back, what was "
        "done outside of the database stays."
    ),
    find=find,
)
