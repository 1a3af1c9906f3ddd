"""Real sites under real traffic: an independent count agrees with the log, and each finding was checked by hand."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fresh_site import ROOT, FreshSite, run
from tests.test_wagtail import assert_apps_tell_all

pytestmark = pytest.mark.sites

TRAFFIC = ROOT / "tests" / "traffic"
LEAST_DISPATCHES = 2_000  # a drive that did nothing would agree too
LEAST_DEPTH = 2


class Driven(NamedTuple):
    """The figures of a drive as (counted, told by the log), and the sentences of what was found, by key."""

    pairs: dict[str, tuple[int, int]]
    findings: dict[str, str]


def drive(site: FreshSite, script: str, settings: str, pages: int = 40) -> Driven:
    """Run a drive in the project's own process."""
    environment = {
        **site.environment,
        "DJANGO_SETTINGS_MODULE": settings,
        "SIGNALGRAPH_RECORD": "always",
        "PYTHONPATH": f"{ROOT / 'tests'}:{site.folder}",
    }
    command = [str(site.python), str(TRAFFIC / script), str(pages)]
    done = subprocess.run(
        command, cwd=site.folder, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    if not done.stdout.startswith("{"):
        raise AssertionError(f"{script} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    told = json.loads(done.stdout)
    return Driven(told["pairs"], told["findings"])


def assert_agrees(pairs: dict[str, tuple[int, int]]) -> None:
    """Every figure is the same on both sides, and there was something to count."""
    different = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    assert different == {}
    counted = sum(pair[0] for name, pair in pairs.items() if name.startswith(("heard", "unheard")))
    assert counted > LEAST_DISPATCHES
    assert pairs[f"depth {LEAST_DEPTH}"][0] > 0


def test_the_apps_of_an_oscar_shop_are_one_picture_with_every_connection_once(oscar: FreshSite, tmp_path: Path) -> None:
    """Its apps live in the package of one of them: each has its own box all the same."""
    settings = {"DJANGO_SETTINGS_MODULE": "oscar_settings", "PYTHONPATH": str(oscar.folder)}

    def manage(*arguments: str) -> str:
        command = [str(oscar.python), "-m", "django", *arguments]
        return run(command, cwd=oscar.folder, env={**oscar.environment, **settings})

    assert_apps_tell_all(manage, tmp_path, "catalogue")


@pytest.fixture(scope="module")
def oscar_driven(oscar: FreshSite) -> Driven:
    """A database can be driven once."""
    return drive(oscar, "oscar_drive.py", "oscar_settings")


@pytest.fixture(scope="module")
def wagtail_driven(wagtail: FreshSite) -> Driven:
    return drive(wagtail, "wagtail_drive.py", "mysite.settings.dev")


def test_the_log_of_an_oscar_shop_agrees_with_an_independent_count(oscar_driven: Driven) -> None:
    """Customers order, staff look at everything: every dispatch, receiver call and depth is in the log."""
    assert_agrees(oscar_driven.pairs)


def test_the_log_of_a_wagtail_site_agrees_with_an_independent_count(wagtail_driven: Driven) -> None:
    """Editors write, publish, move and delete: every dispatch, receiver call and depth is in the log."""
    assert_agrees(wagtail_driven.pairs)


def test_the_rules_find_in_an_oscar_shop_what_its_source_shows(oscar_driven: Driven) -> None:
    """`_record_products_in_order` updates a counter for each line of the order, while the customer waits.

    Not told: `StockRecord.allocate` and `consume_allocation`, which update one row and send both signals themselves.
    """
    name = "oscar.apps.analytics.receivers.receive_order_placed"
    assert oscar_driven.findings == {
        f"SG204:receiver:{name}": f"{name} runs the same query up to 6 times in one call.",
    }


def test_the_rules_find_in_a_wagtail_site_what_its_source_shows(wagtail_driven: Driven) -> None:
    """Its order of receivers is another one wherever a process has migrated, as `migrate` has and every run of tests.

    `wagtail.signal_handlers` disconnects the reference index before a migration and connects it again after it: from
    then on it runs after the search index and the log of deletions. Nothing else is found: what takes long is a task,
    and bulk writes are on models that nobody listens to.
    """
    keys = {f"SG211:signal:django.db.models.signals.{name}" for name in ("post_save", "post_delete")}
    assert set(wagtail_driven.findings) == keys
    runs_first = ("wagtail.signal_handlers.update_reference_index", "wagtail.signal_handlers.remove_reference_index")
    assert all(sentence.startswith(runs_first) for sentence in wagtail_driven.findings.values())
