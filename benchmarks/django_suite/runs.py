"""One test module in a process of its own, plain or recorded, and what came of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from signalgraph.log import open_log

Way = Literal["plain", "recorded"]
WAYS: tuple[Way, ...] = ("plain", "recorded")
REPOSITORY = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).with_name("recorded.py")

HEADING = re.compile(r"^={70}\n((?:FAIL|ERROR|UNEXPECTED SUCCESS): .*)$", re.MULTILINE)
ENDING = re.compile(r"^Ran (\d+) tests? in .*s\n\n(?:OK|FAILED|NO TESTS RAN)(?: \((.*)\))?$", re.MULTILINE)
ADDRESS = re.compile(r"0x[0-9a-f]+")
TEST = re.compile(r"^[A-Z ]+: \S+ \(([\w.]+)\)")
ENDED = (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)


class EndedFromOutside(Exception):
    """Somebody ended a run, which says nothing about its tests."""


@dataclass(frozen=True)
class Outcome:
    """Of a run: `failures` are unittest's headings of failures and errors, sorted; `counts` what else it counted."""

    failures: tuple[str, ...] = ()
    ran: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    trouble: str = ""  # why there is no list of failures: a crash, or a time limit
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)  # of the recorder, see recorded.py
    code: str = ""  # of the recorder that recorded it


def code_digest(package: Path = REPOSITORY / "signalgraph") -> str:
    """Tells one state of the recorder's code from another."""
    digest = sha256()
    for path in sorted([*package.glob("*.py"), *package.glob("recorder/*.py"), *package.glob("log/*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def read_output(text: str, returncode: int) -> Outcome:
    """What unittest's report says; `trouble` when it is not there or doesn't add up."""
    endings = ENDING.findall(text)
    if not endings or returncode not in (0, 1):
        return Outcome(trouble=f"no report, exit status {returncode}")
    failures = sorted(ADDRESS.sub("0x", heading) for heading in HEADING.findall(text))
    ran, parts = endings[-1]
    counts = {name: int(count) for name, _, count in (part.partition("=") for part in parts.split(", ") if part)}
    told = sum(counts.pop(name, 0) for name in ("failures", "errors", "unexpected successes"))
    if told != len(failures) or bool(told) != bool(returncode):
        return Outcome(trouble=f"{told} failures counted, {len(failures)} named, exit status {returncode}")
    return Outcome(tuple(failures), int(ran), counts)


def label(heading: str) -> str | None:
    """What runtests.py calls the test of a heading; None when it has no name of its own."""
    found = TEST.match(heading)
    return found[1] if found and not found[1].startswith("unittest.") else None


def log_counts(url: str) -> dict[str, int]:
    """Dispatches that the log has of the run's processes, and those that were dropped or had no receiver."""
    with closing(open_log(url, writer=False)) as log:
        totals, dropped = log.totals(), sum(beat.dropped for beat in log.heartbeats())
    return {"dispatches": totals.dispatched, "dropped": dropped, "unheard": sum(totals.unheard.values())}


@dataclass(frozen=True)
class Runner:
    """Runs labels of the suite in `tests`; each run may take `limit_s` seconds."""

    tests: Path
    extras: Path | None
    limit_s: float

    def run(self, way: Way, labels: list[str], output: Path) -> Outcome:
        """Run `labels` in one process, which writes to `output`."""
        with tempfile.TemporaryDirectory() as scratch:
            facts, log = Path(scratch) / "facts.json", f"sqlite:///{scratch}/log.sqlite3"
            program = [str(self.tests / "runtests.py"), "--parallel=1", "--noinput", "--settings=test_sqlite", *labels]
            if way == "recorded":
                program = [str(RECORDED), str(facts), log, *program]
            begun = time.monotonic()
            with output.open("w") as file:
                returncode = self._wait([sys.executable, *program], file)
            seconds = round(time.monotonic() - begun, 1)
            told = json.loads(facts.read_text()) | log_counts(log) if facts.exists() else {}
        if returncode in ENDED:
            raise EndedFromOutside(f"The run of {' '.join(labels)} was ended by signal {-returncode}, not by itself.")
        if returncode is None:
            found = Outcome(trouble=f"not ended after {self.limit_s:.0f} s")
        else:
            found = read_output(output.read_text(errors="replace"), returncode)
        if way == "recorded" and not found.trouble and not told.get("recording"):
            found = Outcome(trouble="the recorder was off at the end")
        return Outcome(**(asdict(found) | {"seconds": seconds, "facts": told, "code": code_digest()}))

    def _wait(self, command: list[str], file: Any) -> int | None:
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        if self.extras is not None:
            paths = [str(self.extras), environment.get("PYTHONPATH")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        process = subprocess.Popen(
            command,
            cwd=self.tests,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(self.limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:  # with whatever its tests have left running
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Results:
    """One JSON file per module and way, so that runs can be stopped, resumed and made side by side."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, way: Way, module: str, suffix: str) -> Path:
        path = self.folder / way / f"{module}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def load(self, way: Way, module: str) -> Outcome | None:
        try:
            found = json.loads(self.path(way, module, ".json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return Outcome(**(found | {"failures": tuple(found["failures"])}))

    def save(self, way: Way, module: str, outcome: Outcome) -> None:
        path = self.path(way, module, ".json")
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(asdict(outcome), indent=1))
        part.replace(path)
