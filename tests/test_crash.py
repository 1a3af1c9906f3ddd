"""A server that is killed in a burst: what the pages then say adds up to what was dispatched."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from signalgraph.index import close_shared_indexes

BURST = 10_000

# Ends without a word; how much of the burst has reached the log by then is chance.
KILLED = """
    import os, signal as unix, sys, time
    from django.conf import settings
    settings.configure(DEBUG=False)
    import django
    django.setup()
    from django.dispatch import Signal
    from signalgraph import recorder

    def listens(sender, **kwargs): ...

    signal = Signal()
    signal.connect(listens)
    recorder.start("sqlite://" + sys.argv[1])
    for number in range({burst}):
        signal.send("burst")
        if number == {burst} // 2:
            time.sleep(0.3)  # a flush or two in the middle
    os.kill(os.getpid(), unix.SIGKILL)
"""


@pytest.mark.urls("page_urls")
def test_the_pages_say_exactly_what_a_killed_server_lost(tmp_path: Path, settings: Any) -> None:
    """Totals plus lost are the burst, after another process has opened the log, in the feed and in words."""
    path = tmp_path / "log.sqlite3"
    script = textwrap.dedent(KILLED.format(burst=BURST))
    assert subprocess.run([sys.executable, "-c", script, str(path)], timeout=120, check=False).returncode == -9
    settings.SIGNALGRAPH = {"LOG": f"sqlite://{path}", "ACCESS": "page_urls.everybody"}
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    try:
        frame = json.loads(Client().get("/signals/events.json").content)
        page = Client().get("/signals/").content.decode()
    finally:
        close_shared_indexes()
    calls = sum(total["calls"] for total in frame["totals"].values())
    assert calls >= BURST // 2
    assert calls + frame["lost"] == BURST
    digits = re.sub(r"[^\w.]", "", page)  # thousands are set apart by thin spaces
    assert f"{frame['lost']}lost" in digits
