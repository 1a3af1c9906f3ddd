"""What goes wrong in receivers, seen at run time: each rule finds its fault, and nothing that only looks like it."""

from __future__ import annotations

import pytest
from made_traffic import BOOK, ORDER, ORDERED, POST_SAVE, PRE_SAVE, Did, Site

from signalgraph.findings.rules import (
    early_work,
    repeated_queries,
    slow_receivers,
)
from signalgraph.findings.traffic import DULL_US

# SG201: the receiver saves the instance that it received


def saves(*, pk: str | None = "7", inner_pk: str | None = "7", sender: str = ORDER, signal: str = POST_SAVE) -> Site:
    site = Site().connect("touch", signal=POST_SAVE).connect("touch", signal=signal, sender=sender)
    outer = site.send(Did("touch", 9), signal=POST_SAVE, **({"pk": pk} if pk else {}))
    facts = {"pk": inner_pk} if inner_pk else {}
    site.send(Did("touch", 3), signal=signal, sender=sender, inside=(outer, 1), **facts)
    return site


def test_a_receiver_that_saves_its_own_instance_is_found_with_the_depth() -> None:
    """The same key in a save inside a receiver of a save; the evidence is that very call."""
    (found,) = saves().find("SG201")
    assert found.subject == "receiver:shop.receivers.touch"
    assert found.sentence == "shop.receivers.touch, a receiver of post_save, saves the shop.Order that it received."
    assert "the saves went 2 deep" in found.detail
    assert (found.count, found.app, found.evidence[0].kind) == (1, "shop", "trace")
    assert found.evidence[0].id.endswith("-10000/1")
    assert found.evidence[-1].id == found.subject


def test_three_saves_in_one_another_are_two_calls_and_three_deep() -> None:
    """Each call that saved is counted once, although a save dispatches two signals."""
    site = Site().connect("touch", signal=POST_SAVE).connect("clean", signal=PRE_SAVE)
    outer = site.send(Did("touch"), signal=POST_SAVE, pk="7")
    site.send(Did("clean"), signal=PRE_SAVE, pk="7", inside=(outer, 1))
    inner = site.send(Did("touch"), signal=POST_SAVE, pk="7", inside=(outer, 1))
    site.send(Did("touch"), signal=POST_SAVE, pk="7", inside=(inner, 1))
    (found,) = site.find("SG201")
    assert found.count == 2
    assert "the saves went 3 deep" in found.detail


@pytest.mark.parametrize(
    "other",
    [
        {"inner_pk": "8"},
        {"inner_pk": None},
        {"pk": None},
        {"sender": BOOK},
        {"signal": ORDERED},
    ],
)
def test_another_save_is_none_of_the_own_instance(other: dict[str, str]) -> None:
    """Another row, a row that isn't known, another model, another signal."""
    assert saves(**other).find("SG201") == []


# SG202: receivers set one another off in a circle


def circle(*, back_to: str = ORDER, pk: str = "7") -> Site:
    site = Site().connect("copy", signal=POST_SAVE).connect("note", signal=POST_SAVE, sender=BOOK)
    site.connect("other", signal=POST_SAVE)
    first = site.send(Did("copy"), signal=POST_SAVE, pk="7")
    second = site.send(Did("note"), signal=POST_SAVE, sender=BOOK, inside=(first, 1), pk="1")
    did = Did("copy") if back_to == ORDER else Did("note")
    site.send(did, signal=POST_SAVE, sender=back_to, inside=(second, 1), pk=pk)
    return site


def test_receivers_that_come_back_to_the_first_are_a_circle() -> None:
    """Told once, with those in between, also for another row: what ends it is a condition somewhere."""
    (found,) = circle(pk="8").find("SG202")
    assert found.sentence == "shop.receivers.note comes back to itself by way of shop.receivers.copy."
    assert found.count == 1


