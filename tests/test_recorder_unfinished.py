"""Dispatches that still run are told as they are, and once more when they have ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.dispatch import Signal
from test_recorder import Order, Reading, Recording, first, third

from signalgraph import recorder
from signalgraph.index import Index
from signalgraph.log import open_log
from signalgraph.recorder import intake, unfinished


@pytest.fixture
def recording(request: pytest.FixtureRequest, monkeypatch) -> Iterator[Recording]:
    """A recording in which everything that is open at a flush is open for long."""
    monkeypatch.setattr(unfinished, "LONG_NS", 0)
    log = open_log(f"memory://{request.node.name}", writer=True)
    recorder.start(log)
    own = recorder.session._session.flusher
    with own.lock:  # its thread rests, so that only the test flushes
        yield Recording(log)
    recorder.stop()
    log.close()


def newest(reading: Reading) -> dict:
    """The last report of each dispatch, as (status, statuses of its calls)."""
    return {each.span: (each.status, reading.statuses(each)) for _, each in reading.dispatches}


def test_a_dispatch_that_runs_is_told_with_what_it_waits_for(recording: Recording) -> None:
    """One receiver has returned, one runs, one has not had its turn; nothing is counted before the end."""
    signal, told = Signal(), []

    def looks(sender, **kwargs):
        reading = recording.read()
        told.extend(reading.dispatches)
        assert recording.log.totals().dispatched == 0
        assert recording.log.totals().connections == {}
        assert recorder.state().recorded == 0

    for receiver in (first, looks, third):
        signal.connect(receiver)
    signal.send(Order, order=7)
    [(batch, running)] = told
    assert running.status == 4
    assert Reading(recording.log).statuses(running) == ["returned", "running", "waiting"]
    assert [call.duration_ns is not None for call in running.calls] == [True, False, False]
    assert running.calls[1].offset_ns is not None
    assert running.duration_ns >= running.calls[1].offset_ns
    assert running.arguments == ["order"]
    assert batch.first_trace <= running.trace <= batch.last_trace
    assert batch.dispatched == 0
    reading = recording.read()
    assert newest(reading) == {running.span: (0, ["returned"] * 3)}
    assert recording.log.totals().dispatched == recorder.state().recorded == 1


def test_the_end_takes_the_place_of_what_was_told_before(recording: Recording) -> None:
    """Readers show one dispatch, not two."""
    signal = Signal()
    index = Index(recording.log)

    def looks(sender, **kwargs):
        recorder.flush()
        index.refresh()
        [seen] = index.traces()[0].dispatches
        assert seen.status == "running"

    signal.connect(looks)
    signal.send(Order)
    recorder.flush()
    index.refresh()
    [trace] = index.traces()
    [seen] = trace.dispatches
    assert (seen.status, [call.status for call in seen.calls]) == ("returned", ["returned"])


def test_dispatches_around_the_running_one_are_told_too(recording: Recording) -> None:
    """Each with its own receiver running, and as children of one another."""
    outer, inner, told = Signal(), Signal(), []

    def looks(sender, **kwargs):
        told.extend(recording.read().dispatches)

    def sends(sender, **kwargs):
        inner.send(Order)

    inner.connect(looks)
    outer.connect(sends)
    outer.send(Order)
    spans = sorted(dispatch.span for _, dispatch in told)
    assert len(spans) == 2
    parents = {dispatch.span: dispatch.parent for _, dispatch in told}
    assert parents == {spans[0]: 0, spans[1]: spans[0] + 1}


def test_what_a_receiver_waits_for_on_a_loop_hides_nothing_around_it(recording: Recording) -> None:
    """A receiver that calls async code runs on while that dispatches."""
    outer, inner, told = Signal(), Signal(), []

    async def looks(sender, **kwargs):
        told.extend(recording.read().dispatches)

    def sends(sender, **kwargs):
        async_to_sync(inner.asend)(Order)

    inner.connect(looks)
    outer.connect(sends)
    # The flusher's lock is this thread's, and the loop of async_to_sync has another one.
    recorder.session._session.flusher.lock.release()
    try:
        outer.send(Order)
    finally:
        recorder.session._session.flusher.lock.acquire()
    statuses = {tuple(Reading(recording.log).statuses(dispatch)) for _, dispatch in told if dispatch.status == 4}
    assert statuses == {("running",)}
    assert len({dispatch.span for _, dispatch in told}) == 2


def test_what_comes_back_from_a_loop_hides_nothing_around_it(recording: Recording) -> None:
    """Synchronous code that async code calls runs in the thread of the receiver that waits for all of it."""
    outer, inner, told = Signal(), Signal(), []

    def looks(sender, **kwargs):
        told.extend(recording.read().dispatches)

    def sends(sender, **kwargs):
        async_to_sync(sync_to_async(inner.send))(Order)

    inner.connect(looks)
    outer.connect(sends)
    outer.send(Order)
    assert [dispatch.status for _, dispatch in told] == [4, 4]
    assert len({dispatch.span for _, dispatch in told}) == 2


def test_async_receivers_that_run_and_those_that_have_ended(recording: Recording) -> None:
    """Of a dispatch to several at once."""
    signal, told = Signal(), []

    async def quick(sender, **kwargs):
        pass

    async def looks(sender, **kwargs):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        told.extend(recording.read().dispatches)

    signal.connect(quick)
    signal.connect(looks)
    asyncio.run(signal.asend(Order))
    [(_, running)] = told
    assert Reading(recording.log).statuses(running) == ["returned", "running"]
    assert newest(recording.read()) == {running.span: (0, ["returned"] * 2)}


def test_a_dispatch_of_another_thread_is_told(recording: Recording) -> None:
    """And one that has ended when the flusher comes is told as ended only."""
    signal, running, release = Signal(), threading.Event(), threading.Event()

    def waits(sender, **kwargs):
        running.set()
        release.wait(10)

    signal.connect(waits)
    thread = threading.Thread(target=signal.send, args=(Order,))
    thread.start()
    assert running.wait(10)
    [(_, told)] = recording.read().dispatches
    release.set()
    thread.join()
    signal.disconnect(waits)
    signal.connect(first)
    signal.send(Order)
    reading = recording.read()
    assert [each.status for _, each in reading.dispatches] == [4, 0, 0]
    assert reading.dispatches[1][1].span == told.span
    assert told.thread == thread.ident


def test_it_is_told_again_after_a_second_only(recording: Recording, monkeypatch) -> None:
    """A receiver that hangs for an hour doesn't fill the log ten times a second."""
    signal, counts = Signal(), []

    def looks(sender, **kwargs):
        counts.append(len(recording.read().dispatches))
        counts.append(len(recording.read().dispatches))
        monkeypatch.setattr(unfinished, "AGAIN_NS", 0)
        counts.append(len(recording.read().dispatches))

    signal.connect(looks)
    signal.send(Order)
    assert counts == [1, 1, 2]


def test_one_that_has_just_begun_is_not_told(recording: Recording, monkeypatch) -> None:
    """Most dispatches end before anybody could look."""
    monkeypatch.setattr(unfinished, "LONG_NS", 10**12)
    signal, told = Signal(), []
    signal.connect(first)
    signal.connect(lambda sender, **kwargs: told.extend(recording.read().dispatches), weak=False)
    signal.send(Order)
    assert told == []


def test_one_that_ends_while_the_flusher_looks_is_told_as_ended_only(recording: Recording, monkeypatch) -> None:
    """It was open when the open ones were looked for, and in the ring when that was emptied."""
    signal, running, release = Signal(), threading.Event(), threading.Event()

    def waits(sender, **kwargs):
        running.set()
        release.wait(10)

    def end_first(self):
        release.set()
        thread.join()
        return from_ring(self)

    signal.connect(waits)
    thread = threading.Thread(target=signal.send, args=(Order,))
    thread.start()
    assert running.wait(10)
    from_ring = intake.Intake._from_ring
    monkeypatch.setattr(intake.Intake, "_from_ring", end_first)
    assert [each.status for _, each in recording.read().dispatches] == [0]
