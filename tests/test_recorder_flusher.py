"""What the flusher makes of records: alike ones and odd ones, totals to the dispatch, drops, locked logs, garbage."""

from __future__ import annotations

import contextlib
import gc
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from django.dispatch import Signal
from test_recorder import Order, Recording, fails, first, second, third

from signalgraph import recorder
from signalgraph.events import STATUSES, Total
from signalgraph.log import open_log
from signalgraph.recorder import dispatching, faults, flusher, intake

paid, refused = Signal(), Signal()  # with names of their own


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    log = open_log(f"memory://{request.node.name}", writer=True)
    recorder.start(log, mode="always")
    yield Recording(log)
    recorder.stop()
    log.close()


@pytest.fixture
def by_hand(recording: Recording) -> Iterator[flusher.Flusher]:
    """The flusher of a recording whose thread rests, so that only the test flushes."""
    own = recorder.session._session.flusher
    with own.lock:
        yield own


def summed(reading, totals: bool) -> dict:
    """What the calls of all dispatches come to by receiver, or what the batches say that they do."""
    sums: dict = {}
    for batch in reading.batches:
        for (_, _, receiver), total in zip(batch.connections, batch.totals, strict=True) if totals else ():
            name = batch.receivers[receiver]
            sums[name] = sums.get(name, Total()) + total
    for batch, dispatch in () if totals else reading.dispatches:
        for call in dispatch.calls:
            if STATUSES[call.status] == "not reached":
                continue
            name, ns = batch.receivers[batch.connections[call.connection][2]], call.duration_ns or 0
            own = Total(1, STATUSES[call.status] == "raised", ns, ns, call.queries)
            sums[name] = sums.get(name, Total()) + own
    return sums


def test_alike_and_odd_dispatches_are_told_in_the_order_in_which_they_ended(recording: Recording, by_hand) -> None:
    """Whether a record went on a pile or not makes no difference to a reader."""
    plain, other, wrong = Signal(), Signal(), Signal()
    for signal, receivers in ((plain, [first, second, third]), (other, [second]), (wrong, [first, fails, third])):
        for receiver in receivers:
            signal.connect(receiver)
    for number in range(60):
        plain.send(Order, number=number)
        wrong.send_robust(Order)
        other.send(None)
        with contextlib.suppress(LookupError):
            wrong.send(Order)
    reading = recording.read()
    told = [dispatch for _, dispatch in reading.dispatches]
    assert [dispatch.span for dispatch in told] == sorted(dispatch.span for dispatch in told)
    assert len({dispatch.span for dispatch in told}) == 240
    assert [reading.statuses(dispatch) for dispatch in told[:4]] == [
        ["returned"] * 3,
        ["returned", "raised", "returned"],
        ["returned"],
        ["returned", "raised", "not reached"],
    ]
    assert [dispatch.arguments for dispatch in told[:3]] == [["number"], [], []]
    assert [reading.receivers(batch, each) for batch, each in reading.dispatches[:3]] == [
        ["first", "second", "third"],
        ["first", "fails", "third"],
        ["second"],
    ]
    assert all(
        call.offset_ns + call.duration_ns <= dispatch.duration_ns
        for dispatch in told
        for call in dispatch.calls
        if STATUSES[call.status] != "not reached"
    )


def test_totals_are_what_the_calls_come_to(recording: Recording, by_hand) -> None:
    """To the nanosecond, of connections and of signals, alike or not."""
    for receiver in (first, second, third):
        paid.connect(receiver)
    refused.connect(first)
    refused.connect(fails)
    for number in range(50):
        paid.send(Order)
        if number % 7 == 0:
            refused.send_robust(Order)
    reading = recording.read()
    assert summed(reading, totals=True) == summed(reading, totals=False)
    durations = [dispatch.duration_ns for batch, dispatch in reading.dispatches if len(dispatch.calls) == 3]
    [batch] = [batch for batch in reading.batches if batch.dispatched]
    assert Total(50, 0, sum(durations), max(durations)) in batch.signal_totals
    assert batch.dispatched == len(reading.dispatches) == 58


def test_lines_with_the_same_instruction_are_told_apart(recording: Recording, by_hand) -> None:
    """Two functions that send the same signal at the same offset of their code."""
    signal = Signal()
    signal.connect(first)

    def one():
        signal.send(Order)

    def another():
        signal.send(Order)

    one()
    another()
    reading = recording.read()
    lines = [int(batch.sites[each.site].rpartition(":")[2]) for batch, each in reading.dispatches]
    assert lines == [one.__code__.co_firstlineno + 1, another.__code__.co_firstlineno + 1]


