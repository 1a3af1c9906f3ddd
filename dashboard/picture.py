"""`python -m dashboard.picture <chromium>`: the picture of the README, taken from a demo that has run for a while."""

import argparse
import os
import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "picture.png"
PAGE = "/signals/graph/?q=app:shop,library"
WIDTH, HEIGHT = 1440, 1000
LIVE_FOR_MS = 3_000


def take_picture(chromium: str, url: str, path: Path) -> None:
    """Write what Chromium shows of `url` when it has been live for a moment."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(url)
        page.wait_for_selector(".live.is-live")
        page.wait_for_timeout(LIVE_FOR_MS)
        page.screenshot(path=path)
        browser.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dashboard.picture", description=__doc__)
    parser.add_argument("chromium", help="path of the browser")
    parser.add_argument("--port", type=int, default=8909)
    parser.add_argument("--after", type=float, default=60.0, metavar="S", help="how long the visitors visit before")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DEMO_VAR"] = folder
        os.environ["SIGNALGRAPH_LOG"] = f"sqlite://{folder}/log.sqlite3"
        from dashboard.demo import Demo, DemoError  # reads DEMO_VAR

        demo = Demo(options.port, rate=10, seed=1)
        timer = threading.Timer(options.after, demo.stop.set)
        timer.start()
        try:
            demo.start()
            demo.watch()
            take_picture(options.chromium, demo.url + PAGE, PICTURE)
        except DemoError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        finally:
            timer.cancel()
            demo.end()
    sys.stdout.write(f"{PICTURE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
