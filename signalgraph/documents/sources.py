"""What the project's source says beside the wiring: docstrings, comments on signals, and where signals are sent.

Files are parsed, never executed, and names are looked up in modules that are loaded already.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from django.apps import apps
from django.dispatch import Signal

from signalgraph import names
from signalgraph.events import METHODS
from signalgraph.inert import class_attribute, instance_namespace, is_a, plain_text
from signalgraph.parsing import parse_source, read_source

SENDING = frozenset(METHODS) - {"other"}
LENGTH = 200  # characters of a docstring's first sentence or line that are kept
_LEFT_OUT = re.compile(r"^signalgraph(\.|$)|(^|\.)(migrations|tests?|test_[^.]*|conftest)(\.|$)")
_INSTALLED = re.compile(r"-packages[/\\]")
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Site:
    """A place whose code sends a signal. `function` is its dotted path, that of the module outside functions.

    `sender` is empty where the code doesn't name one that can be looked up.
    """

    function: str
    signal: str
    sender: str
    method: str
    file: str
    line: int


@dataclass(frozen=True)
class _Text:
    """A parsed file; `doc` holds docstrings by the first line of their function (its first decorator's line)."""

    tree: ast.Module
    lines: list[str]
    doc: Mapping[int, str]


class Sources:
    """The project's own files, those below `folder`; each is read and parsed once at most."""

    def __init__(self, folder: Path) -> None:
        self._prefix = f"{folder}{os.sep}"
        self._texts: dict[str, str] = {}
        self._parsed: dict[str, _Text | None] = {}

    def is_own(self, file: str | None) -> bool:
        """Whether a file is the project's, and not of an environment that was put into its folder."""
        if file is None or not file.startswith(self._prefix):
            return False
        return not _INSTALLED.search(file[len(self._prefix) :])

    def summary(self, file: str | None, line: int | None) -> str:
        """The first line of the docstring of the function that begins there (a `__call__` may have that of its class);
        empty without one, and for code that isn't the project's."""
        text = self._parse(file) if file and self.is_own(file) else None
        return text.doc.get(line or 0, "") if text else ""

    def comment(self, name: str) -> str:
        """What the comment above `attribute = Signal()` says, by the signal's name; empty without one."""
        module, inside = _split(name)
        file = _file_of(module) if module else None
        text = self._parse(file) if file and self.is_own(file) else None
        line = _assigned(text.tree, inside) if text else 0
        return _comment_above(text.lines, line) if text and line else ""

    def file_of(self, signal: str) -> str | None:
        """The file that makes a signal, by the signal's name, where that is the project's."""
        module, _ = _split(signal)
        file = _file_of(module) if module else None
        return file if self.is_own(file) else None

    def sites(self, name_of: Callable[[Signal], str]) -> list[Site]:
        """Where the project's code sends a signal that a name, or an attribute of a module or class, leads to.

        Looked at are its loaded modules and all files of its apps (commands are not loaded), but for migrations and
        tests.
        """
        found: set[Site] = set()
        for name, file in self._modules().items():
            if not any(f".{method}(" in self._read(file) for method in SENDING):
                continue
            text = self._parse(file)
            scope = _Scope(name, file, text.tree) if text else None
            found.update(_sites_in(scope, text.tree, file, name_of) if scope and text else ())
        return sorted(found)

    def _modules(self) -> dict[str, str]:
        """The files to look at, by the dotted name of their module."""
        found = {}
        for config in apps.get_app_configs():
            for path in sorted(Path(config.path).rglob("*.py")) if self.is_own(config.path) else ():
                parts = path.relative_to(config.path).with_suffix("").parts
                found[".".join([config.name, *(part for part in parts if part != "__init__")])] = str(path)
        for name, module in sys.modules.copy().items():
            file = _file_of(module)
            if file and file.endswith(".py") and self.is_own(file) and name != "__main__":
                found[name] = file
        return {name: file for name, file in found.items() if not _LEFT_OUT.search(name)}

    def _read(self, file: str) -> str:
        if file not in self._texts:
            self._texts[file] = read_source(file)
        return self._texts[file]

    def _parse(self, file: str) -> _Text | None:
        if file not in self._parsed:
            source = self._read(file)
            tree = parse_source(source)
            self._parsed[file] = _Text(tree, source.splitlines(), dict(_docstrings(tree))) if tree else None
        return self._parsed[file]


def _split(name: str) -> tuple[ModuleType | None, str]:
    """The loaded module that keeps a signal, and what it is called in there."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:end]))
        if module is not None:
            return module, ".".join(parts[end:])
    return None, name


def _file_of(module: ModuleType) -> str | None:
    return plain_text(instance_namespace(module).get("__file__")) if is_a(module, ModuleType) else None


def _assigned(tree: ast.Module, name: str) -> int:
    """The line of `name = ...`; `name` may be `Class.attribute`. 0 where there is none."""
    body = tree.body
    *classes, last = name.split(".")
    for wanted in classes:
        body = next((one.body for one in body if isinstance(one, ast.ClassDef) and one.name == wanted), [])
    return next((one.lineno for one in body if last in _targets(one)), 0)


class _Scope:
    """What names mean in a module: by its namespace where it is loaded, else by the imports that it writes."""

    def __init__(self, name: str, file: str, tree: ast.Module) -> None:
        self.name = name
        package = name if Path(file).name == "__init__.py" else name.rpartition(".")[0]
        self.imported: dict[str, tuple[str, str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                module = ".".join([*above, *filter(None, [node.module])])
                self.imported.update((one.asname or one.name, (module, one.name)) for one in node.names)
            elif isinstance(node, ast.Import):
                self.imported.update((one.asname, (one.name, "")) for one in node.names if one.asname)

    def look_up(self, node: ast.expr) -> object:
        """The object that a name, or an attribute of a module or class, leads to; None where only running tells it."""
        if isinstance(node, ast.Name):
            return _attribute(sys.modules.get(self.name), node.id) or self._import(node.id)
        if isinstance(node, ast.Attribute):
            return _attribute(self.look_up(node.value), node.attr)
        return None

    def _import(self, name: str) -> object:
        module, attribute = self.imported.get(name, ("", ""))
        within = sys.modules.get(f"{module}.{attribute}" if attribute else module)
        return within or _attribute(sys.modules.get(module), attribute)


def _attribute(owner: object, name: str) -> object:
    """What a module or a class keeps under a name, as it is stored."""
    if is_a(owner, type):
        return class_attribute(owner, name)
    return instance_namespace(owner).get(name) if is_a(owner, ModuleType) else None


def _sites_in(scope: _Scope, tree: ast.Module, file: str, name_of: Callable[[Signal], str]) -> Iterator[Site]:
    for path, call in _calls(tree, scope.name):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr in SENDING):
            continue
        signal = scope.look_up(call.func.value)
        if is_a(signal, Signal):
            yield Site(path, name_of(signal), _sender(scope, call), call.func.attr, file, call.lineno)


def _calls(node: ast.AST, path: str) -> Iterator[tuple[str, ast.Call]]:
    """Each call with the dotted path of the function it stands in, spelled as `__qualname__` spells it."""
    for child in ast.iter_child_nodes(node):
        inner = path
        if isinstance(child, _FUNCTION | ast.ClassDef):
            inside = ".<locals>" if isinstance(node, _FUNCTION) else ""
            inner = f"{path}{inside}.{child.name}"
        if isinstance(child, ast.Call):
            yield path, child
        yield from _calls(child, inner)


def _sender(scope: _Scope, call: ast.Call) -> str:
    given = [one.value for one in call.keywords if one.arg == "sender"] or call.args[:1]
    if given and isinstance(given[0], ast.Constant) and isinstance(given[0].value, str):
        return names.quote_text(given[0].value)
    found = scope.look_up(given[0]) if given else None
    return names.describe_sender(found) if is_a(found, type) or is_a(found, str) else ""


def _docstrings(node: ast.AST) -> Iterator[tuple[int, str]]:
    for child in ast.walk(node):
        if isinstance(child, ast.ClassDef):
            own = _first_line(child)
            methods = [one for one in child.body if isinstance(one, _FUNCTION) and one.name in ("__call__", "__init__")]
            yield from ((_begin(one), own) for one in methods if own and not _first_line(one))
        elif isinstance(child, _FUNCTION) and (said := _first_line(child)):
            yield _begin(child), said


def _begin(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([function.lineno, *(one.lineno for one in function.decorator_list)])


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    said = ast.get_docstring(node) or ""
    return _short(said.strip().partition("\n")[0])


def _targets(statement: ast.stmt) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
    return {one.id for one in targets if isinstance(one, ast.Name)}


def _comment_above(lines: list[str], line: int) -> str:
    said: list[str] = []
    for above in reversed(lines[: line - 1]):
        if not above.lstrip().startswith("#"):
            break
        said.insert(0, above.strip().lstrip("#:").strip())
    return _short(" ".join(said).strip())


def _short(text: str) -> str:
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1].rstrip()}…"
