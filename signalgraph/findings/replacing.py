"""Receivers that a module defines and then lets go: a second function of the same name takes their place."""

from __future__ import annotations

from types import FunctionType

from signalgraph.findings.bodies import RECEIVER
from signalgraph.findings.code import Code
from signalgraph.findings.connects import Connect
from signalgraph.findings.live import LiveRow
from signalgraph.findings.resolving import Definition
from signalgraph.findings.sources import first_line


def is_replaced(code: Code, connect: Connect) -> bool:
    """Whether this connect's function is gone, as its module holds another one by its name and nothing else holds it.

    A decorator above `@receiver` may hold it, and a definition under a condition may be the only one that ran.
    """
    node, scope = connect.receiver, connect.place.scope
    if not isinstance(node, Definition) or connect.weak is not True or scope.prefix or connect.place.is_conditional:
        return False
    decorators = (each.func if hasattr(each, "func") else each for each in node.decorator_list)
    if any(scope.dotted(each) != RECEIVER for each in decorators):
        return False
    made = max(1, len(connect.senders))  # several where a loop goes through them, and makes a function for each
    return (made > 1 or _has_successor(code, connect, node)) and len(_alive(code, connect, node)) < made


def _has_successor(code: Code, connect: Connect, node: Definition) -> bool:
    now = connect.place.scope.module.namespace.get(node.name)
    if type(now) is not FunctionType or now.__code__.co_filename != connect.file:
        return False
    successor = code.sources.function(connect.file, now.__code__.co_firstlineno, node.name)
    return successor is not None and successor is not node


def _alive(code: Code, connect: Connect, node: Definition) -> list[LiveRow]:
    """The rows that this definition made and that something holds."""
    rows = (row for row in code.rows if row.signal in connect.signals and type(row.receiver) is FunctionType)
    place = connect.file, first_line(node)
    return [
        row
        for row in rows
        if (row.receiver.__code__.co_filename, row.receiver.__code__.co_firstlineno) == place and not row.is_forgotten
    ]
