"""How it is recorded, as the setup page tells it: the mode, what is kept of it, what it costs this process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from signalgraph import conf, recorder
from signalgraph.recorder import faults
from signalgraph.redaction import DEFAULT
from signalgraph.web import feed
from signalgraph.web.figures import duration_words, number
from signalgraph.web.health import sampling_words, share_words
from signalgraph.web.scope import Scope

CARRIES = "signalgraph-flusher"  # the thread that carries what was recorded to the log
OURS = "signalgraph"


@dataclass(frozen=True)
class Fact:
    """A line of the list; `code` is written as it stands in the settings, `text` after it."""

    label: str
    text: str
    code: str = ""


def read_facts(request: HttpRequest, scope: Scope) -> list[Fact]:
    """What is in force, by this process's settings; other processes may have been started with others."""
    options = conf.get_settings()
    facts = [
        Fact("mode", mode_words(), f'RECORD = "{options.record}"'),
        Fact("this process", "records" if recorder.state().recording else "does not record"),
        Fact("log", "", _log_words(options)),
        Fact("transport", "WebSocket" if feed.has_socket(request) else "polling, once a second"),
        Fact("lost", f"{number(scope.index.lost)} dispatches, of all processes"),
        _sample(scope, options),
        _ignored(scope, options),
    ]
    return [*facts, *_captured(options), *_cost()]


def mode_words() -> str:
    """What RECORD means here and now."""
    record = conf.get_settings().record
    if record == "auto":
        return "records, as DEBUG is on" if settings.DEBUG else "records in DEBUG only, and DEBUG is off"
    words = {"always": "records, whatever DEBUG is", "watched": "records while somebody looks at these pages"}
    return words.get(record, "records nothing: Signal.send is Django's own")


def _log_words(options: conf.Settings) -> str:
    try:
        return conf.resolve_log_url(options)
    except conf.SettingsError as error:
        return str(error)


def _sample(scope: Scope, options: conf.Settings) -> Fact:
    code = f"SAMPLE = {options.sample:g}" if options.sample < 1 else ""
    if scope.shares or options.sample < 1:
        kept = (
            sampling_words(scope)
            if scope.shares
            else f"{share_words(options.sample)} traces kept, errors and slow ones always"
        )
        return Fact("sample", f"{kept}; rates and totals count every dispatch", code)
    return Fact("sample", "none: every dispatch that a receiver heard is recorded")


def _ignored(scope: Scope, options: conf.Settings) -> Fact:
    counted = sum(scope.index.ignored.values())
    so_far = f"; {number(counted)} dispatches were only counted so far" if counted else ""
    if options.ignore:
        return Fact("counted only", f"what these name{so_far}", f"IGNORE = {list(options.ignore)}")
    return Fact("counted only", f"IGNORE names no signal{so_far}")


def _captured(options: conf.Settings) -> list[Fact]:
    values = Fact("values", "", ", ".join(options.capture)) if options.capture else Fact("values", "CAPTURE names none")
    if not options.capture:
        return [values]
    own = options.redact != DEFAULT
    return [
        values,
        Fact("hidden in them", "" if own else "the default of REDACT", ", ".join(options.redact) if own else ""),
    ]


def _cost() -> list[Fact]:
    """The processor time of our threads; what a dispatch itself takes longer is not in it."""
    spent = _thread_seconds()
    whole = time.process_time()
    if not spent or not whole:
        return []
    carrying = sum(seconds for name, seconds in spent if name == CARRIES)
    pages = sum(seconds for name, seconds in spent if name != CARRIES)
    words = [f"{_share(pages, whole)} for these pages (reading the log, the feed)"]
    if carrying:
        words.insert(0, f"{_share(carrying, whole)} for writing the log")
    return [Fact("own work", f"{'; '.join(words)}. Of {duration_words(whole)} of processor time of this process.")]


def _share(seconds: float, whole: float) -> str:
    return f"{seconds / whole * 100:.2g} %"


def _thread_seconds() -> list[tuple[str, float]]:
    """(name, seconds of processor time) of the threads that are ours; empty where the system doesn't tell."""
    clock_of = getattr(time, "pthread_getcpuclockid", None)
    if clock_of is None:
        return []
    found = []
    for thread in threading.enumerate():
        if thread.ident is not None and thread.name.startswith(OURS):
            try:
                found.append((thread.name, time.clock_gettime(clock_of(thread.ident))))
            except OSError:  # it has just ended
                continue
    return found


@dataclass(frozen=True)
class Fault:
    where: str
    count: int


def read_faults() -> list[Fault]:
    """What failed inside the recorder of this process, most often first. None of it has reached the project."""
    return [Fault(where, count) for where, count in sorted(faults.counted.items(), key=lambda each: -each[1])]
