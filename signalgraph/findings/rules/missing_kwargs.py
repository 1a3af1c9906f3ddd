"""SG104: a receiver that can't take what a dispatch hands it."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import CO_VARKEYWORDS

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.bodies import called_function
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import receiver_evidence

_ALWAYS = ("signal", "sender")


def find(code: Code) -> Iterator[Finding]:
    """Receivers written in Python, as they are called: a wrapper with `**kwargs` takes anything. C isn't judged."""
    told = set()
    for row in code.rows:
        function = called_function(row.receiver)
        if function is None or function.__code__.co_flags & CO_VARKEYWORDS or row.info.receiver in told:
            continue
        told.add(row.info.receiver)
        called = function.__code__
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
