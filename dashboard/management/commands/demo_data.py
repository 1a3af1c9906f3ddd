import random
from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from accounts.receivers import send_welcome_email
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models.signals import post_save
from library.models import Author, Book, Category
from shop.models import StockItem
from shop.stock import check_stock
from telemetry.mute import muted

from dashboard.books import BOOKS, Title

ADMIN = "admin"  # name and password, and only where DEBUG is on


class Command(BaseCommand):
    help = "Migrate the demo's database and fill it, where that was not done before. Same seed, same shop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="of prices and copies in stock (default 1)")

    def handle(self, *, seed: int, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        with muted(post_save, send_welcome_email, sender=User, dispatch_uid="accounts.send_welcome_email"):
            self.create_admin()
        if Book.objects.exists():
            return
        rng = random.Random(seed)
        with transaction.atomic(), muted(post_save, check_stock, sender=StockItem):
            for title in BOOKS:
                self.create_book(title, rng)
        self.stdout.write(f"{len(BOOKS)} books are in the shop.")

    def create_admin(self) -> None:
        if settings.DEBUG and not User.objects.filter(username=ADMIN).exists():
            User.objects.create_superuser(ADMIN, "admin@example.com", ADMIN)

    def create_book(self, title: Title, rng: random.Random) -> None:
        author, _ = Author.objects.get_or_create(name=title.author)
        book = Book.objects.create(
            title=title.title,
            author=author,
            featured=title.featured,
            price_pence=100 * rng.randint(5, 25),
            summary=f"{title.title}, the book by {title.author} that everybody means to read.",
        )
        book.categories.set([Category.objects.get_or_create(name=name)[0] for name in title.categories])
        book.stock.copies = rng.randint(6, 60)
        book.stock.save()
