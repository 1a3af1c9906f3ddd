"""What two inventories differ in: complete, the same read backwards, and with no word too many."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalgraph.documents.changes import find_changes, told
from signalgraph.documents.summary import as_json, markdown, text
from signalgraph.events import ANY_SENDER, ConnectionInfo, Inventory, SignalInfo
from signalgraph.graph.diff import DiffError, comparable, compare

SIGNALS = ("shop.signals.placed", "shop.events.placed", "shop.signals.low", "django.db.models.signals.post_save")
SENDERS = ("shop.Order", "shop.Item", ANY_SENDER)
RECEIVERS = ("shop.receivers.mail", "shop.post.mail", "shop.receivers.count", "audit.Audit()", "shop.receivers.mail@7")


def row(
    signal: str = SIGNALS[0],
    receiver: str = RECEIVERS[0],
    sender: str = SENDERS[0],
    *,
    uid: str | None = None,
    weak: bool = True,
    is_async: bool = False,
    order: int = 1,
    file: str | None = "/srv/site/shop/receivers.py",
    line: int | None = 3,
) -> ConnectionInfo:
    return ConnectionInfo(signal, sender, receiver, uid, weak, is_async, order, file, line)


def inventory(*rows: ConnectionInfo, aliases: dict[str, list[str]] | None = None) -> Inventory:
    """An inventory whose signals are those of its connections; within a signal their order is that of the arguments."""
    names = sorted({one.signal for one in rows} | set(aliases or ()))
    signals = [SignalInfo(f"signal:{name}", name, (aliases or {}).get(name, []), "Signal", 0) for name in names]
    return Inventory(1, signals, list(rows))


rows = st.builds(
    row,
    signal=st.sampled_from(SIGNALS),
    receiver=st.sampled_from(RECEIVERS),
    sender=st.sampled_from(SENDERS),
    uid=st.sampled_from([None, None, "one", "two"]),
    weak=st.booleans(),
    is_async=st.booleans(),
    order=st.integers(1, 9),
    file=st.sampled_from([None, "/srv/site/shop/receivers.py", "/home/me/shop/shop/receivers.py", "shop/post.py"]),
    line=st.sampled_from([None, 3, 70]),
)
inventories = st.builds(
    lambda found, aliases: inventory(*found, aliases=aliases),
    st.lists(rows, max_size=9),
    st.dictionaries(st.sampled_from(SIGNALS), st.lists(st.sampled_from(SIGNALS), max_size=1), max_size=2),
)


@given(inventories, inventories)
def test_a_difference_leads_from_one_to_the_other(before: Inventory, after: Inventory) -> None:
    """Nothing is lost: what was, with the difference, is what will be."""
    assert compare(before, after).apply(comparable(before)) == comparable(after)


@given(inventories, inventories)
def test_a_difference_read_backwards_is_the_difference_backwards(before: Inventory, after: Inventory) -> None:
    """Who came in one direction went in the other."""
    assert compare(before, after).reversed() == compare(after, before)


@given(inventories)
def test_nothing_differs_from_itself(one: Inventory) -> None:
    """Also with duplicates, and whatever the numbers of the orders are."""
    assert not compare(one, one)


@given(inventories, inventories)
def test_equal_inventories_alone_have_no_difference(before: Inventory, after: Inventory) -> None:
    """An empty difference is never a mistake."""
    assert bool(compare(before, after)) == (comparable(before) != comparable(after))


def test_a_difference_of_others_is_not_applied() -> None:
    """Rather an error than an inventory that never was."""
    difference = compare(inventory(row()), inventory())
    with pytest.raises(DiffError, match="not the one"):
        difference.apply(inventory())


def test_machines_and_lines_make_no_difference() -> None:
    """The same project in another folder, in another environment, with another line above the receiver."""
    here = [
        row(file="/srv/site/shop/receivers.py", line=3),
        row(receiver="allauth.signals.greet", file="/srv/env/lib/python3.11/site-packages/allauth/signals.py"),
        row(receiver="shop.receivers.wrapped", file="/srv/site/shop/decorators/__init__.py"),
    ]
    there = [
        row(file="shop/receivers.py", line=None),
        row(receiver="allauth.signals.greet", file="C:\\env\\Lib\\site-packages\\allauth\\signals.py"),
        row(receiver="shop.receivers.wrapped", file="/home/me/site/shop/decorators/__init__.py"),
        row(receiver="shop.other.odd", signal=SIGNALS[2], file="/home/me/site/shop/other.py"),
    ]
    here.append(row(receiver="shop.other.odd", signal=SIGNALS[2], file="/srv/site/shop/other.py"))
    assert not compare(inventory(*here), inventory(*there))


def said(before: Inventory, after: Inventory) -> list[str]:
    return [f"{one.kind}: {one.sentence}" for one in find_changes(before, after)]


COUNT = "shop.receivers.count"
CASES = {
    "a receiver that is new": (
        inventory(row()),
        inventory(row(), row(receiver=COUNT, order=2)),
        ["added: `shop.receivers.count` receives `placed` of `shop.Order` now, as 2 of 2."],
    ),
    "a receiver that is gone": (
        inventory(row(), row(receiver=COUNT, order=2)),
        inventory(row()),
        ["removed: `shop.receivers.count` receives `placed` of `shop.Order` no more."],
    ),
    "a receiver of several signals is told once": (
        inventory(row(), aliases={SIGNALS[2]: []}),
        inventory(row(), row(receiver=COUNT, order=2), row(receiver=COUNT, signal=SIGNALS[2])),
        ["added: `shop.receivers.count` receives `low` and `placed` of `shop.Order` now."],
    ),
    "a receiver that is connected twice": (
        inventory(row()),
        inventory(row(), row(order=2)),
        ["added: `shop.receivers.mail` receives `placed` of `shop.Order` now, as 1 of 2."],
    ),
    "a sender that was widened": (
        inventory(row(), row(sender="shop.Item", order=2)),
        inventory(row(sender=ANY_SENDER)),
        [
            "widened: `shop.receivers.mail` receives `placed` of any sender now, "
            "before of `shop.Item` and `shop.Order` only."
        ],
    ),
    "a sender that was narrowed": (
        inventory(row(sender=ANY_SENDER)),
        inventory(row()),
        ["narrowed: `shop.receivers.mail` receives `placed` of `shop.Order` only now, before of any sender."],
    ),
    "another sender": (
        inventory(row()),
        inventory(row(sender="shop.Item")),
        [
            "added: `shop.receivers.mail` receives `placed` of `shop.Item` now.",
            "removed: `shop.receivers.mail` receives `placed` of `shop.Order` no more.",
        ],
    ),
    "two receivers that changed places": (
        inventory(row(order=1), row(receiver=COUNT, order=2)),
        inventory(row(order=2), row(receiver=COUNT, order=1)),
        ["order: On `placed`, `shop.receivers.count` runs before `shop.receivers.mail` now; it ran after it."],
    ),
    "receivers of two senders that changed places": (
        inventory(row(order=1), row(receiver=COUNT, sender="shop.Item", order=2)),
        inventory(row(order=2), row(receiver=COUNT, sender="shop.Item", order=1)),
        [],
    ),
    "a coroutine that changed places": (
        inventory(row(order=1, is_async=True), row(receiver=COUNT, order=2)),
        inventory(row(order=2, is_async=True), row(receiver=COUNT, order=1)),
        [],
    ),
    "one that overtook two": (
        inventory(row(order=1), row(receiver=COUNT, order=2), row(receiver="a.b", order=3, sender=ANY_SENDER)),
        inventory(row(order=2), row(receiver=COUNT, order=3), row(receiver="a.b", order=1, sender=ANY_SENDER)),
        [
            "order: On `placed`, `a.b` runs before `shop.receivers.mail` and `shop.receivers.count` now; "
            "it ran after them."
        ],
    ),
    "a number in the order alone": (
        inventory(row(order=4), row(receiver=COUNT, order=9)),
        inventory(row(order=1), row(receiver=COUNT, order=2)),
        [],
    ),
    "weak and strong": (
        inventory(row()),
        inventory(row(weak=False)),
        ["held: `shop.receivers.mail` is held strongly now, weakly before."],
    ),
    "weak and strong, of one connection out of two": (
        inventory(row(), row(signal=SIGNALS[2])),
        inventory(row(weak=False), row(signal=SIGNALS[2])),
        ["held: `shop.receivers.mail` is held strongly now, weakly before, as a receiver of `placed` of `shop.Order`."],
    ),
    "sync and async": (
        inventory(row()),
        inventory(row(is_async=True)),
        ["async: `shop.receivers.mail` is a coroutine now, a plain function before."],
    ),
    "a dispatch_uid": (
        inventory(row()),
        inventory(row(uid="mail")),
        ["dispatch_uid: `shop.receivers.mail` has the `dispatch_uid` `mail` now, none before."],
    ),
    "no dispatch_uid": (
        inventory(row(uid="mail")),
        inventory(row()),
        ["dispatch_uid: `shop.receivers.mail` has no `dispatch_uid` now, `mail` before."],
    ),
    "a file": (
        inventory(row(file="shop/receivers.py")),
        inventory(row(file="shop/wrapping.py")),
        ["file: `shop.receivers.mail` stands in `shop/wrapping.py` now, in `shop/receivers.py` before."],
    ),
    "a receiver that moved": (
        inventory(row()),
        inventory(row(receiver="shop.post.mail", file="/srv/site/shop/post.py")),
        ["renamed: `shop.receivers.mail` has moved, it is now `shop.post.mail`."],
    ),
    "a receiver of another name with the same dispatch_uid": (
        inventory(row(uid="mail")),
        inventory(row(receiver="shop.receivers.write", uid="mail")),
        ["renamed: `shop.receivers.mail` was replaced by `shop.receivers.write`."],
    ),
    "a receiver of another name with the same connections": (
        inventory(row(), row(signal=SIGNALS[2])),
        inventory(row(receiver=COUNT), row(receiver=COUNT, signal=SIGNALS[2])),
        ["renamed: `shop.receivers.mail` was replaced by `shop.receivers.count`."],
    ),
    "whoever could be two is nobody": (
        inventory(row()),
        inventory(row(receiver=COUNT), row(receiver="shop.receivers.write", order=2)),
        [
            "added: `shop.receivers.count` receives `placed` of `shop.Order` now, as 1 of 2.",
            "added: `shop.receivers.write` receives `placed` of `shop.Order` now, as 2 of 2.",
            "removed: `shop.receivers.mail` receives `placed` of `shop.Order` no more.",
        ],
    ),
    "a line in a name": (
        inventory(row(receiver="shop.receivers.mail@7")),
        inventory(row(receiver="shop.receivers.mail@9")),
        [],
    ),
    "a signal that moved": (
        inventory(row()),
        inventory(row(signal=SIGNALS[1])),
        ["signal renamed: Signal `shop.signals.placed` is `shop.events.placed` now."],
    ),
    "a signal that got its other name": (
        inventory(row(), aliases={SIGNALS[0]: ["shop.api.ordered"]}),
        inventory(row(signal="shop.api.ordered")),
        ["signal renamed: Signal `shop.signals.placed` is `shop.api.ordered` now."],
    ),
    "a signal that is new": (
        inventory(row()),
        inventory(row(), row(signal=SIGNALS[2])),
        [
            "added: `shop.receivers.mail` receives `low` of `shop.Order` now.",
            "signal added: Signal `shop.signals.low` is new.",
        ],
    ),
    "a signal that is gone": (
        inventory(aliases={SIGNALS[2]: []}),
        inventory(),
        ["signal removed: Signal `shop.signals.low` is gone."],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_is_told_in_one_sentence(case: str) -> None:
    """With all its names, and nothing besides."""
    before, after, sentences = CASES[case]
    assert sorted(said(before, after)) == sorted(sentences)


@given(inventories)
def test_nothing_is_said_of_what_is_the_same(one: Inventory) -> None:
    """Not even of signals that nobody hears."""
    assert find_changes(one, one) == []


@given(inventories, inventories)
def test_every_format_can_be_written_of_every_change(before: Inventory, after: Inventory) -> None:
    """JSON holds what text says; a sentence is one line and ends with a full stop."""
    changes = find_changes(before, after)
    data = json.loads(as_json(changes))
    assert [one["sentence"] for one in data["changes"]] == [one.sentence for one in changes]
    for one in changes:
        assert f"{one.sign} {one.sentence}\n" in text(changes)
        assert one.sentence in markdown(changes)
        assert re.fullmatch(r"[^\n]+\.", one.sentence)


def test_a_signal_that_a_snapshot_leaves_out_is_not_new() -> None:
    """Snapshots of documents hold signals that are heard, and the project's own: others are neither new nor gone."""
    page = "wagtail.signals.published"
    before, after = told(inventory(row()), inventory(row(), row(signal=page), row(signal=SIGNALS[3])))
    assert said(before, after) == [
        "added: `shop.receivers.mail` receives `post_save` and `published` of `shop.Order` now."
    ]
    before, after = told(inventory(row()), inventory(row(), row(signal=SIGNALS[2])))
    assert "signal added: Signal `shop.signals.low` is new." in said(before, after)
