"""The setup page: what passed, what is missing with the exact line to change, who records, what is kept."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest

import signalgraph
from signalgraph import conf, recorder
from signalgraph.web import feed
from signalgraph.web.facets import connection_facets
from signalgraph.web.figures import duration_words, number
from signalgraph.web.health import share_words
from signalgraph.web.panel import panel_context
from signalgraph.web.recording import read_facts, read_faults
from signalgraph.web.scope import Scope
from signalgraph.web.views import Page

MOST_FAULTS = 5


@dataclass(frozen=True)
class Check:
    """One point of the list. `state` is passed, failed or later; `lines` are (sign, text) of the change to make."""

    state: str
    title: str
    word: str
    text: str
    lines: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class ProcessRow:
    label: str
    pid: int
    host: str
    mode: str
    seen: str
    recorded: int
    sampled: int
    share: str  # of its traces that it keeps, "" for all
    dropped: int
    lost: int


def _mode(beat: Any, is_living: bool) -> str:
    if beat.ended:
        return "ended"
    if not is_living:
        return "gone" if beat.lost else "no sign of life"
    return "records" if beat.recording else "off"


def process_rows(scope: Scope) -> list[ProcessRow]:
    living = {beat.process.id for beat in scope.living}
    return [
        ProcessRow(
            label=beat.process.label,
            pid=beat.process.pid,
            host=beat.process.host,
            mode=_mode(beat, beat.process.id in living),
            seen="now" if beat.process.id in living else f"{duration_words(scope.now_s - beat.seen_ms / 1000)} ago",
            recorded=beat.recorded,
            sampled=beat.sampled,
            share=share_words(beat.share) if beat.share < 1 else "",
            dropped=beat.dropped,
            lost=beat.lost,
        )
        for beat in scope.heartbeats
    ]


def _settings_checks() -> list[Check]:
    return [
        Check("failed", problem.message, "do this", f"{problem.hint} ({problem.id})") for problem in conf.problems()
    ]


def _recording_check(scope: Scope, state: Any) -> Check:
    if state.error:
        text = f"{state.error} Until then what this process records stays in its memory."
        return Check("failed", "The log can't be written", "do this", text)
    if scope.control.paused:
        text = "A viewer has paused recording in every process. Nothing is recorded until somebody goes on with it."
        return Check("failed", "Recording is paused", "do this", text)
    living = [beat for beat in scope.living if beat.recording]
    if living:
        who = ", ".join(sorted({beat.process.label for beat in living}))
        return Check("passed", "Recording is on", "passed", f"{len(living)} recording now: {who}.")
    return Check("failed", "Recording is off", "do this", _why_off(), _how_on())


def _environment() -> str | None:
    """The variable that decides whether to record, as it is set; None where the settings decide."""
    variable = conf.ENVIRONMENT["record"]
    return f"{variable}={os.environ[variable]}" if os.environ.get(variable) in conf.RECORD_MODES else None


def _why_off() -> str:
    mode, given = conf.get_settings().record, _environment()
    if given and (mode == "off" or (mode == "auto" and not settings.DEBUG)):
        only = "" if mode == "off" else " It records in DEBUG only, and DEBUG is off."
        return f"The environment variable {given} decides, whatever your settings say.{only} Change it, or unset it."
    if mode == "auto" and not settings.DEBUG:
        return 'RECORD is "auto", which records in DEBUG only, and DEBUG is off. Change this line in your settings.'
    if mode == "watched":
        return 'RECORD is "watched": processes record while somebody looks at these pages. None is running now.'
    if mode == "off":
        return "Nothing is wrapped: Signal.send is Django's own. Change this line in your settings."
    return "No process that records has been seen in the last seconds. Start your site, or a command of it."


def _how_on() -> list[tuple[str, str]]:
    mode = conf.get_settings().record
    if mode == "off" or (mode == "auto" and not settings.DEBUG):
        if given := _environment():
            return [("-", given), ("+", f"{conf.ENVIRONMENT['record']}={'auto' if settings.DEBUG else 'always'}")]
        wanted = "auto" if settings.DEBUG else "always"
        change = [("-", f'    "RECORD": "{mode}",'), ("+", f'    "RECORD": "{wanted}",')]
        return [("", "SIGNALGRAPH = {"), *change, ("", "}")]
    return []


def _socket_check(request: HttpRequest) -> Check:
    if feed.has_socket(request):
        return Check("passed", "Live over WebSocket", "passed", "A dispatch is shown as soon as it is in the log.")
    text = "The pages ask every second instead; nothing is lost by that. On an ASGI server, change asgi.py."
    lines = [
        ("+", "import signalgraph.asgi"),
        ("", ""),
        ("-", "application = get_asgi_application()"),
        ("+", "application = signalgraph.asgi.websockets(get_asgi_application())"),
    ]
    return Check("later", "Live over WebSocket", "optional", text, lines)


def _memory_check(scope: Scope) -> list[Check]:
    url = conf.get_settings().log or ""
    if not url.startswith("memory:"):
        return []
    text = "LOG is memory://, which one process only can read: what other processes dispatch can't arrive here."
    lines = [("-", f'    "LOG": "{url}",'), ("+", '    "LOG": "sqlite:///var/signalgraph.sqlite3",')]
    return [Check("failed", "Other processes are not seen", "do this", text, lines)]


def _fault_checks() -> list[Check]:
    found = read_faults()
    if not found:
        return []
    count = sum(fault.count for fault in found)
    where = ", ".join(f"{fault.where} ({number(fault.count)})" for fault in found[:MOST_FAULTS])
    text = (
        f"In {where}. Your project was not touched, and recording goes on; what failed is missing from the log. "
        'The logger "signalgraph" has the traceback of the first of each. Please report it.'
    )
    return [Check("failed", f"The recorder of this process failed {number(count)} times", "look", text)]


def read_checks(request: HttpRequest, scope: Scope) -> list[Check]:
    wiring, base = scope.wiring, scope.state.base
    version = f"In INSTALLED_APPS, version {signalgraph.__version__}, on Django {_django_version()}."
    checks = [
        Check("passed", "signalgraph is installed", "passed", version),
        Check("passed", "The dashboard is mounted", "passed", f"At {base}, {_who_may_look()}."),
        *_settings_checks(),
        _recording_check(scope, recorder.state()),
        *_memory_check(scope),
        *_fault_checks(),
    ]
    if scope.has_recorded:
        checks.append(Check("passed", "Dispatches arrive", "passed", _arrived(scope)))
    else:
        text = f"{len(wiring.connections)} connections are known. Now open a page of your site, or run a command of it."
        checks.append(Check("later", "The first dispatch", "waiting", text))
    return [*checks, _socket_check(request)]


def _arrived(scope: Scope) -> str:
    calls = sum(total.calls for total in scope.index.totals.values())
    age = scope.newest_age_s
    newest = f", the newest dispatch {duration_words(age)} ago" if age is not None else ""
    return f"{number(calls)} receiver calls since the log began{newest}."


def _django_version() -> str:
    return f"{django.get_version()}, Python {sys.version_info.major}.{sys.version_info.minor}"


def _who_may_look() -> str:
    access = conf.get_settings().access
    if access:
        return f"for whom {access} lets in"
    return "for active superusers" + (", and on this machine in DEBUG" if settings.DEBUG else "")


def setup(request: HttpRequest, scope: Scope) -> Page:
    checks, options = read_checks(request, scope), conf.get_settings()
    failed = sum(check.state == "failed" for check in checks)
    facts, muted = read_facts(request, scope), sorted(scope.control.muted)
    data: dict[str, Any] = {"checks": checks, "processes": process_rows(scope), "facts": facts, "muted": muted}
    context = {
        "title": "Setup",
        **data,
        "failed": failed,
        "options": options,
        "paused": scope.control.paused,
        "can_pause": any(beat.recording for beat in scope.living),
        "keep_days": None if options.keep.age_s is None else f"{options.keep.age_s / 86_400:g}",
        "keep_mb": None if options.keep.bytes is None else f"{options.keep.bytes / 1024**2:g}",
        **panel_context(scope),
    }
    parts = {"sg-setup": "signalgraph/_setup.html"}
    return Page("signalgraph/setup.html", context, data, connection_facets(scope), scope.connection_hits, parts=parts)
