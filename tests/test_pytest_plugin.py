"""Recording a project's own tests: `SIGNALGRAPH_RECORD=always pytest` and `manage.py test --parallel`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from signalgraph.blobs import decode_dispatches
from signalgraph.events import Batch, Cause, Process
from signalgraph.log import open_log
from signalgraph.pytest_plugin import node_name

SETTINGS = """
from pathlib import Path

BASE_DIR = Path(__file__).parent
SECRET_KEY = "x"
INSTALLED_APPS = ["signalgraph", "django_htmx", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
ROOT_URLCONF = "shop.urls"
USE_TZ = True
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

from shop import happened


def view(request, token):
    happened.send("view")
    return HttpResponse("seen")


urlpatterns = [path("seen/<slug:token>/", view)]
"""
SIGNALS = """
from django.dispatch import Signal

happened = Signal()


def listens(sender, **kwargs):
    return None


happened.connect(listens)
"""
TESTS = """
import unittest

from django.test import SimpleTestCase

from shop import happened


class FirstTests(SimpleTestCase):
    def test_view(self):
        happened.send("first")
        self.client.get("/seen/secret/")


class SecondTests(SimpleTestCase):
    def test_plain(self):
        happened.send("second")


class ThirdTests(unittest.TestCase):
    def test_unittest(self):
        happened.send("third")
"""
PYTEST_TESTS = """
import pytest

from shop import happened
from shop.tests import FirstTests


@pytest.mark.parametrize("value", ["csv", "a@b.example"])
def test_values(value, client):
    happened.send(value.partition("@")[0])
    client.get("/seen/secret/")


@pytest.fixture
def prepared():
    happened.send("set up")
    yield
    happened.send("torn down")


@pytest.mark.asyncio
async def test_async(prepared):
    await happened.asend("async")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of the smallest size, with a dispatch in each of its tests."""
    (tmp_path / "shop").mkdir()
    for name, text in (
        ("settings.py", SETTINGS),
        ("shop/__init__.py", SIGNALS),
        ("shop/urls.py", URLS),
        ("shop/tests.py", TESTS),
        ("test_shop.py", PYTEST_TESTS),
    ):
        (tmp_path / name).write_text(text)
    return tmp_path


def run(project: Path, *arguments: str, record: str = "always") -> subprocess.CompletedProcess[str]:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "DJANGO"))},
        "DJANGO_SETTINGS_MODULE": "settings",
        "PYTHONPATH": os.pathsep.join([str(project), str(Path(__file__).parent.parent)]),
        "SIGNALGRAPH_RECORD": record,
        "SIGNALGRAPH_LOG": f"sqlite://{project / 'log.sqlite3'}",
    }
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=project, env=environ, capture_output=True, text=True, timeout=120
    )


def recorded(project: Path) -> tuple[dict[str, list[str]], set[str]]:
    """`kind name` of the cause of each sender's dispatch and of those around it, and the ids of the processes."""
    log = open_log(f"sqlite://{project / 'log.sqlite3'}", writer=False)
    told: dict[tuple[str, int], Cause] = {}
    traces: dict[str, tuple[Process, int]] = {}
    for _, entry in log.read(limit=10_000).entries:
        if isinstance(entry, Batch):
            told.update({(entry.process.id, cause.id): cause for cause in entry.causes})
            for dispatch in decode_dispatches(entry):
                if entry.signals[dispatch.signal] == "shop.happened":
                    traces[entry.senders[dispatch.sender].strip('"')] = (entry.process, dispatch.trace)
    log.close()
    found: dict[str, list[str]] = {}
    for sender, (process, trace) in traces.items():
        found[sender], cause = [], told.get((process.id, trace))
        while cause is not None:
            found[sender].append(f"{cause.kind} {cause.name}")
            cause = told.get((process.id, cause.outer))
    return found, {process.id for process, _ in traces.values()}


def test_each_test_of_pytest_is_a_cause(project: Path) -> None:
    """From its set-up to its tear-down, with its requests inside, and without the values of its parameters."""
    done = run(project, "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "test_shop.py")
    assert done.returncode == 0, done.stdout + done.stderr
    found, _ = recorded(project)
    request = "request GET /seen/<slug:token>/"
    first = "test test_shop.py::FirstTests::test_view"
    assert found == {
        "csv": ["test test_shop.py::test_values[csv]"],
        "a": ["test test_shop.py::test_values[...]"],
        "async": ["test test_shop.py::test_async"],
        "set up": ["test test_shop.py::test_async"],
        "torn down": ["test test_shop.py::test_async"],
        "first": [first],
        "view": [request, found["view"][1]],
    }
    assert found["view"][1] in (first, "test test_shop.py::test_values[...]")


def test_each_test_of_a_parallel_run_is_a_cause(project: Path) -> None:
    """`manage.py test --parallel 2`: each forked worker records into the same log, to its last test."""
    done = run(project, "django", "test", "--parallel", "2", "shop")
    assert done.returncode == 0, done.stdout + done.stderr
    found, processes = recorded(project)
    assert found == {
        "first": ["test shop.tests.FirstTests.test_view"],
        "view": ["request GET /seen/<slug:token>/", "test shop.tests.FirstTests.test_view"],
        "second": ["test shop.tests.SecondTests.test_plain"],
        "third": ["test shop.tests.ThirdTests.test_unittest"],
    }
    assert len(processes) == 2


def test_nothing_is_recorded_unless_asked_for(project: Path) -> None:
    """By default tests run without us: no log, and not one name of Django's replaced."""
    done = run(project, "pytest", "-q", "-p", "no:cacheprovider", "test_shop.py", record="auto")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (project / "log.sqlite3").exists()


def test_a_project_without_django_runs_as_ever(tmp_path: Path) -> None:
    """Only installed, the plugin loads neither Django nor the rest of signalgraph."""
    (tmp_path / "test_plain.py").write_text(
        "import sys\n\ndef test_plain():\n    assert 'signalgraph.pytest_plugin' in sys.modules\n"
        "    assert 'signalgraph.recorder' not in sys.modules\n    assert 'django.apps' not in sys.modules\n"
    )
    done = run(
        tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:django", "-p", "no:playwright", "test_plain.py"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("tests/test_a.py::test_b", "tests/test_a.py::test_b"),
        ("tests/test_a.py::TestC::test_b[None-True-12-0.5-param0]", None),
        ("tests/test_a.py::test_b[sk_live_4eC39HqLyjWDarjtT1zdp7dc]", "tests/test_a.py::test_b[...]"),
        ("tests/test_a.py::test_b[2f1c0d9ab3]", "tests/test_a.py::test_b[...]"),
        ("tests/test_a.py::test_b[a/b::c]", "tests/test_a.py::test_b[...]"),
        ("tests/test_a.py::test_b[]", "tests/test_a.py::test_b[...]"),
        ("docs/page.md::page.md", "docs/page.md::page.md"),
    ],
)
def test_a_name_holds_no_value_of_a_parameter(nodeid: str, name: str | None) -> None:
    """Words and small numbers may stand there; what could be a key, an address or a path may not."""
    assert node_name(nodeid) == (nodeid if name is None else name)
