"""Real sites under real traffic: an independent count of every dispatch agrees with the log."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fresh_site import ROOT, FreshSite, build_wheel, make_environment, run

pytestmark = pytest.mark.sites

TRAFFIC = ROOT / "tests" / "traffic"
LEAST_DISPATCHES = 2_000  # a drive that did nothing would agree too
LEAST_DEPTH = 2


def drive(site: FreshSite, script: str, settings: str, pages: int = 40) -> dict[str, tuple[int, int]]:
    """Run a drive in the project's own process; its figures as (counted, told by the log)."""
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
    pairs: dict[str, tuple[int, int]] = json.loads(done.stdout)["pairs"]
    return pairs


def assert_agrees(pairs: dict[str, tuple[int, int]]) -> None:
    """Every figure is the same on both sides, and there was something to count."""
    different = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    assert different == {}
    counted = sum(pair[0] for name, pair in pairs.items() if name.startswith(("heard", "unheard")))
    assert counted > LEAST_DISPATCHES
    assert pairs[f"depth {LEAST_DEPTH}"][0] > 0


@pytest.fixture(scope="module")
def oscar(tmp_path_factory: pytest.TempPathFactory) -> FreshSite:
    folder = tmp_path_factory.mktemp("oscar")
    wheel = build_wheel(folder / "wheel")
    python = make_environment(folder / "venv", f"{wheel}", "django-oscar[easy-thumbnails]", "factory-boy")
    site = FreshSite(python, folder / "project")
    site.folder.mkdir()
    for name in ("oscar_settings.py", "oscar_urls.py"):
        shutil.copy(TRAFFIC / name, site.folder)
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "oscar_settings", "PYTHONPATH": str(site.folder)}
    run([str(python), "-m", "django", "migrate", "--verbosity", "0"], cwd=site.folder, env=environment)
    return site


def test_the_log_of_an_oscar_shop_agrees_with_an_independent_count(oscar: FreshSite) -> None:
    """Customers order, staff look at everything: every dispatch, receiver call and depth is in the log."""
    assert_agrees(drive(oscar, "oscar_drive.py", "oscar_settings"))


def test_the_log_of_a_wagtail_site_agrees_with_an_independent_count(wagtail: FreshSite, tmp_path: Path) -> None:
    """Editors write, publish, move and delete: every dispatch, receiver call and depth is in the log."""
    assert_agrees(drive(wagtail, "wagtail_drive.py", "mysite.settings.dev"))
