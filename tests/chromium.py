"""Find the Chromium that the browser tests drive."""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str:
    """Return the path of a Chromium: one that is installed, else the one that Playwright downloaded.

    Raises
    ------
    RuntimeError
        There is none; the message says what to install.
    """
    installed = next(filter(None, map(shutil.which, NAMES)), None)
    if installed:
        return installed
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    downloaded = sorted(cache.glob("chromium-*/chrome-linux*/chrome"))
    if downloaded:
        return str(downloaded[-1])
    raise RuntimeError(
        f"The browser tests need Chromium: none of {', '.join(NAMES)} is on PATH and Playwright has none in {cache}. "
        "Install it with `make chromium`, or `python -m playwright install chromium`, or your system's package."
    )
