"""What is counted only: traces that SAMPLE leaves out, signals that IGNORE or a viewer's mute names."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from django.core.signals import request_finished, request_started
from django.dispatch import Signal
from test_recorder import Order, Reading, Recording, fails, first, second

import signalgraph
from signalgraph import recorder
from signalgraph.events import RECEIVER_BITS, STATUSES, Batch, kept_by_chance
from signalgraph.index import Index
from signalgraph.log import open_log
from signalgraph.recorder import dispatching, sampling, unfinished

order_placed, stock_low, shipped = Signal(), Signal(), Signal()
HERE = __name__
Start = Callable[..., Recording]


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts a recording with options; the flusher's thread rests, so that only the test flushes."""
    log = open_log(f"memory://{request.node.name}", writer=True)
    with contextlib.ExitStack() as stack:

        def start(**options) -> Recording:
            recorder.start(log, **options)
            stack.callback(recorder.stop)
            stack.enter_context(recorder.session._session.flusher.lock)
            return Recording(log)

        yield start
    for signal in (order_placed, stock_low, shipped):
        signal.receivers.clear()
        signal.sender_receivers_cache.clear()
    log.close()


def told(reading: Reading, signal: str) -> int:
    return len(reading.of(signal))


def test_a_share_of_the_traces_is_told_and_all_are_counted(start: Start) -> None:
    """Totals are exact; whoever knows the share knows which traces are told."""
    recording = start(share=0.25, slow_ms=60_000)
    order_placed.connect(first)
    for _ in range(400):
        order_placed.send(Order)
    reading = recording.read()
    traces = {dispatch.trace for _, dispatch in reading.dispatches}
    assert 50 < len(traces) == len(reading.dispatches) < 150
    assert all(kept_by_chance(trace, 0.25) for trace in traces)
    assert recording.log.totals().dispatched == recorder.state().recorded == 400
    assert recording.log.totals().signals[f"{HERE}.order_placed"].calls == 400
    [beat] = recording.log.heartbeats()
    assert (beat.recorded, beat.sampled, beat.share) == (400, 400 - len(traces), 0.25)
    assert sum(batch.sampled for batch in reading.batches) == beat.sampled


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_the_share_is_what_it_says(share: float) -> None:
    """Whatever numbers the traces of a process have; with 0 none is told, with 1 all are."""
    for step in (1, 2, 3, 89, 144, 1000):
        chosen = sum(kept_by_chance((7 + n * step) << RECEIVER_BITS, share) for n in range(4000))
        assert abs(chosen / 4000 - share) < 0.03 * (0 < share < 1) or chosen / 4000 == share


def test_a_trace_is_told_whole_or_not_at_all(start: Start) -> None:
    """What a receiver dispatches is in the trace of its dispatch."""
    recording = start(share=0.5, slow_ms=60_000)
    stock_low.connect(first)
    order_placed.connect(lambda sender, **kwargs: stock_low.send(Order), weak=False)
    for _ in range(100):
        order_placed.send(Order)
    reading = recording.read()
    by_trace: dict[int, int] = {}
    for _, dispatch in reading.dispatches:
        by_trace[dispatch.trace] = by_trace.get(dispatch.trace, 0) + 1
    assert set(by_trace.values()) == {2}
    assert 20 < len(by_trace) < 80
    assert recording.log.totals().dispatched == 200


def test_a_trace_with_an_error_is_told_from_its_beginning(start: Start) -> None:
    """What was dispatched before the error is held until the trace is over, across flushes."""
    recording = start(share=0.0, slow_ms=60_000)
    order_placed.connect(first)
    stock_low.connect(fails)
    with signalgraph.cause("import", "stock"):
        order_placed.send(Order)
        assert recording.read().dispatches == []
        assert recording.log.totals().dispatched == 1
        stock_low.send_robust(Order)
        reading = recording.read()
        assert [told(reading, name) for name in ("order_placed", "stock_low")] == [1, 1]
        order_placed.send(Order)
    reading = recording.read()
    assert [told(reading, name) for name in ("order_placed", "stock_low")] == [2, 1]
    assert len({dispatch.trace for _, dispatch in reading.dispatches}) == 1
    assert recording.log.heartbeats()[0].sampled == 0
    assert [cause.name for batch in reading.batches for cause in batch.causes][-1] == "stock"


@pytest.mark.parametrize("method", ["send", "send_robust", "asend", "asend_robust"])
def test_an_error_keeps_its_trace_whatever_the_method(start: Start, method: str) -> None:
    """Also one of an async receiver that its dispatch did not wait for."""
    recording = start(share=0.0, slow_ms=60_000)

    async def breaks(sender, **kwargs):
        raise LookupError

    order_placed.connect(breaks)
    with contextlib.suppress(LookupError):
        if method.startswith("a"):
            asyncio.run(getattr(order_placed, method)(Order))
        else:
            getattr(order_placed, method)(Order)
    [(_, dispatch)] = recording.read().dispatches
    assert STATUSES[dispatch.calls[0].status] == "raised"


