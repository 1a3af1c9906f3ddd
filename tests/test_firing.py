"""What never fires: told by the registry, the drawing, its exports, the pages of docs and SG109 alike."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Model
from django.test.utils import isolate_apps
from msgspec import msgpack, structs
from wirings import POST_SAVE, connect
from written import Package

from signalgraph.descriptions import describe_sender
from signalgraph.documents.content import audiences
from signalgraph.events import ConnectionInfo, Process, Wiring, decode_entry, encode_entry
from signalgraph.exports.files import FORMATS
from signalgraph.graph.build import connection_id
from signalgraph.graph.material import Ask, Material
from signalgraph.graph.views import build_view
from signalgraph.model_kinds import model_kinds
from signalgraph.registry import REGISTRY

MODELS = """
from django.apps import apps
from django.contrib.auth.models import AbstractUser, User
from django.contrib.auth.signals import user_logged_in
from django.db import models
from django.db.models.signals import *
from django.dispatch import Signal
from legacy.models import Note
from library.models import Author, Book, Category

class Plan(models.Model):
    books = models.ManyToManyField("library.Book", related_name="+")
    class Meta:
        abstract = True
        app_label = "attic"

class Ideal(models.Model):
    notes = models.ManyToManyField(Note, related_name="+")
    class Meta:
        abstract = True
        app_label = "attic"

class Draft(Plan):
    readers = models.ManyToManyField("accounts.User", through="Loan")
    class Meta:
        app_label = "attic"

class LongDraft(Draft):
    class Meta:
        app_label = "attic"

class Loan(models.Model):
    draft = models.ForeignKey(Draft, on_delete=models.CASCADE)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE)
    categories = models.ManyToManyField("library.Category", related_name="+")
    class Meta:
        app_label = "attic"

class BookCopy(Book):
    class Meta:
        proxy = True
        app_label = "attic"

class Loans(models.Model):
    note = models.ForeignKey(Note, on_delete=models.CASCADE)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    class Meta:
        app_label = "attic"

class Lent(Loans):
    class Meta:
        proxy = True
        app_label = "attic"

class Desk(models.Model):
    authors = models.ManyToManyField(Author, through=Lent)
    class Meta:
        app_label = "attic"

