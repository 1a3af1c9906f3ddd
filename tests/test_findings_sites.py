"""What the rules that read code find in whole projects: the demo's planted faults, and what Wagtail and Oscar hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.fresh_site import ROOT, FreshSite, run

LEGACY = {
    "SG101:connection:legacy.Note|django.db.models.signals.post_save|legacy.receivers.connect_log.<locals>.log_note",
    "SG103:receiver:legacy.late.NoteMailer.mail_note",
    "SG103:receiver:legacy.late.connect_late.<locals>.index_note",
    "SG105:receiver:legacy.receivers.copy_note",
    "SG105:receiver:legacy.receivers.touch_updated",
    "SG106:receiver:legacy.receivers.connect_log.<locals>.log_note",
    "SG106:receiver:legacy.receivers.touch_updated",
    "SG112:receiver:legacy.receivers.touch_updated",
    "SG113:receiver:legacy.receivers.sync_note",
}

# Judged as if it were the project's own code. Both are connected by the import of a models module, and the first one
# hears each save of each model of the whole project from then on; Django's documentation recommends against it.
WAGTAIL = {
    "SG106:receiver:wagtail.models.i18n.set_locale_on_new_instance",
    "SG106:receiver:wagtail.models.pages.reassign_root_page_locale_on_delete",
}

# The same, of two packages that Oscar brings; haystack does it in its root package, and with DEBUG only. Of Oscar's own
# receivers none is named: each looks at `raw`, is connected from ready(), and writes past its own model's signals.
OSCAR = {
    "SG106:receiver:easy_thumbnails.signal_handlers.find_uncommitted_filefields",
    "SG106:receiver:easy_thumbnails.signal_handlers.signal_committed_filefields",
    "SG106:receiver:haystack.reset_search_queries",
}


def keys(text: str) -> set[str]:
    return {one["key"] for one in json.loads(text)}


@pytest.mark.parametrize("debug", ["0", "1"])
def test_the_demo_has_the_faults_that_were_planted_in_legacy_and_no_other(debug: str) -> None:
    """Each mistake of `legacy` but business logic in a receiver, which no source tells from work that belongs there."""
    environment = {**os.environ, "DJANGO_DEBUG": debug, "SIGNALGRAPH_RECORD": "off"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "manage.py", "signalgraph", "findings", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert keys(done.stdout) == LEGACY


@pytest.mark.sites
def test_wagtail_has_the_findings_that_its_source_bears_out(wagtail: FreshSite) -> None:
    """None for who uses it; for its maintainers those that were read and would be told to them."""
    assert keys(wagtail.manage("signalgraph", "findings", "--json")) == set()
    assert keys(wagtail.manage("signalgraph", "findings", "--json", "--packages")) == WAGTAIL


@pytest.mark.sites
def test_oscar_has_the_findings_that_its_source_bears_out(oscar: FreshSite) -> None:
    """The same of a shop with all of Oscar's apps."""
    assert keys(django(oscar, "signalgraph", "findings", "--json")) == set()
    assert keys(django(oscar, "signalgraph", "findings", "--json", "--packages")) == OSCAR


def django(site: FreshSite, *arguments: str) -> str:
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "oscar_settings", "PYTHONPATH": str(site.folder)}
    return run([str(site.python), "-m", "django", *arguments], cwd=site.folder, env=environment)
