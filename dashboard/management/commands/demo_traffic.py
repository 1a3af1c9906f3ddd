import signal
import threading
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard.crowd import Crowd
from dashboard.web_client import ForeignHostError, check_loopback

SLOWEST, FASTEST = 0.1, 50.0


class Command(BaseCommand):
    help = "Visit the running demo site as readers do, over HTTP. The same seed and rate give the same visits."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rate", type=float, default=5.0, help="actions per second, 0.1 to 50 (default 5)")
        parser.add_argument("--seed", type=int, default=1, help="of everything that is left to chance (default 1)")
        parser.add_argument("--base-url", default="http://127.0.0.1:8000", help="the site, on this machine")
        parser.add_argument("--duration", type=float, metavar="S", help="stop after S seconds (default: when told)")

    def handle(self, *, rate: float, seed: int, base_url: str, duration: float | None, **options: Any) -> None:
        if not SLOWEST <= rate <= FASTEST:
            raise CommandError(f"--rate is {rate:g}; give {SLOWEST:g} to {FASTEST:g} actions per second.")
        try:
            check_loopback(base_url)
        except ForeignHostError as error:
            raise CommandError(f"--base-url: {error}") from error
        stop = threading.Event()
        with suppress(ValueError):  # not in the main thread: whoever called from there stops us
            signal.signal(signal.SIGTERM, lambda *_: stop.set())
        crowd = Crowd(base_url, seed, visitors=min(24, 3 + int(rate)))
        with suppress(KeyboardInterrupt):
            crowd.visit(rate, duration, stop)
        stop.set()
        self.stdout.write(f"{crowd.done} actions done, {crowd.unanswered} not answered")
