"""What happens when a reader registers, changes, logs in or out; and around `migrate`."""

import logging
from functools import partial
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.mail import send_mail
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest

from .models import AuditEntry, Profile, User

DEFAULT_GROUPS = ("Students", "Teachers")
logger = logging.getLogger(__name__)


@receiver(post_save, sender=settings.AUTH_USER_MODEL)
def create_profile(instance: User, created: bool, raw: bool, **kwargs: Any) -> None:
    if created and not raw:
        Profile.objects.create(user=instance)


@receiver(post_save, sender=settings.AUTH_USER_MODEL)
def save_profile(instance: User, created: bool, raw: bool, **kwargs: Any) -> None:
    """Keep `Profile.saved_at` in step with the user; a user from a fixture gets its profile here."""
    if not created and not raw:
        Profile.objects.update_or_create(user=instance)


@receiver(post_save, sender=settings.AUTH_USER_MODEL, dispatch_uid="accounts.send_welcome_email")
def send_welcome_email(instance: User, created: bool, raw: bool, **kwargs: Any) -> None:
    """Sent when the commit has made sure that there is a user to welcome."""
    if created and not raw and instance.email:
        text = f"Hello {instance.username}, happy reading!"
        transaction.on_commit(partial(send_mail, "Welcome to the bookshop", text, None, [instance.email]))


@receiver(user_logged_in)
def audit_login(user: User, **kwargs: Any) -> None:
    AuditEntry.objects.create(event=AuditEntry.Event.LOGIN, username=user.get_username())


@receiver(user_logged_out)
def audit_logout(user: User | None, **kwargs: Any) -> None:
    """`user` is None when somebody logs out who wasn't logged in."""
    if user is not None:
        AuditEntry.objects.create(event=AuditEntry.Event.LOGOUT, username=user.get_username())


@receiver(user_login_failed)
def audit_login_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    username = str(credentials.get("username", ""))[:150]
    AuditEntry.objects.create(event=AuditEntry.Event.FAILED, username=username)


def log_migration(sender: AppConfig, using: str, **kwargs: Any) -> None:
    logger.info("migrating %s on %s", sender.label, using)


def create_default_groups(using: str, **kwargs: Any) -> None:
    for name in DEFAULT_GROUPS:
        Group.objects.using(using).get_or_create(name=name)
