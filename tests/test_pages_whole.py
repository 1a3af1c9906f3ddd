"""What the pages say of the whole record: transactions, silent writes, repeats, what runs, what is not known."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from log_entries import (
    RUNNING,
    SHOP,
    SIGNALS,
    batch,
    call,
    connection,
    dispatch,
    now_ms,
    now_us,
    span,
    transaction,
    wiring,
    write,
)

from signalgraph.events import Batch, Cause, Heartbeat, Total
from signalgraph.index import Index
from signalgraph.log import Log, open_log
from signalgraph.web import scope
from signalgraph.web.waterfall import TIMES

Get = Callable[..., HttpResponse]
NOT_TIMED, NOT_REACHED = 5, 2


@pytest.fixture
def log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Log:
    """The log of the dashboard; each request reads it anew. Its process is alive."""
    url = f"memory://{uuid.uuid4().hex}"
    settings.SIGNALGRAPH = {"LOG": url, "ACCESS": "page_urls.everybody"}
    settings.ROOT_URLCONF = "page_urls"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    log = open_log(url, writer=True)
    monkeypatch.setattr(scope, "current_index", lambda: Index(log))
    log.append(wiring([connection(), connection("shop.receivers.audit", signal=SIGNALS[1], sender="*")]))
    log.beat(Heartbeat(SHOP, now_ms(), True, 2))
    return log


def text(response: HttpResponse) -> str:
    """What a page says, without markup."""
    words = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(unescape(words).split())


def get(path: str, **extra: Any) -> HttpResponse:
    return Client().get(f"/signals/{path}", **extra)


def trace_id(number: int) -> str:
    return f"{SHOP.id}-{span(number):x}"


def rows(number: int, query: str = "") -> list[str]:
    """What each row of a trace's waterfall says: its name, its badges, its note."""
    html = get(f"traces/{trace_id(number)}/{query}").content.decode()
    html = re.sub(r"<svg.*?</svg>", "", html[html.index("<sg-tree") : html.index("</sg-tree")], flags=re.DOTALL)
    found = [f"<{row}" for row in html.split('<div class="wfr')[2:]]
    return [" ".join(unescape(re.sub(r"<[^>]*>", " ", row)).split()) for row in found]


def told(*entries: Batch, log: Log) -> None:
    for entry in entries:
        log.append(entry)


def test_a_write_without_a_signal_has_a_row_below_the_receiver_that_made_it(log: Log) -> None:
    """With its rows and its line; the panel says what that means."""
    made = write(2, parent=span(1) + 1, trace=span(1))
    told(batch([dispatch(1)], writes=[made]), log=log)
    assert rows(1)[2].startswith("bulk_create shop.Order, shop/views.py:12 120 rows, no signal sent")
    panel = text(
        get(f"traces/{trace_id(1)}/?sel=write:{trace_id(2)}", headers={"HX-Request": "true", "HX-Target": "sg-panel"})
    )
    assert "receivers of shop.Order did not hear of these rows" in panel
    assert "Inside order_placed send_receipt" in panel


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": 1}, "1 row, no signal sent"),
        ({"rows": None, "operation": 2}, "rows not known, no signal sent"),
        ({"error": "django.db.utils.IntegrityError"}, "IntegrityError, no signal sent"),
    ],
)
def test_a_write_says_how_many_rows_and_why_not(log: Log, changes: dict[str, Any], said: str) -> None:
    """Also where the database doesn't tell, and where it failed."""
    told(batch([], writes=[write(1, **changes)]), log=log)
    assert said in rows(1)[0]


def test_a_trace_of_writes_alone_is_listed_and_opens(log: Log) -> None:
    """Its title is its first write; equal writes are folded with the sum of their rows."""
    writes = [write(n, trace=span(1), start_us=now_us() + n) for n in range(1, 5)]
    told(batch([], writes=writes), log=log)
    assert "bulk_create shop.Order" in text(get("timeline/"))
    assert rows(1) == [f"bulk_create {TIMES} 4 shop.Order, shop/views.py:12 480 rows in all, no signal sent 12.0"]


@pytest.mark.parametrize(("committed", "badge"), [(False, True), (True, False), (None, False)])
def test_what_was_rolled_back_later_says_so(log: Log, committed: bool | None, badge: bool) -> None:
    """A dispatch and a write, when the end is known; what was committed says nothing in its row."""
    ends = [] if committed is None else [transaction(90, committed=committed)]
    made = write(2, trace=span(1), transaction=span(90))
    told(batch([dispatch(1, transaction=span(90))], writes=[made], transactions=ends), log=log)
    found = rows(1)
    assert sum("rolled back" in row for row in found) == (2 if badge else 0)
    assert ("2 rolled back" in text(get(f"traces/{trace_id(1)}/"))) == badge


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([transaction(90)], "committed, open for 5.0 ms on default"),
        ([transaction(90, committed=False)], "rolled back, open for 5.0 ms"),
        ([transaction(90, outer=91), transaction(91, committed=False)], "rolled back, by the one around it"),
        ([transaction(90, outer=91)], "of the one around it no end is known"),
        ([], "no end of it is known (yet)"),
    ],
)
def test_the_panel_says_what_is_known_of_the_transaction(log: Log, ends: list[Any], said: str) -> None:
    """On demand: committed, rolled back and by which one, or not known."""
    told(batch([dispatch(1, transaction=span(90))], transactions=ends), log=log)
    assert said in text(get(f"traces/{trace_id(1)}/?sel=dispatch:{trace_id(1)}"))


