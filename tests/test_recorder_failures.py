"""A failure of the recorder never reaches the project; it is counted, logged once and shown."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db.models.signals import ModelSignal
from django.dispatch import Signal
from test_recorder import Reading
from test_recorder_lifetimes import run

from signalgraph import recorder
from signalgraph.log import open_log
from signalgraph.log.sqlite import SqliteLog
from signalgraph.recorder import causes, faults, session
from signalgraph.recorder.clock import CURRENT


def listens(sender, **kwargs):
    return "listens"


def also(sender, **kwargs):
    return "also"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    """Records into a file of its own."""
    opened = open_log(f"sqlite://{tmp_path}/log/log.sqlite3", writer=True)
    assert isinstance(opened, SqliteLog)
    faults.counted.clear()
    recorder.start(opened)
    yield opened
    recorder.stop()
    opened.close()
    faults.counted.clear()


@pytest.fixture
def signal() -> Signal:
    signal = Signal()
    signal.connect(listens)
    return signal


def carry() -> None:
    """What the flusher's thread does ten times a second; its errors are told by `state()`."""
    flusher = session._session.flusher
    with flusher.lock:
        flusher.log.be_patient(0.1)
        flusher._guarded(flusher.flush)


def accounted() -> int:
    return recorder.state().recorded + recorder.state().dropped


# The log


def test_a_log_that_is_deleted_is_made_again(log: SqliteLog, signal: Signal) -> None:
    """What was in it is gone, what comes after is there."""
    signal.send("before")
    carry()
    for file in log.path.parent.glob("log.sqlite3*"):
        file.unlink()
    assert signal.send("after") == [(listens, "listens")]
    carry()
    carry()
    assert recorder.state().error is None
    assert [batch.senders[dispatch.sender] for batch, dispatch in Reading(log).dispatches][-1:] == ['"after"']


def test_a_folder_that_is_gone_for_a_while_is_told(log: SqliteLog, signal: Signal) -> None:
    """A file stands in its place: nothing can be written, nothing fails, and all is kept for when it is back."""
    folder = log.path.parent
    carry()
    shutil.rmtree(folder)
    folder.write_text("in the way")
    for _ in range(10):
        assert signal.send("x") == [(listens, "listens")]
    carry()
    assert str(folder) in (recorder.state().error or "")
    folder.unlink()
    carry()
    carry()
    assert recorder.state().error is None
    assert sum(total.calls for total in log.totals().connections.values()) == 10


def test_a_full_disk_loses_nothing_that_fits_later(log: SqliteLog, signal: Signal) -> None:
    """The error says so on the setup page until there is room."""
    carry()
    with log._lock:
        log._connect().execute("PRAGMA max_page_count = 1")  # SQLite makes it the pages that there are
    for number in range(200):
        signal.send(f"sender {number}", **{f"argument_{number}": 1})
    carry()
    assert "full" in (recorder.state().error or "")
    signal.send("x")
    with log._lock:
        log._connect().execute("PRAGMA max_page_count = 1000000")
    carry()
    assert (recorder.state().error, accounted()) == (None, 201)
    assert sum(total.calls for total in log.totals().connections.values()) == 201


