"""Findings that somebody has accepted, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from signalgraph.conf import ACCEPTABLE
from signalgraph.findings.base import Finding
from signalgraph.log.base import Control

LONGEST = 500  # characters of an entry, and of a reason
MOST = 1_000  # entries that a log holds


class Accepted(NamedTuple):
    """A finding, the entry that accepts it, and the reason given there."""

    finding: Finding
    entry: str
    reason: str


def accepts(entry: str, finding: Finding) -> bool:
    """Whether an entry is about a finding: `SG103` is about all of the rule, else a glob says about which subjects.

    >>> accepts("SG103:receiver:shop.*", Finding("SG103", "receiver:shop.receivers.send_receipt", "It is late."))
    True
    """
    rule, _, subject = entry.partition(":")
    return rule == finding.rule and (not subject or fnmatchcase(finding.subject, subject) or subject == finding.subject)


def split(found: Iterable[Finding], accepted: Mapping[str, str]) -> tuple[list[Finding], list[Accepted]]:
    """The open findings, and the accepted ones; of several entries the most exact one (the longest) counts.

    `accepted` is a reason for each entry: `SIGNALGRAPH["ACCEPT"]`, and what was accepted on the findings page.
    """
    left, taken = [], []
    entries = sorted(accepted, key=lambda entry: (-len(entry), entry))
    for finding in found:
        entry = next((entry for entry in entries if accepts(entry, finding)), None)
        if entry is None:
            left.append(finding)
        else:
            taken.append(Accepted(finding, entry, accepted[entry]))
    return left, taken


class AcceptError(ValueError):
    """A finding can't be accepted so; the message says what is wrong and what to do."""


def accept(control: Control, entry: str, reason: str) -> Control:
    """What viewers ask for, with a finding accepted: for `change_control` of a log or of an index.

    Raises `AcceptError` without a reason, and for what names no finding.
    """
    reason = " ".join(reason.split())
    if not ACCEPTABLE.fullmatch(entry) or len(entry) > LONGEST:
        raise AcceptError(
            f"{entry[:80]!r} names no finding; write its rule and subject, as SG204:receiver:shop.receivers.recount."
        )
    if not reason:
        raise AcceptError(f"{entry} is accepted without a reason; say why it is right here.")
    if len(reason) > LONGEST:
        raise AcceptError(f"The reason for {entry} has {len(reason)} characters; say it in {LONGEST}.")
    if entry not in control.accepted and len(control.accepted) >= MOST:
        raise AcceptError(f"{MOST} findings are accepted; withdraw some, or accept by a pattern in SIGNALGRAPH.")
    return replace(control, accepted={**control.accepted, entry: reason})


def withdraw(control: Control, entry: str) -> Control:
    """What viewers ask for, without an acceptance; one that isn't there is no error."""
    return replace(control, accepted={each: why for each, why in control.accepted.items() if each != entry})
