"""The demo's visitors and the command that runs all of it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from accounts.models import AuditEntry, User
from django.core.management import CommandError, call_command
from library.models import Book
from shop.models import Order
from telemetry.counts import COUNTS

import dashboard.crowd
from dashboard.books import BOOKS
from dashboard.crowd import Crowd
from dashboard.traffic import WEIGHTS, Action, plan
from dashboard.visitor import Visitor
from dashboard.web_client import ForeignHostError, WebClient, check_loopback

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN_S = 60


@pytest.fixture
def shop(transactional_db: None, settings: Any, tmp_path: Path, live_server: Any) -> str:
    """The address of a bookshop with its first books, served over HTTP."""
    settings.DEMO_WAITS = False
    settings.MEDIA_ROOT = tmp_path
    call_command("demo_data", stdout=StringIO())
    return str(live_server.url)


@pytest.fixture
def visitor(shop: str) -> Visitor:
    """A visitor who has registered."""
    made = Visitor(shop, seed=1)
    do(made, "register")
    return made


def do(visitor: Visitor, name: str, book: int = 0, number: int = 1) -> Any:
    return visitor.do(Action(visitor=0, visit=0, name=name, book=book, number=number))


# the plan


def test_the_same_seed_gives_the_same_sequence() -> None:
    assert list(islice(plan(7, 5), 500)) == list(islice(plan(7, 5), 500))


def test_another_seed_gives_another_sequence() -> None:
    assert list(islice(plan(7, 5), 500)) != list(islice(plan(8, 5), 500))


def test_everything_that_visitors_do_is_done_within_an_hour() -> None:
    seen = {action.name for action in islice(plan(1, 8), 5 * 3600)}
    assert seen == {*WEIGHTS, "register", "log_in", "log_in_wrong", "log_out"}


# the visitors


def test_each_step_of_a_visit_has_the_effect_that_it_is_named_after(visitor: Visitor) -> None:
    for name in ("browse", "search", "open_book", "stock", "availability", "orders"):
        assert do(visitor, name).status == 200, name
    do(visitor, "read")
    assert Book.objects.get(title=BOOKS[0].title).reads == 1
    do(visitor, "order")
    assert Order.objects.get().status == Order.Status.PLACED
    do(visitor, "cancel")
    assert Order.objects.get().status == Order.Status.CANCELLED
    do(visitor, "upload")
    assert Book.objects.get(owner__username=visitor.name).cover
    do(visitor, "delete")
    assert not Book.objects.filter(owner__username=visitor.name).exists()


def test_an_order_of_too_many_copies_says_so_and_leaves_nothing(visitor: Visitor) -> None:
    assert "999 were ordered" in do(visitor, "order_too_many").text
    assert not Order.objects.exists()


def test_a_visitor_tries_to_delete_a_featured_book(visitor: Visitor) -> None:
    assert "is on the front page" in do(visitor, "delete_featured").text
    assert Book.objects.count() == len(BOOKS)


def test_a_visitor_leaves_and_fails_to_come_back(visitor: Visitor) -> None:
    do(visitor, "log_out")
    do(visitor, "log_in_wrong")
    events = AuditEntry.objects.order_by("pk").values_list("event", flat=True)
    assert list(events) == ["login", "logout", "failed"]


def test_a_second_run_with_the_same_seed_logs_its_readers_in(visitor: Visitor, shop: str) -> None:
    again = Visitor(shop, seed=1)
    do(again, "register")
    assert User.objects.filter(username=visitor.name).count() == 1
    assert do(again, "orders").path == "/orders/"


def test_a_visitor_meets_the_page_that_fails(visitor: Visitor) -> None:
    before = COUNTS["unhandled exceptions"]
    assert do(visitor, "fail").status == 500
    assert COUNTS["unhandled exceptions"] == before + 1


@pytest.mark.parametrize(
    "url", ["http://example.com", "http://192.0.2.1:8000", "http://localhost.example.com", "ftp://127.0.0.1"]
)
def test_no_other_machine_is_visited(url: str) -> None:
    with pytest.raises(CommandError, match="is not on this machine"):
        call_command("demo_traffic", base_url=url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost", "http://[::1]:8000"])
def test_this_machine_has_several_names(url: str) -> None:
    check_loopback(url)


@pytest.mark.parametrize("rate", [0, 0.05, 51])
def test_a_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(CommandError, match=r"give 0\.1 to 50"):
        call_command("demo_traffic", rate=rate)


class Site:
    """A site of one answer on a port of its own, which can be stopped and started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.location = ""
        self.visited = threading.Event()

    def start(self) -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.visited.set()
                self.send_response(302 if site.location else 200)
                self.send_header("Location", site.location)
                self.end_headers()

            do_POST = do_GET

            def log_message(self, *args: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.visited.clear()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.start()
    yield made
    made.stop()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_redirect_to_another_machine_is_not_followed(site: Site) -> None:
    site.location = "http://example.com/"
    with pytest.raises(ForeignHostError):
        WebClient(f"http://127.0.0.1:{site.port}").get("/")


def test_visitors_come_back_after_a_restart(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard.crowd, "RETRY_AFTER_S", 0.01)
    crowd, stop = Crowd(f"http://127.0.0.1:{site.port}", seed=1, visitors=3), threading.Event()
    thread = threading.Thread(target=crowd.visit, args=(50.0, None, stop))
    thread.start()
    try:
        assert site.visited.wait(10)
        site.stop()
        site.start()
        assert site.visited.wait(10)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_visitors_go_home_after_the_duration(site: Site) -> None:
    out = StringIO()
    call_command("demo_traffic", rate=20, duration=0.5, base_url=f"http://127.0.0.1:{site.port}", stdout=out)
    assert re.fullmatch(r"[1-9]\d* actions done, 0 not answered\n", out.getvalue())


# the command that runs all of it


def test_a_taken_port_is_said_with_the_way_out(site: Site) -> None:
    command = ["make", "demo", f"PY={sys.executable}", "SITE=pyproject.toml", f"PORT={site.port}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=STARTS_WITHIN_S)
    assert done.returncode != 0
    assert f"Port {site.port} is taken. Choose another one: PORT={site.port + 1} make demo" in done.stderr


@contextmanager
def running_demo(var: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The demo in a folder of its own, once it has said that it runs. Ends with the block, come what may."""
    log = f"sqlite://{var / 'log.sqlite3'}"
    with subprocess.Popen(
        [sys.executable, "-m", "dashboard.demo", "--port", str(port), "--rate", "10"],
        cwd=ROOT,
        env={**os.environ, "DEMO_VAR": str(var), "SIGNALGRAPH_LOG": log},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        killer = threading.Timer(STARTS_WITHIN_S, demo.kill)
        killer.start()
        try:
            yield demo
        finally:
            killer.cancel()
            demo.kill()


def read_welcome(demo: subprocess.Popen[str]) -> str:
    """Return what the demo has said when it is ready, or all that it said where it never was."""
    said = []
    for line in demo.stdout or ():
        said.append(line)
        if "Ctrl-C" in line:
            break
    return "".join(said)


def wait_until_nobody_listens(port: int) -> bool:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return True
        time.sleep(0.05)  # nobody tells when a foreign process is gone
    return False


def test_the_demo_serves_shop_and_dashboard_and_ends_when_told(tmp_path: Path) -> None:
    """Real processes: the site answers, everybody starts, and SIGTERM leaves nobody behind."""
    port = free_port()
    with running_demo(tmp_path, port) as demo:
        said = read_welcome(demo)
        assert f"http://127.0.0.1:{port}/signals/" in said
        assert "admin / admin" in said
        opener = build_opener(ProxyHandler({}))
        for path, text in (("/", "The Quiet Bookshop"), ("/signals/", "signalgraph")):
            with opener.open(f"http://127.0.0.1:{port}{path}", timeout=20) as response:
                assert text in response.read().decode()
        demo.send_signal(signal.SIGTERM)
        assert demo.wait() == 0
        assert demo.stdout is not None
        assert "The demo has ended." in demo.stdout.read()
    with closing(socket.socket()) as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_nothing_outlives_a_demo_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    with running_demo(tmp_path, port) as demo:
        assert "Ctrl-C" in read_welcome(demo)
        demo.kill()
        demo.wait()
    assert wait_until_nobody_listens(port)
