"""The lines of source that are shown of a place: the function in which it is, as it is written."""

from __future__ import annotations

import ast

from signalgraph.parsing import parse_source, read_source

MOST_LINES = 20
BEFORE = 12  # a function that begins further above the line is shown from just above the line on
JUST_ABOVE = 3


def excerpt(file: str, line: int) -> list[tuple[int, str]]:
    """The numbered lines around a line of a file, at most `MOST_LINES`; empty where it can't be read.

    From the head of the innermost function around the line to its end; outside of functions the statement.
    """
    text = read_source(file)
    written = text.split("\n")
    if not 0 < line <= len(written) or not text:
        return []
    start, end = _bounds(parse_source(text), line) or (line, line + MOST_LINES)
    first = start if line - start <= BEFORE else line - JUST_ABOVE
    shown = list(enumerate(written[first - 1 : min(end, first + MOST_LINES - 1)], first))
    while shown and not shown[-1][1].strip():
        shown.pop()
    return shown


def _bounds(tree: ast.Module | None, line: int) -> tuple[int, int] | None:
    """First and last line of what is shown whole, None where the line is in no statement."""
    around = [
        (start, node.end_lineno or node.lineno)
        for node in (ast.walk(tree) if tree else ())
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (start := _head(node)) <= line
    ]
    around = [bounds for bounds in around if line <= bounds[1]]
    if around:
        return max(around)
    statements = [(_head(node), node.end_lineno or node.lineno) for node in (tree.body if tree else ())]
    return next((bounds for bounds in statements if bounds[0] <= line <= bounds[1]), None)


def _head(node: ast.stmt) -> int:
    """Where a statement begins: a function or class with its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])
