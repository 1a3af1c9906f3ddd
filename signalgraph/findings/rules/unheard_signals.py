"""A signal of the project that is sent and that nobody has ever heard."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph import names
from signalgraph.findings.base import Evidence, Finding, Rule
from signalgraph.findings.sightings import day, times
from signalgraph.findings.traffic import Traffic


def find(traffic: Traffic) -> Iterator[Finding]:
    waiting = {each.signal for each in traffic.wiring.pending}
    heard = {each.signal for each in traffic.wiring.connections} | waiting | traffic.silent
    for signal, count in sorted(traffic.unheard.items()):
        if not count or signal in heard or traffic.heard.get(signal) or not traffic.is_own(signal):
            continue
        yield Finding(
            RULE.id,
            names.signal_id(signal),
            f"{signal} was sent {times(count)} and no receiver has ever heard it.",
            detail=f"Counted exactly since {day(traffic.since_ms)}; in no process is a receiver connected now. "
            "Who sent it is not recorded for a dispatch that nobody hears.",
            evidence=(Evidence("signal", names.signal_id(signal), names.short(signal)),),
            app=names.app_of(signal),
            count=count,
        )


RULE = Rule(
    id="SG209",
    title="A signal is sent but nobody listens",
    severity="risk",
    seen="run",
    fix=(
        "Connect the receiver that is missing (is its module imported in AppConfig.ready()?), or delete the signal. "
        "Accept it where it is there for other projects to use."
    ),
    explanation="Mostly the module with the receivers is not imported any more, and nothing says so.",
    find=find,
)
