"""`manage.py signalgraph findings`: what is wrong, or may go wrong, with the signals of this project."""

from __future__ import annotations

import sys
import textwrap
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from signalgraph import conf, findings
from signalgraph.findings import SEVERITIES, Accepted, Finding
from signalgraph.findings.code import read_code

if TYPE_CHECKING:
    from signalgraph.findings.traffic import Traffic

WIDTH = 100  # columns
help = "Print what is wrong, or may go wrong, with the signals of this project (docs/findings.md)."


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--log",
        metavar="URL",
        nargs="?",
        const="",
        help="look at the traffic in a log, too; without a URL in the project's own",
    )
    parser.add_argument(
        "--rule",
        metavar="ID",
        action="append",
        default=[],
        help="only findings of this rule: SG105, or SG1 for all SG1..",
    )
    parser.add_argument("--all", action="store_true", help="with the accepted ones and their reasons")
    parser.add_argument("--packages", action="store_true", help="judge installed packages as if they were your own")
    parser.add_argument("--json", action="store_true", help="print all of them as JSON")
    parser.add_argument(
        "--fail-on",
        choices=SEVERITIES,
        metavar="SEVERITY",
        help="exit with 1 if a finding that isn't accepted is as bad as this: error, cost or risk",
    )


def handle(command: BaseCommand, **options: Any) -> None:
    rules = {rule for name in options["rule"] for rule in _rules(name)}
    traffic, here = (None, {}) if options["log"] is None else _read_log(str(options["log"]))
    found = findings.find_all(read_code(packages=options["packages"]), traffic)
    found = [one for one in found if not rules or one.rule in rules]
    left, accepted = findings.split(found, {**here, **conf.get_settings().accept})
    if options["json"]:
        rows = [as_data(one) for one in left] + [as_data(one.finding, one.reason) for one in accepted]
        command.stdout.write(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    else:
        command.stdout.write("\n".join(lines(left, accepted if options["all"] else [], len(accepted))))
    worst = SEVERITIES.index(options["fail_on"]) if options["fail_on"] else -1
    if any(SEVERITIES.index(findings.load_rules()[one.rule].severity) <= worst for one in left):
        sys.exit(1)


def _rules(name: str) -> list[str]:
    """The rules that begin so."""
    known = list(findings.load_rules())
    found = [rule for rule in known if rule.startswith(name.upper())]
    if not found:
        raise CommandError(f"--rule {name!r} is no rule; {conf.did_you_mean(name.upper(), known)}")
    return found


def _read_log(url: str) -> tuple[Traffic, Mapping[str, str]]:
    """The traffic in a log, and what was accepted on the findings page."""
    from signalgraph.findings.traffic import read_traffic
    from signalgraph.management.material import reading  # networkx takes 150 ms to import

    options = conf.get_settings()
    with reading(url) as index:
        traffic = read_traffic(index, slow_ms=options.slow_ms, silent=options.ignore)
        return traffic, index.control().accepted


def as_data(finding: Finding, reason: str | None = None) -> dict[str, Any]:
    """A finding with what its rule says; `accepted` is the reason, or null."""
    rule = findings.load_rules()[finding.rule]
    said = {"key": finding.key, "title": rule.title, "severity": rule.severity, "seen": rule.seen, "docs": rule.docs}
    return {**said, **asdict(finding), "fix": finding.fix or rule.fix, "accepted": reason}


def lines(left: Sequence[Finding], accepted: Sequence[Accepted], count: int) -> Iterator[str]:
    """The findings for people, and how many there are."""
    for one in left:
        yield from _block(one)
    for each in accepted:
        yield from _block(each.finding, f"Accepted by {each.entry}: {each.reason}")
    summary = f"{len(left)} finding{'' if len(left) == 1 else 's'}"
    if count:
        summary += f", {count} accepted" + ("" if accepted else " (--all shows them)")
    yield f"{summary}."


def _block(finding: Finding, note: str = "") -> Iterator[str]:
    rule = findings.load_rules()[finding.rule]
    yield from textwrap.wrap(f"{rule.id} {rule.severity}: {finding.sentence}", WIDTH, **_WRAPPING)
    for shown in finding.evidence:
        if shown.at:
            yield from textwrap.wrap(f"{shown.at}  {shown.text}", WIDTH, initial_indent="    ", **_WRAPPING)
    for text in (finding.detail, note or f"Fix: {finding.fix or rule.fix}"):
        yield from textwrap.wrap(text, WIDTH, initial_indent="    ", **_WRAPPING)
    yield ""


_WRAPPING: dict[str, Any] = {"subsequent_indent": "    ", "break_long_words": False, "break_on_hyphens": False}
