"""What other tools that see signals add to the same calls, in the same run as ours.

None of them can be switched off again in a process, so each is switched on in a process of its own (`ratio.py`), which
takes turns with one of plain Django and one that we record:

* sentry-sdk: its Django integration with spans for signals, a trace that is sampled (share 1.0) and open around each
  slice, and a transport that drops what it is given. Such a trace keeps 1,000 spans; a slice makes fewer.
* kolo: `kolo.enable()` around each slice, as its middleware does around a request. It has no mode for signals alone:
  it follows each Python call of the project, and so the calls of receivers. What it then saves is not timed.
* django-orbit: its app with its default settings but for signals, which are recorded, all of them; its table is in the
  in-memory database and emptied after each slice.
* times only: no tool, but the least that one written in Python could do: it notes which dispatch ran, with which
  arguments and receivers, and when each of them began. No cause, no parent, no call site, no error, no SQL, no thread.

A tool that can't be imported, or that fails, is said to be so in its column.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from time import perf_counter_ns
from typing import Any

from benchmarks.ratio import Call, MeasuredError, Result, Row, Switch, measure, nothing
from benchmarks.rows import ROWS, SENTRY_SHARE, dispatch_name

COLUMN = "{:>20}"
NAME = "{:<44}"
COMPARED = (
    dispatch_name(0, True),
    dispatch_name(3, True),
    dispatch_name(3, False),
    dispatch_name(10, True),
    "Model.save(), 2 receivers, SQLite in memory",
    "a request of the test client",
)


def sentry(folder: str) -> Call:
    import sentry_sdk
    from sentry_sdk.integrations.django import DjangoIntegration
    from sentry_sdk.transport import Transport

    class Dropping(Transport):
        def capture_envelope(self, envelope: object) -> None:
            pass

    sentry_sdk.init(
        dsn="http://key@localhost/1",
        transport=Dropping,
        traces_sample_rate=1.0,
        integrations=[DjangoIntegration(signals_spans=True)],
    )
    return again(lambda: sentry_sdk.start_transaction(op="bench", name="slice", sampled=True))


def kolo(folder: str) -> Call:
    os.environ["KOLO_PATH"] = folder
    import kolo as package

    return again(lambda: package.enable({"auto_emit": False}))


def orbit(folder: str) -> Call:
    from django.apps import apps
    from django.conf import settings
    from django.db import connection

    settings.ORBIT_CONFIG = {"RECORD_SIGNALS": True, "IGNORE_SIGNALS": []}
    apps.set_installed_apps(["orbit"])
    from orbit.models import OrbitEntry

    with connection.schema_editor() as editor:
        editor.create_model(OrbitEntry)
    return OrbitEntry.objects.all().delete


def times_only(folder: str) -> Call:
    from django.dispatch import Signal

    from signalgraph.recorder.clock import pick, readings

    send, live_receivers = Signal.send, Signal._live_receivers
    running: ContextVar[list[Any] | None] = ContextVar("running", default=None)
    told: deque[tuple[Any, ...]] = deque(maxlen=100_000)

    def noting_send(self: Signal, sender: Any, **named: Any) -> Any:
        if not self.receivers:
            return []
        record = [id(self), id(sender), tuple(named), None, perf_counter_ns()]
        token = running.set(record)
        try:
            return send(self, sender, **named)
        finally:
            running.reset(token)
            record.append(perf_counter_ns())
            told.append(tuple(record))

    def noting_live_receivers(self: Signal, sender: Any) -> Any:
        record = running.get()
        sync, concurrent = live_receivers(self, sender)
        if record is None:
            return sync, concurrent
        record[3] = tuple([id(receiver) for receiver in sync])
        return map(pick, map(record.append, readings), sync), concurrent

    Signal.send, Signal._live_receivers = noting_send, noting_live_receivers  # type: ignore[method-assign,assignment]
    return told.clear


def again(enter: Callable[[], contextlib.AbstractContextManager[object]]) -> Call:
    """Enter a context; the answer leaves it and enters a new one."""
    stack = contextlib.ExitStack()
    stack.enter_context(enter())

    def leave_and_enter() -> None:
        stack.close()
        stack.enter_context(enter())

    return leave_and_enter


# name: the package, what switches it on in this process, given a folder for its files
PEERS: dict[str, tuple[str, Callable[[str], Call]]] = {
    "sentry-sdk": ("sentry_sdk", sentry),
    "kolo": ("kolo", kolo),
    "django-orbit": ("orbit", orbit),
    "times only": ("django", times_only),
}


def compare(recording: Switch, folder: str, only: str) -> list[str]:
    """Measure and show the rows with `only` in their name; the names of bars that were missed."""
    rows = [row for row in ROWS if row.name in COMPARED and only in row.name]
    here = {name: partial(on, folder) for name, (package, on) in PEERS.items() if importlib.util.find_spec(package)}
    absent = [name for name in PEERS if name not in here]
    missed: list[str] = []
    if rows and here:
        write("\n" + NAME.format("What each adds (times plain)") + "".join(map(COLUMN.format, ("recorded", *here))))
    for row in rows if here else ():
        results = {name: one(row, name, switch, recording) for name, switch in here.items()}
        write(NAME.format(row.name) + "".join(cells(results)))
        missed += share_of_sentry(row, results.get("sentry-sdk"))
    if absent:
        write(f"\nNot installed, so not compared: {', '.join(absent)} (make bench installs them).")
    return missed


def one(row: Row, name: str, switch: Switch, recording: Switch) -> Result | str:
    try:
        return measure(row, {"plain": nothing, "recorded": recording, name: switch})
    except MeasuredError as error:
        return str(error)


def cells(results: dict[str, Result | str]) -> list[str]:
    found = [result for result in results.values() if isinstance(result, Result)]
    ours = min(found, key=lambda result: result.ratio("recorded"), default=None)
    told = [cell(ours, "recorded") if ours else "?"]
    told += [cell(result, name) if isinstance(result, Result) else "failed" for name, result in results.items()]
    return [COLUMN.format(text) for text in told]


def cell(result: Result, variant: str) -> str:
    return f"{result.added_ns(variant) / 1000:,.2f} us ({result.ratio(variant):.2f})"


def share_of_sentry(row: Row, result: Result | str | None) -> list[str]:
    """The bar of the issue: at three receivers we add at most a 15th of what sentry-sdk adds."""
    if not isinstance(result, Result) or not row.name.startswith("3 receivers"):
        return []
    share = result.added_ns("recorded") / result.added_ns("sentry-sdk")
    write(f"  added, of what sentry-sdk adds: 1/{1 / share:.0f} (bar 1/{1 / SENTRY_SHARE:.0f})")
    return [f"{row.name}, share of sentry-sdk's"] if share > SENTRY_SHARE else []


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
