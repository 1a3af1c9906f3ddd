"""What any model of the project does: a callable object as a receiver for any sender."""

from typing import Any

from django.db.models import Model
from django.db.models.signals import (
    m2m_changed,
    post_delete,
    post_init,
    post_save,
    pre_delete,
    pre_init,
    pre_save,
)
from django.dispatch import Signal

from .counts import Counts
from .signals import order_flagged

CONSTRUCTION_SIGNALS = (pre_init, post_init)
WRITE_SIGNALS = (pre_save, post_save, pre_delete, post_delete, m2m_changed)
NAMES = {
    pre_init: "pre_init",
    post_init: "post_init",
    pre_save: "pre_save",
    post_save: "post_save",
    pre_delete: "pre_delete",
    post_delete: "post_delete",
    m2m_changed: "m2m_changed",
}

# Label of a model: the field that is looked at, and the value from which an instance is flagged.
FLAGGED_FROM = {"shop.Order": ("total_pence", 10_000)}


class ModelAudit:
    """Counts writes by signal and model, and construction where `AuditSwitch` is on."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts

    def __call__(self, sender: type[Model], signal: Signal, instance: Model | None = None, **kwargs: Any) -> None:
        self.counts.add(f"{NAMES[signal]} {sender._meta.label}")
        if signal is post_save and kwargs.get("created"):
            self.flag(sender, instance)

    def flag(self, sender: type[Model], instance: Model | None) -> None:
        """Send order_flagged for a new instance that is unusually large: only ever for the models in the table."""
        field, limit = FLAGGED_FROM.get(sender._meta.label, ("", 0))
        if field and getattr(instance, field) >= limit:
            order_flagged.send(sender=sender, order=instance, reason=f"{field} is {limit} or more")


class AuditSwitch:
    """Connects and disconnects the audit of `pre_init` and `post_init`, which are far too loud to be always on."""

    def __init__(self, audit: ModelAudit) -> None:
        self.audit = audit
        self.is_on = False

    def turn_on(self) -> None:
        for signal in CONSTRUCTION_SIGNALS:
            signal.connect(self.audit, dispatch_uid="telemetry.audit")
        self.is_on = True

    def turn_off(self) -> None:
        for signal in CONSTRUCTION_SIGNALS:
            signal.disconnect(dispatch_uid="telemetry.audit")
        self.is_on = False
