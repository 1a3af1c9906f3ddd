"""A package that a test writes and imports, for rules that read code; nothing of it is left behind."""

from __future__ import annotations

import ast
import gc
import importlib
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from django.apps import apps
from django.dispatch import Signal
from django.utils.inspect import _get_func_parameters

from signalgraph import findings, origins
from signalgraph.findings import Finding
from signalgraph.findings.code import read_code
from signalgraph.findings.sources import Sources
from signalgraph.registry import REGISTRY

NAME = "attic"


class Parsed(Sources):
    """Files of the demo and of installed packages are parsed once for all tests."""

    trees: ClassVar[dict[str, ast.Module | None]] = {}

    def tree(self, file: str) -> ast.Module | None:
        if f"/{NAME}/" in file:
            return super().tree(file)
        if file not in self.trees:
            self.trees[file] = super().tree(file)
        return self.trees[file]


class Package:
    """`attic` in a folder of its own; `close` takes its modules, its models and all that it connected away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / NAME
        self.folder.mkdir()
        self.folder.joinpath("__init__.py").touch()
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        self._rows = {id(signal): (signal, list(signal.receivers)) for signal in origins.find_signals()}
        self._waiting = {key: list(waiting) for key, waiting in apps._pending_operations.items()}
        self._models = {label: dict(models) for label, models in apps.all_models.items()}

    def write(self, module: str, text: str) -> None:
        """Write a module, and import nothing."""
        path = self.folder.joinpath(*module.split(".")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def load(self, module: str, text: str) -> ModuleType:
        """Write a module and import it."""
        self.write(module, text)
        importlib.invalidate_caches()
        return importlib.import_module(f"{NAME}.{module}")

    def find(self, rule: str, *, packages: bool = False) -> list[Finding]:
        """What one rule finds in this package."""
        found = findings.load_rules()[rule].find(read_code(packages=packages, sources=Parsed()))
        return [one for one in found if NAME in f"{one.subject} {one.sentence}"]

    def subjects(self, rule: str) -> list[str]:
        """The bare names of what one rule finds fault with: of receivers, as they are written in this package."""
        named = [one.subject.rpartition("|")[2].removeprefix("receiver:") for one in self.find(rule)]
        return [name.removeprefix(f"{NAME}.") for name in named]

    def close(self) -> None:
        sys.path.remove(str(self.folder.parent))
        for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
            del sys.modules[name]
        for signal in {id(each): each for each in (*REGISTRY.signals(), *origins.find_signals())}.values():
            _put_back(signal, self._rows[id(signal)][1] if id(signal) in self._rows else [])
        _get_func_parameters.cache_clear()  # with DEBUG on it keeps receivers, and through them all of the package
        apps._pending_operations.clear()
        apps._pending_operations.update(self._waiting)
        for label in list(apps.all_models):
            for model in apps.all_models[label].keys() - self._models.get(label, {}).keys():
                del apps.all_models[label][model]
        apps.clear_cache()
        gc.collect()


def _put_back(signal: Signal, rows: list[object]) -> None:
    with signal.lock:
        signal.receivers[:] = rows
        signal.sender_receivers_cache.clear()
