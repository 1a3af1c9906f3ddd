"""What real projects and other tools do to a recorder, each seen to go wrong once."""

from __future__ import annotations

import _thread
import asyncio
import os
import threading
from collections.abc import Iterator
from unittest import mock

import pytest
from django.db.models.signals import ModelSignal
from django.dispatch import Signal
from test_recorder import Reading, Recording, first, second

from signalgraph import recorder
from signalgraph.events import STATUSES
from signalgraph.log import open_log
from signalgraph.recorder import dispatching, faults, patches

ORIGINALS = {(owner, name): vars(owner)[name] for owner, name, _ in patches.TABLE}


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    log = open_log(f"memory://{request.node.name}", writer=True)
    recorder.start(log)
    yield Recording(log)
    recorder.stop()
    log.close()
    assert all(vars(owner)[name] is original for (owner, name), original in ORIGINALS.items())


class Order:
    """A sender."""


def test_a_thread_may_begin_with_a_dispatch(recording: Recording) -> None:
    """No Python frame is above `send` then; the receivers run all the same, and no line is named."""
    signal, heard = Signal(), threading.Event()

    def listens(sender, **kwargs):
        heard.set()

    signal.connect(listens)
    _thread.start_new_thread(signal.send, (Order,))
    assert heard.wait(5)
    for _ in range(100):
        dispatches = recording.read().dispatches
        if dispatches:
            break
    [(_, told)] = dispatches
    assert told.site == -1


def test_a_task_has_no_line_that_sent_it(recording: Recording) -> None:
    """Above a task is the event loop; the line that runs the loop sent nothing."""
    signal = Signal()
    signal.connect(first)

    async def main():
        await asyncio.create_task(signal.asend(Order))

    asyncio.run(main())
    [(_, told)] = recording.read().dispatches
    assert told.site == -1


def test_a_text_that_utf_8_can_not_hold_stops_nothing(recording: Recording) -> None:
    """Half a surrogate pair in a dispatch_uid or an argument's name."""
    signal = Signal()
    signal.connect(first, dispatch_uid="u\udcff")
    signal.send(Order, **{"x\ud800": 1, "two words": 2, "order": 3})
    signal.send(Order)
    reading = recording.read()
    assert len(reading.dispatches) == 2
    assert reading.dispatches[0][1].arguments == ["(…)", "(…)", "order"]
    assert recorder.state().error is None
    assert recording.log.wirings()


async def slow(sender, **kwargs):
    await asyncio.sleep(0.05)


async def fails(sender, **kwargs):
    await asyncio.sleep(0.01)
    raise LookupError


def test_the_end_of_a_call_after_its_dispatch_counts_no_dispatch(recording: Recording) -> None:
    """On 5.2 and 6.0 the sibling of a failed async receiver runs on; from 6.1 it is cancelled."""
    signal = Signal()
    signal.connect(fails)
    signal.connect(slow)

    async def main():
        with pytest.raises(LookupError):
            await signal.asend(Order)
        await asyncio.sleep(0.1)

    asyncio.run(main())
    reading = recording.read()
    assert recorder.state().recorded == len(reading.dispatches) == 1
    late = [each for batch in reading.batches for each in batch.late]
    [(batch, told)] = reading.dispatches
    status = STATUSES[late[0].call.status] if late else STATUSES[told.calls[1].status]
    assert status in ("returned", "cancelled")
    name = batch.signals[told.signal]
    assert recording.log.totals().connections[name, "*", "test_recorder_odd.slow"].calls == 1


def test_heard_dispatches_of_a_paused_recorder_are_not_counted() -> None:
    """Another tool stands above us when recording pauses: what is left of us passes through."""
    log = open_log("memory://paused-below", writer=True)
    signal = Signal()
    signal.connect(first)
    recorder.start(log)
    ours = Signal.send
    try:
        with mock.patch.object(Signal, "send", lambda self, sender, **named: ours(self, sender, **named)):
            patches.uninstall()
            for _ in range(5):
                assert signal.send(Order) == [(first, "first")]
        recorder.session._session.flusher._slow_at = 0.0
        recorder.flush()
        assert log.totals().dispatched == 0
        assert log.totals().unheard == {}
    finally:
        recorder.stop()
        Signal.send = ORIGINALS[Signal, "send"]
        log.close()


class Answering(Signal):
    """A plugin's signal that finds its receivers in its own way."""

    def _live_receivers(self, sender):
        return [first], []


def test_a_dispatch_whose_receivers_nobody_told_us_is_not_called_unheard(recording: Recording) -> None:
    """It is neither recorded nor counted as heard by nobody."""
    signal = Answering()
    signal.connect(second)
    assert signal.send(Order) == [(first, "first")]
    recorder.session._session.flusher._slow_at = 0.0
    recording.read()
    assert recording.log.totals().unheard == {}


