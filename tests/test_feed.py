"""What a frame holds. Every frame here is held to the public schema."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.dispatch import Signal
from log_entries import (
    AUDIT,
    SEND_RECEIPT,
    SHOP,
    STOCK,
    batch,
    call,
    connection,
    dispatch,
    now_ms,
    span,
    transaction,
    wiring,
    write,
)

import signalgraph.web
from signalgraph import recorder
from signalgraph.events import Heartbeat, Total
from signalgraph.index import Index
from signalgraph.log import Log, open_log
from signalgraph.log.base import Control
from signalgraph.web import feed
from signalgraph.web.frames import FeedError, choose, even_sample, parse_query, says_something

SCHEMA = json.loads((Path(signalgraph.web.__file__).parent / "feed.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(SCHEMA)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ERRORS = jsonschema.Draft202012Validator({"$ref": "#/$defs/error", "$defs": SCHEMA["$defs"]})


class Reader:
    """A log and an index of it, as a viewer's process has them."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.index = Index(log)

    def frame(self, after: str | None = None, q: str = "", limit: int = 500) -> dict[str, Any]:
        self.index.refresh()
        frame = feed.frame(self.index, after, parse_query(q), limit)
        VALIDATOR.validate(json.loads(json.dumps(frame)))
        return frame


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(f"sqlite://{tmp_path}/log.sqlite3", writer=True)
    yield log
    log.close()


@pytest.fixture
def reader(log: Log) -> Reader:
    return Reader(log)


def ids(frame: dict[str, Any]) -> list[int]:
    """The numbers of the dispatches in a frame."""
    return [int(each["id"].partition("-")[2], 16) >> 16 for each in frame["dispatches"]]


def many(first: int, count: int) -> list[Any]:
    return [dispatch(number) for number in range(first, first + count)]


