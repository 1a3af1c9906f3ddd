"""What recording costs, as ratios to plain Django: `make bench`. Exits 1 when a bar is missed.

`python -m benchmarks --only WORD` measures the rows with that word in their name, `--alone` leaves out other tools.
`--layout` measures the layout of the graph instead.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

import django
from django.conf import settings

from benchmarks.peers import compare
from benchmarks.ratio import Call, Result, Row, measure, nothing
from benchmarks.rows import MOST_OF_A_RECEIVER, ROWS, Sender, dispatch_name

FLUSHED = 1000  # records: 10,000 dispatches a second
COLUMNS = "{:<44} {:>10} {:>10} {:>10} {:>7} {:>7}"


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


def recording(folder: str) -> Call:
    """Record this process into a log file; what the flusher does is done between slices, by hand.

    Not after each: ten times a second, as it runs, leaves nearly all dispatches with a cache that it hasn't emptied.
    """
    from signalgraph import recorder
    from signalgraph.recorder import dispatching

    recorder.start(f"sqlite://{Path(folder) / f'{os.getpid()}.sqlite3'}")
    recorder.session._session.flusher.lock.acquire()  # type: ignore[union-attr]
    return lambda: recorder.flush() if len(dispatching.RING) >= FLUSHED else None


def check_exact_counts(folder: str) -> None:
    """The path without receivers is fast and counts every dispatch: 10,000 sent are 10,000 told."""
    from django.dispatch import Signal

    from signalgraph import recorder
    from signalgraph.log import open_log

    log = open_log(f"sqlite://{Path(folder) / 'counts.sqlite3'}", writer=True)
    recorder.start(log)
    signal = Signal()
    for _ in range(10_000):
        signal.send(Sender)
    recorder.stop()
    counted = sum(log.totals().unheard.values())
    log.close()
    if counted != 10_000:
        sys.exit(f"10,000 dispatches without a receiver were counted as {counted:,}.")


def run(rows: list[Row], folder: str) -> list[Result]:
    results = []
    for row in rows:
        result = measure(row, {"plain": nothing, "recorded": lambda: recording(folder)}, judged="recorded")
        results.append(result)
        show(row.name, result.plain_ns, result.ns["recorded"], result.ratio("recorded"), row.most)
    return results


def show(name: str, plain_ns: float, recorded_ns: float, ratio: float, most: float) -> None:
    times = [f"{ns / 1000:.2f} us" for ns in (plain_ns, recorded_ns, recorded_ns - plain_ns)]
    bar = "" if most == float("inf") else f"{most:.2f}"
    missed = "  missed" if ratio > most else ""
    sys.stdout.write(COLUMNS.format(name, *times, f"{ratio:.2f}", bar) + missed + "\n")
    sys.stdout.flush()


def one_more_receiver(results: list[Result]) -> list[str]:
    """Show what each receiver beyond the third adds, against a plain one; the names of missed bars."""
    by_name = {result.row.name: result for result in results}
    missed = []
    for caching in (True, False):
        three, ten = by_name.get(dispatch_name(3, caching)), by_name.get(dispatch_name(10, caching))
        if three is None or ten is None:
            continue
        plain = (ten.plain_ns - three.plain_ns) / 7
        added = (ten.added_ns("recorded") - three.added_ns("recorded")) / 7
        name = f"one more receiver, {'caching' if caching else 'uncached'} (added / plain)"
        show(name, plain, plain + added, added / plain, MOST_OF_A_RECEIVER)
        if added / plain > MOST_OF_A_RECEIVER:
            missed.append(name)
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="WORD", default="", help="measure the rows with this in their name")
    parser.add_argument("--alone", action="store_true", help="without sentry-sdk, kolo and django-orbit")
    parser.add_argument(
        "--layout",
        action="store_true",
        help="instead, how fast the graph is laid out, and how many of its lines cross beside Graphviz' dot",
    )
    options = parser.parse_args()
    if options.layout:
        from benchmarks.layout import compare_layouts  # networkx is not to be there when recording is measured

        return 1 if compare_layouts() else 0
    rows = [row for row in ROWS if options.only in row.name]
    if not rows:
        sys.exit(f"No row has {options.only!r} in its name; the rows are: {'; '.join(row.name for row in ROWS)}.")
    configure()
    sys.stdout.write(f"Python {platform.python_version()}, Django {django.__version__}\n")
    sys.stdout.write(COLUMNS.format("", "plain", "recorded", "added", "ratio", "bar") + "\n")
    with tempfile.TemporaryDirectory() as folder:
        results = run(rows, folder)
        missed = [result.row.name for result in results if result.ratio("recorded") > result.row.most]
        missed += one_more_receiver(results)
        if not options.alone:
            missed += compare(lambda: recording(folder), folder, options.only)
        check_exact_counts(folder)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
