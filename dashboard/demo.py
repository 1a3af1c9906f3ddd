"""`python -m dashboard.demo`: the site, its visitors and a second process, started and ended together."""

import argparse
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("DEMO_VAR") or ROOT / "var")
HOST = "127.0.0.1"
ANSWERS_WITHIN_S = 60.0
ENDS_WITHIN_S = 10.0
LAST_LINES = 20
IMPORT_EVERY_S = 20
UNRECORDED = {"SIGNALGRAPH_RECORD": "off"}  # for what a bookshop in service wouldn't run

WELCOME = """
  Bookshop    {url}/
  Dashboard   {url}/signals/
  Log in      admin / admin (the dashboard asks nobody on this machine)
  Visitors    {rate:g} actions a second; import_stock every {every} s in a process of its own
  Logs        {logs}

Ctrl-C ends all of it.
"""


class DemoError(Exception):
    """The demo can't start or can't go on; the message says why and what to do."""


class Demo:
    """Runs the children, each in a session of its own, so that Ctrl-C reaches this process only."""

    def __init__(self, port: int, rate: float, seed: int) -> None:
        self.port = port
        self.rate = rate
        self.seed = seed
        self.url = f"http://{HOST}:{port}"
        self.logs = VAR / "log"
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.stop = threading.Event()

    def start(self) -> None:
        """Start everything and return when the site answers; DemoError where that fails. `end` is for the caller."""
        check_port(self.port)
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(VAR / "mail", ignore_errors=True)
        self._prepare()
        daphne = ("daphne", "-v", "0", "-b", HOST, "-p", str(self.port))
        self._start("site", *daphne, "dashboard.asgi:application")
        self._wait_for_answer()
        self._manage("import_stock", "--every", str(IMPORT_EVERY_S))
        traffic = ("--rate", str(self.rate), "--seed", str(self.seed), "--base-url", self.url)
        self._manage("demo_traffic", *traffic, environment=UNRECORDED)

    def watch(self) -> None:
        """Return when `stop` is set; DemoError where a child ends by itself."""
        while not self.stop.wait(0.5):
            self._check_children()

    def end(self) -> None:
        """End all children and wait until they are gone."""
        for child in self.children.values():
            if child.poll() is None:
                child.terminate()
        until = time.monotonic() + ENDS_WITHIN_S
        for child in self.children.values():
            try:
                child.wait(timeout=max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdin:
                child.stdin.close()

    def _prepare(self) -> None:
        self._manage("demo_data", "--seed", str(self.seed), environment=UNRECORDED)
        child = self.children["demo_data"]
        while child.poll() is None and not self.stop.wait(0.05):
            pass
        if child.returncode:
            raise DemoError(self._last_words("demo_data"))
        if child.returncode == 0:
            del self.children["demo_data"]

    def _manage(self, command: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self._start(command, "manage", command, *arguments, environment=environment)

    def _start(self, name: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        if self.stop.is_set():
            return
        with (self.logs / f"{name}.log").open("wb") as log:
            self.children[name] = subprocess.Popen(
                [sys.executable, "-m", "dashboard.child", *arguments],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
                stdin=subprocess.PIPE,  # never written to: see dashboard/child.py
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_for_answer(self) -> None:
        opener = build_opener(ProxyHandler({}))
        until = time.monotonic() + ANSWERS_WITHIN_S
        while not self.stop.is_set():
            self._check_children()
            try:
                opener.open(self.url + "/", timeout=5).close()
            except OSError as error:  # a URLError, or the time is over while it answers
                if time.monotonic() > until:
                    raise DemoError(f"{self.url} doesn't answer: {error}. {self._last_words('site')}") from error
                self.stop.wait(0.1)
            else:
                return

    def _check_children(self) -> None:
        for name, child in self.children.items():
            if child.poll() is not None:
                raise DemoError(self._last_words(name))

    def _last_words(self, name: str) -> str:
        path = self.logs / f"{name}.log"
        lines = path.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join([f"{name} ended with code {self.children[name].poll()}; the end of {path}:", *lines])


def check_port(port: int) -> None:
    """Raise DemoError where something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OverflowError as error:
            raise DemoError(f"PORT is {port}; give 1 to 65535.") from error
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"can't be used ({error.strerror})"
            raise DemoError(f"Port {port} {why}. Choose another one: PORT={port + 1} make demo") from error


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the demo until Ctrl-C, SIGTERM or the end of the terminal; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dashboard.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--rate", type=float, default=5.0, help="visitors' actions per second, 0.1 to 50")
    parser.add_argument("--seed", type=int, default=1, help="of the shop and of its visitors")
    options = parser.parse_args()
    demo = Demo(options.port, options.rate, options.seed)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: demo.stop.set())
    try:
        demo.start()
        if not demo.stop.is_set():
            say(WELCOME.format(url=demo.url, rate=demo.rate, every=IMPORT_EVERY_S, logs=demo.logs))
        demo.watch()
    except DemoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        demo.end()
    say("The demo has ended.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
