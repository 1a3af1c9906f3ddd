"""How much one process can record: `make load`. Exits 1 when something was lost that should not be, or miscounted.

1. Paced: `--rate` dispatches a second for `--seconds`, into an SQLite log with the limits that a project gets by
   default. Nothing is dropped, the log's totals are what was sent, and memory is flat after the first 15 s.
2. At full speed, and again with a ring that is much too small: what doesn't fit is dropped, and counted exactly (sent =
   recorded + dropped, and the totals hold what was recorded). Processor time of the sending thread per dispatch, which
   waiting for the interpreter lock is no part of, stays what it was when paced.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time, sleep, thread_time

import django
from django.dispatch import Signal

from benchmarks.__main__ import configure
from benchmarks.rows import Sender, receivers
from signalgraph import recorder
from signalgraph.conf import KEEP, Settings
from signalgraph.log import open_log
from signalgraph.recorder import dispatching

TICK_S = 0.001
BURST = 500  # most dispatches between two looks at the clock
REPORT_S = 10.0
SETTLED_S = 15.0  # from here on memory has to be flat
MOST_GROWTH = 1.10
MOST_OWN_TIME = 1.25  # of the sending thread's time per dispatch when paced
FULL_SPEED_S = 10.0
SMALL_RING = 500
COLUMNS = "{:>6} {:>11} {:>12} {:>10} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n"
TITLES = ("s", "sent/s", "recorded", "dropped", "ring", "RSS MB", "log MB", "flusher", "us flush", "us own", "us wall")

loaded = Signal(use_caching=True)


@dataclass
class Progress:
    """What has happened up to `seconds`; times in seconds, sizes in bytes."""

    seconds: float = 0.0
    sent: int = 0
    own_s: float = 0.0
    flusher_s: float = 0.0


@dataclass
class Outcome:
    sent: int
    recorded: int
    dropped: int
    totalled: int
    own_us: float
    rate: float
    processor: float  # share of one that this process was given
    resident: list[tuple[float, int]] = field(default_factory=list)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def flusher_seconds() -> float:
    """Processor time of the flusher's thread so far."""
    for thread in threading.enumerate():
        if thread.name == "signalgraph-flusher":
            stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
            user, system = stat.rpartition(")")[2].split()[11:13]
            return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return 0.0


def bursts(rate: float, seconds: float) -> Iterator[int]:
    """How many to send now, `rate` of them a second in all; sleeps when none is due."""
    start, sent = perf_counter(), 0
    while (passed := perf_counter() - start) < seconds:
        due = min(BURST, int(passed * rate) - sent) if rate < float("inf") else BURST
        if due > 0:
            sent += due
            yield due
        else:
            sleep(TICK_S)


def drive(rate: float, seconds: float, folder: Path, ring: int = Settings.ring) -> Outcome:
    """Record `rate` dispatches a second into a log of its own and read back what it says."""
    log = open_log(f"sqlite://{folder / 'log.sqlite3'}", writer=True)
    recorder.start(log, ring=ring, keep_age_s=KEEP.age_s, keep_bytes=KEEP.bytes)
    process = recorder.state().process
    send, start, now, last = loaded.send, perf_counter(), Progress(), Progress()
    fullest, resident, processor = 0, [], process_time()
    for due in bursts(rate, seconds):
        begun = thread_time()
        for _ in range(due):
            send(Sender, instance=None, created=True)
        now.own_s += thread_time() - begun
        now.sent += due
        fullest = max(fullest, len(dispatching.RING))
        now.seconds = perf_counter() - start
        if now.seconds - last.seconds >= REPORT_S:
            last = report(now, last, fullest, folder)
            resident.append((now.seconds, resident_bytes()))
            fullest = 0
    if now.sent > last.sent:
        report(now, last, fullest, folder)
    share = (process_time() - processor) / max(1e-9, now.seconds)
    recorder.stop()
    totalled = sum(total.calls for name, total in log.totals().signals.items() if name.endswith("loaded"))
    (beat,) = [beat for beat in log.heartbeats() if beat.process == process]
    log.close()
    own_us = 1e6 * now.own_s / max(1, now.sent)
    return Outcome(
        now.sent, beat.recorded, beat.dropped, totalled, own_us, now.sent / max(1e-9, now.seconds), share, resident
    )


