"""Exports by address: below any prefix, for any view, with errors as data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from log_entries import SIGNALS, batch, call, connection, dispatch, now_us, span, wiring
from reading import read_csv, read_dot, read_graphml, read_json, read_markdown

from signalgraph.exports.files import KINDS
from signalgraph.index import Index
from signalgraph.log import Log, open_log
from signalgraph.web import scope

RECEIPT = ("shop.Order", SIGNALS[0], "shop.receivers.send_receipt")
AUDIT = ("*", SIGNALS[1], "shop.receivers.audit")
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "dot": "text/vnd.graphviz; charset=utf-8",
    "graphml": "application/graphml+xml; charset=utf-8",
    "json": "application/json",
    "md": "text/markdown; charset=utf-8",
    "mmd": "text/vnd.mermaid; charset=utf-8",
    "svg": "image/svg+xml",
}
Get = Callable[..., HttpResponse]


@pytest.fixture
def log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Two connections, and one request in which a receiver of `order_placed` saved an order."""
    url = f"memory://{uuid.uuid4().hex}"
    settings.SIGNALGRAPH = {"LOG": url, "ACCESS": "page_urls.everybody"}
    settings.ROOT_URLCONF = "page_urls"
    log = open_log(url, writer=True)
    monkeypatch.setattr(scope, "current_index", lambda: Index(log))
    log.append(wiring([connection(), connection("shop.receivers.audit", signal=SIGNALS[1], sender="*")]))
    start_us = now_us() - 2_000_000
    inner = dispatch(2, parent=span(1) + 1, trace=span(1), signal=1, start_us=start_us + 100, calls=[call(1)])
    log.append(batch([inner, dispatch(1, start_us=start_us)]))
    return log


@pytest.fixture
def get(log: Log) -> Get:
    def request(path: str, mount: str = "/signals/", **parameters: str) -> HttpResponse:
        return Client().get(f"{mount}{path}", parameters)

    return request


def test_there_is_an_address_for_each_format() -> None:
    """The suffix is the one that files of the format have."""
    assert {kind.suffix for kind in KINDS.values()} == set(CONTENT_TYPES)


@pytest.mark.parametrize("mount", ["/signals/", "/acme/ops/"])
@pytest.mark.parametrize("suffix", CONTENT_TYPES)
def test_each_format_has_its_type_and_a_name_to_save_it_under(get: Get, suffix: str, mount: str) -> None:
    """Shown in the browser where it can be; below any prefix."""
    response = get(f"graph.{suffix}", mount, view="focus", sel="sender:shop.Order")
    assert response.status_code == 200
    assert response["Content-Type"] == CONTENT_TYPES[suffix]
    assert response["Content-Disposition"] == f'inline; filename="signals-focus-shop.Order.{suffix}"'
    assert response.content.decode().endswith("\n")


def test_a_name_to_save_under_holds_nothing_dangerous(get: Get, log: Log) -> None:
    """Whatever a selection is called, the header is one header and the name is one of a file."""
    row = connection('shop.make.<locals>.<lambda>("/../x")')
    log.append(wiring([row]))
    response = get("graph.svg", view="focus", sel=f"receiver:{row.receiver}")
    named = re.fullmatch(r'inline; filename="([^"]*)"', response["Content-Disposition"])
    assert named is not None
    assert re.fullmatch(r"[A-Za-z0-9._-]+\.svg", named[1])


def test_every_format_holds_what_the_filter_leaves(get: Get) -> None:
    """The same two connections and the cause between them; with a filter one, and it is said."""
    for query, left in (("", {RECEIPT, AUDIT}), (f"signal:{SIGNALS[0]}", {RECEIPT})):
        table = read_csv(get("graph.csv", q=query).content.decode())
        page = read_markdown(get("graph.md", q=query).content.decode())
        assert set(table.connections) == set(page.connections) == left
        assert table.about["query"] == query
        receivers = {f"receiver:{receiver}" for *_, receiver in left}
        for read, suffix in ((read_dot, "dot"), (read_graphml, "graphml"), (read_json, "json")):
            drawing = read(get(f"graph.{suffix}", q=query).content.decode())
            assert {node for node, kind in drawing.kinds.items() if kind == "receiver"} == receivers
            assert drawing.about["query"] == query
            assert sum(drawing.dashed.values()) == len(left) - 1


