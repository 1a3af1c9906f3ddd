"""The filter on the pages: hops over a real log, facets that edit it, what is left out, findings, and the feed."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from django.http import HttpResponse
from django.test import Client
from log_entries import (
    AUDIT,
    SEND_RECEIPT,
    SHOP,
    SIGNALS,
    batch,
    call,
    connection,
    dispatch,
    now_ms,
    now_us,
    span,
    wiring,
)

from signalgraph.events import Cause, Heartbeat
from signalgraph.findings import Finding, load_rules
from signalgraph.graph.query import parse
from signalgraph.index import Index
from signalgraph.log import Log, open_log
from signalgraph.management.material import material_from_registry
from signalgraph.web import found as web_found
from signalgraph.web import scope
from signalgraph.web.facets import has_value, toggle
from signalgraph.web.frames import make_frame, parse_query

LONER = connection("shop.receivers.count", signal="shop.signals.refunded", order=3)

Get = Callable[[str], HttpResponse]


@pytest.fixture
def log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A request whose `order_placed` led to a failed `post_save`, and one connection that never ran."""
    url = f"memory://{uuid.uuid4().hex}"
    settings.SIGNALGRAPH = {"LOG": url, "ACCESS": "page_urls.everybody"}
    settings.ROOT_URLCONF = "page_urls"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    log = open_log(url, writer=True)
    monkeypatch.setattr(scope, "current_index", lambda: Index(log))
    log.append(wiring([connection(), connection("shop.receivers.audit", signal=SIGNALS[1], sender="*"), LONER]))
    start_us = now_us() - 2_000_000
    failed = call(1, status=1, error="shop.errors.OutOfStock", queries=2)
    inner = dispatch(2, parent=span(1) + 1, trace=span(1), signal=1, start_us=start_us + 100, calls=[failed])
    cause = Cause(span(1), "request", "POST /orders/", "shop.views.order", start_us, 5_000_000)
    log.append(batch([inner, dispatch(1, start_us=start_us)], causes=[cause]))
    log.beat(Heartbeat(SHOP, now_ms(), True, 2))
    return log


@pytest.fixture
def get(log: Log) -> Get:
    return lambda path: Client().get(f"/signals/{path}")


def receivers(get: Get, q: str) -> set[str]:
    found = get(f"receivers.json?q={q.replace('+', '%2B')}").json()["receivers"]
    return {row["name"].rpartition(".")[2] for row in found}


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("order_placed", {"send_receipt"}),
        ("order_placed+", {"send_receipt", "audit"}),
        ("+audit", {"send_receipt", "audit"}),
        ("is:error or refunded", {"audit", "count"}),
        ("-(order_placed+)", {"count"}),
        ("(is:error or refunded) -count", {"audit"}),
        ("sql:>=2 err:1", {"audit"}),
        ("/send_\\w+$/,/count/", {"send_receipt", "count"}),
        ("is:cycle", set()),
    ],
)
def test_tables_list_what_the_whole_language_says(get: Get, q: str, names: set[str]) -> None:
    """Also when the causes are only in the log."""
    assert receivers(get, q) == names


@pytest.mark.parametrize(
    ("q", "count"),
    [
        ("order_placed+", 1), ("count+", 0), ("err:OutOfStock", 1), ("depth:2", 1), ("depth:1", 0), ("ts:-5m", 1),
        ("ts:>-1s", 0), ("dur:>90%", 0), ("is:error or count", 1),
    ],
)  # fmt: skip
def test_the_timeline_lists_what_the_whole_language_says(get: Get, q: str, count: int) -> None:
    """Hops are of connections that a trace ran."""
    assert len(get(f"timeline.json?q={q.replace('+', '%2B')}").json()["traces"]) == count


def test_the_feed_follows_hops_too(log: Log) -> None:
    """Dispatches and totals of what hops come to."""
    index = Index(log)
    frame = make_frame(index, None, parse_query("order_placed+1"))
    assert set(frame["totals"]) == {SEND_RECEIPT, AUDIT}
    assert set(make_frame(index, None, parse_query("1+audit -order_placed"))["totals"]) == {AUDIT}


def test_the_page_says_what_is_left_out(get: Get) -> None:
    """Beside the number of hits, on every kind of list."""
    html = get("receivers/?q=count or ts:-5m").content.decode()
    assert "1 receiver; ts:-5m left out here" in html
    assert "left out here" not in get("timeline/?q=count or ts:-5m").content.decode()