class TestFrame:
    def test_of_an_empty_log_is_empty(self, reader: Reader) -> None:
        """And is a frame all the same."""
        frame = reader.frame()
        assert (frame["newest"], frame["hole"], frame["totals"], frame["dispatches"]) == (None, None, {}, [])
        assert not says_something(frame)

    def test_without_a_cursor_starts_from_now(self, log: Log, reader: Reader) -> None:
        """No dispatches, but all totals: the page has drawn neither."""
        log.append(batch(many(1, 3), unheard=[(1, 4)]))
        frame = reader.frame()
        assert (frame["dispatches"], frame["shown"], frame["of"]) == ([], 0, 0)
        assert frame["totals"][SEND_RECEIPT] == {
            "calls": 3,
            "errors": 0,
            "ns": 3_000_000,
            "max_ns": 1_000_000,
            "queries": 0,
            "untimed": 0,
        }
        assert frame["unheard"] == {"signal:django.db.models.signals.post_save": 4}
        assert frame["newest"] == pytest.approx(time.time() * 1000, abs=5000)
        assert says_something(frame)

    def test_with_a_cursor_holds_what_follows_it(self, log: Log, reader: Reader) -> None:
        """Each dispatch once, however often a viewer asks."""
        log.append(batch(many(1, 2)))
        before = reader.frame()
        log.append(batch(many(3, 2)))
        frame = reader.frame(before["cursor"])
        assert (ids(frame), frame["shown"], frame["of"]) == ([3, 4], 2, 2)
        empty = reader.frame(frame["cursor"])
        assert empty["cursor"] == frame["cursor"]
        assert not says_something(empty)

    def test_totals_are_absolute_and_only_those_that_changed(self, log: Log, reader: Reader) -> None:
        """A viewer that missed a frame is right again with the next one."""
        log.append(batch([dispatch(1), dispatch(2, signal=1, calls=[call(1)])]))
        before = reader.frame()
        assert set(before["totals"]) == {SEND_RECEIPT, AUDIT}
        raised = call(1, status=1, error="ValueError", queries=2)
        log.append(
            batch([dispatch(3, signal=1, calls=[raised])], connections=[(1, 1, 1)], totals=[Total(1, 1)], blob=b"")
        )
        frame = reader.frame(before["cursor"])
        assert set(frame["totals"]) == {AUDIT}
        assert frame["totals"][AUDIT]["calls"] == 2
        assert frame["totals"][AUDIT]["errors"] == 1

    def test_tells_writes_and_the_ends_of_transactions(self, log: Log, reader: Reader) -> None:
        """With the ids of what they belong to; what runs after a commit names the transaction that is over."""
        cursor = reader.frame()["cursor"]
        made = write(2, parent=span(1) + 1, trace=span(1), transaction=span(90))
        repeated = call(queries=14, repeats=12, repeated=0xBEEF)
        late = dispatch(1, calls=[repeated], transaction=-span(90))
        log.append(batch([late], writes=[made], transactions=[transaction(90, outer=91, committed=False)]))
        frame = reader.frame(cursor)
        own = f"{SHOP.id}-{span(90):x}"
        assert (frame["dispatches"][0]["transaction"], frame["dispatches"][0]["after_commit"]) == (own, True)
        assert (frame["writes"][0]["transaction"], frame["writes"][0]["after_commit"]) == (own, False)
        assert (frame["writes"][0]["operation"], frame["writes"][0]["rows"]) == ("bulk_create", 120)
        end = frame["transactions"][0]
        assert (end["id"], end["outer"], end["committed"]) == (own, f"{SHOP.id}-{span(91):x}", False)
        told = frame["dispatches"][0]["calls"][0]
        assert (told["repeats"], told["repeated"]) == (12, "beef")
        assert not says_something(reader.frame(frame["cursor"]))

    def test_writes_follow_the_filter_of_the_dispatches(self, log: Log, reader: Reader) -> None:
        """Those in traces of which nothing matches are left out."""
        cursor = reader.frame()["cursor"]
        writes = [write(3, trace=span(1)), write(4, trace=span(2))]
        log.append(batch([dispatch(1), dispatch(2, signal=1, calls=[call(1)])], writes=writes))
        assert [each["id"] for each in reader.frame(cursor, "signal:order_placed")["writes"]] == [f"{SHOP.id}-30000"]

    def test_says_what_is_only_counted_and_what_is_sampled(self, log: Log, reader: Reader) -> None:
        """By IGNORE or a mute, of a process with its share; what was sampled away counts in `of`."""
        cursor = reader.frame()["cursor"]
        log.set_control(Control(muted=frozenset({"shop.signals.stock_low"}), paused=True))
        log.append(batch([dispatch(1)], ignored=[(0, 9)], dispatched=10, sampled=9, share=0.1))
        log.beat(Heartbeat(SHOP, now_ms(), True, 10, sampled=9, share=0.1))
        frame = reader.frame(cursor)
        assert (frame["shown"], frame["of"]) == (1, 10)
        assert frame["ignored"] == {"signal:shop.signals.order_placed": 9}
        assert (frame["muted"], frame["paused"]) == (["signal:shop.signals.stock_low"], True)
        assert [(each["sampled"], each["share"]) for each in frame["processes"]] == [(9, 0.1)]

    def test_names_everything_by_its_id(self, log: Log, reader: Reader) -> None:
        """The ids are those of pages, exports and the command line; times are microseconds."""
        cursor = reader.frame()["cursor"]
        inner = dispatch(2, parent=span(1) + 1, trace=span(1), signal=1, start_us=1_500, calls=[call(1, queries=3)])
        calls = [call(0), call(1, None, status=2, offset_ns=None), call(1, status=1, error="ValueError", busy_ns=500)]
        log.append(batch([inner, dispatch(1, start_us=1_000, status=1, site=-1, calls=calls)]))
        first, second = reader.frame(cursor)["dispatches"]
        assert (first["parent"], first["trace"]) == (f"{second['id']}/1", second["id"])
        assert first["signal"] == "signal:django.db.models.signals.post_save"
        assert second == {
            "id": f"{SHOP.id}-10000",
            "trace": f"{SHOP.id}-10000",
            "parent": None,
            "signal": "signal:shop.signals.order_placed",
            "sender": "sender:shop.Order",
            "method": "send",
            "start": 1_000,
            "duration": 2000.0,
            "status": "raised",
            "at": None,
            "calls": [
                seen("send_receipt", 1.0, 1000.0, "returned"),
                seen("audit", None, None, "not reached"),
                seen("audit", 1.0, 1000.0, "raised", error="ValueError", busy=0.5),
            ],
            "transaction": None,
            "after_commit": False,
        }

    def test_lists_the_processes_that_live(self, log: Log, reader: Reader) -> None:
        """Not those that ended or were silent for minutes; a drop anywhere is counted as lost."""
        log.beat(Heartbeat(SHOP, now_ms(), recording=True, recorded=5, dropped=2))
        log.beat(Heartbeat(STOCK, now_ms(), recording=False, ended=True))
        fresh = Reader(log).frame()
        assert [(each["label"], each["recording"], each["dropped"]) for each in fresh["processes"]] == [
            ("manage.py runserver", True, 2)
        ]
        assert fresh["lost"] == 2

    def test_of_a_real_recording_keeps_to_the_schema(self, log: Log, reader: Reader) -> None:
        """Whatever the recorder writes; here a nested dispatch and a receiver that raises."""
        cursor = reader.frame()["cursor"]
        outer, inner = Signal(), Signal()

        def pass_on(sender: object, **kwargs: object) -> None:
            inner.send_robust(sender="stock")

        def fail(sender: object, **kwargs: object) -> None:
            raise ValueError("no stock")

        outer.connect(pass_on)
        inner.connect(fail)
        recorder.start(log)
        try:
            outer.send(sender=None)
            recorder.flush()
        finally:
            recorder.stop()
        frame = reader.frame(cursor)
        assert [each["sender"] for each in frame["dispatches"]] == ['sender:"stock"', "sender:None"]
        assert frame["dispatches"][0]["calls"][0]["error"] == "ValueError"
        assert frame["processes"] == []  # it has stopped
        assert len(frame["totals"]) == 2


