"""The names of senders of which only an identity is known, as in the rows of Django before 6.0."""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from django.apps import apps

from signalgraph.descriptions import UNKNOWN_SENDER, describe_sender
from signalgraph.inert import class_module, class_namespace, classes_below, instance_namespace, is_a

LEARNED = 10_000  # labels kept; the oldest goes first


class SenderLabels:
    """Labels by `id(sender)`. Senders are not kept alive; an identity whose object died is looked up again."""

    def __init__(self) -> None:
        self._learned: dict[int, str] = {}
        self._found: dict[int, tuple[str, Callable[[], Any] | None]] = {}
        self._missed: set[int] = set()

    def learn(self, key: int, label: str | None) -> bool:
        """Note what a dispatch from the object with this id was sent by, or (None) that the object has died.

        True when a connection's sender was looked for under this id, and not found.
        """
        if label is None:
            self._learned.pop(key, None)
            return False
        if label != self._learned.get(key):
            self._learned.pop(key, None)
            self._learned[key] = label
            while len(self._learned) > LEARNED:
                with contextlib.suppress(RuntimeError, StopIteration):  # another thread has changed it in between
                    self._learned.pop(next(iter(self._learned)), None)
        return key in self._missed

    def forget_missed(self) -> None:
        """Look again for what was not found, and no more for what has died."""
        self._missed.clear()
        self._found = {
            key: found for key, found in self._found.copy().items() if found[1] is not None and found[1]() is not None
        }

    def resolve(self, keys: Iterable[int]) -> dict[int, str]:
        """A label for each id: that of a model, a learned one, or of whatever object has the id; `unknown sender`."""
        labels: dict[int, str] = {}
        registered = _registered()
        for key in set(keys):
            if key in registered:
                labels[key] = describe_sender(registered[key])
            elif label := self._learned.get(key) or self._still_found(key):
                labels[key] = label
        wanted = set(keys) - labels.keys() - self._missed
        if wanted:
            labels.update(self._search(wanted))
            self._missed |= wanted - labels.keys()
        return {key: labels.get(key, UNKNOWN_SENDER) for key in keys}

    def _still_found(self, key: int) -> str | None:
        label, reference = self._found.get(key, (None, None))
        if reference is not None and reference() is None:
            del self._found[key]
            return None
        return label

    def _search(self, wanted: set[int]) -> dict[int, str]:
        labels: dict[int, str] = {}
        for candidates in (_objects, _texts):
            for obj in candidates(wanted - labels.keys()):
                labels[id(obj)] = describe_sender(obj)
                self._found[id(obj)] = (labels[id(obj)], _reference(obj))
        return labels


def _registered() -> dict[int, Any]:
    """The models, also automatic and swapped ones, and the app configs: what nearly every sender is."""
    models = (model for by_name in apps.all_models.copy().values() for model in by_name.copy().values())
    return {id(sender): sender for sender in (*models, *apps.app_configs.copy().values())}


def _reference(obj: object) -> Callable[[], Any] | None:
    """Something that gives the object, or None once its id may be another's. A text is kept: that costs little."""
    if type(obj) is str:
        return lambda: obj
    try:
        return weakref.ref(obj)
    except TypeError:
        return None


def _objects(wanted: set[int]) -> Iterator[object]:
    """The objects with these ids among classes, modules and what modules hold."""
    if wanted:
        candidates = (*classes_below(object), *sys.modules.copy().values(), *_module_values())
        yield from (obj for obj in candidates if id(obj) in wanted and _can_be_sender(obj))


def _texts(wanted: set[int]) -> Iterator[str]:
    """The texts with these ids among the values of modules and the constants of their functions and methods."""
    if wanted:
        values = _module_values()
        classes = [value for value in values if is_a(value, type)]
        functions = [*values, *(method for cls in classes for method in list(class_namespace(cls).values()))]
        codes = [function.__code__ for function in functions if type(function) is FunctionType]
        constants = [constant for code in codes for constant in _constants(code)]
        yield from (value for value in (*values, *constants) if id(value) in wanted and is_a(value, str))


def _module_values() -> list[Any]:
    modules = [module for module in sys.modules.copy().values() if is_a(module, ModuleType)]
    return [value for module in modules for value in list(instance_namespace(module).values())]


def _constants(code: CodeType) -> Iterator[Any]:
    for constant in code.co_consts:
        yield from _constants(constant) if type(constant) is CodeType else (constant,)


def _can_be_sender(obj: object) -> bool:
    """An id that outlived its object may be that of anything by now; a bare container is no sender."""
    kinds = (type, FunctionType, BuiltinFunctionType, ModuleType)
    return any(is_a(obj, kind) for kind in kinds) or class_module(type(obj)) != "builtins"
