"""SG111: a receiver that runs for each instance of each model."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models.signals import post_init, pre_init

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import receiver_evidence


def find(code: Code) -> Iterator[Finding]:
    """Connections to `pre_init` and `post_init` for any sender. How hot other signals are is seen at run time."""
    for row in code.rows:
        if row.signal in (pre_init, post_init) and row.sender_key is None:
            yield Finding(
                RULE.id,
                row.id,
                f"{row.info.receiver} runs for each instance of each model: it hears {names.short(row.info.signal)} "
                "from any sender.",
                evidence=(receiver_evidence(row.info),),
                app=names.app_of(row.info.receiver),
            )


RULE = Rule(
    "SG111",
    "Each instance of each model is heard",
    "cost",
    "code",
    "Connect it for the models that it is about: sender=Book.",
    "These signals are sent for each row that a query returns. A receiver for any sender makes all queries of the "
    "project slower, and switches off Django's short cut for signals that nobody hears.",
    find,
)
