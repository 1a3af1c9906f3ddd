"""Calls that wait for something outside of the process, told by the names that they are imported under."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from signalgraph.findings.bodies import Body
from signalgraph.findings.code import Code
from signalgraph.findings.resolving import callee

_HTTP_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
_MAIL = ("send_mail", "send_mass_mail", "mail_admins", "mail_managers")
_MESSAGES = tuple(
    f"django.core.mail{part}.{name}" for part in ("", ".message") for name in ("EmailMessage", "EmailMultiAlternatives")
)
WAITS: dict[str, str] = {
    "time.sleep": "sleeps",
    **{f"{module}.{verb}": "asks another server" for module in ("requests", "httpx") for verb in _HTTP_VERBS},
    "urllib.request.urlopen": "asks another server",
    "urllib.request.urlretrieve": "asks another server",
    "urllib3.request": "asks another server",
    "http.client.HTTPConnection": "asks another server",
    "http.client.HTTPSConnection": "asks another server",
    "socket.create_connection": "asks another server",
    **{f"django.core.mail.{name}": "sends mail" for name in _MAIL},
    "smtplib.SMTP": "sends mail",
    "smtplib.SMTP_SSL": "sends mail",
    **{f"subprocess.{name}": "waits for a program" for name in ("run", "call", "check_call", "check_output")},
}


class Wait(NamedTuple):
    """A call that waits, what it does, and the function of the project through which it is reached, if any."""

    call: ast.Call
    name: str
    does: str
    through: ast.Call | None = None
    file: str = ""


def waits(body: Body, code: Code) -> Iterator[Wait]:
    """The calls of a body that wait, and those one call further, in the project's own functions.

    What a function only hands on (to `on_commit`, to a task) is not called, and not here. Nor is what a decorator may
    put off: it may run its function on a thread, or when the transaction is committed.
    """
    if body.is_wrapped:
        return
    yield from _direct(body)
    for call in body.calls():
        inner = _called(body, call, code)
        for wait in _direct(inner) if inner is not None else ():
            yield Wait(call, wait.name, wait.does, wait.call, inner.file if inner else "")


def _called(body: Body, call: ast.Call, code: Code) -> Body | None:
    values = body.scope.values(call.func)
    function = callee(values[0]) if len(values) == 1 else None
    inner = code.body(function) if function is not None else None
    if inner is None or inner.is_async or inner.is_wrapped:
        return None
    return inner if code.is_judged(inner.file) else None


def _direct(body: Body) -> Iterator[Wait]:
    for call in body.calls():
        for path in (body.scope.written(call.func), body.scope.dotted(call.func)):
            if path in WAITS:
                yield Wait(call, path, WAITS[path], file=body.file)
                break
        else:
            if _sends_message(body, call):
                yield Wait(call, ast.unparse(call.func), "sends mail", file=body.file)


def _sends_message(body: Body, call: ast.Call) -> bool:
    """`EmailMessage(...).send()`, through a variable too, and `user.email_user(...)`."""
    if not isinstance(call.func, ast.Attribute):
        return False
    if call.func.attr == "email_user":
        return True
    return call.func.attr == "send" and any(_is_message(body, each) for each in _values(body, call.func.value))


def _values(body: Body, node: ast.expr) -> Iterator[ast.expr]:
    yield node
    if isinstance(node, ast.Name):
        assigns = (each for each in body.nodes() if isinstance(each, ast.Assign))
        yield from (each.value for each in assigns if any(ast.unparse(target) == node.id for target in each.targets))


def _is_message(body: Body, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and body.scope.dotted(node.func) in _MESSAGES
