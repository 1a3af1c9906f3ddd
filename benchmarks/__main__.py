"""What recording costs, as ratios to plain Django: `make bench`. Exits 1 when a bar is missed."""

from __future__ import annotations

import asyncio
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import django
from django.conf import settings

from benchmarks.ratio import Result, measure

COLUMNS = "{:<44} {:>10} {:>10} {:>7} {:>7}"


def configure() -> None:
    settings.configure(
        DEBUG=False,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        ROOT_URLCONF="benchmarks.urls",
        ALLOWED_HOSTS=["testserver"],
        USE_TZ=True,
    )
    django.setup()


def receivers(count: int) -> list[Callable[..., None]]:
    def receiver() -> Callable[..., None]:
        return lambda sender, **kwargs: None

    return [receiver() for _ in range(count)]


class Sender:
    pass


def dispatches() -> Iterator[tuple[str, Callable[[], object], float]]:
    from django.dispatch import Signal

    bars = {(0, True): 1.05, (0, False): 1.05, (3, True): 3.3, (3, False): 2.7}
    for count in (0, 1, 3, 10):
        for caching in (True, False):
            signal = Signal(use_caching=caching)
            kept = receivers(count)
            for receiver in kept:
                signal.connect(receiver, weak=False)
            what = "caching signal" if caching else "signal that doesn't cache"
            bar = bars.get((count, caching), float("inf"))
            yield f"{count} receivers, {what}", lambda s=signal: s.send(Sender, instance=None, created=True), bar


def models() -> Iterator[tuple[str, Callable[[], object], float]]:
    from django.db import connection
    from django.db.models.signals import post_save

    from benchmarks.models import Note

    with connection.schema_editor() as editor:
        editor.create_model(Note)
    note = Note.objects.create(text="a note")
    yield "Model(), nobody listens", lambda: Note(text="a note"), 1.05
    for receiver in receivers(2):
        post_save.connect(receiver, sender=Note, weak=False)
    yield "Model.save(), 2 receivers, SQLite in memory", note.save, 1.15


def requests() -> Iterator[tuple[str, Callable[[], object], float]]:
    from django.test import AsyncClient, Client

    client, loop, concurrent = Client(), asyncio.new_event_loop(), AsyncClient()
    yield "a request of the test client", lambda: client.get("/"), float("inf")
    yield "an async request", lambda: loop.run_until_complete(concurrent.get("/asynchronous/")), float("inf")


def check_exact_counts() -> None:
    """The path without receivers is fast and counts every dispatch: 10,000 sent are 10,000 told."""
    from django.dispatch import Signal

    from signalgraph import recorder

    with tempfile.TemporaryDirectory() as folder:
        recorder.start(f"sqlite://{Path(folder) / 'log.sqlite3'}")
        signal = Signal()
        for _ in range(10_000):
            signal.send(Sender)
        log = recorder.session._session.log  # type: ignore[union-attr]
        recorder.session._session.flusher.stop()  # type: ignore[union-attr]
        counted = sum(log.totals().unheard.values())
        recorder.stop()
    if counted != 10_000:
        sys.exit(f"10,000 dispatches without a receiver were counted as {counted:,}.")


def run() -> list[Result]:
    from signalgraph import recorder
    from signalgraph.recorder import patches

    results = []
    with tempfile.TemporaryDirectory() as folder:
        recorder.start(f"sqlite://{Path(folder) / 'log.sqlite3'}")
        for group in (dispatches, models, requests):
            for name, call, most in group():
                results.append(measure(name, call, most, patches.install, patches.uninstall))
                show(results[-1])
        recorder.stop()
    return results


def show(result: Result) -> None:
    bar = "" if result.most == float("inf") else f"{result.most:.2f}"
    plain, recorded = (f"{ns / 1000:.2f} us" for ns in (result.ratio.plain_ns, result.ratio.recorded_ns))
    missed = "" if result.passed else "  missed"
    sys.stdout.write(COLUMNS.format(result.name, plain, recorded, f"{result.ratio.value:.2f}", bar) + missed + "\n")
    sys.stdout.flush()


def main() -> int:
    configure()
    sys.stdout.write(f"Python {platform.python_version()}, Django {django.__version__}\n")
    sys.stdout.write(COLUMNS.format("", "plain", "recorded", "ratio", "bar") + "\n")
    check_exact_counts()
    missed = [result.name for result in run() if not result.passed]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
