"""What every log keeps to, whatever it is made of."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from log_entries import (
    RECEIVERS,
    SENDERS,
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

from signalgraph.blobs import decode_dispatches
from signalgraph.events import Batch, Heartbeat, Total
from signalgraph.log import CursorError, Log, LogError, open_log
from signalgraph.log.base import Control

LONG_AGO_US = 1_000_000


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"memory://{uuid.uuid4().hex}" if request.param == "memory" else f"sqlite://{tmp_path}/log.sqlite3"


@pytest.fixture
def log(url: str) -> Iterator[Log]:
    log = open_log(url, writer=True)
    yield log
    log.close()


def positions(log: Log, after: str | None = None) -> list[int]:
    return [position for position, _ in log.read(after).entries]


def test_a_log_says_the_address_that_it_was_opened_by(log: Log, url: str) -> None:
    """`url` can be given to `open_log` again."""
    assert log.url == url


def test_entries_come_back_as_they_were_appended(log: Log) -> None:
    """Batches with their dispatches and wirings, in order."""
    entries = [batch(unheard=[(1, 7)]), wiring(), batch(process=STOCK)]
    for entry in entries:
        log.append(entry)
    assert [entry for _, entry in log.read().entries] == entries


def test_a_cursor_leads_to_what_was_appended_after_it(log: Log) -> None:
    """Nothing twice and nothing left out."""
    first = log.append(batch())
    log.append(batch(sequence=2))
    page = log.read(first)
    assert [entry.sequence for _, entry in page.entries if isinstance(entry, Batch)] == [2]
    assert page.hole is None
    assert page.cursor == log.end()
    assert log.read(page.cursor).entries == []


def test_a_page_holds_no_more_than_its_limit_and_says_that_there_is_more(log: Log) -> None:
    """Pages put together are the whole log."""
    for number in range(5):
        log.append(batch(sequence=number))
    first = log.read(limit=3)
    rest = log.read(first.cursor, limit=3)
    assert (len(first.entries), first.more, len(rest.entries), rest.more) == (3, True, 2, False)


def test_a_page_without_dispatches_holds_everything_else(log: Log) -> None:
    """`dispatches=False` empties the blobs alone."""
    entry = batch()
    log.append(entry)
    assert log.read(dispatches=False).entries[0][1] == structs.replace(entry, blob=b"")


def test_an_empty_log_has_an_end_to_go_on_from(log: Log) -> None:
    """The cursor of an empty log sees the first entry."""
    end = log.end()
    assert log.read().cursor == end
    log.append(batch())
    assert len(positions(log, end)) == 1


@pytest.mark.parametrize(
    "text", ["", "12", "x:1", "00f1d2c3b4a59687:-1", "00f1d2c3b4a59687:1 ", "00f1d2c3b4a59687:" + "9" * 30]
)
def test_a_string_that_is_not_a_cursor_is_refused_by_name(log: Log, text: str) -> None:
    """The error shows what was given and what a cursor looks like."""
    with pytest.raises(CursorError, match="looks like") as caught:
        log.read(text)
    assert text[:40] in str(caught.value)
    with pytest.raises(CursorError):
        log.wait(text, 0)


def test_a_cursor_of_another_log_gets_everything_and_the_hole(log: Log) -> None:
    """The reader learns that it has to start again."""
    log.append(batch())
    page = log.read("00f1d2c3b4a59687:0")
    assert page.hole is not None
    assert (page.hole.reason, page.hole.cursor, len(page.entries)) == ("other-log", "00f1d2c3b4a59687:0", 1)


def test_a_cursor_past_the_end_is_of_another_log(log: Log) -> None:
    """A log that was put back from an older copy is told apart."""
    log.append(batch())
    origin = log.end().partition(":")[0]
    hole = log.read(f"{origin}:99").hole
    assert hole is not None
    assert hole.reason == "other-log"


def test_a_cursor_that_pruning_has_passed_gets_the_hole(log: Log) -> None:
    """What is kept follows, and the hole says that there was more."""
    start = log.end()
    log.append(batch(wall_us=LONG_AGO_US))
    last = log.append(batch(wall_us=LONG_AGO_US))
    log.append(batch())
    assert log.prune(max_age_s=60) == 2
    hole = log.read(start).hole
    assert hole is not None
    assert hole.reason == "pruned"
    assert len(log.read(start).entries) == 1
    assert log.read(last).hole is None


def test_positions_grow_even_when_everything_was_pruned(log: Log) -> None:
    """A position is never given out twice."""
    before = log.append(batch(wall_us=LONG_AGO_US))
    log.prune(max_age_s=60)
    assert log.end() == before
    assert log.append(batch()) != before
    assert log.read(before).hole is None


def test_totals_are_summed_over_batches_and_processes(log: Log) -> None:
    """By signal, sender filter and receiver, with the largest duration and errors."""
    log.append(batch([dispatch(1, calls=[call(queries=2)]), dispatch(2, calls=[call(duration_ns=5, status=1)])]))
    cursor = log.append(batch([dispatch(3)], process=STOCK, unheard=[(1, 4)]))
    totals = log.totals()
    key = (SIGNALS[0], SENDERS[0], RECEIVERS[0])
    assert totals.connections[key] == Total(3, 1, 2_000_005, 1_000_000, 2)
    assert totals.unheard == {SIGNALS[1]: 4}
    assert (totals.dispatched, totals.cursor) == (3, cursor)
    assert totals.since.endswith(":0")
    assert abs(totals.since_ms - now_ms()) < 60_000


def test_totals_of_signals_are_summed_over_whole_dispatches(log: Log) -> None:
    """However many receivers heard one; they stand beside those of connections, not among them."""
    slow = dispatch(2, signal=1, duration_ns=7_000_000, calls=[call(1), call(1, status=1)])
    log.append(batch([dispatch(1), slow]))
    log.append(batch([dispatch(3, status=1)], process=STOCK, unheard=[(1, 4)]))
    totals = log.totals()
    assert totals.signals == {
        SIGNALS[0]: Total(2, 1, 4_000_000, 2_000_000),
        SIGNALS[1]: Total(1, 1, 7_000_000, 7_000_000),
    }
    assert sum(total.calls for total in totals.signals.values()) == totals.dispatched
    assert set(totals.connections) == {(SIGNALS[n], SENDERS[n], RECEIVERS[n]) for n in (0, 1)}


def test_dispatches_that_were_only_counted_are_summed_by_signal(log: Log) -> None:
    """Beside those that nobody heard."""
    log.append(batch(ignored=[(0, 5), (1, 2)], unheard=[(0, 1)]))
    log.append(batch([], process=STOCK, ignored=[(1, 3)]))
    totals = log.totals()
    assert totals.ignored == {SIGNALS[0]: 5, SIGNALS[1]: 5}
    assert totals.unheard == {SIGNALS[0]: 1}


def test_what_could_not_be_timed_is_summed_too(log: Log) -> None:
    """Of connections and of signals, also where nothing else is known of them."""
    untimed = Total(untimed=2)
    log.append(batch([], totals=[untimed, Total()], signal_totals=[Total(), untimed]))
    log.append(batch([], totals=[untimed, Total()], signal_totals=[Total(), untimed]))
    totals = log.totals()
    assert totals.connections == {(SIGNALS[0], SENDERS[0], RECEIVERS[0]): Total(untimed=4)}
    assert totals.signals == {SIGNALS[1]: Total(untimed=4)}


def test_totals_of_many_connections_are_all_added(log: Log) -> None:
    """More than fit into one statement of a database, each once."""
    receivers = [f"shop.receivers.number_{n}" for n in range(333)]
    many = batch(
        receivers=receivers,
        connections=[(0, 0, n) for n in range(333)],
        totals=[Total(n + 1, 0, n, n) for n in range(333)],
    )
    log.append(many)
    log.append(many)
    connections = log.totals().connections
    assert connections == {
        (SIGNALS[0], SENDERS[0], name): Total(2 * (n + 1), 0, 2 * n, n) for n, name in enumerate(receivers)
    }


def test_what_was_sampled_is_summed_in_the_sign_of_life(log: Log) -> None:
    """It grows batch by batch, and the share is the newest one's."""
    log.append(batch(recorded=1, sampled=2, share=0.5))
    log.append(batch(recorded=2, sampled=3, share=0.25))
    [beat] = log.heartbeats()
    assert (beat.recorded, beat.sampled, beat.share) == (2, 5, 0.25)


