"""The demo under the rules that look at traffic: `legacy` has its planted faults, all else is accounted for."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

import pytest
import shop.pace
import shop.receivers
import shop.stock
from accounts.models import User
from django.core.management import call_command
from django.test import Client
from library.models import Author, Book
from shop.models import Order, StockItem
from test_findings_run_any import assert_sound

from signalgraph import conf, findings, recorder
from signalgraph.findings import Finding
from signalgraph.findings.traffic import read_traffic
from signalgraph.index import Index
from signalgraph.log import open_log

LONGER = 4  # the demo's waits, so that a busy machine doesn't make the rest slow as well
SLOW_MS = conf.Settings().slow_ms * LONGER
LONGEST_S = 0.12  # of `legacy.receivers.sync_note`; the seconds of `publish_stock` show no more
SLOW = "SG203:receiver:legacy.receivers.sync_note"  # asks another company's server while the visitor waits
PLANTED = {SLOW, "SG201:receiver:legacy.receivers.touch_updated"}  # saves the instance that was just saved
TIMED = {"SG203", "SG205", "SG206"}  # what else is slow is that of a machine with other work


@pytest.fixture
def recorded(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """What visitors and the import do, recorded, as an index has it."""
    monkeypatch.setattr(shop.pace, "seconds", lambda duration_s: min(duration_s, LONGEST_S) * LONGER)
    monkeypatch.setattr(shop.receivers, "LOYALTY_FAILS_EVERY", 2)
    monkeypatch.setattr(shop.stock, "SUPPLIER_FAILS_EVERY", 1)
    visitor = Client()
    visitor.force_login(User.objects.create_user("ada", "ada@example.com", "a-quiet-morning-7"))
    book = Book.objects.create(title="Silas Marner", author=Author.objects.create(name="George Eliot"))
    StockItem.objects.filter(book=book).update(copies=8)
    log = open_log(f"memory://{uuid.uuid4().hex}", writer=True)
    recorder.start(log)
    try:
        visit(visitor, book)
        for _ in range(3):
            call_command("import_stock", stdout=StringIO())
    finally:
        recorder.stop()
    yield Index(log)
    log.close()


def visit(visitor: Client, book: Book) -> None:
    for number in range(3):
        visitor.post("/notes/", {"author": f"Ada {number}", "text": "A fine shop."})
    for copies in (1, 1, 1, 1, 1, 1, 999):
        visitor.post(f"/books/{book.slug}/order/", {"copies": copies})
    visitor.post(f"/orders/{Order.objects.order_by('pk')[0].pk}/cancel/")


def test_the_planted_faults_are_found_and_nothing_else_is_open(recorded: Index) -> None:
    """What the shop shows on purpose is found as well, and accepted in the demo's settings, each with its reason."""
    found = findings.find_run(read_traffic(recorded, slow_ms=SLOW_MS))
    assert_sound(found)
    left, taken = findings.split(found, conf.get_settings().accept)
    assert {each.key for each in left} >= PLANTED
    assert {each.key for each in left if each.rule not in TIMED} == PLANTED - {SLOW}
    entries = {entry for entry in conf.get_settings().accept if entry.startswith("SG2")}
    assert {each.entry for each in taken} == entries


def test_what_the_findings_say_is_what_happened(recorded: Index) -> None:
    """Counts and names, from real dispatches."""
    found = {each.key: each for each in findings.find_run(read_traffic(recorded, slow_ms=SLOW_MS))}
    saved = found["SG201:receiver:legacy.receivers.touch_updated"]
    assert (saved.count, saved.app) == (3, "legacy")
    assert "the saves went 2 deep" in saved.detail
    assert {each.at for each in saved.evidence if each.kind == "receiver"} == {place_of(saved, "touch_updated")}
    lost = found["SG207:receiver:shop.receivers.charge_loyalty"]
    assert lost.sentence == (
        "order_placed.send_robust caught LoyaltyUnavailable from shop.receivers.charge_loyalty; "
        "the transaction was committed."
    )
    assert "SG207:receiver:shop.stock.reserve_stock" not in found  # place_order looks at OutOfStock and rolls back
    assert found["SG206:receiver:shop.receivers.notify_warehouse"].count == 1
    assert found["SG214:sender:shop.StockItem"].sentence == (
        "bulk_update of shop.StockItem sends no post_save, for which shop.stock.check_stock listens."
    )
    repeated = found["SG204:receiver:shop.receivers.recount_orders"]
    assert "up to 5 times in one call" in repeated.sentence
    assert_evidence_leads_to_calls(recorded, found.values())


def place_of(finding: Finding, name: str) -> str:
    """`file:line` of a function of the module that the finding is about."""
    import legacy.receivers as module

    code: Any = getattr(module, name).__code__
    return f"legacy/receivers.py:{code.co_firstlineno}"


def assert_evidence_leads_to_calls(index: Index, found: Iterable[Finding]) -> None:
    """The id of a call holds its trace, its dispatch and its number there."""
    for finding in found:
        for shown in finding.evidence:
            if shown.kind == "trace" and "/" in shown.id:
                trace_id, dispatch, number = shown.id.split("/")
                seen = next(each for each in index.trace(trace_id).dispatches if each.id == dispatch)
                assert seen.calls[int(number) - 1].receiver == finding.subject.removeprefix("receiver:")
