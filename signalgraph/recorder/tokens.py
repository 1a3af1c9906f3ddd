"""Small integers for signals, senders and receivers, so that a record holds no object of the project.

A table maps ``id(object)`` to a token and forgets the id when the object dies (a weakref callback runs before the
memory can be used again). Nothing here calls a method of a project's object.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from django.db.models import AutoField, BigAutoField, SmallAutoField, UUIDField
from django.db.models.base import ModelBase

from signalgraph import names
from signalgraph.inert import instance_namespace, is_a
from signalgraph.rows import referent, snapshot

LABELS = 5_000  # distinct senders or receivers told apart in one process; the rest share one label
TOO_MANY = '"(more)"'


_next_token = itertools.count(1).__next__  # never twice in a process, also when the recorder is started again


class Table:
    """ids of living objects to tokens. `by_id[id(x)]` is the hot path."""

    def __init__(self) -> None:
        self.by_id: dict[int, int] = {}
        self._refs: dict[int, weakref.ref[Any]] = {}

    def remember(self, obj: Any, ident: int, token: int) -> bool:
        """Map an object's id for as long as it lives; False when it can't be referred to weakly."""
        try:
            self._refs[ident] = weakref.ref(obj, partial(self._forget, ident))
        except TypeError:
            return False
        self.by_id[ident] = token
        return True

    def _forget(self, ident: int, _ref: Any) -> None:
        self.by_id.pop(ident, None)
        self._refs.pop(ident, None)
        self.forgotten(ident)

    def forgotten(self, ident: int) -> None:
        """Called when the object of an id has died."""


class Labelled(Table):
    """Tokens that stand for a description: objects that read the same share one."""

    def __init__(self, limit: int = LABELS) -> None:
        super().__init__()
        self.labels: dict[int, Any] = {}
        self._tokens: dict[Any, int] = {}
        self._limit = limit

    def intern(self, label: Any, overflow: Any) -> int:
        token = self._tokens.get(label)
        if token is None:
            if len(self._tokens) >= self._limit and label != overflow:
                return self.intern(overflow, overflow)
            token = self._tokens.setdefault(label, _next_token())
            self.labels[token] = label
        return token


class Senders(Labelled):
    """Senders by their label; `learned` holds (id, label) pairs for the registry, which on 5.2 knows only ids."""

    def __init__(self, learn: Callable[[int, str | None], None]) -> None:
        super().__init__()
        self._learn = learn
        self._texts: dict[str, int] = {}
        self.automatic_keys: dict[int, str] = {}  # id of a model -> attribute of a primary key that is no value
        self.fields: dict[int, frozenset[str]] = {}  # by token of a model: what `update_fields` may hold
        self.by_id[id(None)] = self.intern(names.describe_sender(None), TOO_MANY)

    def token(self, sender: Any) -> int:
        if type(sender) is str:
            return self._texts.get(sender) or self._new_text(sender)
        token = self.intern(names.describe_sender(sender), TOO_MANY)
        if self.remember(sender, id(sender), token) and issubclass(type(sender), ModelBase):
            self._learn_fields(sender, token)
        self._learn(id(sender), self.labels[token])
        return token

    def _new_text(self, sender: str) -> int:
        token = self.intern(names.describe_sender(sender), TOO_MANY)
        if len(self._texts) < LABELS:
            self._texts[sender] = token
        self._learn(id(sender), self.labels[token])
        return token

    def _learn_fields(self, model: Any, token: int) -> None:
        options = model._meta
        fields = options.concrete_fields
        self.fields[token] = frozenset(name for field in fields for name in (field.name, field.attname))
        key = options.pk
        if isinstance(key, (AutoField, BigAutoField, SmallAutoField, UUIDField)):
            self.automatic_keys[id(model)] = key.attname

    def forgotten(self, ident: int) -> None:
        self.automatic_keys.pop(ident, None)
        self._learn(ident, None)


MOST_WRAPPED = 8  # layers of other tools around a receiver


class Receivers(Labelled):
    """Receivers by (label, file, line): with some tools every dispatch brings new functions that read the same."""

    def token(self, receiver: Any, signal: Any = None) -> int:
        """The token of a receiver of `signal`; in a tool's wrapper (`functools.wraps`) that of the connected one."""
        token = self.by_id.get(_ident(receiver))
        if token is None and signal is not None and type(receiver) is FunctionType and _wrapped(receiver) is not None:
            receiver = _connected(signal, receiver)
            token = self.by_id.get(_ident(receiver))
        if token is None:
            name = names.describe_receiver(receiver)
            token = self.intern((name.label, name.file, name.line, name.is_async), ("(more)", None, None, False))
            target = receiver.__func__ if type(receiver) is MethodType else receiver
            self.remember(target, id(target), token)
        return token


def _ident(receiver: Any) -> int:
    return id(receiver.__func__) if type(receiver) is MethodType else id(receiver)


def _wrapped(receiver: Any) -> Any:
    return instance_namespace(receiver).get("__wrapped__") if type(receiver) is FunctionType else None


def _connected(signal: Any, receiver: Any) -> Any:
    """The receiver in a wrapper that is connected to a signal; the wrapper when none in it is."""
    live = [referent(row[1]) if is_a(row[1], weakref.ref) else row[1] for row in snapshot(signal)]
    found = receiver
    for _ in range(MOST_WRAPPED):
        for each in live:
            if each is found or (type(each) is type(found) is MethodType and _same_method(each, found)):
                return found
        found = _wrapped(found)
        if found is None:
            break
    return receiver


def _same_method(one: MethodType, other: MethodType) -> bool:
    return one.__func__ is other.__func__ and one.__self__ is other.__self__
