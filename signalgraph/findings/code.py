"""What can be known of a project's signals before anything is sent: what is connected, and what the source says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.dispatch import Signal

from signalgraph import names, pending
from signalgraph.descriptions import model_label
from signalgraph.events import DeadEntry
from signalgraph.findings.base import Evidence, Finding
from signalgraph.findings.bodies import Body, function_of
from signalgraph.findings.connects import CONNECTS, Connect, Place, connects, places
from signalgraph.findings.evidence import code_evidence
from signalgraph.findings.live import LiveRow, live_rows
from signalgraph.findings.resolving import Definition, Scope, callee, imports_of
from signalgraph.findings.sources import Module, Sources, first_line, is_package
from signalgraph.inert import class_module, classes_below, plain_text
from signalgraph.pending import PendingConnect
from signalgraph.receivers import is_own
from signalgraph.registry import REGISTRY


@dataclass(frozen=True)
class Code:
    """This process's signals and their source. It holds receivers and senders strongly: don't keep it.

    `rows` are the connections in the order in which Django runs them, without Django's own. `packages` says that
    installed packages are judged as if they were the project's own code.
    """

    rows: Sequence[LiveRow]
    dead: Sequence[DeadEntry]
    pending: Sequence[PendingConnect]
    sources: Sources
    packages: bool = False
    _places: dict[str, list[Place]] = field(default_factory=dict, init=False)
    _calls: dict[tuple[str, int], list[Place]] = field(default_factory=dict, init=False)
    _lines: dict[re.Pattern[str], list[str]] = field(default_factory=dict, init=False)
    _imports: dict[str, set[str]] = field(default_factory=dict, init=False)

    def is_judged(self, file: str | None) -> bool:
        """Whether a file is the project's own, about which rules of style speak too."""
        return file is not None and (self.packages or not is_package(file))

    def is_own(self, finding: Finding) -> bool:
        """Whether a finding is about the project's own code, by the module of its receiver; if in doubt, it is."""
        path = finding.subject.rpartition("|")[2].removeprefix("receiver:").removeprefix("partial(")
        while path and path not in self.sources.modules:
            path = path.rpartition(".")[0]
        return not path or self.is_judged(self.sources.modules[path].file)

    @property
    def own(self) -> list[LiveRow]:
        """The connections whose receivers are the project's."""
        return [row for row in self.rows if self.is_judged(row.info.file)]

    @cached_property
    def modules(self) -> list[Module]:
        """The project's own modules and those of its apps."""
        packages = tuple(f"{config.name}." for config in apps.get_app_configs())
        every = self.sources.modules.values()
        return [each for each in every if not is_package(each.file) or f"{each.name}.".startswith(packages)]

    @cached_property
    def connects(self) -> list[Connect]:
        """The places in the source of the project and of its apps that connect something."""
        likely = [each for each in self.modules if CONNECTS.search(self.sources.text(each.file))]
        return [found for module in likely for found in connects(self.places(module))]

    def places(self, module: Module) -> list[Place]:
        """All calls and definitions of a module."""
        if module.name not in self._places:
            self._places[module.name] = list(places(module, self.sources))
        return self._places[module.name]

    def lines(self, pattern: re.Pattern[str]) -> list[str]:
        """The lines of all modules in which a pattern is found."""
        if pattern not in self._lines:
            texts = (self.sources.text(module.file) for module in self.modules)
            likely = (line for text in texts if pattern.search(text) for line in text.splitlines())
            self._lines[pattern] = [line for line in likely if pattern.search(line)]
        return self._lines[pattern]

    def imports(self, module: Module) -> set[str]:
        """The dotted names that a module imports."""
        if module.name not in self._imports:
            tree = self.sources.tree(module.file)
            self._imports[module.name] = imports_of(tree, module) if tree is not None else set()
        return self._imports[module.name]

    def calls_of(self, function: Definition, module: Module) -> list[Place]:
        """Where a function that is defined in this module is called, as far as names lead to it."""
        key = module.name, function.lineno
        if key not in self._calls:
            likely = (each for each in self.modules if f"{function.name}(" in self.sources.text(each.file))
            found = [place for each in likely for place in self.places(each) if _calls(place, function, module)]
            self._calls[key] = found
        return self._calls[key]

    def has_run(self, connect: Connect) -> bool:
        """Whether it is certain that this place has connected: while its module was imported, or in `ready()`, or in a
        function that one of these calls; and under no condition.
        """
        place = connect.place
        if place.is_conditional or len(place.scope.functions) > 1:
            return False
        if place.at_import or _is_ready(place.scope):
            return True
        callers = self.calls_of(place.scope.functions[0], place.scope.module)
        return any(not each.is_conditional and (each.at_import or _is_ready(each.scope)) for each in callers)

    def connects_of(self, row: LiveRow) -> list[Evidence]:
        """The places that connect a receiver to its signal: where their function is called, if they are in one."""
        label = names.describe_receiver(row.receiver).label
        found = {}
        for connect in self.connects:
            if row.signal in connect.signals and connect.receiver_label == label:
                for place in self.begins(connect.place):
                    found[place.scope.module.file, place.node.lineno] = place
        return [code_evidence(file, place.node) for (file, _), place in sorted(found.items())]

    def begins(self, place: Place) -> list[Place]:
        """Where what a place does begins: the calls of the function that it is in, or the place itself."""
        outer = place.scope.functions[-1:]
        callers = self.calls_of(outer[0], place.scope.module) if outer and not _is_ready(place.scope) else []
        return callers or [place]

    @cached_property
    def _models(self) -> dict[int, type[Model]]:
        """Every model class by its identity, abstract and swapped ones too; those of migrations left out."""
        return {id(cls): cls for cls in classes_below(Model) if model_label(cls) and class_module(cls) != "__fake__"}

    def model_of(self, row: LiveRow) -> type[Model] | None:
        """The model for which a row is connected; None for any sender and for other ones."""
        return None if row.sender_key is None else self._models.get(row.sender_key)

    def is_loaded(self, model: type[Model]) -> bool:
        """Whether a model is one of this project's: not of a migration, not one that was made for a query."""
        return apps.all_models[model._meta.app_label].get(model._meta.model_name or "") is model

    def is_sender(self, row: LiveRow, sender: Any) -> bool:
        """Whether a row is for this sender, as it was given to connect: None is any, a model may be its label."""
        if sender is None or row.sender_key is None:
            return sender is None and row.sender_key is None
        text = plain_text(sender)
        return row.sender_key == id(sender) or (text is not None and row.info.sender.lower() == text.lower())

    def readable(self, *signals: Signal) -> Iterator[tuple[LiveRow, Body]]:
        """The project's receivers of these signals (of any, if none are given) whose source can be read, each once."""
        told = set()
        for row in self.own:
            if (not signals or any(row.signal is each for each in signals)) and row.info.receiver not in told:
                told.add(row.info.receiver)
                if (body := self.body(row.receiver)) is not None:
                    yield row, body

    def body(self, receiver: Any) -> Body | None:
        """The source of a receiver; None where it can't be read, or has none."""
        function = function_of(receiver)
        module = self.sources.modules.get(function.__module__) if function is not None else None
        if function is None or module is None:
            return None
        code = function.__code__
        node = self.sources.function(code.co_filename, code.co_firstlineno, code.co_name)
        if node is None:
            return None
        defined = (place.scope for place in self.places(module) if place.node is node)
        outer = next(defined, Scope(module))
        return Body(node, outer if not isinstance(node, Definition) else outer.inside(node), outer)


def read_code(*, packages: bool = False, sources: Sources | None = None) -> Code:
    """The code of this process, as it is now. What it costs is mostly to parse modules, which `sources` may know."""
    wiring = REGISTRY.wiring_now()
    waiting = [each for each in pending.pending_connects() if not is_own(names.describe_receiver(each.receiver).label)]
    return Code(live_rows(), wiring.dead, waiting, sources or Sources(), packages)


def _is_ready(scope: Scope) -> bool:
    return len(scope.functions) == 1 and scope.functions[0].name == "ready"


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _calls(place: Place, function: Definition, module: Module) -> bool:
    if not isinstance(place.node, ast.Call) or _last(place.node.func) != function.name:
        return False
    found = [callee(value) for value in place.scope.values(place.node.func)]
    codes = [each.__code__ for each in found if each is not None]
    wanted = (module.file, first_line(function), function.name)
    return any((code.co_filename, code.co_firstlineno, code.co_name) == wanted for code in codes)
