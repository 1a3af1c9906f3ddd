"""A receiver that is slow by itself, most of the time that anybody looks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import kept, milliseconds, several, tell
from signalgraph.findings.traffic import Ran, Traffic

FEWEST = 3  # slow calls: the first one of a process warms caches up, and two may be a coincidence
OWN_SHARE = 0.5  # of its time that is its own: below, the receivers that it sets off are to be looked at


def find(traffic: Traffic) -> Iterator[Finding]:
    found: dict[str, list[Ran]] = {}
    for receiver, stats in traffic.slow.items():
        slow = [ran for ran in traffic.calls[receiver].long if ran.took_us >= traffic.slow_us]
        is_slow = len(slow) >= FEWEST and (stats.p95_us or 0.0) >= traffic.slow_us
        if is_slow and own_share(traffic, slow) >= OWN_SHARE:
            found[receiver] = slow
    shares = _shares(traffic, found)
    for receiver, slow in found.items():
        stats = traffic.slow[receiver]
        detail = (
            f"The slowest took {milliseconds(stats.max_us or 0.0)}, of {several(stats.calls, 'call')} since the log "
            f"began; one in twenty is said of the newest {stats.sample_size}.{shares.get(receiver, '')}"
        )
        sentence = f"{receiver} is slow: one call in twenty takes {milliseconds(stats.p95_us or 0.0)} or more."
        yield tell(RULE.id, traffic, receiver, slow, sentence, detail=detail, worst=lambda ran: ran.took_us)


def own_share(traffic: Traffic, calls: Sequence[Ran]) -> float:
    """The share of some calls' time that was not that of dispatches in them."""
    whole = sum(ran.took_us for ran in calls)
    return sum(map(traffic.own_us, calls)) / whole if whole else 0.0


def _shares(traffic: Traffic, receivers: Collection[str]) -> dict[str, str]:
    """What share each receiver takes of the requests, or of other traces with a cause, in which it runs; in words."""
    calls: dict[str, list[Ran]] = defaultdict(list)
    for ran in traffic.every(receivers) if receivers else ():
        if ran.trace.cause is not None and traffic.is_fair(ran.trace):
            calls[ran.call.receiver].append(ran)
    return {receiver: _share_words(traffic, fair) for receiver, fair in calls.items()}


def _share_words(traffic: Traffic, fair: Sequence[Ran]) -> str:
    traces = {ran.trace.id: ran.trace for ran in fair}
    whole = sum(trace.duration_us for trace in traces.values())
    if not whole:
        return ""
    share = min(1.0, sum(ran.took_us for ran in fair) / whole)
    kinds = {trace.kind for trace in traces.values()}
    noun = f"{kinds.pop()}" if len(kinds) == 1 else "trace"
    return f" It takes {share:.0%} of the {several(len(traces), noun)} that it ran in, {kept(traffic)}."


RULE = Rule(
    id="SG203",
    title="A receiver is slow",
    severity="cost",
    seen="run",
    fix=(
        "Whoever sends waits for it. Do the work in a task or, inside a transaction, with transaction.on_commit(); or "
        "make it quicker."
    ),
    explanation=(
        "Signals look free to whoever sends them: a save in an unrelated place, or in a loop, pays for all receivers."
    ),
    find=find,
)