def test_a_circle_has_one_name_wherever_it_was_entered() -> None:
    """Round and round is one finding."""
    site = circle()
    third = len(site.dispatches)
    fourth = site.send(Did("note"), signal=POST_SAVE, sender=BOOK, inside=(third, 1), pk="2")
    assert fourth
    assert len(site.find("SG202")) == 1


def test_several_circles_of_a_receiver_are_one_finding() -> None:
    """A key names one finding."""
    site = Site().connect("copy", signal=POST_SAVE).connect("note", "more", signal=POST_SAVE, sender=BOOK)
    first = site.send(Did("copy"), signal=POST_SAVE)
    second = site.send(Did("more"), Did("note"), signal=POST_SAVE, sender=BOOK, inside=(first, 1))
    site.send(Did("more"), Did("note"), signal=POST_SAVE, sender=BOOK, inside=(second, 1))
    third = site.send(Did("copy"), signal=POST_SAVE, inside=(second, 1))
    site.send(Did("more"), Did("note"), signal=POST_SAVE, sender=BOOK, inside=(third, 1))
    keys = [each.key for each in site.find("SG202")]
    assert len(keys) == len(set(keys))
    assert any("other circle" in each.detail for each in site.find("SG202"))


def test_a_chain_and_a_walk_along_a_tree_are_no_circle() -> None:
    """Another receiver of the same dispatch; one receiver that saves the next instance."""
    assert saves(inner_pk="8").find("SG202") == []
    assert saves().find("SG202") == []  # SG201 tells of it
    site = Site().connect("copy", signal=POST_SAVE).connect("note", signal=POST_SAVE, sender=BOOK)
    first = site.send(Did("copy"), signal=POST_SAVE, pk="7")
    site.send(Did("note"), signal=POST_SAVE, sender=BOOK, inside=(first, 1))
    assert site.find("SG202") == []


def test_a_receiver_for_any_sender_that_hears_of_another_one_is_no_circle() -> None:
    """It runs for the first sender and, for what it saved, for the second; it comes back where that saves the first."""
    site = Site().connect("audit", signal=POST_SAVE, sender="*").connect("note", signal=POST_SAVE, sender=BOOK)
    first = site.send(Did("audit"), signal=POST_SAVE)
    second = site.send(Did("audit"), Did("note"), signal=POST_SAVE, sender=BOOK, inside=(first, 1))
    site.send(Did("audit"), signal=POST_SAVE, sender="shop.StockItem", inside=(second, 1))
    assert site.find("SG202") == []
    site.send(Did("audit"), signal=POST_SAVE, inside=(second, 2))
    assert site.subjects("SG202") == ["audit"]


def test_paths_of_two_traces_are_no_circle() -> None:
    """What was never seen in one piece is not told."""
    site = Site().connect("copy", signal=POST_SAVE).connect("note", signal=POST_SAVE, sender=BOOK)
    first = site.send(Did("copy"), signal=POST_SAVE)
    site.send(Did("note"), signal=POST_SAVE, sender=BOOK, inside=(first, 1))
    second = site.send(Did("note"), signal=POST_SAVE, sender=BOOK)
    site.send(Did("copy"), signal=POST_SAVE, inside=(second, 1))
    assert site.find("SG202") == []


# SG203: a receiver is slow


def test_a_slow_receiver_is_found_with_its_share_of_the_request() -> None:
    """From the third slow call on, where one in twenty is slow."""
    site = Site().connect("print_receipt", "count")
    for _ in range(slow_receivers.FEWEST):
        with site.request(ms=400):
            site.send(Did("print_receipt", 100), Did("count", 2))
    (found,) = site.find("SG203")
    assert found.sentence == "shop.receivers.print_receipt is slow: one call in twenty takes 100 ms or more."
    assert "It takes 25% of the 3 requests that it ran in" in found.detail
    assert found.count == 3


def test_what_is_seldom_slow_or_just_below_is_not_told() -> None:
    """Two slow calls; one slow call in more than twenty; 99 ms."""
    site = Site().connect("twice", "seldom", "nearly")
    for number in range(70):
        slow = 200 if number < 3 else 2
        site.send(Did("twice", 200 if number < 2 else 2), Did("seldom", slow), Did("nearly", 99))
    assert site.find("SG203") == []
    assert site.subjects("SG203", slow_ms=99) == ["nearly"]