def test_a_batch_without_totals_of_signals_adds_none(log: Log) -> None:
    """An older recorder doesn't tell them; all else of its batch counts."""
    log.append(batch(signal_totals=[]))
    totals = log.totals()
    assert (totals.signals, totals.dispatched) == ({}, 1)
    assert isinstance(log.read().entries[0][1], Batch)


def test_totals_stay_when_their_batches_are_pruned(log: Log) -> None:
    """Totals never shrink."""
    log.append(batch(wall_us=LONG_AGO_US))
    before = log.totals()
    log.prune(max_age_s=60)
    assert log.totals() == before


def test_the_newest_wiring_of_each_process_is_found(log: Log) -> None:
    """An older one of the same process is not."""
    log.append(wiring([]))
    newest, other = wiring(), wiring(process=STOCK)
    log.append(newest)
    log.append(other)
    assert log.wirings() == {SHOP.id: newest, STOCK.id: other}


def test_pruning_keeps_the_newest_wiring_of_a_living_process(log: Log) -> None:
    """A worker that was wired an hour ago and still runs stays drawn."""
    log.append(wiring([], wall_us=LONG_AGO_US))
    newest, ended, last = (wiring(process=each, wall_us=LONG_AGO_US) for each in (SHOP, STOCK, STOCK))
    for entry in (newest, ended, last):
        log.append(entry)
    log.beat(Heartbeat(SHOP, now_ms(), recording=True))
    log.prune(max_age_s=60)
    assert log.wirings() == {SHOP.id: newest, STOCK.id: last}


