"""What the findings of a full memory cost: `python -m benchmarks.findings`. 2,000 traces with 20,000 dispatches."""

from __future__ import annotations

import statistics
import sys
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 15
SENTENCE = (
    "{traces:,} traces, {dispatches:,} dispatches, {calls:,} calls: {name} {best:.1f} ms CPU at best, {mid:.1f} ms"
)


def fill(traces: int = 2_000, each: int = 10) -> object:
    """An index of requests: a save with two receivers, of which one saves another model, and so on."""
    from log_entries import batch, call, connection, dispatch, span, wiring

    from signalgraph.events import Cause
    from signalgraph.index import Index
    from signalgraph.log import open_log

    log = open_log(f"memory://{uuid.uuid4().hex}", writer=True)
    log.append(
        wiring(
            [connection(), connection("shop.receivers.audit", signal="django.db.models.signals.post_save", sender="*")]
        )
    )
    for first in range(1, traces * each, each * 100):
        made, causes = [], []
        for start in range(first, first + each * 100, each):
            causes.append(Cause(span(start), "request", "POST /orders/", duration_ns=80_000_000))
            for number in range(start, start + each):
                parent = span(number - 1) + 1 if number % 2 == 0 and number > start else 0
                calls = [call(number % 2, 300_000, queries=number % 3), call(number % 2, 20_000)]
                made.append(dispatch(number, trace=span(start), parent=parent, signal=number % 2, calls=calls))
        log.append(batch(made, causes=causes))
    return Index(log, traces=traces)


def measure(name: str, work: object, sizes: dict[str, int]) -> None:
    """Print CPU time: other processes of the machine don't count."""
    spent = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()  # type: ignore[operator]
        spent.append((time.process_time() - started) * 1000)
    print(SENTENCE.format(name=name, best=min(spent), mid=statistics.median(spent), **sizes))  # noqa: T201


def main() -> None:
    """Reading a snapshot, then a snapshot with all rules asked."""
    import os

    import django

    sys.path.insert(0, str(ROOT / "tests"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    django.setup()
    from signalgraph import findings
    from signalgraph.findings.traffic import read_traffic

    index = fill()
    traffic = read_traffic(index, slow_ms=100)  # type: ignore[arg-type]
    dispatches = [seen for trace in traffic.traces for seen in trace.dispatches]
    calls = sum(len(seen.calls) for seen in dispatches)
    sizes = {"traces": len(traffic.traces), "dispatches": len(dispatches), "calls": calls}
    measure("a snapshot", lambda: read_traffic(index, slow_ms=100), sizes)  # type: ignore[arg-type]
    measure("all findings", lambda: findings.find_run(read_traffic(index, slow_ms=100)), sizes)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
