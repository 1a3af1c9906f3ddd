"""A receiver of the project that was connected for long and never called."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.sightings import day, receiver_evidence, several
from signalgraph.findings.traffic import Traffic
from signalgraph.wirings import id_of

LONG_MS = 24 * 3600 * 1000  # a day has seen the nightly work too
MANY = 10_000  # dispatches of any signal: less is a site that nobody used

# Sent by commands, by tests and by failures: that a running site has not sent them is as it should be.
SELDOM = frozenset(
    {
        "django.core.signals.got_request_exception",
        "django.core.signals.setting_changed",
        "django.db.models.signals.class_prepared",
        "django.db.models.signals.post_migrate",
        "django.db.models.signals.pre_migrate",
        "django.test.signals.template_rendered",
    }
)


def find(traffic: Traffic) -> Iterator[Finding]:
    dispatched = sum(traffic.heard.values()) + sum(traffic.unheard.values())
    if dispatched < MANY or traffic.now_ms - traffic.since_ms < LONG_MS:
        return
    called = {key for key, total in traffic.totals.items() if total.calls or total.untimed}
    for receiver, connections in traffic.receivers.items():
        idle = [each for each in connections if id_of(each) not in called]
        if len(idle) < len(connections) or not all(map(_may_be_told, idle)) or _is_silent(traffic, idle):
            continue
        since_ms = connected_since(traffic, receiver)
        if since_ms is not None and traffic.now_ms - since_ms >= LONG_MS:
            yield _finding(traffic, receiver, idle, since_ms)


def _may_be_told(connection: ConnectionInfo) -> bool:
    return connection.signal not in SELDOM and not names.is_third_party(connection)


def _is_silent(traffic: Traffic, connections: list[ConnectionInfo]) -> bool:
    return any(each.signal in traffic.silent for each in connections)


def connected_since(traffic: Traffic, receiver: str) -> int | None:
    """The start (unix ms) of the first known process in which it was connected."""
    holding = [w for w in traffic.wirings if any(each.receiver == receiver for each in w.connections)]
    return min((wiring.process.started_ms for wiring in holding), default=None)


def _finding(traffic: Traffic, receiver: str, connections: list[ConnectionInfo], since_ms: int) -> Finding:
    signals = sorted({each.signal for each in connections})
    sent = sum(traffic.heard.get(each, 0) + traffic.unheard.get(each, 0) for each in signals)
    named = " or ".join(names.short(each) for each in signals)
    senders = " or ".join(sorted({names.short(each.sender) for each in connections}))
    none = f"none of {several(sent, 'dispatch')} of {named} was" if sent else f"{named} was never sent, so none was"
    return Finding(
        RULE.id,
        names.receiver_id(receiver),
        f"{receiver} has not been called since {day(since_ms)}.",
        detail=f"It is connected for {senders}; {none} for it since the log began on {day(traffic.since_ms)}. "
        "The counts are exact, also where traces are sampled.",
        evidence=(receiver_evidence(connections[0]),),
        app=names.app_of(receiver),
    )


RULE = Rule(
    id="SG210",
    title="A receiver was never called",
    severity="risk",
    seen="run",
    fix="Check the sender that it is connected for, and delete it where nothing sends to it any more.",
    explanation="Code that never runs still has to be read, and a wrong sender looks just like it.",
    find=find,
)
