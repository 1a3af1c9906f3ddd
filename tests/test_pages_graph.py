"""The views of the graph page: what each draws, lists and links, and what is said where one can't be drawn."""

from __future__ import annotations

import json
import re
import uuid
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from django.http import HttpResponse
from django.test import Client
from log_entries import SHOP, batch, call, connection, dispatch, now_ms, span, total, wiring

from signalgraph.events import Batch, Dispatch, Heartbeat
from signalgraph.exports.files import KINDS
from signalgraph.graph import views
from signalgraph.graph.material import MAX_DEPTH, Ask
from signalgraph.index import Index
from signalgraph.log import Log, open_log
from signalgraph.web import found, scope
from signalgraph.web.asks import read_ask, write_open
from signalgraph.web.state import State

PLACED, SAVED = "shop.signals.order_placed", "django.db.models.signals.post_save"
SENDERS = ["shop.Order", "shop.StockItem", "library.Book"]
RECEIVERS = ["shop.receivers.reserve", "library.receivers.index", "shop.receivers.check"]
ROWS = [  # (signal, sender, receiver) by position in the lists above
    connection(RECEIVERS[0], signal=PLACED, sender=SENDERS[0]),
    connection(RECEIVERS[2], signal=SAVED, sender=SENDERS[1]),
    connection(RECEIVERS[1], signal=SAVED, sender=SENDERS[2], order=2),
]
NAMES = {
    "signals": [PLACED, SAVED],
    "senders": SENDERS,
    "receivers": RECEIVERS,
    "connections": [(0, 0, 0), (1, 1, 2), (1, 2, 1)],
}
ORDER, CHECK, RESERVE = "sender:shop.Order", f"receiver:{RECEIVERS[2]}", f"receiver:{RECEIVERS[0]}"
VIEWS = [
    "view=wiring",
    "view=apps",
    "view=apps&open=shop",
    f"view=focus&sel={ORDER}",
    f"view=focus&sel={CHECK}&direction=up&depth=1",
    f"view=path&sel={ORDER}&to={CHECK}",
    "view=path",
    f"view=path&sel={ORDER}",
    "view=list",
    f"view=list&of=focus&sel={ORDER}",
    f"view=list&of=path&sel={ORDER}&to={CHECK}",
    "view=list&of=apps",
]
TIMES = "\N{MULTIPLICATION SIGN}"
DRAWN = [query for query in VIEWS if "list" not in query]


@pytest.fixture(autouse=True)
def log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Log:
    """`order_placed` of an order runs `reserve`, which saves stock, which `check` handles; a book stands aside."""
    url = f"memory://{uuid.uuid4().hex}"
    settings.SIGNALGRAPH = {"LOG": url, "ACCESS": "page_urls.everybody"}
    settings.ROOT_URLCONF = "page_urls"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": []}]
    log = open_log(url, writer=True)
    monkeypatch.setattr(scope, "current_index", lambda: Index(log))
    monkeypatch.setattr(found, "_find_static", list)
    monkeypatch.setattr(found, "_find_run", lambda index: [])
    log.append(wiring(ROWS))
    inner = dispatch(2, parent=span(1) + 1, trace=span(1), signal=1, sender=1, calls=[call(1)])
    log.append(told([inner, dispatch(1)]))
    log.beat(Heartbeat(SHOP, now_ms(), True, 2))
    return log


def told(dispatches: list[Dispatch]) -> Batch:
    calls = [each for one in dispatches for each in one.calls]
    return batch(dispatches, totals=[total(calls, place) for place in range(len(ROWS))], **NAMES)


def get(query: str = "", **headers: str) -> HttpResponse:
    return Client().get(f"/signals/graph/?{query}", headers=headers)


def html(query: str = "") -> str:
    return get(query).content.decode()


def text(query: str = "") -> str:
    """What the main view says, without markup."""
    words = re.sub(r"<[^>]*>", " ", html(query).partition("<main")[2].partition("</main>")[0])
    return " ".join(unescape(words).split())


def boxes(query: str) -> set[str]:
    """The ids of what is drawn."""
    return set(re.findall(r"<g id='([^']+)' class='node", html(query)))


def link(query: str, inside: str) -> str:
    """Where a link of the toolbar leads."""
    found = re.search(rf'id="{inside}" href="([^"]+)"', html(query))
    assert found, inside
    return unescape(found[1])


