"""Stable ids and labels of signals, senders and receivers.

A bare name is what people read (`shop.signals.order_placed`, `shop.Order`, `"text"`, `shop.receivers.send_receipt`);
an id is a bare name with its kind in front. `|` separates the parts of a connection's id, so no name holds one.
"""

from __future__ import annotations

import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable

from django.apps import apps
from django.conf import settings

from signalgraph.descriptions import (
    NO_SENDER,
    UNKNOWN_SENDER,
    ReceiverName,
    describe_receiver,
    describe_sender,
    escape,
    quote_text,
)
from signalgraph.events import ANY_SENDER, ConnectionInfo

__all__ = [
    "NO_SENDER",
    "UNKNOWN_SENDER",
    "ReceiverName",
    "app_of",
    "connection_id",
    "describe_receiver",
    "describe_sender",
    "distinct_labels",
    "escape",
    "is_installed",
    "is_plumbing",
    "is_plumbing_signal",
    "is_third_party",
    "parse_connection_id",
    "quote_text",
    "receiver_id",
    "relative_path",
    "sender_id",
    "short",
    "signal_id",
]

_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\]")
_SUFFIX = re.compile(r"[~@].*$", re.DOTALL)
_PLUMBING_SIGNALS = {"setting_changed", "autoreload_started", "file_changed"}


def signal_id(name: str) -> str:
    return f"signal:{name}"


def sender_id(name: str) -> str:
    return f"sender:{name}"


def receiver_id(name: str) -> str:
    return f"receiver:{name}"


def connection_id(sender: str, signal: str, receiver: str) -> str:
    """The id of a connection; `sender` is `*` where it is for any sender."""
    return f"connection:{sender}|{signal}|{receiver}"


def parse_connection_id(text: str) -> tuple[str, str, str]:
    """The sender, signal and receiver of a connection's id.

    Raises `ValueError` for anything else.

    >>> parse_connection_id("connection:shop.Order|django.db.models.signals.post_save|shop.receivers.send_receipt")
    ('shop.Order', 'django.db.models.signals.post_save', 'shop.receivers.send_receipt')
    """
    kind, _, rest = text.partition(":")
    parts = rest.split("|")
    if kind != "connection" or len(parts) != 3 or not all(parts):
        raise ValueError(f"{text!r} is no connection; one looks like connection:<sender>|<signal>|<receiver>.")
    return parts[0], parts[1], parts[2]


def relative_path(file: str) -> str:
    """A path for people: below the longest of `sys.path`, `site-packages` and `BASE_DIR`; never the working directory.

    A path below none of them (of another machine, say) is shortened after `site-packages`, else it stays.
    """
    roots = [entry for entry in sys.path if type(entry) is str and os.path.isabs(entry)]
    base = getattr(settings, "BASE_DIR", None) if settings.configured else None
    if base:
        roots.append(os.fspath(base))
    below = [root.rstrip(os.sep) for root in roots if file.startswith(root.rstrip(os.sep) + os.sep)]
    if below:
        return file[len(max(below, key=len)) + 1 :]
    return _INSTALLED.split(file)[-1]


def short(name: str) -> str:
    """The last part of a name, with the part before it where one alone says too little.

    >>> short("shop.receivers.send_receipt"), short("shop.Order"), short("shop.audit.Ledger.note")
    ('send_receipt', 'shop.Order', 'Ledger.note')
    """
    return _shortened(name, 0)


def distinct_labels(names: Iterable[str]) -> dict[str, str]:
    """Short labels, where those that would read the same get just enough of their path to differ.

    >>> distinct_labels(["shop.signals.placed", "bar.signals.placed"])
    {'shop.signals.placed': 'shop.signals.placed', 'bar.signals.placed': 'bar.signals.placed'}
    """
    labels = {name: short(name) for name in names}
    for extra in range(1, 12):
        taken = defaultdict(list)
        for name, label in labels.items():
            taken[label].append(name)
        clashing = [name for same in taken.values() if len(same) > 1 for name in same]
        if not clashing:
            break
        labels.update((name, _shortened(name, extra)) for name in clashing)
    return {name: "any sender" if name == ANY_SENDER else label for name, label in labels.items()}


def _shortened(name: str, extra: int) -> str:
    """The short label with `extra` more parts of the path."""
    if name == ANY_SENDER:
        return "any sender"
    if name.startswith(('"', "unnamed @ ")):
        return name
    if name.startswith("partial("):
        end = name.rindex(")") if ")" in name else len(name)
        return f"partial({_shortened(name[8:end], extra)}{name[end:]}"
    suffix = _SUFFIX.search(name)
    path = name[: suffix.start()] if suffix else name
    parts = path.split(".")
    kept = parts[-_own_parts(parts) - extra :]
    return ".".join(kept) + (suffix[0] if suffix else "")


def _own_parts(parts: list[str]) -> int:
    """How many parts say what it is: a model needs its app, a method its class."""
    if len(parts) > 1 and (parts[-2][:1].isupper() or (len(parts) == 2 and parts[-1][:1].isupper())):
        return 2
    return 1


def app_of(name: str) -> str:
    """The app of a name: `django` for all that is Django's, the label of the installed app that holds the module, else
    the first part; empty for what belongs to no app (a text sender, any sender).

    >>> app_of("django.db.models.signals.post_save"), app_of("shop.Order"), app_of("*")
    ('django', 'shop', '')
    """
    path = name.removeprefix("partial(").removeprefix("unnamed @ ").replace("/", ".")
    first = re.split(r"[.\s(]", path, maxsplit=1)[0]
    if name.startswith('"') or name in (ANY_SENDER, NO_SENDER, UNKNOWN_SENDER):
        return ""
    if first == "django":
        return first
    within = [app for app in _app_modules() if path == app or path.startswith(app + ".")]
    deepest = max(within, key=len, default="")
    if first in _app_labels() and "." not in deepest:  # an app may live inside one whose label is its package's name
        return first
    return _app_modules()[deepest] if deepest else first


def _app_modules() -> dict[str, str]:
    return {config.name: config.label for config in apps.app_configs.copy().values()}


def _app_labels() -> set[str]:
    return set(apps.app_configs)


def is_plumbing_signal(name: str) -> bool:
    """Whether a signal is about reloading: changed settings in tests, changed files in the development server."""
    package, _, signal = name.rpartition(".")
    return package.startswith("django.") and signal in _PLUMBING_SIGNALS


def is_plumbing(connection: ConnectionInfo) -> bool:
    """Whether a connection is the framework's own machinery, which pages and lists leave out unless asked.

    That is every receiver in `django.` but those of `django.contrib` (they do a project's work: permissions, last
    login), and what installed packages hang on `setting_changed` and on the autoreloader.
    """
    module = connection.receiver.removeprefix("partial(")
    about_reloading = is_plumbing_signal(connection.signal)
    if module.startswith("django."):
        return about_reloading or not module.startswith("django.contrib.")
    return about_reloading and is_third_party(connection)


def is_third_party(connection: ConnectionInfo) -> bool:
    """Whether the receiver is defined in an installed package."""
    return is_installed(connection.file or "")


def is_installed(path: str) -> bool:
    """Whether a file is that of an installed package."""
    return bool(_INSTALLED.search(path))
