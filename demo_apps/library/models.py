from django.conf import settings
from django.db import models
from django.urls import reverse


class FeaturedBookError(Exception):
    """A featured book can't be deleted: take it off the front page first."""


class Author(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    name = models.CharField(max_length=50, unique=True)
    books_count = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Book(models.Model):
    title = models.CharField(max_length=200)
    slug = models.SlugField(max_length=220, unique=True, editable=False)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    categories = models.ManyToManyField(Category, related_name="books", blank=True)
    summary = models.TextField(blank=True)
    price_pence = models.PositiveIntegerField(default=900)
    cover = models.FileField(upload_to="covers/", blank=True)
    featured = models.BooleanField(default=False)
    reads = models.PositiveIntegerField(default=0, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("library:book", args=[self.slug])


class SearchEntry(models.Model):
    """The searchable words of a book, kept up to date by a receiver."""

    book = models.OneToOneField(Book, on_delete=models.CASCADE, related_name="search_entry")
    words = models.TextField()

    class Meta:
        verbose_name_plural = "search entries"

    def __str__(self) -> str:
        return self.words
