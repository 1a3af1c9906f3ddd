"""Work that `on_commit` puts off hangs on the receiver call that asked for it, and no callback is ever wrapped."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.db import connections, transaction
from django.dispatch import Signal
from django.test import TestCase
from ledger import Label, Recording, recorded

from signalgraph.recorder import faults, patches, unfinished
from signalgraph.recorder.clock import CLOSED, CURRENT, IDENT, SPAN

ordered = Signal()
mailed = Signal()
started = Signal()


def listens(sender, **kwargs):
    return "heard"


def mail() -> None:
    mailed.send("mail")


def put_off(callback=mail, **options) -> None:
    transaction.on_commit(callback, using="ledger", **options)


def first(sender, **kwargs):
    return "first"


def asks(sender, **kwargs):
    put_off()


@pytest.fixture
def recording(request: pytest.FixtureRequest, django_db_blocker) -> Iterator[Recording]:
    with recorded(request.node.name, django_db_blocker, "ledger", "archive") as recording:
        mailed.connect(listens)
        ordered.connect(first)
        ordered.connect(asks)
        yield recording
        for signal in (mailed, ordered, started):
            signal.receivers.clear()
            signal.sender_receivers_cache.clear()
    assert not faults.counted
    assert CURRENT.get() is None


def ledger(**options):
    return transaction.atomic(using="ledger", **options)


class Failure(Exception):
    """Of the project."""


def test_put_off_work_has_the_receiver_call_that_asked_as_parent(recording: Recording) -> None:
    """Although that call is over: the second receiver's span, its trace, and after its transaction."""
    with ledger():
        ordered.send("order")
    reading = recording.read()
    order, mail = reading.one("ordered"), reading.one("mailed")
    assert (mail.parent, mail.trace) == (order.span + 2, order.trace)
    assert mail.transaction == -order.transaction
    assert reading.lasts(order.transaction)


def test_after_the_commit_means_of_the_outermost_block(recording: Recording) -> None:
    """Asked for in a savepoint, it waits for the transaction around it."""
    with ledger(), ledger():
        ordered.send("order")
    reading = recording.read()
    inner = reading.transactions[reading.one("ordered").transaction]
    assert reading.one("mailed").transaction == -inner.outer


def test_the_end_of_a_transaction_is_its_commit(recording: Recording) -> None:
    """The callbacks' time is not the transaction's."""
    with ledger():
        ordered.send("order")
    reading = recording.read()
    told = reading.transactions[reading.one("ordered").transaction]
    assert told.start_us + told.duration_ns // 1000 <= reading.one("mailed").start_us


def test_work_asked_for_outside_any_receiver_has_no_parent(recording: Recording) -> None:
    """Beside work that has one: each callback has what it was asked with."""
    with ledger():
        put_off()
        ordered.send("order")
        put_off()
    reading = recording.read()
    span = reading.one("ordered").span
    assert [dispatch.parent for dispatch in reading.of("mailed")] == [0, span + 2, 0]
    assert CURRENT.get() is None


def test_a_commit_inside_a_receiver_goes_back_to_it(recording: Recording) -> None:
    """What the receiver sends after the block is its own again."""

    def commits(sender, **kwargs):
        with ledger():
            ordered.send("order")
        mailed.send("by hand")

    started.connect(commits)
    started.send("start")
    reading = recording.read()
    late, own = reading.of("mailed")
    assert late.parent == reading.one("ordered").span + 2
    assert own.parent == reading.one("started").span + 1
    assert own.transaction == 0


