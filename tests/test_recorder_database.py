"""What receivers do to databases: their queries, and the writes for which no signal is sent."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections import deque
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.db import IntegrityError, connections, transaction
from django.db.models.signals import post_delete, post_save, pre_delete
from django.dispatch import Signal
from ledger import Entry, Label, Line, Recording, recorded

from signalgraph import recorder
from signalgraph.events import OPERATIONS
from signalgraph.recorder import clock, faults, queries, writes

ordered = Signal()
counted = Signal()
labels = Label.objects.using("ledger")
entries = Entry.objects.using("ledger")
lines = Line.objects.using("ledger")


def listens(sender, **kwargs):
    return "heard"


@pytest.fixture
def recording(request: pytest.FixtureRequest, django_db_blocker) -> Iterator[Recording]:
    with recorded(request.node.name, django_db_blocker, "ledger") as recording:
        yield recording
        for signal in (ordered, counted):
            signal.receivers.clear()
            signal.sender_receivers_cache.clear()
    assert not faults.counted


@pytest.fixture
def nobody_hears_deletes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The demo's receivers listen to every sender, so nothing is deleted fast."""
    for signal in (pre_delete, post_delete):
        monkeypatch.setattr(signal, "receivers", [])
        signal.sender_receivers_cache.clear()
    yield
    for signal in (pre_delete, post_delete):
        signal.sender_receivers_cache.clear()


def spent(call) -> tuple[int, int]:
    return call.queries, call.repeats


def test_the_same_query_again_and_again_is_told(recording: Recording) -> None:
    """N+1: how often the text ran that ran most often, and the same fingerprint for it in another receiver."""

    def asks_one_by_one(sender, **kwargs):
        for key in range(5):
            labels.filter(pk=key).first()
        labels.count()

    def asks_twice(sender, **kwargs):
        for key in (8, 9):
            labels.filter(pk=key).first()

    ordered.connect(asks_one_by_one)
    ordered.connect(asks_twice)
    ordered.send("order")
    first, second = recording.read().one("ordered").calls
    assert (spent(first), spent(second)) == ((6, 5), (2, 2))
    assert first.repeated == second.repeated != 0
    assert first.queries_ns > 0


def test_queries_belong_to_the_innermost_receiver(recording: Recording) -> None:
    """Those of a dispatch in a receiver are that dispatch's."""

    def sends(sender, **kwargs):
        labels.count()
        counted.send("count")
        labels.exists()

    def counts(sender, **kwargs):
        for _ in range(3):
            labels.count()

    ordered.connect(sends)
    ordered.connect(listens)
    counted.connect(counts)
    ordered.send("order")
    reading = recording.read()
    assert [spent(call) for call in reading.one("ordered").calls] == [(2, 0), (0, 0)]
    assert spent(reading.one("counted").calls[0]) == (3, 3)


def test_executemany_and_a_failing_query_are_queries(recording: Recording) -> None:
    """The error passes untouched."""

    def writes_many(sender, **kwargs):
        with connections["ledger"].cursor() as cursor:
            cursor.executemany("INSERT INTO ledger_label (name) VALUES (%s)", [("one",), ("two",)])
            with pytest.raises(IntegrityError):
                cursor.execute("INSERT INTO ledger_label (name) VALUES (NULL)")

    ordered.connect(writes_many)
    ordered.send("order")
    assert recording.read().one("ordered").calls[0].queries == 2


def test_queries_are_counted_with_djangos_own_log(recording: Recording) -> None:
    """The cursor that DEBUG makes calls the plain one's methods: once each."""
    connections["ledger"].force_debug_cursor = True

    def counts(sender, **kwargs):
        labels.count()

    ordered.connect(counts)
    ordered.send("order")
    assert recording.read().one("ordered").calls[0].queries == 1


def test_queries_of_a_thread_are_not_guessed_at(recording: Recording) -> None:
    """A receiver's context in another thread says the dispatch, not which of its receivers runs by now."""
    connections["ledger"].inc_thread_sharing()
    shared = connections["ledger"]

    def starts_a_thread(sender, **kwargs):
        def counts() -> None:
            with shared.cursor() as cursor:
                cursor.execute("SELECT 1")

        thread = threading.Thread(target=contextvars.copy_context().run, args=(counts,))
        thread.start()
        thread.join()

    ordered.connect(starts_a_thread)
    ordered.send("order")
    assert recording.read().one("ordered").calls[0].queries == 0
    shared.dec_thread_sharing()


