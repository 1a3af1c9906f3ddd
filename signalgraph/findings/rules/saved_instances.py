"""SG112: a receiver that saves the instance whose saving it hears."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from django.db.models.signals import post_save, pre_save

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.bodies import Body
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import code_evidence, receiver_evidence

_BRANCHES = (ast.If, ast.IfExp, ast.BoolOp, ast.Match, ast.Try, ast.While)


def find(code: Code) -> Iterator[Finding]:
    """Receivers of `pre_save` and `post_save` that call `instance.save()`, and what keeps them from a loop."""
    for row, body in code.readable(pre_save, post_save):
        if (save := _own_save(body)) is None:
            continue
        signal = names.short(row.info.signal)
        yield Finding(
            RULE.id,
            names.receiver_id(row.info.receiver),
            f"{row.info.receiver} saves the instance that it received from {signal}{_end(body, save)}.",
            _detail(body, save, signal),
            evidence=(code_evidence(body.file, save), receiver_evidence(row.info)),
            app=names.app_of(row.info.receiver),
        )


def _own_save(body: Body) -> ast.Call | None:
    """The call that saves what was received; none where the name is given to something else on the way."""
    if body.rebinds("instance"):
        return None
    for call in body.calls():
        method = call.func
        if not isinstance(method, ast.Attribute) or method.attr not in ("save", "asave"):
            continue
        if body.is_argument(method.value, "instance"):
            return call
    return None


def is_conditional(body: Body, call: ast.Call) -> bool:
    """Whether something decides if the call is reached: a branch around it, or one before it that leaves."""
    for node in body.nodes():
        if (isinstance(node, _BRANCHES) or _may_mute(node, body)) and any(each is call for each in ast.walk(node)):
            return True
        if isinstance(node, ast.Return | ast.Raise) and node.lineno < call.lineno:
            return True
    return False


def _may_mute(node: ast.AST, body: Body) -> bool:
    """Whether it is a `with` that may keep signals from being sent: anything but a transaction."""
    if not isinstance(node, ast.With | ast.AsyncWith):
        return False
    managers = [each.context_expr for each in node.items]
    paths = {body.scope.dotted(each.func if isinstance(each, ast.Call) else each) for each in managers}
    return paths != {"django.db.transaction.atomic"}


def _disconnects(body: Body) -> bool:
    return any(isinstance(call.func, ast.Attribute) and call.func.attr == "disconnect" for call in body.calls())


def _end(body: Body, call: ast.Call) -> str:
    return "" if _disconnects(body) or body.is_wrapped or is_conditional(body, call) else ", and nothing stops the loop"


def _detail(body: Body, call: ast.Call, signal: str) -> str:
    if _disconnects(body):
        return "It disconnects itself meanwhile: what other threads save in that time is not heard."
    if not body.is_wrapped and not is_conditional(body, call):
        return f"Each save sends {signal} again (with update_fields, too), until Python's recursion ends it."
    return (
        f"A condition stops the loop; still each save inside sends {signal} again, and all its receivers run once more."
    )


RULE = Rule(
    "SG112",
    "A receiver saves the instance that it received",
    "cost",
    "code",
    "Set the fields in pre_save, or in save() itself; after the save write past signals with "
    "type(instance)._base_manager.filter(pk=instance.pk).update(...).",
    "The row is written twice, all receivers of the model run twice, and one condition stands between that and a loop.",
    find,
)
