"""The terms of a filter: what one asks for, what fits it, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Literal

from signalgraph.graph.fields import FIELDS, STATES, Field, Listed
from signalgraph.graph.quantities import Limits, Range, compare, limits_of
from signalgraph.graph.regex import Regex

KEYWORDS = frozenset({"and", "or", "not"})
MOST_KNOWN = 10_000  # names of which a term remembers whether they fit

_PLAIN = re.compile(r"(?!.*\.\.)(?:[^\W\d][\w.~@-]*|[0-9][\w.]*)")


@dataclass(frozen=True)
class Value:
    """Text to look for. In a "glob" `*` stands for any text; a "regex" is looked for anywhere in a name.

    What was in quotes is "text", whatever is in it.
    """

    content: str
    kind: Literal["text", "glob", "regex"] = "text"

    @property
    def text(self) -> str:
        """The value as it is written in a filter."""
        if self.kind == "glob":
            return self.content
        if self.kind == "regex":
            return f"/{self.content}/"
        if _PLAIN.fullmatch(self.content) and self.content.lower() not in KEYWORDS:
            return self.content
        escaped = self.content.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    @cached_property
    def regex(self) -> Regex:
        """The pattern of a "regex"."""
        return Regex(self.content)

    @cached_property
    def _parts(self) -> list[str]:
        return self.content.casefold().split("*") if self.kind == "glob" else [self.content.casefold()]

    def equals(self, text: str) -> bool:
        """Whether it is this text (casefolded), in time linear in its length whatever the glob or regex."""
        if self.kind == "regex":
            return self.regex.is_in(text)
        first, *rest = self._parts
        if not rest:
            return text == first
        *middle, last = rest
        if not text.startswith(first) or not text.endswith(last):
            return False
        at = len(first)
        for part in middle:
            at = text.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return at <= len(text) - len(last)

    def may_end(self, name: str) -> bool:
        """Whether the name has all parts of it; most names have not, which saves looking at each end."""
        return all(part in name.casefold() for part in self._parts)

    def is_in(self, text: str) -> bool:
        """Whether the text (casefolded) contains it; a glob has to match the whole."""
        return self._parts[0] in text if self.kind == "text" else self.equals(text)


@dataclass(frozen=True)
class Term:
    """One condition: `name` is that of its field, None for a word; one of the `values` has to fit.

    `values` are ranges where a number is compared, by the `operator` if there is one.
    """

    name: str | None
    values: tuple[Value | Range, ...]
    operator: str = ""

    @property
    def text(self) -> str:
        name = f"{self.name}:" if self.name else ""
        return f"{name}{self.operator}{','.join(value.text for value in self.values)}"

    @property
    def field(self) -> Field | None:
        return FIELDS[self.name] if self.name else None

    @cached_property
    def ranges(self) -> tuple[Range, ...]:
        """What a number is compared with; empty where names are asked for."""
        return tuple(value for value in self.values if isinstance(value, Range))

    @cached_property
    def texts(self) -> tuple[Value, ...]:
        """What a name has to fit; empty where numbers are compared."""
        return tuple(value for value in self.values if isinstance(value, Value))

    @cached_property
    def contents(self) -> frozenset[str]:
        """The values as they read without quotes."""
        return frozenset(value.content for value in self.texts)

    @property
    def is_share(self) -> bool:
        """Whether it asks for a share of the time of a trace."""
        return bool(self.ranges) and self.ranges[0].kind == "share"

    @property
    def is_of_trace(self) -> bool:
        """Whether it asks something of a trace as a whole, and not of one of its dispatches."""
        return self.field is None or (self.field.is_whole and not self.is_share and not self._names_errors)

    @property
    def _names_errors(self) -> bool:
        return self.name == "err" and bool(self.texts)

    def applies(self, listed: Listed) -> bool:
        """Whether it has a meaning for what is listed."""
        if self.field is None:
            return True
        if self.name == "is":
            return not self.contents.isdisjoint(STATES[listed])
        if self.is_share:
            return listed == "trace"
        return listed in self.field.listed and (listed in ("dispatch", "trace") or not self._names_errors)

    def fits_number(self, number: float | None, now: Callable[[], datetime]) -> bool:
        """Whether a number is what is asked for; none never is."""
        if number is None:
            return False
        is_time = self.ranges[0].kind == "time"
        return compare(number, self.operator, limits_of(self.ranges, self.operator, now()) if is_time else self._limits)

    @cached_property
    def _limits(self) -> list[Limits]:
        """Those that don't depend on when it is asked."""
        return limits_of(self.ranges, self.operator, datetime.now(UTC))

    def fits_name(self, names: Iterable[str]) -> bool:
        """Whether one of the names of its field is; for a word, whether it is in one of them."""
        return any(self._fits(name) for name in names)

    @cached_property
    def _known(self) -> dict[str, bool]:
        return {}

    def _fits(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            fits = _FITS.get(self.name, _is_name)
            known = self._known[name] = any(fits(value, name) for value in self.texts)
        return known


def _is_name(value: Value, name: str) -> bool:
    if value.kind == "regex":
        return value.equals(name)
    return value.may_end(name) and any(value.equals(spelling) for spelling in _spellings(name))


def _has_word(value: Value, name: str) -> bool:
    return _is_name(value, name) if value.kind == "glob" else value.is_in(name.casefold())


def _is_module(value: Value, name: str) -> bool:
    return any(value.equals(package) for package in _packages(name))


def _is_part(value: Value, name: str) -> bool:
    return value.is_in(name.casefold())


def _is_exactly(value: Value, name: str) -> bool:
    return value.equals(name.casefold())


_FITS: dict[str | None, Callable[[Value, str], bool]] = {
    None: _has_word,
    "module": _is_module,
    "path": _is_part,
    "process": _is_part,
    **dict.fromkeys(("app", "kind", "trace", "method", "status", "uid", "finding"), _is_exactly),
}


@lru_cache(maxsize=10_000)
def _spellings(name: str) -> tuple[str, ...]:
    """What people write for a name: all of it or its end after a dot, with or without `~uid`, `@line` and quotes."""
    name = name.casefold()
    if name.startswith('"'):
        return name, name.strip('"')
    plain = re.sub(r"(~.*|@[0-9]+)$", "", name)
    whole = (name,) if name == plain else (name, plain)
    return tuple(each[at:] for each in whole for at in (0, *(m.end() for m in re.finditer(r"\.", each))))


@lru_cache(maxsize=10_000)
def _packages(receiver: str) -> tuple[str, ...]:
    """The module of a receiver and the packages that it is in (a class that holds it counts as well)."""
    path = receiver.casefold().removeprefix("partial(")
    return tuple(path[: match.start()] for match in re.finditer(r"\.", path))