def report(now: Progress, last: Progress, fullest: int, folder: Path) -> Progress:
    """Print what happened since the last report."""
    now.flusher_s = flusher_seconds()
    passed, sent, state = now.seconds - last.seconds, max(1, now.sent - last.sent), recorder.state()
    megabytes = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    cells = (
        f"{now.seconds:.0f}",
        f"{sent / passed:,.0f}",
        f"{state.recorded:,}",
        f"{state.dropped:,}",
        f"{fullest / (dispatching.RING.maxlen or 1):.0%}",
        f"{resident_bytes() / 1e6:.0f}",
        f"{megabytes:.0f}",
        f"{(now.flusher_s - last.flusher_s) / passed:.0%}",
        f"{1e6 * (now.flusher_s - last.flusher_s) / sent:.2f}",
        f"{1e6 * (now.own_s - last.own_s) / sent:.2f}",
        f"{1e6 * passed / sent:.2f}",
    )
    sys.stdout.write(COLUMNS.format(*cells))
    sys.stdout.flush()
    return Progress(now.seconds, now.sent, now.own_s, now.flusher_s)


def paced(outcome: Outcome, rate: float) -> Iterator[str]:
    """What is wrong with a paced run."""
    if outcome.dropped:
        yield f"{outcome.dropped:,} dispatches were dropped"
    if not outcome.sent == outcome.recorded == outcome.totalled:
        yield f"{outcome.sent:,} sent, {outcome.recorded:,} recorded, {outcome.totalled:,} in the log's totals"
    if outcome.rate < 0.99 * rate:
        given = f"the machine gave this process {outcome.processor:.0%} of a processor"
        yield f"only {outcome.rate:,.0f} a second could be sent; {given}"
    settled = [size for seconds, size in outcome.resident if seconds >= SETTLED_S]
    if settled and max(settled) > MOST_GROWTH * settled[0]:
        yield f"memory grew from {settled[0] / 1e6:.0f} to {max(settled) / 1e6:.0f} MB"


def at_full_speed(outcome: Outcome, own_us: float) -> Iterator[str]:
    """What is wrong with a run at full speed, next to the `own_us` of a paced one."""
    if outcome.sent != outcome.recorded + outcome.dropped or outcome.recorded != outcome.totalled:
        told = f"{outcome.recorded:,} recorded, {outcome.dropped:,} dropped, {outcome.totalled:,} in the log's totals"
        yield f"{outcome.sent:,} sent, {told}"
    if outcome.own_us > MOST_OWN_TIME * own_us:
        yield f"a dispatch took {outcome.own_us:.2f} us of its thread, {own_us:.2f} when paced"


def heading(text: str) -> None:
    sys.stdout.write(f"{text}\n" + COLUMNS.format(*TITLES))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="How much one process can record.")
    parser.add_argument("--rate", type=float, default=100_000, help="dispatches a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the paced part (%(default)s)")
    parser.add_argument("--receivers", type=int, default=1, help="of the signal (%(default)s)")
    parser.add_argument("--full-speed", type=float, default=FULL_SPEED_S, help="seconds of that part (%(default)s)")
    options = parser.parse_args()
    configure()
    for receiver in receivers(options.receivers):
        loaded.connect(receiver, weak=False)
    sys.stdout.write(
        f"Python {platform.python_version()}, Django {django.__version__}, {options.receivers} receivers\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        heading(f"{options.rate:,.0f} dispatches/s for {options.seconds:.0f} s")
        outcome = drive(options.rate, options.seconds, Path(folder))
        problems = list(paced(outcome, options.rate))
    for ring in (Settings.ring, SMALL_RING) if options.full_speed else ():
        with tempfile.TemporaryDirectory() as folder:
            heading(f"As many as there can be for {options.full_speed:.0f} s, ring of {ring:,}")
            faster = drive(float("inf"), options.full_speed, Path(folder), ring)
            problems += at_full_speed(faster, outcome.own_us)
    for problem in problems:
        sys.stdout.write(f"Missed: {problem}.\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
