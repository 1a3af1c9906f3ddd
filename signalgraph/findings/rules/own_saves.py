"""A receiver of a save saved the same instance again."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import milliseconds, tell, times
from signalgraph.findings.traffic import Place, Ran, Traffic
from signalgraph.traces import Seen

SAVES = frozenset({"django.db.models.signals.pre_save", "django.db.models.signals.post_save"})


def find(traffic: Traffic) -> Iterator[Finding]:
    found: dict[str, dict[Place, tuple[Ran, int]]] = {}
    for place, children in traffic.inside.items():
        for seen in children:
            ran, depth = nested_save(traffic, place, seen)
            if ran is not None and ran.call.connection in traffic.connections:
                found.setdefault(ran.call.receiver, {})[ran.place] = (ran, depth)
    for receiver, saves in found.items():
        yield _finding(traffic, receiver, list(saves.values()))


def nested_save(traffic: Traffic, place: Place, seen: Seen) -> tuple[Ran | None, int]:
    """The receiver call that saved the instance which it had received, and how many saves deep that one was.

    Only where the keys tell that it is the same instance: they are recorded where they are automatic or UUIDs.
    """
    around = traffic.around(place) if seen.signal in SAVES else []
    if not around or not is_same(around[0].seen, seen):
        return None, 0
    return around[0], 1 + sum(is_same(ran.seen, seen) for ran in around)


def is_same(one: Seen, other: Seen) -> bool:
    """Whether two dispatches tell of saves of the same row."""
    return (
        one.signal in SAVES
        and one.sender == other.sender
        and "pk" in one.facts
        and one.facts["pk"] == other.facts.get("pk")
        and one.facts.get("using") == other.facts.get("using")
    )


def _finding(traffic: Traffic, receiver: str, found: list[tuple[Ran, int]]) -> Finding:
    calls = [ran for ran, _ in found]
    depth = max(depth for _, depth in found)
    model, signal = calls[0].seen.sender, calls[0].seen.signal.rpartition(".")[2]
    nested_us = max(sum(each.duration_us for each in traffic.inside[ran.place]) for ran in calls)
    detail = (
        f"Seen {times(len(calls))}; the saves went {depth} deep, then something stopped them. Each one inside ran all "
        f"receivers of {model} again, at worst for {milliseconds(nested_us)}."
    )
    sentence = f"{receiver}, a receiver of {signal}, saves the {model} that it received."
    return tell(RULE.id, traffic, receiver, calls, sentence, detail=detail, worst=lambda ran: ran.took_us)


RULE = Rule(
    id="SG201",
    title="The receiver saves the instance that it received",
    severity="cost",
    seen="run",
    fix=(
        "Set the attribute in a pre_save receiver or in the model's save(), or write the one column with "
        "Model.objects.filter(pk=instance.pk).update(...)."
    ),
    explanation=(
        "The save inside dispatches the same signals again, so every receiver of the model runs once more, and without "
        "a guard it never ends."
    ),
    find=find,
)
