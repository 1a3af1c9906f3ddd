"""SG105: a receiver that writes although a fixture is being loaded."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from django.db.models.signals import post_save, pre_save

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.bodies import MANAGERS, Body
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import code_evidence, receiver_evidence, written

_SAVES = {"save", "asave"}
_SAVE_ARGUMENTS = {"force_insert", "force_update", "using", "update_fields"}
_MAKES = {"create", "get_or_create", "update_or_create", "bulk_create", "bulk_update"}
_MAKES |= {f"a{name}" for name in _MAKES}


def find(code: Code) -> Iterator[Finding]:
    """Receivers of `pre_save` and `post_save` that write themselves and never look at `raw`."""
    for row, body in code.readable(pre_save, post_save):
        write = None if is_guarded(body) else next(writes(body), None)
        if write is None:
            continue
        yield Finding(
            RULE.id,
            names.receiver_id(row.info.receiver),
            f"{row.info.receiver} writes in {names.short(row.info.signal)} and doesn't look at raw.",
            f"loaddata saves the rows of a fixture with raw=True, one by one. {written(write)} then writes on top of "
            "what the fixture says, and reads rows that may not be there yet.",
            evidence=(code_evidence(body.file, write), receiver_evidence(row.info)),
            app=names.app_of(row.info.receiver),
        )


def is_guarded(body: Body) -> bool:
    """Whether `raw` is looked at, or may be: by a decorator, or by what `**kwargs` is handed on to."""
    return body.is_wrapped or any(_is_raw(node, body) for node in body.nodes()) or _hands_on(body)


def _is_raw(node: ast.AST, body: Body) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "raw" and isinstance(node.ctx, ast.Load)
    return isinstance(node, ast.Constant) and node.value == "raw"


def _hands_on(body: Body) -> bool:
    """Whether `kwargs` is used for more than to read an argument from it."""
    read = set()
    for node in body.nodes():
        if isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr in ("get", "pop")):
            read.add(id(node.value))
    uses = (node for node in body.nodes() if isinstance(node, ast.Name) and body.rest and node.id == body.rest)
    return any(id(use) not in read for use in uses)


def writes(body: Body) -> Iterator[ast.Call]:
    """Calls that save a model's instance or make one: `save()` as models have it, and managers' methods."""
    for call in body.calls():
        if not isinstance(call.func, ast.Attribute):
            continue
        given = {keyword.arg for keyword in call.keywords}
        is_save = call.func.attr in _SAVES and not call.args and given <= _SAVE_ARGUMENTS
        if is_save or (call.func.attr in _MAKES and _is_manager(body, call.func.value)):
            yield call


def _is_manager(body: Body, node: ast.expr) -> bool:
    """`Model.objects`, `instance.line_set`, `instance.lines`, with or without `using()` and `filter()` behind it.

    Not `stripe.Customer` and `self.client`, which have a `create()`, too.
    """
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    if not isinstance(node, ast.Attribute):
        return False
    is_local = isinstance(node.value, ast.Name) and node.value.id in body.scope.local and node.value.id != "self"
    return node.attr in MANAGERS or node.attr.endswith("_set") or (is_local and node.attr.islower())


RULE = Rule(
    "SG105",
    "A write without a guard for raw",
    "risk",
    "code",
    'Return at once where kwargs["raw"] is true.',
    "A fixture holds all rows as they should be; whoever loads one gets rows twice, or an error, or changed rows.",
    find,
)
