"""Findings that somebody has accepted, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from signalgraph.findings.base import Finding


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
