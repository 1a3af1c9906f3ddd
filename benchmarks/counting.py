"""What recording adds, counted instead of timed: `python -m benchmarks.counting`.

Bytecodes and Python frames that one call executes on top of plain Django's, and memory blocks that a record keeps. They
are the same on every machine and under every load (and but for `asend` with every Django), so that tests can hold
them: `--write` puts them into `tests/recorder_bounds.json` for this version of Python.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import get_ident
from types import CodeType, FrameType
from typing import Any

import django

from benchmarks.__main__ import configure
from benchmarks.ratio import Call, Row
from benchmarks.rows import ROWS

BOUNDS = Path(__file__).parent.parent / "tests" / "recorder_bounds.json"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
WARM = 30  # calls before one is counted: whatever is learned at the first ones is known
COUNTED = 5  # calls that have to count the same
KEPT = 4_000  # records whose blocks are counted
DRAINS = 6
LEFT_OUT = "an async request"  # parts of it run in other threads, in this order or that
KEPT_ROWS = ("1 receivers, uncached", "3 receivers, uncached", "10 receivers, uncached")
Count = tuple[int, int]  # bytecodes, Python frames


def count(call: Call) -> Count:
    """What one call executes in this thread."""
    counted = count_by_monitoring if sys.version_info >= (3, 12) else count_by_tracing
    for _ in range(WARM):
        call()
    gc.disable()  # a collection may run what somebody wants to be told of a death
    counts = {counted(call) for _ in range(COUNTED)}
    gc.enable()
    if len(counts) != 1:
        raise RuntimeError(f"The same call counts differently: {sorted(counts)}.")
    return counts.pop()


def count_by_monitoring(call: Call) -> Count:
    """`sys.monitoring`, of CPython 3.12 and newer: it tells of all threads, and the flusher's may wake up meanwhile."""
    monitoring: Any = sys.monitoring
    events, tool = monitoring.events, monitoring.PROFILER_ID
    counted, own = [0, 0], get_ident()

    def instruction(code: CodeType, offset: int) -> None:
        counted[0] += get_ident() == own

    def frame(code: CodeType, offset: int) -> None:
        counted[1] += get_ident() == own

    monitoring.use_tool_id(tool, "counting")
    monitoring.register_callback(tool, events.INSTRUCTION, instruction)
    monitoring.register_callback(tool, events.PY_START, frame)
    monitoring.register_callback(tool, events.PY_RESUME, frame)
    monitoring.set_events(tool, events.INSTRUCTION | events.PY_START | events.PY_RESUME)
    call()
    monitoring.set_events(tool, 0)
    monitoring.free_tool_id(tool)
    return counted[0], counted[1]


def count_by_tracing(call: Call) -> Count:
    counted = [0, 0]

    def local(frame: FrameType, event: str, arg: object) -> Any:
        counted[0] += event == "opcode"
        return local

    def begin(frame: FrameType, event: str, arg: object) -> Any:
        counted[1] += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return local

    sys.settrace(begin)
    call()
    sys.settrace(None)
    return counted[0], counted[1]


def start_recording() -> None:
    """Record this process in memory; its flusher is kept from running beside what is counted."""
    from signalgraph import recorder

    recorder.start("memory://counting")
    recorder.session._session.flusher.lock.acquire()  # type: ignore[union-attr]
    recorder.flush()


def name_of(row: Row) -> str:
    """Django 6.1 runs async receivers in another way, through fewer frames."""
    return f"{row.name}, Django before 6.1" if row.name.startswith("asend") and django.VERSION < (6, 1) else row.name


def added() -> tuple[dict[str, int], dict[str, int]]:
    """Bytecodes and frames that recording adds to a call, by row."""
    calls = {name_of(row): row.build() for row in ROWS if row.name != LEFT_OUT}
    plain = {name: count(call) for name, call in calls.items()}
    start_recording()
    recorded = {name: count(call) for name, call in calls.items()}
    bytecodes, frames = ({name: recorded[name][which] - plain[name][which] for name in calls} for which in (0, 1))
    return bytecodes, frames


def kept() -> Iterator[tuple[str, float]]:
    """Blocks of memory that the ring keeps for a record, by row."""
    from signalgraph import recorder

    for row in ROWS:
        if row.name in KEPT_ROWS:
            call = row.build()
            first, second = blocks_after(call, KEPT), blocks_after(call, KEPT)
            yield row.name, round((second - first) / KEPT, 1)
            recorder.flush()


def drained(row: Row) -> list[int]:
    """Blocks in use after each time that the ring was filled, drained, and what was written was pruned."""
    from signalgraph import recorder

    call, blocks = row.build(), []
    for _ in range(DRAINS):
        blocks_after(call, KEPT)
        recorder.flush()
        recorder.session._session.log.prune(max_bytes=0)  # type: ignore[union-attr]
        blocks.append(blocks_after(call, 0))
    return blocks


def blocks_after(call: Call, calls: int) -> int:
    gc.disable()
    for _ in range(calls):
        call()
    gc.enable()
    gc.collect()
    gc.collect()
    return sys.getallocatedblocks()


def measured() -> dict[str, Any]:
    """Everything, as in the table of bounds; and `drained`, which has none."""
    configure()
    bytecodes, frames = added()
    blocks = dict(kept())
    (row,) = [row for row in ROWS if row.name == KEPT_ROWS[0]]
    return {"bytecodes": bytecodes, "frames": frames, "blocks": blocks, "drained": drained(row)}


def write(figures: dict[str, Any]) -> None:
    """Make them the bounds of this Python; rows of another Django stay."""
    bounds = json.loads(BOUNDS.read_text()) if BOUNDS.exists() else {}
    mine = bounds.setdefault(PYTHON, {})
    for kind in ("bytecodes", "frames", "blocks"):
        mine[kind] = {**mine.get(kind, {}), **figures[kind]}
    BOUNDS.write_text(json.dumps(bounds, indent=2, sort_keys=True) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counting", description=__doc__)
    parser.add_argument("--write", action="store_true", help="make these the bounds that the tests hold")
    options = parser.parse_args()
    figures = measured()
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    if options.write:
        write(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
