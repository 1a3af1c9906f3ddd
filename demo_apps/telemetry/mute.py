"""Silence one receiver for a while: data is loaded without an e-mail for each row."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.dispatch import Signal


@contextmanager
def muted(
    signal: Signal, receiver: Callable[..., Any], *, sender: object = None, dispatch_uid: str | None = None
) -> Iterator[None]:
    """Disconnect `receiver` inside the block. It comes back as the last of the signal's receivers.

    Raises
    ------
    LookupError
        It was not connected with these arguments, so there would be nothing to mute.
    """
    if not signal.disconnect(receiver, sender=sender, dispatch_uid=dispatch_uid):
        raise LookupError(f"{receiver} is not connected for sender {sender!r} and dispatch_uid {dispatch_uid!r}.")
    try:
        yield
    finally:
        signal.connect(receiver, sender=sender, dispatch_uid=dispatch_uid)