def test_work_after_a_commit_hangs_on_the_receiver_that_asked_for_it(log: Log) -> None:
    """Although that one is over: it is not part of its time, and a failure in it did not pass through it."""
    start_us = now_us()
    failed = call(status=1, error="SMTPError")
    late = dispatch(
        2, parent=span(1) + 1, trace=span(1), transaction=-span(90), start_us=start_us + 9000, status=1, calls=[failed]
    )
    told(batch([dispatch(1, start_us=start_us, calls=[call(status=1, error="ValueError")]), late]), log=log)
    found = rows(1)
    assert "send_receipt raised" in found[1]
    assert "order_placed after commit" in found[2]
    html = get(f"traces/{trace_id(1)}/").content.decode()
    assert 'class="asked"' in html
    assert "after the commit of one" in text(get(f"traces/{trace_id(1)}/?sel=dispatch:{trace_id(2)}"))


def test_a_query_that_repeats_is_said_with_its_number(log: Log) -> None:
    """In the row how often, in the panel its fingerprint."""
    told(batch([dispatch(1, calls=[call(queries=14, repeats=12, repeated=0xBEEF)])]), log=log)
    assert "14 queries, one ran 12 times" in rows(1)[1]
    panel = text(get(f"traces/{trace_id(1)}/?sel=call:{trace_id(1)}/1"))
    assert "one query ran 12 times, fingerprint beef" in panel


def test_a_dispatch_that_is_running_shows_how_far_it_is(log: Log) -> None:
    """Those whose turn has not come wait; the page asks again, and nothing of it is in the totals."""
    calls = [call(status=RUNNING, duration_ns=None), call(1, status=2, offset_ns=None, duration_ns=None)]
    told(batch([dispatch(1, status=RUNNING, duration_ns=1_500_000_000, calls=calls)], totals=[Total()] * 2), log=log)
    found = rows(1)
    assert "still running" in found[0]
    assert found[0].endswith("1 500")
    assert [row.split()[1] for row in found[1:]] == ["send_receipt", "audit"]
    html = get(f"traces/{trace_id(1)}/").content.decode()
    assert 'hx-trigger="sg:refresh from:document" hx-target="#main"' in html
    assert "still running" in text(get("timeline/"))


def test_what_ran_in_a_process_that_is_gone_is_not_running(log: Log) -> None:
    """It says that it had not ended."""
    log.beat(Heartbeat(SHOP, now_ms() - 60_000, True, 2))
    told(batch([dispatch(1, status=RUNNING)], wall_us=now_us() - 60_000_000), log=log)
    log.beat(Heartbeat(SHOP, now_ms() - 60_000, True, 2))
    assert "had not ended when its process did" in rows(1)[0]


def test_a_dispatch_of_which_not_even_the_receivers_are_known_says_so(log: Log) -> None:
    """It was sent, another tool stood between."""
    told(batch([dispatch(1, status=NOT_TIMED, calls=[])]), log=log)
    assert "not timed, receivers unknown" in rows(1)[0]


def test_a_trace_leads_to_the_one_around_it_and_to_those_in_it(log: Log) -> None:
    """A task in a request: links both ways."""
    request = Cause(span(1), "request", "POST /orders/", None)
    task = Cause(span(2), "task", "shop.tasks.send", None, outer=span(1))
    told(batch([dispatch(3, trace=span(1)), dispatch(4, trace=span(2))], causes=[request, task]), log=log)
    around, inside = get(f"traces/{trace_id(1)}/"), get(f"traces/{trace_id(2)}/")
    assert "1 trace began in it: shop.tasks.send" in text(around)
    assert f"traces/{trace_id(2)}/" in around.content.decode()
    assert "Began in POST /orders/" in text(inside)
    assert f"traces/{trace_id(1)}/" in inside.content.decode()


def test_a_transaction_stands_behind_the_rows_with_its_end(log: Log) -> None:
    """A band, and a word where it ended."""
    ends = [transaction(90)]
    told(
        batch(
            [dispatch(1, start_us=ends[0].start_us - 1000, duration_ns=9_000_000, transaction=span(90))],
            transactions=ends,
        ),
        log=log,
    )
    html = get(f"traces/{trace_id(1)}/").content.decode()
    assert '<rect class="txn"' in html
    assert '<line class="commit"' in html


