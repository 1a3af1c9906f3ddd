"""SG104: a receiver that can't take what a dispatch hands it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from inspect import CO_VARKEYWORDS
from types import CodeType, FunctionType, MethodType
from typing import Any

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import receiver_evidence
from signalgraph.inert import class_attribute, is_a

_ALWAYS = ("signal", "sender")


def find(code: Code) -> Iterator[Finding]:
    """Receivers written in Python, as they are called: a wrapper with `**kwargs` takes anything. C isn't judged."""
    told = set()
    for row in code.rows:
        called = called_code(row.receiver)
        if called is None or called.co_flags & CO_VARKEYWORDS or row.info.receiver in told:
            continue
        told.add(row.info.receiver)
        taken = called.co_varnames[: called.co_argcount + called.co_kwonlyargcount]
        missing = [name for name in _ALWAYS if name not in taken]
        yield Finding(
            RULE.id,
            names.receiver_id(row.info.receiver),
            f"{row.info.receiver} takes no **kwargs: {_result(missing, names.short(row.info.signal))}.",
            "Django refuses it only when it is connected with DEBUG on.",
            evidence=(receiver_evidence(row.info),),
            app=names.app_of(row.info.receiver),
        )


def called_code(receiver: Any) -> CodeType | None:
    """The code that a call begins with: that of a decorator's wrapper, not of what it wraps."""
    for _ in range(20):
        if is_a(receiver, functools.partial):
            receiver = functools.partial.__dict__["func"].__get__(receiver)
        elif type(receiver) is MethodType:
            receiver = receiver.__func__
        else:
            break
    if type(receiver) is FunctionType:
        return receiver.__code__
    owner, name = (receiver, "__init__") if is_a(receiver, type) else (type(receiver), "__call__")
    found = class_attribute(owner, name)
    found = found.__func__ if type(found) in (staticmethod, classmethod) else found
    return found.__code__ if type(found) is FunctionType else None


def _result(missing: list[str], signal: str) -> str:
    if missing:
        return f"each dispatch of {signal} fails with a TypeError, since it can't be given {' and '.join(missing)}"
    return f"a dispatch of {signal} with an argument that it doesn't name fails with a TypeError"


RULE = Rule(
    "SG104",
    "A receiver does not take all arguments",
    "error",
    "code",
    "Add **kwargs to its parameters.",
    "Whoever sends a signal may add arguments to it, and Django itself does from one release to the next.",
    find,
)
