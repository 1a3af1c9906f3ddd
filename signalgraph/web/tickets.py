"""Tickets: what a page carries to the socket, which can't ask the project's access rule itself."""

from __future__ import annotations

import time

from django.core.signing import BadSignature, Signer
from django.http import HttpRequest

LIFETIME_S = 60
SALT = "signalgraph.ticket"


def make_ticket(request: HttpRequest) -> str:
    """A signed text that opens the socket for the next 60 s.

    It takes the request so that nobody makes one without: call it in a view that `access.guarded` protects.
    """
    return Signer(salt=SALT).sign(f"{time.time():.3f}")


def seconds_left(text: object, *, now: float | None = None) -> float:
    """How long a ticket still opens the socket, at most 60 s; 0.0 for an old one and for anything that isn't ours."""
    if not isinstance(text, str):
        return 0.0
    try:
        made = float(Signer(salt=SALT).unsign(text))
    except (BadSignature, ValueError):
        return 0.0
    age = (time.time() if now is None else now) - made
    # The clocks of two machines differ a little; a ticket from the far future would be ours but never end.
    return min(LIFETIME_S - age, LIFETIME_S) if -LIFETIME_S < age < LIFETIME_S else 0.0


def check_ticket(text: object, *, now: float | None = None) -> bool:
    """Whether a ticket is ours and younger than 60 s."""
    return seconds_left(text, now=now) > 0
