"""The pages over real logs, by Django's test client: what they say when full, empty, filtered and asked wrongly."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from log_entries import SHOP, SIGNALS, batch, call, connection, dispatch, now_ms, now_us, span, wiring

from signalgraph import recorder
from signalgraph.events import Cause, Dispatch, Heartbeat, SignalInfo
from signalgraph.index import Index
from signalgraph.log import Log, open_log
from signalgraph.web import feed, scope

ORDER = Cause(span(1), "request", "POST /orders/", "shop.views.order", None, None)
TRACE = f"{SHOP.id}-{span(1):x}"
ORPHAN = SignalInfo("signal:shop.signals.refunded", "shop.signals.refunded", [], "django.dispatch.Signal", 0)
PAGES = [
    "",
    "graph/",
    "graph/?view=list",
    "timeline/",
    "timeline/?by=cause&span=10",
    f"traces/{TRACE}/",
    "signals/",
    "signals/?open=shop.signals.order_placed",
    f"signals/{SIGNALS[0]}/",
    "receivers/",
    "receivers/shop.receivers.send_receipt/",
    "senders/",
    "senders/shop.Order/",
    "setup/",
]
SELECTIONS = [
    "receiver:shop.receivers.send_receipt",
    f"signal:{SIGNALS[0]}",
    "sender:shop.Order",
    f"connection:shop.Order|{SIGNALS[0]}|shop.receivers.send_receipt",
]

Get = Callable[..., HttpResponse]


@pytest.fixture
def log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Log:
    """The log of the dashboard; each request reads it anew, so that a test needn't wait for the tailer."""
    url = f"memory://{uuid.uuid4().hex}"
    settings.SIGNALGRAPH = {"LOG": url, "ACCESS": "page_urls.everybody"}
    settings.ROOT_URLCONF = "page_urls"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]  # the product's own, without the site's branding
    log = open_log(url, writer=True)
    monkeypatch.setattr(scope, "current_index", lambda: Index(log))
    return log


@pytest.fixture
def get(log: Log) -> Get:
    def request(path: str, **extra: Any) -> HttpResponse:
        return Client().get(f"/signals/{path}", **extra)

    return request


@pytest.fixture
def full(log: Log) -> Log:
    """Two connections, an orphan, and one request in which `order_placed` led to a failed `post_save`."""
    rows = [connection(), connection("shop.receivers.audit", signal=SIGNALS[1], sender="*", is_async=True)]
    info = wiring(rows)
    log.append(wiring(rows, signals=[*info.signals, ORPHAN]))
    failed = call(1, status=1, error="shop.errors.OutOfStock", queries=2)
    start_us = now_us() - 2_000_000
    inner = dispatch(2, parent=span(1) + 1, trace=span(1), signal=1, start_us=start_us + 100, status=1, calls=[failed])
    outer = dispatch(1, start_us=start_us)
    cause = Cause(ORDER.id, ORDER.kind, ORDER.name, ORDER.view, start_us, 5_000_000)
    unheard = batch([], signals=[ORPHAN.name], senders=[], receivers=[], connections=[], totals=[], unheard=[(0, 7)])
    log.append(batch([inner, outer], causes=[cause]))
    log.append(unheard)
    log.beat(Heartbeat(SHOP, now_ms(), True, 2))
    return log


def text(response: HttpResponse) -> str:
    """What a page says, without markup."""
    words = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(unescape(words).split())


@pytest.mark.parametrize("path", PAGES)
def test_each_page_answers_when_something_was_recorded(get: Get, full: Log, path: str) -> None:
    """All pages work over the same log, with everything the policy forbids left out."""
    response = get(path)
    html = response.content.decode()
    assert response.status_code == 200
    assert "<html" in html
    assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert "<style" not in html