def test_what_runs_around_a_commit_stays_in_sight(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that hangs in a callback, or after it, is found among those that run."""
    monkeypatch.setattr(unfinished, "LONG_NS", 0)
    seen = []

    def look() -> None:
        seen.append({record[SPAN] for record in unfinished.Unfinished().look()})

    def commits(sender, **kwargs):
        with ledger():
            ordered.send("order")
            put_off(look)
        look()

    started.connect(commits)
    started.send("start")
    reading = recording.read()
    assert seen == [{reading.one("started").span}] * 2


def test_a_transaction_in_a_callback_is_after_the_first(recording: Recording) -> None:
    """It is told as opened after that commit, and its own put off work is after its own."""

    def again() -> None:
        with ledger():
            started.send("again")
            put_off()

    started.connect(listens)
    with ledger():
        ordered.send("order")
        put_off(again)
    reading = recording.read()
    told = reading.transactions[reading.one("started").transaction]
    assert told.outer == -reading.one("ordered").transaction
    assert [dispatch.transaction for dispatch in reading.of("mailed")] == [told.outer, -told.id]


def test_without_a_transaction_it_runs_at_once(recording: Recording) -> None:
    """In autocommit mode the callback is a part of the receiver."""
    ordered.send("order")
    reading = recording.read()
    assert reading.one("mailed").parent == reading.one("ordered").span + 2
    assert reading.one("mailed").transaction == 0


def test_a_savepoint_that_is_rolled_back_takes_its_callbacks_only(recording: Recording) -> None:
    """Django makes the others anew then; they keep who asked."""
    with ledger():
        ordered.send("order")
        with suppress(Failure), ledger():
            put_off()
            raise Failure
    reading = recording.read()
    assert reading.one("mailed").parent == reading.one("ordered").span + 2


def test_entries_read_as_djangos_own(recording: Recording) -> None:
    """Equality, length, indexing, slices, unpacking; and the callback is the very object."""
    with ledger():
        put_off(robust=True)
        [entry] = connections["ledger"].run_on_commit
        savepoints, callback, robust = entry
        assert entry == (set(), mail, True) == (savepoints, callback, robust)
        assert (len(entry), entry[1], entry[1:]) == (3, mail, (mail, True))
        assert isinstance(entry, tuple)
        assert repr(entry) == repr((savepoints, callback, robust))
        assert callback is mail


def test_callbacks_run_unwrapped(recording: Recording) -> None:
    """Below the callback is Django's own loop."""
    frames = []

    def looks() -> None:
        import sys

        frames.append(sys._getframe(1).f_code.co_filename.replace("\\", "/"))

    with ledger():
        put_off(looks)
    assert frames[0].endswith("django/db/backends/base/base.py")


def test_a_robust_callback_that_fails_is_logged_as_by_django(recording: Recording, caplog) -> None:
    """By its own name, and those after it run."""

    def fails() -> None:
        raise Failure("of the project")

    with caplog.at_level(logging.ERROR, logger="django.db.backends.base"), ledger():
        put_off(fails, robust=True)
        ordered.send("order")
    [logged] = [record for record in caplog.records if record.name == "django.db.backends.base"]
    assert fails.__qualname__ in logged.getMessage()
    assert len(recording.read().of("mailed")) == 1


def test_a_callback_that_fails_ends_the_others_and_our_context(recording: Recording) -> None:
    """As in plain Django; nothing stays set."""

    def fails() -> None:
        raise Failure

    with suppress(Failure), ledger():
        ordered.send("order")
        put_off(fails)
        put_off()
    ordered.send("after")
    reading = recording.read()
    assert [dispatch.transaction < 0 for dispatch in reading.of("mailed")] == [True, False]


def test_a_partial_is_a_callback_too(recording: Recording) -> None:
    """It has no name, which nobody asks for."""
    with ledger():
        put_off(functools.partial(mailed.send, "partial"))
    assert len(recording.read().of("mailed")) == 1


def test_captured_callbacks_run_for_the_test(recording: Recording) -> None:
    """`captureOnCommitCallbacks` runs the very objects, under the test's cause and not the receiver's."""
    with transaction.atomic(using="ledger"):
        with TestCase.captureOnCommitCallbacks(using="ledger", execute=True) as callbacks:
            ordered.send("order")
        transaction.set_rollback(True, using="ledger")
    assert callbacks == [mail]
    assert callbacks[0] is mail
    assert recording.read().one("mailed").parent == 0


@pytest.mark.parametrize("begins", [True, False])
def test_recording_is_switched_before_the_commit(recording: Recording, begins: bool) -> None:
    """Entries of before run all the same, and under nothing that is not known."""
    if begins:
        patches.uninstall()
    with ledger():
        ordered.send("order")
        patches.install() if begins else patches.uninstall()
    patches.install()
    assert CURRENT.get() is None
    assert [dispatch.parent for dispatch in recording.read().of("mailed")] == ([0] if begins else [])


def test_a_pause_ends_what_was_known_of_entries(recording: Recording) -> None:
    """The receiver call was of the recording before."""
    with ledger():
        ordered.send("order")
        patches.uninstall()
        patches.install()
    assert recording.read().one("mailed").parent == 0


def test_what_a_callback_leaves_running_is_not_the_receivers(recording: Recording) -> None:
    """Queries of a callback stand with no receiver, and its context is over with it."""
    cells = []

    def keeps() -> None:
        Label.objects.using("ledger").count()
        cells.append(CURRENT.get())

    def asks_for_it(sender, **kwargs):
        put_off(keeps)

    started.connect(asks_for_it)
    with ledger():
        started.send("start")
    assert recording.read().one("started").calls[0].queries == 0
    assert cells[0][IDENT] == CLOSED
