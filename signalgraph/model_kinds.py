"""What a model is as a sender: of which signals Django never sends for it depends on that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import Model

from signalgraph.descriptions import escape, model_label
from signalgraph.inert import class_bases, class_module, class_namespace, classes_below, instance_namespace, plain_text


class ModelKind(NamedTuple):
    """`kind` and `instead` are what `ConnectionInfo` calls `sender_kind` and `sender_instead`."""

    kind: str
    instead: str = ""


class _Relation(NamedTuple):
    """A many-to-many field: `path` is `app_label.Model.field.through`, the others are ids of models."""

    owner: int
    target: int
    through: int
    path: str


def model_kinds() -> dict[str, ModelKind]:
    """The kind of each model by its label, also of those that the app registry doesn't hold, as abstract ones.

    Two different ones that read the same say nothing of each other, and are left out.
    """
    models = sorted(_models(), key=lambda named: named[0])
    relations = [one for label, cls in models for one in _relations(label, cls)]
    throughs = {one.through for one in relations}
    sends = _what_sends(relations)
    kinds: dict[str, set[ModelKind]] = {}
    for label, cls in models:
        paths = [] if id(cls) in throughs else [sends[id(base)] for base in class_bases(cls) if id(base) in sends]
        kinds.setdefault(label, set()).add(_kind_of(cls, next(iter(paths), "")))
    return {label: found.pop() for label, found in kinds.items() if len(found) == 1}


def _kind_of(cls: type, m2m_path: str) -> ModelKind:
    options = class_namespace(cls)["_meta"]
    facts = instance_namespace(options)
    if facts.get("abstract"):
        return ModelKind("abstract")
    if swapped := plain_text(options.swapped):
        return ModelKind("swapped", escape(swapped))
    if facts.get("proxy"):
        return ModelKind("proxy", m2m_path)
    return ModelKind("through") if facts.get("auto_created") else ModelKind("model", m2m_path)


def _what_sends(relations: Sequence[_Relation]) -> dict[int, str]:
    """What sends `m2m_changed`, by model: of a field of its own, else of one that leads to it."""
    owned = {one.owner: one.path for one in reversed(relations)}
    return {one.target: one.path for one in reversed(relations)} | owned


def _relations(label: str, cls: type) -> Iterator[_Relation]:
    """A model's own many-to-many fields. Those of an abstract one are fields of what derives from it."""
    options = class_namespace(cls)["_meta"]
    facts = instance_namespace(options)
    for field in () if facts.get("abstract") or options.swapped else facts.get("local_many_to_many", ()):
        values = instance_namespace(field)
        ends: Any = instance_namespace(values.get("remote_field"))
        path = f"{label}.{escape(plain_text(values.get('name')) or '?')}.through"
        yield _Relation(id(cls), id(ends.get("model")), id(ends.get("through")), path)


def _models() -> Iterator[tuple[str, type]]:
    for cls in classes_below(Model):
        if class_module(cls) != "__fake__" and (label := model_label(cls)):
            yield escape(label), cls
