"""What a name in a source file stands for: looked up among what its module has loaded, never evaluated."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from signalgraph.findings.sources import Module, loaded_module
from signalgraph.inert import class_attribute, class_path, instance_namespace, is_a, plain_text

Definition = ast.FunctionDef | ast.AsyncFunctionDef
UNKNOWN = object()  # what can't be told by looking


@dataclass(frozen=True)
class Scope:
    """A place in a module: the functions around it, outermost first.

    `prefix` is what the qualified name of a thing defined here begins with: `connect_late.<locals>.`. `node` is the
    function, or the module, whose names are known here, and `outer` the scope around it.
    """

    module: Module
    functions: tuple[Definition, ...] = ()
    prefix: str = ""
    node: Definition | ast.Module | None = None
    outer: Scope | None = None

    def inside(self, node: Definition | ast.ClassDef | ast.Module) -> Scope:
        """The scope of a body."""
        if isinstance(node, ast.ClassDef):
            return replace(self, prefix=f"{self.prefix}{node.name}.")
        if isinstance(node, ast.Module):
            return replace(self, node=node, outer=self)
        return Scope(self.module, (*self.functions, node), f"{self.prefix}{node.name}.<locals>.", node, self)

    @cached_property
    def local(self) -> Mapping[str, list[Any]]:
        """The values of functions' own names, and of loops' variables: none unless an import or the loop says what."""
        if self.node is None or self.outer is None:
            return {}
        known: dict[str, list[Any]] = dict(self.outer.local)
        if not isinstance(self.node, ast.Module):
            known |= {name: [] for name in bound_names(self.node)} | _imports(self.node.body, self.module)
        known |= _looped(self.node.body, self, known)
        return known

    @cached_property
    def paths(self) -> Mapping[str, str]:
        """The dotted paths of what the functions import, whether it is loaded or not."""
        if self.node is None or self.outer is None or isinstance(self.node, ast.Module):
            return {}
        bound = bound_names(self.node)
        kept = {name: path for name, path in self.outer.paths.items() if name not in bound}
        return kept | _paths(self.node.body, self.module)

    def values(self, node: ast.expr, known: Mapping[str, list[Any]] | None = None) -> list[Any]:
        """What an expression may be: several values for a loop's variable, none where that can't be told.

        `known` takes the place of the names that are known here.
        """
        if isinstance(node, ast.Constant):
            return [node.value]
        if isinstance(node, ast.Name):
            local = self.local if known is None else known
            if node.id in local:
                return local[node.id]
            found = self.module.namespace.get(node.id, UNKNOWN)
            return [] if found is UNKNOWN else [found]
        if isinstance(node, ast.Attribute):
            bases = self.values(node.value, known)
            return [found for base in bases if (found := _attribute(base, node.attr)) is not UNKNOWN]
        if isinstance(node, ast.Tuple | ast.List):
            return [self.items(node, known)]
        return []

    def items(self, node: ast.expr, known: Mapping[str, list[Any]] | None = None) -> list[Any]:
        """The values in a tuple or list, written here or kept by a module."""
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return [value for element in node.elts for value in self.values(element, known)]
        held = self.values(node, known)
        return list(held[0]) if len(held) == 1 and type(held[0]) in (tuple, list, set, frozenset) else []

    def dotted(self, node: ast.expr) -> str:
        """The path of a function or class that is called, `time.sleep`; empty where it can't be told."""
        values = self.values(node)
        return (path_of(values[0]) if len(values) == 1 else "") or self.written(node)

    def written(self, node: ast.expr) -> str:
        """The path as the imports spell it: `requests.get`, which is defined elsewhere."""
        if isinstance(node, ast.Name):
            values = [] if node.id in self.paths else self.values(node)
            return self.paths.get(node.id) or (path_of(values[0]) if len(values) == 1 else "")
        if isinstance(node, ast.Attribute) and (base := self.written(node.value)):
            return f"{base}.{node.attr}"
        return ""


def path_of(obj: object) -> str:
    """`module.qualname` of a function or class, the name of a module; empty for anything else."""
    if is_a(obj, ModuleType):
        return plain_text(instance_namespace(obj).get("__name__")) or ""
    if is_a(obj, type):
        return class_path(obj)
    if type(obj) is FunctionType or type(obj) is BuiltinFunctionType:
        return f"{plain_text(obj.__module__) or '?'}.{plain_text(obj.__qualname__)}"
    return ""


def callee(obj: object) -> FunctionType | None:
    """The function behind a name, without its decorators' wrappers."""
    for _ in range(20):
        if is_a(obj, functools.partial):
            obj = functools.partial.__dict__["func"].__get__(obj)
        elif type(obj) is FunctionType and "__wrapped__" in obj.__dict__:
            obj = obj.__dict__["__wrapped__"]
        else:
            break
    return obj if type(obj) is FunctionType else None


def _attribute(base: object, name: str) -> Any:
    """An attribute as it is stored; nothing is asked of descriptors."""
    if is_a(base, ModuleType):
        found = instance_namespace(base).get(name, UNKNOWN)
        return loaded_module(f"{path_of(base)}.{name}") or UNKNOWN if found is UNKNOWN else found
    if is_a(base, type):
        found = class_attribute(base, name)
        return UNKNOWN if found is None else found.__func__ if type(found) in (staticmethod, classmethod) else found
    return instance_namespace(base).get(name, UNKNOWN)


def bound_names(function: Definition) -> set[str]:
    """The names that are the function's own: parameters, and what its body assigns, defines or imports."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    names = {argument.arg for argument in every if argument is not None}
    for node in _nodes(function.body):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Global):
            names -= set(node.names)
    return names


def _nodes(body: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """The nodes of a body in their order, without those inside its functions and classes."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _nodes(ast.iter_child_nodes(node))


def _imports(body: Iterable[ast.AST], module: Module) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for node in _nodes(body):
        if isinstance(node, ast.ImportFrom):
            found |= _imported(node, module)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or name] = _known([loaded_module(name)])
    return found


def _paths(body: Iterable[ast.AST], module: Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in _nodes(body):
        if isinstance(node, ast.ImportFrom):
            base = imported_from(node, module)
            found |= {alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [(alias, alias.name if alias.asname else alias.name.partition(".")[0]) for alias in node.names]
            found |= {alias.asname or name: name for alias, name in names}
    return found


def _looped(body: Iterable[ast.AST], scope: Scope, known: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """What a loop's variable goes through; a loop over what can't be told leaves it unknown."""
    loops = [node for node in _nodes(body) if isinstance(node, ast.For)]
    return {loop.target.id: scope.items(loop.iter, known) for loop in loops if isinstance(loop.target, ast.Name)}


def _imported(node: ast.ImportFrom, module: Module) -> dict[str, list[Any]]:
    base = imported_from(node, module)
    owner = loaded_module(base)
    return {alias.asname or alias.name: _known([_attribute(owner, alias.name)]) for alias in node.names}


def imported_from(node: ast.ImportFrom, module: Module) -> str:
    """The absolute name of the module that an import imports from."""
    if not node.level:
        return node.module or ""
    parts = module.package.split(".")
    kept = parts[: len(parts) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def imports_of(tree: ast.Module, module: Module) -> set[str]:
    """The dotted names that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = imported_from(node, module)
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def _known(values: list[Any]) -> list[Any]:
    return [value for value in values if value is not None and value is not UNKNOWN]
