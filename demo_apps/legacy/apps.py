from django.apps import AppConfig
from django.db.models.signals import post_save, pre_save


class LegacyConfig(AppConfig):
    name = "legacy"

    def ready(self) -> None:
        from . import receivers
        from .late import connect_late
        from .models import Note

        pre_save.connect(receivers.fill_initials, sender=Note)
        post_save.connect(receivers.copy_note, sender=Note)
        post_save.connect(receivers.sync_note, sender=Note)
        receivers.connect_log(Note)  # models.py did it already
        connect_late(Note)