@pytest.mark.parametrize("path", [path for path in PAGES if "shop." not in path and "traces" not in path])
def test_each_page_answers_when_nothing_was_recorded(get: Get, path: str) -> None:
    """An empty log is a page too."""
    assert get(path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_each_page_answers_htmx_with_a_part(get: Get, full: Log, path: str) -> None:
    """The same content without the frame, and what lives outside it marked for swapping."""
    html = get(path, headers={"HX-Request": "true", "HX-Target": "main"}).content.decode()
    assert "<html" not in html
    assert 'id="sg-nav"' in html
    assert 'hx-swap-oob="true"' in html


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("path", ["", "graph/", "timeline/", "signals/", "receivers/", "senders/", "setup/"])
def test_a_selection_opens_its_panel_on_every_page(get: Get, full: Log, path: str, selection: str) -> None:
    """`sel` is shared by all pages and says the same on each."""
    response = get(f"{path}?sel={selection}")
    assert '<aside class="panel"' in response.content.decode()


def test_the_panel_alone_is_what_htmx_gets_for_it(get: Get, full: Log) -> None:
    """A click on a box swaps the panel and nothing else."""
    html = get(f"graph/?sel={SELECTIONS[0]}", headers={"HX-Request": "true", "HX-Target": "sg-panel"}).content.decode()
    assert html.strip().startswith("<aside")
    assert "sg-nav" not in html
    focus = json.loads(unescape(html.partition('data-focus="')[2].partition('"')[0]))
    assert SELECTIONS[3] in focus["connections"]


def test_a_selection_that_is_gone_says_so(get: Get, full: Log) -> None:
    """And nothing on the page is dimmed for it."""
    response = get("graph/?sel=receiver:shop.receivers.nobody")
    assert "Nothing of that name is known here" in text(response)
    assert " dim" not in response.content.decode().partition("<main")[2].partition("</main>")[0]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("overview.json", "health"),
        ("timeline.json", "dispatches"),
        (f"traces/{TRACE}.json", "dispatches"),
        ("signals.json", "signals"),
        (f"signals/{SIGNALS[0]}.json", "connections"),
        ("receivers.json", "receivers"),
        ("receivers/shop.receivers.send_receipt.json", "stats"),
        ("senders.json", "senders"),
        ("senders/shop.Order.json", "recent"),
        ("setup.json", "checks"),
    ],
)
def test_each_page_has_a_json_twin(get: Get, full: Log, path: str, key: str) -> None:
    """It says its schema, the window and what it is a state of."""
    response = get(path)
    data = json.loads(response.content)
    assert response["Content-Type"] == "application/json"
    assert (data["schema"], data["window_s"], data["lost"]) == (1, 900, 0)
    assert data["as_of"]
    assert key in data


def test_the_graph_is_exported_as_drawn(get: Get, full: Log) -> None:
    """Under a filter, the file holds what the page shows."""
    drawn = get("graph.svg?q=signal:order_placed")
    data = json.loads(get("graph.json?q=signal:order_placed").content)
    assert drawn["Content-Type"] == "image/svg+xml"
    assert "send_receipt" in drawn.content.decode()
    assert "audit" not in drawn.content.decode()
    assert {node["id"] for node in data["nodes"]} >= {"sender:shop.Order", "receiver:shop.receivers.send_receipt"}
    assert data["graph"]["query"] == "signal:order_placed"


def test_the_overview_begins_with_whether_it_works(get: Get, full: Log) -> None:
    """Health, the hottest receiver, the error and the cause stand on the first page."""
    said = text(get(""))
    assert "Working. 1 process, newest event" in said
    assert "0 lost, not sampled" in said
    assert "OutOfStock in audit" in said
    assert "POST /orders/" in said


def test_an_empty_overview_is_the_checklist(get: Get) -> None:
    """Before anything is recorded the first page says what is missing."""
    said = text(get(""))
    assert "Nothing recorded yet" in said
    assert "Recording is off" in said


def test_signals_are_called_not_called_or_orphaned(get: Get, full: Log) -> None:
    """An orphan shows how often nobody heard it."""
    rows = {row["name"]: row for row in json.loads(get("signals.json").content)["signals"]}
    assert rows[SIGNALS[0]]["state"] == "called"
    assert (rows[ORPHAN.name]["state"], rows[ORPHAN.name]["dispatches"]) == ("orphaned", 7)
    assert "Orphaned 1 signal" in text(get("signals/"))


