"""An error that `send_robust` turned into a return value."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph import names
from signalgraph.fates import COMMITTED, ROLLED_BACK
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import dispatch_evidence, listed, several, tell, times
from signalgraph.findings.traffic import Ran, Traffic

ROBUST = frozenset({"send_robust", "asend_robust"})


def find(traffic: Traffic) -> Iterator[Finding]:
    for receiver, calls in traffic.calls.items():
        # Where the transaction was rolled back, somebody has looked at what came back, or something else failed too.
        raised = [ran for ran in calls.failed if ran.seen.method in ROBUST]
        swallowed = [ran for ran in raised if ran.fate != ROLLED_BACK]
        if swallowed:
            yield _finding(traffic, receiver, swallowed, calls.count)


def _finding(traffic: Traffic, receiver: str, calls: list[Ran], of: int) -> Finding:
    newest = max(calls, key=lambda ran: ran.at_us)
    method = newest.seen.method
    committed = sum(ran.fate == COMMITTED for ran in calls)
    errors = listed(sorted({ran.call.error or "an error" for ran in calls}))
    detail = f"It raised {times(len(calls))} in {several(of, 'call')}. {method} logs the error, returns it among the "
    detail += "responses and goes on."
    if committed:
        detail += f" {times(committed).capitalize()} the transaction around it was committed all the same."
    end = "; the transaction was committed" if committed else ""
    sentence = f"{names.short(newest.seen.signal)}.{method} caught {errors} from {receiver}{end}."
    return tell(RULE.id, traffic, receiver, calls, sentence, detail=detail, more=[dispatch_evidence(newest)])


RULE = Rule(
    id="SG207",
    title="An error was swallowed by send_robust",
    severity="error",
    seen="run",
    fix=(
        "Look at the (receiver, response) pairs that send_robust returns and raise the errors that matter, or do by a "
        "plain call what the sender depends on."
    ),
    explanation=(
        "The sender goes on as if everything had been done. Inside a transaction the half that worked is committed."
    ),
    find=find,
)
