"""Whatever a log holds, the rules that look at traffic say something sound about it."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_entries import CONNECTIONS, RECEIVERS, SENDERS, SHOP, SIGNALS, batch, call, connection, dispatch, span, wiring
from made_traffic import Did, Site

from signalgraph import findings
from signalgraph.events import (
    METHODS,
    OPERATIONS,
    STATUSES,
    Batch,
    Cause,
    Dispatch,
    ReceiverCall,
    Total,
    Transaction,
    Wiring,
    Write,
)
from signalgraph.findings import Finding
from signalgraph.findings.traffic import Traffic, read_traffic
from signalgraph.index import Index
from signalgraph.log import open_log
from signalgraph.management.material import reading

NUMBERS = st.integers(0, 6)
SPANS = NUMBERS.map(span)
TRANSACTIONS = st.integers(-6, 6).map(lambda n: span(n) if n >= 0 else -span(-n))
TIMES = st.none() | st.integers(0, 10**9)
STARTS = st.integers(1_700_000_000_000_000, 1_700_000_001_000_000)
FACTS = st.fixed_dictionaries({}, optional={"pk": st.sampled_from(["1", "2"]), "created": st.booleans()})

CALLS = st.builds(
    ReceiverCall,
    st.integers(0, len(CONNECTIONS) - 1),
    st.integers(0, len(STATUSES) - 1),
    TIMES,
    TIMES,
    TIMES,
    st.none() | st.just("Unavailable"),
    NUMBERS,
    st.integers(0, 10**9),
    st.integers(0, 9),
    NUMBERS,
)
DISPATCHES = st.builds(
    Dispatch,
    SPANS,
    st.tuples(SPANS, NUMBERS).map(sum),
    SPANS,
    st.integers(0, len(SIGNALS) - 1),
    st.integers(0, len(SENDERS) - 2),
    st.integers(0, len(METHODS) - 1),
    st.integers(0, len(STATUSES) - 1),
    STARTS,
    st.integers(0, 10**9),
    st.integers(-1, 0),
    st.just(1),
    st.lists(CALLS, max_size=4),
    facts=FACTS,
    transaction=TRANSACTIONS,
)
WRITES = st.builds(
    Write,
    st.integers(10, 14).map(span),
    st.tuples(SPANS, NUMBERS).map(sum),
    SPANS,
    st.integers(0, 0),
    st.integers(0, len(OPERATIONS) - 1),
    st.none() | NUMBERS,
    STARTS,
    st.integers(0, 10**9),
    st.integers(-1, 0),
    st.just(1),
    TRANSACTIONS,
    st.none() | st.just("IntegrityError"),
)
ENDS = st.builds(
    Transaction, SPANS, TRANSACTIONS, SPANS, st.sampled_from(["default", "x"]), STARTS, NUMBERS, st.booleans()
)
CAUSES = st.builds(
    Cause, SPANS, st.sampled_from(["request", "test", "x"]), st.just("GET /"), start_us=STARTS, duration_ns=TIMES
)
TOTALS = st.lists(
    st.builds(Total, NUMBERS, NUMBERS, NUMBERS, st.integers(0, 10**9), NUMBERS, NUMBERS),
    min_size=len(CONNECTIONS),
    max_size=len(CONNECTIONS),
)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    return batch(
        draw(st.lists(DISPATCHES, max_size=7)),
        causes=draw(st.lists(CAUSES, max_size=3)),
        writes=draw(st.lists(WRITES, max_size=3)),
        transactions=draw(st.lists(ENDS, max_size=4)),
        totals=draw(TOTALS),
        unheard=draw(st.lists(st.tuples(st.integers(0, len(SIGNALS) - 1), NUMBERS), max_size=2)),
        share=draw(st.sampled_from([1.0, 0.5])),
    )


@st.composite
def wirings(draw: st.DrawFn) -> Wiring:
    rows = [
        connection(
            draw(st.sampled_from(RECEIVERS)),
            signal=draw(st.sampled_from(SIGNALS)),
            sender=draw(st.sampled_from(SENDERS)),
            order=draw(st.integers(1, 3)),
            is_async=draw(st.booleans()),
            file=draw(st.none() | st.just("/srv/shop/receivers.py")),
        )
        for _ in range(draw(st.integers(0, 5)))
    ]
    process = draw(st.sampled_from([SHOP.id, "00000000000000cc"]))
    return wiring(rows, process=type(SHOP)(process, 1, "web-1", "manage.py", 1_000))


LOGS = st.lists(batches() | wirings(), min_size=1, max_size=6)


def read(entries: list[Batch | Wiring]) -> Traffic:
    log = open_log(f"memory://{uuid.uuid4().hex}", writer=True)
    for entry in entries:
        log.append(entry)
    return read_traffic(Index(log), slow_ms=1)


def assert_sound(found: list[Finding]) -> None:
    """One finding for a key; a sentence; evidence that leads to pages."""
    keys = [each.key for each in found]
    assert len(keys) == len(set(keys))
    for each in found:
        assert re.fullmatch(r"[^.\s].*\.", each.sentence)
        assert each.count >= 1
        assert each.evidence
        for shown in each.evidence:
            is_trace = shown.kind == "trace"
            assert re.match(r"[0-9a-f]{16}-[0-9a-f]+(/|$)" if is_trace else f"{shown.kind}:", shown.id)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(LOGS)
def test_no_rule_fails_and_each_finding_is_sound_whatever_was_recorded(entries: list[Batch | Wiring]) -> None:
    """Dispatches inside themselves, calls without times, parents that are gone, transactions in circles."""
    traffic = read(entries)
    rules = [rule for rule in findings.load_rules().values() if rule.seen == "run"]
    assert len(rules) >= 15
    assert_sound([each for rule in rules for each in rule.find(traffic)])


def test_nothing_is_found_in_an_empty_log() -> None:
    """Nor in a wiring that nothing was sent to."""
    assert findings.find_run(Site().traffic()) == []
    assert findings.find_run(Site().connect("count", "mail").traffic()) == []
    assert findings.find_run(Traffic()) == []


def test_a_run_time_rule_that_fails_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows the others."""

    def fail(traffic: Traffic) -> list[Finding]:
        raise LookupError("no such thing")

    site = Site().connect("charge")
    site.send(Did("charge", status="raised", error="Unavailable"), method="send_robust")
    rules = findings.load_rules()
    changed = {**rules, "SG204": type(rules["SG204"])("SG204", "", "cost", "run", "", "", fail)}
    monkeypatch.setattr(findings, "load_rules", lambda: changed)
    monkeypatch.setattr(findings, "failed", set())
    assert [each.rule for each in findings.find_run(site.traffic())] == ["SG207"]
    assert findings.failed == {"SG204"}


def test_a_snapshot_changes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded meanwhile is in the next one."""
    log = open_log(f"memory://{uuid.uuid4().hex}", writer=True)
    log.append(wiring())
    log.append(batch())
    index = Index(log)
    traffic = read_traffic(index, slow_ms=100)
    log.append(batch(unheard=[(1, 5)]))
    index.refresh()
    assert (len(traffic.traces), traffic.unheard) == (1, {})
    assert read_traffic(index, slow_ms=100).unheard == {SIGNALS[1]: 5}


def test_a_log_of_yesterday_is_read_as_it_was_then() -> None:
    """A command may come long after the last dispatch."""
    url, then_us = f"memory://{uuid.uuid4().hex}", 1_700_000_000_000_000
    log = open_log(url, writer=True)
    lost = dispatch(start_us=then_us, method=1, calls=[call(status=1, error="Unavailable")])
    for entry in (wiring(wall_us=then_us), batch([lost], wall_us=then_us)):
        log.append(entry)
    with reading(url) as index:
        found = findings.find_run(read_traffic(index, slow_ms=100))
    assert [each.rule for each in found] == ["SG207"]
