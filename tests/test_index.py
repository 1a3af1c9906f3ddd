"""What a reader knows of a log."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from unittest import mock

import pytest
from log_entries import (
    AUDIT,
    RUNNING,
    SEND_RECEIPT,
    SHOP,
    SIGNALS,
    STOCK,
    batch,
    call,
    connection,
    dispatch,
    now_ms,
    now_us,
    span,
    wiring,
)
from msgspec import structs

from signalgraph import index as index_module
from signalgraph import recent, sharing
from signalgraph.events import STATUSES, Cause, DeadEntry, Dispatch, Heartbeat, LateCall, Total
from signalgraph.index import HEADS, START_ENTRIES, Index, TraceGone, close_shared_indexes, shared_index
from signalgraph.log import CursorError, Log, LogError, open_log, sqlite
from signalgraph.log.sqlite_rows import entry_of

SHOP_ID = SHOP.id
REQUEST = Cause(span(9), "request", "POST /orders/", "shop.views.order", 1_000_000, None)


class Clock:
    """Unix seconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def log() -> Log:
    return open_log(f"memory://{uuid.uuid4().hex}", writer=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def nested() -> list[Dispatch]:
    """`post_save` sent in the first receiver of `order_placed`, in the order in which they end."""
    inner = dispatch(
        2, parent=span(1) + 1, trace=span(1), signal=1, sender=0, start_us=1_500, calls=[call(1, queries=3)]
    )
    return [inner, dispatch(1, start_us=1_000)]


def trace_id(number: int) -> str:
    return f"{SHOP_ID}-{span(number):x}"


def test_totals_are_there_at_once_and_grow_with_each_refresh(log: Log) -> None:
    """What was in the log and what comes later are counted once each."""
    log.append(batch())
    index = Index(log)
    assert index.totals[SEND_RECEIPT] == Total(1, 0, 1_000_000, 1_000_000, 0)
    log.append(batch([dispatch(2), dispatch(3)], unheard=[(1, 5)]))
    assert index.refresh()
    assert index.totals[SEND_RECEIPT].calls == 3
    assert index.unheard == {SIGNALS[1]: 5}
    assert index.dispatched == 3
    assert not index.refresh()
    assert index.cursor == log.end()


def test_only_what_changed_after_a_position_is_told(log: Log) -> None:
    """Both that were called, then the one that was called again."""
    log.append(batch([dispatch(1), dispatch(2, signal=1, calls=[call(1)])]))
    index = Index(log)
    position = index.position
    assert index.changed_since(position) == set()
    assert index.changed_since(position - 1) == {SEND_RECEIPT, AUDIT}
    log.append(batch(connections=[(0, 0, 0)], totals=[Total(1)]))
    index.refresh()
    assert index.changed_since(position) == {SEND_RECEIPT}


def test_dispatches_after_a_position_come_with_their_names(log: Log) -> None:
    """In the order in which they ended, with the receiver that sent them."""
    index = Index(log)
    start = index.position
    log.append(batch(nested()))
    index.refresh()
    inner, outer = index.dispatches_after(start)
    assert (outer.id, outer.parent, outer.signal, outer.sender) == (trace_id(1), None, SIGNALS[0], "shop.Order")
    assert (outer.method, outer.status, outer.at, outer.duration_us) == ("send", "returned", "shop/views.py:12", 2000.0)
    assert outer.calls[0].connection == SEND_RECEIPT
    assert (outer.calls[0].offset_us, outer.calls[0].duration_us) == (1.0, 1000.0)
    assert (inner.parent, inner.parent_dispatch, inner.parent_call) == (f"{trace_id(1)}/1", trace_id(1), 1)
    assert index.dispatches_after(index.position) == []


def test_a_dispatch_whose_parent_receiver_is_unknown_names_the_dispatch(log: Log) -> None:
    """Its parent is the id alone."""
    log.append(batch([dispatch(2, parent=span(1), trace=span(1)), dispatch(1)]))
    seen = Index(log).dispatches_after(0)[0]
    assert (seen.parent, seen.parent_call) == (trace_id(1), None)


def test_a_receiver_that_sends_is_tied_to_what_it_sent(log: Log) -> None:
    """Whether parent and child come in one batch, child first, or the parent first."""
    index = Index(log)
    inner, outer = nested()
    log.append(batch([inner, outer]))
    log.append(batch([inner], process=STOCK))
    index.refresh()
    log.append(batch([outer], process=STOCK))
    index.refresh()
    assert index.causes.steps == {(SEND_RECEIPT, "shop.Order", SIGNALS[1], "shop.Order"): 2}
    assert index.edges == {(SEND_RECEIPT, SIGNALS[1], "shop.Order"): 2}
    assert index.causes.sent == {(SIGNALS[0], "shop.Order"): 2}


@pytest.mark.parametrize("running_first", [False, True])
def test_a_receiver_that_an_error_kept_from_running_is_a_miss(log: Log, running_first: bool) -> None:
    """Of the step, or of what no receiver sent; whether it was told while it ran or only at its end."""
    index = Index(log)
    kept = [call(), call(1, None, status=2)]
    inner, outer = dispatch(2, parent=span(1) + 1, trace=span(1), calls=kept), dispatch(1, calls=kept)
    for one in (inner, outer) if running_first else ():
        waiting = [call(status=RUNNING), call(1, None, status=STATUSES.index("waiting"))]
        log.append(batch([structs.replace(one, status=RUNNING, calls=waiting)]))
        index.refresh()
    assert list(index.causes.missed.values()) == ([1, 1] if running_first else [])
    log.append(batch([inner]))
    log.append(batch([outer]))
    index.refresh()
    step = (SEND_RECEIPT, "shop.Order", SIGNALS[0], "shop.Order")
    missed = {(*step, AUDIT): 1, ("", "", *step[2:], AUDIT): 1}
    assert index.causes == ({step: 1}, {step[2:]: 1}, missed)


def test_a_receiver_whose_turn_comes_is_no_miss(log: Log) -> None:
    """What waited while the dispatch ran and ran then; and a receiver that stands there twice, if one of both ran."""
    index = Index(log)
    waiting = [call(status=RUNNING), call(1, None, status=STATUSES.index("waiting"))]
    log.append(batch([dispatch(status=RUNNING, calls=waiting)]))
    index.refresh()
    assert index.causes.missed == {("", "", SIGNALS[0], "shop.Order", AUDIT): 1}
    log.append(batch([dispatch(calls=[call(), call(1)])]))
    log.append(batch([dispatch(2, calls=[call(1), call(status=1), call(1, None, status=2)])]))
    index.refresh()
    assert set(index.causes.missed.values()) == {0}


def test_a_trace_is_put_together_from_its_dispatches(log: Log) -> None:
    """By start, with sums, depth and a title."""
    log.append(batch(nested()))
    (trace,) = Index(log).traces()
    assert (trace.id, trace.process, trace.cause) == (trace_id(1), SHOP, None)
    assert [seen.signal for seen in trace.dispatches] == [SIGNALS[0], SIGNALS[1]]
    assert (trace.calls, trace.depth, trace.errors, trace.queries) == (2, 2, 0, 3)
    assert (trace.start_us, trace.duration_us, trace.receiver_us) == (1_000, 2_500.0, 1_000.0)
    assert trace.title == "order_placed from shop.Order"


def test_the_waterfall_nests_dispatches_in_receiver_calls(log: Log) -> None:
    """Dispatch, call, dispatch, call; times relative to the start of the trace."""
    log.append(batch(nested()))
    (root,) = Index(log).traces()[0].tree()
    rows = [(node.level, node.call is None, node.start_us, node.duration_us) for node in root.walk()]
    assert rows == [
        (1, True, 0.0, 2000.0),
        (2, False, 1.0, 1000.0),
        (3, True, 500.0, 2000.0),
        (4, False, 501.0, 1000.0),
    ]
    assert root.self_us == 1000.0


def test_the_waterfall_shows_what_it_can_not_place(log: Log) -> None:
    """Receiver unknown: under the dispatch. Parent missing: a row at the top."""
    found = [dispatch(1, start_us=10), dispatch(2, parent=span(1), trace=span(1), start_us=20)]
    log.append(batch([*found, dispatch(3, parent=span(7) + 1, trace=span(1), start_us=30)]))
    first, second = Index(log).traces()[0].tree()
    assert [node.level for node in first.walk()] == [1, 2, 2, 3]
    assert second.dispatch.id == trace_id(3)


def test_a_cause_that_is_told_later_names_its_trace(log: Log) -> None:
    """Its duration and route come with the end of the request; nothing known is forgotten."""
    index = Index(log)
    log.append(batch([dispatch(1, trace=span(9))], causes=[REQUEST]))
    index.refresh()
    assert index.traces()[0].duration_us > 0
    end = Cause(span(9), "request", "POST /orders/<int:pk>/", None, 0, 5_000_000)
    log.append(batch([], causes=[end]))
    index.refresh()
    (trace,) = index.traces()
    assert trace.cause == Cause(span(9), "request", "POST /orders/<int:pk>/", "shop.views.order", 1_000_000, 5_000_000)
    assert (trace.title, trace.kind, trace.start_us, trace.duration_us) == (
        "POST /orders/<int:pk>/",
        "request",
        1_000_000,
        5_000.0,
    )
    assert index.cause(trace.id) == trace.cause


def test_a_cause_may_come_before_its_first_dispatch(log: Log) -> None:
    """It waits for the trace."""
    log.append(batch([], causes=[REQUEST]))
    log.append(batch([dispatch(1, trace=span(9))]))
    assert Index(log).traces()[0].cause == REQUEST


def test_a_late_call_takes_the_place_of_its_earlier_report(log: Log) -> None:
    """In the trace and in the feed, where the dispatch is told again."""
    running = call(1, duration_ns=None, status=4)
    index = Index(log)
    log.append(batch([dispatch(1, calls=[call(), running])]))
    index.refresh()
    position = index.position
    log.append(batch([], late=[LateCall(span(1) + 2, call(1, duration_ns=9_000_000, status=1, error="ValueError"))]))
    index.refresh()
    (seen,) = index.dispatches_after(position)
    assert [each.status for each in seen.calls] == ["returned", "raised"]
    assert index.traces()[0].errors == 1
    assert index.stats([AUDIT]).p95_us == 9_000.0
    assert len(index.dispatches_after(0)) == 1


def test_a_dispatch_that_was_running_is_replaced_when_it_ends(log: Log) -> None:
    """It is one dispatch, and counted once."""
    index = Index(log)
    log.append(batch([dispatch(1, status=4, calls=[call(status=4)])], dispatched=0))
    log.append(batch([dispatch(1)]))
    index.refresh()
    assert [seen.status for seen in index.dispatches_after(0)] == ["returned"]
    assert index.signal_stats(SIGNALS[0]).calls == 1
    assert index.stats([SEND_RECEIPT]).sample_size == 1


def test_stats_join_exact_sums_with_rates_and_percentiles(log: Log, clock: Clock) -> None:
    """Sums are of the whole log, rates of the window, percentiles of what was sampled."""
    wall_us = int(clock.now * 1e6)
    calls = [call(duration_ns=n * 1_000_000, queries=1) for n in range(1, 21)]
    log.append(batch([dispatch(99)], wall_us=wall_us - 3_600_000_000))
    log.append(batch([dispatch(n, calls=[each]) for n, each in enumerate(calls, 1)], wall_us=wall_us - 50_000_000))
    stats = Index(log, clock=clock).stats([SEND_RECEIPT, AUDIT, "connection:nobody|knows|this"])
    assert (stats.calls, stats.window_calls, stats.errors, stats.queries) == (21, 20, 0, 20)
    assert (stats.p50_us, stats.p95_us, stats.max_us) == (10_000.0, 19_000.0, 20_000.0)
    assert stats.rate_per_s == pytest.approx(20 / 50)
    assert stats.ms_per_s == pytest.approx(210 / 50)
    assert (len(stats.spark), sum(stats.spark)) == (60, 20)


def test_rates_fall_when_time_goes_on(log: Log, clock: Clock) -> None:
    """After the window nothing is left but the sums."""
    log.append(batch(wall_us=int(clock.now * 1e6)))
    index = Index(log, clock=clock)
    assert index.stats([SEND_RECEIPT]).rate_per_s > 0
    clock.now += 1000
    stats = index.stats([SEND_RECEIPT])
    assert (stats.rate_per_s, stats.window_calls, sum(stats.spark), stats.calls) == (0, 0, 0, 1)


def test_percentiles_are_of_the_newest_512_calls(log: Log) -> None:
    """Older durations make room."""
    slow = [dispatch(n, calls=[call(duration_ns=10**9)]) for n in range(1, 101)]
    fast = [dispatch(n, calls=[call(duration_ns=1_000)]) for n in range(101, 613)]
    log.append(batch(slow + fast))
    stats = Index(log).stats([SEND_RECEIPT])
    assert (stats.sample_size, stats.p95_us, stats.max_us) == (512, 1.0, 1_000_000.0)


def test_what_was_never_called_has_empty_stats(log: Log) -> None:
    """Zeros, and no percentile that would look like a fast one."""
    stats = Index(log).stats([SEND_RECEIPT])
    assert (stats.calls, stats.p50_us, stats.max_us, stats.rate_per_s) == (0, None, None, 0)


def test_stats_of_a_signal_are_of_whole_dispatches(log: Log) -> None:
    """With those that nobody heard beside them."""
    log.append(batch([dispatch(1, calls=[call(), call(status=1)])], unheard=[(0, 7)]))
    stats = Index(log).signal_stats(SIGNALS[0])
    assert (stats.calls, stats.errors, stats.p50_us, stats.unheard) == (1, 1, 2_000.0, 7)
    assert Index(log).signal_stats("nobody.knows").calls == 0


def test_dispatches_of_a_signal_are_counted_exactly_wherever_they_are(
    log: Log, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the window, in it, and in a burst that isn't resolved; what a batch doesn't tell is not guessed."""
    monkeypatch.setattr(index_module, "RESOLVED_PER_S", 1)
    wall_us = int(clock.now * 1e6)
    log.append(batch([dispatch(1, calls=[call(queries=2)])], wall_us=wall_us - 3_600_000_000))
    log.append(batch([dispatch(2, status=1, duration_ns=9_000_000)], wall_us=wall_us))
    index = Index(log, clock=clock)
    for number in range(3, 6):
        log.append(batch([dispatch(number), dispatch(number + 10, calls=[call(queries=1)])], wall_us=wall_us))
    log.append(batch([dispatch(90)], wall_us=wall_us, signal_totals=[]))
    index.refresh()
    stats = index.signal_stats(SIGNALS[0])
    assert (stats.calls, stats.window_calls, stats.errors, stats.window_errors) == (8, 7, 1, 1)
    assert (stats.queries, stats.max_us, sum(stats.spark)) == (5, 9_000.0, 7)
    assert stats.sample_size < 8


def test_a_signal_and_its_only_receiver_have_the_same_counts(log: Log, clock: Clock) -> None:
    """Whether they are read at the start or afterwards."""
    wall_us = int(clock.now * 1e6)
    for number in range(1, 8):
        log.append(batch([dispatch(number, calls=[call(status=number % 2)])], wall_us=wall_us - number * 60_000_000))
    index = Index(log, clock=clock)
    log.append(batch([dispatch(9)], wall_us=wall_us))
    index.refresh()
    signal, receiver = index.signal_stats(SIGNALS[0]), index.stats([SEND_RECEIPT])
    for name in ("calls", "errors", "rate_per_s", "spark", "window_calls", "window_errors", "sample_size", "queries"):
        assert getattr(signal, name) == getattr(receiver, name), name
    assert (signal.calls, signal.errors) == (8, 4)


def test_an_index_that_starts_counts_what_one_that_lived_through_it_counted(
    log: Log, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole window, each entry once, though only the newest dispatches are read."""
    monkeypatch.setattr(index_module, "START_ENTRIES", 3)
    lived, end_s = Index(log, clock=clock), clock.now
    for number in range(1, 41):
        clock.now = end_s - 800 + number * 20
        calls = [call(status=number % 2), call(1)]
        log.append(batch([dispatch(number, calls=calls)], wall_us=int(clock.now * 1e6)))
        log.append(wiring())
        lived.refresh()
    started = Index(log, clock=clock)
    assert (len(lived.dispatches_after(0)), len(started.dispatches_after(0))) == (40, 1)
    assert started.activity() == lived.activity()
    assert [sum(row[n] for row in started.activity()) for n in (1, 2)] == [40, 20]
    for one, other in (
        (started.signal_stats(SIGNALS[0]), lived.signal_stats(SIGNALS[0])),
        (started.stats([SEND_RECEIPT, AUDIT]), lived.stats([SEND_RECEIPT, AUDIT])),
    ):
        for name in ("calls", "window_calls", "window_errors", "errors", "spark", "rate_per_s", "ms_per_s", "max_us"):
            assert getattr(one, name) == getattr(other, name), name
    assert started.stats([AUDIT]).window_calls == 40


def test_rates_are_of_the_time_that_was_read(log: Log, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the window has more entries than are read at the start, it begins with the first that was."""
    monkeypatch.setattr(index_module, "HEADS", 5)
    for ago_s in range(100, 0, -10):
        log.append(batch(wall_us=int((clock.now - ago_s) * 1e6)))
    index = Index(log, clock=clock)
    for stats in (index.stats([SEND_RECEIPT]), index.signal_stats(SIGNALS[0])):
        assert (stats.calls, stats.window_calls) == (10, 5)
        assert stats.rate_per_s == pytest.approx(5 / 50)


def test_activity_is_dispatches_and_errors_over_time(log: Log, clock: Clock) -> None:
    """Bars stay in place while time goes on, and the last one is the present."""
    log.append(batch([dispatch(1, calls=[call(status=1)]), dispatch(2)], wall_us=int(clock.now * 1e6)))
    index = Index(log, clock=clock)
    bars = index.activity(300, 20)
    assert len(bars) == 20
    assert bars[-1][1:] == (2, 1)
    assert {b[0] - a[0] for a, b in pairwise(bars)} == {15_000}
    assert bars[-1][0] % 15_000 == 0
    assert sum(dispatches for _, dispatches, _ in bars[:-1]) == 0


def test_the_newest_traces_come_first_and_are_limited(log: Log) -> None:
    """`before` pages on by start, `match` chooses."""
    log.append(batch([dispatch(n, start_us=n * 1_000) for n in range(1, 6)]))
    index = Index(log)
    assert [trace.start_us for trace in index.traces(limit=2)] == [5_000, 4_000]
    assert [trace.start_us for trace in index.traces(limit=2, before=4_000)] == [3_000, 2_000]
    assert [trace.start_us for trace in index.traces(lambda trace: trace.start_us < 3_000)] == [2_000, 1_000]


def test_only_the_newest_traces_are_held_and_older_ones_are_read_from_the_log(log: Log) -> None:
    """An id of an old trace still works."""
    log.append(batch([dispatch(n) for n in range(1, 6)], causes=[REQUEST]))
    index = Index(log, traces=3)
    assert [trace.id for trace in index.traces()] == [trace_id(n) for n in (5, 4, 3)]
    assert [seen.id for seen in index.trace(trace_id(1)).dispatches] == [trace_id(1)]


def test_a_trace_of_which_only_a_part_was_read_is_completed_from_the_log(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index starts at the newest entries, in the middle of a long trace."""
    monkeypatch.setattr(index_module, "START_ENTRIES", 1)
    log.append(batch([dispatch(1, trace=span(9))], causes=[REQUEST]))
    log.append(batch([dispatch(2, trace=span(9))]))
    index = Index(log)
    assert len(index.traces()[0].dispatches) == 1
    trace = index.trace(trace_id(9))
    assert (len(trace.dispatches), trace.cause) == (2, REQUEST)


def test_a_trace_that_is_gone_says_why_and_what_to_do(log: Log) -> None:
    """With its id and the setting that keeps more."""
    index = Index(log)
    with pytest.raises(TraceGone, match=r"00000000000000aa-50000 isn't in the log .*KEEP"):
        index.trace(trace_id(5))


@pytest.mark.parametrize("text", ["", "x", SHOP_ID, f"{SHOP_ID}-", f"{SHOP_ID}-xyz", f"{SHOP_ID}-1/1", "g" * 16 + "-1"])
def test_what_is_no_trace_id_is_refused(log: Log, text: str) -> None:
    """The error shows what one looks like."""
    with pytest.raises(ValueError, match="looks like"):
        Index(log).trace(text)


def test_loss_is_summed_over_processes(log: Log, clock: Clock) -> None:
    """Dropped by a full ring and lost in a crash."""
    log.beat(Heartbeat(SHOP, now_ms(), recording=True, dropped=3))
    log.beat(Heartbeat(STOCK, now_ms(), recording=True, dropped=1, lost=4))
    index = Index(log, clock=clock)
    assert index.lost == 8
    log.beat(Heartbeat(SHOP, now_ms(), recording=False, dropped=5, ended=True))
    clock.now += 1
    index.refresh()
    assert index.lost == 10
    assert {beat.process.id: beat.ended for beat in index.heartbeats()} == {SHOP.id: True, STOCK.id: False}
    assert index.process(STOCK.id) == STOCK


def test_wirings_of_living_processes_are_merged(log: Log) -> None:
    """Nothing twice, in a fixed order, receivers counted anew."""
    audit = connection("shop.receivers.audit", order=2)
    late = connection("shop.receivers.late", order=1, signal="a.first")
    gone = [DeadEntry("a.first", "*", None)]
    log.append(wiring([connection(), audit], dead=gone))
    log.append(wiring([late, audit], process=STOCK, dead=gone))
    merged = Index(log).wiring()
    assert merged.connections == [late, connection(), audit]
    assert [(signal.name, signal.receivers) for signal in merged.signals] == [("a.first", 1), (SIGNALS[0], 2)]
    assert merged.dead == gone
    assert {process.id for process in merged.processes} == {SHOP.id, STOCK.id}


def test_the_wiring_of_a_process_that_ended_does_not_count_beside_a_living_one(log: Log, clock: Clock) -> None:
    """When none lives, the newest wiring stays drawn."""
    log.append(wiring([connection("shop.receivers.old")], process=STOCK))
    log.beat(Heartbeat(STOCK, now_ms(), recording=False, ended=True))
    log.append(wiring([connection()]))
    index = Index(log, clock=clock)
    assert index.wiring().connections == [connection()]
    clock.now += 3600
    assert index.wiring().connections == [connection()]


def test_a_wiring_that_changes_is_seen_with_the_next_refresh(log: Log) -> None:
    """The newest one of a process counts."""
    log.append(wiring([]))
    index = Index(log)
    assert index.wiring().connections == []
    log.append(wiring())
    index.refresh()
    assert index.wiring().connections == [connection()]


def test_a_connection_that_was_called_and_is_gone_stays_reachable(log: Log) -> None:
    """Seen, not connected now."""
    log.append(wiring([connection("shop.receivers.audit", signal=SIGNALS[1], sender="*")]))
    log.append(batch([dispatch(1), dispatch(2, calls=[call(1)])]))
    index = Index(log)
    assert index.disconnected() == [SEND_RECEIPT]
    assert index.totals[SEND_RECEIPT].calls == 1


def test_a_cursor_is_placed_with_what_is_missing(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this log, of another one, and of a time that is no longer in memory."""
    monkeypatch.setattr(recent, "MOST", 2)
    index = Index(log)
    start = index.cursor
    for number in range(1, 4):
        log.append(batch([dispatch(number)]))
    index.refresh()
    assert index.locate(index.cursor) == (3, None)
    position, hole = index.locate(start)
    assert position == 0
    assert hole is not None
    assert hole.reason == "pruned"
    assert index.count_after(position) == 3
    other = index.locate("00f1d2c3b4a59687:3")[1]
    assert other is not None
    assert other.reason == "other-log"
    with pytest.raises(CursorError):
        index.locate("3")


def test_a_burst_is_counted_and_only_its_newest_part_resolved(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Totals stay exact; the rest is left in the log, and traces are read from there."""
    monkeypatch.setattr(index_module, "RESOLVED_PER_S", 10)
    index = Index(log)
    for sequence in range(5):
        log.append(batch([dispatch(sequence * 6 + n) for n in range(1, 7)]))
    index.refresh()
    assert index.totals[SEND_RECEIPT].calls == 30
    assert len(index.dispatches_after(0)) < 30
    assert index.count_after(0) == 30
    assert index.trace(trace_id(30)).calls == 1


def test_a_reader_that_lost_its_place_starts_again(log: Log) -> None:
    """Pruning passed it: totals are exact again, what is left is shown."""
    index = Index(log)
    log.append(batch(wall_us=1_000_000))
    log.append(batch([dispatch(2)]))
    log.prune(max_age_s=60)
    assert index.refresh()
    assert index.totals[SEND_RECEIPT].calls == 2
    assert [seen.id for seen in index.dispatches_after(0)] == [trace_id(2)]


def test_a_reader_that_is_far_behind_starts_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for entries that would be thrown away at once."""
    monkeypatch.setattr(index_module, "START_ENTRIES", 2)
    index = Index(log)
    for number in range(1, 6):
        log.append(batch([dispatch(number)]))
    assert index.refresh()
    assert index.totals[SEND_RECEIPT].calls == 5
    assert len(index.dispatches_after(0)) == 2


def test_the_newest_dispatch_is_known_by_its_time(log: Log) -> None:
    """None while there is none."""
    index = Index(log)
    assert index.newest_ms is None
    log.append(batch(wall_us=7_000_000))
    index.refresh()
    assert index.newest_ms == 7_000


def test_a_log_with_100_000_batches_opens_quickly(tmp_path: Path) -> None:
    """Totals at once, and of the entries the heads of the last ones and the newest whole: not one more is decoded."""
    log = open_log(f"sqlite://{tmp_path}/log.sqlite3", writer=True)
    log.append(batch())
    with log._write() as connection:  # type: ignore[attr-defined]
        columns = "process, kind, wall_us, first_trace, last_trace, dispatched, head, dispatches"
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        connection.execute(f"{numbers} INSERT INTO entries ({columns}) SELECT {columns} FROM entries, n")
    decoded = []
    with mock.patch.object(sqlite, "entry_of", side_effect=lambda *row: decoded.append(row) or entry_of(*row)):
        index = Index(log)
    log.close()
    assert len(index.dispatches_after(0)) == 1
    assert len(decoded) <= HEADS + START_ENTRIES


@pytest.fixture
def shared_url(log: Log) -> Iterator[str]:
    yield log.url
    close_shared_indexes()


def test_a_shared_index_is_one_per_log_and_kept_fresh(log: Log, shared_url: str) -> None:
    """What is appended arrives without a refresh."""
    index = shared_index(shared_url)
    assert shared_index(shared_url) is index
    cursor = index.cursor
    log.append(batch())
    assert index.wait_newer(cursor, 10)
    assert index.totals[SEND_RECEIPT].calls == 1
    assert not index.wait_newer(index.cursor, 0)


def test_a_shared_index_that_nobody_looks_at_ends_and_begins_anew(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread is gone, and the next look starts another."""
    monkeypatch.setattr(sharing, "IDLE_S", 0.01)
    monkeypatch.setattr(sharing, "LOOK_S", 0.01)
    index = shared_index(shared_url)
    sharing_thread = sharing._tailers[shared_url]._thread
    sharing_thread.join(timeout=10)
    assert not sharing_thread.is_alive()
    monkeypatch.undo()
    assert shared_index(shared_url) is not index


def test_a_shared_index_of_no_log_raises_each_time() -> None:
    """Nothing is kept of the failure."""
    for _ in range(2):
        with pytest.raises(LogError, match="scheme"):
            shared_index("x://y")
    assert sharing._tailers == {}


def test_time_of_the_start_of_totals_is_known(log: Log) -> None:
    """`since` as a cursor and `started_ms` as a time."""
    index = Index(log)
    assert index.since.endswith(":0")
    assert abs(index.started_ms - now_us() // 1000) < 60_000


FORK = """
import os, sys
from log_entries import batch
from signalgraph.index import shared_index
from signalgraph.log import open_log
url = sys.argv[1]
parent = shared_index(url)
child = os.fork()
if not child:
    index = shared_index(url)
    cursor = index.cursor
    log = open_log(url, writer=True)
    log.append(batch())
    print(index is not parent, index.wait_newer(cursor, 20), flush=True)
    log.close()
    os._exit(0)
os.waitpid(child, 0)
print(parent.wait_newer(parent.since, 20))
"""


def test_a_forked_child_has_a_shared_index_of_its_own(tmp_path: Path) -> None:
    """Its thread is its own, and the parent's goes on."""
    tests = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}
    command = [sys.executable, "-c", FORK, f"sqlite://{tmp_path}/log.sqlite3"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "True", "True"]
