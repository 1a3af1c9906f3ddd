"""What a picture and its file are called."""

from __future__ import annotations

import re

from signalgraph import names
from signalgraph.graph.material import Ask

LENGTH = 75  # characters of a file's name


def title_of(ask: Ask) -> str:
    """What is shown, in words, with short names.

    >>> title_of(Ask(view="focus", selection="sender:shop.Order")), title_of(Ask())
    ('Focus on shop.Order', 'Wiring')
    """
    if ask.view == "focus" and ask.selection:
        return f"Focus on {label_of(ask.selection)}"
    if ask.view == "path" and ask.selection and ask.target:
        return f"From {label_of(ask.selection)} to {label_of(ask.target)}"
    return "Apps" if ask.view == "apps" else "Wiring"


def label_of(one: str) -> str:
    """The short name of a signal, sender, receiver, port or connection, from its id."""
    kind, _, name = one.partition(":")
    if kind == "connection":
        try:
            sender, signal, receiver = names.parse_connection_id(one)
        except ValueError:
            return one
        return f"{names.short(receiver)} for {names.short(signal)} of {names.short(sender)}"
    if kind == "port":
        name = name.partition("|")[0]
    return names.short(name) if name else one


def file_name(ask: Ask, suffix: str) -> str:
    """A name for a download that every system takes.

    >>> file_name(Ask(view="focus", selection="sender:shop.Order"), "svg")
    'signals-focus-shop.Order.svg'
    """
    picked = [label_of(one) for one in (ask.selection, ask.target) if one and ask.view in ("focus", "path")]
    named = re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(["signals", ask.view, *picked]))
    return f"{named[:LENGTH].strip('-.')}.{suffix}"
