"""The `SIGNALGRAPH` setting: one dict, every key optional, merged into a frozen object.

A wrong key never stops the project: it keeps its default, and `problems` (the system checks, the setup page) names it.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from signalgraph.log.base import Keep
from signalgraph.redaction import DEFAULT, Redaction

LOG_SCHEMES = ("memory", "sqlite")
RECORD_MODES = ("auto", "always", "watched", "off")
DEFAULT_LOG = Path(".signalgraph") / "log.sqlite3"
ENVIRONMENT = {"record": "SIGNALGRAPH_RECORD", "log": "SIGNALGRAPH_LOG"}

# Commands that read or write source files and touch no data of the project: each would only be one more process.
UNRECORDED_COMMANDS = frozenset(
    {
        *("check", "compilemessages", "diffsettings", "help", "inspectdb", "makemessages", "makemigrations"),
        *("optimizemigration", "showmigrations", "signalgraph", "sqlflush", "sqlmigrate", "sqlsequencereset"),
        *("startapp", "startproject", "test", "version"),
    }
)


# Programs that load a project's settings to read its code: they dispatch nothing worth a line among the processes.
READERS = frozenset({"mypy", "dmypy", "pylint", "pytest", "py.test", "sphinx-build", "stubtest"})

ACCEPTABLE = re.compile(r"SG\d{3}(:\S.*)?")  # what an entry of ACCEPT looks like


class SettingsError(ValueError):
    """A setting can't be used; the message says which, which value and what to do."""


# What should have been hidden isn't known then.
NOTHING_CAPTURED = "The default is used instead, and nothing that CAPTURE asks for is recorded."
KEEP = Keep(age_s=7 * 24 * 3600.0, bytes=256 * 1024 * 1024)


@dataclass(frozen=True)
class Settings:
    """`SIGNALGRAPH`, checked. Each field is the key of the same name in capitals."""

    record: str = "auto"  # auto, always, watched (only while somebody looks), off
    log: str | None = None  # URL; None is .signalgraph/log.sqlite3 in the project
    access: str | None = None  # dotted path to access(request) -> bool
    slow_ms: float = 100.0  # from here on a dispatch is slow, milliseconds
    keep: Keep = KEEP
    traces: int = 2000  # newest traces that a reader holds in memory
    editor: str | None = None  # link to a line, as vscode://file/{path}:{line}
    ring: int = 100_000  # records that a process holds until they are written
    sample: float = 1.0  # share of the traces that are kept; errors and slow ones always, totals are exact
    ignore: tuple[str, ...] = ()  # names of signals (globs) that are counted only
    capture: tuple[str, ...] = ()  # arguments and attributes whose values are recorded
    redact: tuple[str, ...] = DEFAULT  # names (globs) and /regular expressions/ of what is never shown
    accept: Mapping[str, str] = field(default_factory=dict)  # the reason for each finding that is accepted, by its key


class Problem(NamedTuple):
    """Something in the settings to put right; `id` is that of the system check."""

    id: str
    message: str
    hint: str


def get_settings() -> Settings:
    """The settings in force, with the default in place of each value that can't be used."""
    return _current()[0]


def problems() -> list[Problem]:
    """What is wrong with the settings. Imports `ACCESS`, which `get_settings` doesn't."""
    options, found = _current()
    return [*found, *_access_problems(options.access)]


def _environment() -> tuple[str | None, ...]:
    return tuple(os.environ.get(variable) for variable in ENVIRONMENT.values())


Read = tuple[Settings, tuple[Problem, ...]]
_last: tuple[object, tuple[str | None, ...], Read] | None = None


def _current() -> Read:
    """What the settings say now: read again when the dict is another one, as under `override_settings`.

    Not by a receiver of `setting_changed`: the project's signals hold none of ours.
    """
    global _last
    given, environment = getattr(django_settings, "SIGNALGRAPH", None), _environment()
    if _last is None or _last[0] is not given or _last[1] != environment:
        _last = (given, environment, _read({} if given is None else given, environment))
    return _last[2]


