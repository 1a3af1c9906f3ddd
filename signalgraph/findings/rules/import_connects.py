"""SG106: receivers that are connected because a models module was imported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from django.apps import apps
from django.db.models.signals import class_prepared

from signalgraph import names
from signalgraph.findings.base import Evidence, Finding, Rule
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import code_evidence


def find(code: Code) -> Iterator[Finding]:
    """Connects of models modules and of apps' root packages, also through a function that they call."""
    modules = startup_modules()
    found: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    for connect in code.connects:
        if connect.signals == (class_prepared,) or not (label := connect.receiver_label):
            continue  # class_prepared is sent while models are imported: later is too late
        for place in code.begins(connect.place):
            source = place.scope.module
            if place.at_import and source.name in modules and code.is_judged(source.file):
                found[label, source.name].append(code_evidence(source.file, place.node))
    for (label, module), evidence in found.items():
        yield Finding(
            RULE.id,
            names.receiver_id(label),
            f"{module} connects {label} while it is imported.",
            evidence=tuple(evidence),
            app=names.app_of(module),
        )


def startup_modules() -> set[str]:
    """The root packages and the models modules of the installed apps."""
    configs = apps.get_app_configs()
    models = [config.models_module.__name__ for config in configs if config.models_module is not None]
    below = {model.__module__ for config in configs for model in config.get_models(include_auto_created=True)}
    inside = {module for module in below if any(module.startswith(f"{package}.") for package in models)}
    return {*(config.name for config in configs), *models, *inside}


RULE = Rule(
    "SG106",
    "Connected while models are imported",
    "risk",
    "code",
    "Put receivers into receivers.py (or signals.py) of the app and connect them, or import that module, in "
    "AppConfig.ready().",
    "Importing a model then has side effects: other apps' models may not be there yet, and who reads AppConfig.ready() "
    "misses them. Django's documentation recommends to avoid the models module and the root module of an app.",
    find,
)