def test_parents_and_threads_stand_with_their_dispatch(recording: Recording, by_hand) -> None:
    """In piles whose columns differ, and in those where they are one value."""
    outer, inner = Signal(), Signal()
    inner.connect(first)

    def sends(sender, **kwargs):
        inner.send(Order)

    outer.connect(sends)
    outer.send(Order)
    thread = threading.Thread(target=outer.send, args=(Order,))
    thread.start()
    thread.join()
    told = [dispatch for _, dispatch in recording.read().dispatches]
    assert [each.parent for each in told] == [told[1].span + 1, 0, told[3].span + 1, 0]
    assert told[0].thread == told[1].thread == threading.get_ident()
    assert told[2].thread == told[3].thread != threading.get_ident()


class Shouting(str):
    """Text whose hash is a project's code."""

    def __hash__(self):
        if Shouting.is_quiet:
            raise RuntimeError("the project's code ran")
        return str.__hash__(self)

    __eq__ = str.__eq__
    is_quiet = False


def test_a_name_that_is_no_plain_text_is_not_asked(recording: Recording, by_hand) -> None:
    """Its hash is the project's; the dispatch is recorded all the same."""
    signal = Signal()
    signal.connect(first)
    signal.send(Order, **{Shouting("amount"): 1})
    Shouting.is_quiet = True
    try:
        [(_, told)] = recording.read().dispatches
    finally:
        Shouting.is_quiet = False
    assert told.arguments == ["(…)"]
    assert not faults.counted


def test_what_is_above_the_ring_is_dropped_and_counted(recording: Recording) -> None:
    """sent = recorded + dropped, to the dispatch, and the totals hold what was recorded."""
    recorder.stop()
    recorder.start(recording.log, ring=100)
    signal = Signal()
    signal.connect(first)
    with recorder.session._session.flusher.lock:
        for _ in range(1000):
            signal.send(Order)
        recorder.flush()
        for _ in range(150):
            signal.send(Order)
        state = recorder.state()
        reading = recording.read()
    state = recorder.state()
    assert (state.recorded, state.dropped) == (200, 950)
    assert len(reading.dispatches) == 200
    assert recording.log.totals().dispatched == 200


def test_a_batch_holds_so_many_and_a_flush_so_many_batches(recording: Recording, by_hand, monkeypatch) -> None:
    """A ring that fills as fast as it is emptied must not keep the flusher from all else, nor its lock from a fork."""
    monkeypatch.setattr(intake, "MOST_RECORDS", 10)
    monkeypatch.setattr(flusher, "MOST_RECORDS", 10)
    signal = Signal()
    signal.connect(first)
    for _ in range(95):
        signal.send(Order)
    by_hand.flush()
    assert len(dispatching.RING) == 95 - 10 * (flusher.MOST_BATCHES + 1)
    assert by_hand._pause() == flusher.AT_ONCE_S
    by_hand.flush()
    assert len(dispatching.RING) == 0
    assert by_hand._pause() == flusher.INTERVAL_S
    assert [batch.dispatched for batch in recording.read().batches if batch.dispatched] == [10] * 9 + [5]


def test_records_that_can_not_be_carried_are_dropped_and_counted(recording: Recording, by_hand, monkeypatch) -> None:
    """A failure of ours is no silent loss."""
    signal = Signal()
    signal.connect(first)
    signal.send(Order)
    with monkeypatch.context() as broken:
        broken.setattr(by_hand._maker, "make", lambda load: 1 / 0)
        by_hand._guarded(by_hand.flush)
    assert (by_hand.recorded, by_hand.dropped) == (0, 1)
    assert faults.counted.pop("the flusher") == 1
    signal.send(Order)
    recorder.flush()
    assert (by_hand.recorded, by_hand.dropped) == (1, 1)


def test_flushing_leaves_nothing_for_the_garbage_collector(recording: Recording, by_hand) -> None:
    """What a flush makes is gone when it is done: a full collection doesn't get longer with what was recorded."""
    signal = Signal()
    signal.connect(first)

    def tracked_after(count: int) -> int:
        for _ in range(count):
            signal.send(Order)
        by_hand.flush()
        gc.collect()
        return len(gc.get_objects())

    tracked_after(10)
    assert tracked_after(5_000) - tracked_after(10) < 200


