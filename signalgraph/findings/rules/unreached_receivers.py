"""An error in a receiver that kept the receivers after it from running."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph import names
from signalgraph.fates import ROLLED_BACK
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import dispatch_evidence, listed, receiver_evidence, tell, times
from signalgraph.findings.traffic import Ran, Traffic

STOPPED = frozenset({"not reached", "cancelled"})


def find(traffic: Traffic) -> Iterator[Finding]:
    for receiver, calls in traffic.calls.items():
        stopping = [ran for ran in calls.failed if stops(traffic, ran)]
        if stopping:
            yield _finding(traffic, receiver, stopping)


def stops(traffic: Traffic, ran: Ran) -> bool:
    """Whether others didn't run for its error, though what the signal tells of has happened.

    An error in `pre_save` or the like is a veto, and after a rollback nothing has happened.
    """
    if names.short(ran.seen.signal).startswith("pre_") or ran.fate == ROLLED_BACK:
        return False
    return bool(left_out(traffic, ran))


def left_out(traffic: Traffic, ran: Ran) -> list[str]:
    """The receivers that an error kept from running to their end."""
    stopped = (call for call in ran.seen.calls if call.status in STOPPED)
    return [call.receiver for call in stopped if call.connection in traffic.connections]


def _finding(traffic: Traffic, receiver: str, calls: list[Ran]) -> Finding:
    others = sorted({each for ran in calls for each in left_out(traffic, ran)})
    newest = max(calls, key=lambda ran: ran.at_us)
    errors = listed(sorted({ran.call.error or "an error" for ran in calls}))
    return tell(
        RULE.id,
        traffic,
        receiver,
        calls,
        f"{errors} in {receiver} kept {listed(others)} from hearing of {names.short(newest.seen.signal)}.",
        detail=f"Seen {times(len(calls))}. {newest.seen.method} ends with the first error; receivers run in the order "
        "in which they were connected.",
        more=[dispatch_evidence(newest), *(receiver_evidence(traffic.receivers[each][0]) for each in others[:3])],
    )


RULE = Rule(
    id="SG208",
    title="An error stopped later receivers",
    severity="error",
    seen="run",
    fix=(
        "Catch in the receiver what may fail there, send with send_robust and look at what comes back, or wrap the "
        "sender in transaction.atomic() so that all of it is taken back."
    ),
    explanation="Who ran and who did not depends on the order of connecting, which nobody reads off the code.",
    find=find,
)