def test_a_slow_dispatch_keeps_its_trace(start: Start) -> None:
    """From SLOW_MS on."""
    recording = start(share=0.0, slow_ms=0)
    order_placed.connect(first)
    order_placed.send(Order)
    assert told(recording.read(), "order_placed") == 1


def test_a_trace_that_ends_well_is_let_go(start: Start) -> None:
    """With its cause, or with its outermost dispatch where it has none."""
    recording = start(share=0.0, slow_ms=60_000)
    order_placed.connect(first)
    sampler = recorder.session._session.flusher._intake._sampler
    with signalgraph.cause("import", "stock"):
        order_placed.send(Order)
        recorder.flush()
        assert sampler._records == 1
    order_placed.send(Order)
    recorder.flush()
    assert (sampler._records, len(sampler._held)) == (0, 0)
    assert recording.log.heartbeats()[0].sampled == 2


def test_so_many_records_are_held_and_for_so_long(start: Start, monkeypatch) -> None:
    """A trace that never ends must not fill the memory; the oldest go first."""
    recording = start(share=0.0, slow_ms=60_000)
    order_placed.connect(first)
    sampler = recorder.session._session.flusher._intake._sampler
    monkeypatch.setattr(sampling, "MOST_HELD", 10)
    with signalgraph.cause("import", "one"):
        for _ in range(8):
            order_placed.send(Order)
        with signalgraph.cause("import", "two"):
            for _ in range(7):
                order_placed.send(Order)
            recorder.flush()
            assert sampler._records == 7
            monkeypatch.setattr(sampling, "LONGEST_NS", -1)
            recorder.flush()
            assert sampler._records == 0
    assert recording.log.heartbeats()[0].sampled == 15


def test_the_last_flush_counts_what_is_held_as_sampled() -> None:
    """Nothing is left between told and sampled."""
    log, signal = open_log("memory://sampled-at-the-end", writer=True), Signal()
    signal.connect(first)
    recorder.start(log, share=0.0, slow_ms=60_000)
    with signalgraph.cause("import", "stock"):
        signal.send(Order)
        recorder.flush()
        recorder.stop()
    [beat] = log.heartbeats()
    assert (beat.recorded, beat.sampled) == (1, 1)
    log.close()


def test_a_running_dispatch_is_told_once_it_is_slow(start: Start, monkeypatch) -> None:
    """A stuck receiver is visible whatever the share."""
    monkeypatch.setattr(unfinished, "LONG_NS", 0)
    recording = start(share=0.0, slow_ms=60_000)
    counts = []

    def looks(sender, **kwargs):
        counts.append(len(recording.read().dispatches))
        monkeypatch.setattr(recorder.session._session.flusher._intake._sampler, "_slow_ns", 0)
        counts.append(len(recording.read().dispatches))

    order_placed.connect(looks)
    order_placed.send(Order)
    assert counts == [0, 1]


def test_percentiles_are_of_the_traces_that_chance_chose(start: Start) -> None:
    """Those that were kept for their errors would move them."""
    recording = start(share=0.0, slow_ms=60_000)
    order_placed.connect(fails)
    order_placed.send_robust(Order)
    recorder.flush()
    index = Index(recording.log)
    index.refresh()
    assert len(index.traces()) == 1
    assert [len(figures.samples) for figures in index._recent.connections.values()] == [0]


def muting(recording: Recording, *names: str) -> None:
    recording.log.set_control(replace(recording.log.control(), muted=frozenset(names)))
    recorder.session._session.flusher._slow_at = 0.0
    recorder.flush()


def count_now() -> None:
    recorder.session._session.flusher._slow_at = 0.0
    recorder.flush()


def test_ignored_signals_are_counted_only(start: Start) -> None:
    """To the dispatch, from the first one on, whether they were in the ring already or not."""
    recording = start(ignore=[f"{HERE}.order_*"])
    order_placed.connect(first)
    stock_low.connect(first)
    for _ in range(3):
        order_placed.send(Order)
        stock_low.send(Order)
    recorder.flush()
    for _ in range(4):
        order_placed.send(Order)
    count_now()
    totals = recording.log.totals()
    assert totals.ignored == {f"{HERE}.order_placed": 7}
    assert f"{HERE}.order_placed" not in totals.signals
    assert totals.dispatched == told(recording.read(), "stock_low") == 3
    assert dispatching.SIGNALS[order_placed.lock] == dispatching.IGNORED
    assert recorder.state().dropped == 0


