"""An ordinary function that `asend` has to run on a thread, though it queries nothing."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import milliseconds, several, tell
from signalgraph.findings.traffic import Ran, Traffic
from signalgraph.traces import Call, Seen

FEWEST = 3  # calls without a query: one may have taken another branch
TIMED = frozenset({"returned", "raised"})


def find(traffic: Traffic) -> Iterator[Finding]:
    for receiver, calls in traffic.calls.items():
        hops = [ran for ran in calls.on_a_loop if is_ordinary(ran.call)]
        if len(hops) >= FEWEST and all(is_needless(traffic, ran.seen) for ran in hops):
            yield _finding(traffic, receiver, hops)


def is_ordinary(call: Call) -> bool:
    """Whether it was called as an ordinary function: a coroutine has a time on the loop."""
    return call.busy_us is None and call.status in TIMED


def is_needless(traffic: Traffic, seen: Seen) -> bool:
    """Whether all ordinary receivers of a dispatch, which go to a thread together, could be coroutines.

    Not those that query, which needs a thread anyway, nor those that are not the project's to change.
    """
    for number, call in enumerate(seen.calls, 1):
        info = traffic.connections.get(call.connection)
        if is_ordinary(call) and (info is None or call.queries or names.is_third_party(info)):
            return False
        if is_ordinary(call) and (seen.id, number) in traffic.inside:
            return False
    return True


def _finding(traffic: Traffic, receiver: str, hops: list[Ran]) -> Finding:
    longest = milliseconds(max(ran.took_us for ran in hops))
    detail = (
        f"In {several(len(hops), 'call')}, of at most {longest} and without a query. The ordinary functions of several "
        "requests may share one thread, so it also waits for those of others."
    )
    sentence = f"{receiver} is no coroutine, so {hops[0].seen.method} hands it to a thread."
    return tell(RULE.id, traffic, receiver, hops, sentence, detail=detail, worst=lambda ran: ran.took_us)


RULE = Rule(
    id="SG213",
    title="An ordinary receiver runs on a thread under asend",
    severity="cost",
    seen="run",
    fix="Write it as a coroutine (async def), or send with send() where all receivers are ordinary functions.",
    explanation=(
        "asend hands all ordinary receivers to a thread and waits for it. For work of microseconds the way there and "
        "back costs more than the work."
    ),
    find=find,
)
