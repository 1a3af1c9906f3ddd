from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from . import receivers  # the @receiver decorators in it connect

        pre_migrate.connect(receivers.log_migration, sender=self)
        post_migrate.connect(receivers.create_default_groups, sender=self)