@pytest.mark.parametrize("query", VIEWS)
def test_each_view_is_a_page_that_keeps_the_policy(query: str) -> None:
    """With its own tab marked, and nothing inline."""
    page = html(query)
    tab = query.partition("&")[0].removeprefix("view=")
    assert get(query).status_code == 200
    assert re.search(rf'id="sg-view-{tab}"[^>]*aria-current="true"', page)
    assert len(re.findall(r'id="sg-view-\w+"[^>]*aria-current', page)) == 1
    assert not re.search(r"<[^>]+\s(style|on\w+)=", page)


def test_a_focus_draws_what_belongs_to_it() -> None:
    """What was seen to follow, not all that a signal reaches."""
    drawn = boxes(f"view=focus&sel={ORDER}")
    assert any(RECEIVERS[2] in one for one in drawn)
    assert not any(RECEIVERS[1] in one for one in drawn)
    assert not any(RECEIVERS[2] in one for one in boxes(f"view=focus&sel={ORDER}&depth=0"))
    assert not any(RECEIVERS[0] in one for one in boxes(f"view=focus&sel={CHECK}&direction=down"))


def test_a_path_draws_only_the_way(log: Log) -> None:
    """From the order to the receiver that its stock ran."""
    drawn = boxes(f"view=path&sel={ORDER}&to={CHECK}")
    assert any(RECEIVERS[0] in one for one in drawn)
    assert not any("library" in one for one in drawn)


def test_an_app_is_opened_and_closed_by_its_link() -> None:
    """In place, whatever else the address says."""
    closed, opened = html("view=apps&color=errors"), html("view=apps&color=errors&open=shop")
    assert "/signals/graph/?view=apps&color=errors&open=shop" in unescape(closed)
    assert CHECK not in boxes("view=apps")
    assert CHECK in boxes("view=apps&open=shop")
    assert "href='/signals/graph/?view=apps&color=errors'" in unescape(opened)


def test_the_list_of_a_focus_tells_its_stages() -> None:
    """In the order in which one thing follows from the other, with what was seen."""
    said = text(f"view=list&of=focus&sel={ORDER}")
    assert said.index("Here") < said.index("order_placed from shop.Order") < said.index("1 cause later")
    assert f"reserve sets off post_save of shop.StockItem {TIMES} 1" in said
    assert f"post_save from shop.StockItem set off by reserve {TIMES} 1" in said
    assert said.index("1 cause later") < said.index("check")


def test_the_list_of_apps_adds_up() -> None:
    """Each pair of apps with its connections and signals."""
    said = text("view=list&of=apps")
    assert "library → library post_save 1" in said
    assert "shop → shop order_placed, post_save 2" in said


def test_a_path_without_its_ends_asks_for_them() -> None:
    """A form that works without scripts, and a drawing to pick from: the start first, then the end."""
    assert "Type where it begins" in text("view=path")
    assert f"/signals/graph/?view=path&sel={ORDER.replace(':', '%3A')}" in unescape(html("view=path"))
    page = unescape(html(f"view=path&sel={ORDER}&q=-app:django"))
    assert "Now where it ends" in page
    assert f"to={CHECK.replace(':', '%3A')}" in page
    form = page.partition('id="sg-path"')[2].partition("</form>")[0]
    values = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert values == {"view": "path", "q": "-app:django", "sel": ORDER, "to": ""}
    assert f'<option value="{CHECK}">' in form


@pytest.mark.parametrize("query", ["", f"&sel={ORDER}", f"&to={CHECK}", f"&sel={ORDER}&to={CHECK}"])
@pytest.mark.parametrize("view", ["view=path", "view=list&of=path"])
def test_every_export_of_a_path_is_a_file_of_what_is_shown(view: str, query: str) -> None:
    """While an end is missing that is the wiring."""
    menu = html(f"{view}{query}&q=-app:django").partition('id="sg-exports"')[2].partition("</details>")[0]
    links = [unescape(each) for each in re.findall(r'href="([^"]+)" download', menu)]
    assert len(links) == len(KINDS)
    assert {Client().get(each).status_code for each in links} == {200}
    (table,) = (Client().get(each).content.decode() for each in links if "graph.csv" in each)
    assert (RECEIVERS[1] in table) == (query.count("=") < 2)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("view=focus", 200, "What should the focus be on?"),
        ("view=focus&sel=sender:shop.Nothing", 404, "There is nothing of that name"),
        ("view=focus&sel=nonsense", 404, "There is nothing of that name"),
        (f"view=focus&sel={ORDER}&q=app:library", 200, "This can't be drawn"),
        (f"view=path&sel={CHECK}&to={ORDER}", 200, "No way was seen"),
        (f"view=path&sel={ORDER}&to=receiver:nobody", 404, "There is nothing of that name"),
        ("view=apps&open=nothing", 200, "This can't be drawn"),
    ],
)
def test_what_cannot_be_drawn_says_what_to_do(query: str, status: int, said: str) -> None:
    """In words, with places to go on from."""
    response = get(query)
    assert response.status_code == status
    assert said in text(query)
    problem = response.content.decode().partition('class="problem"')[2].partition("</main>")[0]
    assert "<a " in problem


