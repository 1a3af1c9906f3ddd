"""Find the Chromium that the browser tests drive; `python tests/chromium.py` provides one where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DOWNLOAD_WITHIN_S = 600
ADVICE = (
    "Install it with your system's package manager (Debian: `apt-get install chromium`), "
    "or with `python -m playwright install --with-deps chromium`."
)


class ChromiumMissing(RuntimeError):
    """No Chromium that starts was found; the message says what to install."""


def find_chromium() -> str:
    """Return the path of a Chromium that starts: an installed one, else the one that Playwright downloaded.

    Raises
    ------
    ChromiumMissing
        There is none, or none starts.
    """
    paths = [*filter(None, map(shutil.which, NAMES)), *_downloads()]
    found = next(filter(_starts, paths), None)
    if found is None:
        tried = f"{', '.join(paths)} can't start" if paths else f"none of {', '.join(NAMES)} is on PATH"
        raise ChromiumMissing(f"The browser tests need Chromium: {tried}. {ADVICE}")
    return found


def provide_chromium() -> str:
    """Return what `find_chromium` finds; where that is nothing, try Playwright's download, then Debian's package."""
    for command in ([sys.executable, "-m", "playwright", "install", "chromium"], *_debian_commands()):
        try:
            return find_chromium()
        except ChromiumMissing:
            sys.stderr.write(f"Installing Chromium: {' '.join(command)}\n")
            _run(command)
    return find_chromium()


def _downloads() -> list[str]:
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return [str(path) for path in sorted(cache.glob("chromium-*/chrome-linux*/chrome"), reverse=True)]


def _debian_commands() -> list[list[str]]:
    if shutil.which("apt-get") is None:
        return []
    become_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return [[*become_root, "apt-get", "update", "-q"], [*become_root, "apt-get", "install", "-q", "-y", "chromium"]]


def _starts(path: str) -> bool:
    return _run([path, "--version"], quiet=True)


def _run(command: list[str], *, quiet: bool = False) -> bool:
    output = subprocess.DEVNULL if quiet else sys.stderr
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, timeout=DOWNLOAD_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        if not quiet:
            sys.stderr.write(f"{error}\n")
        return False
    return done.returncode == 0


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{provide_chromium()}\n")
    except ChromiumMissing as error:
        sys.exit(str(error))
