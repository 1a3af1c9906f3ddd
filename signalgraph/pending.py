"""Connects that wait for a model which is not loaded (yet): Django keeps them, and says nothing if it never is."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from django.apps import apps
from django.dispatch import Signal

from signalgraph.inert import is_a


class PendingConnect(NamedTuple):
    """It holds the objects strongly: don't keep it. `sender` is the model's name in lower case, as Django keeps it."""

    signal: Signal
    sender: str
    receiver: Any
    dispatch_uid: Any


def count_waiting() -> int:
    """How many operations wait for models, connects or others: a cheap mark that differs when they do."""
    return sum(map(len, _operations().values()))


def pending_connects() -> Iterator[PendingConnect]:
    """The connects with a lazy sender (`sender="shop.Order"`) whose model has not been loaded."""
    for (app_label, model_name), waiting in _operations().items():
        for operation in list(waiting):
            call = operation.__dict__.get("func") if type(operation) is FunctionType else None
            if is_a(call, functools.partial) and call.args and _is_connect(call.func):
                method: Any = call.func
                uid = call.keywords.get("dispatch_uid")
                yield PendingConnect(method.__self__, f"{app_label}.{model_name}", call.args[0], uid)


def _operations() -> dict[tuple[str, str], list[Any]]:
    return dict.copy(apps._pending_operations)


def _is_connect(method: Any) -> bool:
    return (
        type(method) is MethodType
        and issubclass(type(method.__self__), Signal)
        and type(method.__func__) is FunctionType
        and method.__func__.__name__ == "connect"
    )