def test_captured_values_stand_in_the_panel(log: Log) -> None:
    """Names may hold dots; a list is written as one."""
    facts = {"instance.total": 12, "update_fields": ["status", "paid"], "note": None}
    told(batch([dispatch(1, facts=facts)]), log=log)
    panel = text(get(f"traces/{trace_id(1)}/?sel=dispatch:{trace_id(1)}"))
    assert "instance.total 12 update_fields status, paid note None" in panel


def test_a_peak_is_never_below_the_rate(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in the first seconds, when a bar holds a part of its time only."""
    told(batch([dispatch(n) for n in range(1, 60)]), log=log)
    figures = get("overview.json").json()["figures"]
    assert figures["peak_per_s"] >= figures["dispatches_per_s"] > 0


def test_sql_of_receivers_is_counted_exactly(log: Log) -> None:
    """Also of what was sampled away."""
    told(batch([], dispatched=10, sampled=10, totals=[Total(10, 0, 10, 1, 30), Total()]), log=log)
    figures = get("overview.json").json()["figures"]
    assert sum(figures["queries"]) > 0
    assert figures["sample_size"] == 0


def test_requests_for_static_files_are_listed_on_demand(log: Log) -> None:
    """Each page asks for many; those that failed are listed always."""
    causes = [Cause(span(n), "request", "GET (static file)", None) for n in (1, 2)]
    failed = dispatch(2, calls=[call(status=1, error="ValueError")])
    told(batch([dispatch(1), failed, dispatch(3)], causes=causes), log=log)
    assert len(get("timeline.json").json()["traces"]) == 2
    assert "1 for static files hidden" in text(get("timeline/"))
    assert len(get("timeline.json?all=1").json()["traces"]) == 3


def test_kinds_of_causes_have_their_sign_and_word(log: Log) -> None:
    """Command, task, test, and whatever a project calls its own; the filter finds each."""
    kinds = ["request", "command", "task", "test", "nightly import"]
    causes = [Cause(span(n), kind, f"the {kind}", None) for n, kind in enumerate(kinds, 1)]
    told(batch([dispatch(n) for n in range(1, 6)], causes=causes), log=log)
    html = get("timeline/").content.decode()
    for kind in kinds:
        assert f'role="img" aria-label="{kind}"' in html
        found = get(f'timeline.json?q=kind:"{kind}"').json()["traces"]
        assert [each["title"] for each in found] == [f"the {kind}"]
    assert 'href="#k-command"' in html
    assert get("timeline.json").json()["kinds"]["the task"] == "task"


def test_calls_that_were_not_timed_stand_beside_the_others(log: Log) -> None:
    """On the signal's page, in its panel and in the tables, only where there are any."""
    told(
        batch([dispatch(1)], totals=[Total(1, untimed=12), Total()], signal_totals=[Total(1, untimed=12), Total()]),
        log=log,
    )
    for path in (f"signals/{SIGNALS[0]}/", "signals/", "receivers/", f"graph/?sel=signal:{SIGNALS[0]}"):
        assert "12 not timed" in text(get(path)), path
    assert "not timed" not in text(get(f"signals/{SIGNALS[1]}/"))


@pytest.mark.parametrize("state", ["running", "rolled-back", "after-commit", "repeats", "bypass"])
def test_traces_are_found_by_what_happened_in_them(log: Log, state: str) -> None:
    """Each is a facet and a term of the filter."""
    own = {
        "running": batch([dispatch(1, status=RUNNING)]),
        "rolled-back": batch([dispatch(1, transaction=span(90))], transactions=[transaction(90, committed=False)]),
        "after-commit": batch([dispatch(1, transaction=-span(90))]),
        "repeats": batch([dispatch(1, calls=[call(queries=2, repeats=2, repeated=1)])]),
        "bypass": batch([dispatch(1)], writes=[write(4, trace=span(1))]),
    }
    told(own[state], batch([dispatch(2)]), log=log)
    found = get(f"timeline.json?q=is:{state}").json()["traces"]
    assert [each["id"] for each in found] == [trace_id(1)]
    assert f"{state} 1" in text(get("timeline/"))


def test_connections_that_read_the_same_stand_in_one_line_that_counts_them(log: Log) -> None:
    """Two partials of one function: each is called, their figures are added up."""
    log.append(wiring([connection(), connection(), connection("shop.receivers.audit", signal=SIGNALS[1], sender="*")]))
    told(batch([dispatch(1)]), log=log)
    twice = f"{TIMES}2"
    for path in (f"signals/{SIGNALS[0]}/", "graph/?view=list", "receivers/shop.receivers.send_receipt/", ""):
        assert twice in text(get(path)), path
    assert twice not in text(get("receivers/shop.receivers.audit/"))
