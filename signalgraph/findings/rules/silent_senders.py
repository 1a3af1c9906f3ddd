"""SG109: a connection that no dispatch ever reaches, because its sender never sends that signal."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_migrate, pre_migrate

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import receiver_evidence
from signalgraph.findings.live import LiveRow
from signalgraph.graph.firing import why_not_live
from signalgraph.names import short

PROXY = "proxy"  # its instances do send: SG110 tells of them


def find(code: Code) -> Iterator[Finding]:
    """Connections for abstract, swapped and automatic models, for a model in the place of its through model, or of its
    app.
    """
    throughs = {id(model) for model in _throughs()}
    for row in code.rows:
        why = _why(row, code.model_of(row), throughs)
        if why:
            info = row.info
            yield Finding(
                RULE.id,
                row.id,
                f"{info.receiver} never hears {short(info.signal)}: {info.sender} never sends it.",
                f"{why}.",
                evidence=(receiver_evidence(info), *code.connects_of(row)),
                app=names.app_of(info.receiver),
            )


def _why(row: LiveRow, model: type[Model] | None, throughs: set[int]) -> str:
    sender = row.info.sender
    if model is None:
        return ""
    if row.signal in (pre_migrate, post_migrate):
        return "Its senders are the AppConfigs of the installed apps"
    if model._meta.swapped and row.info.signal.startswith("django."):
        return f"{sender} is swapped out: {model._meta.swapped} stands in its place, and it has no instances"
    if row.signal is m2m_changed and id(model) not in throughs and model._meta.many_to_many:
        field = model._meta.many_to_many[0].name
        return f"Its sender is the model between the two, {sender.rpartition('.')[2]}.{field}.through"
    return "" if row.info.sender_kind == PROXY else _capital(why_not_live(row.info))


def _throughs() -> Iterator[object]:
    for model in apps.get_models(include_auto_created=True, include_swapped=True):
        for field in model._meta.local_many_to_many:
            yield field.remote_field.through


def _capital(text: str) -> str:
    return text if text[:1].isupper() or "." in text.partition(" ")[0] else text[:1].upper() + text[1:]


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
