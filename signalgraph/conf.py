"""The `SIGNALGRAPH` setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class SettingsError(Exception):
    """A setting can't be used; the message says which, why and what to do."""


class Keep(NamedTuple):
    age_s: float | None
    bytes: int | None


@dataclass(frozen=True)
class Settings:
    record: str = "auto"
    log: str | None = None
    access: str | None = None
    ignore: tuple[str, ...] = ()
    sample: float = 1.0
    slow_ms: float = 100.0
    capture: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()
    keep: Keep = Keep(7 * 24 * 3600.0, 256 * 1024 * 1024)
    traces: int = 2000
    editor: str | None = None
    ring: int = 100_000


class Problem(NamedTuple):
    id: str
    message: str
    hint: str


def get_settings() -> Settings:
    return Settings()


def problems() -> list[Problem]:
    return []


def resolve_log_url(settings: Settings) -> str:
    return settings.log or "memory://"


def should_record(argv: Sequence[str], environ: Mapping[str, str], debug: bool) -> bool:
    return debug
