"""What findings point at: a receiver, a line of code."""

from __future__ import annotations

import ast

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.findings.base import Evidence

_CODE_LENGTH = 60  # characters of a line that is shown


def receiver_evidence(info: ConnectionInfo) -> Evidence:
    """The receiver, and the line that defines it."""
    at = place(info.file, info.line) if info.file and info.line else ""
    return Evidence("receiver", names.receiver_id(info.receiver), names.short(info.receiver), at)


def code_evidence(file: str, node: ast.expr | ast.stmt) -> Evidence:
    """A call or a definition in the source, and its line."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return Evidence("code", "", f"def {node.name}", place(file, node.lineno))
    return Evidence("code", "", written(node), place(file, node.lineno))


def place(file: str, line: int) -> str:
    """`file:line` for people."""
    return f"{names.relative_path(file)}:{line}"


def written(node: ast.AST) -> str:
    """Source text in one line, cut with an ellipsis."""
    text = ast.unparse(node)
    return text if len(text) <= _CODE_LENGTH else f"{text[: _CODE_LENGTH - 1]}…"
