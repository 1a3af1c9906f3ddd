"""The page of findings over fixed ones: cards, facets, evidence, acceptance; and where else findings are told."""

from __future__ import annotations

import inspect
import json
import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from log_entries import SEND_RECEIPT, SHOP, SIGNALS, batch, call, connection, dispatch, now_ms, now_us, span, wiring

from signalgraph.events import Heartbeat
from signalgraph.findings import Evidence, Finding
from signalgraph.index import Index
from signalgraph.log import Log, open_log
from signalgraph.web import asking, found, scope

RECEIPT = "receiver:shop.receivers.send_receipt"
AUDIT = "receiver:shop.receivers.audit"
TRACE = f"{SHOP.id}-{span(1):x}"
CALL = f"{TRACE}/{TRACE}/1"
LINE = inspect.getsourcelines(call)[1]
SLOW = Finding(
    "SG203",
    RECEIPT,
    "shop.receivers.send_receipt is slow.",
    "One call took 3 s.",
    "Send it `on_commit`.",
    (
        Evidence("trace", CALL, "POST /orders/", "15:01:41"),
        Evidence("receiver", RECEIPT, "send_receipt", f"tests/log_entries.py:{LINE}"),
        Evidence("signal", f"signal:{SIGNALS[0]}", "order_placed"),
        Evidence("code", "", "somewhere else"),
    ),
    "shop",
    12,
    None,
)
TWICE = Finding("SG101", SEND_RECEIPT, "<b>send_receipt</b> runs twice.", app="shop")
LEGACY = Finding("SG103", "receiver:legacy.late.gone", "legacy.late.gone is gone.", app="legacy")
HTMX = {"HX-Request": "true"}
FIND_STATIC = found._find_static


def nobody(request: HttpRequest) -> bool:
    return False


@pytest.fixture
def log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Two connections, one dispatch, and two findings read from the code and one seen at run time."""
    url = f"memory://{uuid.uuid4().hex}"
    settings.SIGNALGRAPH = {"LOG": url, "ACCESS": "page_urls.everybody"}
    settings.ROOT_URLCONF = "page_urls"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    log = open_log(url, writer=True)
    for module in (scope, asking):
        monkeypatch.setattr(module, "current_index", lambda: Index(log))
    find(monkeypatch, [TWICE, LEGACY], [SLOW])
    log.append(wiring([connection(), connection("shop.receivers.audit", signal=SIGNALS[1], sender="*")]))
    log.append(batch([dispatch(1)]))
    log.beat(Heartbeat(SHOP, now_ms(), True, 1))
    return log


def find(monkeypatch: pytest.MonkeyPatch, in_code: list[Finding], in_traffic: list[Finding]) -> None:
    monkeypatch.setattr(found, "_code", found._Kept())
    monkeypatch.setattr(found, "_traffic", found._Kept())
    monkeypatch.setattr(found, "_find_static", lambda: in_code)
    monkeypatch.setattr(found, "_find_run", lambda index: in_traffic)


def get(path: str = "findings/", **extra: Any) -> HttpResponse:
    return Client().get(f"/signals/{path}", **extra)


def post(headers: dict[str, str] | None = None, **values: str) -> HttpResponse:
    return Client().post("/signals/accept/", values, headers=headers)


def html(path: str = "findings/", **extra: Any) -> str:
    return get(path, **extra).content.decode()


def text(path: str = "findings/") -> str:
    """What the main view of a page says, without markup."""
    words = re.sub(r"<[^>]*>", " ", html(path).partition("<main")[2].partition("</main>")[0])
    return " ".join(unescape(words).split())


def titles(path: str) -> list[str]:
    """The rules of the cards that a page shows."""
    return re.findall(r'class="side"><span>(SG\d+)', html(path))


def test_findings_stand_by_severity(log: Log) -> None:
    """Errors first; a closed card says what, where, and how it was seen."""
    assert titles("findings/") == ["SG101", "SG103", "SG203"]
    said = text()
    assert "1 seen at run time, 2 seen in the code" in said
    assert "A receiver is slow SG203 12 times shop.receivers.send_receipt is slow." in said
    assert "How to fix" not in said


def test_an_opened_card_tells_all(log: Log) -> None:
    """What was seen, why it matters, the evidence with its links, the fix; one card at a time."""
    page = html(f"findings/?open={SLOW.key}")
    said = text(f"findings/?open={SLOW.key}")
    assert page.count('aria-expanded="true"') == 1
    assert "What was seen One call took 3 s." in said
    assert "How to fix Send it on_commit ." in said
    assert "docs/findings.md#sg203" in said
    links = [unescape(link) for link in re.findall(r'class="link" href="([^"]+)"', page.partition("Evidence</h3>")[2])]
    assert f"/signals/traces/{TRACE}/?sel=call%3A{TRACE}%2F1" in links[0]
    assert "/signals/receivers/shop.receivers.send_receipt/" in links
    assert f"/signals/signals/{SIGNALS[0]}/" in links
    assert Client().get(links[0]).status_code == 200


def test_an_opened_card_shows_the_source_that_the_evidence_names(log: Log) -> None:
    """A file below the project, its line marked; one that can't be read leaves it out."""
    page = html(f"findings/?open={SLOW.key}")
    assert f'<span class="hl"><i>{LINE}</i>def call(' in page
    assert f"tests/log_entries.py:{LINE}" in page
    assert '<pre class="src"' not in html(f"findings/?open={TWICE.key}")


