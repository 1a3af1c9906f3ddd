"""Runs a drive in a project's process and prints, as JSON, what was counted and what the log says of it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.test import Client

from traffic.counting import compare, counting, told_by_log
from traffic.finding import found_by_rules

LINK = re.compile(r'href="(/[^"#?]*)')


def superuser_client() -> Client:
    """A client that is logged in as somebody who may do everything."""
    user, _ = get_user_model().objects.get_or_create(
        username="driver", defaults={"email": "driver@example.com", "is_staff": True, "is_superuser": True}
    )
    client = Client()
    client.force_login(user)
    return client


def crawl(client: Client, *starts: str, pages: int, avoid: str = "logout") -> int:
    """Open pages and what they link to, breadth first; how many answered."""
    waiting, seen, opened = list(starts), set(starts), 0
    while waiting and opened < pages:
        response = client.get(waiting.pop(0))
        opened += 1
        if response.status_code != 200 or response.streaming:
            continue
        for link in LINK.findall(response.content.decode(errors="replace")):
            if link not in seen and avoid not in link and not link.startswith(("/static", "/media", "/signals")):
                seen.add(link)
                waiting.append(link)
    return opened


def drive(work: Callable[[], int]) -> None:
    """Count while `work` runs; print the figures and what the rules find, and end with 1 where a figure differs."""
    before = told_by_log()
    with counting() as count:
        requests = work()
    pairs = compare(count, before, told_by_log())
    different = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    told = {"requests": requests, "pairs": pairs, "different": different, "findings": found_by_rules()}
    print(json.dumps(told, indent=1))  # noqa: T201
    sys.exit(1 if different else 0)
