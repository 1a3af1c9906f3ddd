"""The terms of a filter: how they are read, what is wrong with them and where, and how they are written again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from signalgraph.events import METHODS, STATUSES

FIELDS = (
    "signal", "sender", "receiver", "app", "module", "kind", "trace",
    "method", "status", "dur", "path", "process", "is",
)  # fmt: skip
FIELDS_TO_COME = frozenset(["self", "depth", "count", "rate", "p95", "err", "sql", "sql.dup", "finding", "uid", "ts"])
STATES = (
    *("error", "slow", "async", "weak", "orphan", "unused", "called", "any", "third-party", "muted"),
    *("running", "rolled-back", "after-commit", "repeats", "bypass"),
)
STATES_TO_COME = frozenset({"cycle"})
CHOICES = {
    "is": STATES,
    "method": METHODS,
    "status": tuple(status.replace(" ", "-") for status in STATUSES),
}
UNITS_US = {"us": 1.0, "ms": 1_000.0, "s": 1_000_000.0}
MOST_CHARACTERS = 4_000

_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(us|ms|s)?", re.ASCII)
_OPERATOR = re.compile(r">=|<=|!=|>|<|=")
_HOPS = re.compile(r"[0-9]*\+.*|.*\+[0-9]*", re.DOTALL)
_KEYWORDS = frozenset({"and", "or", "not"})


class QueryError(ValueError):
    """A filter that can't be read: what is wrong, and where (`position` from 0, `length` in characters).

    `suggestion` is what to put in the place of the spot, where there is a good guess.
    """

    def __init__(self, message: str, position: int = 0, length: int = 0, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message, self.position, self.length, self.suggestion = message, position, length, suggestion


@dataclass(frozen=True)
class Value:
    """A value; in a glob `*` stands for any text. What was in quotes is never a glob."""

    content: str
    is_glob: bool = False

    @property
    def text(self) -> str:
        """The value as it is written in a filter."""
        if self.is_glob:
            return self.content
        if re.fullmatch(r"[^\W\d][\w.~@-]*|[0-9][\w.]*", self.content) and self.content.lower() not in _KEYWORDS:
            return self.content
        escaped = self.content.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    @cached_property
    def _parts(self) -> list[str]:
        return self.content.casefold().split("*") if self.is_glob else [self.content.casefold()]

    def equals(self, text: str) -> bool:
        """Whether it is this text (casefolded), in time linear in its length whatever the glob."""
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

    def is_in(self, text: str) -> bool:
        """Whether the text (casefolded) contains it; a glob has to match the whole."""
        return self.equals(text) if self.is_glob else self._parts[0] in text


@dataclass(frozen=True)
class Term:
    """One condition: `field` is None for a word; one of the `values` has to fit. `operator` is for `dur` alone."""

    field: str | None
    values: tuple[Value, ...]
    operator: str = ""
    is_negated: bool = False

    @property
    def text(self) -> str:
        field = f"{self.field}:" if self.field else ""
        return f"{'-' * self.is_negated}{field}{self.operator}{','.join(value.text for value in self.values)}"

    @cached_property
    def limit_us(self) -> float:
        """What a duration is compared with; milliseconds are meant where no unit is given."""
        match = _DURATION.fullmatch(self.values[0].content)
        return float(match[1]) * UNITS_US[match[2] or "ms"] if match else 0.0


def read_terms(text: str) -> list[Term]:
    """The terms of a filter, all of which have to hold. Raises `QueryError` for anything else."""
    if len(text) > MOST_CHARACTERS:
        message = f"The filter has {len(text)} characters; it may have {MOST_CHARACTERS}."
        raise QueryError(message, MOST_CHARACTERS, len(text) - MOST_CHARACTERS)
    return list(_Reader(text).terms())


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def terms(self) -> Iterator[Term]:
        joined: tuple[int, int] | None = (0, 0)  # where an `and` waits for its right side; at first nothing may
        while self._skip_space():
            start, word = self.at, self._keyword()
            if word == "and":
                if joined is not None:
                    raise QueryError("`and` stands between two terms.", start, 3)
                joined = (start, 3)
                continue
            joined = None
            yield self._negatable(start, word)
        if joined is not None and joined[1]:
            raise QueryError("`and` needs a term after it.", *joined)

    def _negatable(self, start: int, word: str | None) -> Term:
        if word == "or":
            message = "`or` is not supported yet: all terms have to hold. Use a list for one field, as in signal:a,b."
            raise QueryError(message, start, 2)
        sign = word or ("-" if self._take("-") else "")
        if sign == "not":
            self._skip_space()
        again = self.at
        if sign and (self._peek() in {"-", ""} or self._peek().isspace() or self._keyword()):
            raise QueryError(
                f"`{sign}` needs one term after it.", start, max(len(sign), self.at - start, again - start)
            )
        return self._term(is_negated=bool(sign))

    def _term(self, *, is_negated: bool) -> Term:
        start = self.at
        if self._peek() in {"(", ")"}:
            raise _no_parentheses(start)
        field = self._field()
        operator = _OPERATOR.match(self.text, self.at) if field == "dur" else None
        if operator:
            self.at = operator.end()
        values = [self._value(field)]
        while self._take(","):
            values.append(self._value(field))
        if field == "dur":
            self._check_duration(start, operator is not None, len(values))
        return Term(field, tuple(values), operator[0] if operator else "", is_negated)

    def _field(self) -> str | None:
        match = re.compile(r'[^\s":,()]*:').match(self.text, self.at)
        if match is None:
            return None
        start, name = self.at, match[0][:-1].lower()
        if name not in FIELDS:
            self._refuse_field(start, name)
        self.at = match.end()
        return name

    def _refuse_field(self, start: int, name: str) -> None:
        if name in FIELDS_TO_COME:
            raise QueryError(f"{name}: is not supported yet; fields are {', '.join(FIELDS)}.", start, len(name))
        if not name:
            raise QueryError("A field's name is missing before `:`; to find a colon, use quotes.", start, 1)
        guess = _guess(name, FIELDS)
        hint = f"Did you mean {guess}? " if guess else ""
        message = f"There is no field {name!r}. {hint}Fields are {', '.join(FIELDS)}; to find a colon, use quotes."
        raise QueryError(message, start, len(name), guess)

    def _value(self, field: str | None) -> Value:
        start = self.at
        value = self._quoted() if self._peek() == '"' else self._bare(field)
        if self._peek() and self._peek() != "," and not self._peek().isspace():
            raise QueryError("Put a space or a comma after a quoted value.", self.at, 1)
        if field in CHOICES:
            return self._choice(field, value, start)
        return value

    def _quoted(self) -> Value:
        match = re.compile(r'"((?:\\["\\]|[^"])*)"', re.DOTALL).match(self.text, self.at)
        if match is None:
            raise QueryError("The closing quote is missing.", self.at, len(self.text) - self.at)
        start, self.at = self.at, match.end()
        if not match[1]:
            raise QueryError("A value is missing between the quotes.", start, 2)
        return Value(re.sub(r'\\(["\\])', r"\1", match[1]))

    def _bare(self, field: str | None) -> Value:
        start = self.at
        while self._peek() and self._peek() not in {'"', ","} and not self._peek().isspace():
            self.at += 1
        bare = self.text[start : self.at]
        if not bare:
            name = f"{field}:" if field else "A list"
            raise QueryError(f"{name} needs a value here.", min(start, max(0, len(self.text) - 1)), 1)
        _check_bare(bare, field, start)
        return Value(bare, "*" in bare)

    def _choice(self, field: str, value: Value, start: int) -> Value:
        name = value.content.lower().replace(" ", "-").replace("_", "-" if field != "method" else "_")
        choices = CHOICES[field]
        if name in choices:
            return Value(name)
        if field == "is" and name in STATES_TO_COME:
            message = f"is:{name} is not supported yet; use one of: {', '.join(choices)}."
            raise QueryError(message, start, self.at - start)
        guess = _guess(name, choices)
        hint = f"Did you mean {guess}? " if guess else ""
        message = f"{field}: can't be {value.content!r}. {hint}Use one of: {', '.join(choices)}."
        raise QueryError(message, start, self.at - start, guess)

    def _check_duration(self, start: int, has_operator: bool, count: int) -> None:
        written = self.text[start : self.at]
        value = written.partition(":")[2].lstrip("<>=!")
        if count > 1:
            raise QueryError("dur: takes one value; write two terms for a range.", start, self.at - start)
        if not _DURATION.fullmatch(value):
            at = self.at - len(value)
            raise QueryError(f"{value!r} isn't a duration; write 250us, 5ms or 1.5s.", at, len(value))
        if not has_operator:
            message = f"dur: needs a comparison: > >= < <= = or !=, as in dur:>{value}."
            raise QueryError(message, start, self.at - start, f"dur:>{value}")

    def _keyword(self) -> str | None:
        """Consume `and`, `or` or `not`, where it stands alone."""
        match = re.compile(r"(and|or|not)(?=\s|$)", re.IGNORECASE).match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[1].lower()

    def _skip_space(self) -> bool:
        while self._peek().isspace():
            self.at += 1
        return self.at < len(self.text)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self, character: str) -> bool:
        if self._peek() != character:
            return False
        self.at += 1
        return True


def _check_bare(bare: str, field: str | None, start: int) -> None:
    """Refuse what is to have a meaning later, so that no filter changes its meaning with a release."""
    quoted = Value(bare).text
    if not _is_balanced(bare) or bare[0] in "()":
        raise _no_parentheses(start + next((n for n, each in enumerate(bare) if each in "()"), 0))
    if field == "dur":
        return
    if bare[0] in "<>=!":
        message = f"Only dur: can be compared; to find this text, use quotes: {quoted}."
        raise QueryError(message, start, len(bare), quoted)
    if _HOPS.fullmatch(bare):
        message = f"Hops (+) are not supported yet; to find this text, use quotes: {quoted}."
        raise QueryError(message, start, len(bare), quoted)
    if field != "path" and len(bare) > 2 and bare[0] == bare[-1] == "/":
        message = (
            f"Regular expressions are not supported yet; use * for any text, or quotes to find this one: {quoted}."
        )
        raise QueryError(message, start, len(bare), quoted)


def _is_balanced(text: str) -> bool:
    depth = 0
    for each in text:
        depth += (each == "(") - (each == ")")
        if depth < 0:
            return False
    return depth == 0


def _no_parentheses(position: int) -> QueryError:
    return QueryError("Parentheses are not supported yet: all terms have to hold.", position, 1)


def _guess(name: str, choices: tuple[str, ...]) -> str | None:
    return next(iter(get_close_matches(name, choices, n=1, cutoff=0.5)), None)