def test_a_locked_log_delays_no_dispatch(log: SqliteLog, signal: Signal) -> None:
    """Another process holds it: dispatches go on while the flusher waits."""
    carry()
    other = sqlite3.connect(log.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    waiting = threading.Thread(target=carry)
    waiting.start()
    for _ in range(1000):
        signal.send("x")
    waiting.join()
    other.execute("ROLLBACK")
    other.close()
    carry()
    assert sum(total.calls for total in log.totals().connections.values()) == 1000


def test_a_clock_that_goes_backwards_spoils_no_duration(
    log: SqliteLog, signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day back in the middle: the wall clock is followed, durations are of the other clock."""
    signal.send("x")
    carry()
    wall = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: wall() - 86_400 * 10**9)
    monkeypatch.setattr(time, "time", lambda: wall() / 1e9 - 86_400)
    signal.send("x")
    carry()
    first, second = (dispatch for _, dispatch in Reading(log).dispatches)
    assert second.start_us < first.start_us
    assert min(first.duration_ns, second.duration_ns, *(call.duration_ns for call in second.calls)) >= 0
    assert recorder.state().error is None


# What receivers do


def test_receivers_that_disconnect_while_they_run_are_called_as_without_us(log: SqliteLog) -> None:
    """Itself, the next one, or all."""

    def answers() -> list[Any]:
        signal = Signal()

        def leaves(sender, **kwargs):
            signal.disconnect(leaves)
            signal.disconnect(also)

        for receiver in (listens, leaves, also):
            signal.connect(receiver)
        return [[receiver.__name__ for receiver, _ in signal.send("x")] for _ in range(2)]

    recorded = answers()
    assert recorded == [["listens", "leaves", "also"], ["listens"]]
    carry()
    assert [len(dispatch.calls) for _, dispatch in Reading(log).dispatches] == [3, 1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, GeneratorExit])
def test_what_interrupts_a_receiver_passes_through(log: SqliteLog, error: type[BaseException]) -> None:
    """And is told by its type; the next dispatch stands in nobody."""

    def interrupted(sender, **kwargs):
        raise error

    signal = Signal()
    signal.connect(interrupted)
    with pytest.raises(error):
        signal.send("x")
    assert CURRENT.get() is None
    carry()
    [(_, dispatch)] = Reading(log).dispatches
    assert dispatch.calls[0].error == error.__name__


def test_a_receiver_that_recurses_for_ever_fails_as_without_us(log: SqliteLog) -> None:
    """With RecursionError, wherever in the stack it comes; afterwards all works."""
    signal = Signal()

    def recurses(sender, **kwargs):
        signal.send(sender)

    signal.connect(recurses)
    for _ in range(5):
        with pytest.raises(RecursionError):
            signal.send("x")
    signal.disconnect(recurses)
    signal.connect(listens)
    assert CURRENT.get() is None
    assert signal.send("after") == [(listens, "listens")]
    carry()
    *_, (batch, last) = Reading(log).dispatches
    assert (batch.senders[last.sender], last.parent) == ('"after"', 0)


def test_a_thread_that_is_killed_in_a_receiver_is_told(log: SqliteLog) -> None:
    """By an exception from outside, which stops it between two lines."""
    signal, began = Signal(), threading.Event()

    def runs(sender, **kwargs):
        began.set()
        while True:
            time.sleep(0.001)

    signal.connect(runs)

    def sends() -> None:
        with contextlib.suppress(SystemExit):
            signal.send("x")

    thread = threading.Thread(target=sends)
    thread.start()
    assert began.wait(10)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
    thread.join(10)
    assert not thread.is_alive()
    carry()
    [(_, dispatch)] = Reading(log).dispatches
    assert dispatch.calls[0].error == "SystemExit"


# Signals sent in the middle of everything

MADE_WHILE_COLLECTING = """
    class Node:
        def __del__(self):
            global sent
            made = Signal()
            made.connect(listens)
            made.send("from __del__")  # not of one that may be interrupted while Django holds its lock
            sent += 1
    sent = 0
    def litter():
        node = Node()
        node.self = node
    recorder.start("sqlite://" + PATH)
    gc.set_threshold(3, 2, 2)
    for number in range(500):
        litter()
        signal.send(f"sender {number % 50}", **{f"x{number % 50}": 1})
        sent += 1
        if number % 100 == 0:
            recorder.flush()
    gc.set_threshold(700, 10, 10)
    gc.collect()
    recorder.flush()
    state = recorder.state()
    print(json.dumps([sent, state.recorded, state.dropped, faults.counted]))
    recorder.stop()
"""


def test_signals_sent_while_garbage_is_collected_are_recorded(tmp_path: Path) -> None:
    """From `__del__`, wherever we allocate: in the hot path, in the flusher while it holds its locks."""
    sent, recorded, dropped, failed = run(MADE_WHILE_COLLECTING, tmp_path / "log.sqlite3")
    assert failed == {}
    assert (recorded, dropped) == (sent, 0)


INTERRUPTED = """
    import signal as unix
    sent = ticks = 0
    busy = False
    def interrupts(number, frame):
        global sent, ticks, busy
        if busy:
            return
        busy = True
        made = Signal()  # not one that may be interrupted while Django holds its lock
        made.connect(listens)
        made.send(f"handler {ticks % 20}")
        sent += 1
        ticks += 1
        busy = False
    unix.signal(unix.SIGALRM, interrupts)
    own_sent = 0  # a sum of its own: `+=` may be interrupted
    recorder.start("sqlite://" + PATH)
    unix.setitimer(unix.ITIMER_REAL, 0.001, 0.001)
    own = [Signal() for _ in range(20)]
    for each in own:
        each.connect(listens)
    while ticks < 300:
        signal.send(f"sender {ticks % 50}", **{f"x{ticks % 50}": 1})
        own[ticks % 20].send("main")
        own_sent += 2
        if own_sent % 5000 == 0:
            recorder.flush()
    unix.setitimer(unix.ITIMER_REAL, 0)
    recorder.flush()
    state = recorder.state()
    print(json.dumps([sent + own_sent, state.recorded, state.dropped, faults.counted, clock.CURRENT.get() is None]))
    recorder.stop()
"""


def test_signals_sent_by_a_handler_of_the_system_are_recorded(tmp_path: Path) -> None:
    """It interrupts the main thread anywhere, in our own code too."""
    sent, recorded, dropped, failed, balanced = run(INTERRUPTED, tmp_path / "log.sqlite3")
    assert failed == {}
    assert (recorded, dropped, balanced) == (sent, 0, True)


# Faults of our own

PARTS = [
    "signalgraph.names.describe_sender",
    "signalgraph.names.describe_receiver",
    "signalgraph.recorder.capture.plain",
    "signalgraph.recorder.capture.instance_namespace",
    "signalgraph.recorder.dispatching.type_name",
    "signalgraph.recorder.signals.Counter",
    "signalgraph.recorder.tasks.role_of",
    "signalgraph.recorder.tokens.Table.remember",
]


def broken(error: type[Exception]) -> Callable[..., Any]:
    def fails(*args: object, **kwargs: object) -> Any:
        raise error("our own fault")

    return fails


def fails(sender, **kwargs):
    raise LookupError


def what_happens() -> list[Any]:
    """The outcome of dispatches that go through every part of the hot path."""
    outcomes: list[Any] = []
    for kind in (Signal, ModelSignal):
        for receivers in ((), (listens,), (listens, fails, also)):
            for method in ("send", "send_robust"):
                signal = kind()
                for receiver in receivers:
                    signal.connect(receiver)
                try:
                    responses = getattr(signal, method)(object(), instance=1)
                    outcomes.append([(receiver.__name__, type(answer)) for receiver, answer in responses])
                except Exception as error:  # noqa: BLE001 - it is compared
                    outcomes.append(type(error))
    return outcomes


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
@pytest.mark.parametrize("part", PARTS)
def test_a_fault_of_ours_is_not_the_projects(
    tmp_path: Path, part: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Dispatches end as in plain Django; the fault is counted and logged once, `state()` tells it."""
    monkeypatch.setattr(logging.getLogger("django.dispatch"), "disabled", True)
    plain = what_happens()
    faults.counted.clear()
    breaking = pytest.MonkeyPatch()
    recorder.start(f"sqlite://{tmp_path}/log.sqlite3", capture=["instance", "instance.x", "error.message"])
    try:
        breaking.setattr(part, broken(error))
        assert what_happens() == plain
        assert CURRENT.get() is None
        assert recorder.state().faults > 0
        breaking.undo()
        assert what_happens() == plain
        carry()
        assert recorder.state().error is None
    finally:
        breaking.undo()
        recorder.stop()
        logged = [record.args for record in caplog.records if record.name == "signalgraph"]
        assert len(logged) == len(set(logged)) == len(faults.counted)
        faults.counted.clear()


def test_a_fault_with_a_request_is_not_the_projects(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch, client: Any, settings: Any
) -> None:
    """The page is answered."""
    settings.ROOT_URLCONF = "tests.recorded_urls"
    monkeypatch.setattr(causes, "open_request", broken(RuntimeError))
    assert client.get("/items/1/").status_code == 200
    assert sum(faults.counted.values()) > 0
