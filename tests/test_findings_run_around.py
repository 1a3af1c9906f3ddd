"""What goes wrong around receivers, seen at run time: who hears, in which order, on which loop, who is passed by."""

from __future__ import annotations

import pytest
from log_entries import SHOP, connection, wiring
from made_traffic import BOOK, ORDER, ORDERED, POST_SAVE, PRE_SAVE, Did, Site
from msgspec import structs

from signalgraph.events import PendingSender
from signalgraph.findings.rules import (
    blocked_loops,
    bypassing_writes,
    changed_order,
    hot_receivers,
    idle_receivers,
    thread_hops,
)

DAY_MS = 24 * 3600 * 1000


# SG209: a signal is sent but nobody listens


def test_a_signal_of_the_project_that_nobody_hears_is_found() -> None:
    """With its exact count."""
    site = Site().connect("count")
    site.unheard = {"shop.signals.order_cancelled": 12}
    (found,) = site.find("SG209")
    assert found.subject == "signal:shop.signals.order_cancelled"
    assert found.sentence == "shop.signals.order_cancelled was sent 12 times and no receiver has ever heard it."


def test_signals_of_others_and_those_that_are_heard_are_fine() -> None:
    """Django's, a package's, one that is connected for another sender, one that waits for its sender, a muted one, one
    that was heard as long as its receiver was connected.
    """
    site = Site().connect("count")
    site.unheard = {POST_SAVE: 9, "channels.signals.opened": 9, ORDERED: 9, "shop.signals.stock_low": 9}
    site.unheard["shop.signals.stock_imported"] = 9
    site.silent = frozenset({"shop.signals.stock_imported"})
    site.connect("wait", signal="shop.signals.availability_asked")
    site.send(Did("wait"), signal="shop.signals.availability_asked")
    site.unheard["shop.signals.availability_asked"] = 9
    site.gone = {"shop.receivers.wait"}
    site.pending = [PendingSender("shop.signals.stock_low", "shop.Gone", "shop.receivers.count", None)]
    assert site.find("SG209") == []


# SG210: a receiver was never called


def idle(*, days: float = 2, sent: int = idle_receivers.MANY, **changes: str) -> Site:
    process = structs.replace(SHOP, started_ms=int(Site().traffic().now_ms - days * DAY_MS))
    site = Site(process).connect("count").connect("wait", sender=BOOK, **changes)
    site.send(Did("count"))
    site.unheard = {PRE_SAVE: sent}
    site.started_ms = process.started_ms
    return site


def test_a_receiver_that_is_never_called_is_found_after_a_day() -> None:
    """With how often its signal was sent for others."""
    (found,) = idle().find("SG210")
    assert found.subject == "receiver:shop.receivers.wait"
    assert "connected for library.Book; none of 1 dispatch of order_placed was for it" in found.detail
    (found,) = idle(signal="shop.signals.order_cancelled").find("SG210")
    assert "order_cancelled was never sent" in found.detail


def test_too_little_was_seen_to_call_a_receiver_idle() -> None:
    """An hour, few dispatches, a package's receiver, a signal that a site doesn't send, a process of today."""
    assert idle(days=0.9).find("SG210") == []
    assert idle(sent=idle_receivers.MANY - 2).find("SG210") == []
    assert idle(file="/venv/lib/python3.11/site-packages/shop/receivers.py").find("SG210") == []
    assert idle(signal="django.db.models.signals.post_migrate").find("SG210") == []
    site = idle()
    site.process = structs.replace(site.process, started_ms=site.traffic().now_ms)
    assert site.find("SG210") == []
    young = idle()
    young.started_ms = None  # a log that began just now
    assert young.find("SG210") == []
    muted = idle()
    muted.silent = frozenset({ORDERED})
    assert muted.find("SG210") == []


def test_a_receiver_with_two_connections_is_idle_when_neither_is_called() -> None:
    """One is enough to be in use."""
    site = idle()
    site.connect("wait", signal=POST_SAVE)
    assert site.subjects("SG210") == ["wait"]
    site.send(Did("wait"), signal=POST_SAVE)
    assert site.find("SG210") == []


# SG211: the order of receivers changed between runs


def runs(*before: str, **changes: object) -> Site:
    site = Site().connect("reserve", "charge", "mail")
    for name, value in changes.items():
        site.connections[1] = structs.replace(site.connections[1], **{name: value})
    rows = [
        structs.replace(connection(f"shop.receivers.{name}", order=order), **changes if name == "charge" else {})
        for order, name in enumerate(before, 1)
    ]
    earlier = structs.replace(SHOP, id="00000000000000cc", pid=5, label="manage.py shell")
    site.earlier = [structs.replace(wiring(rows, process=earlier), wall_us=1)]
    return site


def test_receivers_that_swapped_places_are_found() -> None:
    """With both runs; one finding for the signal, whatever else moved."""
    (found,) = runs("mail", "charge", "reserve").find("SG211")
    assert found.subject == f"signal:{ORDERED}"
    assert found.sentence == (
        "shop.receivers.reserve runs before shop.receivers.charge in one run, and after it in another."
    )
    assert "after it in manage.py shell (process 5" in found.detail


def test_a_receiver_that_came_or_went_changed_no_order() -> None:
    """Those that both runs have stand as they stood; so do those that no sender sets off together."""
    assert runs("reserve", "charge", "mail").find("SG211") == []
    assert runs("new", "reserve", "mail", "newer").find("SG211") == []
    assert runs("charge", "reserve", sender=BOOK).find("SG211") == []
    assert runs("charge", "reserve", is_async=True).find("SG211") == []
    assert runs("charge", "reserve", sender="*").find("SG211")
    assert runs("charge", "charge", "reserve").find("SG211") == []