def test_a_focus_and_a_path_are_exported(get: Get) -> None:
    """With short names in place of ids, as people type them."""
    focus = read_csv(get("graph.csv", view="focus", sel="send_receipt", depth="0").content.decode())
    assert focus.connections == [RECEIPT]
    path = read_csv(get("graph.csv", view="path", sel="order_placed", to="audit").content.decode())
    assert path.about == {
        "title": "From order_placed to audit",
        "query": "",
        "as_of": path.about["as_of"],
        "view": "path",
    }
    assert [cause[1:] for cause in path.causes] == [(SIGNALS[1], "shop.Order", 1)]


def test_an_app_is_opened_in_the_export(get: Get) -> None:
    """As on the page, by `open`."""
    closed, opened = (read_json(get("graph.json", view="apps", open=app).content.decode()) for app in ("", "shop"))
    assert set(closed.kinds.values()) == {"app"}
    assert "receiver" in opened.kinds.values()


@pytest.mark.parametrize(
    ("parameters", "what", "value", "do"),
    [
        ({"view": "pie"}, "no view 'pie'", "pie", "wiring"),
        ({"view": "list"}, "no view 'list'", "list", "wiring"),
        ({"veiw": "focus"}, "no parameter 'veiw'", "veiw", "Did you mean 'view'?"),
        ({"t": "abc"}, "no t 'abc'", "abc", "60, 300, 900"),
        ({"all": "yes"}, "no all 'yes'", "yes", "0, 1"),
        ({"direction": "left"}, "no direction 'left'", "left", "down"),
        ({"color": "red"}, "no color 'red'", "red", "rate"),
        ({"depth": "-1"}, "'-1' is no depth", "-1", "from 0 to 9"),
        ({"depth": "10"}, "'10' is no depth", "10", "from 0 to 9"),
        ({"view": "focus"}, "A focus needs", "", "graph/"),
        ({"view": "path", "sel": "order_placed"}, "A path needs both ends", "order_placed", "graph/"),
        ({"view": "focus", "sel": "order_plcaed"}, f"did you mean signal:{SIGNALS[0]}", "order_plcaed", "graph/"),
        ({"view": "apps", "open": "shopp"}, "no app 'shopp'", "", "graph/"),
        ({"q": "sgnal:x"}, "sgnal", "sgnal:x", "signal"),
    ],
)
def test_an_address_that_makes_no_sense_is_told_as_data(
    get: Get, parameters: dict[str, str], what: str, value: str, do: str
) -> None:
    """What, which value and what to do; a file with something else in it would be a lie."""
    for suffix in CONTENT_TYPES:
        response = get(f"graph.{suffix}", **parameters)
        error = json.loads(response.content)["error"]
        assert response.status_code == 400
        assert response["Content-Type"] == "application/json"
        assert what in error["what"]
        assert error["value"] == value
        assert do in error["do"]


def test_who_may_not_look_gets_no_file(get: Get, settings: Any) -> None:
    """The access rule of the pages holds for every format."""
    settings.SIGNALGRAPH = {**settings.SIGNALGRAPH, "ACCESS": None}
    settings.DEBUG = False
    for suffix in CONTENT_TYPES:
        assert get(f"graph.{suffix}").status_code == 403


@pytest.mark.parametrize("view", ["wiring", "apps", "focus"])
def test_a_picture_that_is_opened_in_a_browser_may_use_its_own_style(get: Get, view: str) -> None:
    """Our policy has no inline styles, and without its style the drawing is black; this one style is allowed."""
    response = get("graph.svg", view=view, sel="sender:shop.Order" if view == "focus" else "")
    style = response.content.decode().partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = response["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
