"""What the recorder says of dispatches: read back from a real log, as a viewer would."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Iterator

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection
from django.dispatch import Signal

from signalgraph import recorder
from signalgraph.blobs import decode_dispatches
from signalgraph.events import STATUSES, Batch, Dispatch, Total
from signalgraph.index import Index
from signalgraph.log import open_log
from signalgraph.log.base import Log


class Reading:
    """The dispatches of a log with the names of their batch put in."""

    def __init__(self, log: Log) -> None:
        self.batches = [entry for _, entry in log.read(limit=100_000).entries if isinstance(entry, Batch)]
        self.dispatches: list[tuple[Batch, Dispatch]] = [
            (batch, dispatch) for batch in self.batches for dispatch in decode_dispatches(batch)
        ]

    def of(self, signal_name: str) -> list[tuple[Batch, Dispatch]]:
        return [(b, d) for b, d in self.dispatches if b.signals[d.signal].endswith(signal_name)]

    def receivers(self, batch: Batch, dispatch: Dispatch) -> list[str]:
        names = [batch.receivers[batch.connections[call.connection][2]] for call in dispatch.calls]
        return [name.rpartition(".")[2] for name in names]

    def statuses(self, dispatch: Dispatch) -> list[str]:
        return [STATUSES[call.status] for call in dispatch.calls]


class Recording:
    def __init__(self, log: Log) -> None:
        self.log = log

    def read(self) -> Reading:
        recorder.flush()
        return Reading(self.log)


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    log = open_log(f"memory://{request.node.name}", writer=True)
    recorder.start(log)
    yield Recording(log)
    recorder.stop()
    log.close()


order_placed = Signal()
stock_low = Signal()
shipped = Signal()
ALL = (order_placed, stock_low, shipped)


@pytest.fixture(autouse=True)
def no_receivers_left() -> Iterator[None]:
    yield
    for signal in ALL:
        signal.receivers.clear()
        signal.sender_receivers_cache.clear()


class Order:
    """A sender."""


def first(sender, **kwargs):
    return "first"


def second(sender, **kwargs):
    return "second"


def third(sender, **kwargs):
    return "third"


def fails(sender, **kwargs):
    raise LookupError("a message with a value")


async def coroutine(sender, **kwargs):
    await asyncio.sleep(0)
    return "coroutine"


async def coroutine_fails(sender, **kwargs):
    await asyncio.sleep(0)
    raise LookupError("a message with a value")


def dispatch(signal, method, **kwargs):
    if method.startswith("a"):
        return asyncio.run(getattr(signal, method)(Order, **kwargs))
    return getattr(signal, method)(Order, **kwargs)


METHODS = ["send", "send_robust", "asend", "asend_robust"]


@pytest.mark.parametrize("method", METHODS)
def test_a_dispatch_is_recorded_with_its_receivers_in_order(recording: Recording, method: str) -> None:
    """Whatever the method, a dispatch names signal, sender, method, line and every receiver with its times."""
    order_placed.connect(first)
    order_placed.connect(second, sender=Order)
    order_placed.connect(coroutine)
    responses = dispatch(order_placed, method, order=7)
    assert responses == [(first, "first"), (second, "second"), (coroutine, "coroutine")]
    reading = recording.read()
    [(batch, told)] = reading.of("order_placed")
    assert batch.signals[told.signal] == f"{__name__}.order_placed"
    assert batch.senders[told.sender] == f"{__name__}.Order"
    assert ["send", "send_robust", "asend", "asend_robust"][told.method] == method
    assert reading.receivers(batch, told) == ["first", "second", "coroutine"]
    assert reading.statuses(told) == ["returned"] * 3
    assert told.arguments == ["order"]
    assert all(call.duration_ns is not None and call.duration_ns >= 0 for call in told.calls)
    assert sum(call.duration_ns for call in told.calls[:2]) <= told.duration_ns
    assert told.calls[2].busy_ns is not None
    assert told.parent == 0


def test_the_line_that_sent_is_named(recording: Recording) -> None:
    """The call site is the caller's line, not Django's."""
    order_placed.connect(first)
    order_placed.send(Order)
    line = test_the_line_that_sent_is_named.__code__.co_firstlineno + 3
    [(batch, told)] = recording.read().of("order_placed")
    assert batch.sites[told.site].endswith(f"test_recorder.py:{line}")


@pytest.mark.parametrize("method", ["send", "asend"])
def test_receivers_after_an_error_are_not_reached(recording: Recording, method: str) -> None:
    """`send` stops at the first error: it is told by its type, the receivers after it as not reached."""
    order_placed.connect(first)
    order_placed.connect(fails)
    order_placed.connect(third)
    with pytest.raises(LookupError):
        dispatch(order_placed, method)
    reading = recording.read()
    [(_, told)] = reading.of("order_placed")
    assert STATUSES[told.status] == "raised"
    assert reading.statuses(told) == ["returned", "raised", "not reached"]
    assert [call.error for call in told.calls] == [None, "LookupError", None]


@pytest.mark.parametrize("method", ["send_robust", "asend_robust"])
def test_a_robust_dispatch_goes_on_after_an_error(recording: Recording, method: str) -> None:
    """`send_robust` returns the error; the call is told as raised, the dispatch as returned."""
    order_placed.connect(fails)
    order_placed.connect(third)
    order_placed.connect(coroutine_fails)
    order_placed.connect(coroutine)
    responses = dispatch(order_placed, method)
    assert [type(response) for _, response in responses] == [LookupError, str, LookupError, str]
    reading = recording.read()
    [(_, told)] = reading.of("order_placed")
    assert STATUSES[told.status] == "returned"
    assert reading.statuses(told) == ["raised", "returned", "raised", "returned"]


def returns_an_error(sender, **kwargs):
    return LookupError()


def test_an_error_that_is_returned_is_no_failure(recording: Recording) -> None:
    """`send_robust` returns raised and returned errors alike; only the raised one is a failure."""
    order_placed.connect(returns_an_error)
    order_placed.send_robust(Order)
    reading = recording.read()
    [(_, told)] = reading.of("order_placed")
    assert reading.statuses(told) == ["returned"]


def inner(sender, **kwargs):
    stock_low.send("1")


def inner_through_a_loop(sender, **kwargs):
    async_to_sync(stock_low.asend)("2")


async def inner_on_a_thread(sender, **kwargs):
    await asyncio.sleep(0.01)
    await sync_to_async(stock_low.send)("3")


async def inner_gathered(sender, **kwargs):
    await asyncio.sleep(0.005)
    await asyncio.gather(stock_low.asend("4"), stock_low.asend("4"))
    await asyncio.sleep(0.02)
    await stock_low.asend_robust("4")


@pytest.mark.parametrize("method", METHODS)
def test_a_dispatch_in_a_receiver_names_it_as_its_parent(recording: Recording, method: str) -> None:
    """Sync, through a loop, on a thread, gathered: the parent is the receiver that sent, by its place in the order."""
    stock_low.connect(first)
    for receiver in (inner, inner_through_a_loop, inner_on_a_thread, inner_gathered):
        order_placed.connect(receiver)
    dispatch(order_placed, method)
    reading = recording.read()
    [(_, outer)] = reading.of("order_placed")
    children = reading.of("stock_low")
    assert len(children) == 6
    for batch, child in children:
        assert child.parent - outer.span == int(batch.senders[child.sender].strip('"'))
        assert child.trace == outer.trace


def test_a_dispatch_after_its_parent_has_ended_names_no_receiver(recording: Recording) -> None:
    """A thread that a receiver started sends later: its parent is the dispatch, the receiver unknown."""
    import contextvars

    gate, threads = threading.Event(), []

    def starts_a_thread(sender, **kwargs):
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(lambda: gate.wait(5) and stock_low.send(Order),))
        thread.start()
        threads.append(thread)

    order_placed.connect(starts_a_thread)
    stock_low.connect(first)
    order_placed.send(Order)
    gate.set()
    threads[0].join()
    reading = recording.read()
    [(_, outer)] = reading.of("order_placed")
    [(_, late)] = reading.of("stock_low")
    assert late.parent == outer.span


def test_has_listeners_is_no_dispatch(recording: Recording) -> None:
    """Django asks `_live_receivers` for other reasons than a dispatch; nothing is recorded for that."""
    order_placed.connect(first)
    assert order_placed.has_listeners(Order)
    assert recording.read().dispatches == []


def asks_for_listeners(sender, **kwargs):
    order_placed.has_listeners(sender)


def test_has_listeners_in_a_receiver_leaves_the_dispatch_alone(recording: Recording) -> None:
    """A receiver that asks about the very signal that calls it doesn't add calls."""
    order_placed.connect(asks_for_listeners)
    order_placed.connect(second)
    order_placed.send(Order)
    reading = recording.read()
    [(batch, told)] = reading.dispatches
    assert reading.receivers(batch, told) == ["asks_for_listeners", "second"]
    assert reading.statuses(told) == ["returned", "returned"]