@pytest.mark.parametrize("at", ["../../etc/passwd.py:1", "/etc/hosts.py:1", "tests/nothing.py:1", "manage.py:x", ""])
def test_evidence_that_names_no_file_below_the_project_shows_none(
    log: Log, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Whatever a log says, no other file is read."""
    find(monkeypatch, [Finding("SG101", "signal:x", "It is so.", evidence=(Evidence("code", "", "x", at),))], [])
    assert '<pre class="src"' not in html("findings/?open=SG101:signal:x")


def test_an_editor_is_linked_where_one_is_set(log: Log, settings: Any) -> None:
    """With the key of the mock."""
    settings.SIGNALGRAPH = {**settings.SIGNALGRAPH, "EDITOR": "vscode://file/{path}:{line}"}
    link = re.search(r'href="(vscode://[^"]+)" data-key="o"', html(f"findings/?open={SLOW.key}"))
    assert link
    assert link[1].endswith(f"tests/log_entries.py:{LINE}")


def test_names_are_code_and_nothing_is_markup(log: Log) -> None:
    """A receiver's name can hold angle brackets."""
    page = html()
    assert "<b>send_receipt" not in page
    assert "&lt;b&gt;<code>send_receipt</code>&lt;/b&gt; runs twice." in page
    assert "<code>shop.receivers.send_receipt</code> is slow." in page


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        ("severity=cost", ["SG203"]),
        ("severity=error,cost", ["SG101", "SG103", "SG203"]),
        ("seen=code", ["SG101", "SG103"]),
        ("app=legacy", ["SG103"]),
        ("rule=SG101,SG203&app=shop", ["SG101", "SG203"]),
        ("severity=cost&app=legacy", []),
        ("severity=nonsense", []),
        ("q=app:legacy", ["SG103"]),
        ("q=signal:order_placed", ["SG101", "SG203"]),
        ("q=-receiver:send_receipt", ["SG103"]),
        ("q=app:shop&rule=SG203", ["SG203"]),
    ],
)
def test_facets_and_the_filter_narrow(log: Log, query: str, rules: list[str]) -> None:
    """The filter is applied to the connections that a finding is about; a gone one is matched by its name."""
    assert titles(f"findings/?{query}") == rules


def test_a_facet_counts_what_choosing_it_would_show(log: Log) -> None:
    """Its own choice doesn't change its counts; a click adds to it or takes it out again."""
    facets = html("findings/?seen=code").partition('id="sg-facets"')[2].partition("</details>")[0]
    counts = dict(re.findall(r'<span>([^<]+)</span><span class="n">(\d+)</span>', facets))
    assert counts == {"error": "2", "at run time": "1", "in the code": "2", "legacy": "1", "shop": "1"} | {
        "SG101": "1",
        "SG103": "1",
    }
    assert 'href="/signals/findings/?seen=code%2Crun"' in facets
    assert 'aria-current="true"' in facets


