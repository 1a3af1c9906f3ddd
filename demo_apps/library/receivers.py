"""What happens when a book is built, saved, deleted, categorised or read."""

from typing import Any

from django.db.models import F
from django.utils.text import slugify

from .models import Author, Book, Category, FeaturedBookError, SearchEntry

BUILT = {"started": 0, "finished": 0}


def count_construction(**kwargs: Any) -> None:
    """pre_init: nothing is known of the instance yet, not even its fields."""
    BUILT["started"] += 1


def remember_title(instance: Book, **kwargs: Any) -> None:
    """post_init: keep the title as loaded, so that `set_slug` sees a renaming. Reads no deferred field."""
    BUILT["finished"] += 1
    instance.loaded_title = instance.__dict__.get("title")


def set_slug(instance: Book, raw: bool, **kwargs: Any) -> None:
    """pre_save: a book without a slug gets one that is free; a renamed book gets a new one."""
    renamed = instance.pk is not None and instance.loaded_title != instance.title
    if raw or (instance.slug and not renamed):
        return
    base = slugify(instance.title)[:200] or "book"
    taken = set(Book.objects.filter(slug__startswith=base).exclude(pk=instance.pk).values_list("slug", flat=True))
    candidates = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
    instance.slug = next(slug for slug in candidates if slug not in taken)


def update_search(sender: type[Author] | type[Book], instance: Author | Book, raw: bool, **kwargs: Any) -> None:
    """post_save of a book, or of an author, whose name is in the words of all their books."""
    if raw:
        return
    books = [instance] if isinstance(instance, Book) else instance.books.select_related("author")
    for book in books:
        words = f"{book.title} {book.author.name} {book.summary}".lower()
        SearchEntry.objects.update_or_create(book=book, defaults={"words": words})


def refuse_featured(instance: Book, **kwargs: Any) -> None:
    """pre_delete: an exception in a receiver stops the deletion, and the receivers after it."""
    if instance.featured:
        raise FeaturedBookError(f"{instance.title} is on the front page: take it off before you delete it.")


def remove_cover(instance: Book, **kwargs: Any) -> None:
    """post_delete: Django doesn't delete the file of a file field."""
    if instance.cover:
        instance.cover.delete(save=False)


def sync_category_counts(action: str, **kwargs: Any) -> None:
    if action in {"post_add", "post_remove", "post_clear"}:
        for category in Category.objects.all():
            category.books_count = category.books.count()
            category.save(update_fields=["books_count"])


def count_read(book: Book, **kwargs: Any) -> None:
    Book.objects.filter(pk=book.pk).update(reads=F("reads") + 1)
