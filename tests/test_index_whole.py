"""What a reader makes of transactions, of writes without a signal, of causes in causes and of what is still running."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from log_entries import RUNNING, SHOP, SIGNALS, batch, call, dispatch, now_us, span, transaction, write

from signalgraph.events import Cause, Total
from signalgraph.index import Index
from signalgraph.log import Log, open_log
from signalgraph.traces import COMMITTED, ROLLED_BACK, Trace


@pytest.fixture
def log() -> Iterator[Log]:
    log = open_log(f"memory://{uuid.uuid4().hex}", writer=True)
    yield log
    log.close()


def trace_id(number: int) -> str:
    return f"{SHOP.id}-{span(number):x}"


def fates(trace: Trace) -> list[str | None]:
    return [trace.fate(each.transaction) for each in (*trace.dispatches, *trace.writes)]


@pytest.mark.parametrize("held", [True, False], ids=["in memory", "from the log"])
def test_what_was_rolled_back_is_known_when_its_transaction_has_ended(log: Log, held: bool) -> None:
    """Not before, also where the dispatch was told long before the end; an older trace is read from the log."""
    inside = dispatch(1, transaction=span(90))
    log.append(batch([inside, dispatch(2, trace=span(1))], writes=[write(3, trace=span(1), transaction=span(90))]))
    index = Index(log, traces=2000 if held else 1)
    assert fates(index.trace(trace_id(1))) == [None, None, None]
    log.append(batch([dispatch(7)], transactions=[transaction(90, committed=False)]))
    index.refresh()
    found = index.trace(trace_id(1))
    assert fates(found) == [ROLLED_BACK, None, ROLLED_BACK]
    assert found.rolled_back == 2


@pytest.mark.parametrize(
    ("ends", "fate"),
    [
        ({90: (True, 0)}, COMMITTED),
        ({90: (True, 91)}, None),
        ({90: (True, 91), 91: (True, 0)}, COMMITTED),
        ({90: (True, 91), 91: (False, 0)}, ROLLED_BACK),
        ({90: (False, 91), 91: (True, 0)}, ROLLED_BACK),
        ({90: (True, 91), 91: (True, -92)}, COMMITTED),
        ({91: (False, 0)}, None),
    ],
)
def test_a_fate_is_that_of_all_transactions_around(
    log: Log, ends: dict[int, tuple[bool, int]], fate: str | None
) -> None:
    """A commit lasts when those around it were committed too; what is not known is not said."""
    told = [transaction(n, committed=committed, outer=outer) for n, (committed, outer) in ends.items()]
    log.append(batch([dispatch(1, transaction=span(90))], transactions=told))
    assert fates(Index(log).trace(trace_id(1))) == [fate]


def test_what_runs_after_a_commit_is_in_no_transaction(log: Log) -> None:
    """Whatever became of others."""
    log.append(batch([dispatch(1, transaction=-span(90))], transactions=[transaction(90)]))
    assert fates(Index(log).trace(trace_id(1))) == [None]


def test_the_transaction_around_a_trace_is_found_in_the_trace_around(log: Log) -> None:
    """A request in a test: it is the test's transaction that is rolled back, also for a trace read from the log."""
    inner = Cause(span(1), "request", "POST /orders/", None, outer=span(5))
    log.append(batch([dispatch(1, transaction=span(90))], causes=[inner]))
    log.append(batch([dispatch(7)], transactions=[transaction(90, trace=5, committed=False)]))
    index = Index(log, traces=1)
    index._fates._known.clear()
    assert fates(index.trace(trace_id(1))) == [ROLLED_BACK]


