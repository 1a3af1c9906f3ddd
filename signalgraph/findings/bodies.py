"""The function behind a receiver, as its source says it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

from signalgraph.findings.resolving import Scope, callee
from signalgraph.findings.sources import Function, is_named, walk_own
from signalgraph.inert import class_attribute, is_a

MANAGERS = frozenset({"objects", "_default_manager", "_base_manager"})  # what the managers of models are called
_METHOD_KINDS = (staticmethod, classmethod)
RECEIVER = "django.dispatch.dispatcher.receiver"


@dataclass(frozen=True)
class Body:
    """What runs when a receiver is called. `scope` is that of the names in it; `outer` the one it is defined in."""

    node: Function
    scope: Scope
    outer: Scope

    @property
    def file(self) -> str:
        return self.scope.module.file

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def is_wrapped(self) -> bool:
        """Whether a decorator other than `@receiver` may do something before it."""
        decorators = [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list
        called = [each.func if isinstance(each, ast.Call) else each for each in decorators]
        known = (RECEIVER, "builtins.staticmethod", "builtins.classmethod", "staticmethod", "classmethod")
        return any((self.outer.dotted(each) or ast.unparse(each)) not in known for each in called)

    @property
    def parameters(self) -> set[str]:
        arguments = self.node.args
        return {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}

    @property
    def rest(self) -> str:
        """The name of its `**kwargs`, empty without."""
        return self.node.args.kwarg.arg if self.node.args.kwarg else ""

    def nodes(self) -> Iterator[ast.AST]:
        """What runs, in the order of the source; not what functions inside it would do."""
        return walk_own(self.node)

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in self.nodes() if isinstance(node, ast.Call))

    def rebinds(self, name: str) -> bool:
        """Whether a parameter may stand for something else further down: `instance = instance.order`."""
        stored = (node for node in self.nodes() if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
        return name in self.parameters and any(node.id == name for node in stored)

    def is_argument(self, node: ast.expr, name: str) -> bool:
        """Whether an expression is an argument of the dispatch: the parameter, `kwargs["name"]` or `kwargs.get(...)`,
        or a variable that one of these was put into.
        """
        if isinstance(node, ast.Name):
            return (node.id == name and name in self.parameters) or node.id in self._aliases(name)
        return self._reads(node, name)

    def _reads(self, node: ast.expr, name: str) -> bool:
        if isinstance(node, ast.Subscript):
            return is_named(node.value, self.rest) and _is_text(node.slice, name)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            is_read = node.func.attr in ("get", "pop") and is_named(node.func.value, self.rest)
            return is_read and _is_text(node.args[0], name)
        return False

    def _aliases(self, name: str) -> set[str]:
        return {
            target.id
            for node in self.nodes()
            if isinstance(node, ast.Assign) and (self._reads(node.value, name) or is_named(node.value, name))
            for target in node.targets
            if isinstance(target, ast.Name)
        }


def called_function(receiver: Any) -> FunctionType | None:
    """The Python function that a call begins with: a decorator's wrapper, not what it wraps; None for what C wrote."""
    for _ in range(20):
        if is_a(receiver, functools.partial):
            receiver = functools.partial.__dict__["func"].__get__(receiver)
        elif type(receiver) is MethodType:
            receiver = receiver.__func__
        else:
            break
    if type(receiver) is FunctionType:
        return receiver
    owner, name = (receiver, "__init__") if is_a(receiver, type) else (type(receiver), "__call__")
    found = class_attribute(owner, name)
    found = found.__func__ if type(found) in _METHOD_KINDS else found
    return found if type(found) is FunctionType else None


def function_of(receiver: Any) -> FunctionType | None:
    """The Python function that a receiver runs, without its decorators; None for what is written in C."""
    called = called_function(receiver)
    return None if called is None else callee(called)


def _is_text(node: ast.expr, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text