def test_a_restart_inside_a_dispatch_mixes_no_names() -> None:
    """The dispatch that was open is dropped, and counted; those after it have their own names."""
    logs = [open_log(f"memory://restart-{number}", writer=True) for number in (1, 2)]
    outer, inner = Signal(), Signal()

    def restarts(sender, **kwargs):
        recorder.stop()
        recorder.start(logs[1])
        inner.send(Order)

    outer.connect(restarts)
    inner.connect(second)
    recorder.start(logs[0])
    try:
        outer.send(Order)
        recorder.flush()
        reading = Reading(logs[1])
        [(batch, told)] = reading.dispatches
        assert reading.receivers(batch, told) == ["second"]
        assert recorder.state().dropped == 1
    finally:
        recorder.stop()


def test_lists_of_another_tool_are_left_alone() -> None:
    """A tool below us that answers with iterators: they are not used up."""
    plain = Signal._live_receivers

    def theirs(self, sender):
        sync, concurrent = plain(self, sender)
        return iter(sync), concurrent

    signal = Signal()
    signal.connect(first)
    with mock.patch.object(Signal, "_live_receivers", theirs):
        recorder.start("memory://iterators")
        try:
            assert signal.send(Order) == [(first, "first")]
        finally:
            recorder.stop()


def reads_fields(sender, update_fields, **kwargs):
    return list(update_fields)


def test_update_fields_are_not_used_up(recording: Recording) -> None:
    """An iterator is the project's: the receiver gets it whole."""
    signal = ModelSignal()
    signal.connect(reads_fields)
    assert signal.send(Order, update_fields=iter(["a"])) == [(reads_fields, ["a"])]


class Yielding:
    """A legal awaitable whose iterator has no `send`."""

    def __await__(self):
        return iter([None])


async def awaits_an_iterator(sender, **kwargs):
    await Yielding()
    return "through"


def test_an_awaitable_without_send_works(recording: Recording) -> None:
    """The trampoline asks no more of an awaitable than asyncio does."""
    signal = Signal()
    signal.connect(awaits_an_iterator)
    assert asyncio.run(signal.asend(Order)) == [(awaits_an_iterator, "through")]


def test_signals_that_come_and_go_leave_nothing(recording: Recording) -> None:
    """A thousand signals made, dispatched and dropped: the tables are empty again."""
    for _ in range(1000):
        signal = Signal()
        listens = lambda sender, **kwargs: None  # noqa: E731 - a new one each time: Django keeps a signal for its receiver
        signal.connect(listens)
        signal.send(Order)
        del signal, listens
    recording.read()
    recording.read()
    session = recorder.session._session
    assert len(session.signals._refs) < 50
    assert len(dispatching.SIGNALS) < 50
    assert not faults.counted


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_watched_recorder_starts_in_a_forked_child(tmp_path) -> None:
    """A preforking server loads the app while nobody looks; its workers hear of the first viewer."""
    import subprocess
    import sys
    import textwrap

    script = """
        import os, sys, time
        from django.conf import settings
        settings.configure(DEBUG=False)
        import django
        django.setup()
        from django.dispatch import Signal
        from signalgraph import recorder
        from signalgraph.log import open_log
        from signalgraph.log.base import Control

        def listens(sender, **kwargs): ...

        signal = Signal()
        signal.connect(listens)
        recorder.start("sqlite://" + sys.argv[1], mode="watched")
        child = os.fork()
        if child == 0:
            deadline = time.monotonic() + 20
            while not recorder.state().recorded and time.monotonic() < deadline:
                signal.send("child")
                time.sleep(0.01)
            recorded = recorder.state().recorded
            recorder.stop()
            os._exit(0 if recorded else 3)
        log = open_log("sqlite://" + sys.argv[1], writer=True)
        log.set_control(Control(watched_until_ms=int((time.time() + 60) * 1000)))
        _, status = os.waitpid(child, 0)
        recorder.stop()
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "log.sqlite3")]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0


def test_a_django_that_does_more_than_iterate_gets_a_list(recording: Recording, monkeypatch) -> None:
    """Where its loops are not known to look at each receiver just once, they are handed a list that is a clock."""
    monkeypatch.setattr(dispatching, "ONLY_ITERATES", False)
    signal, handed = Signal(), []
    signal.connect(first)
    signal.connect(second)
    keep = dispatching.ReadyClockList

    class Seen(keep):
        def __init__(self, receivers):
            super().__init__(receivers)
            handed.append(self)

    monkeypatch.setattr(dispatching, "ReadyClockList", Seen)
    signal.send(Order)
    [(_, told)] = recording.read().dispatches
    assert [STATUSES[call.status] for call in told.calls] == ["returned", "returned"]
    assert all(call.duration_ns is not None for call in told.calls)
    assert [len(each) for each in handed] == [2]
