from typing import Any

from django.db import models
from django.db.models.signals import post_save

from . import receivers


class Note(models.Model):
    """A line in the guest book, with most of its logic hidden in receivers."""

    author = models.CharField(max_length=100)
    text = models.TextField()
    initials = models.CharField(max_length=10, blank=True)
    touched = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.text[:50]


class NoteCopy(models.Model):
    note = models.ForeignKey(Note, on_delete=models.CASCADE)
    text = models.TextField()

    class Meta:
        verbose_name_plural = "note copies"

    def __str__(self) -> str:
        return self.text[:50]


class Profile(models.Model):
    """The same rule as in `receivers.fill_initials`, where a reader of the model finds it: in `save()`."""

    name = models.CharField(max_length=100)
    initials = models.CharField(max_length=10, blank=True)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.initials = receivers.initials_of(self.name)
        super().save(*args, **kwargs)


# Bad: models.py has side effects on import. Connections belong into AppConfig.ready().
post_save.connect(receivers.touch_updated, sender=Note)
receivers.connect_log(Note)
