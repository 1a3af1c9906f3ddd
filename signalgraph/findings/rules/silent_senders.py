"""SG109: a connection that no dispatch ever reaches, because its sender never sends that signal."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import receiver_evidence
from signalgraph.graph.firing import why_never
from signalgraph.names import short


def find(code: Code) -> Iterator[Finding]:
    """Connections that never fire. A proxy's instances do send: SG110 tells of them."""
    for row in code.rows:
        info = row.info
        if why := why_never(info):
            yield Finding(
                RULE.id,
                row.id,
                f"{info.receiver} never hears {short(info.signal)}: {info.sender} never sends it.",
                f"{why}.",
                evidence=(receiver_evidence(info), *code.connects_of(row)),
                app=names.app_of(info.receiver),
            )


RULE = Rule(
    "SG109",
    "The sender never sends the signal",
    "error",
    "code",
    "Connect it for the models that send: those derived from an abstract one, get_user_model() or "
    "settings.AUTH_USER_MODEL, Book.authors.through.",
    "Django compares senders by identity. A class that looks right and isn't the one that sends is no error, "
    "the receiver just never runs.",
    find,
)
