"""`python -m dashboard.documents [--check]`: docs/demo-signals, the pages of the demo, with what its tests set off.

This is what a project does in CI: record a test run, and write (or check) the pages with that log.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "docs/demo-signals"
TESTS = ("tests/test_demo.py", "tests/test_demo_telemetry.py")


def main(arguments: list[str]) -> int:
    """The exit code: 0, 1 where a page is out of date, or that of the tests."""
    ours = ("DJANGO", "DEMO", "SIGNALGRAPH", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    with tempfile.TemporaryDirectory() as folder:
        log = f"sqlite://{folder}/log.sqlite3"
        environment = {**kept, "DEMO_VAR": f"{folder}/var"}
        recorded = {**environment, "SIGNALGRAPH_RECORD": "always", "SIGNALGRAPH_LOG": log}
        tests = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", *TESTS]
        done = subprocess.run(tests, cwd=ROOT, env=recorded, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
            return done.returncode
        title = ["--title", "The bookshop's signals"]
        docs = [sys.executable, "manage.py", "signalgraph", "docs", FOLDER, *title, "--log", log, *arguments]
        return subprocess.run(docs, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
