"""Connections that Django never runs, though they stand there like the others.

Read in ``django/db/models/base.py`` and ``deletion.py`` (5.2 to 6.1): the sender of a model's signals is the class of
the instance. An abstract model has no instances; a proxy's are those that were made or fetched through the proxy; for
the model behind a many-to-many field `save_base` and `Collector.delete` leave the signals out.
"""

from __future__ import annotations

from collections.abc import Collection

from signalgraph.events import ConnectionInfo

_MODELS = "django.db.models.signals."
_SAVED = frozenset(f"{_MODELS}{name}" for name in ("pre_save", "post_save", "pre_delete", "post_delete"))
_OF_INSTANCES = _SAVED | {f"{_MODELS}pre_init", f"{_MODELS}post_init"}
_OF_MODELS = _OF_INSTANCES | {f"{_MODELS}m2m_changed", f"{_MODELS}class_prepared"}


def why_not_live(row: ConnectionInfo, called: Collection[str] = (), *, connection: str = "") -> str:
    """Why a connection must not be drawn as one that fires, in words; "" where nothing speaks against it.

    Parameters
    ----------
    called : ids of connections of which calls were recorded; whatever was called can fire, whoever sent it.
    connection : the id of `row`.

    A proxy's instances do send; as nearly all saves go through the concrete model, it counts only once it was seen.
    """
    if connection in called:
        return ""
    if row.sender_kind == "abstract" and row.signal in _OF_MODELS:
        return f"{row.sender} is abstract and has no instances"
    if row.sender_kind == "proxy" and row.signal in _OF_INSTANCES:
        return f"only instances of the proxy {row.sender} send it, and none was seen"
    if row.sender_kind == "through" and row.signal in _SAVED:
        return f"Django sends no such signal for {row.sender}, only m2m_changed"
    return ""