def test_a_picture_of_too_many_boxes_says_what_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the page with links that work, in the place of a file as an error; tables hold everything."""
    monkeypatch.setattr(views, "MOST_IN_STAGES", 4)
    monkeypatch.setattr(views, "MOST_BOXES", 4)
    for query, ways in ((f"view=focus&sel={ORDER}", ["depth=0", "view=list"]), ("", ["view=apps", "view=list"])):
        problem = html(query).partition('class="problem"')[2].partition("</main>")[0]
        assert "boxes are more than can be drawn (4)" in problem
        links = [unescape(each) for each in re.findall(r'href="([^"]+)"', problem)]
        assert [way for link, way in zip(links, ways, strict=True) if way in link] == ways
        assert {Client().get(each).status_code for each in links} == {200}
        assert "boxes are more" not in Client().get(links[0]).content.decode()
        answers = [Client().get(f"/signals/graph.{kind}?{query}") for kind in ("svg", "json")]
        assert [answer.status_code for answer in answers] == [400, 200]
        assert "boxes are more than can be drawn" in answers[0].json()["error"]["what"]


def test_an_empty_log_says_why_there_is_nothing_to_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every view, with the way to what is missing."""
    empty = open_log(f"memory://{uuid.uuid4().hex}", writer=True)
    monkeypatch.setattr(scope, "current_index", lambda: Index(empty))
    for query in ("view=focus", "view=apps", "view=path", "view=list&of=apps", "view=wiring&q=app:nothing"):
        assert re.search(r"No connection (matches|is known)|Recording is off", text(query)), query


def test_a_focus_starts_at_the_busiest() -> None:
    """Each a link to its focus."""
    problem = html("view=focus").partition('class="problem"')[2]
    starts = [unescape(one) for one in re.findall(r'<a href="([^"]+)" title=', problem)]
    assert f"/signals/graph/?view=focus&sel={ORDER.replace(':', '%3A')}" in starts
    assert all(Client().get(one).status_code == 200 for one in starts)


@pytest.mark.parametrize(("typed", "meant"), [("shop.Order", ORDER), ("check", CHECK), (RECEIVERS[0], RESERVE)])
def test_names_do_in_place_of_ids(typed: str, meant: str) -> None:
    """Short or whole."""
    assert boxes(f"view=focus&sel={typed}") == boxes(f"view=focus&sel={meant}") != set()


def test_a_name_of_several_things_is_asked_about(log: Log) -> None:
    """With all that it can mean."""
    log.append(wiring([*ROWS, connection("library.receivers.check", signal=SAVED, sender=SENDERS[2], order=3)]))
    assert "'check' can mean receiver:library.receivers.check, receiver:shop.receivers.check" in text(
        "view=focus&sel=check"
    )


def test_the_toolbar_changes_one_thing_and_keeps_the_rest() -> None:
    """Depth, direction, colour and view stand in the address."""
    query = f"view=focus&sel={ORDER}&q=-app:django&depth=2"
    kept = f"view=focus&sel={ORDER.replace(':', '%3A')}&q=-app%3Adjango"
    assert link(query, "sg-depth-more") == f"/signals/graph/?{kept}&depth=3"
    assert link(query, "sg-depth-less") == f"/signals/graph/?{kept}&depth=1"
    assert link(query, "sg-direction-up") == f"/signals/graph/?{kept}&depth=2&direction=up"
    assert link(query, "sg-color-errors") == f"/signals/graph/?{kept}&depth=2&color=errors"
    assert "view=list" in link(query, "sg-view-list")
    assert "of=focus" in link(query, "sg-view-list")
    assert 'id="sg-depth-less"' not in html(f"view=focus&sel={ORDER}&depth=0")
    assert 'id="sg-depth-more"' not in html(f"view=focus&sel={ORDER}&depth={MAX_DEPTH}")
    assert "sg-direction" not in html("view=wiring")


