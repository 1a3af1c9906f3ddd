"""Which transaction a dispatch was sent in, and whether what was done in it lasts."""

from __future__ import annotations

import contextvars
import gc
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.dispatch import Signal
from django.test import TestCase
from ledger import Recording, recorded

from signalgraph import recorder
from signalgraph.fates import COMMITTED, ROLLED_BACK, Fates
from signalgraph.recorder import dispatching, faults, patches, transactions

saved = Signal()
paid = Signal()


def listens(sender, **kwargs):
    return "heard"


@pytest.fixture
def recording(request: pytest.FixtureRequest, django_db_blocker) -> Iterator[Recording]:
    with recorded(request.node.name, django_db_blocker, "ledger", "archive") as recording:
        saved.connect(listens)
        paid.connect(listens)
        yield recording
        saved.disconnect(listens)
        paid.disconnect(listens)
    assert not faults.counted
    assert not dispatching.TRANSACTIONS


def ledger(**options):
    return transaction.atomic(using="ledger", **options)


class Failure(Exception):
    """Of the project."""


def test_a_dispatch_names_its_transaction_which_was_committed(recording: Recording) -> None:
    """Inside an atomic block a dispatch has the block's transaction, outside none."""
    with ledger():
        saved.send("inside")
    paid.send("outside")
    reading = recording.read()
    told = reading.transactions[reading.one("saved").transaction]
    assert (told.using, told.outer, told.committed) == ("ledger", 0, True)
    assert told.duration_ns > 0
    assert reading.one("paid").transaction == 0


def test_a_block_that_raises_is_rolled_back(recording: Recording) -> None:
    """The transaction is told as not committed."""
    with suppress(Failure), ledger():
        saved.send("inside")
        raise Failure
    reading = recording.read()
    assert not reading.lasts(reading.one("saved").transaction)


def test_set_rollback_is_a_rollback(recording: Recording) -> None:
    """No exception is needed."""
    with ledger():
        saved.send("inside")
        transaction.set_rollback(True, using="ledger")
    reading = recording.read()
    assert not reading.lasts(reading.one("saved").transaction)


def test_a_closed_connection_has_rolled_back(recording: Recording) -> None:
    """Django leaves the block without an error then."""
    with ledger():
        saved.send("inside")
        BaseDatabaseWrapper.close(connections["ledger"])  # SQLite's own doesn't close a database in memory
        transaction.set_rollback(False, using="ledger")  # which changes nothing any more
    reading = recording.read()
    assert not reading.lasts(reading.one("saved").transaction)


def test_a_commit_that_fails_is_no_commit(recording: Recording) -> None:
    """A deferred constraint is checked at COMMIT."""
    connection = connections["ledger"]
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("CREATE TABLE page (book REFERENCES ledger_entry(id) DEFERRABLE INITIALLY DEFERRED)")
    with suppress(IntegrityError), ledger():
        saved.send("inside")
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO page VALUES (7)")
    reading = recording.read()
    assert not reading.lasts(reading.one("saved").transaction)


def test_a_callback_that_fails_undoes_no_commit(recording: Recording) -> None:
    """What raises after COMMIT leaves the block with an error, and yet all that was done lasts."""

    def fails() -> None:
        raise Failure

    with suppress(Failure), ledger():
        saved.send("inside")
        transaction.on_commit(fails, using="ledger")
    reading = recording.read()
    assert reading.lasts(reading.one("saved").transaction)


def test_a_savepoint_is_rolled_back_alone(recording: Recording) -> None:
    """What was sent in it is told apart from what was sent around it."""
    with ledger():
        paid.send("around")
        with suppress(Failure), ledger():
            saved.send("inside")
            raise Failure
    reading = recording.read()
    inner, outer = reading.one("saved").transaction, reading.one("paid").transaction
    assert reading.transactions[inner].outer == outer
    assert not reading.lasts(inner)
    assert reading.lasts(outer)


def test_a_released_savepoint_goes_with_what_is_around_it(recording: Recording) -> None:
    """Committed by itself, rolled back by the outermost: both are told, though only the inner one has a dispatch."""
    with suppress(Failure), ledger():
        with ledger():
            saved.send("inside")
        raise Failure
    reading = recording.read()
    inner = reading.transactions[reading.one("saved").transaction]
    assert inner.committed
    assert not reading.transactions[inner.outer].committed


def test_a_block_without_a_savepoint_opens_nothing(recording: Recording) -> None:
    """`savepoint=False` joins the transaction around it."""
    with ledger():
        paid.send("around")
        with ledger(savepoint=False):
            saved.send("inside")
    reading = recording.read()
    assert reading.one("saved").transaction == reading.one("paid").transaction


def test_a_failure_in_a_joined_block_rolls_the_outer_one_back(recording: Recording) -> None:
    """Django marks the transaction for it, whoever catches the error."""
    with ledger():
        saved.send("before")
        with suppress(Failure), ledger(savepoint=False):
            raise Failure
    reading = recording.read()
    assert not reading.lasts(reading.one("saved").transaction)


def test_decorators_and_recursion(recording: Recording) -> None:
    """One `Atomic` is entered again while it is open: each time is a transaction or savepoint of its own."""

    @transaction.atomic(using="ledger", durable=False)
    def recurse(depth: int) -> None:
        saved.send("inside")
        if depth:
            recurse(depth - 1)

    recurse(2)
    reading = recording.read()
    outer, middle, inner = [dispatch.transaction for dispatch in reading.of("saved")]
    assert [reading.transactions[each].outer for each in (outer, middle, inner)] == [0, outer, middle]


