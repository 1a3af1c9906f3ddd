"""From what somebody typed to an id: `post_save`, `shop.Order`, `send_receipt`, or an id as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from difflib import get_close_matches

from signalgraph import names
from signalgraph.events import ANY_SENDER, ConnectionInfo
from signalgraph.graph.material import Ask, ViewError

KINDS = ("sender", "signal", "receiver")
MOST_TOLD = 8  # candidates in a message


def completed(ask: Ask, connections: Iterable[ConnectionInfo]) -> Ask:
    """The same with whole ids in place of short names.

    Raises `ViewError` for a name that means nothing or several things here, and where a view lacks what it is about.
    """
    rows = list(connections)
    if ask.view == "focus" and not ask.selection:
        raise ViewError("A focus needs what it is about (--select, sel=): a sender, signal, receiver or connection.")
    if ask.view == "path" and not (ask.selection and ask.target):
        raise ViewError("A path needs both ends: where it starts (--select, sel=) and where it ends (--to, to=).")
    start, end = (find_id(one, rows) if one else "" for one in (ask.selection, ask.target))
    return replace(ask, selection=start, target=end)


def find_id(text: str, connections: Iterable[ConnectionInfo]) -> str:
    """The one id among those of these connections that a text means: the id itself, a whole name, or a short one.

    Raises `ViewError` with the candidates where it means several, and with what comes close where it means none.
    """
    rows = list(connections)
    kind, _, name = text.partition(":")
    ids = _ids(rows)
    if text in ids or (kind == "port" and names.signal_id(name.partition("|")[0]) in ids):
        return text
    if kind in KINDS:
        ids, text = {one for one in ids if one.startswith(f"{kind}:")}, name
    named = {one: one.partition(":")[2] for one in sorted(ids) if not one.startswith("connection:")}
    found = [one for one, whole in named.items() if whole == text]
    found = found or [one for one, whole in named.items() if names.short(whole) == text]
    found = found or [one for one, whole in named.items() if whole.endswith(f".{text}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise ViewError(f"{text!r} can mean {_told(found)}; write the whole id.")
    raise ViewError(f"{text!r} is no sender, signal, receiver or connection here; {_close(text, kind, ids)}")


def _ids(rows: Iterable[ConnectionInfo]) -> set[str]:
    found: set[str] = set()
    for row in rows:
        found |= {names.signal_id(row.signal), names.receiver_id(row.receiver)}
        found.add(names.connection_id(row.sender, row.signal, row.receiver))
        if row.sender != ANY_SENDER:
            found.add(names.sender_id(row.sender))
    return found


def _told(found: Collection[str]) -> str:
    some = sorted(found)[:MOST_TOLD]
    return ", ".join(some) + (f" and {len(found) - len(some)} more" if len(found) > len(some) else "")


def _close(text: str, kind: str, ids: Collection[str]) -> str:
    """What was probably meant, as a sentence's end. Whole and short names are compared, and ids only with ids."""
    if kind == "connection":
        parts = text.split("|")  # one of them is misspelt: comparing every id with all of the text takes seconds
        alike = (one for one in ids if one.startswith("connection:") and len(set(one.split("|")) & set(parts)) > 1)
        by_name = {one: one for one in alike}
    else:
        plain = sorted(one for one in ids if not one.startswith("connection:"))
        by_name = {one.rpartition(".")[2]: one for one in plain if "." in one}
        by_name |= {names.short(one.partition(":")[2]): one for one in plain}
        by_name |= {one.partition(":")[2]: one for one in plain}
    close = get_close_matches(text, sorted(by_name), n=3, cutoff=0.6)
    if not close:
        return "manage.py signalgraph list --all prints those that there are."
    return f"did you mean {' or '.join(dict.fromkeys(by_name[one] for one in close))}?"
