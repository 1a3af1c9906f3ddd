"""A finding as a card: what stands on it closed, and, opened, what shows it and where it is written."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from zlib import crc32

from django.conf import settings

from signalgraph.findings import Accepted, Evidence, Finding, Rule, load_rules
from signalgraph.web.figures import duration_words, number
from signalgraph.web.scope import Scope
from signalgraph.web.state import page_path
from signalgraph.web.subjects import Place, find_subject, place_of, split_id

GLYPHS = {"error": "error", "cost": "slow", "risk": "todo"}
EVIDENCE_GLYPHS = {"trace": "cause", "connection": "receiver", "code": "code"}


@dataclass(frozen=True)
class Shown:
    """A piece of evidence; `url` is "" where it leads nowhere."""

    glyph: str
    text: str
    at: str
    url: str


@dataclass(frozen=True)
class Card:
    """`url` opens the card, or closes it where it is open, `page_url` opens it on the page of findings.

    What follows them is filled in for an open one only.
    """

    finding: Finding
    rule: Rule
    is_open: bool
    url: str
    page_url: str
    when: str
    acceptance: Accepted | None = None
    is_withdrawable: bool = False
    evidence: list[Shown] = field(default_factory=list)
    place: Place | None = None
    focus: str = ""

    @property
    def html_id(self) -> str:
        return f"sg-f-{self.rule.id}-{crc32(self.finding.key.encode()):x}"

    @property
    def glyph(self) -> str:
        return GLYPHS[self.rule.severity]

    @property
    def fix(self) -> str:
        return self.finding.fix or self.rule.fix

    @property
    def setting(self) -> str:
        """The line of the settings that accepts it, but for the reason."""
        return f'SIGNALGRAPH["ACCEPT"] = {{{json.dumps(self.finding.key, ensure_ascii=False)}: "reason"}}'

    @property
    def first(self) -> Shown | None:
        """The evidence to look at first."""
        traces = [each for each in self.evidence if each.url and each.glyph == "cause"]
        return next(iter([*traces, *(each for each in self.evidence if each.url)]), None)


def make_card(scope: Scope, finding: Finding, acceptance: Accepted | None = None, *, is_open: bool = False) -> Card:
    rule = load_rules()[finding.rule]
    url = scope.state.url(open=None if is_open else finding.key, accepted=None)
    page_url = scope.state.url("findings/", open=finding.key, sel=None, q=None)
    card = Card(finding, rule, is_open, url, page_url, when_words(scope, finding, rule), acceptance)
    if not is_open:
        return card
    found = split_id(finding.subject)
    return replace(
        card,
        is_withdrawable=acceptance is not None and acceptance.entry in scope.control.accepted,
        evidence=[_shown(scope, each) for each in finding.evidence],
        place=_place(scope, finding),
        focus=scope.state.url("graph/", view="focus", sel=f"{found[0]}:{found[1]}") if found else "",
    )


def when_words(scope: Scope, finding: Finding, rule: Rule) -> str:
    """How often and when it was seen; "static" of what the code says."""
    if rule.seen == "code":
        return "static" if finding.count == 1 else f"static, {number(finding.count)} times"
    times = f"{number(finding.count)} time{'' if finding.count == 1 else 's'}"
    if finding.last_seen_us is None:
        return times
    return f"{times}, {duration_words(scope.now_s - finding.last_seen_us / 1e6)} ago"


def _shown(scope: Scope, evidence: Evidence) -> Shown:
    glyph = EVIDENCE_GLYPHS.get(evidence.kind, evidence.kind)
    return Shown(glyph, evidence.text, evidence.at, _url(scope, evidence))


def _url(scope: Scope, evidence: Evidence) -> str:
    if evidence.kind == "trace" and evidence.id:
        trace, _, call = evidence.id.partition("/")
        return scope.state.url(f"traces/{trace}/", sel=f"call:{call}" if call else None, q=None)
    if evidence.kind == "code":
        place = _written_at(evidence.at or evidence.text)
        return place.url if place else ""
    found = split_id(evidence.id)
    return scope.state.url(page_path(*found), sel=None, q=None) if found else ""


def _place(scope: Scope, finding: Finding) -> Place | None:
    """Where the fault is written, with its lines: where the evidence says, else where the receiver is."""
    for each in finding.evidence:
        place = _written_at(each.at, with_lines=True) if each.kind in ("code", "receiver", "connection") else None
        if place:
            return place
    found = split_id(finding.subject)
    subject = find_subject(scope, *found) if found and found[0] == "receiver" else None
    first = subject.connections[0] if subject and subject.connections else None
    return place_of(first.file, first.line, with_lines=True) if first else None


def _written_at(at: str, *, with_lines: bool = False) -> Place | None:
    """The place that ``shop/receivers.py:31`` names below the project or `sys.path`; None for anything else."""
    path, _, line = at.rpartition(":")
    if not path.endswith(".py") or not line.isdecimal() or ".." in Path(path).parts:
        return None
    file = next((file for file in _candidates(path) if os.path.isfile(file)), None)
    return place_of(file, int(line), with_lines=with_lines)


def _candidates(path: str) -> Iterator[str]:
    if os.path.isabs(path):
        return
    roots = [os.fspath(getattr(settings, "BASE_DIR", "") or ""), *(entry for entry in sys.path if type(entry) is str)]
    yield from (os.path.join(root, path) for root in roots if os.path.isabs(root))