def test_queries_of_async_receivers_are_their_own(recording: Recording) -> None:
    """Also where two of them run at once, each on threads of its own."""
    shared = connections["ledger"]
    shared.inc_thread_sharing()

    def count(times: int) -> None:
        for _ in range(times):
            with shared.cursor() as cursor:
                cursor.execute("SELECT 1")

    async def one(sender, **kwargs):
        await sync_to_async(count, thread_sensitive=False)(1)

    async def three(sender, **kwargs):
        await sync_to_async(count, thread_sensitive=False)(3)

    ordered.connect(one)
    ordered.connect(three)
    asyncio.run(ordered.asend("order"))
    shared.dec_thread_sharing()
    assert [call.queries for call in recording.read().one("ordered").calls] == [1, 3]


def test_a_receiver_that_queries_for_hours_keeps_a_small_record(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its queries are folded by text, and the counts stay exact."""
    monkeypatch.setattr(queries, "MOST_TRIPLES", 20)
    sizes = []

    def queries_on(sender, **kwargs):
        with connections["ledger"].cursor() as cursor:
            for number in range(300):
                cursor.execute("SELECT 1")
                cursor.execute(f"SELECT {number} + 0")
                sizes.append(len(clock.CURRENT.get()[clock.SQL]))

    ordered.connect(listens)
    ordered.connect(queries_on)
    ordered.send("order")
    assert max(sizes) <= 3 * 22
    calls = recording.read().one("ordered").calls
    assert [spent(call) for call in calls] == [(0, 0), (600, 300)]


def test_texts_are_forgotten(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of fingerprints is bounded in texts and in their length, and savepoints don't fill it."""
    monkeypatch.setattr(queries, "MOST_TEXTS", 10)
    table = queries._Fingerprints()
    fingerprints = {table[f"SELECT {number}"] for number in range(25)}
    assert len(fingerprints) == 25
    assert len(table) <= 10
    size = len(table)
    assert table['SAVEPOINT "s1_x1"'] == table['SAVEPOINT "s1_x2"'] != table['RELEASE SAVEPOINT "s1_x1"']
    assert table["S" * 5_000]
    assert len(table) == size


def told(reading) -> list[tuple[str, int | None, str | None]]:
    return [(OPERATIONS[write.operation], write.rows, write.error) for write in reading.writes]


def test_writes_without_signals_are_told(recording: Recording, nobody_hears_deletes: None) -> None:
    """Each with its rows; a save and a delete of which signals tell, are none."""
    made = labels.bulk_create([Label(name=name) for name in ("a", "b", "c")])
    for label in made:
        label.name += "!"
    labels.bulk_update(made, ["name"], batch_size=1)
    labels.filter(name="a!").update(name="d")
    Line(entry=entries.create(name="e")).save(using="ledger")
    lines.get().save()
    lines.all().delete()
    reading = recording.read()
    assert told(reading) == [
        ("bulk_create", 3, None),
        ("bulk_update", 3, None),
        ("update", 1, None),
        ("fast delete", 1, None),
    ]
    assert reading.sender(reading.writes[0]) == "ledger.Label"
    assert all(write.duration_ns > 0 for write in reading.writes)


def test_a_write_names_the_projects_line(recording: Recording) -> None:
    """Through managers and Django's own layers."""
    Label.objects.using("ledger").update(name="x")
    Label._base_manager.db_manager("ledger").bulk_create([Label(name="y")])
    reading = recording.read()
    assert all("test_recorder_database.py" in reading.site(write) for write in reading.writes)


def test_a_delete_is_a_fast_one_only_when_nobody_listens(recording: Recording, nobody_hears_deletes: None) -> None:
    """Of a single object Django decides it by asking who listens."""
    lone = entries.create(name="lone")
    line = lines.create(entry=lone)
    line.delete()
    line = lines.create(entry=lone)
    post_delete.connect(listens, sender=Line)
    try:
        line.delete()
    finally:
        post_delete.disconnect(listens, sender=Line)
    assert told(recording.read()) == [("fast delete", 1, None)]


def test_links_of_a_many_to_many_are_left_out(recording: Recording) -> None:
    """m2m_changed tells of those."""
    entry = entries.create(name="e")
    entry.labels.add(labels.create(name="a"))
    entry.labels.clear()
    assert told(recording.read()) == []


def test_rows_that_nobody_counted_are_not_told(recording: Recording) -> None:
    """With `ignore_conflicts` the database doesn't say how many are new."""
    labels.bulk_create([Label(pk=1, name="a")])
    labels.bulk_create([Label(pk=1, name="a"), Label(pk=2, name="b")], ignore_conflicts=True)
    labels.bulk_create([Label(pk=1, name="a")], None, True)
    assert [rows for _, rows, _ in told(recording.read())] == [1, None, None]


def test_a_write_that_fails_has_the_errors_name(recording: Recording) -> None:
    """And the error passes untouched."""
    labels.bulk_create([Label(pk=1, name="a")])
    with pytest.raises(IntegrityError):
        labels.bulk_create([Label(pk=1, name="secret")])
    with pytest.raises(TypeError, match="slice"):
        labels.all()[:1].update(name="b")
    assert told(recording.read())[1:] == [("bulk_create", None, "IntegrityError"), ("update", None, "TypeError")]


def test_a_write_has_its_receiver_and_transaction(recording: Recording) -> None:
    """As a dispatch in its place would; outside any it is a trace of its own."""

    def updates(sender, **kwargs):
        labels.update(name="x")

    ordered.connect(listens)
    ordered.connect(updates)
    with transaction.atomic(using="ledger"):
        ordered.send("order")
    labels.update(name="y")
    reading = recording.read()
    order = reading.one("ordered")
    inside, alone = reading.writes
    assert (inside.parent, inside.trace, inside.transaction) == (order.span + 2, order.trace, order.transaction)
    assert inside.transaction in reading.transactions
    assert (alone.parent, alone.trace, alone.transaction) == (0, alone.span, 0)


def test_async_writes_have_their_receiver(recording: Recording) -> None:
    """`aupdate` runs `update` on another thread, in the receiver's context."""
    shared = connections["ledger"]
    shared.inc_thread_sharing()

    async def updates(sender, **kwargs):
        def on_thread() -> None:
            connections["ledger"] = shared

        await sync_to_async(on_thread)()
        await labels.aupdate(name="x")

    ordered.connect(updates)
    asyncio.run(ordered.asend("order"))
    shared.dec_thread_sharing()
    reading = recording.read()
    [write] = reading.writes
    assert write.parent == reading.one("ordered").span + 1
    assert write.error is None


def test_a_queryset_that_overrides_its_methods_is_told_once(recording: Recording) -> None:
    """By the call that reaches Django's; another model's update inside `bulk_update` is another write."""

    class Checked(type(labels)):
        def update(self, **values):
            lines.update(entry=None) if values.pop("also", False) else None
            entries.update(name="touched")
            return super().update(**values)

    checked = Checked(Label, using="ledger")
    made = labels.bulk_create([Label(name="a")])
    checked.bulk_update(made, ["name"])
    assert [operation for operation, _, _ in told(recording.read())] == ["bulk_create", "update", "bulk_update"]


def test_dropped_writes_are_counted(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their own sequence: what was noted, less what was taken and what waits."""
    with recorder.session._session.flusher.lock:
        monkeypatch.setattr(writes, "NOTES", deque(maxlen=3))
        for _ in range(10):
            labels.update(name="x")
        assert (writes.noted(), len(writes.NOTES)) == (10, 3)


def test_a_note_of_a_write_keeps_nothing_alive(recording: Recording) -> None:
    """Atoms and a code object."""
    with recorder.session._session.flusher.lock:
        labels.update(name="x")
        gc.collect()
        gc.collect()
        assert not any(map(gc.is_tracked, writes.NOTES))


def test_signals_of_models_are_not_disturbed(recording: Recording) -> None:
    """A receiver of post_save hears a save as before, and `update` in it is told under it."""

    def touches(sender, instance, **kwargs):
        labels.filter(pk=instance.pk).update(name="touched")

    post_save.connect(touches, sender=Label)
    try:
        label = labels.create(name="a")
    finally:
        post_save.disconnect(touches, sender=Label)
    label.refresh_from_db()
    assert label.name == "touched"
    reading = recording.read()
    [write] = reading.writes
    assert write.parent in {dispatch.span + n for dispatch in reading.of("post_save") for n in (1, 2, 3)}
