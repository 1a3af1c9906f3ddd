"""Databases of a test's own beside the site's, with tables for these models, and what was recorded of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.apps.registry import Apps
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from signalgraph import recorder
from signalgraph.blobs import decode_dispatches
from signalgraph.events import Batch, Dispatch, Transaction, Write
from signalgraph.log import open_log
from signalgraph.log.base import Log

apart = Apps()  # not among the site's models


class Label(models.Model):
    name = models.CharField(max_length=50)

    class Meta:
        app_label = "ledger"
        apps = apart

    def __str__(self) -> str:
        raise AssertionError("the recorder shows no instance")


class Entry(models.Model):
    name = models.CharField(max_length=50)
    labels = models.ManyToManyField(Label)

    class Meta:
        app_label = "ledger"
        apps = apart

    def __str__(self) -> str:
        raise AssertionError("the recorder shows no instance")


class Line(models.Model):
    entry = models.ForeignKey(Entry, models.CASCADE)

    class Meta:
        app_label = "ledger"
        apps = apart

    def __str__(self) -> str:
        raise AssertionError("the recorder shows no instance")


@contextmanager
def database(alias: str) -> Iterator[Any]:
    """A new SQLite database in memory as `connections[alias]` of this thread."""
    connection = connections["default"].copy(alias=alias)
    connection.settings_dict["NAME"] = ":memory:"
    connections[alias] = connection
    try:
        with connection.schema_editor() as editor:
            for model in (Label, Entry, Line):
                editor.create_model(model)
        yield connection
    finally:
        BaseDatabaseWrapper.close(connection)  # SQLite's own leaves a database in memory open
        del connections[alias]


class Reading:
    """What a log says of dispatches, transactions and writes."""

    def __init__(self, log: Log) -> None:
        recorder.flush()
        batches = [entry for _, entry in log.read(limit=100_000).entries if isinstance(entry, Batch)]
        self._dispatches = [(batch, each) for batch in batches for each in decode_dispatches(batch)]
        self._writes = [(batch, each) for batch in batches for each in batch.writes]
        self.transactions: dict[int, Transaction] = {each.id: each for batch in batches for each in batch.transactions}
        self.writes: list[Write] = [write for _, write in self._writes]

    def of(self, signal_name: str) -> list[Dispatch]:
        """The dispatches of a signal in the order in which they ended."""
        return [each for batch, each in self._dispatches if batch.signals[each.signal].endswith(signal_name)]

    def one(self, signal_name: str) -> Dispatch:
        [dispatch] = self.of(signal_name)
        return dispatch

    def site(self, write: Write) -> str:
        return next(batch.sites[each.site] if each.site >= 0 else "" for batch, each in self._writes if each is write)

    def sender(self, write: Write) -> str:
        return next(batch.senders[each.sender] for batch, each in self._writes if each is write)

    def lasts(self, transaction: int) -> bool:
        """Whether what was done in it was committed, by it and by those of its database around it."""
        found = self.transactions[abs(transaction)]
        return found.committed and (found.outer <= 0 or self.lasts(found.outer))


class Recording:
    def __init__(self, log: Log) -> None:
        self.log = log

    def read(self) -> Reading:
        return Reading(self.log)


@contextmanager
def recorded(name: str, blocker: Any, *aliases: str) -> Iterator[Recording]:
    """Record into a log in memory, with databases of these aliases."""
    log = open_log(f"memory://{name}", writer=True)
    with ExitStack() as stack:
        stack.enter_context(blocker.unblock())
        for alias in aliases:
            stack.enter_context(database(alias))
        recorder.start(log)
        stack.callback(log.close)
        stack.callback(recorder.stop)
        yield Recording(log)