def seen(receiver: str, offset: float | None, duration: float | None, status: str, **changes: Any) -> dict[str, Any]:
    values = {"receiver": f"receiver:shop.receivers.{receiver}", "offset": offset, "duration": duration, "busy": None}
    return {**values, "status": status, "error": None, "queries": 0, "repeats": 0, "repeated": None, **changes}


class TestCursor:
    @pytest.mark.parametrize("cursor", ["yesterday", ":", "00f1d2c3b4a59687:", "00f1d2c3b4a59687:-1", "x" * 5000])
    def test_a_text_that_is_none_is_an_error(self, reader: Reader, cursor: str) -> None:
        """It names the value and says where cursors come from."""
        with pytest.raises(FeedError) as raised:
            reader.frame(cursor)
        assert raised.value.value == cursor
        ERRORS.validate(json.loads(raised.value.text))

    def test_one_of_another_log_leaves_a_hole_and_all_totals(self, log: Log, reader: Reader) -> None:
        """As after the file was deleted: what the new log holds is all new to the viewer."""
        log.append(batch(many(1, 2)))
        other = "00000000000000ff:7"
        frame = reader.frame(other)
        assert frame["hole"] == {"reason": "other-log", "from": other}
        assert ids(frame) == [1, 2]
        assert set(frame["totals"]) == {SEND_RECEIPT, AUDIT}
        assert reader.frame(frame["cursor"])["hole"] is None

    def test_one_that_pruning_has_passed_leaves_a_hole(self, log: Log) -> None:
        """What is left follows it, and totals still count everything."""
        start = log.end()
        log.append(batch(many(1, 2), wall_us=1_000_000))
        log.append(batch(many(3, 2)))
        log.prune(max_age_s=3600)
        frame = Reader(log).frame(start)
        assert frame["hole"] == {"reason": "pruned", "from": start}
        assert ids(frame) == [3, 4]
        assert frame["totals"][SEND_RECEIPT]["calls"] == 4

    def test_one_that_another_process_read_further_waits(self, log: Log, reader: Reader) -> None:
        """With several workers the next request may meet one that has not read as far; nothing comes twice."""
        log.append(batch(many(1, 2)))
        ahead = Reader(log).frame()["cursor"]
        frame = feed.frame(reader.index, ahead, None, 500)
        assert reader.index.cursor != ahead
        assert (frame["cursor"], frame["dispatches"], frame["totals"]) == (ahead, [], {})


