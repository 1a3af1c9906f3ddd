"""A Daphne of its own process that serves `feed_site`, for tests that need a real server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

from signalgraph.log import Log

ROOT = Path(__file__).parent.parent
PREFIX = "/deep/signals"


class Server:
    """A Daphne of its own process."""

    def __init__(self, log: Log, port: int = 0) -> None:
        environment = {**os.environ, "FEED_LOG": log.url, "PYTHONUNBUFFERED": "1"}
        environment["PYTHONPATH"] = str(ROOT)
        command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "tests.feed_site:application"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.host = f"localhost:{self._port()}"
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _port(self) -> int:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(r"Listening on TCP address 127\.0\.0\.1:(\d+)", line)
            if found:
                return int(found[1])
        raise RuntimeError("".join(self.lines))

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(self.process.stderr)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self._reader.join(10)
        if self.process.stderr is not None:
            self.process.stderr.close()

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"http://{self.host}{PREFIX}/{path}", headers=headers)

    def ticket(self) -> str:
        return str(self.get("ticket.json").json()["ticket"])

    def frame(self, after: str | None = None, limit: int = 500) -> dict[str, Any]:
        question = f"events.json?limit={limit}" + (f"&after={after}" if after else "")
        return dict(self.get(question).json())