def test_nothing_left_says_what_narrows(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing found at all says how much was looked at."""
    assert "No open finding matches the filter and the facets. Show all" in text("findings/?app=nothing")
    assert "Nothing was accepted" in text("findings/?state=accepted")
    find(monkeypatch, [], [])
    assert re.search(r"Nothing to put right: \d+ rules read the code, \d+ looked at what was recorded", text())


def test_a_rule_that_failed_is_named(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is said where somebody would miss it."""
    monkeypatch.setattr("signalgraph.findings.failed", {"SG204"})
    assert "SG204 failed and is left out" in text()
    assert json.loads(get("findings.json").content)["failed"] == ["SG204"]


def test_code_that_cannot_be_read_stops_no_page(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The rules that look at traffic go on; the log has the reason, once."""

    def fail() -> None:
        raise RuntimeError("this source is odd")

    monkeypatch.setattr("signalgraph.findings.failed", set())
    monkeypatch.setattr(found, "_find_static", FIND_STATIC)
    monkeypatch.setattr(found, "read_code", fail)
    for _ in range(2):
        monkeypatch.setattr(found, "_code", found._Kept())
        assert "SG1xx failed and is left out" in text()
    assert caplog.text.count("The code can't be read") == 1


def test_findings_are_looked_for_now_and_then_only(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that asks again takes what there is, unless it is another log."""
    calls: list[int] = []
    monkeypatch.setattr(found, "_find_static", lambda: calls.append(1) or [])
    for _ in range(3):
        get("signals/")
    assert len(calls) == 1
    monkeypatch.setattr(found, "CODE_FRESH_S", 0)
    get("signals/")
    assert len(calls) == 2


def test_a_finding_is_accepted_with_a_reason_and_opened_again(log: Log) -> None:
    """It leaves the open ones, with its reason in the other tab, from where it can be withdrawn."""
    assert post(key=SLOW.key, reason="  A print\nserver. ", back="/signals/findings/").status_code == 303
    assert log.control().accepted == {SLOW.key: "A print server."}
    assert titles("findings/") == ["SG101", "SG103"]
    assert titles("findings/?state=accepted") == ["SG203"]
    assert "Accepted: A print server." in text(f"findings/?state=accepted&open={SLOW.key}")
    assert "Accepted 1" in text()
    post(key=SLOW.key, withdraw="1")
    assert log.control().accepted == {}


@pytest.mark.parametrize("values", [{"reason": "  "}, {}, {"key": "nonsense", "reason": "x"}, {"reason": "x" * 600}])
def test_what_cannot_be_accepted_is_refused_in_words(log: Log, values: dict[str, str]) -> None:
    """Without a reason above all; with htmx beside what is there."""
    values = {"key": SLOW.key, **values}
    plain, htmx = post(**values), post(headers=HTMX, **values)
    assert plain.status_code == 400
    assert "be accepted" in plain.content.decode()
    assert (htmx.status_code, htmx["HX-Reswap"]) == (200, "none")
    assert 'id="sg-notice"' in htmx.content.decode()
    assert log.control().accepted == {}


def test_what_the_settings_accept_cannot_be_withdrawn_here(log: Log, settings: Any) -> None:
    """It says where it is accepted."""
    settings.SIGNALGRAPH = {**settings.SIGNALGRAPH, "ACCEPT": {"SG203": "The queue is short."}}
    page = html(f"findings/?state=accepted&open={SLOW.key}")
    assert "The queue is short." in page
    assert 'name="withdraw"' not in page
    assert 'SIGNALGRAPH["ACCEPT"]' in unescape(page)


def test_an_acceptance_of_what_is_gone_can_be_withdrawn(log: Log) -> None:
    """It would wait there for the fault to come back."""
    post(key="SG203:receiver:shop.receivers.old", reason="It was right.")
    assert "Accepted, and found no more SG203:receiver:shop.receivers.old It was right." in text(
        "findings/?state=accepted"
    )
    assert 'name="withdraw"' in html("findings/?state=accepted")


def test_only_who_may_look_may_accept(log: Log, settings: Any) -> None:
    """By the project's rule, with our page's token, and never by GET."""
    client = Client(enforce_csrf_checks=True)
    assert client.post("/signals/accept/", {"key": SLOW.key, "reason": "x"}).status_code == 403
    assert client.get("/signals/accept/", {"key": SLOW.key, "reason": "x"}).status_code == 405
    settings.SIGNALGRAPH = {**settings.SIGNALGRAPH, "ACCESS": "test_pages_findings.nobody"}
    assert post(key=SLOW.key, reason="x").status_code == 403
    assert log.control().accepted == {}


def test_the_form_of_the_card_works_as_it_stands(log: Log) -> None:
    """Its token, its key, and where it goes back to: the page without the card, which says what was accepted."""
    client = Client(enforce_csrf_checks=True)
    page = client.get(f"/signals/findings/?app=shop&open={SLOW.key}").content.decode()
    form = page[page.index('class="accept"') :].partition("</form>")[0]
    values = {key: unescape(value) for key, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)}
    answer = client.post("/signals/accept/", {**values, "reason": "A print server."})
    back = f"/signals/findings/?app=shop&accepted={quote(SLOW.key)}"
    assert (answer.status_code, answer["Location"]) == (303, back)
    said = unescape(client.get(back).content.decode())
    assert 'role="status"' in said
    assert "with the reason “A print server.”" in said
    link = re.search(r'Accepted: <a class="link" href="([^"]+)">A receiver is slow<', said)
    assert link
    assert "Accepted: A print server." in client.get(link[1]).content.decode()


def test_only_what_is_accepted_is_said_to_be(log: Log) -> None:
    """An address that somebody kept, or made up, confirms nothing; nor does the next click."""
    assert "Accepted:" not in html(f"findings/?accepted={SLOW.key}")
    post(key=SLOW.key, reason="x")
    page = html(f"findings/?accepted={SLOW.key}")
    assert "Accepted:" in page
    assert (
        "accepted=SG"
        not in page.replace(f'hx-get="/signals/findings/?accepted={quote(SLOW.key)}"', "")
        .partition("<main")[2]
        .partition("</main>")[0]
    )


def test_the_form_says_where_an_acceptance_holds(log: Log) -> None:
    """In this log; the line that holds everywhere is there to be copied, and is one that the settings take."""
    said = unescape(html(f"findings/?open={SLOW.key}"))
    line = f'SIGNALGRAPH["ACCEPT"] = {{"{SLOW.key}": "reason"}}'
    assert "kept in this log only" in said
    assert f"<code>{line}</code>" in said


def test_the_page_has_a_json_twin(log: Log) -> None:
    """Each finding with what its rule says, and the reason where it was accepted."""
    (first, *_) = json.loads(get("findings.json?severity=cost").content)["open"]
    assert (first["key"], first["severity"], first["seen"]) == (SLOW.key, "cost", "run")
    assert first["evidence"][0]["text"] == "POST /orders/"
    post(key=SLOW.key, reason="A print server.")
    (first,) = json.loads(get("findings.json?state=accepted").content)["accepted"]
    assert first["accepted"] == "A print server."


def test_htmx_gets_the_cards_alone(log: Log) -> None:
    """A click swaps the list of cards, which looks again when there is something new."""
    part = html("findings/", headers={**HTMX, "HX-Target": "sg-findings"})
    assert part.strip().startswith('<div class="stack" id="sg-findings"')
    assert "<main" not in part


def test_every_page_counts_the_open_findings(log: Log) -> None:
    """In the navigation."""
    assert '<span class="count">3<span class="sr"> open</span></span>' in html("signals/")
    post(key=SLOW.key, reason="x")
    assert '<span class="count">2<' in html("setup/")


def test_the_overview_lists_the_first_findings(log: Log) -> None:
    """Each with the link that opens its card."""
    said = text("")
    assert "Top findings all 3" in said
    link = re.search(r'<a class="t" href="([^"]+)">A receiver is slow<', html(""))
    assert link
    assert 'aria-expanded="true"' in Client().get(unescape(link[1])).content.decode()


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        ("receivers/shop.receivers.send_receipt/", {"SG101", "SG203"}),
        (f"signals/{SIGNALS[0]}/", {"SG101"}),
        ("senders/shop.Order/", {"SG101"}),
        ("receivers/shop.receivers.audit/", set()),
        (f"graph/?sel={RECEIPT}", {"SG101", "SG203"}),
    ],
)
def test_a_subject_lists_its_findings(log: Log, path: str, rules: set[str]) -> None:
    """On its page and in its panel: about it, about its connections, or with it in evidence."""
    listed = re.search(r'class="chain insights">(.*?)</ul>', html(path), re.DOTALL)
    assert set(re.findall(r"SG\d+</span>", listed[1] if listed else "")) == {f"{rule}</span>" for rule in rules}


def test_a_trace_lists_what_was_found_in_it(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above its waterfall; another trace says nothing."""
    log.append(batch([dispatch(2, start_us=now_us())]))
    assert "A receiver is slow" in text(f"traces/{TRACE}/")
    assert "A receiver is slow" not in text(f"traces/{SHOP.id}-{span(2):x}/")


def test_requests_that_waited_for_the_first_findings_do_not_look_again() -> None:
    """Rules read all that is in memory: one request does it, those that came meanwhile take what it found."""
    kept, looks = found._Kept(), []
    begun, goes_on = threading.Event(), threading.Event()

    def look() -> list[Finding]:
        looks.append(1)
        begun.set()
        goes_on.wait(10)
        return [SLOW]

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(kept.get, "key", 60.0, look)
        assert begun.wait(10)
        others = [pool.submit(kept.get, "key", 60.0, look) for _ in range(3)]
        goes_on.set()
        assert [each.result(10) for each in (first, *others)] == [[SLOW]] * 4
    assert looks == [1]
