"""A coroutine that keeps the event loop of its sender busy."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import milliseconds, several, tell
from signalgraph.findings.traffic import Ran, Traffic

BUSY_US = 50_000.0  # half of what asyncio's debug mode calls slow (loop.slow_callback_duration)


def find(traffic: Traffic) -> Iterator[Finding]:
    for receiver, calls in traffic.calls.items():
        # `send` runs coroutines on a loop of their own, where they are in nobody's way.
        on_the_loop = [ran for ran in calls.on_a_loop if ran.call.busy_us is not None]
        blocking = [ran for ran in on_the_loop if busy_us(ran) >= BUSY_US]
        if blocking:
            yield _finding(traffic, receiver, blocking, len(on_the_loop))


def busy_us(ran: Ran) -> float:
    """The time of all its steps on the event loop."""
    return ran.call.busy_us or 0.0


def _finding(traffic: Traffic, receiver: str, blocking: list[Ran], of: int) -> Finding:
    longest = max(blocking, key=busy_us)
    detail = (
        f"That call took {milliseconds(longest.took_us)} in all. {milliseconds(BUSY_US)} or more on the loop in "
        f"{len(blocking):,} of {several(of, 'call')}; all steps of a call are added up."
    )
    sentence = f"{receiver} keeps the event loop busy for {milliseconds(busy_us(longest))} in one call."
    return tell(RULE.id, traffic, receiver, blocking, sentence, detail=detail, worst=busy_us)


RULE = Rule(
    id="SG212",
    title="A coroutine blocks the event loop",
    severity="cost",
    seen="run",
    fix="Await what waits (asyncio.sleep, an asynchronous client), and put what computes into asyncio.to_thread().",
    explanation="While a coroutine computes or sleeps without await, no other request of the process goes on.",
    find=find,
)