def test_the_filter_is_carried_by_every_link_of_the_navigation(get: Get, full: Log) -> None:
    """And a facet adds to it."""
    html = get("signals/?q=app:shop&t=60").content.decode()
    nav = html.partition('id="sg-nav"')[2].partition("</nav>")[0]
    assert nav.count("q=app%3Ashop") == nav.count("href=") == 8
    assert nav.count("t=60") == 8
    assert "q=app%3Ashop%20kind%3Acustom" in html


def test_a_filter_that_cannot_be_read_is_marked_at_its_spot(get: Get, full: Log) -> None:
    """The page shows the filter with the mark, what is wrong and a guess; nothing unfiltered below it."""
    response = get("signals/?q=app:shop+sgnal:x")
    assert response.status_code == 400
    assert "app:shop <mark>sgnal</mark>:x" in response.content.decode()
    assert re.search(r'href="/signals/[^"?]*">Clear the filter<', response.content.decode())
    assert "what is wrong" not in text(response)
    assert "Did you mean signal?" in text(response)
    assert "order_placed" not in text(response)


def test_a_filter_that_cannot_be_read_keeps_what_htmx_shows(get: Get, full: Log) -> None:
    """While somebody types, only the message changes."""
    response = get("signals/?q=sgnal:x", headers={"HX-Request": "true", "HX-Target": "main"})
    assert response.status_code == 200
    assert (response["HX-Reswap"], response["HX-Push-Url"]) == ("none", "false")
    assert "<mark>sgnal</mark>" in response.content.decode()


@pytest.mark.parametrize("path", ["signals.json", "graph.svg", "graph.json", "timeline.json"])
def test_a_filter_that_cannot_be_read_is_data_in_json(get: Get, full: Log, path: str) -> None:
    """What, which value, what to do, and where."""
    response = get(f"{path}?q=app:shop+sgnal:x")
    error = json.loads(response.content)["error"]
    assert response.status_code == 400
    assert (error["value"], error["position"]) == ("app:shop sgnal:x", 9)
    assert "signal" in error["do"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("signals/shop.signals.order_place/", "Did you mean shop.signals.order_placed?"),
        ("receivers/nobody/", "knows the receiver"),
        ("senders/shop.Nothing/", "knows the sender"),
        (f"traces/{SHOP.id}-ff0000/", "gone"),
    ],
)
def test_what_is_not_there_is_a_404_in_words(get: Get, full: Log, path: str, said: str) -> None:
    """What was asked, why it isn't there, what to do; as JSON the same."""
    response, twin = get(path), get(f"{path.rstrip('/')}.json")
    assert (response.status_code, twin.status_code) == (404, 404)
    assert said in text(response)
    assert json.loads(twin.content)["error"]["do"]


def test_a_text_that_is_no_trace_id_is_refused(get: Get, full: Log) -> None:
    """A malformed id is the caller's mistake, not something that is gone."""
    response = get("traces/nonsense/")
    assert response.status_code == 400
    assert "nonsense" in text(response)


def test_a_prefixed_id_finds_its_page_as_well(get: Get, full: Log) -> None:
    """Ids can be pasted as they stand everywhere else."""
    assert get(f"signals/signal:{SIGNALS[0]}/").status_code == 200


@pytest.mark.parametrize(
    "name",
    ["shop.receivers.<lambda>@12", "shop.receivers.audit~a/b?c#d&e", "partial(shop.receivers.note)", "shop.näme.x"],
)
def test_any_receiver_name_has_a_page_that_its_link_reaches(get: Get, log: Log, name: str) -> None:
    """The link in the table leads to the page, whatever stands in the name; nothing of it is markup."""
    log.append(wiring([connection(name)]))
    html = get("receivers/").content.decode()
    link = re.search(r'<a class="name" href="(/signals/receivers/[^"]+)"', html)
    assert link
    response = Client().get(unescape(link[1]))
    assert response.status_code == 200
    assert "<lambda>" not in html