def test_databases_have_transactions_of_their_own(recording: Recording) -> None:
    """Nested blocks of two databases are told with their aliases and left in either order."""
    first, second = ledger(), transaction.atomic(using="archive")
    first.__enter__()
    second.__enter__()
    saved.send("in both")
    first.__exit__(None, None, None)
    paid.send("in the second")
    second.__exit__(Failure, Failure(), None)
    reading = recording.read()
    inner = reading.transactions[reading.one("saved").transaction]
    assert (inner.using, inner.committed) == ("archive", False)
    assert reading.transactions[inner.outer].using == "ledger"
    assert reading.transactions[inner.outer].committed
    assert reading.one("paid").transaction == inner.id


def test_a_rollback_undoes_nothing_of_another_database(recording: Recording) -> None:
    """Committed inside a block of another database, which is rolled back: it lasts."""
    with suppress(Failure), ledger():
        paid.send("in the ledger")
        with transaction.atomic(using="archive"):
            saved.send("in the archive")
        raise Failure
    reading, fates = recording.read(), Fates()
    for told in reading.transactions.values():
        fates.add(1, "process", told)
    assert reading.transactions[reading.one("saved").transaction].outer == reading.one("paid").transaction
    assert fates.of("process", reading.one("saved").transaction) == COMMITTED
    assert fates.of("process", reading.one("paid").transaction) == ROLLED_BACK


def test_a_generator_that_is_left_elsewhere_leaves_nothing_behind(recording: Recording) -> None:
    """A block entered in one context and left in another ends for all of them."""

    def steps():
        with ledger():
            saved.send("first step")
            yield
            saved.send("second step")

    generator = steps()
    contextvars.Context().run(next, generator)
    with pytest.raises(StopIteration):
        contextvars.Context().run(next, generator)
    paid.send("after")
    reading = recording.read()
    first, second = reading.of("saved")
    assert first.transaction == second.transaction
    assert reading.lasts(first.transaction)
    assert reading.one("paid").transaction == 0


def test_an_abandoned_generator_is_rolled_back(recording: Recording) -> None:
    """Its block is left when it is collected."""

    def steps():
        with ledger():
            saved.send("only step")
            yield

    generator = steps()
    next(generator)
    del generator
    gc.collect()
    paid.send("after")
    reading = recording.read()
    assert not reading.lasts(reading.one("saved").transaction)
    assert reading.one("paid").transaction == 0


def test_a_transaction_holds_in_its_thread_only(recording: Recording) -> None:
    """A thread given the block's context has another connection, so it is in no transaction."""
    with ledger():
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(saved.send, "thread"))
        thread.start()
        thread.join()
    assert recording.read().one("saved").transaction == 0


def test_a_dead_threads_transaction_is_nobodys(recording: Recording) -> None:
    """A thread that ends in the middle of a block leaves no transaction to one with the same ident."""
    left = []

    def enters() -> None:
        connections["away"] = connections["default"].copy(alias="away")
        connections["away"].settings_dict["NAME"] = ":memory:"
        connections["away"].inc_thread_sharing()  # it dies where the collector runs
        transaction.atomic(using="away").__enter__()
        connections["away"].connection.close()
        left.append(threading.get_ident())

    thread = threading.Thread(target=enters)
    thread.start()
    thread.join()
    gc.collect()
    assert left[0] not in dispatching.TRANSACTIONS
    assert left[0] not in transactions._connections["away"]


def test_a_connection_that_is_replaced_is_followed(recording: Recording) -> None:
    """Projects put connections in each other's place, for tests and tenants."""
    with ledger():
        pass
    replaced = connections["ledger"]
    connections["ledger"] = replaced.copy()
    connections["ledger"].settings_dict["NAME"] = ":memory:"
    try:
        with ledger(), ledger():
            saved.send("inside")
    finally:
        BaseDatabaseWrapper.close(connections["ledger"])
        connections["ledger"] = replaced
    reading = recording.read()
    inner = reading.transactions[reading.one("saved").transaction]
    assert inner.outer in reading.transactions


@pytest.mark.parametrize("begins", [True, False])
def test_recording_is_switched_inside_a_block(recording: Recording, begins: bool) -> None:
    """Nothing is told of a block that was not seen from its beginning to its end, and none is left open."""
    if begins:
        patches.uninstall()
    with ledger():
        if begins:
            patches.install()
        saved.send("inside")
        if not begins:
            patches.uninstall()
    patches.install()
    paid.send("after")
    reading = recording.read()
    assert not reading.transactions
    assert reading.one("paid").transaction == 0


def test_errors_of_blocks_are_djangos_own(recording: Recording) -> None:
    """A durable block in another one opens nothing and says what it says without us."""
    with ledger():
        with pytest.raises(RuntimeError, match="durable"), ledger(durable=True):
            pass
        saved.send("inside")
    reading = recording.read()
    assert reading.lasts(reading.one("saved").transaction)


def test_a_test_cases_own_blocks_are_no_transactions(recording: Recording) -> None:
    """In a TestCase, which rolls all back, the project's outermost block is what would have been committed."""

    class Case(TestCase):
        @classmethod
        def _databases_names(cls, include_mirrors=True):
            return ["ledger"]

    of_class = Case._enter_atomics()
    of_test = Case._enter_atomics()
    paid.send("in the test")
    with ledger(savepoint=False):
        saved.send("in a block")
    Case._rollback_atomics(of_test)
    Case._rollback_atomics(of_class)
    reading = recording.read()
    assert reading.one("paid").transaction == 0
    told = reading.transactions[reading.one("saved").transaction]
    assert (told.outer, told.committed) == (0, True)


def test_most_blocks_are_not_told(recording: Recording) -> None:
    """A transaction in which nothing was told is not noted at all."""
    with recorder.session._session.flusher.lock:
        with ledger(), ledger():
            pass
        assert not transactions.NOTES
