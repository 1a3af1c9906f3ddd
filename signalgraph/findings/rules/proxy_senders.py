"""SG110: a receiver that hears of a row only if it was saved through the right one of several classes."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Model

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import receiver_evidence
from signalgraph.findings.live import LiveRow
from signalgraph.graph.firing import OF_INSTANCES
from signalgraph.inert import classes_below
from signalgraph.names import describe_sender, short


def find(code: Code) -> Iterator[Finding]:
    """The project's receivers that are connected for a proxy or for the model behind one, and not for both."""
    for row in code.own:
        model = code.model_of(row)
        if model is None or row.info.signal not in OF_INSTANCES:
            continue
        unheard = [other for other in _same_rows(model) if code.is_loaded(other) and not _hears(code, row, other)]
        if unheard:
            yield _tell(row, model, sorted(describe_sender(other) for other in unheard))


def _same_rows(model: type[Model]) -> list[type[Model]]:
    """The other classes whose instances are the same rows: the model behind a proxy, and its proxies."""
    concrete = model._meta.concrete_model
    if concrete is None:
        return []
    below: list[type[Model]] = classes_below(concrete)
    return [cls for cls in below if cls is not model and cls._meta.concrete_model is concrete]


def _hears(code: Code, row: LiveRow, model: type[Model]) -> bool:
    same = (each for each in code.rows if each.signal is row.signal and each.info.receiver == row.info.receiver)
    return any(each.sender_key in (None, id(model)) for each in same)


def _tell(row: LiveRow, model: type[Model], unheard: list[str]) -> Finding:
    info = row.info
    others = " and ".join(unheard)
    kind = "the proxy " if model._meta.proxy else ""
    return Finding(
        RULE.id,
        row.id,
        f"{info.receiver} hears {short(info.signal)} from {kind}{info.sender}, and not from {others}.",
        "Their instances are rows of the same table.",
        evidence=(receiver_evidence(info),),
        app=names.app_of(info.receiver),
    )


RULE = Rule(
    "SG110",
    "A proxy is another sender",
    "risk",
    "code",
    "Connect it for the model and for its proxies, or for any sender with a look at sender._meta.concrete_model.",
    "The sender is the class of the instance, so what is saved through a proxy (in an admin of its own, say) is not "
    "heard by receivers of the model behind it, and the other way round.",
    find,
)
