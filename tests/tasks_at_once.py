"""Functions that can be tasks: Django takes those of a module only."""

from django.dispatch import Signal

happened = Signal()


def say(sender: str) -> None:
    happened.send(sender)


def fall(sender: str) -> None:
    happened.send(sender)
    raise KeyError("falls")
