"""The findings: what should be put right, what shows it, how to do it, and what was accepted with which reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest

from signalgraph import findings as library
from signalgraph.findings import Accepted, Finding
from signalgraph.web.cards import Card, make_card
from signalgraph.web.facets import Facet, FacetGroup
from signalgraph.web.found import Found, findings_of, matching
from signalgraph.web.panel import panel_context
from signalgraph.web.scope import Scope
from signalgraph.web.views import Page

SEEN = {"run": "at run time", "code": "in the code"}
MEANINGS = {"error": "wrong result or error", "cost": "costs time", "risk": "may go wrong"}
STATES = ("open", "accepted")
FACETS: dict[str, Callable[[Finding], str]] = {
    "severity": lambda each: library.load_rules()[each.rule].severity,
    "seen": lambda each: library.load_rules()[each.rule].seen,
    "app": lambda each: each.app,
    "rule": lambda each: each.rule,
}


def chosen(scope: Scope, name: str) -> list[str]:
    """The values of a facet that the address asks for."""
    return list(filter(None, scope.state.params.get(name, "").split(",")))


def narrowed(scope: Scope, found: Iterable[Finding], *, but: str = "") -> list[Finding]:
    """Those that all chosen facets leave, except for one facet: its own counts say what choosing another would show."""
    asked = {name: chosen(scope, name) for name in FACETS if name != but}
    return [each for each in found if all(not want or FACETS[name](each) in want for name, want in asked.items())]


def finding_facets(scope: Scope, found: Sequence[Finding]) -> list[FacetGroup]:
    """Facets counted in findings."""
    return [_facet(scope, name, Counter(map(FACETS[name], narrowed(scope, found, but=name)))) for name in FACETS]


def _facet(scope: Scope, name: str, counts: Counter[str]) -> FacetGroup:
    on = chosen(scope, name)
    order = {"severity": library.SEVERITIES, "seen": tuple(SEEN)}.get(name, ())
    values = [
        value for value in dict.fromkeys([*order, *sorted(counts), *on]) if value and (counts[value] or value in on)
    ]
    facets = []
    for value in values:
        left = [each for each in on if each != value] if value in on else [*on, value]
        url = scope.state.url(**{name: ",".join(left), "open": None, "accepted": None})
        title = library.load_rules()[value].title if value in library.load_rules() else ""
        facets.append(Facet(SEEN.get(value, value), counts[value], value in on, url, title))
    return FacetGroup(name.capitalize(), facets)


def _shown(found: Found, state: str) -> dict[str, Accepted | None]:
    """By key, the findings of a tab, each with its acceptance."""
    if state == "accepted":
        return {each.finding.key: each for each in found.accepted}
    return {each.key: None for each in found.open}


def findings(request: HttpRequest, scope: Scope) -> Page:
    asked = scope.state.params.get("state", "")
    state = asked if asked in STATES else "open"
    found = matching(scope, findings_of(scope))
    acceptances = _shown(found, state)
    every = found.open if state == "open" else [each.finding for each in found.accepted]
    rows = narrowed(scope, every)
    opened = scope.state.params.get("open", "")
    cards = [make_card(scope, each, acceptances[each.key], is_open=each.key == opened) for each in rows]
    seen = Counter(FACETS["seen"](each) for each in rows)
    just = next((each for each in found.accepted if each.finding.key == scope.state.params.get("accepted")), None)
    context: dict[str, Any] = {
        "title": "Findings",
        "just": just,
        "just_title": library.load_rules()[just.finding.rule].title if just else "",
        "cards": cards,
        "tab": state,
        "tabs": {"open": len(found.open), "accepted": len(found.accepted)},
        "seen_words": ", ".join(f"{seen[name]} seen {words}" for name, words in SEEN.items() if seen[name]),
        "meanings": MEANINGS,
        "found": found,
        "rule_counts": Counter(rule.seen for rule in library.load_rules().values()),
        "narrows": bool(scope.state.q or any(chosen(scope, name) for name in FACETS)),
        **panel_context(scope),
    }
    twin = {state: [finding_data(each) for each in cards], "failed": found.failed}
    hits = f"{len(rows)} finding{'' if len(rows) == 1 else 's'}"
    parts = {"sg-panel": "signalgraph/_panel.html", "sg-findings": "signalgraph/_findings.html"}
    return Page("signalgraph/findings.html", context, twin, finding_facets(scope, every), hits, parts=parts)


def finding_data(card: Card) -> dict[str, Any]:
    """A finding as data: itself, what its rule says, and the reason where it was accepted."""
    rule = card.rule
    said = {
        "key": card.finding.key,
        "title": rule.title,
        "severity": rule.severity,
        "seen": rule.seen,
        "docs": rule.docs,
    }
    return {
        **said,
        **asdict(card.finding),
        "fix": card.fix,
        "accepted": card.acceptance.reason if card.acceptance else None,
    }
