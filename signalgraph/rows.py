"""The rows of a signal, read as Django stores them.

A row is `(lookup key, receiver, is_async)` before Django 6.0 and `(lookup key, receiver, sender reference, is_async)`
since; the lookup key is `(dispatch_uid or identity of the receiver, identity of the sender)`. Only a weak reference is
ever called: a row's receiver may be held strongly, and calling that would run it.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from types import MethodType
from typing import Any

from django.dispatch import Signal

from signalgraph import redaction
from signalgraph.descriptions import describe_sender
from signalgraph.inert import class_attribute, is_a, plain_text, writable

# What a falsy identity can't be: ids are addresses, a small number is a dispatch_uid that somebody chose.
_SMALLEST_ADDRESS = 1 << 16

_ANY_SENDER_KEY = id(None)
_signal_namespace = Signal.__dict__["__dict__"].__get__
_dereference = weakref.ref.__call__
_method_type = weakref.WeakMethod.__dict__["_meth_type"].__get__


@dataclass(frozen=True)
class RawRow:
    """One row. It holds the objects strongly: don't keep it. `sender_key` is None for any sender."""

    receiver: Any
    sender: Any
    sender_key: int | None
    dispatch_uid: str | None
    uid_is_text: bool
    weak: bool
    is_async: bool
    is_dead: bool


def snapshot(signal: Signal) -> list[tuple[Any, ...]]:
    """A copy of the signal's rows, taken in one step (a copy in C), so that no lock is needed."""
    rows = _stored(signal)
    copy = list.copy(rows) if is_a(rows, list) else list(rows) if type(rows) is tuple else []
    return [row for row in copy if type(row) is tuple and len(row) >= 3]


def _stored(signal: Signal) -> Any:
    """`signal.receivers` without running a property of its class.

    Not by the instance's `__dict__` where it can be helped: that makes one, which CPython 3.11 and 3.12 otherwise save
    themselves, and each dispatch of the signal is 12 % slower from then on.
    """
    if class_attribute(type(signal), "receivers") is not None:
        return _signal_namespace(signal).get("receivers")
    try:
        return object.__getattribute__(signal, "receivers")
    except AttributeError:
        return None


def read_rows(signal: Signal) -> list[RawRow]:
    """The rows of a signal in Django's order, dead ones too."""
    return [_read(row) for row in snapshot(signal)]


def row_marks(signal: Signal) -> list[int | str]:
    """Cheap marks that differ when a row differs: identities only, no object is hashed or compared."""
    marks: list[int | str] = []
    for row in snapshot(signal):
        (key, sender_key), entry = row[0], row[1]
        kind = type(key)
        marks.append(key if kind is int or kind is str else id(key))
        marks.append(sender_key if type(sender_key) is int else id(sender_key))
        marks.append(-id(_dereference(entry)) if is_a(entry, weakref.ref) else id(entry))  # held weakly or not
        if len(row) > 3 and row[2] is not None:
            marks.append(_dereference(row[2]) is None)
    return marks


def _read(row: tuple[Any, ...]) -> RawRow:
    (key, sender_identity), entry = row[0], row[1]
    weak = is_a(entry, weakref.ref)
    receiver = referent(entry) if weak else entry
    reference = row[2] if len(row) > 3 else None
    sender = referent(reference) if is_a(reference, weakref.ref) else None
    is_dead = receiver is None or (reference is not None and sender is None)
    identity = _sender_key(sender_identity)
    has_uid = _is_uid(key, receiver)
    return RawRow(
        receiver=receiver,
        sender=sender,
        sender_key=None if identity == _ANY_SENDER_KEY else identity,
        dispatch_uid=describe_uid(key) if has_uid else None,
        uid_is_text=has_uid and plain_text(key) is not None,
        weak=weak,
        is_async=row[-1] is True,
        is_dead=is_dead,
    )


def referent(reference: Any) -> Any:
    """What a weak reference of a row refers to, or None."""
    if type(reference) is not weakref.WeakMethod:
        return _dereference(reference)
    made_by = _method_type(reference)
    return reference() if made_by is MethodType else _dereference(reference)


def _sender_key(identity: Any) -> int:
    """A bound method as the sender is `(id(__self__), id(__func__))`; the function is what tells it."""
    return int(identity[1] if type(identity) is tuple else identity)


def _is_uid(key: Any, receiver: Any) -> bool:
    """Whether the first part of a lookup key is a dispatch_uid and not the identity that stands in its place."""
    if type(key) is int:
        return key < _SMALLEST_ADDRESS if receiver is None else key != id(receiver)
    if type(key) is tuple and len(key) == 2 and type(key[0]) is type(key[1]) is int:
        if type(receiver) is MethodType:
            return key != (id(receiver.__self__), id(receiver.__func__))
        return bool(min(key) < _SMALLEST_ADDRESS)
    return True


def describe_uid(uid: object) -> str:
    """A dispatch_uid in words: text as it is, numbers and tuples as Python writes them, else the class.

    What REDACT hides is taken out.
    """
    return redaction.rules().text(_uid_in_words(uid))


def _uid_in_words(uid: object) -> str:
    text = plain_text(uid)
    if text is not None:
        return writable(text)
    if uid is None or type(uid) in (int, float, bool, bytes):
        return repr(uid)
    if type(uid) is tuple:
        parts = [repr(item) if type(item) is str else _uid_in_words(item) for item in uid]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    return describe_sender(uid)