def test_who_waits_for_another_receiver_is_not_called_slow() -> None:
    """The one inside is."""
    site = Site().connect("place").connect("print_receipt", signal=POST_SAVE)
    for _ in range(4):
        outer = site.send(Did("place", 150))
        site.send(Did("print_receipt", 140), signal=POST_SAVE, inside=(outer, 1))
    assert site.subjects("SG203") == ["print_receipt"]


# SG204: the same query runs again and again in one call


def test_a_query_that_repeats_is_found() -> None:
    """From five times on, with what it cost in the worst call."""
    site = Site().connect("recount")
    for repeats in (repeated_queries.FEWEST, 9):
        site.send(Did("recount", 7.4, queries=repeats + 1, queries_ns=6_400_000, repeats=repeats, repeated=77))
    (found,) = site.find("SG204")
    assert found.sentence == "shop.receivers.recount runs the same query up to 9 times in one call."
    assert "10 queries in that call took 6.4 ms of 7.4 ms" in found.detail
    assert "in 2 of 2 calls, always the same one" in found.detail


def test_many_different_queries_and_a_few_of_one_kind_are_fine() -> None:
    """Thirty queries without a repetition, and four of a kind."""
    site = Site().connect("report", "look")
    few = repeated_queries.FEWEST - 1
    site.send(Did("report", queries=30), Did("look", queries=few, repeats=few, repeated=1))
    assert site.find("SG204") == []


# SG205: slow work before the commit


def receipts(count: int = early_work.FEWEST, *, ms: float = 60, committed: bool = True, **more: int) -> Site:
    site = Site().connect("send_receipt", "quick")
    for _ in range(count):
        site.send(Did("send_receipt", ms, **more), Did("quick"), atomic=site.atomic(committed=committed))
    return site


def test_long_work_in_an_open_transaction_is_found() -> None:
    """From half of what is slow elsewhere, whether it is committed or not."""
    for committed in (True, False):
        (found,) = receipts(committed=committed).find("SG205")
        assert found.sentence == (
            "shop.receivers.send_receipt works for 60 ms, queries left out, while a transaction is open."
        )
        assert "50 ms or more in 3 of 3 calls" in found.detail


def test_slow_queries_seldom_work_and_work_after_the_commit_are_not_told() -> None:
    """Nor work outside of a transaction, or in a dispatch inside."""
    assert receipts(queries=2, queries_ns=20_000_000).find("SG205") == []
    assert receipts(queries=6).find("SG205") == []  # their Python may have taken that
    assert receipts(early_work.FEWEST - 1).find("SG205") == []
    rare = receipts()
    for _ in range(10):
        rare.send(Did("send_receipt", 1), atomic=rare.atomic())
    assert rare.find("SG205") == []
    free = Site().connect("send_receipt")
    nested = Site().connect("send_receipt").connect("other", signal=POST_SAVE)
    for _ in range(4):
        free.send(Did("send_receipt", 60))
        free.send(Did("send_receipt", 60), atomic=-free.atomic())
        outer = nested.send(Did("send_receipt", 60), atomic=nested.atomic())
        nested.send(Did("other", 55), signal=POST_SAVE, inside=(outer, 1))
    assert free.find("SG205") == []
    assert nested.find("SG205") == []


def test_a_transaction_of_which_no_end_is_known_is_not_told_of() -> None:
    """It may be one that never was."""
    site = Site().connect("send_receipt")
    for _ in range(4):
        site.send(Did("send_receipt", 60), atomic=99)
    assert site.find("SG205") == []


# SG206: work was done for a transaction that was rolled back


