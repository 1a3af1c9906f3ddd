from django.conf import settings
from django.db import models
from library.models import Book


class OutOfStock(Exception):
    """Fewer copies are left than were ordered."""


class StockItem(models.Model):
    book = models.OneToOneField(Book, on_delete=models.CASCADE, related_name="stock")
    copies = models.PositiveIntegerField(default=0)
    low_at = models.PositiveIntegerField(default=5)
    enquiries = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.copies} copies of {self.book_id}"


class Order(models.Model):
    class Status(models.TextChoices):
        PLACED = "placed"
        CANCELLED = "cancelled"

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="orders")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PLACED)
    total_pence = models.PositiveIntegerField(default=0)
    placed_at = models.DateTimeField(auto_now_add=True)
    receipt_sent = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"Order {self.pk}"


class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    book = models.ForeignKey(Book, on_delete=models.CASCADE)
    copies = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.copies} of book {self.book_id}"


class Reorder(models.Model):
    """Copies asked of the supplier; delivered by the command import_stock."""

    item = models.ForeignKey(StockItem, on_delete=models.CASCADE, related_name="reorders")
    copies = models.PositiveIntegerField()
    delivered = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.copies} copies for stock item {self.item_id}"


class StockEvent(models.Model):
    """The stock book: what fell low or came in, and when."""

    item = models.ForeignKey(StockItem, on_delete=models.CASCADE, related_name="events")
    text = models.CharField(max_length=100)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.text