def test_pruning_by_size_removes_the_oldest_entries_first(log: Log) -> None:
    """What is left is the end of the log, and smaller."""
    for number in range(40):
        log.append(batch(sequence=number, blob=bytes(20_000)))
    before = positions(log)
    removed = log.prune(max_bytes=400_000)
    assert 15 < removed < 35
    assert positions(log) == before[removed:]


def test_pruning_nothing_says_so(log: Log) -> None:
    """An empty log and a young one lose nothing."""
    assert log.prune(max_age_s=60, max_bytes=10**9) == 0
    log.append(batch())
    assert log.prune(max_age_s=60, max_bytes=10**9) == 0


def test_the_batches_of_a_trace_are_found_by_its_process_and_id(log: Log) -> None:
    """Those that may hold it, oldest first, with their dispatches."""
    log.append(batch([dispatch(1)]))
    wanted = batch([dispatch(2), dispatch(5)])
    later = batch([dispatch(7, trace=span(4))])
    for entry in (wanted, batch([dispatch(2)], process=STOCK), later, batch([dispatch(6)]), wiring()):
        log.append(entry)
    found = log.trace(SHOP.id, span(4))
    assert found == [wanted, later]
    assert decode_dispatches(found[0]) == decode_dispatches(wanted)
    assert log.trace(SHOP.id, span(9)) == []


def test_an_append_is_a_sign_of_life(log: Log) -> None:
    """Its process is known with its counts, and a beat takes their place."""
    log.append(batch(recorded=10, dropped=2, wall_us=5_000_000))
    (heartbeat,) = log.heartbeats()
    assert heartbeat == Heartbeat(SHOP, 5_000, recording=True, recorded=10, dropped=2)
    log.beat(Heartbeat(SHOP, 6_000, recording=False, recorded=11, dropped=2, ended=True))
    (heartbeat,) = log.heartbeats()
    assert (heartbeat.recorded, heartbeat.recording, heartbeat.ended) == (11, False, True)


def test_a_wiring_does_not_change_the_counts_of_its_process(log: Log) -> None:
    """It is a sign of life only."""
    log.append(batch(recorded=10, dropped=2, wall_us=5_000_000))
    log.append(wiring(wall_us=7_000_000))
    assert log.heartbeats() == [Heartbeat(SHOP, 7_000, recording=True, recorded=10, dropped=2)]


def test_processes_stand_by_their_newest_sign_of_life(log: Log) -> None:
    """The one that was heard last comes first."""
    for process, seen_ms in ((SHOP, 5_000), (STOCK, 9_000)):
        log.beat(Heartbeat(process, seen_ms, recording=True))
    assert [heartbeat.process for heartbeat in log.heartbeats()] == [STOCK, SHOP]


def test_a_tally_has_64_cells_that_are_the_same_when_asked_again(log: Log) -> None:
    """Each holds an unsigned 64-bit number; the process is known from then on."""
    cells = log.tally(SHOP)
    cells[63] = 2**64 - 1
    assert len(cells) == 64
    assert list(log.tally(SHOP)) == [0] * 63 + [2**64 - 1]
    assert [heartbeat.process for heartbeat in log.heartbeats()] == [SHOP]


