"""Connections that Django never runs, though they stand there like the others.

Read in Django's code (5.2 to 6.1), ``db/models/base.py``, ``db/models/deletion.py``,
``db/models/fields/related_descriptors.py`` and ``core/management/sql.py``: the sender of a model's signals is the class
of the instance. Abstract models have no instances, and those that a setting has swapped out no manager to make or fetch
them; a proxy's are those that were made or fetched through the proxy; for the model behind a many-to-many field
`save_base` and `Collector.delete` leave the signals out. `m2m_changed` is sent by that model alone, the signals of
migrations by app configs alone. `class_prepared` is sent for every model that isn't abstract.
"""

from __future__ import annotations

from collections.abc import Collection

from signalgraph.events import ConnectionInfo
from signalgraph.names import short

_MODELS = "django.db.models.signals."
_SAVED = frozenset(f"{_MODELS}{name}" for name in ("pre_save", "post_save", "pre_delete", "post_delete"))
OF_INSTANCES = _SAVED | {f"{_MODELS}pre_init", f"{_MODELS}post_init"}
_OF_APPS = frozenset({f"{_MODELS}pre_migrate", f"{_MODELS}post_migrate"})


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
    if row.sender_kind == "proxy" and row.signal in OF_INSTANCES:
        return f"only instances of the proxy {row.sender} send it, and none was seen"
    return why_never(row)


def why_never(row: ConnectionInfo) -> str:
    """Why Django never sends this signal for this sender, in words; "" where it does, or may."""
    kind, sender, signal = row.sender_kind, row.sender, row.signal
    if not kind or not signal.startswith("django."):
        return ""
    if signal in _OF_APPS:
        return f"{sender} is a model, and {short(signal)} is sent by the AppConfigs of the installed apps"
    if kind == "abstract":
        return f"{sender} is abstract and has no instances"
    if kind == "swapped" and signal != f"{_MODELS}class_prepared":
        return f"{sender} is swapped out: {row.sender_instead} stands in its place, and it has no instances"
    if kind == "through" and signal in _SAVED:
        return f"Django sends no such signal for {sender}, only m2m_changed"
    if kind in ("model", "proxy") and signal == f"{_MODELS}m2m_changed" and row.sender_instead:
        return f"{sender} never sends m2m_changed; the model between the two does, {row.sender_instead}"
    return ""
