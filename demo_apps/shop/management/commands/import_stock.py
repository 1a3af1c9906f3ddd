import signal
import threading
import time
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from telemetry.signals import IMPORT_STOCK, measured

from shop.models import Reorder, StockItem
from shop.services import deliver
from shop.signals import stock_imported
from signalgraph import cause


class Command(BaseCommand):
    help = "Book the open reorders in, once or every so many seconds: a second process that sends signals."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, metavar="S", help="do it again every S seconds until stopped")
        parser.add_argument("--times", type=int, metavar="N", help="with --every: stop after N times")

    def handle(self, *, every: float | None, times: int | None, **options: Any) -> None:
        if every is not None and every <= 0:
            raise CommandError(f"--every is {every:g}; give a number of seconds above 0.")
        stop = threading.Event()
        with suppress(ValueError):  # not in the main thread: whoever called from there stops us
            signal.signal(signal.SIGTERM, lambda *_: stop.set())
        remaining = 1 if every is None else times
        with suppress(KeyboardInterrupt):
            while remaining is None or remaining > 0:
                self.stdout.write(f"{self.import_once()} reorders delivered")
                remaining = None if remaining is None else remaining - 1
                if remaining == 0 or stop.wait(every):
                    return

    @cause("import", "stock")
    def import_once(self) -> int:
        """One trace each, and not one for the hours that the command runs."""
        started = time.perf_counter()
        reorders = Reorder.objects.filter(delivered=False).select_related("item")
        for reorder in reorders:
            deliver(reorder)
        stock_imported.send(sender=StockItem, count=len(reorders))
        measured.send(sender=IMPORT_STOCK, seconds=time.perf_counter() - started, count=len(reorders))
        return len(reorders)