def test_a_living_process_has_lost_nothing(log: Log) -> None:
    """However far its tally is ahead of its batches."""
    log.tally(SHOP)[1] = 500
    assert [heartbeat.lost for heartbeat in log.heartbeats()] == [0]


def test_control_is_kept_as_it_was_set(log: Log) -> None:
    """Nobody watches at first; mutes and pauses come back."""
    assert log.control() == Control()
    accepted = {"SG204:receiver:shop.receivers.recount": "fünf Zeilen sind die meisten"}
    control = Control(watched_until_ms=77, paused=True, muted=frozenset({"a.b", "ü"}), accepted=accepted)
    log.set_control(control)
    assert log.control() == control


def test_what_two_viewers_ask_for_at_once_is_both_kept(log: Log, url: str) -> None:
    """Each changes what is there then, not what it had read before the other."""
    other = open_log(url, writer=False)
    second = threading.Thread(target=lambda: other.change_control(lambda now: replace(now, muted=now.muted | {"b"})))

    def first(control: Control) -> Control:
        second.start()
        second.join(0.3)  # it waits for us; were it done by now, what follows would undo it
        return replace(control, muted=control.muted | {"a"})

    log.change_control(first)
    second.join()
    assert log.control().muted == {"a", "b"}
    other.close()


def test_waiting_ends_when_there_is_an_entry(log: Log, url: str) -> None:
    """Whoever wrote it: this log, or another one that is open on the same address."""
    other = open_log(url, writer=True)
    for writer in (log, other):
        end = log.end()
        timer = threading.Timer(0.05, writer.append, [batch()])
        timer.start()
        assert log.wait(end, 10)
        timer.join()
    other.close()


def test_waiting_ends_with_its_time(log: Log) -> None:
    """A sign of life is no entry."""
    end = log.end()
    log.beat(Heartbeat(SHOP, 1, recording=True))
    begin = time.monotonic()
    assert not log.wait(end, 0.06)
    assert time.monotonic() - begin >= 0.06


def test_waiting_does_not_wait_when_there_is_something(log: Log) -> None:
    """An older cursor and one of another log have something to read."""
    end = log.end()
    log.append(batch())
    assert log.wait(end, 0)
    assert log.wait("00f1d2c3b4a59687:0", 0)


def test_a_recent_cursor_skips_what_is_old(log: Log) -> None:
    """By number of entries and by age; nothing recent gives the end."""
    for age_s in (900, 800, 30, 20, 10):
        log.append(batch(wall_us=now_us() - age_s * 1_000_000))
    assert positions(log, log.recent(limit=100)) == [1, 2, 3, 4, 5]
    assert positions(log, log.recent(limit=2)) == [4, 5]
    assert positions(log, log.recent(limit=100, since_us=now_us() - 60_000_000)) == [3, 4, 5]
    assert log.recent(limit=100, since_us=now_us()) == log.end()


def test_a_recent_cursor_has_no_hole(log: Log) -> None:
    """Not even after pruning."""
    log.append(batch(wall_us=LONG_AGO_US))
    log.append(batch())
    log.prune(max_age_s=60)
    assert log.read(log.recent(limit=100)).hole is None


def test_what_was_written_is_there_after_opening_again(log: Log, url: str) -> None:
    """Entries, totals and cursors outlive a close."""
    cursor = log.append(batch())
    log.append(batch())
    before = log.totals()
    log.close()
    again = open_log(url, writer=False)
    assert again.totals() == before
    assert len(positions(again, cursor)) == 1
    again.close()


def test_threads_may_share_a_log(log: Log) -> None:
    """Positions are given out once, and nothing is lost between writers and readers."""
    problems: list[Exception] = []

    def write() -> None:
        try:
            for _ in range(25):
                log.append(batch())
                log.read(limit=5)
        except Exception as error:  # noqa: BLE001 - whatever fails in the thread fails the test
            problems.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert positions(log) == list(range(1, 101))
    assert log.totals().dispatched == 100


def test_another_scheme_is_refused_with_those_that_work() -> None:
    """The error names the setting, the scheme and the choice."""
    with pytest.raises(LogError, match=r'SIGNALGRAPH\["LOG"\] has scheme .x.; use one of: memory, sqlite'):
        open_log("x://y", writer=True)


def test_the_connections_of_a_wiring_come_back(log: Log) -> None:
    """A wiring is readable alone, with every field."""
    entry = wiring([connection(dispatch_uid="once", is_async=True, weak=False, file=None, line=None)])
    log.append(entry)
    assert log.wirings()[SHOP.id].connections == entry.connections
