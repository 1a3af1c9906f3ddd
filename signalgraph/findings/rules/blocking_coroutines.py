"""SG114: a coroutine that stops the event loop, and all that runs on it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from signalgraph import names
from signalgraph.findings.base import Evidence, Finding, Rule
from signalgraph.findings.blocking import waits
from signalgraph.findings.bodies import MANAGERS, Body
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import code_evidence, receiver_evidence, written

_QUERIES = {"get", "first", "last", "count", "exists", "create", "get_or_create", "update_or_create", "aggregate"}
_QUERIES |= {"bulk_create", "bulk_update", "update", "delete", "earliest", "latest", "in_bulk"}
_OF_INSTANCES = {"save", "refresh_from_db"}


def find(code: Code) -> Iterator[Finding]:
    """Receivers written as coroutines that wait without `await`, or ask the ORM without its asynchronous methods."""
    for row, body in code.readable():
        first = next(_faults(body, code), None) if body.is_async else None
        if first is not None:
            sentence, shown = first
            yield Finding(
                RULE.id,
                names.receiver_id(row.info.receiver),
                f"{row.info.receiver} {sentence}.",
                evidence=(*shown, receiver_evidence(row.info)),
                app=names.app_of(row.info.receiver),
            )


def _faults(body: Body, code: Code) -> Iterator[tuple[str, list[Evidence]]]:
    for call in queries(body):
        what = (
            f"asks the ORM with {written(call.func)}(), which Django refuses in a coroutine (SynchronousOnlyOperation)"
        )
        yield what, [code_evidence(body.file, call)]
    for wait in waits(body, code):
        shown = [code_evidence(body.file, wait.call)]
        shown += [code_evidence(wait.file, wait.through)] if wait.through is not None else []
        yield f"{wait.does} with {wait.name}, and the event loop stands still meanwhile", shown


def queries(body: Body) -> Iterator[ast.Call]:
    """Calls that query at once and are not awaited: `Model.objects...get()`, `instance.save()`."""
    awaited = {id(node.value) for node in body.nodes() if isinstance(node, ast.Await)}
    for call in body.calls():
        if isinstance(call.func, ast.Attribute) and id(call) not in awaited:
            name, of = call.func.attr, call.func.value
            is_save = name in _OF_INSTANCES and not call.args and body.is_argument(of, "instance")
            if is_save or (
                name in _QUERIES and any(isinstance(n, ast.Attribute) and n.attr in MANAGERS for n in _chain(of))
            ):
                yield call


def _chain(node: ast.expr) -> Iterator[ast.expr]:
    """`Model.objects.filter(...)`: the expression and what it hangs on."""
    while True:
        yield node
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            node = node.value
        else:
            return


RULE = Rule(
    "SG114",
    "A coroutine blocks the event loop",
    "error",
    "code",
    "Await it: asyncio.sleep(), an asynchronous client, the ORM's asynchronous methods (aget(), asave()), or "
    "sync_to_async().",
    "While one coroutine waits without awaiting, no other request that this loop serves gets on.",
    find,
)
