"""Receivers of one signal that run in another order in another run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from signalgraph import names
from signalgraph.events import ANY_SENDER, ConnectionInfo, Wiring
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import day, receiver_evidence
from signalgraph.findings.traffic import Traffic
from signalgraph.wirings import id_of

MOST_RUNS = 20  # the newest; older ones are of older code


def find(traffic: Traffic) -> Iterator[Finding]:
    if not traffic.wirings:
        return
    newest, *others = traffic.wirings[:MOST_RUNS]
    orders = [(wiring, by_signal(wiring)) for wiring in others]
    for signal, rows in by_signal(newest).items():
        shown = [each for each in rows if id_of(each) in traffic.connections]
        for wiring, order in orders:
            swapped = first_swapped(shown, order.get(signal, ()))
            if swapped is not None:
                yield _finding(signal, *swapped, newest, wiring)
                break


def by_signal(wiring: Wiring) -> dict[str, list[ConnectionInfo]]:
    """The connections of a process in their order, by signal; without those of which several read the same."""
    counts = Counter(map(id_of, wiring.connections))
    found: dict[str, list[ConnectionInfo]] = defaultdict(list)
    for each in sorted(wiring.connections, key=lambda each: each.order):
        if counts[id_of(each)] == 1:
            found[each.signal].append(each)
    return dict(found)


def first_swapped(
    rows: Sequence[ConnectionInfo], others: Sequence[ConnectionInfo]
) -> tuple[ConnectionInfo, ConnectionInfo] | None:
    """The first two that run one after the other here and the other way round there, None where there are none.

    Only of those that a sender can set off both, and that Django runs in one group: coroutines run beside the rest.
    """
    places = {id_of(each): place for place, each in enumerate(others)}
    common = [each for each in rows if id_of(each) in places]
    order = [places[id_of(each)] for each in common]
    if order == sorted(order):
        return None
    for one, other in combinations(common, 2):
        if places[id_of(one)] > places[id_of(other)] and one.is_async == other.is_async and _meet(one, other):
            return one, other
    return None


def _meet(one: ConnectionInfo, other: ConnectionInfo) -> bool:
    return one.sender == other.sender or ANY_SENDER in (one.sender, other.sender)


def _finding(signal: str, first: ConnectionInfo, second: ConnectionInfo, newest: Wiring, other: Wiring) -> Finding:
    return Finding(
        RULE.id,
        names.signal_id(signal),
        f"{first.receiver} runs before {second.receiver} in one run, and after it in another.",
        detail=f"Before it in {_run(newest)}, after it in {_run(other)}. Receivers run in the order in which they were "
        "connected, so something imports or connects them in another order there; or the code was changed in between.",
        evidence=(receiver_evidence(first), receiver_evidence(second)),
        app=names.app_of(first.receiver),
        last_seen_us=newest.wall_us,
    )


def _run(wiring: Wiring) -> str:
    return f"{wiring.process.label} (process {wiring.process.pid}, since {day(wiring.process.started_ms)})"


RULE = Rule(
    id="SG211",
    title="The order of receivers changed between runs",
    severity="risk",
    seen="run",
    fix=(
        "Connect both in one AppConfig.ready(), one after the other. Where the second needs the first, let one "
        "receiver call both functions."
    ),
    explanation=(
        "Django runs receivers in the order in which they were connected. Where connecting hangs on imports, the order "
        "is that in which some process came to import them."
    ),
    find=find,
)
