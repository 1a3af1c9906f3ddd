"""Receivers around orders, apart from the stock."""

from functools import partial
from typing import Any

from accounts.models import Profile
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F
from django.db.models.signals import post_save
from django.dispatch import receiver
from telemetry.signals import order_flagged

from .models import Order
from .pace import outside_world, outside_world_blocking
from .signals import order_placed

LOYALTY_FAILS_EVERY = 9
POINTS_PER_POUND = 2


class LoyaltyUnavailable(Exception):
    """The loyalty programme's service doesn't answer."""


@receiver(order_placed, sender=Order)
def charge_loyalty(order: Order, **kwargs: Any) -> None:
    """Fails now and then; send_robust lets the receivers after it run all the same."""
    if order.pk % LOYALTY_FAILS_EVERY == 0:
        raise LoyaltyUnavailable(f"No answer about order {order.pk}.")
    points = order.total_pence * POINTS_PER_POUND // 100
    Profile.objects.filter(user_id=order.reader_id).update(points=F("points") + points)


@receiver(order_placed, sender=Order)
def send_receipt(order: Order, **kwargs: Any) -> None:
    """The slow one: it draws the receipt here, and sends it only when the order is sure to exist."""
    outside_world_blocking(0.06)
    transaction.on_commit(partial(email_receipt, order))


@receiver(order_placed, sender=Order)
async def notify_warehouse(order: Order, **kwargs: Any) -> None:
    """A coroutine: `send_robust` runs it too, on an event loop beside the other receivers."""
    await outside_world(0.005)


@receiver(post_save, sender=Order)
def recount_orders(instance: Order, raw: bool, **kwargs: Any) -> None:
    """Count the copies that the reader has bought, with one query per line: the N+1 that a profiler should find."""
    if raw:
        return
    orders = Order.objects.filter(reader=instance.reader_id).order_by("-pk")[:5]
    instance.copies_bought = sum(line.copies for order in orders for line in order.lines.all() if line.book.price_pence)


@receiver(order_flagged, sender=Order)
def log_flagged(order: Order, reason: str, **kwargs: Any) -> None:
    """Sent by telemetry's audit, which watches any model: shop is told only of its own."""
    Profile.objects.filter(user_id=order.reader_id).update(bio=f"Ask about order {order.pk}: {reason}.")


def email_receipt(order: Order) -> None:
    """Runs after the commit: an order that was rolled back never gets here."""
    address = order.reader.email
    if address:
        send_mail(f"Your order {order.pk}", f"Thank you! You paid {order.total_pence / 100:.2f}.", None, [address])
    order.receipt_sent = True
    order.save(update_fields=["receipt_sent"])