@pytest.mark.parametrize("query", [query for query in VIEWS if "to=" in query or "path" not in query])
def test_every_file_shows_what_the_page_shows(query: str) -> None:
    """Each link of the menu answers, with the state of the page."""
    menu = html(f"{query}&q=-app:django").partition('id="sg-exports"')[2].partition("</details>")[0]
    links = [unescape(one) for one in re.findall(r'<a href="([^"]+)"', menu)]
    assert {one.partition("?")[0].rpartition(".")[2] for one in links} == {kind.suffix for kind in KINDS.values()}
    for one in links:
        assert "q=-app%3Adjango" in one
        assert Client().get(one).status_code == 200


@pytest.mark.parametrize("query", DRAWN)
@pytest.mark.parametrize("measure", ["p95", "errors", "self"])
def test_any_view_takes_any_colour(query: str, measure: str) -> None:
    """The legend says which number it is."""
    drawn = f"{query}&color={measure}"
    assert f"data-measure='{measure}'" in html(drawn)
    assert {"p95": "p95 ms", "errors": "errors", "self": "ms/s"}[measure] in text(drawn)


def test_only_the_rates_of_the_wiring_follow_the_feed() -> None:
    """All other numbers are asked for again."""
    assert "data-baseline" in html("view=wiring")
    for query in ("view=wiring&color=p95", "view=apps", f"view=focus&sel={ORDER}"):
        assert "data-baseline" not in html(query)


@pytest.mark.parametrize("query", ["view=apps&open=shop", f"view=focus&sel={ORDER}", "view=wiring&color=p95"])
def test_new_numbers_come_with_the_same_drawing(log: Log, query: str) -> None:
    """A tick moves nothing: the same ids in the same places, other numbers."""
    headers = {"HX-Request": "true", "HX-Target": "sg-drawing"}
    before = get(query, **headers).content.decode()
    log.append(told([dispatch(n, calls=[call(duration_ns=9_000_000)]) for n in range(10, 400)]))
    after = get(query, **headers).content.decode()
    assert before.strip().startswith("<svg")
    places = re.compile(r"id='[^']+'|<rect class='box'[^>]*>|<path class='edge[^>]* d='[^']+'")
    still = [re.sub(r" stroke-width='[^']*'", "", one) for one in places.findall(before)]
    assert still == [re.sub(r" stroke-width='[^']*'", "", one) for one in places.findall(after)]
    assert before != after


def test_a_pick_in_a_focus_opens_the_panel_and_moves_nothing() -> None:
    """It has a parameter of its own; the focus stays on what it was on."""
    query = f"view=focus&sel={ORDER}"
    assert '<aside class="panel"' not in html(query)
    picked = html(f"{query}&at={CHECK}")
    assert '<aside class="panel"' in picked
    data = json.loads(unescape(re.search(r'data-focus="([^"]+)"', picked)[1]))
    assert any(RECEIVERS[2] in one for one in data["chosen"])
    assert boxes(query) == boxes(f"{query}&at={CHECK}")
    close = re.search(r'<a class="x kbd" href="([^"]+)"', picked)
    assert unescape(close[1]) == f"/signals/graph/?view=focus&sel={ORDER.replace(':', '%3A')}"


def test_the_panel_brings_the_toolbar_along() -> None:
    """What is selected by a click is what the tabs lead on with."""
    part = get(f"sel={CHECK}", **{"HX-Request": "true", "HX-Target": "sg-panel"}).content.decode()
    assert part.strip().startswith("<aside")
    tools = part.partition('id="sg-graph-tools"')[2]
    assert 'hx-swap-oob="true"' in tools[:120]
    assert f"sel={CHECK.replace(':', '%3A')}&amp;view=focus" in tools
    assert "of 3 connections lit" in tools


def test_the_panel_asks_what_happens_then() -> None:
    """From a receiver both ways, and a path from it."""
    panel = html(f"sel={CHECK}").partition('<aside class="panel"')[2].partition("</aside>")[0]
    asked = dict(re.findall(r'<a class="link" href="([^"]+)">([^<]+)</a>', panel))
    ways = {words: unescape(url) for url, words in asked.items()}
    assert "direction=up" in ways["Why did this run?"]
    assert "direction=down" in ways["What does it set off?"]
    assert all(Client().get(url).status_code == 200 for url in ways.values())


