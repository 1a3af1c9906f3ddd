from types import ModuleType

from django.apps import AppConfig
from django.db.models.signals import (
    class_prepared,
    m2m_changed,
    post_delete,
    post_init,
    post_save,
    pre_delete,
    pre_init,
    pre_save,
)

from . import catalogue


class LibraryConfig(AppConfig):
    name = "library"

    def __init__(self, app_name: str, app_module: ModuleType) -> None:
        super().__init__(app_name, app_module)
        class_prepared.connect(catalogue.note_prepared, dispatch_uid="library.note_prepared")

    def ready(self) -> None:
        from . import receivers
        from .models import Author, Book
        from .signals import book_read

        pre_init.connect(receivers.count_construction, sender=Book)
        post_init.connect(receivers.remember_title, sender=Book)
        pre_save.connect(receivers.set_slug, sender=Book)
        post_save.connect(receivers.update_search, sender=Book)
        post_save.connect(receivers.update_search, sender=Author)
        pre_delete.connect(receivers.refuse_featured, sender=Book)
        post_delete.connect(receivers.remove_cover, sender=Book)
        m2m_changed.connect(receivers.sync_category_counts, sender=Book.categories.through)
        book_read.connect(receivers.count_read, sender=Book, dispatch_uid="library.count_read")
