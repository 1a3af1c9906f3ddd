"""What senders and receivers are called, found without running a project's code.

`names` offers what is here together with ids and labels.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from dataclasses import dataclass
from inspect import CO_COROUTINE
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from django.apps import AppConfig
from django.db.models.base import Model, ModelBase

from signalgraph import redaction
from signalgraph.inert import (
    class_attribute,
    class_module,
    class_namespace,
    class_path,
    instance_namespace,
    is_a,
    plain_text,
)

NO_SENDER = "None"
UNKNOWN_SENDER = "unknown sender"
TEXT_LENGTH = 80  # characters of a text sender that its name keeps
_RESERVED = re.compile(r"[|%\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WRAPPERS = 20  # how far `__wrapped__` and partials are followed; a chain can be a circle


@dataclass(frozen=True)
class ReceiverName:
    """What a receiver is called and where it is written.

    `file` is absolute. `ident` is `id(__func__)` of a bound method, which is made anew at each look, else `id(obj)`.
    `column` tells two lambdas of one line apart.
    """

    label: str
    file: str | None
    line: int | None
    is_async: bool
    ident: int
    column: int = 0


def escape(text: str) -> str:
    """Text that can stand in a name: `|`, `%`, control characters and lone surrogates percent-encoded."""
    return _RESERVED.sub(_percent, text)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))


def quote_text(text: str) -> str:
    """The name of a text sender: in double quotes, cut with an ellipsis at 80 characters, with what REDACT hides out.

    >>> quote_text('a|b')
    '"a%7Cb"'
    """
    text = redaction.rules().text(text)
    cut = text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…"
    return '"' + escape(cut).replace('"', "%22") + '"'


def describe_sender(obj: object) -> str:
    """The bare name of a sender; no code of the project runs for it.

    A model is `app_label.Model`, the model that Django made for a many-to-many field `app_label.Model.field`, a class,
    function or module its dotted path, a text `"text"`, an `AppConfig` `<label> app`, anything else
    `<module.Class> instance`, None `None`.
    """
    if obj is None:
        return NO_SENDER
    text = plain_text(obj)
    if text is not None:
        return quote_text(text)
    if is_a(obj, type):
        return escape(model_label(obj) or class_path(obj))
    if is_a(obj, AppConfig):
        label = plain_text(instance_namespace(obj).get("label")) or plain_text(class_attribute(type(obj), "label"))
        return escape(f"{label} app") if label else f"{escape(class_path(type(obj)))} instance"
    if is_a(obj, ModuleType):
        return escape(plain_text(instance_namespace(obj).get("__name__")) or "unnamed module")
    if type(obj) in (FunctionType, MethodType, BuiltinFunctionType) or is_a(obj, functools.partial):
        return describe_receiver(obj).label
    return f"{escape(class_path(type(obj)))} instance"


def model_label(cls: type) -> str | None:
    """`app_label.Model` of a model class (`app_label.Model.field` of an automatic through model), else None."""
    meta = class_namespace(cls).get("_meta") if is_a(cls, ModelBase) and cls is not Model else None
    if meta is None:
        return None
    app_label, name = meta.app_label, meta.object_name
    if is_a(meta.auto_created, ModelBase):  # a Meta may say just True
        owner = class_namespace(meta.auto_created)["_meta"]
        for field in owner.local_many_to_many:
            if field.remote_field.through is cls:
                app_label, name = owner.app_label, f"{owner.object_name}.{field.name}"
    label = f"{app_label}.{name}"
    return f"{label} in a migration" if class_module(cls) == "__fake__" else label


def describe_receiver(obj: object) -> ReceiverName:
    """The name, place and kind of a receiver, without calling or comparing it.

    A function or method is `module.qualname` (the place is that of the function that a decorator wraps), a partial
    `partial(module.qualname)`, a callable object `module.Class()`, a class `module.Class`.
    """
    ident = id(obj.__func__) if type(obj) is MethodType else id(obj)
    label, code, module = _describe_callable(obj, _WRAPPERS)
    if code is None:
        return ReceiverName(escape(label), _module_file(module), None, False, ident)
    is_async = bool(code.co_flags & CO_COROUTINE)
    file = os.path.abspath(code.co_filename) if code.co_filename[:1] != "<" else None
    return ReceiverName(escape(label), file, code.co_firstlineno, is_async, ident, _first_column(code))


def _describe_callable(obj: Any, depth: int) -> tuple[str, CodeType | None, str]:
    """The label, the code where there is Python code, and the module."""
    kind = type(obj)
    if kind is MethodType and depth:
        return _describe_callable(obj.__func__, depth - 1)
    if kind is FunctionType:
        module = plain_text(obj.__module__) or "?"
        return f"{module}.{plain_text(obj.__qualname__)}", _unwrap(obj).__code__, module
    if is_a(obj, functools.partial) and depth:
        label, code, module = _describe_callable(_partial_function(obj), depth - 1)
        return f"partial({label})", code, module
    if kind is BuiltinFunctionType:
        return _describe_builtin(obj)
    if is_a(obj, type):
        return class_path(obj), _code_of(class_attribute(obj, "__init__")), class_module(obj)
    return f"{class_path(kind)}()", _code_of(class_attribute(kind, "__call__")), class_module(kind)


def _partial_function(obj: object) -> Any:
    return functools.partial.__dict__["func"].__get__(obj)


def _describe_builtin(obj: BuiltinFunctionType) -> tuple[str, None, str]:
    """`builtins.print`, `builtins.list.append`: its own `__qualname__` would ask the metaclass."""
    owner = obj.__self__
    name = plain_text(obj.__name__)
    if owner is None or is_a(owner, ModuleType):
        module = plain_text(obj.__module__) or "builtins"
        return f"{module}.{name}", None, module
    cls = owner if is_a(owner, type) else type(owner)
    return f"{class_path(cls)}.{name}", None, class_module(cls)


def _unwrap(function: FunctionType) -> FunctionType:
    """The function that decorators made with `functools.wraps` wrap."""
    for _ in range(_WRAPPERS):
        inner = function.__dict__.get("__wrapped__")
        if type(inner) is not FunctionType:
            break
        function = inner
    return function


def _code_of(attribute: object) -> CodeType | None:
    return _unwrap(attribute).__code__ if type(attribute) is FunctionType else None


def _first_column(code: CodeType) -> int:
    """The column of the first expression, from 1; 0 where the interpreter keeps none (`-X no_debug_ranges`)."""
    columns = (column for line, _, column, _ in code.co_positions() if line and column)
    return next(columns, -1) + 1


def _module_file(module: str) -> str | None:
    return plain_text(instance_namespace(sys.modules.get(module)).get("__file__"))
