"""System checks: of signalgraph's own setup, which the setup page lists too, and of the project's signals."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.urls import URLPattern, URLResolver, get_resolver

from signalgraph import conf, findings
from signalgraph.registry import REGISTRY

logger = logging.getLogger(__name__)

TAG = "signalgraph"
FINDINGS_TAG = "signals"
INCLUDE_LINE = 'path("signals/", include("signalgraph.urls")),'


@register(TAG)
def check_settings(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """`SIGNALGRAPH` holds known keys and usable values."""
    return [Error(problem.message, hint=problem.hint, id=problem.id) for problem in conf.problems()]


@register(TAG)
def check_installed_apps(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The pages use django-htmx's template tags."""
    if apps.is_installed("django_htmx"):
        return []
    hint = 'Add this line to INSTALLED_APPS:\n"django_htmx",'
    return [Error("django_htmx is not in INSTALLED_APPS; the pages need it.", hint=hint, id="signalgraph.E005")]


@register(TAG)
def check_mounted(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The pages are in the URLconf, under whatever prefix or namespace."""
    urlconf = getattr(settings, "ROOT_URLCONF", None)
    if not urlconf or is_mounted(get_resolver(urlconf).url_patterns):
        return []
    hint = (
        f"Add this line to urlpatterns in {urlconf}:\n{INCLUDE_LINE}\n"
        'Where only other processes serve the pages, silence this with SILENCED_SYSTEM_CHECKS = ["signalgraph.W001"].'
    )
    return [Warning("signalgraph is installed, but its pages are in no URL pattern.", hint=hint, id="signalgraph.W001")]


@register(TAG)
def check_ignored(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Each name in `IGNORE` is that of a signal. One that is made later, or in another process, is in its right."""
    ignored = conf.get_settings().ignore
    if not ignored:
        return []
    known = [signal.name for signal in REGISTRY.inventory().signals]
    return [_unmatched(name, known) for name in ignored if not any(fnmatchcase(one, name) for one in known)]


@register(TAG)
def check_log(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The log's file can be written; else recording goes on in memory, unseen by other processes."""
    if conf.get_settings().record == "off":
        return []
    try:
        url = conf.resolve_log_url(conf.get_settings())
    except conf.SettingsError as error:
        return [_unwritable(str(error))]
    path = Path(url.removeprefix("sqlite://"))
    if not url.startswith("sqlite:") or is_writable(path):
        return []
    return [_unwritable(f"The log {path} can't be written.")]


@register(FINDINGS_TAG)
def check_findings(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """What the rules that read the code find in the project's own, and entries of `ACCEPT` that accept nothing."""
    from signalgraph.findings.code import read_code  # not at the start of a process that never runs checks

    _load_urlconf()
    try:
        code = read_code()
    except Exception:  # the boundary: whatever a project holds, its server starts
        logger.exception("The code can't be read, so the checks of signals are left out.")
        return []
    accept = conf.get_settings().accept
    found = findings.find_static(code)
    left, _ = findings.split(found, accept)
    wanted = {config.label for config in app_configs} if app_configs is not None else None
    shown = [one for one in left if code.is_own(one) and (wanted is None or one.app in wanted)]
    return [*map(_finding, shown), *(_unmatched_entries(accept, found) if wanted is None else ())]


def is_mounted(patterns: Iterable[URLPattern | URLResolver]) -> bool:
    """Whether a URL pattern includes signalgraph's; nothing is reversed, so prefixes may hold parameters."""
    resolvers = [pattern for pattern in patterns if isinstance(pattern, URLResolver)]
    return any(resolver.app_name == "signalgraph" or is_mounted(resolver.url_patterns) for resolver in resolvers)


def is_writable(path: Path) -> bool:
    """Whether a file can be written or made, without making it."""
    if path.exists():
        return path.is_file() and os.access(path, os.W_OK)
    existing = next(folder for folder in path.parents if folder.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _load_urlconf() -> None:
    """Import what a web process imports: it connects receivers too."""
    try:
        get_resolver().url_patterns  # noqa: B018 - reading it imports
    except Exception:  # noqa: BLE001 - whatever a project's module raises, Django's own check of the URLs tells it
        return


def _finding(finding: findings.Finding) -> Warning:
    rule = findings.load_rules()[finding.rule]
    receiver = finding.subject.rpartition("|")[2].removeprefix("receiver:")
    hint = f"{finding.fix or rule.fix} See {rule.docs}."
    return Warning(finding.sentence, hint=hint, obj=receiver, id=f"signalgraph.W{finding.rule.removeprefix('SG')}")


def _unmatched_entries(accept: Mapping[str, str], found: list[findings.Finding]) -> Iterable[Warning]:
    """Entries that are of no rule, and those about the code that no finding matches (any more)."""
    rules = findings.load_rules()
    for entry in accept:
        rule = entry.partition(":")[0]
        if rule not in rules:
            message, hint = f"names {rule}, which is no rule.", f"The rules are {', '.join(rules)}."
            yield Warning(f'SIGNALGRAPH["ACCEPT"] {message}', hint=hint, id="signalgraph.W004")
        elif rule in findings.failed:
            continue
        elif rules[rule].seen == "code" and not any(findings.accepts(entry, one) for one in found):
            hint = "Take it out, if the fault is gone; manage.py signalgraph findings prints the findings there are."
            message = f'SIGNALGRAPH["ACCEPT"] has {entry!r}, which matches no finding.'
            yield Warning(message, hint=hint, id="signalgraph.W005")


def _unmatched(name: str, known: list[str]) -> Warning:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else "manage.py signalgraph list prints the signals with their names."
    message = f'SIGNALGRAPH["IGNORE"] has {name!r}, which is no signal that is loaded.'
    return Warning(message, hint=hint, id="signalgraph.W003")


def _unwritable(message: str) -> Warning:
    hint = 'Let this process write there, or name another file: SIGNALGRAPH = {"LOG": "sqlite:///path/to/log.sqlite3"}'
    return Warning(f"{message} Recording goes on in memory.", hint=hint, id="signalgraph.W002")
