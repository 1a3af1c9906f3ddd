"""Patterns of regular expressions: how they are read, and what is wrong with them and where."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MOST_NESTED = 30

_COUNTED = re.compile(r"\{([0-9]{0,4})(,?)([0-9]{0,4})\}", re.ASCII)
_SIMPLE = {"*": (0, None), "+": (1, None), "?": (0, 1)}

Test = Callable[[str], bool]


class RegexError(ValueError):
    """A pattern that can't be used: what is wrong, and where (`position` from 0, `length` in characters)."""

    def __init__(self, message: str, position: int, length: int = 1) -> None:
        super().__init__(message)
        self.message, self.position, self.length = message, position, length


@dataclass(frozen=True)
class One:
    """One character that passes the test."""

    test: Test


@dataclass(frozen=True)
class Edge:
    """A place between two characters: `^`, `$`, or the begin or end of a word (`b`)."""

    kind: str


@dataclass(frozen=True)
class Row:
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Choice:
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Repeat:
    part: Part
    least: int
    most: int | None


Part = One | Edge | Row | Choice | Repeat


def read_pattern(pattern: str) -> Part:
    """What a pattern says. Raises `RegexError` for what isn't understood."""
    return _Reader(pattern).read()


def is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


_CLASSES: dict[str, Test] = {"d": str.isdecimal, "w": is_word, "s": str.isspace}


def _class(letter: str) -> Test:
    test = _CLASSES[letter.lower()]
    return test if letter.islower() else lambda character: not test(character)


def _is_between(first: str, last: str) -> Test:
    """In whatever case: the text that is searched has none."""
    return lambda character: any(first <= each <= last for each in (character, character.upper()))


class _Reader:
    """Reads a pattern; `at` is the next character."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.nested = 0

    def read(self) -> Part:
        part = self._choice()
        if self.at < len(self.pattern):
            raise RegexError(r"This parenthesis closes nothing; \) finds one.", self.at)
        return part

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _take(self, text: str) -> bool:
        if not self.pattern.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def _choice(self) -> Part:
        rows = [self._row()]
        while self._take("|"):
            rows.append(self._row())
        return rows[0] if len(rows) == 1 else Choice(tuple(rows))

    def _row(self) -> Part:
        parts: list[Part] = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._repeated())
        return Row(tuple(parts))

    def _repeated(self) -> Part:
        start = self.at
        part = self._atom()
        bounds = self._bounds()
        if bounds is None:
            return part
        if isinstance(part, Edge):
            raise RegexError("A place between characters can't be repeated.", start, self.at - start)
        self._take("?")  # as few as possible or as many: what is found is the same
        again = self.at
        if self._peek() == "+" or self._bounds() is not None:
            raise RegexError("Only one of * + ? {} may follow.", again, max(self.at - again, 1))
        return Repeat(part, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        if self._peek() in _SIMPLE:
            self.at += 1
            return _SIMPLE[self.pattern[self.at - 1]]
        match = _COUNTED.match(self.pattern, self.at)
        if match is None or match[0] in ("{}", "{,}"):
            return None
        least = int(match[1] or 0)
        most = (int(match[3]) if match[3] else None) if match[2] else least
        if most is not None and most < least:
            raise RegexError("The smaller number comes first.", self.at, len(match[0]))
        self.at = match.end()
        return least, most

    def _atom(self) -> Part:
        start, character = self.at, self._peek()
        self.at += 1
        if character == "(":
            return self._group(start)
        if character == "[":
            return One(self._set(start))
        if character == "\\":
            return self._escaped(start)
        if character == ".":
            return One(lambda each: True)
        if character in "^$":
            return Edge(character)
        if character in _SIMPLE:
            raise RegexError(f"There is nothing that {character} could repeat; \\{character} finds one.", start)
        return _literal(character)

    def _group(self, start: int) -> Part:
        self.nested += 1
        if self.nested > MOST_NESTED:
            raise RegexError(f"Groups may be nested {MOST_NESTED} deep.", start)
        if self._peek() == "?" and not self._take("?:"):
            message = "(?...) isn't understood here: a search that never hangs can't look ahead or behind."
            raise RegexError(message, start, 2)
        part = self._choice()
        if not self._take(")"):
            raise RegexError(r"This group isn't closed; \( finds a parenthesis.", start)
        self.nested -= 1
        return part

    def _escaped(self, start: int) -> Part:
        letter = self._peek()
        self.at += 1
        if letter and letter in "dwsDWS":
            return One(_class(letter))
        if letter and letter in "bB":
            return Edge(letter)
        return _literal(self._plain(letter, start))

    def _plain(self, letter: str, start: int) -> str:
        if not letter or letter.isalnum():
            message = f"\\{letter} isn't understood here; use \\d \\w \\s \\b, or \\\\ to find a backslash."
            raise RegexError(message, start, 1 + len(letter))
        return letter

    def _set(self, start: int) -> Test:
        is_negated = self._take("^")
        tests: list[Test] = []
        while not tests or self._peek() != "]":
            if not self._peek():
                raise RegexError(r"This set isn't closed; \[ finds a bracket.", start)
            tests.append(self._member())
        self.at += 1
        return lambda character: any(test(character) for test in tests) != is_negated

    def _member(self) -> Test:
        start, first = self.at, self._peek()
        self.at += 1
        if first == "\\":
            letter = self._peek()
            self.at += 1
            if letter and letter in "dwsDWS":
                return _class(letter)
            first = self._plain(letter, start)
        if self._peek() != "-" or self.pattern[self.at + 1 : self.at + 2] in {"]", ""}:
            return _is_between(first, first)
        self.at += 1
        last, at = self._peek(), self.at
        self.at += 1
        if last == "\\":
            last = self._plain(self._peek(), at)
            self.at += 1
        if last < first:
            raise RegexError("The smaller character comes first.", start, self.at - start)
        return _is_between(first, last)


def _literal(character: str) -> Part:
    parts = tuple(One(each.__eq__) for each in character.casefold())
    return parts[0] if len(parts) == 1 else Row(parts)
