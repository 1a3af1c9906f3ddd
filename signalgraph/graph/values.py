"""The values of a term: how they are read, and what is wrong with them."""

from __future__ import annotations

import re

from signalgraph.graph.errors import QueryError, guess
from signalgraph.graph.fields import Field
from signalgraph.graph.quantities import Kind, Range, read_quantity
from signalgraph.graph.regex import RegexError
from signalgraph.graph.terms import Value

EXAMPLES: dict[Kind, str] = {
    "number": "a number, as 3",
    "duration": "a duration, as 250us, 5ms or 1.5s",
    "share": "a share, as 5%",
    "time": "a time, as 14:47, 2026-11-21, 2026-11-21T14:47 or -5m",
}
IN_PERCENT = frozenset({"dur", "self"})  # what takes a share of the time of a trace

_HOPS_AFTER = re.compile(r"\+[0-9]*$", re.ASCII)
_HOPS_BEFORE = re.compile(r"[0-9]*\+", re.ASCII)
_QUOTED = re.compile(r'"((?:\\["\\]|[^"])*)"', re.DOTALL)
_REGEX = re.compile(r"/((?:\\.|[^/\\])*)/", re.DOTALL)
_NAMES_ERROR = re.compile(r"[^\W\d]|\*|/")


class Scanner:
    """A text, and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip_space(self) -> bool:
        """Whether anything is left after it."""
        while self.peek().isspace():
            self.at += 1
        return self.at < len(self.text)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, character: str) -> bool:
        if self.peek() != character:
            return False
        self.at += 1
        return True


def read_value(scanner: Scanner, field: Field | None, operator: str) -> Value | Range:
    """The next value of a term. Raises `QueryError`."""
    start = scanner.at
    if field and field.measures and not (field.has_names and not operator and _names_error(scanner)):
        return _read_range(_bare(scanner, field), field, field.measures, start)
    value = _read_name(scanner, field)
    if field is not None and field.has_names and value.kind == "text" and value.content[0].isdigit():
        raise QueryError(f"{value.content!r} isn't the name of an error.", start, scanner.at - start)
    if field is not None and field.choices:
        return _choose(field, value, start, scanner.at - start)
    return value


def _names_error(scanner: Scanner) -> bool:
    return scanner.peek() == '"' or _NAMES_ERROR.match(scanner.text, scanner.at) is not None


def _read_name(scanner: Scanner, field: Field | None) -> Value:
    if scanner.peek() == '"':
        return _quoted(scanner)
    # In a path slashes are slashes: `path:/orders/` is what people paste.
    if scanner.peek() == "/" and (field is None or field.name != "path"):
        return _regex(scanner)
    start = scanner.at
    bare = _bare(scanner, field)
    if bare[0] in "<>=!":
        _refuse_operator(bare, field, start)
    if field is not None and ".." in bare:
        message = f"{field.name}: has no ranges; only numbers and times have. To find two dots, use quotes."
        raise QueryError(message, start, len(bare), Value(bare).text)
    return Value(bare, "glob" if "*" in bare else "text")


def _quoted(scanner: Scanner) -> Value:
    start, match = scanner.at, _QUOTED.match(scanner.text, scanner.at)
    if match is None:
        raise QueryError("The closing quote is missing.", start, len(scanner.text) - start)
    scanner.at = match.end()
    if not match[1]:
        raise QueryError("A value is missing between the quotes.", start, 2)
    return Value(re.sub(r'\\(["\\])', r"\1", match[1]))


def _regex(scanner: Scanner) -> Value:
    start, match = scanner.at, _REGEX.match(scanner.text, scanner.at)
    if match is None:
        message = "The closing / of the regular expression is missing; to find a slash, use quotes."
        raise QueryError(message, start, len(scanner.text) - start)
    scanner.at = match.end()
    if not match[1]:
        raise QueryError("A regular expression is missing between the slashes.", start, 2)
    if scanner.peek() not in {"", ",", ")", "+"} and not scanner.peek().isspace():
        tail = re.compile(r'[^\s",()]*').match(scanner.text, start)
        quoted = Value(tail[0]).text if tail else None
        message = f"A regular expression ends with its second slash; to find slashes, use quotes: {quoted}."
        raise QueryError(message, start, scanner.at - start + 1, quoted)
    value = Value(match[1], "regex")
    try:
        _ = value.regex
    except RegexError as error:
        raise QueryError(error.message, start + 1 + error.position, error.length) from error
    return value


def _bare(scanner: Scanner, field: Field | None) -> str:
    """Text up to a space, a comma, a parenthesis that it didn't open, or hops; never empty."""
    start = scanner.at
    opened: list[int] = []
    while scanner.peek() and scanner.peek() not in {'"', ","} and not scanner.peek().isspace():
        if scanner.peek() == ")" and not opened:
            break
        if scanner.peek() == "(":
            opened.append(scanner.at)
        elif scanner.peek() == ")":
            opened.pop()
        scanner.at += 1
    if opened:
        message = "This parenthesis isn't closed; put a space before a group, or the text in quotes."
        raise QueryError(message, opened[-1], 1)
    bare = scanner.text[start : scanner.at]
    hops = _HOPS_AFTER.search(bare)
    if hops:
        bare = bare[: hops.start()]
        scanner.at = start + len(bare)
    _check_bare(scanner, bare, field, start)
    return bare


