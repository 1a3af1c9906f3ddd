"""The wheel in a fresh environment, mounted beside a user's own app named `dashboard`."""

from __future__ import annotations

import json
import re
import time
import zipfile
from pathlib import Path

import pytest

from tests.fresh_site import FreshSite, build_wheel, get, make_environment, run

pytestmark = pytest.mark.wheel

ARRIVES_WITHIN_S = 20

MOUNT = """
INSTALLED_APPS += ["signalgraph", "django_htmx", "dashboard"]
ALLOWED_HOSTS = ["localhost"]
SILENCED_SYSTEM_CHECKS = ["signalgraph.W107"]  # the views connect a receiver, on purpose
"""

URLS = """
from django.urls import include
from dashboard.views import home

urlpatterns += [path("tools/signals/", include("signalgraph.urls")), path("", home)]
"""

OWN_DASHBOARD = """
from django.dispatch import Signal
from django.http import HttpResponse

opened = Signal()


def count(sender, **kwargs):
    return None


opened.connect(count, sender="home")


def home(request):
    opened.send("home")
    return HttpResponse("the user's own dashboard")
"""

# A server with a prefix in SCRIPT_NAME, as a proxy's `location /app/` gives it.
PREFIXED = """
import sys
from wsgiref.simple_server import make_server
from site_.wsgi import application

def prefixed(environ, start_response):
    path = environ["PATH_INFO"]
    assert path.startswith("/app/"), path
    environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/app", path[len("/app"):]
    return application(environ, start_response)

make_server("127.0.0.1", int(sys.argv[1]), prefixed).serve_forever()
"""

ASGI = """
import signalgraph.asgi

application = signalgraph.asgi.websockets(application)
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> FreshSite:
    folder = tmp_path_factory.mktemp("fresh")
    python = make_environment(folder / "venv", f"{wheel}[daphne]")
    fresh = FreshSite(python, folder / "project")
    fresh.folder.mkdir()
    run([str(python), "-m", "django", "startproject", "site_", str(fresh.folder)])
    (fresh.folder / "dashboard").mkdir()
    (fresh.folder / "dashboard" / "__init__.py").touch()
    (fresh.folder / "dashboard" / "views.py").write_text(OWN_DASHBOARD)
    (fresh.folder / "prefixed.py").write_text(PREFIXED)
    fresh.append("site_/settings.py", MOUNT)
    fresh.append("site_/urls.py", URLS)
    fresh.append("site_/asgi.py", ASGI)
    fresh.manage("migrate", "--verbosity", "0")
    return fresh


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """One top-level package with its templates and static files: nothing that could shadow a project's own."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"signalgraph", Path(names[-1]).parts[0]}
    assert any(name.startswith("signalgraph/templates/signalgraph/base.html") for name in names)
    assert any(name.startswith("signalgraph/static/signalgraph/feed.js") for name in names)
    assert "signalgraph/py.typed" in names


def test_the_users_own_dashboard_is_the_one_that_is_imported(site: FreshSite) -> None:
    """A project's app `dashboard` keeps its name; the checks find nothing but the receiver in the views."""
    assert "no issues (1 silenced)" in site.manage("check")
    where = site.manage("shell", "-v", "0", "-c", "import dashboard; print(dashboard.__file__)")
    assert str(site.folder) in where


def test_the_list_names_the_projects_own_signal(site: FreshSite) -> None:
    """`list --json` after loading the URLconf, where this project connects."""
    inventory = json.loads(site.manage("signalgraph", "list", "--json"))
    assert inventory["schema"] == 1
    assert "dashboard.views.opened" in [signal["name"] for signal in inventory["signals"]]


def links(body: str) -> set[str]:
    return {link for link in re.findall(r'(?:href|src|action)="([^"#?]+)', body) if not link.startswith("data:")}


def dispatched(body: str) -> list[str]:
    return [dispatch["signal"].removeprefix("signal:") for dispatch in json.loads(body)["dispatches"]]


def check_live(port: int, prefix: str) -> None:
    """Pages link below the prefix, and a dispatch that follows a cursor arrives."""
    status, page = get(port, f"{prefix}/tools/signals/")
    assert status == 200, page
    inside = {link for link in links(page) if not link.startswith(("/static/", "/app/static/", "http"))}
    assert inside
    assert all(link.startswith((f"{prefix}/tools/signals/", f"{prefix}/")) for link in inside), inside
    for link in sorted(inside):
        assert get(port, link)[0] in (200, 301, 302), link
    _, first = get(port, f"{prefix}/tools/signals/events.json")
    assert get(port, f"{prefix}/")[1] == "the user's own dashboard"
    cursor, seen = json.loads(first)["cursor"], []
    deadline = time.monotonic() + ARRIVES_WITHIN_S
    while "dashboard.views.opened" not in seen:
        assert time.monotonic() < deadline, f"The dispatch did not arrive; {seen} did."
        _, body = get(port, f"{prefix}/tools/signals/events.json?after={cursor}")
        cursor = json.loads(body)["cursor"]
        seen += dispatched(body)


def test_it_works_under_plain_wsgi(site: FreshSite) -> None:
    """Two lines, Django's own runserver, live by polling."""
    with site.serving("manage.py", "runserver", "--noreload", "localhost:{port}") as port:
        check_live(port, "")


def test_it_works_under_a_script_name(site: FreshSite) -> None:
    """Behind a proxy that serves the project below `/app`."""
    with site.serving("prefixed.py", "{port}") as port:
        check_live(port, "/app")


def test_it_works_under_asgi(site: FreshSite) -> None:
    """Three lines on Daphne: the page names its socket, below whatever prefix."""
    with site.serving("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "site_.asgi:application") as port:
        check_live(port, "")
        assert 'data-socket="/tools/signals/signalgraph.ws"' in get(port, "/tools/signals/")[1]


def test_it_works_under_asgi_below_a_root_path(site: FreshSite) -> None:
    """Daphne with a root path, as behind a proxy."""
    with site.serving(
        "-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "--root-path", "/app", "site_.asgi:application"
    ) as port:
        status, page = get(port, "/app/tools/signals/")
        if status == 404:  # Daphne hands on the path as it came; a proxy that strips the prefix sends it without
            status, page = get(port, "/tools/signals/")
        assert status == 200
        assert 'data-socket="/app/tools/signals/signalgraph.ws"' in page
