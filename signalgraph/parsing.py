"""Reading and parsing a project's source files, of which nothing is run and of which nothing is complained."""

from __future__ import annotations

import ast
import threading
import tokenize
import warnings

_quiet = threading.Lock()  # warnings are filtered for the whole process: two at once would leave the filter behind


def read_source(file: str) -> str:
    """The text of a Python file in the encoding that it declares, empty where it can't be read."""
    try:
        with tokenize.open(file) as source:
            return source.read()
    except (OSError, SyntaxError, ValueError, LookupError):  # gone, or not written in Python, or in no known encoding
        return ""


def parse_source(text: str) -> ast.Module | None:
    """The tree of a source text, None where it can't be parsed.

    What Python warns of, such as `"\\d"`, it has told whoever imported the file; here it would be told at each check.
    """
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
