from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A reader. A model of the project's own from the start, as Django's documentation recommends."""


class Profile(models.Model):
    """What the shop knows of a reader; made by a receiver as soon as the user is."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="profile")
    bio = models.TextField(blank=True)
    points = models.PositiveIntegerField(default=0)
    saved_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"Profile of user {self.user_id}"


class AuditEntry(models.Model):
    """One login, logout or failed login."""

    class Event(models.TextChoices):
        LOGIN = "login", "logged in"
        LOGOUT = "logout", "logged out"
        FAILED = "failed", "failed to log in"

    event = models.CharField(max_length=10, choices=Event.choices)
    username = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.username} {self.get_event_display()}"