def test_a_text_sender_has_a_page(get: Get, log: Log) -> None:
    """Its name holds quotes."""
    log.append(wiring([connection(sender='"check out"')]))
    assert get("senders/%22check%20out%22/").status_code == 200


def test_the_filter_is_escaped(get: Get, full: Log) -> None:
    """What somebody puts into a link to the page stays text."""
    response = get("signals/", data={"q": '"><script>alert(1)</script>'})
    assert "<script>alert" not in response.content.decode()


def test_django_s_own_connections_are_one_click_away(get: Get, log: Log) -> None:
    """Hidden by default, with their number and the link that shows them."""
    own = connection("django.db.close_old_connections", signal="django.core.signals.request_started")
    log.append(wiring([connection(), own]))
    hidden, shown = get("receivers/"), get("receivers/?all=1")
    assert "close_old_connections" not in text(hidden)
    assert "1 connections of Django's own hidden" in text(hidden)
    assert "close_old_connections" in text(shown)


def test_a_table_shows_fifty_rows_and_links_to_the_rest(get: Get, log: Log) -> None:
    """Without scripts the links are plain; the order goes along."""
    log.append(wiring([connection(f"shop.receivers.r{n:02}", order=n + 1) for n in range(60)]))
    first, second = get("receivers/?sort=name"), get("receivers/?sort=name&page=2")
    assert "1 to 50 of 60" in text(first)
    assert 'href="/signals/receivers/?sort=name&amp;page=2"' in first.content.decode()
    assert "r49" in text(first)
    assert "r50" not in text(first)
    assert "r59" in text(second)


@pytest.mark.parametrize("value", ["-1", "99999999999", "x", "0"])
def test_a_page_number_that_makes_no_sense_shows_rows(get: Get, full: Log, value: str) -> None:
    """A hand-written URL never fails."""
    assert "send_receipt" in text(get(f"receivers/?page={value}&t={value}&sort={value}&row={value}&before={value}"))


def test_links_begin_with_the_prefix_that_the_request_came_by(full: Log) -> None:
    """Below a parameter and below a script name, where `reverse()` would not know what to put in."""
    html = Client().get("/acme/ops/signals/", SCRIPT_NAME="").content.decode()
    below = Client().get("/signals/signals/", SCRIPT_NAME="/root").content.decode()
    assert 'data-base="/acme/ops/"' in html
    assert 'href="/acme/ops/graph/"' in html
    assert 'data-events="/root/signals/events.json"' in below
    assert 'href="/root/signals/graph/"' in below
    for path in ("events.json", "ticket.json", "graph.svg", "traces/x.json"):
        assert Client().get(f"/acme/ops/{path}").status_code in (200, 400)


def test_lost_dispatches_are_said_on_every_page(get: Get, full: Log) -> None:
    """A crash that cost something is never only in a corner of the setup page."""
    full.beat(Heartbeat(SHOP, now_ms(), True, 2, dropped=3))
    for path in ("", "graph/", "setup/"):
        assert re.search(r"3\s+(lost|dispatches, of all)", text(get(path)))


def test_a_recorder_that_fell_silent_is_stale(get: Get, full: Log) -> None:
    """Old data is never shown as live."""
    full.beat(Heartbeat(SHOP, now_ms() - 60_000, True, 2))
    response = get("")
    assert 'data-state="stale"' in response.content.decode()
    assert "Stale. No sign of life for 60 s" in text(response)


def test_the_setup_page_names_every_problem_of_the_settings(get: Get, log: Log, settings: Any) -> None:
    """With what was meant."""
    settings.SIGNALGRAPH = {**settings.SIGNALGRAPH, "RECRD": "auto"}
    said = text(get("setup/"))
    assert "SIGNALGRAPH has the unknown key" in said
    assert "Did you mean RECORD?" in said


