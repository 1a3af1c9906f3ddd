"""What customers and staff do in an Oscar shop: browse, fill baskets, order, review; staff look at everything."""

from __future__ import annotations

import sys
from decimal import Decimal

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.test import Client  # noqa: E402
from oscar.core.loading import get_class, get_model  # noqa: E402
from oscar.test import factories  # noqa: E402

from traffic.driving import crawl, drive, superuser_client  # noqa: E402

PAGES = int(sys.argv[1]) if len(sys.argv) > 1 else 150
Product, Order = get_model("catalogue", "Product"), get_model("order", "Order")


def stock() -> list[Product]:
    """Ten products on the shelves."""
    return [factories.create_product(price=Decimal("9.99"), num_in_stock=50, title=f"Book {n}") for n in range(10)]


def shop(products: list[Product]) -> None:
    """Customers register, look, put into the basket, order, review, and come back."""
    selector = get_class("partner.strategy", "Selector")()
    for number in range(6):
        client = Client()
        user = get_user_model().objects.create_user(f"customer{number}", f"c{number}@example.com", "a password")
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        for product in products[number : number + 4]:
            client.get(product.get_absolute_url())
            client.post(f"/basket/add/{product.pk}/", {"quantity": 1})
        client.get("/basket/")
        client.get("/checkout/")
        basket = factories.BasketFactory(owner=user)
        basket.strategy = selector.strategy(user=user)
        for product in products[:6]:
            basket.add_product(product, quantity=2)
        order = factories.create_order(number=f"{1000 + number}", basket=basket, user=user)
        order.set_status("Being processed") if "Being processed" in order.available_statuses() else order.save()
        client.post(
            f"{products[0].get_absolute_url()}reviews/add/",
            {"title": "Good", "score": 5, "body": "I liked it", "name": "C"},
        )


def work() -> int:
    client = superuser_client()
    products = stock()
    opened = crawl(client, "/", "/dashboard/", pages=PAGES)
    shop(products)
    products[-1].delete()
    return opened + crawl(client, "/", "/dashboard/", "/admin/", pages=PAGES)


drive(work)