def test_the_flusher_waits_for_a_lock_for_a_moment_only(tmp_path: Path) -> None:
    """A fork waits for a flush, so that may not take the two seconds of a reader; only the last one waits longer."""
    log = open_log(f"sqlite://{tmp_path / 'log.sqlite3'}", writer=True)
    waits = []
    with mock.patch.object(log, "be_patient", lambda seconds: waits.append(seconds)):
        recorder.start(log)
        recorder.stop()
    assert waits == [flusher.PATIENCE_S, flusher.LAST_PATIENCE_S]
    log.close()


def test_a_log_that_stays_locked_is_an_error_and_loses_nothing(tmp_path: Path, monkeypatch) -> None:
    """What waited is written when the lock is gone; when it doesn't go, `state()` says why nothing arrives."""
    log = open_log(f"sqlite://{tmp_path / 'log.sqlite3'}", writer=True)
    recorder.start(log)
    own = recorder.session._session.flusher
    signal = Signal()
    signal.connect(first)
    try:
        with own.lock:
            recorder.flush()
            with contextlib.closing(sqlite3.connect(tmp_path / "log.sqlite3", isolation_level=None)) as holder:
                holder.execute("BEGIN IMMEDIATE")
                signal.send(Order)
                own._guarded(own.flush)
                assert recorder.state().error is None
                monkeypatch.setattr(flusher, "BUSY_S", 0.0)
                signal.send(Order)
                own._guarded(own.flush)
                assert "is locked by another process" in (recorder.state().error or "")
            own._guarded(own.flush)
            assert recorder.state().error is None
            assert log.totals().dispatched == 2
    finally:
        recorder.stop()
        log.close()


def test_what_can_not_be_written_at_the_end_is_counted_as_dropped(tmp_path: Path) -> None:
    """And the end waits for the lock once, not for each thing that it would write."""
    log = open_log(f"sqlite://{tmp_path / 'log.sqlite3'}", writer=True)
    recorder.start(log)
    own, waits, be_patient = recorder.session._session.flusher, [], log.be_patient
    signal = Signal()
    signal.connect(first)
    recorder.flush()
    with contextlib.closing(sqlite3.connect(tmp_path / "log.sqlite3", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        signal.send(Order)
        with mock.patch.object(log, "be_patient", lambda seconds: (waits.append(seconds), be_patient(0.01))):
            recorder.stop()
    assert waits == [flusher.LAST_PATIENCE_S, flusher.PATIENCE_S]
    assert (own.recorded, own.dropped) == (0, 1)
    log.close()


def test_places_of_ended_threads_are_emptied(recording: Recording, by_hand) -> None:
    """Thousands of short threads leave no entry each, and a dispatch that runs keeps its place."""
    signal, release, running = Signal(), threading.Event(), threading.Event()

    def waits(sender, **kwargs):
        running.set()
        release.wait(10)

    signal.connect(first)
    threads = [threading.Thread(target=signal.send, args=(Order,)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    signal.connect(waits)
    thread = threading.Thread(target=signal.send, args=(Order,))
    thread.start()
    assert running.wait(10)
    by_hand._slow_at = 0.0
    by_hand.flush()
    assert set(dispatching.OPEN) == {thread.ident}
    release.set()
    thread.join()
    by_hand._slow_at = 0.0
    by_hand.flush()
    assert not dispatching.OPEN


def test_dispatches_of_many_threads_are_told_once_each(recording: Recording) -> None:
    """No two have the same span, and none is missing."""
    signal = Signal()
    signal.connect(first)

    def send():
        for _ in range(300):
            signal.send(Order)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reading = recording.read()
    assert len({dispatch.span for _, dispatch in reading.dispatches}) == len(reading.dispatches) == 1200
    assert recording.log.totals().dispatched == 1200


class Busy(dict[int, object]):
    """A table that other threads add to: on Python 3.11 even `list(table.items())` may let them, in a collection."""

    def items(self) -> object:
        raise RuntimeError("dictionary changed size during iteration")


def test_signals_that_come_while_the_flusher_looks_are_in_no_way(recording: Recording, by_hand) -> None:
    """Seen with signals that came and went by the million: what loops over a table has a copy of it."""
    signals = recorder.session._session.signals
    Signal().send(Order)
    signals._refs, signals._counters = Busy(signals._refs), Busy(signals._counters)
    before = faults.counted.copy()
    assert sum(signals.unheard().values()) == 1
    signals.forget_dead()
    recorder.flush()
    assert faults.counted == before
