"""`signalgraph.cause`: say why something happens. Imports nothing, so it costs nothing where nothing is recorded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

LONGEST_KIND, LONGEST_NAME = 40, 200  # characters

# Set by the recorder when it is imported: begin a cause (None while nothing is recorded), end it, and say which one of
# some is the innermost here.
begin: Callable[[str, str], Any] | None = None
end: Callable[[Any], None] | None = None
innermost: Callable[[list[Any]], Any] | None = None


class cause:
    """Why what is dispatched in a block or a function happens: it becomes one trace under this kind and name.

    A context manager and a decorator, for plain and for async code. It nests: inside a request, a task or another
    cause it is told as a part of that one, and the one before goes on after it. Errors pass through.

    Parameters
    ----------
    kind : str
        The sort of work, as ``"import"``; at most 40 characters.
    name : str
        Which one of that sort, as ``"catalogue"``; cut after 200 characters. Both are shown on the pages and in
        exports to everybody who may see them: keep values (a file's name, a customer) out of them.

    Raises
    ------
    TypeError
        A kind or name that is no text; decorating what is no function, or a generator function.
    ValueError
        A kind or name that is empty, a kind that is too long.

    Examples
    --------
    >>> with cause("import", "catalogue"):
    ...     pass
    >>> @cause("import", "catalogue")
    ... async def import_catalogue():
    ...     pass
    """

    __slots__ = ("_begun", "kind", "name")

    def __init__(self, kind: str, name: str) -> None:
        self.kind = _text("kind", kind)
        self.name = _text("name", name)[:LONGEST_NAME]
        if len(self.kind) > LONGEST_KIND:
            raise ValueError(
                f"cause() got a kind of {len(self.kind)} characters; it is a word such as 'import', at most "
                f"{LONGEST_KIND} characters, and what tells one from another is the name."
            )
        self._begun: list[Any] = []  # more than one where it is entered again, or by several threads

    def __enter__(self) -> None:
        begun = begin(self.kind, self.name) if begin is not None else None
        if begun is not None:
            self._begun.append(begun)

    def __exit__(self, *exc_info: object) -> None:
        if self._begun and end is not None and innermost is not None:
            begun = innermost(self._begun)
            self._begun = [one for one in self._begun if one is not begun]
            end(begun)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(self, *exc_info: object) -> None:
        self.__exit__()

    def __call__(self, function: Function) -> Function:
        import inspect

        if isinstance(function, type) or not callable(function):
            raise TypeError(f"cause() decorates functions and methods, not {function!r}; use it in a with statement.")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"cause() can't decorate {function.__qualname__}, a generator function: it would be over before the "
                "first value is asked for. Use it in a with statement around the loop that takes the values."
            )
        kind, name = self.kind, self.name
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_async(*args: Any, **named: Any) -> Any:
                with cause(kind, name):
                    return await function(*args, **named)

            return call_async  # type: ignore[return-value]

        @functools.wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            begun = begin(kind, name) if begin is not None else None
            try:
                return function(*args, **named)
            finally:
                if begun is not None and end is not None:
                    end(begun)

        return call  # type: ignore[return-value]


def _text(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"cause() takes a text as its {what}, not {type(value).__name__}.")
    if not value.strip():
        raise ValueError(f"cause() got an empty {what}; write cause('import', 'catalogue').")
    return str.__str__(value)