def sends_again(sender, depth=2, **kwargs):
    if depth:
        order_placed.send(sender, depth=depth - 1)


def test_a_signal_sent_in_its_own_receiver_nests(recording: Recording) -> None:
    """Each level is a dispatch of its own below the receiver that sent it."""
    order_placed.connect(sends_again)
    order_placed.send(Order)
    spans = {d.span: d.parent for _, d in recording.read().dispatches}
    outermost = min(spans)
    assert sorted(spans.values()) == sorted([0, *(span + 1 for span in spans if span != max(spans))])
    assert spans[outermost] == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_dispatch_that_nobody_hears_is_counted(recording: Recording, method: str) -> None:
    """Exactly counted by signal, and nothing more: it is most of what a site dispatches."""
    if method.startswith("a"):

        async def send_all():
            for _ in range(300):
                await getattr(shipped, method)(Order)

        asyncio.run(send_all())
    else:
        for _ in range(300):
            getattr(shipped, method)(Order)
    assert unheard(recording, "shipped") == 300


def unheard(recording: Recording, name: str) -> int:
    with_last = recorder.session._session.flusher  # the counts go with the slow tick: take them now
    with_last._slow_at = 0.0
    reading = recording.read()
    return sum(n for batch in reading.batches for at, n in batch.unheard if batch.signals[at].endswith(name))


