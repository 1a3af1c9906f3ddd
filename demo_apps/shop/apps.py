from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "shop"

    def ready(self) -> None:
        # The order of these two is the order of their receivers: stock is reserved before anything else.
        from . import stock  # noqa: F401, I001 - connects
        from . import receivers  # noqa: F401 - connects
