"""SG113: a receiver that does something outside of the database before the write is certain."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.blocking import Wait, waits
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import code_evidence, receiver_evidence

_OF_WRITES = (pre_save, post_save, pre_delete, post_delete, m2m_changed)


def find(code: Code) -> Iterator[Finding]:
    """Synchronous receivers of a model's writes that send mail, ask another server, sleep or wait for a program."""
    for row, body in code.readable(*_OF_WRITES):
        wait = None if body.is_async else next(waits(body, code), None)
        if wait is None:
            continue
        evidence = [code_evidence(body.file, wait.call), receiver_evidence(row.info)]
        if wait.through is not None:
            evidence.insert(1, code_evidence(wait.file, wait.through))
        yield Finding(
            RULE.id,
            names.receiver_id(row.info.receiver),
            f"{row.info.receiver} {wait.does} in {names.short(row.info.signal)}, before a commit is certain.",
            _detail(wait),
            evidence=tuple(evidence),
            app=names.app_of(row.info.receiver),
        )


def _detail(wait: Wait) -> str:
    return f"By {wait.name}. Whoever saves waits for it, with rows locked; a rollback doesn't take it back."


RULE = Rule(
    "SG113",
    "The world outside is called before the commit",
    "cost",
    "code",
    "Put it off until the commit, transaction.on_commit(partial(...)), or give it to a task from there.",
    "Signals of a write are sent before the commit of the transaction around it. What is done outside of the database "
    "then keeps its locks, and stays done when it is rolled back.",
    find,
)
