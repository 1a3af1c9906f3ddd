"""Fixtures that more than one test module uses. Each other fixture lives beside its tests."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import find_chromium
from fresh_site import ROOT, FreshSite, build_wheel, make_environment, run
from written import Package

# Playwright's synchronous API runs an event loop in the thread of the test, where Django then forbids its ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Let pytest-playwright start the browser that this machine has; none is a failure, never a skip."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": find_chromium(), "args": arguments}


@pytest.fixture(scope="session")
def wagtail(tmp_path_factory: pytest.TempPathFactory) -> FreshSite:
    """A Wagtail site as `wagtail start` makes it, with the two lines that mount signalgraph."""
    folder = tmp_path_factory.mktemp("wagtail")
    wheel = build_wheel(folder / "wheel")
    python = make_environment(folder / "venv", f"{wheel}", "wagtail")
    site = FreshSite(python, folder / "project")
    site.folder.mkdir()
    run([str(python.parent / "wagtail"), "start", "mysite", str(site.folder)], env=site.environment)
    site.append("mysite/settings/base.py", 'INSTALLED_APPS += ["signalgraph", "django_htmx"]\n')
    urls = site.folder / "mysite" / "urls.py"
    line = 'urlpatterns = [path("signals/", include("signalgraph.urls"))] + urlpatterns\n'
    urls.write_text(urls.read_text() + line)
    site.append("mysite/settings/dev.py", 'ALLOWED_HOSTS = ["*"]\n')
    site.manage("migrate", "--verbosity", "0")
    return site


@pytest.fixture(scope="session")
def oscar(tmp_path_factory: pytest.TempPathFactory) -> FreshSite:
    """A shop with all of Oscar's apps, its database made; its settings are `oscar_settings` in its folder."""
    folder = tmp_path_factory.mktemp("oscar")
    wheel = build_wheel(folder / "wheel")
    python = make_environment(folder / "venv", f"{wheel}", "django-oscar[easy-thumbnails]", "factory-boy")
    site = FreshSite(python, folder / "project")
    site.folder.mkdir()
    for name in ("oscar_settings.py", "oscar_urls.py"):
        shutil.copy(ROOT / "tests" / "traffic" / name, site.folder)
    environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "oscar_settings", "PYTHONPATH": str(site.folder)}
    run([str(python), "-m", "django", "migrate", "--verbosity", "0"], cwd=site.folder, env=environment)
    return site


@pytest.fixture
def attic(tmp_path: Path) -> Iterator[Package]:
    """A package to be written by the test."""
    package = Package(tmp_path)
    yield package
    package.close()


@pytest.fixture(autouse=True)
def no_dispatch_is_told_as_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine any dispatch may take so long that it is told twice; tests that are about that ask for it."""
    monkeypatch.setattr("signalgraph.recorder.unfinished.LONG_NS", 10**15)


def pytest_itemcollected(item: pytest.Item) -> None:
    """With several processes a file stays in one, but for its browser tests, which come after all others in theirs."""
    is_browser = item.get_closest_marker("browser") is not None
    item.add_marker(pytest.mark.xdist_group(f"{item.path.name}{'-browser' * is_browser}"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put browser tests last: Playwright's loop then runs in this thread, and no test can start one of its own."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