def test_runs_of_long_ago_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are of older code."""
    monkeypatch.setattr(changed_order, "MOST_RUNS", 1)
    assert runs("charge", "reserve").find("SG211") == []


# SG212: a coroutine blocks the event loop


def coroutine(busy_ms: float, method: str = "asend") -> Site:
    site = Site().connect("ask", is_async=True)
    site.send(Did("ask", 300, busy_ns=int(busy_ms * 1e6)), method=method)
    return site


def test_a_coroutine_that_keeps_the_loop_busy_is_found() -> None:
    """By its own time on the loop."""
    busy_ms = blocked_loops.BUSY_US / 1000
    for method in ("asend", "asend_robust"):
        (found,) = coroutine(busy_ms, method).find("SG212")
        assert found.sentence == "shop.receivers.ask keeps the event loop busy for 50 ms in one call."


def test_a_coroutine_that_waits_or_has_a_loop_of_its_own_is_fine() -> None:
    """However long it takes."""
    assert coroutine(blocked_loops.BUSY_US / 1000 - 1).find("SG212") == []
    assert coroutine(200, "send").find("SG212") == []


# SG213: an ordinary receiver runs on a thread under asend


def hops(*, method: str = "asend", count: int = thread_hops.FEWEST, beside: Did | None = None, **more: int) -> Site:
    site = Site().connect("note", "beside").connect("ask", is_async=True)
    for _ in range(count):
        site.send(Did("note", **more), Did("ask", busy_ns=1000), *([beside] if beside else []), method=method)
    return site


def test_an_ordinary_receiver_without_queries_under_asend_is_found() -> None:
    """The coroutine beside it is not."""
    (found,) = hops().find("SG213")
    assert found.sentence == "shop.receivers.note is no coroutine, so asend hands it to a thread."


def test_a_receiver_that_needs_the_thread_is_fine() -> None:
    """It queries, or one beside it does; under `send` nothing is handed on; two calls say little."""
    assert hops(queries=1).find("SG213") == []
    assert hops(beside=Did("beside", queries=1)).find("SG213") == []
    assert hops(method="send").find("SG213") == []
    assert hops(count=thread_hops.FEWEST - 1).find("SG213") == []
    package = hops(beside=Did("beside"))
    package.connections[1] = structs.replace(package.connections[1], file="/v/site-packages/x/y.py")
    assert package.find("SG213") == []


# SG214: a write bypassed signals that have receivers


def writes(operation: str = "bulk_create", sender: str = ORDER, rows: int | None = 1, **changes: str) -> Site:
    site = Site().connect("index", signal=POST_SAVE).connect("audit", signal=POST_SAVE, sender="*")
    site.write(operation, sender, rows=rows, **changes)
    return site


def test_a_write_that_receivers_should_have_heard_of_is_found() -> None:
    """With its lines and the receivers that were connected for that model."""
    site = writes()
    site.write("update", rows=bypassing_writes.SEVERAL)
    (found,) = site.find("SG214")
    assert found.sentence == (
        "bulk_create and update of shop.Order send no post_save, for which shop.receivers.index listens."
    )
    assert "twice at shop/services.py:26: 3 rows in all" in found.detail
    assert (found.subject, found.count) == ("sender:shop.Order", 2)
    assert writes("bulk_update", rows=None).find("SG214")


def test_writes_that_nobody_needs_to_hear_of_are_fine() -> None:
    """A counter, a model with an audit alone, a delete that Django made fast as nobody listens, one that failed."""
    assert writes("update").find("SG214") == []
    assert writes("update", rows=None).find("SG214") == []
    assert writes(sender=BOOK).find("SG214") == []
    assert writes("fast delete", rows=9).find("SG214") == []
    assert writes(error="IntegrityError").find("SG214") == []


# SG215: a receiver for any sender on a hot signal


def audit(
    calls: int = hot_receivers.MANY,
    *,
    sender: str = "*",
    senders: tuple[str, str] = (BOOK, ORDER),
    ms: float = 0.1,
    useful: int = 0,
) -> Site:
    site = Site().connect("audit", signal=POST_SAVE, sender=sender).connect("count")
    with site.request(ms=100):
        site.send(Did("count"))
        for number in range(calls):
            heard = ORDER if sender == ORDER else senders[number % 2]
            site.send(Did("audit", ms, queries=int(number < useful)), signal=POST_SAVE, sender=heard)
    return site


def test_a_receiver_for_any_sender_that_runs_for_nothing_is_found() -> None:
    """With its share of the time and the senders for which it did anything."""
    (found,) = audit().find("SG215")
    assert found.sentence == "shop.receivers.audit is connected for any sender and runs 20 times in a trace."
    assert "20 calls for 2 senders of post_save took 2.0 ms, 2% of the 1 trace" in found.detail
    (found,) = audit(40, useful=1).find("SG215")
    assert "1 of them queried, sent or raised anything, all for library.Book" in found.detail


def test_a_receiver_that_is_cheap_useful_seldom_or_for_one_sender_is_fine() -> None:
    """Each by itself."""
    assert audit(hot_receivers.MANY - 1).find("SG215") == []
    assert audit(ms=0.01).find("SG215") == []
    assert audit(useful=2).find("SG215") == []
    assert audit(sender=ORDER).find("SG215") == []
    assert audit(senders=(ORDER, ORDER)).find("SG215") == []
    assert audit(senders=(ORDER, BOOK)).find("SG215")
