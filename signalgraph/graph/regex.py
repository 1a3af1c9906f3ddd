"""Regular expressions whose search takes time in proportion to the text, whatever anybody writes.

Python's `re` goes back and tries again, which some patterns make it do for ever. Here all ways through the pattern are
followed at once (K. Thompson, https://doi.org/10.1145/363347.363387), so a search takes at most as many steps as the
text has characters times the pattern has states. Upper and lower case are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from signalgraph.graph.patterns import Choice, Edge, One, Part, RegexError, Repeat, Row, Test, is_word, read_pattern

__all__ = ["MOST_STATES", "Regex", "RegexError"]

MOST_STATES = 300
MOST_SEARCHED = 1_000  # characters of a text
MOST_KNOWN = 10_000  # texts whose answer is kept


@dataclass
class _State:
    """Goes on to the next state after a character that passes `test`, or at an `edge`; else at once to `ways`."""

    test: Test | None = None
    edge: str = ""
    ways: tuple[int, ...] = ()


class Regex:
    """A pattern: literals, `.`, `[a-z]`, `\\d` `\\w` `\\s` `\\b` and their opposites, groups, `|`, `^`, `$`, and
    `*` `+` `?` `{2,5}`.

    Raises `RegexError` for anything else, and for one of more than `MOST_STATES` states.

    >>> Regex(r"^shop\\..*_(paid|sent)$").is_in("shop.signals.order_paid")
    True
    """

    def __init__(self, pattern: str) -> None:
        self._states: list[_State] = []
        self._known: dict[str, bool] = {}
        self._spent = 0
        self._write(read_pattern(pattern), len(pattern))

    @property
    def size(self) -> int:
        """How many states it has: the steps that one character of a text can take."""
        return self._spent + 1

    def is_in(self, text: str) -> bool:
        """Whether it is found in a text, of which the first `MOST_SEARCHED` characters are looked at."""
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            found = self._known[text] = self._search(text.casefold()[:MOST_SEARCHED])
        return found

    def _search(self, text: str) -> bool:
        current: set[int] = set()
        for at in range(len(text) + 1):
            before, after = text[at - 1 : at] if at else "", text[at : at + 1]
            reached = self._close([*current, 0], before, after)
            if len(self._states) in reached:
                return True
            current = set()
            for number in reached:
                test = self._states[number].test
                if after and test is not None and test(after):
                    current.add(number + 1)
        return False

    def _close(self, starts: Iterable[int], before: str, after: str) -> set[int]:
        """All states that are reached without another character, between these two."""
        reached: set[int] = set()
        waiting = list(starts)
        while waiting:
            number = waiting.pop()
            if number in reached:
                continue
            reached.add(number)
            if number == len(self._states):
                continue
            state = self._states[number]
            if state.edge and _is_at(state.edge, before, after):
                waiting.append(number + 1)
            waiting.extend(state.ways)
        return reached

    def _add(self, length: int, **values: object) -> _State:
        self._spend(length)
        state = _State(**values)  # type: ignore[arg-type]
        self._states.append(state)
        return state

    def _spend(self, length: int) -> None:
        self._spent += 1
        if self._spent >= MOST_STATES:
            raise RegexError("The regular expression is too large; leave out counts such as {2,90}.", 0, length)

    def _write(self, part: Part, length: int) -> None:
        if isinstance(part, One):
            self._add(length, test=part.test)
        elif isinstance(part, Edge):
            self._add(length, edge=part.kind)
        elif isinstance(part, Row):
            for each in part.parts:
                self._write(each, length)
        elif isinstance(part, Choice):
            self._write_choice(part, length)
        else:
            self._write_repeat(part, length)

    def _write_choice(self, choice: Choice, length: int) -> None:
        fork = self._add(length)
        begins, ends = [], []
        for each in choice.parts:
            begins.append(len(self._states))
            self._write(each, length)
            ends.append(self._add(length))
        fork.ways = tuple(begins)
        for end in ends:
            end.ways = (len(self._states),)

    def _write_repeat(self, repeat: Repeat, length: int) -> None:
        for _ in range(repeat.least):
            self._spend(length)  # an empty group adds no state, and could be repeated for ever
            self._write(repeat.part, length)
        if repeat.most is None:
            begin = len(self._states)
            fork = self._add(length)
            self._write(repeat.part, length)
            self._add(length, ways=(begin,))
            fork.ways = (begin + 1, len(self._states))
            return
        forks = []
        for _ in range(repeat.most - repeat.least):
            forks.append(self._add(length, ways=(len(self._states) + 1,)))
            self._write(repeat.part, length)
        for fork in forks:
            fork.ways = (*fork.ways, len(self._states))


def _is_at(edge: str, before: str, after: str) -> bool:
    if edge == "^":
        return not before
    if edge == "$":
        return not after
    return (is_word(before) != is_word(after)) == (edge == "b")
