"""A write for which no signal was sent, on a model of which somebody listens to saves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.findings.base import Evidence, Finding, Rule
from signalgraph.findings.sightings import listed, receiver_evidence, several, times
from signalgraph.findings.traffic import Traffic
from signalgraph.traces import Trace, Written

SAVES = ("django.db.models.signals.pre_save", "django.db.models.signals.post_save")
SEVERAL = 2  # rows: an update() of one row is mostly a counter or a guarded change, written so on purpose


def find(traffic: Traffic) -> Iterator[Finding]:
    heard = listeners(traffic)
    found: dict[str, list[tuple[Trace, Written]]] = {}
    for trace in traffic.traces:
        for write in trace.writes:
            if write.sender in heard and bypasses(write):
                found.setdefault(write.sender, []).append((trace, write))
    for model, writes in sorted(found.items()):
        yield _finding(heard[model], model, writes)


def listeners(traffic: Traffic) -> dict[str, list[ConnectionInfo]]:
    """Who listens to saves of a model, by model: who was connected for that very model.

    Who listens to whatever is saved, an audit say, would be told of at every write.
    """
    found: dict[str, list[ConnectionInfo]] = {}
    for each in traffic.connections.values():
        if each.signal in SAVES:
            found.setdefault(each.sender, []).append(each)
    return found


def bypasses(write: Written) -> bool:
    """Whether rows were written that a save would have told of. A fast delete is only made where nobody listens."""
    if write.error or write.operation == "fast delete":
        return False
    return write.operation != "update" or (write.rows or 0) >= SEVERAL


def _finding(heard: list[ConnectionInfo], model: str, writes: list[tuple[Trace, Written]]) -> Finding:
    receivers = sorted({each.receiver for each in heard})
    signals = listed(sorted({names.short(each.signal) for each in heard}))
    operations = listed(sorted({write.operation for _, write in writes}))
    places = Counter(write.at or "a line that is not known" for _, write in writes)
    newest = {write.at: (trace, write) for trace, write in sorted(writes, key=_start)}
    return Finding(
        RULE.id,
        names.sender_id(model),
        f"{operations} of {model} {'sends' if ' and ' not in operations else 'send'} no {signals}, for which "
        f"{listed(receivers)} {'listens' if len(receivers) == 1 else 'listen'}.",
        detail=f"Seen {listed([f'{times(count)} at {at}' for at, count in places.most_common()])}: {_rows(writes)}.",
        evidence=(
            *(Evidence("trace", trace.id, trace.title, write.at or "") for trace, write in list(newest.values())[-2:]),
            Evidence("sender", names.sender_id(model), model),
            *map(receiver_evidence, heard[:3]),
        ),
        app=names.app_of(model),
        count=len(writes),
        last_seen_us=max(write.start_us for _, write in writes),
    )


def _start(pair: tuple[Trace, Written]) -> int:
    return pair[1].start_us


def _rows(writes: list[tuple[Trace, Written]]) -> str:
    if any(write.rows is None for _, write in writes):
        return "how many rows, the database doesn't tell"
    return f"{several(sum(write.rows or 0 for _, write in writes), 'row')} in all"


RULE = Rule(
    id="SG214",
    title="A write bypassed signals that have receivers",
    severity="risk",
    seen="run",
    fix=(
        "Save the instances one by one where the receivers matter, or call after the write what the receivers do. "
        "Accept it where they need not hear of this one."
    ),
    explanation=(
        "bulk_create(), bulk_update() and update() send no signals. What hangs on them (a search index, a cache, a "
        "copy) is out of date from then on."
    ),
    find=find,
)
