"""SG108: a connect that waits for a model which doesn't exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from django.apps import apps

from signalgraph import names
from signalgraph.findings.base import Evidence, Finding, Rule
from signalgraph.findings.code import Code
from signalgraph.names import describe_receiver
from signalgraph.pending import PendingConnect
from signalgraph.registry import REGISTRY


def find(code: Code) -> Iterator[Finding]:
    """Lazy senders that no model has resolved; of the project's receivers only: a package may do without an app."""
    for waiting in code.pending:
        receiver = describe_receiver(waiting.receiver)
        if code.is_judged(receiver.file):
            yield _tell(waiting, receiver.label, f"{names.relative_path(receiver.file or '')}:{receiver.line}")


def _tell(waiting: PendingConnect, receiver: str, at: str) -> Finding:
    signal = REGISTRY.signal_name(waiting.signal)
    app_label = waiting.sender.partition(".")[0]
    is_app = app_label in apps.app_configs
    why = "The app is installed, and has no model of that name." if is_app else f"No app {app_label!r} is installed."
    known = [f"{model._meta.app_label}.{model.__name__}" for model in apps.get_models()]
    close = difflib.get_close_matches(waiting.sender, [name.lower() for name in known], n=1)
    meant = next((name for name in known if close and name.lower() == close[0]), "")
    return Finding(
        RULE.id,
        names.connection_id(waiting.sender, signal, receiver),
        f"{receiver} is not connected to {names.short(signal)}: it waits for the model {waiting.sender}.",
        f"{why} Did you mean {meant}?" if meant else why,
        evidence=(Evidence("receiver", names.receiver_id(receiver), names.short(receiver), at),),
        app=names.app_of(receiver),
    )


RULE = Rule(
    "SG108",
    "A sender that is never there",
    "error",
    "code",
    "Correct the name, which is app_label.Model, or take the connect away.",
    "Django connects a receiver with a lazy sender when its model is loaded. If it never is, nothing is said.",
    find,
)
