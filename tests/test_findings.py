"""The core of the findings: rules are found, findings are sorted and accepted, and each rule is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from signalgraph import findings
from signalgraph.findings import Finding, Rule
from signalgraph.findings.code import read_code

DOCS = Path(__file__).parent.parent / "docs" / "findings.md"


def finding(rule: str = "SG105", subject: str = "receiver:shop.receivers.count") -> Finding:
    return Finding(rule, subject, "It counts.")


def test_each_rule_is_documented_and_nothing_else() -> None:
    """Under a heading with its number alone, so that #sg105 leads there, followed by its title."""
    documented = re.findall(r"^### (SG\d{3})\n\n\*\*(.+?)\*\*", DOCS.read_text(), re.MULTILINE)
    assert documented == [(rule.id, rule.title + ".") for rule in findings.load_rules().values()]


def test_each_number_is_given_once_and_says_where_the_rule_looks() -> None:
    """SG1xx reads the code, SG2xx looks at traffic; one rule a file."""
    rules = findings.load_rules()
    files = [path for path in Path(findings.rules.__file__).parent.glob("*.py") if path.stem != "__init__"]
    assert len(rules) == len(files)
    assert all(re.fullmatch("SG1.." if rule.seen == "code" else "SG2..", id) for id, rule in rules.items())


def test_a_rule_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged; the other rules are still asked."""

    def fail(code: object) -> list[Finding]:
        raise LookupError("no such thing")

    bad = Rule("SG198", "It fails", "risk", "code", "", "", fail)
    good = Rule("SG199", "It finds", "risk", "code", "", "", lambda code: [finding("SG199")])
    monkeypatch.setattr(findings, "load_rules", lambda: {"SG198": bad, "SG199": good})
    monkeypatch.setattr(findings, "failed", set())
    assert findings.find_static(read_code()) == [finding("SG199")]
    assert "SG198" in caplog.text


def test_findings_are_in_the_order_of_severity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then by rule and subject, whichever rule told first."""
    severities = (("SG197", "risk"), ("SG198", "error"), ("SG199", "cost"))
    rules = {id: Rule(id, "", severity, "code", "", "", lambda code: []) for id, severity in severities}  # type: ignore[arg-type]
    rules["SG197"] = Rule("SG197", "", "risk", "code", "", "", lambda code: [finding(id) for id in sorted(rules)])
    monkeypatch.setattr(findings, "load_rules", lambda: rules)
    assert [one.rule for one in findings.find_all(read_code())] == ["SG198", "SG199", "SG197"]


@pytest.mark.parametrize(
    ("entry", "is_accepted"),
    [
        ("SG105", True),
        ("SG105:receiver:shop.receivers.count", True),
        ("SG105:receiver:shop.*", True),
        ("SG105:*", True),
        ("SG106", False),
        ("SG106:receiver:shop.receivers.count", False),
        ("SG105:receiver:shop.receivers", False),
        ("SG105:receiver:blog.*", False),
    ],
)
def test_an_entry_accepts_a_rule_or_a_subject(entry: str, is_accepted: bool) -> None:
    """The whole rule, or what a glob says; a subject is not a prefix."""
    left, taken = findings.split([finding()], {entry: "We know."})
    assert (left == [], [one.reason for one in taken]) == (is_accepted, ["We know."] if is_accepted else [])


def test_the_most_exact_entry_gives_the_reason() -> None:
    """Where a rule and one of its findings are both accepted."""
    accepted = {"SG105": "In general.", "SG105:receiver:shop.receivers.count": "This one."}
    ((one, entry, reason),) = findings.split([finding()], accepted)[1]
    assert (one.key, entry, reason) == ("SG105:receiver:shop.receivers.count", one.key, "This one.")
