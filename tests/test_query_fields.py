"""What each field asks of a connection, a signal, a dispatch and a trace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import cache

import pytest
from log_entries import RECEIVERS, SHOP, SIGNALS, batch, call, connection, dispatch, span, write

from signalgraph.events import Cause, SignalInfo
from signalgraph.figures import Stats
from signalgraph.gathering import gather
from signalgraph.graph.fields import FIELDS, STATES, Listed
from signalgraph.graph.query import Query, parse
from signalgraph.names import receiver_id, signal_id
from signalgraph.resolve import resolve, resolve_writes, spelled_id
from signalgraph.traces import Seen, Trace

START_US = 1_795_000_000_000_000  # 2026-11-18 11:06:40 UTC
ROW = connection(dispatch_uid="shop.receipt")
STATS = Stats(
    calls=4, window_calls=3, window_errors=1, rate_per_s=0.5, p95_us=20_000.0, queries=10, sample_size=3
)  # fmt: skip
ORPHAN = SignalInfo("signal:x", SIGNALS[0], [], "django.dispatch.Signal", 0)


@cache
def trace() -> Trace:
    """A request of 10 ms: `order_placed` of 4 ms, whose only receiver took 3 ms, with 2 queries, one of them 2 times;
    in it `post_save` of 2 ms, whose 2 receivers took 1 ms each and one raised; a write of 3 ms."""
    outer = call(0, 3_000_000, queries=2, repeats=2)
    inner = [call(1, 1_000_000), call(0, 1_000_000, status=1, error="ValueError", queries=1)]
    rows = [
        dispatch(1, trace=span(9), start_us=START_US, duration_ns=4_000_000, calls=[outer]),
        dispatch(
            2, trace=span(9), parent=span(1) + 1, signal=1, start_us=START_US + 5, duration_ns=2_000_000, calls=inner
        ),
    ]
    entry = batch(rows, writes=[write(40, trace=span(9), start_us=START_US + 9_000)])
    cause = Cause(span(9), "request", "POST /orders/", "shop.views.order", START_US, 10_000_000)
    return gather(spelled_id(SHOP.id, span(9)), SHOP, [*resolve(entry), *resolve_writes(entry)], [cause])


def inner() -> Seen:
    return next(seen for seen in trace().dispatches if seen.signal == SIGNALS[1])


def asked(q: str, *, now: datetime | None = None) -> Query:
    query = parse(q)
    query.zone = now.tzinfo if now else UTC
    query.clock = lambda: now.timestamp() if now else START_US / 1e6 + 60
    return query


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("count:3", True), ("count:>3", False), ("count:1..3", True), ("count:1,3", True), ("err:1", True),
        ("err:0", False), ("rate:>0.4", True), ("rate:>=0.5/s", True), ("rate:0.6..1", False), ("p95:>19", True),
        ("p95:10ms..20ms", True), ("p95:<20ms", False), ("dur:>19ms", True), ("sql:2.5", True), ("sql:>3", False),
        ("uid:shop.receipt", True), ("uid:shop.*", True), ("uid:*", True), ("uid:receipt", False), ("-uid:x", True),
        ("finding:*", False), ("-finding:SG103", True),
    ],
)  # fmt: skip
def test_what_is_asked_of_a_connection(q: str, found: bool) -> None:
    """Of the window: calls, errors, rate, p95; queries for each call since the log began."""
    assert parse(q).matches_connection(ROW, STATS) is found


@pytest.mark.parametrize("q", ["count:0", "err:0", "rate:>=0", "p95:>0", "dur:>0", "sql:0", "uid:*", "dur:!=3ms"])
def test_of_what_is_not_known_no_number_fits(q: str) -> None:
    """Neither is it nothing."""
    assert not parse(q).matches_connection(connection())
    assert parse(f"-{q}").matches_connection(connection())


@pytest.mark.parametrize(
    ("q", "found"),
    [("count:7", True), ("count:0", False), ("uid:*", False), ("rate:>0", False), ("finding:SG2*", True)],
)
def test_what_is_asked_of_a_signal_without_receivers(q: str, found: bool) -> None:
    """Its dispatches that nobody heard."""
    query = parse(q)
    query.findings = lambda subject: ["SG210"] if subject == signal_id(SIGNALS[0]) else []
    assert query.matches_signal(ORPHAN, Stats(unheard=7)) is found


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("count:2", True), ("err:1", True), ("err:ValueError", True), ("err:Value*", True), ("err:KeyError", False),
        ("sql:1", True), ("sql.dup:0", True), ("sql.dup:>1", False), ("dur:2ms", True), ("dur:1..3", True),
        ("ValueError", True), ("depth:9", True), ("self:>9s", True), ("dur:>90%", True),
    ],
)  # fmt: skip
def test_what_is_asked_of_a_dispatch(q: str, found: bool) -> None:
    """Its receivers, their errors and queries; what only a whole trace tells is left out."""
    query = parse(q.replace("dur:2ms", "dur:=2ms"))
    assert query.matches_dispatch(inner()) is found


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("count:2", True), ("err:1", True), ("err:ValueError", True), ("err:ValueError signal:post_save", True),
        ("err:ValueError signal:order_placed", False), ("sql:3", True), ("sql.dup:2", True), ("sql.dup:>3", False),
        ("depth:2", True), ("depth:>2", False), ("dur:>=10ms", True), ("dur:>39%", True), ("dur:>41%", False),
        ("dur:>39% signal:order_placed", True), ("dur:>39% signal:post_save", False), ("dur:30%..31%", True),
        ("self:=1ms", True), ("self:>1ms", False), ("self:10%", True), ("self:>10%", False), ("-self:>10%", True),
        ("ValueError POST", True), ("finding:*", False),
    ],
)  # fmt: skip
def test_what_is_asked_of_a_trace(q: str, found: bool) -> None:
    """Sums are of the whole; shares of its time and names of errors are of one of its dispatches or writes."""
    query = parse(q.replace("self:10%", "self:=10%"))
    assert query.matches_trace(trace()) is found


def test_findings_are_those_of_all_that_something_is_made_of() -> None:
    """A connection has those of its receiver; a trace, those of one of its dispatches together with the rest."""
    query = parse("finding:sg103 signal:post_save")
    query.findings = lambda subject: {"SG103"} if subject == receiver_id(RECEIVERS[1]) else ()
    assert query.matches_dispatch(inner())
    assert query.matches_trace(trace())
    assert not query.matches_connection(connection(RECEIVERS[0], signal=SIGNALS[1]))
    assert query.matches_connection(connection(RECEIVERS[1], signal=SIGNALS[1]))
    elsewhere = parse("finding:SG103 signal:order_placed")
    elsewhere.findings = query.findings
    assert not elsewhere.matches_trace(trace())


NOW = datetime(2026, 11, 18, 11, 7, 40, tzinfo=UTC)  # a minute after the trace began
EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("ts:-5m", True), ("ts:-30s", False), ("ts:>-5m", True), ("ts:<-30s", True), ("ts:-90s..-0.5m", True),
        ("ts:11:06", True), ("ts:11:07", False), ("ts:11:06:40", True), ("ts:11:06:40.000", True),
        ("ts:11:06:41", False), ("ts:>11:06", False), ("ts:>=11:06", True), ("ts:<11:07", True), ("ts:<=11:06", True),
        ("ts:!=11:06", False), ("ts:11:05..11:06", True), ("ts:11:05..11:05:59", False), ("ts:2026-11-18", True),
        ("ts:2026-11-17", False), ("ts:2026-11-17..2026-11-18", True), ("ts:2026-11-18T11:06", True),
        ("ts:2026-11-18T12:06+01:00", True), ("ts:13:06+02:00", True), ("ts:11:06Z", True),
        ("ts:>2026-11-18T11:06:40Z", False), ("ts:23:50..11:06", True), ("ts:11:08", False), ("ts:-2h..11:06", True),
        ("ts:2026-11-18T10:00..11:06", True), ("ts:10:00,11:06", True),
    ],
)  # fmt: skip
def test_a_time_stands_for_a_stretch(q: str, found: bool) -> None:
    """A day, a minute, a second; a time of day is the last one that has begun, a relative one lasts until now."""
    assert asked(q, now=NOW).matches_trace(trace()) is found


def test_times_are_in_the_zone_of_the_query() -> None:
    """Also when it is tomorrow already there; without a zone, in that of the process."""
    assert asked("ts:13:06", now=NOW.astimezone(EAST)).matches_trace(trace())
    assert not asked("ts:11:06", now=NOW.astimezone(EAST)).matches_trace(trace())
    late = datetime(2026, 11, 18, 23, 30, tzinfo=UTC).astimezone(EAST)
    assert not asked("ts:2026-11-19", now=late).matches_trace(trace())
    assert asked("ts:2026-11-18", now=late).matches_trace(trace())
    parse("ts:>13:06").matches_trace(trace())


@pytest.mark.parametrize("listed", STATES)
@pytest.mark.parametrize("name", FIELDS)
def test_a_field_without_a_meaning_is_left_out_and_told(name: str, listed: Listed) -> None:
    """One that has a meaning is not."""
    value = {"number": ">1", "duration": ">1ms", "time": "-5m"}.get(FIELDS[name].measures or "", "x")
    if FIELDS[name].choices:
        value = sorted(set(FIELDS[name].choices) & STATES[listed])[0] if name == "is" else FIELDS[name].choices[0]
    q = f"{name}:{value}"
    assert parse(q).ignored_for(listed) == ([] if listed in FIELDS[name].listed else [parse(q).text])


def test_what_is_left_out_takes_no_part_in_or_and_not() -> None:
    """`a or b` without `a` is `b`; what holds nothing else is gone as a whole."""
    assert not parse("status:raised or app:admin").matches_connection(ROW)
    assert parse("app:shop -(status:raised or path:x)").matches_connection(ROW)
    assert not parse("-(status:raised or app:shop)").matches_connection(ROW)
    assert parse("status:raised or -path:x").matches_connection(ROW)
    query = parse("-(status:raised or app:shop) or -is:orphan")
    assert query.ignored_for("connection") == ["status:raised", "-is:orphan"]
