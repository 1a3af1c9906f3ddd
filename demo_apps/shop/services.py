"""What the shop does, as plain functions: views and commands call these, signals tell the rest of the project."""

from accounts.models import User
from django.db import transaction
from library.models import Book

from .models import Order, OrderLine, OutOfStock, Reorder
from .signals import delivery_arrived, order_cancelled, order_placed


def place_order(reader: User, lines: list[tuple[Book, int]]) -> Order:
    """Save the order and tell everybody, all in one transaction.

    Parameters
    ----------
    lines
        Books and the number of copies of each, 1 or more.

    Raises
    ------
    OutOfStock
        A receiver could not reserve the copies; the transaction is rolled back and no order exists.
    """
    with transaction.atomic():
        order = Order.objects.create(reader=reader, total_pence=sum(book.price_pence * n for book, n in lines))
        OrderLine.objects.bulk_create(OrderLine(order=order, book=book, copies=n) for book, n in lines)
        # send_robust hands errors back instead of raising them: this one decides about the order, others don't.
        for _, response in order_placed.send_robust(sender=Order, order=order):
            if isinstance(response, OutOfStock):
                raise response
    return order


def cancel_order(order: Order) -> bool:
    """Take a placed order back; return whether there was anything to take back."""
    with transaction.atomic():
        if not Order.objects.filter(pk=order.pk, status=Order.Status.PLACED).update(status=Order.Status.CANCELLED):
            return False
        order.refresh_from_db()
        order_cancelled.send(sender=Order, order=order)
    return True


def deliver(reorder: Reorder) -> None:
    """Book the copies of a reorder in."""
    with transaction.atomic():
        delivery_arrived.send(sender=Reorder, reorder=reorder)
        reorder.delivered = True
        reorder.save(update_fields=["delivered"])
