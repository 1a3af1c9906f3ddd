"""Which transactions and silent writes a batch tells: those that belong to what it tells."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from time import perf_counter_ns as clock

import pytest
from django.dispatch import Signal
from test_recorder import Order, Recording, fails, first

import signalgraph
from signalgraph import recorder
from signalgraph.events import OPERATIONS, RECEIVER_BITS, Transaction
from signalgraph.log import open_log
from signalgraph.recorder import dispatching, endings, transactions, writes
from signalgraph.recorder.clock import TRACE, TRANSACTION


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    log = open_log(f"memory://{request.node.name}", writer=True)
    recorder.start(log)
    with recorder.session._session.flusher.lock:  # its thread rests, so that only the test flushes
        yield Recording(log)
    recorder.stop()
    log.close()


def note(number: int, outer: int = 0, *, trace: int = 0, committed: bool = True) -> None:
    """A transaction has ended."""
    transactions.NOTES.append((number, outer, "default", trace, clock() - 1000, clock(), committed))


def in_transaction(record: tuple, number: int) -> tuple:
    return (*record[:TRANSACTION], number, *record[TRANSACTION + 1 :])


def names(number: int, trace: int) -> dict[int, int]:
    return {number: trace}


def told(found: list[Transaction]) -> list[tuple[int, int, bool]]:
    return [(each.id, each.trace, each.committed) for each in found]


def test_a_transaction_is_told_when_both_its_name_and_its_end_are_known() -> None:
    """Whichever comes first; the trace is that of whoever named it, where it has none of its own."""
    known = endings.Endings()
    note(1)
    assert not known.take_notes()
    assert told(known.tell({}, int)) == []
    assert told(known.tell(names(1, 77), int)) == [(1, 77, True)]
    assert told(known.tell(names(2, 77), int)) == []
    note(2, trace=88, committed=False)
    assert known.take_notes()
    assert told(known.tell({}, int)) == [(2, 88, False)]


def test_a_transaction_is_told_once() -> None:
    """However many dispatches name it, also after its commit."""
    known = endings.Endings()
    note(1)
    known.take_notes()
    assert len(known.tell(names(1, 77), int)) == 1
    assert known.tell(names(1, 78), int) == []
    assert known.tell(names(-1, 78), int) == []


def test_those_around_a_told_one_are_told_too() -> None:
    """Only then does a reader know whether what was done in it lasts."""
    known = endings.Endings()
    for number, outer in ((3, 2), (2, -1), (1, 0)):
        note(number, outer)
    known.take_notes()
    assert [each.id for each in known.tell(names(3, 77), int)] == [3, 2, 1]
    note(6, 5)
    known.take_notes()
    assert [each.id for each in known.tell(names(6, 77), int)] == [6]
    note(5)
    assert known.take_notes()
    assert told(known.tell({}, int)) == [(5, 77, True)]


def test_so_many_transactions_are_remembered(monkeypatch) -> None:
    """A process that opens them all day without a dispatch keeps the newest."""
    monkeypatch.setattr(endings, "REMEMBERED", 5)
    known = endings.Endings()
    for number in range(1, 21):
        note(number)
    known.take_notes()
    assert known.tell(names(1, 77), int) == []
    assert len(known.tell(dict.fromkeys(range(16, 21), 77), int)) == 5


def test_a_batch_tells_the_transaction_of_its_dispatches(recording: Recording) -> None:
    """With its end, in the same batch or in a later one that has nothing else to tell."""
    signal = Signal()
    signal.connect(first)
    signal.send(Order)
    [record] = dispatching.RING
    number, trace = 5 << RECEIVER_BITS, record[TRACE]
    dispatching.RING[0] = in_transaction(record, number)
    recorder.flush()
    note(number)
    reading = recording.read()
    [(_, dispatch)] = reading.dispatches
    [batch] = [batch for batch in reading.batches if batch.transactions]
    assert dispatch.transaction == number
    assert (batch.dispatched, told(batch.transactions)) == (0, [(number, trace, True)])
    assert batch.transactions[0].using == "default"
    assert batch.first_trace <= trace <= batch.last_trace
    note(6 << RECEIVER_BITS)
    assert len([batch for batch in recording.read().batches if batch.transactions]) == 1


def test_a_failed_dispatch_names_its_transaction_too(recording: Recording) -> None:
    """It is told by another way than those that went well."""
    signal = Signal()
    signal.connect(fails)
    signal.send_robust(Order)
    [record] = dispatching.RING
    dispatching.RING[0] = in_transaction(record, 5 << RECEIVER_BITS)
    note(5 << RECEIVER_BITS, committed=False)
    assert [len(batch.transactions) for batch in recording.read().batches] == [1]


def write(trace: int, transaction: int | None = None, *, error: str | None = None) -> None:
    frame = sys._getframe()
    sender = dispatching.SENDERS.token(Order)
    times = (clock() - 2_000, clock() - 1_000)
    span = dispatching.next_span()
    place = (frame.f_code, frame.f_lasti, 9)
    writes.NOTES.append((span, 0, trace or span, sender, 2, 14, *times, *place, transaction, error))
    next(writes._counter)


def test_a_batch_tells_silent_writes(recording: Recording) -> None:
    """With their model, their line and their transaction, though nothing was dispatched."""
    note(5 << RECEIVER_BITS)
    write(0, 5 << RECEIVER_BITS)
    [batch] = [batch for batch in recording.read().batches if batch.writes]
    [told_write] = batch.writes
    assert OPERATIONS[told_write.operation] == "update"
    assert batch.senders[told_write.sender].endswith("Order")
    assert batch.sites[told_write.site].rpartition(":")[0].endswith("test_recorder_endings.py")
    assert (told_write.rows, told_write.thread, told_write.error) == (14, 9, None)
    assert 0 < told_write.duration_ns < 1_000_000_000
    assert [each.id for each in batch.transactions] == [told_write.transaction]
    assert batch.first_trace == batch.last_trace == told_write.trace == told_write.span
    assert (batch.recorded, batch.dispatched, batch.writes_dropped) == (0, 0, 0)


def test_writes_that_did_not_fit_are_counted(recording: Recording) -> None:
    """The queue is bounded; what it dropped is said."""
    for _ in range(writes.NOTES.maxlen + 7):
        write(0)
    batches = recording.read().batches
    assert sum(len(batch.writes) for batch in batches) == writes.NOTES.maxlen
    assert batches[-1].writes_dropped == 7


def test_writes_of_a_sampled_trace_are_told_with_it() -> None:
    """Not without, and those before the error that keeps it come along."""
    log = open_log("memory://sampled-writes", writer=True)
    recorder.start(log, share=0.0, slow_ms=60_000)
    signal = Signal()
    signal.connect(fails)
    with recorder.session._session.flusher.lock:
        recording = Recording(log)
        with signalgraph.cause("import", "stock"):
            write(dispatching.CAUSE.get()[0])
            assert [batch.writes for batch in recording.read().batches if batch.writes] == []
            signal.send_robust(Order)
            recorder.flush()
        write(0)
        assert [len(batch.writes) for batch in recording.read().batches if batch.writes] == [1]
        assert not recorder.session._session.flusher._intake._sampler._held
        write(0, error="IntegrityError")
        assert [len(batch.writes) for batch in recording.read().batches if batch.writes] == [1, 1]
    recorder.stop()
    log.close()
