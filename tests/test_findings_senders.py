"""Rules about whom receivers are connected for: each with its fault and its near misses."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User as SwappedUser
from written import Package

HEAD = """
from django.db.models.signals import m2m_changed, post_init, post_migrate, post_save, pre_init, pre_save
from django.dispatch import Signal, receiver
from legacy.models import Note
from library.models import Book

rung = Signal()
"""


def find(attic: Package, rule: str, text: str, module: str = "receivers") -> list[str]:
    attic.load(module, HEAD + "\n" + text)
    return attic.subjects(rule)


def test_a_receiver_of_each_construction_is_named(attic: Package) -> None:
    """SG111: for any sender, on the two signals that each row of a query sends."""
    text = "def hear(**kwargs): pass\npre_init.connect(hear)\npost_init.connect(hear)"
    assert find(attic, "SG111", text) == ["receivers.hear", "receivers.hear"]


@pytest.mark.parametrize(
    "text", ["post_init.connect(hear, sender=Note)", "post_save.connect(hear)", "rung.connect(hear)"]
)
def test_a_receiver_of_one_models_construction_is_not_named(attic: Package, text: str) -> None:
    """Nor one for any sender on a signal of which only traffic tells how hot it is."""
    assert find(attic, "SG111", f"def hear(**kwargs): pass\n{text}") == []


MODELS = """
from django.db import models

class Plan(models.Model):
    class Meta:
        abstract = True
        app_label = "attic"

class Draft(Plan):
    books = models.ManyToManyField("library.Book")
    readers = models.ManyToManyField("accounts.User", through="Loan")
    class Meta:
        app_label = "attic"

class Loan(models.Model):
    draft = models.ForeignKey(Draft, on_delete=models.CASCADE)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE)
    class Meta:
        app_label = "attic"

class LongNote(Note):
    class Meta:
        proxy = True
        app_label = "legacy"

def hear(**kwargs): pass
"""


@pytest.mark.parametrize(
    ("connect", "why"),
    [
        ("post_save.connect(hear, sender=Plan)", "abstract"),
        ("m2m_changed.connect(hear, sender=Draft)", "Draft.books.through"),
        ("m2m_changed.connect(hear, sender=Book)", "Book.categories.through"),
        ("post_save.connect(hear, sender=Draft.books.through)", "only m2m_changed"),
        ("post_migrate.connect(hear, sender=Draft)", "AppConfigs"),
    ],
)
def test_a_sender_that_never_sends_is_named(attic: Package, connect: str, why: str) -> None:
    """SG109, with what does send."""
    attic.load("receivers", HEAD + MODELS + connect)
    (found,) = attic.find("SG109")
    assert "never hears" in found.sentence
    assert why in found.detail


def test_a_model_that_is_swapped_out_is_named(attic: Package) -> None:
    """`django.contrib.auth.models.User`, where the project has a user model of its own."""
    attic.load(
        "receivers",
        HEAD + "from django.contrib.auth.models import User\ndef hear(**kwargs): pass\n"
        "post_save.connect(hear, sender=User)",
    )
    (found,) = attic.find("SG109")
    assert "accounts.User stands in its place" in found.detail
    assert SwappedUser._meta.swapped == "accounts.User"


@pytest.mark.parametrize(
    "connect",
    [
        "post_save.connect(hear, sender=Draft)",
        "m2m_changed.connect(hear, sender=Draft.books.through)",
        "m2m_changed.connect(hear, sender=Loan)",
        "post_save.connect(hear, sender=Loan)",
        "rung.connect(hear, sender=Plan)",
        "post_save.connect(hear, sender=LongNote)",
    ],
    ids=["derived", "through", "own through", "its rows", "own signal", "proxy"],
)
def test_a_sender_that_does_send_is_not_named(attic: Package, connect: str) -> None:
    """A project may send its own signals by any class, and a proxy's instances send."""
    assert find(attic, "SG109", MODELS + connect) == []


@pytest.mark.parametrize(
    ("sender", "said"),
    [
        ("LongNote", "from the proxy legacy.LongNote, and not from legacy.Note"),
        ("Note", "from legacy.Note, and not from legacy.LongNote"),
    ],
)
def test_a_receiver_of_only_one_class_of_a_table_is_named(attic: Package, sender: str, said: str) -> None:
    """SG110: what is saved through the other one is not heard."""
    attic.load("receivers", HEAD + MODELS + f"post_save.connect(hear, sender={sender})")
    (found,) = attic.find("SG110")
    assert said in found.sentence


@pytest.mark.parametrize(
    "connect",
    [
        "post_save.connect(hear, sender=Note)\npost_save.connect(hear, sender=LongNote)",
        "post_save.connect(hear)",
        "rung.connect(hear, sender=Note)",
        "post_save.connect(hear, sender=Draft)",
    ],
    ids=["both", "any sender", "own signal", "no proxy"],
)
def test_a_receiver_of_all_classes_of_a_table_is_not_named(attic: Package, connect: str) -> None:
    """Nor one of a model that has no proxy."""
    assert find(attic, "SG110", MODELS + connect) == []