def test_work_in_a_transaction_that_was_rolled_back_is_found() -> None:
    """Once is enough; the wording claims no more than was seen."""
    site = receipts(1, ms=8, committed=False)
    (found,) = site.find("SG206")
    assert found.sentence == (
        "shop.receivers.send_receipt worked for 8.0 ms without a query in a transaction that was rolled back later."
    )
    assert "if it made any" in found.detail


def test_only_queries_committed_work_and_an_error_are_fine() -> None:
    """A receiver that raised is why it was rolled back."""
    assert receipts(1, ms=8).find("SG206") == []
    assert receipts(1, ms=8, committed=False, queries=2).find("SG206") == []
    assert receipts(1, ms=30, committed=False, queries=1, queries_ns=15_000_000).find("SG206") == []
    assert receipts(1, ms=DULL_US / 1000 - 0.1, committed=False).find("SG206") == []
    site = Site().connect("reserve")
    site.send(Did("reserve", 8, "raised", error="OutOfStock"), atomic=site.atomic(committed=False))
    assert site.find("SG206") == []


def test_a_receiver_that_is_mostly_quick_was_only_held_up() -> None:
    """A busy machine makes any call long."""
    site = receipts(1, ms=8, committed=False)
    for _ in range(2):
        site.send(Did("send_receipt", 0.1))
    assert site.find("SG206") == []


# SG207: an error was swallowed by send_robust


def swallow(method: str = "send_robust", *, committed: bool | None = None) -> Site:
    site = Site().connect("charge", "after")
    atomic = 0 if committed is None else site.atomic(committed=committed)
    site.send(Did("charge", status="raised", error="Unavailable"), Did("after"), method=method, atomic=atomic)
    return site


def test_a_swallowed_error_is_found_and_worst_in_a_committed_transaction() -> None:
    """By both robust methods, with the line that sent."""
    for method in ("send_robust", "asend_robust"):
        (found,) = swallow(method).find("SG207")
        assert found.sentence == f"order_placed.{method} caught Unavailable from shop.receivers.charge."
        assert found.evidence[1].at == "shop/views.py:12"
    (found,) = swallow(committed=True).find("SG207")
    assert found.sentence.endswith("from shop.receivers.charge; the transaction was committed.")
    assert "Once the transaction around it was committed" in found.detail


def test_an_error_that_was_raised_or_taken_back_was_not_swallowed() -> None:
    """`send` raises it; a rollback says that somebody has looked."""
    assert swallow("send").find("SG207") == []
    assert swallow(committed=False).find("SG207") == []


# SG208: an error stopped later receivers


def stopped(*statuses: str, signal: str = ORDERED, committed: bool | None = None, method: str = "send") -> Site:
    site = Site().connect("charge", "mail", "count", signal=signal)
    atomic = 0 if committed is None else site.atomic(committed=committed)
    rest = [
        Did(name, None if status == "not reached" else 1, status)
        for name, status in zip(("mail", "count"), statuses, strict=True)
    ]
    error = Did("charge", status="raised", error="Unavailable")
    site.send(error, *rest, signal=signal, atomic=atomic, method=method)
    return site


def test_receivers_that_an_error_kept_from_running_are_named() -> None:
    """Not reached in `send`, cancelled in `asend`."""
    (found,) = stopped("not reached", "not reached").find("SG208")
    assert found.sentence == (
        "Unavailable in shop.receivers.charge kept shop.receivers.count and shop.receivers.mail from hearing of "
        "order_placed."
    )
    assert {each.id for each in found.evidence} >= {"receiver:shop.receivers.mail", "receiver:shop.receivers.count"}
    assert stopped("returned", "cancelled", method="asend").find("SG208")
    assert stopped("not reached", "not reached", committed=True).find("SG208")


def test_a_veto_a_rollback_and_the_last_receiver_stop_nothing_that_happened() -> None:
    """An error in `pre_save` means that nothing is saved."""
    assert stopped("not reached", "not reached", signal=PRE_SAVE).find("SG208") == []
    assert stopped("not reached", "not reached", committed=False).find("SG208") == []
    assert stopped("returned", "returned", method="send_robust").find("SG208") == []
