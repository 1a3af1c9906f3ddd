"""Django's tests: the source distribution of the installed version, and what its tests can use beside SQLite."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import django

HERE = Path(__file__).resolve().parents[2] / "var" / "django-suite"

# Of tests/requirements/py3.txt. Left out is what needs a server, a browser or a compiler: pylibmc, pymemcache, redis,
# pywatchman, selenium; GeoDjango's libraries (geoip2, GDAL); and black, which only reformats what commands write.
EXTRAS = ["aiosmtpd", "argon2-cffi", "bcrypt", "docutils", "jinja2", "numpy", "Pillow", "PyYAML", "tblib", "tzdata"]

SKIPPED = {"import_error_package", "test_runner_apps", "gis_tests"}  # as runtests.py does without GeoDjango

QUICK = [  # the modules that CI runs
    "dispatch",
    "signals",
    "async",
    "handlers",
    "asgi",
    "auth_tests",
    "transactions",
    "transaction_hooks",
    "m2m_signals",
    "model_inheritance",
    "delete",
    "test_client",
    "requests_tests",
    "sessions_tests",
    "template_tests",
    "migrate_signals",
    "select_for_update",
    "get_or_create",
    "test_utils",
]


class SuiteError(Exception):
    """The suite can't be run; the message says what to do."""


def python_version() -> str:
    return f"py{sys.version_info.major}.{sys.version_info.minor}"


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq", *arguments]
    if subprocess.run(command, check=False).returncode:
        raise SuiteError(f"{' '.join(command)} failed; it needs the network. Run it again when that is there.")


def tests_folder(cache: Path) -> Path:
    """The folder `tests` of the installed Django's source distribution, downloaded once."""
    version = django.get_version()
    folder = cache / f"django-{version}" / "tests"
    if not (folder / "runtests.py").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            pip("download", "--no-deps", "--no-binary", "django", f"django=={version}", "--dest", scratch)
            (archive,) = Path(scratch).glob("[Dd]jango-*.tar.gz")
            with tarfile.open(archive) as tar:
                tar.extractall(scratch, filter="data")
            (unpacked,) = (path for path in Path(scratch).iterdir() if path.is_dir())
            unpacked.rename(folder.parent)
    return folder


def extras_folder(cache: Path) -> Path:
    """A folder for PYTHONPATH with `EXTRAS` in it, beside the environment and not in it."""
    folder = cache / f"extras-{python_version()}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            pip("install", "--target", f"{scratch}/extras", *EXTRAS)
            (Path(scratch) / "extras").rename(folder)
    return folder


def modules(tests: Path) -> list[str]:
    """Every test module that SQLite can run, those of `QUICK` first."""
    found = {path.parent.name for path in tests.glob("*/__init__.py")} - SKIPPED
    return QUICK + sorted(found - set(QUICK))