def _read(given: object, environment: tuple[str | None, ...]) -> Read:
    found: list[Problem] = []
    if not isinstance(given, Mapping):
        hint = 'Write SIGNALGRAPH = {"RECORD": "auto"}, or leave it out.'
        found.append(Problem("signalgraph.E003", f"SIGNALGRAPH is no dict but {type(given).__name__}.", hint))
        given = {}
    names = [each.name for each in fields(Settings)]
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key in (name.upper() for name in names):
            _take(values, found, key.lower(), value, f'SIGNALGRAPH["{key}"]')
        else:
            found.append(_unknown_key(key, names))
    for (name, variable), text in zip(ENVIRONMENT.items(), environment, strict=True):
        if text:
            _take(values, found, name, text, f"The environment variable {variable}")
    if "REDACT" in given and "redact" not in values:
        values.pop("capture", None)
    return replace(Settings(), **values), tuple(found)


def _take(values: dict[str, Any], found: list[Problem], name: str, value: object, where: str) -> None:
    try:
        values[name] = _PARSERS[name](value)
    except SettingsError as error:
        hint = NOTHING_CAPTURED if name == "redact" else f"The default, {_default(name)}, is used instead."
        found.append(Problem("signalgraph.E002", f"{where} {error}", hint))


def _default(name: str) -> str:
    value = getattr(Settings(), name)
    return repr(tuple(value) if isinstance(value, tuple) else value)


def _unknown_key(key: object, names: Sequence[str]) -> Problem:
    known = [name.upper() for name in names]
    close = difflib.get_close_matches(str(key).upper(), known, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}?" if close else f"Use one of: {', '.join(known)}."
    return Problem("signalgraph.E001", f"SIGNALGRAPH has the unknown key {key!r}.", hint)


def did_you_mean(value: object, choices: Sequence[str]) -> str:
    """`use one of: a, b.`, and before it the choice that was probably meant."""
    close = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.5)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}use one of: {', '.join(choices)}."


def _record(value: object) -> str:
    if value not in RECORD_MODES:
        raise SettingsError(f"is {value!r}; {did_you_mean(value, RECORD_MODES)}")
    return str(value)


def _log(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike):
        raise SettingsError(f"is {value!r}; it takes a URL, as sqlite:///path/to/log.sqlite3.")
    url = os.fspath(value)
    scheme = urlsplit(url).scheme
    if scheme not in LOG_SCHEMES:
        raise SettingsError(f"has scheme {scheme!r}; {did_you_mean(scheme, LOG_SCHEMES)}")
    return url


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise SettingsError(f"is {value!r}; it takes a text or None.")
    return value


def _editor(value: object) -> str | None:
    pattern = _text(value)
    if pattern is not None and "{path}" not in pattern:
        raise SettingsError(
            f"is {value!r}; it takes a link with {{path}} and {{line}}, as vscode://file/{{path}}:{{line}}."
        )
    return pattern


def _number(least: float, whole: bool = False) -> Callable[[object], Any]:
    kind = "a whole number" if whole else "a number"

    def parse(value: object) -> float:
        good = isinstance(value, int) if whole else isinstance(value, int | float)
        if isinstance(value, bool) or not good or value < least:  # type: ignore[operator]
            raise SettingsError(f"is {value!r}; it takes {kind} from {least:g} up.")
        return value if whole else float(value)  # type: ignore[arg-type, return-value]

    return parse


def _keep(value: object) -> Keep:
    if isinstance(value, list | tuple) and len(value) == 2:
        value = dict(zip(Keep._fields, value, strict=True))
    if not isinstance(value, Mapping) or not set(value) <= set(Keep._fields):
        raise SettingsError(f'is {value!r}; it takes {{"age_s": seconds, "bytes": size}}, None for no limit.')
    limits = {key: None if limit is None else _number(1, whole=key == "bytes")(limit) for key, limit in value.items()}
    return KEEP._replace(**limits)


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise SettingsError(f"is {value!r}; it takes the share of traces to keep, above 0 and up to 1, as 0.1.")
    return float(value)


def _names(example: str) -> Callable[[object], tuple[str, ...]]:
    def parse(value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple | set | frozenset):
            raise SettingsError(f"is {value!r}; it takes a list of names, as [{example!r}].")
        wrong = next((name for name in value if not isinstance(name, str) or not name.strip()), None)
        if wrong is not None or None in value:
            raise SettingsError(f"holds {wrong!r}; it takes a list of names, as [{example!r}].")
        return tuple(value)

    return parse


def _capture(value: object) -> tuple[str, ...]:
    from signalgraph.recorder.capture import parse  # imports what is recorded: not for those who only read settings

    return _checked(_names("instance.status")(value), lambda names: [parse(name) for name in names])


