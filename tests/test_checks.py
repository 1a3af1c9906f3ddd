"""The system checks name what is missing, with the line to add; each id is documented."""

import re
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.urls import URLPattern, URLResolver, include, path

from signalgraph import checks
from signalgraph.findings import load_rules

ROOT = Path(__file__).parent.parent


def ids() -> list[str | None]:
    return [message.id for message in run_checks(tags=[checks.TAG])]


@pytest.fixture(autouse=True)
def _writable_log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGNALGRAPH_LOG", raising=False)
    settings.SIGNALGRAPH = {"LOG": "memory://"}


def mounted_at(*patterns: URLPattern | URLResolver) -> types.ModuleType:
    urlconf = types.ModuleType("urlconf_of_a_test")
    urlconf.urlpatterns = list(patterns)  # type: ignore[attr-defined]
    return urlconf


PAGES: list[URLPattern] = []
INCLUDED = include((PAGES, "signalgraph"))


def test_the_demo_site_has_nothing_to_report() -> None:
    """It is set up as the README says."""
    assert ids() == []


def test_problems_of_the_settings_are_errors(settings: Any) -> None:
    """With the hint that says what was meant."""
    settings.SIGNALGRAPH = {"LOG": "memory://", "TRACE": 3}
    (message,) = run_checks(tags=[checks.TAG])
    assert (message.id, message.hint) == ("signalgraph.E001", "Did you mean TRACES?")
    assert message.is_serious()


def test_a_site_without_the_pages_is_told_the_line_to_add(settings: Any) -> None:
    """A warning: other processes may serve the pages."""
    settings.ROOT_URLCONF = mounted_at(path("", include((PAGES, "other"))))
    (message,) = run_checks(tags=[checks.TAG])
    assert message.id == "signalgraph.W001"
    assert 'path("signals/", include("signalgraph.urls")),' in (message.hint or "")


@pytest.mark.parametrize(
    "pattern",
    [
        path("signals/", INCLUDED),
        path("<slug:tenant>/", include([path("ops/", INCLUDED)])),
        path("ops/", include(([path("s/", INCLUDED)], "ops"), namespace="outer")),
    ],
)
def test_the_pages_are_found_under_any_prefix(settings: Any, pattern: Any) -> None:
    """With parameters, nested, in a namespace; nothing is reversed."""
    settings.ROOT_URLCONF = mounted_at(pattern)
    assert ids() == []


def test_the_urls_of_the_package_are_recognised(settings: Any) -> None:
    """The line of the hint is what the check looks for."""
    settings.ROOT_URLCONF = mounted_at(path("signals/", include("signalgraph.urls")))
    assert ids() == []


def test_a_site_without_django_htmx_is_told_the_line_to_add(settings: Any) -> None:
    """The pages can't be rendered without it."""
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_htmx"]
    (message,) = run_checks(tags=[checks.TAG])
    assert message.id == "signalgraph.E005"
    assert '"django_htmx",' in (message.hint or "")


def test_a_log_that_cannot_be_written_is_a_warning(settings: Any, tmp_path: Path) -> None:
    """Recording goes on in memory; a file in the place of a folder fails for every user."""
    (tmp_path / "file").touch()
    settings.SIGNALGRAPH = {"LOG": f"sqlite://{tmp_path}/file/log.sqlite3"}
    (message,) = run_checks(tags=[checks.TAG])
    assert message.id == "signalgraph.W002"
    assert str(tmp_path) in message.msg
    settings.SIGNALGRAPH = {"LOG": f"sqlite://{tmp_path}/file/log.sqlite3", "RECORD": "off"}
    assert ids() == []


def test_looking_at_the_log_leaves_no_file(settings: Any, tmp_path: Path) -> None:
    """A check has no side effects."""
    settings.SIGNALGRAPH = {"LOG": f"sqlite://{tmp_path}/deep/log.sqlite3"}
    assert ids() == []
    assert list(tmp_path.iterdir()) == []


def test_an_ignored_name_that_no_signal_has_is_a_warning(settings: Any) -> None:
    """With the one that was probably meant; the signal may be made later."""
    settings.SIGNALGRAPH = {"LOG": "memory://", "IGNORE": ["django.db.models.signals.*_init", "django.db.post_init"]}
    (message,) = run_checks(tags=[checks.TAG])
    assert message.id == "signalgraph.W003"
    assert "'django.db.post_init'" in message.msg
    assert message.hint == "Did you mean django.db.models.signals.post_init?"


def test_a_project_that_cannot_be_read_is_checked_without_its_signals(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its server starts all the same; the log says why these checks are missing."""

    def read_code() -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr("signalgraph.findings.code.read_code", read_code)
    assert checks.check_findings() == []
    assert "can't be read" in caplog.text


def test_an_entry_of_a_rule_that_failed_is_not_called_stale(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would have found isn't known."""
    settings.SIGNALGRAPH = {"ACCEPT": {"SG109:receiver:shop.gone": "It is true."}}
    assert "signalgraph.W005" in {one.id for one in checks.check_findings()}
    failing = replace(load_rules()["SG109"], find=lambda code: 1 / 0)
    monkeypatch.setitem(load_rules(), "SG109", failing)
    assert "signalgraph.W005" not in {one.id for one in checks.check_findings()}
    monkeypatch.undo()
    checks.check_findings()


def test_every_id_is_documented() -> None:
    """And nothing is documented that is not there."""
    source = "".join((ROOT / "signalgraph" / name).read_text() for name in ("conf.py", "checks.py"))
    used = set(re.findall(r"signalgraph\.[EW]\d{3}", source))
    documented = set(re.findall(r"^\| `(signalgraph\.[EW]\d{3})`", (ROOT / "docs/checks.md").read_text(), re.MULTILINE))
    assert used == documented
