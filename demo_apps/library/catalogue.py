"""The models of this project as Python defines them, from a signal that is sent while apps load."""

from typing import Any

from django.db.models import Model

PREPARED: list[str] = []


def note_prepared(sender: type[Model], **kwargs: Any) -> None:
    """Note the class. Connected in `LibraryConfig.__init__`: `ready()` would be too late."""
    PREPARED.append(sender._meta.label)
