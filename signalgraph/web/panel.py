"""The detail panel: what `sel` names, beside any page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.web.cards import make_card
from signalgraph.web.found import about, findings_of
from signalgraph.web.scope import Scope, connection_id
from signalgraph.web.subjects import Subject, find_subject, heard_by, neighbourhood, newest_error, place_of, split_id

MAX_CONNECTIONS = 8
MAX_FINDINGS = 6
SAVED = "django.db.models.signals.post_save"


@dataclass(frozen=True)
class Fact:
    """A connection as its receiver sees it: which place it has in the order, and who runs after it."""

    row: ConnectionInfo
    place: int
    of: int
    then: str


def connection_facts(scope: Scope, subject: Subject) -> list[Fact]:
    facts = []
    for row in subject.connections[:MAX_CONNECTIONS]:
        order = [connection_id(each) for each in heard_by(scope, row.signal, row.sender)]
        spot = order.index(connection_id(row))
        following = order[spot + 1 : spot + 2]
        then = names.parse_connection_id(following[0])[2] if following else ""
        facts.append(Fact(row, spot + 1, len(order), then))
    return facts


def saved_port(subject: Subject) -> str:
    """The dispatch that says that this sender was saved, as an id; empty where no receiver of its own hears that."""
    is_heard = subject.kind == "sender" and any(row.signal == SAVED for row in subject.connections)
    return f"port:{SAVED}|{subject.name}" if is_heard else ""


def subject_context(scope: Scope, subject: Subject) -> dict[str, Any]:
    """What the panel and the own page of a subject both show."""
    first = subject.connections[0] if subject.connections else None
    place = place_of(first.file, first.line, with_lines=True) if first and subject.kind == "receiver" else None
    return {
        "subject": subject,
        "saved": saved_port(subject),
        "label": "any sender" if subject.name == "*" else names.short(subject.name),
        "steps": neighbourhood(scope, subject),
        "facts": connection_facts(scope, subject),
        "more_connections": max(len(subject.connections) - MAX_CONNECTIONS, 0),
        "place": place,
        "newest_error": newest_error(scope, subject),
        "subject_findings": [make_card(scope, each) for each in about(findings_of(scope).open, subject)[:MAX_FINDINGS]],
    }


def panel_context(scope: Scope, picked: str | None = None, pick: str = "sel") -> dict[str, Any]:
    """The panel of the selection; empty without one, and in words where the selection isn't known.

    `pick` is the parameter that says what is selected, where it isn't `sel`.
    """
    picked = scope.state.sel if picked is None else picked
    if not picked:
        return {}
    found = split_id(picked)
    subject = find_subject(scope, *found) if found else None
    if subject is None:
        return {"panel": "signalgraph/_panel_missing.html", "picked": picked, "pick": pick}
    about = {"panel": "signalgraph/_panel_subject.html", "picked": picked, "pick": pick}
    return {**about, **subject_context(scope, subject)}
