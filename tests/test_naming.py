"""What somebody types, as the id that is meant."""

from __future__ import annotations

import pytest
from wirings import ORDER_PLACED, POST_SAVE, SHOP, connect

from signalgraph import names
from signalgraph.graph.material import Ask, ViewError
from signalgraph.graph.naming import completed, find_id

CHECK = names.connection_id("shop.StockItem", POST_SAVE, "shop.receivers.check_stock")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("post_save", f"signal:{POST_SAVE}"),
        (POST_SAVE, f"signal:{POST_SAVE}"),
        ("signals.post_save", f"signal:{POST_SAVE}"),
        ("signal:post_save", f"signal:{POST_SAVE}"),
        (f"signal:{POST_SAVE}", f"signal:{POST_SAVE}"),
        ("shop.Order", "sender:shop.Order"),
        ("sender:Order", "sender:shop.Order"),
        ("Order", "sender:shop.Order"),
        ("send_receipt", "receiver:shop.receivers.send_receipt"),
        ("receivers.send_receipt", "receiver:shop.receivers.send_receipt"),
        ("ModelAudit()", "receiver:telemetry.audit.ModelAudit()"),
        (CHECK, CHECK),
        (f"port:{POST_SAVE}|shop.Order", f"port:{POST_SAVE}|shop.Order"),
    ],
)
def test_names_are_understood_as_people_say_them(typed, meant):
    """An id, a whole name, the short label of the picture, or the end of a name."""
    assert find_id(typed, SHOP) == meant


def test_a_whole_name_comes_before_a_short_one():
    """`shop.Order` is the model, though a receiver ends in the same words."""
    rows = [*SHOP, connect(POST_SAVE, "a.B", "other.shop.Order")]
    assert find_id("shop.Order", rows) == "sender:shop.Order"


def test_a_name_of_several_things_is_told_with_all_of_them():
    """Nothing is guessed."""
    rows = [*SHOP, connect("bar.signals.order_placed", "bar.Order", "bar.receivers.send_receipt")]
    with pytest.raises(
        ViewError, match=r"'order_placed' can mean signal:bar\.\S+, signal:shop\.\S+; write the whole id"
    ):
        find_id("order_placed", rows)
    assert find_id("signal:bar.signals.order_placed", rows) == "signal:bar.signals.order_placed"


def test_a_name_of_very_many_things_is_told_with_some_of_them():
    """The message stays readable."""
    rows = [connect(f"app{place}.signals.done", "*", f"app{place}.r") for place in range(20)]
    with pytest.raises(ViewError, match=r"signal:app\d+\.signals\.done and 12 more; write the whole id"):
        find_id("done", rows)


@pytest.mark.parametrize(
    ("typed", "guess"),
    [
        ("post_sav", f"did you mean signal:{POST_SAVE}"),
        ("shop.Ordr", "did you mean sender:shop.Order"),
        ("Ordre", "did you mean sender:shop.Order"),
        ("sender:Ordre", "did you mean sender:shop.Order"),
        ("receiver:send_recipt", "did you mean receiver:shop.receivers.send_receipt"),
        (CHECK.replace("check", "chek"), f"did you mean {CHECK}"),
        ("connection:shop.Ordr|none.at_all|shop.receivers.check", "signalgraph list --all prints those"),
        ("xyz", "signalgraph list --all prints those"),
        ("sender:*", "is no sender"),
        ("", "is no sender"),
    ],
)
def test_an_unknown_name_gets_the_closest(typed, guess):
    """What, which value, what to do."""
    with pytest.raises(ViewError) as raised:
        find_id(typed, SHOP)
    assert guess in str(raised.value)


def test_only_what_a_view_needs_is_asked_for():
    """The wiring and the apps need nothing; an empty selection stays empty."""
    assert completed(Ask(), SHOP) == Ask()
    assert completed(Ask(view="path", selection="Order", target="index"), SHOP) == Ask(
        view="path", selection="sender:shop.Order", target="receiver:library.receivers.index"
    )
    for lacking in (Ask(view="focus"), Ask(view="path", selection=ORDER_PLACED), Ask(view="path", target="index")):
        with pytest.raises(ViewError, match="needs"):
            completed(lacking, SHOP)
