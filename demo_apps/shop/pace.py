"""The time that the outside world takes: other companies' services, which the demo doesn't have, are waited for."""

import asyncio
import time

from django.conf import settings


def seconds(duration_s: float) -> float:
    """Return `duration_s`, or 0 where the settings say that nobody needs to wait (`DEMO_WAITS`)."""
    return duration_s if getattr(settings, "DEMO_WAITS", True) else 0.0


async def outside_world(duration_s: float) -> None:
    await asyncio.sleep(seconds(duration_s))


def outside_world_blocking(duration_s: float) -> None:
    time.sleep(seconds(duration_s))
