"""What is wrong with a filter, and where."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class QueryError(ValueError):
    """A filter that can't be read: what is wrong, and where (`position` from 0, `length` in characters).

    `suggestion` is what to put in the place of the spot, where there is a good guess.
    """

    def __init__(self, message: str, position: int = 0, length: int = 0, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message, self.position, self.length, self.suggestion = message, position, length, suggestion

    def marked(self, text: str) -> str:
        """The filter with carets under the spot, on two lines, for a terminal.

        >>> print(QueryError("There is no field 'colour'.", 5, 6).marked("send colour:red"))
        send colour:red
             ^^^^^^
        """
        line = "".join(each if each.isprintable() else " " for each in text)
        return f"{line}\n{' ' * self.position}{'^' * max(self.length, 1)}"


def guess(name: str, choices: Iterable[str]) -> str | None:
    """Which of the choices was probably meant."""
    return next(iter(get_close_matches(name, list(choices), n=1, cutoff=0.5)), None)