rung = Signal()
"""
NEVER = [
    ("post_save", "Plan", "attic.Plan is abstract"),
    ("class_prepared", "Plan", "attic.Plan is abstract"),
    ("user_logged_in", "AbstractUser", "auth.AbstractUser is abstract"),
    ("post_save", "User", "accounts.User stands in its place"),
    ("pre_init", "User", "accounts.User stands in its place"),
    ("user_logged_in", "User", "accounts.User stands in its place"),
    ("m2m_changed", "User", "accounts.User stands in its place"),
    ("m2m_changed", "Book", "library.Book.categories.through"),
    ("m2m_changed", "Category", "attic.Loan.categories.through"),
    ("m2m_changed", "Draft", "attic.Draft.books.through"),
    ("m2m_changed", "LongDraft", "attic.Draft.books.through"),
    ("m2m_changed", "BookCopy", "library.Book.categories.through"),
    ("pre_save", "Book.categories.through", "only m2m_changed"),
    ("post_delete", "Book.categories.through", "only m2m_changed"),
    ("post_migrate", "Draft", "AppConfigs"),
    ("pre_migrate", "User", "AppConfigs"),
]
LIVE = [
    ("post_save", "LongDraft"),
    ("class_prepared", "User"),
    ("class_prepared", "BookCopy"),
    ("m2m_changed", "Book.categories.through"),
    ("post_init", "Book.categories.through"),
    ("m2m_changed", "Loan"),
    ("m2m_changed", "Lent"),
    ("m2m_changed", "Note"),
    ("m2m_changed", "None"),
    ("post_save", "Loan"),
    ("post_migrate", "apps.get_app_config('library')"),
    ("post_migrate", "None"),
    *(("rung", sender) for sender in ("Plan", "User", "Book", "BookCopy", "Book.categories.through")),
]


def recorded(attic: Package, *connects: tuple[str, str]) -> list[ConnectionInfo]:
    """The connections, each of a receiver of its own, as another process reads them in the log."""
    receivers = {f"hear_{place}": pair for place, pair in enumerate(connects)}
    lines = (
        f"def {name}(**kwargs): pass\n{signal}.connect({name}, sender={sender})"
        for name, (signal, sender) in receivers.items()
    )
    attic.load("receivers", "\n".join([MODELS, *lines]))
    REGISTRY.scan()
    found = decode_entry(encode_entry(REGISTRY.wiring(Process("0" * 16, 1, "h", "l", 0), 1)))
    assert isinstance(found, Wiring)
    rows = {row.receiver: row for row in found.connections}
    return [rows[f"attic.receivers.{name}"] for name in receivers]


def line_of(row: ConnectionInfo, called: dict[str, int] | None = None) -> dict[str, Any]:
    """What is drawn towards the receiver of a connection."""
    graph = build_view(Material([], [row], [row], calls=called or {}), Ask())
    (line,) = (data for _, to, data in graph.edges(data=True) if to == f"receiver:{row.receiver}")
    return line


def test_what_django_never_sends_is_never_drawn_as_live(attic: Package) -> None:
    """The finding and the line say the same, also where another process has connected it."""
    rows = recorded(attic, *((signal, sender) for signal, sender, _ in NEVER))
    details = {one.subject: one.detail for one in attic.find("SG109")}
    for row, (*pair, why) in zip(rows, NEVER, strict=True):
        line = line_of(row)
        assert line["can_fire"] is False, pair
        assert why in line["why"], pair
        assert details[connection_id(row)] == f"{line['why']}.", pair


def test_what_is_sent_is_drawn_as_live(attic: Package) -> None:
    """Of its own rows, through a field, by an app; and a project may send its own signals for any class."""
    for row, pair in zip(recorded(attic, *LIVE), LIVE, strict=True):
        assert (line_of(row)["can_fire"], line_of(row)["why"]) == (True, ""), pair
    assert attic.find("SG109") == []


def test_a_proxy_is_no_fault_and_not_live_before_it_is_seen(attic: Package) -> None:
    """Its instances do send."""
    rows = recorded(attic, *((signal, "BookCopy") for signal in ("post_save", "pre_init", "class_prepared", "rung")))
    assert [line_of(row)["can_fire"] for row in rows] == [False, False, True, True]
    assert attic.find("SG109") == []


def test_what_was_seen_can_fire(attic: Package) -> None:
    """A project may send Django's signals itself."""
    for row in recorded(attic, ("m2m_changed", "Book"), ("post_migrate", "Draft"), ("pre_init", "User")):
        assert not line_of(row)["can_fire"]
        assert line_of(row, {connection_id(row): 1})["can_fire"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_export_tells_the_model_that_was_swapped_out(name: str) -> None:
    """In words, or as a line that is another one than that of a model which sends."""
    live = structs.replace(connect(POST_SAVE, "auth.User", "a.hear"), sender_kind="model")
    row = structs.replace(live, sender_kind="swapped", sender_instead="accounts.User")
    stuck, sending = (
        FORMATS[name](build_view(Material([], [one], [one]), Ask()), "a title", "", "now") for one in (row, live)
    )
    assert ("stands in its place" in stuck) or (name == "mermaid" and "--x" in stuck)
    assert "stands in its place" not in sending
    assert "--x" not in sending


def test_docs_tell_senders_that_never_send_apart() -> None:
    """The same receivers run for both, but for one of them they don't."""
    kinds = {"a.Base": "abstract", "a.One": "model", "a.Two": "model"}
    rows = [
        structs.replace(connect(POST_SAVE, sender, "a.hear", order), sender_kind=kind)
        for order, (sender, kind) in enumerate(kinds.items(), 1)
    ]
    assert [one.senders for one in audiences(rows)] == [("a.Base",), ("a.One", "a.Two")]


def test_a_wiring_that_was_written_without_what_sends_instead_is_read() -> None:
    """Logs hold such wirings. What they do tell of a sender counts."""
    row = {"signal": "django.db.models.signals.post_save", "sender": "a.M", "receiver": "a.r", "dispatch_uid": None}
    row |= {"weak": True, "async": False, "order": 1, "file": None, "line": None, "sender_kind": "through"}
    process = {"id": "0" * 16, "pid": 1, "host": "h", "label": "l", "started_ms": 0}
    entry = {"type": "wiring", "process": process, "wall_us": 1, "signals": [], "connections": [row]}
    found = decode_entry(msgpack.encode(entry))
    assert isinstance(found, Wiring)
    assert found.connections[0].sender_instead == ""
    assert not line_of(found.connections[0])["can_fire"]


@isolate_apps("library")
def test_a_model_that_calls_itself_automatic_is_taken_as_one() -> None:
    """`auto_created` in its Meta may be any value; Django then sends no saves of it, whatever it is."""

    class Shelf(Model):
        class Meta:
            app_label, auto_created = "library", True

        def __str__(self) -> str:
            return ""

    assert describe_sender(Shelf) == "library.Shelf"
    assert model_kinds()["library.Shelf"].kind == "through"
