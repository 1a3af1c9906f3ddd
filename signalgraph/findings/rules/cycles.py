"""Receivers that set one another off until the first of them ran again."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.rules.own_saves import nested_save
from signalgraph.findings.sightings import listed, receiver_evidence, several, tell, times
from signalgraph.findings.traffic import Ran, Traffic
from signalgraph.traces import NOT_RUN, Seen

Circle = tuple[tuple[str, str], ...]  # (connection, handled sender) of each receiver, the smallest first


def find(traffic: Traffic) -> Iterator[Finding]:
    found: dict[Circle, list[Ran]] = {}
    kinds = {(seen.signal, seen.sender) for _, seen in traffic.outer.values()}
    for place, children in traffic.inside.items():
        for seen in children:
            if (seen.signal, seen.sender) not in kinds:  # nothing was ever sent in one like it
                continue
            chain = circle(traffic.around(place), seen)
            if chain and chain[-1].call.connection in traffic.connections and not nested_save(traffic, place, seen)[0]:
                found.setdefault(_turned(chain), []).append(chain[-1])
    by_receiver: dict[str, list[Circle]] = {}
    for turned in sorted(found, key=lambda turned: -len(found[turned])):
        by_receiver.setdefault(_first(traffic, turned), []).append(turned)
    for receiver, circles in by_receiver.items():
        yield _finding(traffic, receiver, circles, [ran for each in circles for ran in found[each]])


def circle(around: list[Ran], seen: Seen) -> list[Ran]:
    """The receiver calls that a dispatch is nested in, innermost first, down to one of a receiver that the dispatch has
    called again for the same sender; empty where it called none of them.
    """
    for position, ran in enumerate(around):
        if ran.seen.signal == seen.signal and ran.seen.sender == seen.sender and _runs(seen, ran):
            return [] if position == 0 and _is_another(ran.seen, seen) else around[: position + 1]
    return []


def _runs(seen: Seen, ran: Ran) -> bool:
    return any(call.connection == ran.call.connection and call.status not in NOT_RUN for call in seen.calls)


def _is_another(one: Seen, other: Seen) -> bool:
    """Whether two dispatches are known to be about two instances: a tree that is walked, say, comes to its root."""
    return "pk" in one.facts and "pk" in other.facts and one.facts["pk"] != other.facts["pk"]


def _turned(chain: list[Ran]) -> Circle:
    """The circle from its smallest member on, in the order of causes, so that it has one name wherever it was met."""
    members = [(ran.call.connection, ran.seen.sender) for ran in reversed(chain)]
    first = members.index(min(members))
    return tuple(members[first:] + members[:first])


def _receivers(turned: Circle) -> list[str]:
    return [names.parse_connection_id(connection)[2] for connection, _ in turned]


def _first(traffic: Traffic, turned: Circle) -> str:
    return next(each for each in _receivers(turned) if each in traffic.receivers)


def _finding(traffic: Traffic, receiver: str, circles: list[Circle], calls: list[Ran]) -> Finding:
    """About the circles that begin with a receiver; told of the one that was seen most often."""
    others = [each for each in _receivers(circles[0]) if each != receiver]
    through = f"by way of {listed(others)}" if others else f"for {circles[0][0][1]}"
    signals = listed(sorted({names.parse_connection_id(connection)[1] for connection, _ in circles[0]}))
    more = (
        f" {several(len(circles) - 1, 'other circle')} with it {'was' if len(circles) == 2 else 'were'} seen."
        if len(circles) > 1
        else ""
    )
    return tell(
        RULE.id,
        traffic,
        receiver,
        calls,
        f"{receiver} comes back to itself {through}.",
        detail=f"Seen {times(len(calls))}, over {signals}. Something stopped it each time, or it would not have ended."
        f"{more}",
        more=[receiver_evidence(traffic.receivers[each][0]) for each in others if each in traffic.receivers],
    )


RULE = Rule(
    id="SG202",
    title="Receivers set one another off in a circle",
    severity="risk",
    seen="run",
    fix=(
        "Break the circle where it needs no signal: call the function that is meant, or write with update() in one of "
        "the receivers."
    ),
    explanation=(
        "What ends such a circle is a condition in one of the receivers. Whoever changes that receiver has to know of "
        "all the others."
    ),
    find=find,
)
