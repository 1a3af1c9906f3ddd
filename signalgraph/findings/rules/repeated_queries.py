"""A receiver that runs the same query again and again in one call."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import milliseconds, several, tell
from signalgraph.findings.traffic import Ran, Traffic

FEWEST = 5  # times in one call; two or three of a kind are also made by code that has no loop


def find(traffic: Traffic) -> Iterator[Finding]:
    for receiver, calls in traffic.calls.items():
        repeating = [ran for ran in calls.repeating if ran.call.repeats >= FEWEST]
        if repeating:
            yield _finding(traffic, receiver, repeating, calls.count)


def _finding(traffic: Traffic, receiver: str, repeating: list[Ran], of: int) -> Finding:
    worst = max(repeating, key=_worst).call
    always = len({ran.call.repeated for ran in repeating}) == 1 and len(repeating) > 1 and worst.repeated != 0
    detail = (
        f"{several(worst.queries, 'query')} in that call took {milliseconds(worst.queries_us)} of "
        f"{milliseconds(worst.duration_us or 0.0)}. A query ran {FEWEST} times or more in {len(repeating):,} of "
        f"{several(of, 'call')}{', always the same one' if always else ''}."
    )
    sentence = f"{receiver} runs the same query up to {worst.repeats} times in one call."
    return tell(RULE.id, traffic, receiver, repeating, sentence, detail=detail, worst=_worst)


def _worst(ran: Ran) -> tuple[float, float]:
    return ran.call.repeats, ran.call.queries_us


RULE = Rule(
    id="SG204",
    title="The same query runs again and again in one call",
    severity="cost",
    seen="run",
    fix="Fetch it at once: select_related(), prefetch_related(), an aggregate, or filter(pk__in=...) before the loop.",
    explanation="A query for each row of a loop (N+1) is quick with a test's rows and slow with a customer's.",
    find=find,
)
