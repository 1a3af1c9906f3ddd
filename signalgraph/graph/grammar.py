"""How a filter is read: from text to a tree, or to an error that points at the spot. The grammar is docs/filter.md."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from signalgraph.graph.errors import QueryError, guess
from signalgraph.graph.fields import FIELDS, Field
from signalgraph.graph.quantities import OPERATORS, Range
from signalgraph.graph.regex import MOST_STATES
from signalgraph.graph.terms import Term, Value
from signalgraph.graph.tree import EVERYTHING, Hops, Node, both, either, negated, terms_of
from signalgraph.graph.values import Scanner, read_value

MOST_CHARACTERS = 4_000
MOST_VALUES = 50
MOST_NESTED = 30
MOST_HOPS = 99
MOST_JOURNEYS = 10  # terms and groups with hops; each of them is followed over all connections

_FIELD = re.compile(r'[^\s":,()/]*:')
_KEYWORD = re.compile(r"(and|or|not)(?=[\s()]|$)", re.IGNORECASE)
_HOPS_BEFORE = re.compile(r"([0-9]*)\+", re.ASCII)
_HOPS_AFTER = re.compile(r"\+([0-9]*)", re.ASCII)
_OPERATOR = re.compile("|".join(OPERATORS))

Joined = tuple[str, int]  # `and` or `or` that waits for its right side, and where it stands


def read_tree(text: str) -> Node:
    """The tree of a filter. Raises `QueryError`, and nothing else."""
    if len(text) > MOST_CHARACTERS:
        message = f"The filter has {len(text)} characters; it may have {MOST_CHARACTERS}."
        raise QueryError(message, MOST_CHARACTERS, len(text) - MOST_CHARACTERS)
    return _Reader(text).read()


class _Reader(Scanner):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nested = 0
        self._values = 0
        self._states = 0
        self._hops_read = 0

    def read(self) -> Node:
        if not self.skip_space():
            return EVERYTHING
        node = self._either()
        if self.peek() == ")":
            raise QueryError("This parenthesis closes nothing; to find one, use quotes.", self.at, 1)
        return node

    def _either(self) -> Node:
        nodes = [self._both(None)]
        while (start := self._take_keyword("or")) is not None:
            nodes.append(self._both(("or", start)))
        return either(nodes)

    def _both(self, joined: Joined | None) -> Node:
        nodes = [self._negatable(joined)]
        while self.skip_space() and self.peek() != ")" and self._keyword() != "or":
            start = self._take_keyword("and")
            nodes.append(self._negatable(None if start is None else ("and", start)))
        return both(nodes)

    def _negatable(self, joined: Joined | None) -> Node:
        is_over = not self.skip_space() or self.peek() == ")"
        start, word = self.at, self._keyword()
        if is_over and joined:
            raise QueryError(f"`{joined[0]}` needs a term after it.", joined[1], len(joined[0]))
        if is_over:
            raise QueryError("A term is missing here.", max(0, start - 1) if not self.peek() else start, 1)
        if word in ("and", "or"):
            raise QueryError(f"`{word}` stands between two terms.", start, len(word))
        sign = "not" if self._take_keyword("not") is not None else "-" if self.take("-") else ""
        if not sign:
            return self._atom()
        if sign == "not":
            self.skip_space()
        again = self.at
        if self.peek() in {"-", "", ")"} or self.peek().isspace() or self._keyword():
            end = self.at + len(self._keyword() or "")
            raise QueryError(f"`{sign}` needs one term after it.", start, max(len(sign), end - start, again - start))
        return negated(self._atom())

    def _atom(self) -> Node:
        start = self.at
        up = self._hops(_HOPS_BEFORE)
        if up != 0 and (not self.peek() or self.peek().isspace() or self.peek() == ")"):
            raise QueryError("`+` stands before or after a term, without a space.", start, self.at - start)
        node = self._group() if self.peek() == "(" else self._term()
        end = self.at
        down = self._hops(_HOPS_AFTER)
        if self.peek() not in {"", ")"} and not self.peek().isspace():
            raise QueryError(_what_follows(self.text[end - 1], self.peek(), self.at > end), self.at, 1)
        if up == 0 and down == 0:
            return node
        self._hops_read += 1
        if self._hops_read > MOST_JOURNEYS:
            message = f"A filter may have hops in {MOST_JOURNEYS} places; put what they start from into one group."
            raise QueryError(message, start, self.at - start)
        for term in terms_of(node):
            if not term.applies("connection"):
                message = f"Hops lead from connections, and {term.text} says nothing of a connection."
                raise QueryError(message, start, self.at - start)
        return Hops(node, up, down)

    def _hops(self, pattern: re.Pattern[str]) -> int | None:
        match = pattern.match(self.text, self.at)
        if match is None:
            return 0
        if match[1] and not (len(match[1]) < 4 and 1 <= int(match[1]) <= MOST_HOPS):
            message = f"Hops are a number from 1 to {MOST_HOPS}, or none: as far as there is anything."
            raise QueryError(message, match.start(1), len(match[1]), None)
        self.at = match.end()
        return int(match[1]) if match[1] else None

    def _group(self) -> Node:
        start = self.at
        self.at += 1
        self._nested += 1
        if self._nested > MOST_NESTED:
            raise QueryError(f"Parentheses may be nested {MOST_NESTED} deep.", start, 1)
        node = self._either()
        if not self.take(")"):
            raise QueryError("This parenthesis isn't closed.", start, 1)
        self._nested -= 1
        return node

    def _term(self) -> Term:
        start = self.at
        field = self._field()
        operator = self._operator() if field and field.measures else ""
        values = [self._value(field, operator)]
        while self.take(","):
            values.append(self._value(field, operator))
        if field and field.measures:
            self._check_numbers(field, operator, values, start)
        return Term(field.name if field else None, tuple(values), operator)

    def _operator(self) -> str:
        match = _OPERATOR.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0]

    def _value(self, field: Field | None, operator: str) -> Value | Range:
        start = self.at
        self._values += 1
        if self._values > MOST_VALUES:
            raise QueryError(f"A filter may have {MOST_VALUES} values.", start, 1)
        value = read_value(self, field, operator)
        if isinstance(value, Value) and value.kind == "regex":
            self._states += value.regex.size
            if self._states > MOST_STATES:
                message = "The regular expressions of the filter are too large together; leave one out."
                raise QueryError(message, start, self.at - start)
        return value

    def _check_numbers(self, field: Field, operator: str, values: list[Value | Range], start: int) -> None:
        ranges = [value for value in values if isinstance(value, Range)]
        if len({value.kind if isinstance(value, Range) else "name" for value in values}) > 1:
            message = f"{field.name}: takes values of one kind in a list; write two terms with `or`."
            raise QueryError(message, start, self.at - start)
        if operator and (len(values) > 1 or any(value.last for value in ranges)):
            message = f"{field.name}: takes one value after {operator}; write two terms, or a range without {operator}."
            raise QueryError(message, start, self.at - start)
        if any(_is_empty(value) for value in ranges):
            raise QueryError("The smaller end of a range comes first.", start, self.at - start)
        if field.needs_operator and not operator and any(value.last is None for value in ranges):
            name, _, value = self.text[start : self.at].partition(":")
            message = f"{field.name}: needs a comparison: > >= < <= = or !=, as in {name}:>{value}, or a range a..b."
            raise QueryError(message, start, self.at - start, f"{name}:>{value}" if len(values) == 1 else None)

    def _field(self) -> Field | None:
        match = _FIELD.match(self.text, self.at)
        if match is None:
            return None
        start, name = self.at, match[0][:-1].lower()
        if name not in FIELDS:
            _refuse_field(start, name)
        self.at = match.end()
        return FIELDS[name]

    def _keyword(self) -> str | None:
        """The `and`, `or` or `not` that stands here."""
        match = _KEYWORD.match(self.text, self.at)
        return match[1].lower() if match else None

    def _take_keyword(self, word: str) -> int | None:
        """Where it stood; None where it doesn't stand here."""
        if self._keyword() != word:
            return None
        start = self.at
        self.at += len(word)
        return start


def _is_empty(value: Range) -> bool:
    now = datetime.now(UTC)
    low, high = value.bounds(now)
    return low > high


def _what_follows(last: str, following: str, is_after_hops: bool) -> str:
    if is_after_hops:
        return "Hops stand at the end of a term; put a space after them."
    if following == ",":
        return "A list joins the values of one field, as in signal:a,b; use `or` between groups."
    if last == '"':
        return "Put a space or a comma after a quoted value."
    return "Put a space after this."


def _refuse_field(start: int, name: str) -> None:
    if not name:
        raise QueryError("A field's name is missing before `:`; to find a colon, use quotes.", start, 1)
    meant = guess(name, FIELDS)
    hint = f"Did you mean {meant}? " if meant else ""
    message = f"There is no field {name!r}. {hint}Fields are {', '.join(FIELDS)}; to find a colon, use quotes."
    raise QueryError(message, start, len(name), meant)
