"""Why a signal is only counted: a viewer's mute, or the setting `IGNORE`."""

from __future__ import annotations

from fnmatch import fnmatchcase

from signalgraph.conf import get_settings
from signalgraph.log.base import Control

MUTED, IGNORED = "muted", "IGNORE"


def silence_of(signal: str, control: Control) -> str:
    """`MUTED`, `IGNORED` by the settings of this process, or "" for a signal that is recorded."""
    if signal in control.muted:
        return MUTED
    return IGNORED if any(fnmatchcase(signal, pattern) for pattern in get_settings().ignore) else ""
