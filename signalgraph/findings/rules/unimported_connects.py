"""SG107: receivers that only those processes have which happen to import their module."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from django.apps import apps

from signalgraph import names
from signalgraph.findings.base import Evidence, Finding, Rule
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import code_evidence
from signalgraph.findings.rules.import_connects import startup_modules
from signalgraph.findings.sources import Module, is_package

_BY_NAME = re.compile(r"autodiscover_modules|import_module|import_string|__import__|module_has_submodule")
_WRITTEN = r"""\s*["']|\s*f["'][^"']*\.\w+["']"""  # the name, or its end
_COMPUTED = re.compile(rf"(?:import_module|import_string|__import__)\((?!{_WRITTEN})")


def find(code: Code) -> Iterator[Finding]:
    """Modules of the project that connect while they are imported, and that no app imports when Django starts."""
    started = {*startup_modules(), *(type(config).__module__ for config in apps.get_app_configs())}
    if apps.is_installed("django.contrib.admin"):
        started |= {f"{config.name}.admin" for config in apps.get_app_configs()}
    found: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    reached: dict[str, bool] = {}
    for connect in code.connects:
        for place in code.begins(connect.place) if connect.receiver_label else ():
            module = place.scope.module
            if place.at_import and code.is_judged(module.file):
                if module.name not in reached:
                    reached[module.name] = _is_reached(code, module, started)
                if not reached[module.name]:
                    shown = code_evidence(module.file, place.node)
                    found[connect.receiver_label, module.name].append(shown)
    for (label, module_name), evidence in found.items():
        yield Finding(
            RULE.id,
            names.receiver_id(label),
            f"{label} is connected only in processes that import {module_name}.",
            "No AppConfig, models or admin module of an installed app leads to it by its imports: a web process has it "
            "once its URLs are loaded, a command or a task may not.",
            evidence=tuple(evidence),
            app=names.app_of(label),
        )


def _is_reached(code: Code, module: Module, started: set[str]) -> bool:
    """Whether imports lead from a module that Django loads at its start to this one; those in functions count, too."""
    seen, waiting = {module.name}, [module.name]
    first = [each for each in code.modules if each.name in started]
    while waiting:
        name = waiting.pop()
        if name in started or any(_imports(code, each, name) for each in first) or _is_named(code, name):
            return True
        new = {each.name for each in code.modules if each.name not in seen and _imports(code, each, name)}
        seen |= new
        waiting += new
    return False


def _imports(code: Code, module: Module, name: str) -> bool:
    """Whether a module imports another, or something below it (which imports that first)."""
    last = re.escape(name.rpartition(".")[2])
    line = rf"(?:import|from)[^\n(]*\b{last}\b|import\s*\([^)]*\b{last}\b"
    if not re.search(line, code.sources.text(module.file)):
        return False
    return any(path == name or path.startswith(f"{name}.") for path in code.imports(module))


def _is_named(code: Code, name: str) -> bool:
    """Whether something may import it by its name: `autodiscover_modules("receivers")`, `f"{self.name}.receivers"`.

    Of a name that is put together, only that is known where: it may be that of any module beside or below.
    """
    quoted = re.compile(rf"""["'][^"']*\b{re.escape(name.rpartition(".")[2])}["']""")
    if any(quoted.search(line) for line in code.lines(_BY_NAME)):
        return True
    above = (each for each in code.modules if not is_package(each.file) and name.startswith(f"{each.package}."))
    return any(_COMPUTED.search(code.sources.text(each.file)) for each in above)


RULE = Rule(
    "SG107",
    "Connected only where a module is imported",
    "risk",
    "code",
    "Move the receiver into receivers.py (or signals.py) of its app and import that in AppConfig.ready().",
    "A receiver in views.py, forms.py or urls.py is connected when something imports that module. Management commands, "
    "tasks and shells then save the same models without it.",
    find,
)