@pytest.mark.parametrize(("debug", "record"), [(True, "auto"), (False, "always")])
def test_the_setup_page_shows_the_line_that_switches_recording_on(
    get: Get, log: Log, settings: Any, debug: bool, record: str
) -> None:
    """The line to take out and the one to put in; "auto" would record nothing where DEBUG is off."""
    settings.DEBUG = debug
    settings.SIGNALGRAPH = {**settings.SIGNALGRAPH, "RECORD": "off"}
    html = get("setup/").content.decode()
    assert '<span class="bad"><i>\N{MINUS SIGN}</i>    &quot;RECORD&quot;: &quot;off&quot;,</span>' in html
    assert '<span class="add"><i>+</i>    &quot;RECORD&quot;: &quot;XX&quot;,</span>'.replace("XX", record) in html


def test_the_setup_page_shows_why_the_log_cannot_be_written(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorder's own error, which nobody would see otherwise."""
    state = recorder.state()
    broken = recorder.State("always", True, error="/srv/log.sqlite3 can't be written: read-only.")
    monkeypatch.setattr(recorder, "state", lambda: broken)
    assert not state.error
    assert "/srv/log.sqlite3 can't be written: read-only." in text(get("setup/"))


def test_a_log_that_cannot_be_opened_is_said_in_words(get: Get, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On every page, with the way to the setup."""
    monkeypatch.setattr(scope, "current_index", feed.current_index)
    settings.SIGNALGRAPH = {**settings.SIGNALGRAPH, "LOG": "sqlite:////proc/nowhere/log.sqlite3"}
    response, twin = get("signals/"), get("signals.json")
    assert (response.status_code, twin.status_code) == (503, 503)
    assert "The log can't be read" in text(response)


def test_the_theme_of_the_cookie_is_in_the_page(get: Get) -> None:
    """So nothing flashes before the scripts run; another value is left out."""
    client = Client()
    client.cookies["sg-theme"] = "dark"
    assert '<html lang="en" data-theme="dark">' in client.get("/signals/").content.decode()
    client.cookies["sg-theme"] = 'x" onload="'
    assert '<html lang="en">' in client.get("/signals/").content.decode()


@pytest.mark.parametrize(("age_s", "said"), [(600, "calls, 60 s"), (0, "calls, 5 s")])
def test_statistics_say_their_window_and_sample(get: Get, log: Log, age_s: int, said: str) -> None:
    """A rate without its window says nothing; a log younger than the window is its window."""
    log.append(wiring())
    log.append(batch([dispatch(1, signal=1, calls=[call(1)])], wall_us=now_us() - age_s * 1_000_000))
    log.append(batch([dispatch(2)]))
    words = text(get("receivers/shop.receivers.send_receipt/?t=60"))
    assert said in words
    assert "ms of 1" in words


def test_what_is_not_known_is_a_dot(get: Get, log: Log) -> None:
    """A receiver that never ran has no percentile, and no queries a call."""
    log.append(wiring([connection()]))
    row = get("receivers/").content.decode().partition("<tbody>")[2]
    assert text(HttpResponse(row)).startswith("send_receipt shop.receivers order_placed shop.Order weak 0 0 · · 0 · 0")


def trace_html(log: Log, get: Get, dispatches: list[Dispatch], query: str = "", **changes: Any) -> str:
    """The waterfall of a trace that begins with dispatch 1."""
    log.append(batch(dispatches, **changes))
    return get(f"traces/{TRACE}/{query}").content.decode().partition("<sg-tree")[2].partition("</sg-tree>")[0]


def test_the_waterfall_tells_where_an_error_began_from_where_it_passed(get: Get, full: Log) -> None:
    """The receiver that raised is the origin; the one that sent it is not called one too."""
    html = get(f"traces/{TRACE}/").content.decode()
    assert "origin of the error" in html
    assert html.count("passed through</span>") == 0
    assert re.search(r'title="shop.receivers.audit"><code>audit</code></a><span class="badge err">', html)


def test_receivers_that_were_not_reached_stand_in_the_waterfall(get: Get, log: Log) -> None:
    """With no time of their own."""
    calls = [call(0, status=1, error="ValueError"), call(1, None, status=2, offset_ns=None)]
    html = trace_html(log, get, [dispatch(1, calls=calls, status=1)])
    assert "not-reached" in html
    assert 'class="stop"' in html
    assert "after an error" in html


def test_an_error_that_was_passed_through_is_said_to_be(get: Get, log: Log) -> None:
    """A nested send raised, and so did the receiver that sent it."""
    inner = dispatch(2, parent=span(1) + 1, trace=span(1), status=1, calls=[call(1, status=1, error="ValueError")])
    outer = dispatch(1, start_us=now_us() - 50_000, status=1, calls=[call(0, 9_000_000, status=1, error="ValueError")])
    html = trace_html(log, get, [inner, outer])
    assert html.count("passed through") == 1
    assert html.count("> raised<") == 1


def test_an_async_receiver_shows_its_busy_time(get: Get, log: Log) -> None:
    """Beside the elapsed one."""
    html = trace_html(log, get, [dispatch(1, calls=[call(0, 20_000_000, busy_ns=1_900_000)])])
    assert "busy 1.9 of 20.0" in html
    assert 'class="asy"' in html


def test_a_receiver_that_could_not_be_timed_says_so(get: Get, log: Log) -> None:
    """Never 0 ms."""
    html = trace_html(log, get, [dispatch(1, status=5, calls=[call(0, None, offset_ns=None, status=5)])])
    assert html.count("not timed") >= 1
    assert ">0.0<" not in html


def test_repeats_are_folded_and_open_by_a_link(get: Get, log: Log) -> None:
    """Twelve equal dispatches in a receiver are one row, twelve when opened."""
    start = now_us() - 100_000
    inner = [
        dispatch(n, parent=span(1) + 1, trace=span(1), signal=1, start_us=start + n * 100, calls=[call(1)])
        for n in range(2, 14)
    ]
    html = trace_html(log, get, [*inner, dispatch(1, start_us=start)])
    link = re.search(r'class="tw-a" href="([^"]+)"', html)
    assert "\N{MULTIPLICATION SIGN} 12" in html
    assert html.count("post_save") == 2  # the name and its title
    assert link
    opened = Client().get(unescape(link[1])).content.decode()
    assert opened.count(">post_save<") == 12


def test_a_long_trace_shows_three_hundred_rows_at_a_time(get: Get, log: Log) -> None:
    """The rest is a link away, and the row count is the whole."""
    start = now_us() - 1_000_000
    sites = [f"shop/views.py:{n}" for n in range(400)]
    inner = [
        dispatch(n, parent=span(1) + 1, trace=span(1), signal=1, site=n, start_us=start + n, calls=[call(1)])
        for n in range(2, 400)
    ]
    html = trace_html(log, get, [*inner, dispatch(1, start_us=start)], sites=sites)
    assert html.count('role="row"') == 301
    assert 'aria-rowcount="799"' in html
    last = get(f"traces/{TRACE}/?row=600").content.decode()
    assert "rows 601 to 798 of 798" in text(HttpResponse(last))


@pytest.mark.parametrize("name", ["trace", "call", "dispatch"])
def test_a_trace_and_its_parts_have_a_panel(get: Get, full: Log, name: str) -> None:
    """On the timeline the trace; in the waterfall what was clicked."""
    inner = f"{SHOP.id}-{span(2):x}"
    paths = {
        "trace": f"timeline/?sel=trace:{TRACE}",
        "call": f"traces/{TRACE}/?sel=call:{inner}/1",
        "dispatch": f"traces/{TRACE}/?sel=dispatch:{inner}",
    }
    panel = get(paths[name]).content.decode().partition('<aside class="panel"')[2]
    assert panel
    said = {"trace": "Open trace", "call": "OutOfStock", "dispatch": "post_save"}
    assert said[name] in panel


def test_the_timeline_seeds_its_lanes_with_the_feed_s_shape(get: Get, full: Log) -> None:
    """What a lane needs to begin with: dispatches, the cause of each trace, the label of each process."""
    seed = json.loads(get("timeline.json?span=60").content)
    assert {each["signal"] for each in seed["dispatches"]} == set(SIGNALS)
    assert seed["causes"] == {TRACE: "POST /orders/"}
    assert seed["processes"] == {SHOP.id: SHOP.label}