class TestLimit:
    def test_more_than_it_are_a_sample_that_says_so(self, log: Log, reader: Reader) -> None:
        """`shown` of `of`; the cursor still moves past all of them."""
        cursor = reader.frame()["cursor"]
        log.append(batch(many(1, 40)))
        frame = reader.frame(cursor, limit=10)
        assert (frame["shown"], frame["of"]) == (10, 40)
        assert ids(frame) == [4, 8, 12, 16, 20, 24, 28, 32, 36, 40]
        assert reader.frame(frame["cursor"])["of"] == 0

    def test_errors_and_slow_ones_are_kept_first(self, log: Log, reader: Reader) -> None:
        """In the order in which they were recorded."""
        cursor = reader.frame()["cursor"]
        dispatches = many(1, 40)
        dispatches[6] = dispatch(7, status=1, calls=[call(status=1, error="ValueError")])
        dispatches[20] = dispatch(21, duration_ns=500_000_000)
        dispatches[30] = dispatch(31, calls=[call(status=1, error="ValueError")])  # send_robust: it returned
        log.append(batch(dispatches))
        assert ids(reader.frame(cursor, limit=2)) == [7, 31]
        assert ids(reader.frame(cursor, limit=3)) == [7, 21, 31]
        assert ids(reader.frame(cursor, limit=4)) == [7, 21, 31, 40]

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 99, 100])
    def test_a_sample_is_even_and_holds_the_newest(self, size: int) -> None:
        """The gaps between its items differ by at most one."""
        sample = even_sample(range(1, 101), size)
        gaps = {after - before for before, after in zip([0, *sample], sample, strict=False)}
        assert len(sample) == size
        assert sample[-1] == 100
        assert max(gaps) - min(gaps) <= 1

    def test_nothing_is_chosen_of_nothing(self) -> None:
        """Nor is anything made up."""
        assert choose([], 5, 100.0) == []
        assert even_sample([1, 2], 0) == []


class TestFilter:
    def test_leaves_the_dispatches_and_totals_that_match(self, log: Log, reader: Reader) -> None:
        """`of` counts those that match."""
        log.append(wiring([connection()]))
        cursor = reader.frame()["cursor"]
        log.append(batch([dispatch(1), dispatch(2, signal=1, calls=[call(1)])]))
        for q in ("receiver:shop.receivers.audit", "app:shop audit", "-signal:order_placed is:called"):
            frame = reader.frame(cursor, q=q)
            assert (ids(frame), frame["of"], set(frame["totals"])) == ([2], 1, {AUDIT})
        everything = reader.frame(cursor)
        assert (everything["of"], set(everything["totals"])) == (2, {SEND_RECEIPT, AUDIT})

    def test_that_cannot_be_read_is_an_error_that_points_at_the_spot(self) -> None:
        """Never a filter that silently matches something else."""
        with pytest.raises(FeedError) as raised:
            parse_query("app:shop sgnal:x")
        error = json.loads(raised.value.text)["error"]
        assert (error["value"], error["position"]) == ("app:shop sgnal:x", 9)
        ERRORS.validate({"error": error})
