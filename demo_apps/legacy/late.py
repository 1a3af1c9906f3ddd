"""Receivers that are gone before anybody sends: a connection is weak unless told otherwise."""

from typing import Any

from django.db.models import Model
from django.db.models.signals import post_save


class NoteMailer:
    def mail_note(self, **kwargs: Any) -> None:
        raise AssertionError("its object is gone: this never runs")


def connect_late(sender: type[Model]) -> None:
    """Bad, twice: nothing holds the local function or the object when this returns.

    With DEBUG on the local function lives on, because Django's check of its signature is cached: it works on the
    developer's machine and is silent in production.
    """

    def index_note(**kwargs: Any) -> None:
        pass

    post_save.connect(index_note, sender=sender)
    post_save.connect(NoteMailer().mail_note, sender=sender)