def _check_bare(scanner: Scanner, bare: str, field: Field | None, start: int) -> None:
    if not bare:
        message = f"{field.name}: needs a value here." if field else "A term or a value is missing here."
        raise QueryError(message, min(start, max(0, len(scanner.text) - 1)), 1)
    if bare[0] == "(":
        message = "Parentheses go around whole terms, as in (signal:a or signal:b); for one field: signal:a,b."
        raise QueryError(message, start, 1)
    if _HOPS_BEFORE.match(bare) or bare[-1] == "+":
        quoted = Value(bare).text
        message = f"Hops stand before or after a whole term, as in 2+signal:a; to find this text, use quotes: {quoted}."
        raise QueryError(message, start, len(bare), quoted)


def _refuse_operator(bare: str, field: Field | None, start: int) -> None:
    found = re.match(r"[<>=!]+", bare)
    operator = found[0] if found else ""
    rest = bare[len(operator) :]
    if field is not None and rest and operator in {"=", "!="}:
        suggestion = f"{'-' if operator == '!=' else ''}{field.name}:{rest}"
        message = f"Names aren't compared; write {suggestion}."
        raise QueryError(message, start - len(field.name) - 1, len(bare) + len(field.name) + 1, suggestion)
    quoted = Value(bare).text
    message = f"Only numbers and times are compared, as in dur:>5ms; to find this text, use quotes: {quoted}."
    raise QueryError(message, start, len(bare), quoted)


def _choose(field: Field, value: Value, start: int, length: int) -> Value:
    name = value.content.lower().replace(" ", "-")
    if field.name != "method":
        name = name.replace("_", "-")
    if name in field.choices and value.kind == "text":
        return Value(name)
    meant = guess(name, field.choices)
    hint = f"Did you mean {meant}? " if meant else ""
    message = f"{field.name}: can't be {value.content!r}. {hint}Use one of: {', '.join(field.choices)}."
    raise QueryError(message, start, length, meant)


def _read_range(bare: str, field: Field, kind: Kind, start: int) -> Range:
    first, dots, last = bare.partition("..")
    low, high = read_quantity(first, kind), read_quantity(last, kind) if dots else None
    for text, found, at in ((first, low, start), (last, high, start + len(first) + 2 * bool(last))):
        if found is None and (dots or text):
            _refuse_quantity(text, field, kind, at)
        elif found is not None and found.kind == "share" and field.name not in IN_PERCENT:
            message = f"{field.name}: takes no share; dur: and self: do, of the time of a trace."
            raise QueryError(message, at, len(text))
    if low is None:
        raise QueryError(f"{bare!r} isn't {EXAMPLES[kind]}.", start, len(bare))
    if high is not None and low.kind != high.kind:
        raise QueryError("Both ends of a range have the same kind of unit.", start, len(bare))
    return Range(low, high)


def _refuse_quantity(text: str, field: Field, kind: Kind, at: int) -> None:
    names = ", or the name of an error" if field.has_names else ""
    message = f"{text!r} isn't {EXAMPLES[kind]}{names}."
    if not text:
        message = f"A range needs both ends; {field.name}:>= and {field.name}:<= leave one open."
    raise QueryError(message, at, len(text) or 2)