def test_a_dispatch_of_another_sender_is_counted_as_unheard(recording: Recording) -> None:
    """The signal has receivers, but none for this sender."""
    shipped.connect(first, sender=Order)
    shipped.send("somebody else")
    assert unheard(recording, "shipped") == 1
    assert recording.read().dispatches == []


def test_unheard_dispatches_are_counted_exactly_under_threads(recording: Recording) -> None:
    """Eight threads count into one number, and none is lost."""
    threads = [threading.Thread(target=lambda: [shipped.send(Order) for _ in range(2000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert unheard(recording, "shipped") == 16_000


def test_totals_are_exact_per_connection(recording: Recording) -> None:
    """The log's totals count every call and error of each connection, told apart by its sender."""
    order_placed.connect(first)
    order_placed.connect(fails, sender=Order)
    for _ in range(50):
        order_placed.send_robust(Order)
    order_placed.send_robust("somebody else")
    recorder.flush()
    totals = recording.log.totals()
    name = f"{__name__}.order_placed"
    assert totals.connections[name, "*", f"{__name__}.first"].calls == 51
    assert totals.connections[name, f"{__name__}.Order", f"{__name__}.fails"].calls == 50
    assert totals.connections[name, f"{__name__}.Order", f"{__name__}.fails"].errors == 50
    assert totals.dispatched == 51


def test_what_the_ring_can_not_hold_is_counted_as_dropped() -> None:
    """A ring of 10 that gets 100 dispatches between two flushes loses 90, and says so."""
    log = open_log("memory://dropping", writer=True)
    recorder.start(log, ring=10)
    try:
        order_placed.connect(first)
        with recorder.session._session.flusher.lock:
            for _ in range(100):
                order_placed.send(Order)
        recorder.flush()
        reading = Reading(log)
        assert len(reading.dispatches) == 10
        assert reading.batches[-1].recorded == 10
        assert reading.batches[-1].dropped == recorder.state().dropped == 90
    finally:
        recorder.stop()
        log.close()


def test_a_bound_method_a_partial_and_a_callable_object_have_names(recording: Recording) -> None:
    """Receivers that are no plain functions read as what they are."""
    from functools import partial

    class Audit:
        def __call__(self, sender, **kwargs):
            return None

        def method(self, sender, **kwargs):
            return None

    audit = Audit()
    half = partial(first, extra=1)
    order_placed.connect(audit)
    order_placed.connect(audit.method)
    order_placed.connect(half)
    order_placed.send(Order)
    reading = recording.read()
    [(batch, told)] = reading.dispatches
    names = [batch.receivers[batch.connections[call.connection][2]] for call in told.calls]
    here = f"{__name__}.test_a_bound_method_a_partial_and_a_callable_object_have_names.<locals>.Audit"
    assert names == [f"{here}()", f"{here}.method", f"partial({__name__}.first)"]


@pytest.mark.parametrize("method", METHODS)
def test_dispatches_are_counted_by_signal(recording: Recording, method: str) -> None:
    """Each once, whatever its receivers; one in which something is raised is an error, one unheard is not counted."""
    order_placed.connect(first)
    order_placed.connect(coroutine)
    stock_low.connect(fails)
    for _ in range(3):
        dispatch(order_placed, method)
        dispatch(shipped, method)
    for _ in range(2):
        with contextlib.suppress(LookupError):
            dispatch(stock_low, method)
    reading = recording.read()
    totals = recording.log.totals()
    for name, calls, errors in (("order_placed", 3, 0), ("stock_low", 2, 2)):
        durations = [told.duration_ns for _, told in reading.of(name)]
        assert totals.signals[f"{__name__}.{name}"] == Total(calls, errors, sum(durations), max(durations))
    assert f"{__name__}.shipped" not in totals.signals
    assert all(len(batch.signal_totals) == len(batch.signals) for batch in reading.batches)
    assert sum(total.calls for total in totals.signals.values()) == totals.dispatched


@pytest.mark.parametrize("method", METHODS)
def test_a_signal_and_its_only_receiver_are_counted_alike(recording: Recording, method: str) -> None:
    """What the table of signals says is what the table of receivers says."""
    stock_low.connect(fails)
    for _ in range(4):
        with contextlib.suppress(LookupError):
            dispatch(stock_low, method)
        recorder.flush()
    index = Index(recording.log)
    [connection] = [key for key in index.totals if "stock_low" in key]
    signal, receiver = index.signal_stats(f"{__name__}.stock_low"), index.stats([connection])
    assert (signal.calls, signal.errors, signal.window_calls, signal.window_errors) == (4, 4, 4, 4)
    assert (receiver.calls, receiver.errors, receiver.window_calls, receiver.window_errors) == (4, 4, 4, 4)
    assert signal.spark == receiver.spark


def test_a_thread_that_was_given_the_context_of_a_receiver_may_be_in_another_by_now(recording: Recording) -> None:
    """The context says which dispatch it was, not which receiver: the second one runs when the thread sends."""
    released, sent, threads = threading.Event(), threading.Event(), []
    stock_low.connect(first)

    def leaves(sender, **kwargs):
        context = contextvars.copy_context()

        def work():
            released.wait(5)
            context.run(stock_low.send, "left")
            sent.set()

        threads.append(threading.Thread(target=work))
        threads[0].start()

    def runs_meanwhile(sender, **kwargs):
        stock_low.send("stayed")
        released.set()
        sent.wait(5)

    order_placed.connect(leaves)
    order_placed.connect(runs_meanwhile)
    order_placed.send("outer")
    threads[0].join()
    reading = recording.read()
    [(_, outer)] = reading.of("order_placed")
    parents = {batch.senders[child.sender]: child.parent for batch, child in reading.of("stock_low")}
    assert parents == {'"left"': outer.span, '"stayed"': outer.span + 2}


@pytest.mark.django_db
def test_what_a_receiver_waits_for_on_a_loop_is_its_own_with_its_queries(recording: Recording) -> None:
    """A task of the loop that it waits for, and the SQL in there, belong to the caller of `async_to_sync`."""
    stock_low.connect(first)

    async def sends():
        await asyncio.create_task(stock_low.asend("task"))
        await sync_to_async(lambda: connection.cursor().execute("SELECT 1"))()

    def waits(sender, **kwargs):
        async_to_sync(sends)()

    order_placed.connect(first)
    order_placed.connect(waits)
    order_placed.send("outer")
    reading = recording.read()
    [(_, outer)] = reading.of("order_placed")
    [(_, child)] = reading.of("stock_low")
    assert child.parent == outer.span + 2
    assert [call.queries for call in outer.calls] == [0, 1]


def test_a_flush_also_carries_what_nobody_heard(recording: Recording) -> None:
    """These counts are told once a second; whoever asks for a flush gets them at once."""
    recorder.flush()
    for _ in range(7):
        stock_low.send("nobody")
    recorder.flush()
    assert list(recording.log.totals().unheard.values()) == [7]
