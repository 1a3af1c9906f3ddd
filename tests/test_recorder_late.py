"""Calls that end after their dispatch, and dispatches that could not be timed: counted as what is known of them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from unittest import mock

import django
import pytest
from django.dispatch import Signal
from test_recorder import Order, Recording, first, second

from signalgraph import recorder
from signalgraph.events import STATUSES, Total
from signalgraph.log import open_log

placed = Signal()


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    log = open_log(f"memory://{request.node.name}", writer=True)
    recorder.start(log)
    yield Recording(log)
    recorder.stop()
    placed.receivers.clear()
    placed.sender_receivers_cache.clear()
    log.close()


def of_placed(recording: Recording) -> Total:
    return recording.log.totals().signals[f"{__name__}.placed"]


@pytest.mark.skipif(django.VERSION >= (6, 1), reason="6.1 waits for its receivers whatever happens")
@pytest.mark.parametrize("raises", [True, False])
def test_an_error_after_its_dispatch_was_given_up_counts_once(recording: Recording, raises: bool) -> None:
    """The dispatch was counted without an error, as it was when it was told."""
    release, told = asyncio.Event(), []

    async def slow(sender, **kwargs):
        await release.wait()
        if raises:
            raise LookupError

    async def slow_too(sender, **kwargs):
        await slow(sender)

    async def main():
        dispatch = placed.asend(Order)
        dispatch.send(None)  # up to where it waits for its receivers
        await asyncio.sleep(0)
        dispatch.close()
        recorder.flush()
        told.append(of_placed(recording))
        release.set()
        for _ in range(20):
            await asyncio.sleep(0)

    placed.connect(slow)
    placed.connect(slow_too)
    asyncio.run(main())
    reading = recording.read()
    assert [(total.calls, total.errors) for total in told] == [(1, 0)]
    assert (of_placed(recording).calls, of_placed(recording).errors) == (1, int(raises))
    late = [STATUSES[each.call.status] for batch in reading.batches for each in batch.late]
    assert late == ["raised" if raises else "returned"] * 2
    connections = recording.log.totals().connections
    assert sorted((total.calls, total.errors) for total in connections.values()) == [(1, int(raises))] * 2


def test_nobody_can_cancel_a_receiver_on_another_thread(recording: Recording) -> None:
    """It goes on when its dispatch is given up, and is not called cancelled."""
    running, release = threading.Event(), threading.Event()

    def waits(sender, **kwargs):
        running.set()
        release.wait(10)

    async def main():
        dispatch = asyncio.ensure_future(placed.asend(Order))
        await asyncio.to_thread(running.wait, 10)
        dispatch.cancel()
        asyncio.get_running_loop().call_later(0.05, release.set)
        with contextlib.suppress(asyncio.CancelledError):
            await dispatch

    placed.connect(waits)
    asyncio.run(main())
    [(_, told)] = recording.read().of("placed")
    assert [STATUSES[call.status] for call in told.calls] in (["running"], ["returned"])  # whether it was waited for


answering = Signal()


def test_a_dispatch_whose_receivers_are_not_known_is_told_without_calls(recording: Recording) -> None:
    """Another tool answers for one signal: counted as one of which nothing else is known, never as unheard."""
    answering.connect(second)
    try:
        with mock.patch.object(answering, "_live_receivers", return_value=([first], [])):
            assert answering.send(Order) == [(first, "first")]
    finally:
        answering.disconnect(second)
    [(_, told)] = recording.read().of("answering")
    assert (told.calls, told.status) == ([], 0)
    totals = recording.log.totals()
    assert totals.signals[f"{__name__}.answering"] == Total(untimed=1)
    assert totals.dispatched == 1
    assert f"{__name__}.answering" not in totals.unheard
