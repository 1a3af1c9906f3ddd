"""SG105: a receiver that writes although a fixture is being loaded."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from django.apps import apps
from django.db.models import ForeignObjectRel
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
    known = relations()
    for row, body in code.readable(pre_save, post_save):
        write = None if is_guarded(body) else next(writes(body, known), None)
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


def relations() -> set[str | None]:
    """What the managers of rows that belong to a row are called, in all models: `lines`, `line_set`, `tags`."""
    fields = [field for model in apps.get_models() for field in model._meta.get_fields()]
    many = (field for field in fields if field.one_to_many or field.many_to_many)
    return {field.get_accessor_name() if isinstance(field, ForeignObjectRel) else field.name for field in many}


def writes(body: Body, known: Collection[str | None]) -> Iterator[ast.Call]:
    """Calls that save a model's instance or make one: `save()` as models have it, and managers' methods."""
    for call in body.calls():
        if not isinstance(call.func, ast.Attribute):
            continue
        given = {keyword.arg for keyword in call.keywords}
        is_save = call.func.attr in _SAVES and not call.args and given <= _SAVE_ARGUMENTS
        if is_save or (call.func.attr in _MAKES and _is_manager(call.func.value, known)):
            yield call


def _is_manager(node: ast.expr, known: Collection[str | None]) -> bool:
    """`Model.objects`, `instance.line_set`, `instance.lines`, with or without `using()` and `filter()` behind it.

    Not `stripe.Customer` and `client.messages`, which have a `create()`, too, and are of no model.
    """
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    return isinstance(node, ast.Attribute) and (node.attr in MANAGERS or node.attr in known)


RULE = Rule(
    "SG105",
    "A write without a guard for raw",
    "risk",
    "code",
    'Return at once where kwargs["raw"] is true.',
    "A fixture holds all rows as they should be; whoever loads one gets rows twice, or an error, or changed rows.",
    find,
)