def _redact(value: object) -> tuple[str, ...]:
    return _checked(_names("*token*")(value), Redaction)


def _accept(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise SettingsError(
            f'is {value!r}; it takes a reason for each finding, as {{"SG105": "No fixtures are used."}}.'
        )
    for entry, reason in value.items():
        if not isinstance(entry, str) or not ACCEPTABLE.fullmatch(entry):
            raise SettingsError(f"holds {entry!r}; a finding is accepted by its rule, SG105, or by rule and subject.")
        if not isinstance(reason, str) or not reason.strip():
            raise SettingsError(f"accepts {entry!r} without a reason; write why it is right here.")
    return dict(value)


def _checked(names: tuple[str, ...], check: Callable[[tuple[str, ...]], object]) -> tuple[str, ...]:
    try:
        check(names)
    except ValueError as error:
        raise SettingsError(f"can't be used: {error}.") from error
    return names


_PARSERS: dict[str, Callable[[object], Any]] = {
    "record": _record,
    "log": _log,
    "access": _text,
    "slow_ms": _number(0),
    "keep": _keep,
    "traces": _number(1, whole=True),
    "editor": _editor,
    "ring": _number(1, whole=True),
    "sample": _share,
    "ignore": _names("django.db.models.signals.*"),
    "capture": _capture,
    "redact": _redact,
    "accept": _accept,
}


def _access_problems(path: str | None) -> list[Problem]:
    if path is None:
        return []
    hint = "Give the dotted path of a function access(request) -> bool. Until then nobody is let in."
    try:
        found = import_string(path)
    except Exception as error:  # noqa: BLE001 - the project's module may fail in any way while it is imported
        return [Problem("signalgraph.E004", f'SIGNALGRAPH["ACCESS"] {path!r} can\'t be imported: {error}', hint)]
    if not callable(found):
        return [Problem("signalgraph.E004", f'SIGNALGRAPH["ACCESS"] {path!r} is not callable.', hint)]
    return []


def resolve_log_url(settings: Settings) -> str:
    """The URL to open: the given one, else the SQLite file in the project, never below the working directory.

    Raises `SettingsError` for a scheme that is no log's, for a relative path, and where nothing says where the project
    is.
    """
    if settings.log is None:
        return f"sqlite://{project_folder() / DEFAULT_LOG}"
    url = _log(settings.log) or ""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        path = Path(rest.removeprefix("//"))
        return f"sqlite://{path if path.is_absolute() else project_folder() / path}"
    return url


def project_folder() -> Path:
    """`BASE_DIR`, else the parent of the settings module's top package."""
    base = getattr(django_settings, "BASE_DIR", None)
    if base and Path(base).is_absolute():
        return Path(base)
    module = sys.modules.get(os.environ.get("DJANGO_SETTINGS_MODULE", "").partition(".")[0])
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    for place in filter(None, places):
        folder = Path(place).absolute()
        return folder.parent.parent if folder.name == "__init__.py" else folder.parent
    raise SettingsError(
        'SIGNALGRAPH["LOG"] is not set and neither BASE_DIR nor a settings module says where the project is; '
        "set it, as sqlite:///path/to/log.sqlite3."
    )


def should_record(argv: Sequence[str], environ: Mapping[str, str], debug: bool) -> bool:
    """Whether this process records. `"always"` and `"watched"` do, `"off"` doesn't, `"auto"` does in DEBUG.

    Not even in DEBUG: under `manage.py test` and pytest, in the reloader's parent, in tools that only read the code,
    and for commands that touch no data.
    """
    mode = get_settings().record
    return mode in ("always", "watched") or (mode == "auto" and debug and not _is_left_out(argv, environ))


def _is_left_out(argv: Sequence[str], environ: Mapping[str, str]) -> bool:
    program = Path(argv[0]) if argv else Path()
    if "PYTEST_VERSION" in environ or not READERS.isdisjoint((program.name, program.parent.name)):
        return True
    command = next(iter(argv[1:]), "")
    if command in ("runserver", "runserver_plus") and "--noreload" not in argv:
        return "true" not in (environ.get("RUN_MAIN"), environ.get("WERKZEUG_RUN_MAIN"))
    return command in UNRECORDED_COMMANDS or command in ("-h", "--help", "--version")
