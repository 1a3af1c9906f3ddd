"""Receivers around stock: what falls, what falls low, what comes in."""

from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import F
from django.db.models.signals import post_save
from django.dispatch import receiver
from library.models import Book

from .models import Order, OutOfStock, Reorder, StockEvent, StockItem
from .pace import outside_world, outside_world_blocking
from .signals import availability_asked, delivery_arrived, order_cancelled, order_placed, stock_imported, stock_low

SUPPLIER_FAILS_EVERY = 4


class SupplierUnavailable(Exception):
    """The supplier's service doesn't answer."""


@receiver(post_save, sender="library.Book")
def open_shelf(instance: Book, created: bool, raw: bool, **kwargs: Any) -> None:
    """Another app's model, by its label: a new book is for sale with one copy."""
    if created and not raw:
        StockItem.objects.create(book=instance, copies=1)


@receiver(order_placed, sender=Order)
def reserve_stock(order: Order, **kwargs: Any) -> None:
    """Take the copies from the shelf. Saves each item, so that whoever watches the stock hears of it."""
    for line in order.lines.select_related("book"):
        item = StockItem.objects.filter(book=line.book).first() or StockItem(book=line.book)
        if item.copies < line.copies:
            raise OutOfStock(f"{item.copies} copies of {line.book} are left, {line.copies} were ordered.")
        item.copies -= line.copies
        item.save(update_fields=["copies"])


@receiver(order_cancelled, sender=Order)
def restock(order: Order, **kwargs: Any) -> None:
    """Put the copies back at once. `bulk_update` sends no signal: `check_stock` need not see that there are more."""
    items = []
    for line in order.lines.select_related("book__stock"):
        line.book.stock.copies += line.copies
        items.append(line.book.stock)
    StockItem.objects.bulk_update(items, ["copies"])


@receiver(post_save, sender=StockItem)
def check_stock(instance: StockItem, raw: bool, **kwargs: Any) -> None:
    """The second signal of the chain order_placed, post_save, stock_low."""
    if not raw and instance.copies <= instance.low_at:
        stock_low.send_robust(sender=StockItem, item=instance)


@receiver(stock_low, sender=StockItem)
def create_reorder(item: StockItem, **kwargs: Any) -> None:
    Reorder.objects.get_or_create(item=item, delivered=False, defaults={"copies": 4 * item.low_at})


@receiver(stock_low, sender=StockItem)
def notify_supplier(item: StockItem, **kwargs: Any) -> None:
    """Fails now and then: always for the same books."""
    if item.pk % SUPPLIER_FAILS_EVERY == 0:
        raise SupplierUnavailable(f"No answer about stock item {item.pk}.")


@receiver(stock_low, sender=StockItem)
def log_low_stock(item: StockItem, **kwargs: Any) -> None:
    StockEvent.objects.create(item=item, text=f"low: {item.copies} copies")


@receiver(delivery_arrived, sender=Reorder)
def put_on_shelf(reorder: Reorder, **kwargs: Any) -> None:
    item = reorder.item
    item.copies += reorder.copies
    item.save(update_fields=["copies"])


@receiver(delivery_arrived, sender=Reorder)
def log_delivery(reorder: Reorder, **kwargs: Any) -> None:
    StockEvent.objects.create(item=reorder.item, text=f"delivered: {reorder.copies} copies")


@receiver(stock_imported, sender=StockItem)
def publish_stock(count: int, **kwargs: Any) -> None:
    """Tell every shop that resells our books: seconds in which the dashboard shows it running."""
    outside_world_blocking(3 if count else 1)


@receiver(availability_asked, sender=StockItem)
async def ask_warehouse(item: StockItem, **kwargs: Any) -> int:
    """Days until the warehouse can deliver."""
    await outside_world(0.02)
    return 1 if item.copies else 3


@receiver(availability_asked, sender=StockItem)
async def ask_supplier(item: StockItem, **kwargs: Any) -> int:
    """Days until the supplier can deliver. Waits beside `ask_warehouse`, not after it."""
    await outside_world(0.03)
    return 2 if await sync_to_async(item.reorders.filter(delivered=False).exists)() else 5


@receiver(availability_asked, sender=StockItem)
def count_enquiry(item: StockItem, **kwargs: Any) -> None:
    StockItem.objects.filter(pk=item.pk).update(enquiries=F("enquiries") + 1)