def test_ends_of_transactions_are_bounded(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten first."""
    monkeypatch.setattr("signalgraph.fates.MOST", 3)
    log.append(batch(transactions=[transaction(n) for n in range(90, 95)]))
    fates = Index(log)._fates
    assert [fates.of(SHOP.id, span(n)) for n in range(90, 95)] == [None, None, COMMITTED, COMMITTED, COMMITTED]


def test_a_write_hangs_on_the_receiver_that_made_it(log: Log) -> None:
    """Or on the dispatch where the receiver is not known; one without a dispatch is loose in its trace."""
    writes = [
        write(2, parent=span(1) + 1, trace=span(1)),
        write(3, parent=span(1), trace=span(1), operation=2, rows=None, site=-1),
        write(4, trace=span(1), error="IntegrityError"),
    ]
    log.append(batch([dispatch(1)], writes=writes))
    trace = Index(log).trace(trace_id(1))
    (root,) = trace.tree()
    assert [(each.operation, each.sender, each.rows, each.at) for each in root.children[0].writes] == [
        ("bulk_create", "shop.Order", 120, "shop/views.py:12")
    ]
    assert [(each.operation, each.rows, each.at) for each in root.writes] == [("update", None, None)]
    assert [each.error for each in trace.loose_writes] == ["IntegrityError"]


@pytest.mark.parametrize("held", [True, False], ids=["in memory", "from the log"])
def test_a_trace_may_be_of_writes_alone(log: Log, held: bool) -> None:
    """It has a title, a length, and is listed."""
    log.append(batch([], writes=[write(1)]))
    log.append(batch([dispatch(7)]))
    index = Index(log, traces=2000 if held else 1)
    trace = index.trace(trace_id(1))
    assert (trace.title, trace.duration_us, trace.dispatches, trace.tree()) == (
        "bulk_create shop.Order",
        3000.0,
        [],
        [],
    )
    assert not held or trace in index.traces()


def test_writes_and_ends_of_transactions_after_a_position_are_told(log: Log) -> None:
    """As dispatches are."""
    index = Index(log)
    log.append(batch([], writes=[write(1)], transactions=[transaction(90)]))
    index.refresh()
    position = index.position
    log.append(batch([], writes=[write(2)], transactions=[transaction(91)]))
    index.refresh()
    assert [each.id for each in index.writes_after(position)] == [trace_id(2)]
    assert [each.id for _, each in index.transactions_after(position)] == [span(91)]
    assert len(index.writes_after(0)) == len(index.transactions_after(0)) == 2


def test_a_trace_knows_those_that_began_in_it(log: Log) -> None:
    """A task run in a request leads back to the request, and the request to the task."""
    request = Cause(span(1), "request", "POST /orders/", None)
    task = Cause(span(2), "task", "shop.tasks.send", None, outer=span(1))
    log.append(batch([dispatch(3, trace=span(1)), dispatch(4, trace=span(2))], causes=[request, task]))
    index = Index(log)
    assert [each.id for each in index.inner_traces(index.trace(trace_id(1)))] == [trace_id(2)]
    assert index.inner_traces(index.trace(trace_id(2))) == []


def test_what_is_still_running_is_shown_and_not_counted(log: Log) -> None:
    """Told again each second; the last report takes its place, and one dispatch was dispatched."""
    running = call(status=RUNNING, duration_ns=None)
    start_us = now_us()
    index = Index(log)
    for milliseconds in (1000, 2000):
        log.append(
            batch(
                [dispatch(1, status=RUNNING, start_us=start_us, duration_ns=milliseconds * 10**6, calls=[running])],
                totals=[Total()] * 2,
            )
        )
    index.refresh()
    trace = index.trace(trace_id(1))
    assert (trace.is_running, trace.duration_us) == (True, 2_000_000.0)
    assert (index.dispatched, index.signal_stats(SIGNALS[0]).sample_size) == (0, 0)
    log.append(batch([dispatch(1, start_us=start_us, duration_ns=3 * 10**9)]))
    index.refresh()
    assert index.trace(trace_id(1)).is_running is False
    assert (index.dispatched, index.signal_stats(SIGNALS[0]).sample_size) == (1, 1)


def test_sampled_dispatches_count_in_rates_and_not_in_the_budget(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of which a tenth is kept is as exact in its counts, and all that is kept is read."""
    monkeypatch.setattr("signalgraph.index.RESOLVED_PER_S", 20)
    index = Index(log)
    position = index.position
    for n in range(3):
        log.append(batch([dispatch(n + 1)], dispatched=1000, sampled=999, share=0.001))
    index.refresh()
    assert len(index.dispatches_after(position)) == 3
    assert index.count_after(position) == index.dispatched == 3000
    assert sum(count for _, count, _ in index.activity()) == 3000


def test_what_is_only_counted_is_counted_by_signal(log: Log) -> None:
    """In a log that is read from its start, and in one that goes on."""
    first = Index(log)
    log.append(batch([], ignored=[(0, 5)]))
    log.append(batch([], ignored=[(0, 2), (1, 1)]))
    first.refresh()
    assert first.ignored == {SIGNALS[0]: 7, SIGNALS[1]: 1}
    assert first.signal_stats(SIGNALS[0]).ignored == 7


def test_calls_that_could_not_be_timed_are_counted_beside_the_others(log: Log) -> None:
    """They are in no rate and in no percentile."""
    totals = [Total(calls=2, ns=10, untimed=3), Total()]
    signals = [Total(calls=1, untimed=4), Total()]
    log.append(batch([], totals=totals, signal_totals=signals))
    index = Index(log)
    key = f"connection:shop.Order|{SIGNALS[0]}|shop.receivers.send_receipt"
    assert (index.stats([key]).calls, index.stats([key]).untimed) == (2, 3)
    assert index.signal_stats(SIGNALS[0]).untimed == 4


@pytest.mark.parametrize("held", [True, False], ids=["in memory", "from the log"])
def test_a_cause_in_which_nothing_was_dispatched_is_a_trace_too(log: Log, held: bool) -> None:
    """A command whose work has causes of its own: they lead to it, and it to them."""
    command = Cause(span(1), "command", "manage.py import_stock", None)
    stock = Cause(span(2), "import", "stock", None, outer=span(1))
    log.append(batch([dispatch(3, trace=span(2))], causes=[command, stock]))
    index = Index(log)
    if not held:
        index._gathering._causes.clear()
    trace = index.trace(trace_id(1))
    assert (trace.title, trace.dispatches) == ("manage.py import_stock", [])
    assert [each.title for each in index.inner_traces(trace)] == ["stock"]
