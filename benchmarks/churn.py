"""Signals, receivers and senders that come and go by the million: `python -m benchmarks.churn [count]`.

Each round makes a signal, a receiver and a sender of their own, dispatches, and drops them. What this process holds is
told ten times; it has to stay flat once every table has met its cap.
"""

from __future__ import annotations

import gc
import resource
import sys
import tempfile
from pathlib import Path

from benchmarks.__main__ import configure

COUNT = 1_000_000
WARM = 0.2  # of the rounds, until every table is full
MOST_GROWTH = 0.02  # of the blocks after that


def churn(first: int, last: int) -> None:
    from django.dispatch import Signal

    for number in range(first, last):
        scope: dict[str, object] = {}
        exec(f"def made_{number}(sender, **named): pass\nclass Sender{number}: pass", scope)
        signal = Signal()
        signal.connect(scope[f"made_{number}"], dispatch_uid=f"uid {number}")
        signal.send(scope[f"Sender{number}"], number=number)
        signal.send(f"text {number}")
        Signal().send(scope[f"Sender{number}"])


def main(count: int) -> int:
    configure()
    from signalgraph import recorder

    with tempfile.TemporaryDirectory() as folder:
        recorder.start(f"sqlite://{Path(folder) / 'log.sqlite3'}")
        blocks = []
        for part in range(10):
            churn(count * part // 10, count * (part + 1) // 10)
            recorder.flush()
            gc.collect()
            blocks.append(sys.getallocatedblocks())
            rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            state = recorder.state()
            sys.stdout.write(
                f"{count * (part + 1) // 10:>9,} of each   {blocks[-1]:>9,} blocks   {rss:>4} MB at most   "
                f"{state.recorded:,} recorded, {state.dropped:,} dropped, {state.faults} faults\n"
            )
            sys.stdout.flush()
        recorder.stop()
    settled = blocks[int(WARM * 10) :]
    grown = max(settled) / settled[0] - 1
    sys.stdout.write(f"Blocks after the first {WARM:.0%}: {grown:+.1%} at most (bar {MOST_GROWTH:.0%})\n")
    return int(grown > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT))