def test_facets_narrow_a_filter_of_alternatives(get: Get) -> None:
    """The whole of it, so it gets parentheses; and the link back leaves it as it was."""
    html = get("receivers/?q=audit or count").content.decode()
    links = {unquote(unescape(link)) for link in re.findall(r'href="([^"]*)"', html)}
    assert any("q=(audit or count) app:shop" in link for link in links)
    assert toggle(parse("(audit or count) app:shop"), "app", "shop") == "audit or count"


@pytest.mark.parametrize(
    ("q", "value", "text"),
    [
        ("", "shop", "app:shop"), ("app:shop", "shop", ""), ("app:shop,admin x", "shop", "app:admin x"),
        ("-app:shop", "shop", "-app:shop app:shop"), ("app:shop or x", "shop", "(app:shop or x) app:shop"),
        ("app:shop+", "shop", "app:shop+ app:shop"), ("-(app:shop x)", "admin", "-(app:shop x) app:admin"),
        ("app:shop (a or b)", "admin", "app:shop,admin (a or b)"), ("app:sh*", "shop", "app:sh*,shop"),
        ("app:/sh/", "a b", 'app:/sh/,"a b"'),
    ],
)  # fmt: skip
def test_a_facet_adds_or_takes_out_its_value(q: str, value: str, text: str) -> None:
    """In the term that has to hold, and in no other."""
    query = parse(q)
    assert toggle(query, "app", value) == text
    assert has_value(parse(text), "app", value) is not has_value(query, "app", value)


def test_a_wrong_filter_is_marked_where_it_is_wrong(get: Get) -> None:
    """On the page, and by its position in JSON."""
    q = "(app:shop or sgnal:x)"
    assert "(app:shop or <mark>sgnal</mark>:x)" in get(f"signals/?q={q}").content.decode()
    error = json.loads(get(f"signals.json?q={q}").content)["error"]
    assert (error["position"], error["do"]) == (13, "Did you mean signal?")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two findings about the receiver that failed, as rules would have made them."""
    subject = "receiver:shop.receivers.audit"
    in_code = [Finding(rule, subject, "It is late.") for rule in sorted(load_rules())[:2]]
    monkeypatch.setattr(web_found, "_code", web_found._Kept())
    monkeypatch.setattr(web_found, "_traffic", web_found._Kept())
    monkeypatch.setattr(web_found, "_find_static", lambda: in_code)
    monkeypatch.setattr(web_found, "_find_run", lambda index: [])


@pytest.mark.usefixtures("found")
def test_what_a_rule_found_is_found_by_the_filter(get: Get, log: Log) -> None:
    """In tables, in the feed and for traces; on the page of findings, that finding and no other of its subject."""
    first, second = sorted(load_rules())[:2]
    assert receivers(get, f"finding:{first}") == receivers(get, "finding:*") == {"audit"}
    assert receivers(get, "-finding:SG*") == {"send_receipt", "count"}
    assert set(make_frame(Index(log), None, parse_query(f"finding:{first}"))["totals"]) == {AUDIT}
    assert len(get(f"timeline.json?q=finding:{second}").json()["traces"]) == 1
    listed = get(f"findings.json?q=finding:{first}").json()
    assert [each["rule"] for each in listed["open"]] == [first]
    followed = get(f"findings.json?q=finding:{first} order_placed%2B").json()
    assert [each["rule"] for each in followed["open"]] == [first]


def test_a_filter_that_is_too_long_is_refused_and_not_cut(get: Get) -> None:
    """What is left of it would be another filter."""
    response = get(f"signals.json?q={'x' * 3_998} -app:shop")
    assert response.status_code == 400
    assert "it may have 4000" in response.json()["error"]["what"]


def test_a_command_knows_what_the_settings_and_the_code_say(settings: Any) -> None:
    """Without a log too, where hops find what they start from."""
    settings.SIGNALGRAPH = {"IGNORE": ["django.db.models.signals.*"]}
    every = material_from_registry().connections
    muted = material_from_registry(query="is:muted or finding:SG000+").connections
    assert 0 < len(muted) < len(every)
    assert {row.signal.rpartition(".")[0] for row in muted} == {"django.db.models.signals"}
