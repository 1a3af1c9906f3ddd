"""Each receiver here shows one mistake; its docstring says which."""

import logging
from typing import Any

from django.db.models import Model
from django.db.models.signals import post_save
from shop.pace import outside_world_blocking

logger = logging.getLogger(__name__)


def initials_of(name: str) -> str:
    return "".join(word[0] for word in name.split())[:10].upper()


def fill_initials(instance: Any, **kwargs: Any) -> None:
    """Bad: business logic in a signal. Who reads `Note` can't see it; `Profile.save()` says it openly."""
    instance.initials = initials_of(instance.author)


def touch_updated(instance: Any, **kwargs: Any) -> None:
    """Bad: saves the instance that was just saved. Only the guard stops the loop, after a second full round."""
    if getattr(instance, "_touching", False):
        return
    instance._touching = True
    instance.touched += 1
    instance.save()
    instance._touching = False


def connect_log(sender: type[Model]) -> None:
    """Bad: makes a new function for each call and gives no dispatch_uid, so two calls connect twice."""

    def log_note(instance: Any, **kwargs: Any) -> None:
        logger.info("note %s", instance.pk)

    post_save.connect(log_note, sender=sender, weak=False)


def copy_note(instance: Any, **kwargs: Any) -> None:
    """Bad: no guard for `raw`, so `loaddata` copies every note that it loads once more."""
    instance.notecopy_set.create(text=instance.text)


def sync_note(**kwargs: Any) -> None:
    """Bad: asks another company's server while the visitor waits for the page."""
    outside_world_blocking(0.12)
