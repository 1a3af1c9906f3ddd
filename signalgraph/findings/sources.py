"""The source files of loaded modules, parsed and never run. What can't be read counts as not there: it isn't judged."""

from __future__ import annotations

import ast
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from signalgraph.inert import plain_text
from signalgraph.names import is_installed
from signalgraph.origins import namespaces
from signalgraph.parsing import parse_source, read_source

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_SOURCE_BYTES = 2_000_000  # a longer file is generated
_STDLIB = sysconfig.get_path("stdlib")
_TEST_PARTS = re.compile(r"(?:^|\.)(?:tests?|test_\w+|conftest|testing)(?:\.|$)")


@dataclass(frozen=True)
class Module:
    """A loaded module that comes from a file. `namespace` is its own, live: look, don't touch."""

    name: str
    file: str
    namespace: Mapping[str, Any]

    @property
    def package(self) -> str:
        """What a relative import in it is relative to."""
        return self.name if Path(self.file).stem == "__init__" else self.name.rpartition(".")[0]


class Sources:
    """Files, read once each."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._trees: dict[str, ast.Module | None] = {}

    def text(self, file: str) -> str:
        """The text of a Python file, empty where it can't be read."""
        if file not in self._texts:
            self._texts[file] = _read(file)
        return self._texts[file]

    def tree(self, file: str) -> ast.Module | None:
        """The parsed file, None where it can't be read or parsed."""
        if file not in self._trees:
            self._trees[file] = parse_source(self.text(file))
        return self._trees[file]

    def function(self, file: str | None, line: int | None, name: str) -> Function | None:
        """The function of this name that begins (with its first decorator) at this line; for a lambda, one alone there.

        None where the file says something else: it was changed after it was loaded, or code was made without one.
        """
        tree = self.tree(file) if file and line else None
        if tree is None:
            return None
        if name == "<lambda>":
            found = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and node.lineno == line]
            return found[0] if len(found) == 1 else None
        named = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        return next((node for node in named if node.name == name and first_line(node) == line), None)

    @cached_property
    def modules(self) -> dict[str, Module]:
        """The loaded modules with a Python file, by name; Django's, the standard library's and our own left out."""
        found = {}
        for name, namespace in namespaces():
            file = plain_text(namespace.get("__file__"))
            if file and file.endswith(".py") and not _is_elsewhere(name, file):
                found[name] = Module(name, file, namespace)
        return found


def loaded_module(name: str) -> Any:
    """A module that is loaded, without importing it; None otherwise."""
    return sys.modules.get(name)


def first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Where its code begins, as `co_firstlineno` says it."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def is_package(file: str | None) -> bool:
    """Whether a file is of an installed distribution or of Python, and so not the project's own."""
    return file is None or is_installed(file) or file.startswith(_STDLIB)


def is_test(module: str) -> bool:
    """Whether a module is a test or there for tests: receivers in it live as long as they should."""
    return _TEST_PARTS.search(module) is not None


def is_named(node: ast.expr, name: str) -> bool:
    """Whether an expression is just this name."""
    return isinstance(node, ast.Name) and node.id == name


def walk_own(node: ast.AST) -> Iterator[ast.AST]:
    """All that runs when the function does: without the bodies of functions and classes inside it."""
    waiting: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(reversed(_body(node)))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.ClassDef):
            waiting += reversed(list(ast.iter_child_nodes(node)))


def _body(node: ast.AST) -> list[ast.AST]:
    return list(getattr(node, "body", None) or ast.iter_child_nodes(node))


def _is_elsewhere(name: str, file: str) -> bool:
    first = name.partition(".")[0]
    return first in ("django", "signalgraph") or (is_package(file) and not is_installed(file)) or is_test(name)


def _read(file: str) -> str:
    try:
        return "" if Path(file).stat().st_size > _SOURCE_BYTES else read_source(file)
    except (OSError, ValueError):
        return ""
