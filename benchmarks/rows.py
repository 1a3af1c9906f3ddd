"""What is measured, each row with its bar; everything is built in the process that measures it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benchmarks.ratio import Call, Row

# receivers, whether the signal caches them (every signal of a model does): the most that recording may cost
BARS = {(0, True): 1.05, (0, False): 1.05, (3, True): 3.0, (3, False): 2.5, (10, True): 2.3, (10, False): 2.0}
MOST_OF_A_RECEIVER = 0.6  # what one more receiver may cost, of a plain call of a receiver that does nothing
SENTRY_SHARE = 1 / 15  # of what sentry-sdk adds to a dispatch to three receivers


class Sender:
    pass


def receivers(count: int) -> list[Callable[..., None]]:
    def receiver() -> Callable[..., None]:
        return lambda sender, **kwargs: None

    return [receiver() for _ in range(count)]


def dispatch_name(count: int, caching: bool) -> str:
    return f"{count} receivers, {'caching' if caching else 'uncached'}"


def dispatch(count: int, caching: bool) -> Callable[[], Call]:
    def build() -> Call:
        from django.dispatch import Signal

        signal = Signal(use_caching=caching)
        for receiver in receivers(count):
            signal.connect(receiver, weak=False)
        return lambda: signal.send(Sender, instance=None, created=True)

    return build


def filtered() -> Call:
    """A signal that doesn't cache, heard for another sender only."""
    from django.dispatch import Signal

    signal = Signal()
    for receiver in receivers(1):
        signal.connect(receiver, sender=Row, weak=False)
    return lambda: signal.send(Sender, instance=None, created=True)


def asynchronous_dispatch() -> Call:
    from django.dispatch import Signal

    signal, loop = Signal(), asyncio.new_event_loop()

    async def receiver(sender: object, **kwargs: object) -> None:
        pass

    async def another(sender: object, **kwargs: object) -> None:
        pass

    signal.connect(receiver, weak=False)
    signal.connect(another, weak=False)
    return lambda: loop.run_until_complete(signal.asend(Sender))


def call_of_a_receiver() -> Call:
    """A receiver that does nothing, called as Django's loop calls it."""
    (receiver,) = receivers(1)
    named = {"instance": None, "created": True}
    return lambda: receiver(signal=None, sender=Sender, **named)


def instance() -> Call:
    from benchmarks.models import Note

    return lambda: Note(text="a note")


def saving() -> Call:
    from django.db import connection
    from django.db.models.signals import post_save

    from benchmarks.models import Note

    with connection.schema_editor() as editor:
        editor.create_model(Note)
    for receiver in receivers(2):
        post_save.connect(receiver, sender=Note, weak=False)
    return Note.objects.create(text="a note").save


def request() -> Call:
    from django.test import Client

    client = Client()
    return lambda: client.get("/")


def asynchronous_request() -> Call:
    from django.test import AsyncClient

    client, loop = AsyncClient(), asyncio.new_event_loop()
    return lambda: loop.run_until_complete(client.get("/asynchronous/"))


ROWS = (
    *[
        Row(dispatch_name(count, caching), dispatch(count, caching), BARS.get((count, caching), float("inf")))
        for count in (0, 1, 3, 10)
        for caching in (True, False)
    ],
    Row("1 receiver of another sender, uncached", filtered),
    Row("asend, 2 async receivers", asynchronous_dispatch),
    Row("Model(), nobody listens", instance, 1.05),
    Row("Model.save(), 2 receivers, SQLite in memory", saving, 1.12),
    Row("a request of the test client", request, 1.12),
    Row("an async request", asynchronous_request, 1.10),
)
