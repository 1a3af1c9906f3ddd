"""`manage.py signalgraph findings` prints what is wrong, and says it with its exit code; system checks say it too."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from written import Package

from signalgraph import checks

RECEIVERS = """
from django.db.models.signals import post_save
from django.dispatch import receiver
from legacy.models import Note, NoteCopy

@receiver(post_save, sender=Note)
def copy(instance, **kwargs):
    NoteCopy.objects.create(note=instance)
"""
KEY = "SG105:receiver:attic.receivers.copy"
ENTRY = {KEY: "Nobody loads fixtures here."}


@pytest.fixture(autouse=True)
def written(attic: Package, settings: Any) -> Package:
    settings.SIGNALGRAPH = {"LOG": "memory://"}
    attic.load("receivers", RECEIVERS)
    return attic


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("signalgraph", "findings", *arguments, stdout=out)
    return out.getvalue()


def test_a_finding_is_told_with_its_place_and_how_to_fix_it() -> None:
    """For people."""
    text = run("--rule", "SG105")
    assert "SG105 risk: attic.receivers.copy writes in post_save and doesn't look at raw." in text
    assert "attic/receivers.py:8  NoteCopy.objects.create(note=instance)" in text
    assert 'Fix: Return at once where kwargs["raw"] is true.' in text


def test_json_holds_what_the_rule_says_too() -> None:
    """For programs: the key is what an acceptance names."""
    rows = {row["key"]: row for row in json.loads(run("--json"))}
    row = rows[KEY]
    assert (row["severity"], row["seen"], row["accepted"]) == ("risk", "code", None)
    assert row["fix"]
    assert row["docs"] == "docs/findings.md#sg105"


def test_an_accepted_finding_is_shown_on_demand_with_its_reason(settings: Any) -> None:
    """It is counted in any case."""
    settings.SIGNALGRAPH = {"LOG": "memory://", "ACCEPT": ENTRY}
    text = run("--rule", "SG105")
    assert "attic.receivers.copy" not in text
    assert "1 accepted (--all shows them)." in text
    assert f"Accepted by {KEY}: Nobody loads fixtures here." in " ".join(run("--rule", "SG105", "--all").split())
    assert {row["key"]: row["accepted"] for row in json.loads(run("--json"))}[KEY] == "Nobody loads fixtures here."


@pytest.mark.parametrize(("severity", "fails"), [("risk", True), ("cost", False), ("error", False)])
def test_the_exit_code_says_whether_there_is_one_as_bad_as_that(severity: str, fails: bool) -> None:
    """SG105 is a risk. Without the option nothing fails."""
    run("--rule", "SG105")
    if not fails:
        run("--rule", "SG105", "--fail-on", severity)
        return
    with pytest.raises(SystemExit) as ended:
        run("--rule", "SG105", "--fail-on", severity)
    assert ended.value.code == 1


def test_what_is_accepted_does_not_fail(settings: Any) -> None:
    """With or without --all."""
    settings.SIGNALGRAPH = {"LOG": "memory://", "ACCEPT": {"SG105": "Nobody loads fixtures here."}}
    run("--rule", "SG105", "--fail-on", "risk", "--all")


def test_rules_are_chosen_by_how_they_begin() -> None:
    """SG1 is all that read the code; one that is none is told with what was meant."""
    assert KEY in {row["key"] for row in json.loads(run("--json", "--rule", "sg1"))}
    assert KEY not in {row["key"] for row in json.loads(run("--json", "--rule", "SG2"))}
    with pytest.raises(CommandError, match="--rule 'SG999' is no rule"):
        run("--rule", "SG999")


def test_a_log_that_is_not_there_is_an_error_and_is_not_created(tmp_path: Path) -> None:
    """Its traffic was asked for."""
    with pytest.raises(CommandError, match="There is no log"):
        run("--log", f"sqlite://{tmp_path}/log.sqlite3")
    assert not (tmp_path / "log.sqlite3").exists()


def messages() -> dict[str, Any]:
    return {
        f"{one.id} {one.obj}": one for one in run_checks(tags=[checks.FINDINGS_TAG]) if "attic" in f"{one.obj}{one.msg}"
    }


def test_a_finding_is_a_system_check_with_the_same_number() -> None:
    """The sentence, how to fix it with a link, and the receiver; a warning, whatever its severity."""
    one = messages()["signalgraph.W105 attic.receivers.copy"]
    assert one.msg == "attic.receivers.copy writes in post_save and doesn't look at raw."
    assert one.hint == 'Return at once where kwargs["raw"] is true. See docs/findings.md#sg105.'
    assert not one.is_serious()


def test_an_accepted_finding_is_no_warning(settings: Any) -> None:
    """Silencing works as for every check; a reason takes one finding out."""
    settings.SIGNALGRAPH = {"LOG": "memory://", "ACCEPT": ENTRY}
    assert "signalgraph.W105 attic.receivers.copy" not in messages()


def test_findings_in_installed_packages_are_no_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who runs the checks can't put them right."""
    monkeypatch.setattr("signalgraph.findings.sources.is_installed", lambda file: "/attic/" in file)
    assert messages() == {}


def test_an_entry_that_accepts_nothing_is_told(settings: Any) -> None:
    """One of no rule, and one that matches nothing; what a rule about traffic accepts is not known here."""
    accept = {"SG999": "Why not.", "SG105:receiver:attic.gone": "It was.", "SG203:receiver:attic.slow": "At night."}
    settings.SIGNALGRAPH = {"LOG": "memory://", "ACCEPT": accept}
    told = {one.id: one.msg for one in run_checks(tags=[checks.FINDINGS_TAG]) if one.id.startswith("signalgraph.W0")}
    assert told == {
        "signalgraph.W004": 'SIGNALGRAPH["ACCEPT"] names SG999, which is no rule.',
        "signalgraph.W005": "SIGNALGRAPH[\"ACCEPT\"] has 'SG105:receiver:attic.gone', which matches no finding.",
    }


def test_the_checks_of_one_app_tell_of_that_app() -> None:
    """`manage.py check legacy`."""
    from django.apps import apps

    told = run_checks(app_configs=[apps.get_app_config("legacy")], tags=[checks.FINDINGS_TAG])
    assert told
    assert all(str(one.obj).startswith("legacy.") for one in told)