def test_the_panel_of_a_model_asks_what_happens_when_it_is_saved() -> None:
    """Only of one whose `post_save` somebody hears; the focus begins with that dispatch and holds what it sets off."""
    panels = [html(f"sel={one}").partition('<aside class="panel"')[2] for one in ("sender:shop.StockItem", ORDER)]
    [url] = re.findall(r'<a class="link" href="([^"]+)">What happens when this is saved\?<', panels[0])
    assert "this is saved?" not in panels[1]
    assert f"sel=port:{SAVED}|shop.StockItem" in unquote(unescape(url))
    drawn = boxes(unquote(unescape(url)).partition("?")[2])
    assert CHECK.partition(":")[2] in " ".join(drawn)
    assert RESERVE.partition(":")[2] not in " ".join(drawn)


def test_cycles_are_listed(log: Log) -> None:
    """Below the drawing and below the list."""
    again = dispatch(4, parent=span(3) + 1, trace=span(3), signal=1, sender=1, calls=[call(1)])
    log.append(told([again, dispatch(3, signal=1, sender=1, calls=[call(1)])]))
    assert "1 cycle: what sets itself off again check → check" in text(f"view=focus&sel={CHECK}")
    assert "closes a cycle" in text(f"view=focus&sel={CHECK}")
    assert "check → check" in text(f"view=list&of=focus&sel={CHECK}")
    for query in DRAWN:
        assert get(query).status_code == 200
    assert "1 cycle: what sets itself off again check → check" in text("view=wiring")


def test_what_cannot_fire_is_explained(log: Log) -> None:
    """The legend has the sign and the reason, where something drawn has it."""
    log.append(
        wiring([*ROWS, connection("shop.receivers.never", signal=SAVED, sender="shop.Base", sender_kind="abstract")])
    )
    assert "can't fire:" in text("view=wiring")
    assert "abstract" in text("view=wiring")
    assert "can't fire" not in text("view=wiring&q=app:library")
    assert "can't run" in text("view=list&of=focus&sel=sender:shop.Base")


def test_plumbing_is_one_click_away(log: Log) -> None:
    """In every view, there and back."""
    own = connection("django.db.close_old_connections", signal="django.core.signals.request_started", sender="*")
    log.append(wiring([*ROWS, own]))
    assert "1 of Django's own hidden" in text("view=apps")
    assert "hide Django's own" in text("view=apps&all=1")
    assert "django" in text("view=list&of=apps&all=1")


@pytest.mark.parametrize(
    ("params", "ask"),
    [
        ({}, Ask()),
        ({"view": "focus", "sel": ORDER, "depth": "1"}, Ask("focus", ORDER, depth=1)),
        ({"view": "list", "of": "path", "sel": ORDER, "to": CHECK}, Ask("path", ORDER, CHECK)),
        ({"view": "apps", "open": "shop,,library,shop"}, Ask("apps", open=("shop", "library"))),
        ({"view": "x", "depth": "-1", "direction": "x", "color": "calls"}, Ask()),
        ({"depth": "99"}, Ask(depth=MAX_DEPTH)),
        ({"depth": "9" * 40, "color": "self"}, Ask(measure="self")),
    ],
)
def test_an_address_is_read_leniently(params: dict[str, str], ask: Ask) -> None:
    """A hand-written one never fails."""
    assert read_ask(State("/signals/", "graph/", params)) == ask


@pytest.mark.parametrize("apps", [("shop", "library"), ('"one, two"', "shop"), ("100%2C", "a%b,c")])
def test_an_opened_app_may_have_any_name(apps: tuple[str, ...]) -> None:
    """What the link of an app says is what is read of it, commas of a text sender included."""
    assert read_ask(State("/", "graph/", {"view": "apps", "open": write_open(apps)})).open == apps


def test_hidden_connections_are_offered_where_showing_them_shows_something(log: Log) -> None:
    """Django's own that the filter doesn't match either would leave the page as empty."""
    own = connection("django.db.close_old_connections", signal="django.core.signals.request_started", sender="*")
    log.append(wiring([*ROWS, own]))
    assert "Django's own" not in text("q=app:shoop")
    assert "1 of Django's own matches it and is hidden; show them" in text("q=receiver:close_old_connections")
    assert "1 of Django's own hidden" in text("")
    assert "of Django's own hidden" not in text("q=app:shop")