def test_what_an_ignored_signal_dispatches_hangs_on_what_was_around(start: Start) -> None:
    """Its receivers run as before, and their dispatches keep their place in the trace."""
    recording = start(ignore=[f"{HERE}.stock_low"])
    shipped.connect(first)
    stock_low.connect(lambda sender, **kwargs: shipped.send(Order), weak=False)
    order_placed.connect(lambda sender, **kwargs: stock_low.send(Order), weak=False)
    stock_low.send(Order)
    recorder.flush()
    order_placed.send(Order)
    reading = recording.read()
    [(_, outer)] = reading.of("order_placed")
    [_, (_, inner)] = reading.of("shipped")
    assert (inner.parent, inner.trace) == (outer.span + 1, outer.trace)


def test_a_muted_signal_comes_back_when_it_is_unmuted(start: Start) -> None:
    """A viewer asks, every process hears within a second; nothing is lost but the details."""
    recording = start()
    order_placed.connect(first)
    order_placed.send(Order)
    muting(recording, f"{HERE}.order_placed")
    for _ in range(5):
        assert order_placed.send(Order) == [(first, "first")]
    count_now()
    assert recording.log.totals().ignored == {f"{HERE}.order_placed": 5}
    muting(recording)
    order_placed.send(Order)
    reading = recording.read()
    assert told(reading, "order_placed") == 2
    assert recording.log.totals().dispatched == 2


def test_a_signal_that_nobody_hears_is_unheard_also_when_it_is_muted(start: Start) -> None:
    """Both are counts; the one says more."""
    recording = start()
    order_placed.connect(first)
    order_placed.send(Order)
    muting(recording, f"{HERE}.order_placed", f"{HERE}.stock_low")
    stock_low.send(Order)
    stock_low.send(Order)
    order_placed.disconnect(first)
    order_placed.send(Order)
    count_now()
    assert recording.log.totals().unheard == {f"{HERE}.stock_low": 2, f"{HERE}.order_placed": 1}
    assert recording.log.totals().ignored == {}


@pytest.mark.django_db
def test_ignored_signals_of_requests_begin_and_end_their_cause(start: Start) -> None:
    """IGNORE says what is told, not what is known."""
    recording = start(ignore=["django.core.signals.*"])
    order_placed.connect(first)
    request_started.connect(second)
    try:
        for _ in range(2):
            request_started.send(Order, environ={"REQUEST_METHOD": "GET"})
            order_placed.send(Order)
            request_finished.send(Order)
            recorder.flush()
    finally:
        request_started.disconnect(second)
    count_now()
    reading = recording.read()
    assert {cause.kind for batch in reading.batches for cause in batch.causes} == {"request"}
    assert len({dispatch.trace for _, dispatch in reading.of("order_placed")}) == 2
    assert told(reading, "request_started") == 0
    assert recording.log.totals().ignored["django.core.signals.request_started"] == 2


def test_a_running_dispatch_of_a_muted_signal_is_not_told(start: Start, monkeypatch) -> None:
    """It was recorded before the mute."""
    monkeypatch.setattr(unfinished, "LONG_NS", 0)
    recording = start()
    counts = []

    def looks(sender, **kwargs):
        muting(recording, f"{HERE}.order_placed")
        before = len(recording.read().dispatches)
        monkeypatch.setattr(unfinished, "AGAIN_NS", 0)
        counts.append(len(recording.read().dispatches) - before)

    order_placed.connect(looks)
    order_placed.send(Order)
    count_now()
    assert counts == [0]
    assert recording.log.totals().ignored == {f"{HERE}.order_placed": 1}
    assert recorder.state().dropped == 0


def test_ignored_signals_that_die_are_forgotten_and_their_counts_told(start: Start) -> None:
    """Signals made and dropped by the thousand keep no place."""
    recording = start(ignore=["unnamed*"])
    session = recorder.session._session
    for _ in range(200):
        signal = Signal()
        signal.connect(first, weak=False)
        signal.send(Order)
        recorder.flush()
        signal.send(Order)
    del signal
    gc.collect()
    for _ in range(3):
        count_now()
    assert sum(recording.log.totals().ignored.values()) == 400
    assert len(session.signals._refs) < 20
    assert len(session.signals.silent) + len(session.signals._silenced) + len(session.signals._ignored) < 20


def test_batches_say_what_they_left_out(start: Start) -> None:
    """A reader of one batch knows the share, and what was only counted."""
    recording = start(share=0.5, ignore=[f"{HERE}.stock_low"])
    stock_low.connect(first)
    stock_low.send(Order)
    count_now()
    [batch] = [entry for _, entry in recording.log.read().entries if isinstance(entry, Batch) and entry.ignored]
    assert [(batch.signals[position], count) for position, count in batch.ignored] == [(f"{HERE}.stock_low", 1)]
    assert batch.share == 0.5
