"""Where a project's source connects receivers: each `.connect(...)` and each `@receiver` whose signal can be told."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from types import FunctionType
from typing import Any, NamedTuple

from django.dispatch import Signal

from signalgraph.findings.resolving import UNKNOWN, Definition, Scope
from signalgraph.findings.sources import Module, Sources, is_named, walk_own
from signalgraph.inert import class_attribute, class_path, is_a
from signalgraph.names import describe_receiver

CONNECTS = re.compile(r"\.connect\(|@[\w.]*receiver\b")
_DECORATOR = "django.dispatch.dispatcher.receiver"
_ARGUMENTS = ("receiver", "sender", "weak", "dispatch_uid")  # of Signal.connect, in their order
_BRANCHES = (ast.If, ast.Try, ast.TryStar, ast.While, ast.Match, ast.IfExp, ast.BoolOp, ast.Lambda)


class Place(NamedTuple):
    """A call, or the definition of a function, in its scope. `is_conditional`: some condition around may keep it from
    being run."""

    scope: Scope
    node: ast.Call | Definition
    is_conditional: bool

    @property
    def at_import(self) -> bool:
        """Whether it runs while the module is imported."""
        return not self.scope.functions


class Made(NamedTuple):
    """Where a receiver is made: a definition, a lambda, a call of a class or of `partial`.

    `variable` is the name by which its function holds it, empty where none does.
    """

    node: ast.expr | Definition
    label: str
    variable: str


@dataclass(frozen=True)
class Connect:
    """One place that connects. What can't be told is `UNKNOWN`; a `sender` that takes several values is their list.

    `receiver` is the expression, or the definition that `@receiver` decorates.
    """

    place: Place
    signals: tuple[Signal, ...]
    receiver: ast.expr | Definition
    senders: list[Any]
    weak: Any
    dispatch_uid: Any

    @property
    def file(self) -> str:
        return self.place.scope.module.file

    @property
    def line(self) -> int:
        return self.place.node.lineno

    @property
    def receiver_label(self) -> str:
        """The name that the receiver has in the registry; empty where it can't be told."""
        made = self.made
        if made is not None:
            return made.label
        values = [] if isinstance(self.receiver, Definition) else self.place.scope.values(self.receiver)
        return describe_receiver(values[0]).label if len(values) == 1 else ""

    @cached_property
    def made(self) -> Made | None:
        """What the receiver was made as, where that is in sight; None for what a module holds by its name."""
        scope, node = self.place.scope, self.receiver
        if isinstance(node, Definition):
            variable = node.name if scope.functions else ""
            return Made(node, f"{scope.module.name}.{scope.prefix}{node.name}", variable)
        method = node.attr if isinstance(node, ast.Attribute) else ""
        root = node.value if isinstance(node, ast.Attribute) else node
        variable = ""
        if scope.functions and isinstance(root, ast.Name) and scope.local.get(root.id) == []:
            variable = root.id
        source = _assigned(scope, variable) if variable else root
        label = _label(scope, source, method)
        return Made(source, label, variable) if source is not None and label else None


def places(module: Module, sources: Sources) -> Iterator[Place]:
    """All calls and definitions of a module."""
    tree = sources.tree(module.file)
    if tree is not None:
        yield from _places(tree.body, Scope(module).inside(tree), False)


def _places(nodes: Iterable[ast.AST], scope: Scope, is_conditional: bool) -> Iterator[Place]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Place(scope, node, is_conditional)
            yield from _places(node.decorator_list, scope, is_conditional)
            yield from _places(node.body, scope.inside(node), False)
        elif isinstance(node, ast.ClassDef):
            yield from _places(node.body, scope.inside(node), is_conditional)
        else:
            if isinstance(node, ast.Call):
                yield Place(scope, node, is_conditional)
            yield from _places(ast.iter_child_nodes(node), scope, is_conditional or isinstance(node, _BRANCHES))


def connects(found: Iterable[Place]) -> Iterator[Connect]:
    """The places that connect."""
    for place in found:
        if isinstance(place.node, ast.Call):
            yield from _by_call(place, place.node)
        else:
            yield from _by_decorator(place, place.node)


def _assigned(scope: Scope, name: str) -> ast.expr | Definition | None:
    """What the innermost function makes a name of its own of; None unless it does so once."""
    found: list[ast.expr | Definition] = []
    for node in walk_own(scope.functions[-1]):
        if isinstance(node, Definition) and node.name == name:
            found.append(node)
        elif isinstance(node, ast.Assign) and any(is_named(target, name) for target in node.targets):
            found.append(node.value)
    return found[0] if len(found) == 1 else None


def _label(scope: Scope, node: ast.expr | Definition | None, method: str) -> str:
    """The registry's name of what is made here; empty where it can't be told."""
    here = f"{scope.module.name}.{scope.prefix}"
    if isinstance(node, Definition):
        return "" if method else f"{here}{node.name}"
    if isinstance(node, ast.Lambda):
        return f"{here}<lambda>"
    if not isinstance(node, ast.Call):
        return ""
    maker = next(iter(scope.values(node.func)), None)
    if maker is partial and node.args:
        inner = scope.values(node.args[0])
        return f"partial({describe_receiver(inner[0]).label})" if len(inner) == 1 else ""
    if not is_a(maker, type):
        return ""
    found = class_attribute(maker, method) if method else None
    named = describe_receiver(found).label if type(found) is FunctionType else ""
    return named if method else f"{class_path(maker)}()"


def _by_call(place: Place, call: ast.Call) -> Iterator[Connect]:
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "connect":
        return
    signals = _signals(place.scope.values(call.func.value))
    given = _arguments(call, call.args)
    if signals and isinstance(given.get("receiver"), ast.expr):
        yield _connect(place, signals, given["receiver"], given, call)


def _by_decorator(place: Place, function: Definition) -> Iterator[Connect]:
    for decorator in function.decorator_list:
        if not isinstance(decorator, ast.Call) or place.scope.dotted(decorator.func) != _DECORATOR:
            continue
        first = next(iter(decorator.args), None)
        values = place.scope.values(first) if first is not None else []
        flat = [each for value in values for each in (value if type(value) in (list, tuple) else [value])]
        if signals := _signals(flat):
            yield _connect(place, signals, function, _arguments(decorator, []), decorator)


def _connect(
    place: Place, signals: tuple[Signal, ...], receiver: Any, given: dict[str, ast.expr], call: ast.Call
) -> Connect:
    is_open = any(keyword.arg is None for keyword in call.keywords)  # **options: anything may stand in there
    left_out = UNKNOWN if is_open else None

    def value(name: str, default: Any) -> Any:
        if name not in given:
            return UNKNOWN if is_open else default
        values = place.scope.values(given[name])
        return values[0] if len(values) == 1 else UNKNOWN

    senders = place.scope.values(given["sender"]) or [UNKNOWN] if "sender" in given else [left_out]
    return Connect(place, signals, receiver, senders, value("weak", True), value("dispatch_uid", None))


def _arguments(call: ast.Call, positional: list[ast.expr]) -> dict[str, ast.expr]:
    given = dict(zip(_ARGUMENTS, positional, strict=False))
    return given | {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg in _ARGUMENTS}


def _signals(values: Iterable[Any]) -> tuple[Signal, ...]:
    return tuple(value for value in values if is_a(value, Signal))
