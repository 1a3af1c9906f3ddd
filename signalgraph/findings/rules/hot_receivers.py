"""A receiver for any sender that runs all the time and mostly for nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from signalgraph import names
from signalgraph.events import ANY_SENDER
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import kept, listed, milliseconds, several, tell
from signalgraph.findings.traffic import Ran, Traffic

MANY = 20  # calls in a trace on average, over the traces in which it runs
SHARE = 0.01  # of the time of these traces
FEW = 0.05  # of its calls do something that can be seen
SENDERS = 2  # or all that it hears is one sender's, and there is nothing to choose


def find(traffic: Traffic) -> Iterator[Finding]:
    hot = {receiver for receiver, calls in traffic.calls.items() if calls.count >= max(MANY, MANY * calls.traces)}
    hot = {receiver for receiver in hot if any(each.sender == ANY_SENDER for each in traffic.receivers[receiver])}
    found: dict[str, list[Ran]] = defaultdict(list)
    for ran in traffic.every(hot) if hot else ():
        if ran.call.sender == ANY_SENDER and traffic.is_fair(ran.trace):
            found[ran.call.receiver].append(ran)
    for receiver, calls in found.items():
        traces = {ran.trace.id: ran.trace.duration_us for ran in calls}
        if len(calls) >= MANY * len(traces) and sum(ran.took_us for ran in calls) >= SHARE * sum(traces.values()):
            yield from _finding(traffic, receiver, calls, list(traces.values()))


def _finding(traffic: Traffic, receiver: str, calls: Sequence[Ran], traces: Sequence[float]) -> Iterator[Finding]:
    senders = {ran.seen.sender for ran in calls}
    useful = Counter(ran.seen.sender for ran in calls if does_something(traffic, ran))
    if len(senders) < SENDERS or useful.total() > FEW * len(calls):
        return
    spent_us = sum(ran.took_us for ran in calls)
    signals = listed(sorted({names.short(ran.seen.signal) for ran in calls}))
    wanted = f", all for {listed(sorted(useful))}" if useful else ""
    detail = (
        f"{several(len(calls), 'call')} for {several(len(senders), 'sender')} of {signals} took "
        f"{milliseconds(spent_us)}, {spent_us / sum(traces):.0%} of the {several(len(traces), 'trace')} that it ran "
        f"in, {kept(traffic)}. {useful.total():,} of them queried, sent or raised anything{wanted}."
    )
    sentence = f"{receiver} is connected for any sender and runs {len(calls) / len(traces):.0f} times in a trace."
    yield tell(RULE.id, traffic, receiver, calls, sentence, detail=detail)


def does_something(traffic: Traffic, ran: Ran) -> bool:
    """Whether a call queried, dispatched or raised: all of its work that is recorded."""
    return bool(ran.call.queries or ran.call.error or ran.place in traffic.inside)


RULE = Rule(
    id="SG215",
    title="A receiver for any sender on a hot signal",
    severity="cost",
    seen="run",
    fix="Connect it for the senders that it is about: post_save.connect(receiver, sender=Order).",
    explanation=(
        "Without a sender it is called for every model of every app. On pre_init and post_init that is once for each "
        "row that is read."
    ),
    find=find,
)
