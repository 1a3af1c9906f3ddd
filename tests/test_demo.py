"""The demo's apps do what their guide promises: accounts, library and shop. Telemetry and legacy are next door."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import shop.receivers
import shop.stock
from accounts.models import AuditEntry, Profile, User
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import Signal
from django.test import AsyncClient, Client
from library.catalogue import PREPARED
from library.models import Author, Book, Category, FeaturedBookError, SearchEntry
from library.receivers import BUILT
from shop.models import Order, OrderLine, OutOfStock, Reorder, StockEvent, StockItem
from shop.services import cancel_order, place_order
from shop.signals import order_placed, stock_low

PASSWORD = "a-quiet-morning-7"


@pytest.fixture(autouse=True)
def _quick_and_tidy(settings: Any, tmp_path: Path) -> None:
    settings.DEMO_WAITS = False
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def reader(db: None) -> User:
    return User.objects.create_user("ada", "ada@example.com", PASSWORD)


@pytest.fixture
def book(db: None) -> Book:
    """A book of which ten copies are for sale."""
    made = Book.objects.create(title="Silas Marner", author=Author.objects.create(name="George Eliot"))
    StockItem.objects.filter(book=made).update(copies=10)
    Reorder.objects.all().delete()
    StockEvent.objects.all().delete()
    return made


@contextmanager
def heard(*signals: Signal) -> Iterator[list[tuple[Signal, object]]]:
    """Yield the (signal, sender) pairs that were sent inside the block, in order."""
    calls: list[tuple[Signal, object]] = []

    def hear(sender: object, signal: Signal, **kwargs: Any) -> None:
        calls.append((signal, sender))

    for signal in signals:
        signal.connect(hear)
    try:
        yield calls
    finally:
        for signal in signals:
            signal.disconnect(hear)


# accounts


def test_a_new_user_has_a_profile(reader: User) -> None:
    assert Profile.objects.get().user == reader


def test_saving_a_user_saves_the_profile(reader: User) -> None:
    before = Profile.objects.get().saved_at
    reader.save()
    assert Profile.objects.get().saved_at > before


def test_a_new_user_is_welcomed_once(
    db: None, mailoutbox: list[EmailMessage], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        reader = User.objects.create_user("ada", "ada@example.com")
        reader.save()
        assert mailoutbox == []
    assert [(mail.to, mail.subject) for mail in mailoutbox] == [(["ada@example.com"], "Welcome to the bookshop")]


def test_logins_logouts_and_failures_are_audited(reader: User, client: Client) -> None:
    client.post("/accounts/login/", {"username": "ada", "password": "forgotten"})
    client.post("/accounts/login/", {"username": "ada", "password": PASSWORD})
    client.post("/accounts/logout/")
    assert list(AuditEntry.objects.order_by("pk").values_list("event", "username")) == [
        ("failed", "ada"),
        ("login", "ada"),
        ("logout", "ada"),
    ]


def test_migrate_makes_the_default_groups(db: None) -> None:
    """pre_migrate and post_migrate are sent even where there is nothing to migrate."""
    Group.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert set(Group.objects.values_list("name", flat=True)) == {"Students", "Teachers"}


def test_migrate_is_logged_before_it_starts(db: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="accounts.receivers")
    call_command("migrate", verbosity=0)
    assert "migrating accounts on default" in caplog.messages


def test_a_visitor_registers_and_is_logged_in(db: None, client: Client) -> None:
    form = {"username": "grace", "email": "g@example.com", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/accounts/register/", form).status_code == 302
    assert client.get("/orders/").status_code == 200


# library


def test_a_model_class_is_noted_when_it_is_prepared() -> None:
    assert {"library.Book", "shop.Order"} <= set(PREPARED)


def test_building_a_book_sends_pre_init_and_post_init() -> None:
    before = dict(BUILT)
    Book(title="Emma")
    assert {"started": before["started"] + 1, "finished": before["finished"] + 1} == BUILT


def test_books_with_the_same_title_get_different_slugs(book: Book) -> None:
    second = Book.objects.create(title=book.title, author=book.author)
    assert (book.slug, second.slug) == ("silas-marner", "silas-marner-2")


def test_a_renamed_book_gets_a_new_slug(book: Book) -> None:
    found = Book.objects.get()
    found.title = "Romola"
    found.save()
    assert found.slug == "romola"


def test_saving_a_book_or_its_author_updates_the_search(book: Book) -> None:
    book.author.name = "Mary Ann Evans"
    book.author.save()
    assert "silas marner mary ann evans" in SearchEntry.objects.get().words


def test_a_featured_book_cannot_be_deleted(book: Book) -> None:
    book.featured = True
    book.save()
    with pytest.raises(FeaturedBookError, match="take it off"), transaction.atomic():
        book.delete()
    assert Book.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_page_says_why_a_featured_book_stays(book: Book, reader: User, client: Client) -> None:
    Book.objects.update(featured=True)
    client.force_login(reader)
    response = client.post(f"/books/{book.slug}/delete/", follow=True)
    assert "is on the front page" in response.content.decode()


def test_deleting_a_book_deletes_its_cover(book: Book) -> None:
    book.cover.save("cover.gif", ContentFile(b"GIF"))
    path = Path(book.cover.path)
    assert path.exists()
    book.delete()
    assert not path.exists()


def test_categories_know_how_many_books_they_have(book: Book) -> None:
    novels = Category.objects.create(name="Novels")
    book.categories.add(novels)
    novels.refresh_from_db()
    assert novels.books_count == 1
    book.categories.remove(novels)
    novels.refresh_from_db()
    assert novels.books_count == 0


def test_reading_a_book_counts(book: Book, client: Client) -> None:
    client.get(f"/books/{book.slug}/read/")
    book.refresh_from_db()
    assert book.reads == 1


# shop


def test_an_order_leads_to_stock_low_by_three_signals(book: Book, reader: User) -> None:
    with heard(order_placed, post_save, stock_low) as calls:
        place_order(reader, [(book, 8)])
    # A receiver that is heard last hears the inner signals first: the chain, from its end.
    chain = [call for call in calls if call in {(order_placed, Order), (post_save, StockItem), (stock_low, StockItem)}]
    assert chain == [(stock_low, StockItem), (post_save, StockItem), (order_placed, Order)]
    assert Reorder.objects.get().item.book == book
    assert StockEvent.objects.get().text == "low: 2 copies"


def test_the_receipt_is_sent_after_the_commit(
    book: Book, reader: User, mailoutbox: list[EmailMessage], django_capture_on_commit_callbacks: Any
) -> None:
    mailoutbox.clear()
    with django_capture_on_commit_callbacks() as callbacks:
        order = place_order(reader, [(book, 1)])
    assert mailoutbox == []
    for callback in callbacks:
        callback()
    assert [mail.subject for mail in mailoutbox] == [f"Your order {order.pk}"]


def test_an_order_of_too_many_copies_is_rolled_back(
    book: Book, reader: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as callbacks, pytest.raises(OutOfStock, match="10 copies"):
        place_order(reader, [(book, 11)])
    assert not Order.objects.exists()
    assert not OrderLine.objects.exists()
    assert Profile.objects.get().points == 0
    assert callbacks == []


def test_a_failing_receiver_does_not_stop_the_others(
    book: Book, reader: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(shop.receivers, "LOYALTY_FAILS_EVERY", 1)
    with django_capture_on_commit_callbacks(execute=True):
        place_order(reader, [(book, 1)])
    assert Profile.objects.get().points == 0
    assert Order.objects.get().receipt_sent


def test_the_receivers_of_an_order_run_in_the_order_of_their_connection(book: Book, reader: User) -> None:
    responses = order_placed.send_robust(sender=Order, order=Order.objects.create(reader=reader))
    # Django runs synchronous receivers first, then the coroutines.
    names = [receiver.__name__ for receiver, _ in responses]
    assert names == ["reserve_stock", "charge_loyalty", "send_receipt", "notify_warehouse"]


def test_the_slow_receiver_waits(monkeypatch: pytest.MonkeyPatch, reader: User) -> None:
    waited: list[float] = []
    monkeypatch.setattr(shop.receivers, "outside_world_blocking", waited.append)
    shop.receivers.send_receipt(order=Order(reader=reader))
    assert waited == [0.06]


def test_recounting_orders_asks_once_per_line(
    book: Book, reader: User, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        place_order(reader, [(book, 1)])
    order = Order.objects.latest("pk")
    with django_assert_num_queries(1 + 3 + 3):
        shop.receivers.recount_orders(instance=order, raw=False)
    assert order.copies_bought == 3


def test_a_cancelled_order_goes_back_on_the_shelf_once(book: Book, reader: User) -> None:
    order = place_order(reader, [(book, 3)])
    assert cancel_order(order) is True
    assert cancel_order(order) is False
    assert StockItem.objects.get().copies == 10


def test_what_a_cancelled_order_puts_back_is_written_without_a_signal(book: Book, reader: User) -> None:
    """The site shows such a write too."""
    order = place_order(reader, [(book, 3)])
    with heard(post_save) as calls:
        cancel_order(order)
    assert not [sender for _, sender in calls if sender is StockItem]


def test_importing_stock_tells_the_resellers_and_takes_its_time(
    book: Book, reader: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long enough to be seen running."""
    waited: list[float] = []
    monkeypatch.setattr(shop.stock, "outside_world_blocking", waited.append)
    call_command("import_stock", stdout=StringIO())
    place_order(reader, [(book, 8)])
    call_command("import_stock", stdout=StringIO())
    assert waited == [1, 3]


def test_availability_is_asked_of_two_coroutines_at_once(book: Book, transactional_db: None) -> None:
    """The view is asynchronous and uses asend; a plain receiver of the same signal runs too."""
    response = async_to_sync(AsyncClient().get)(f"/stock/{book.slug}/")
    assert "In your hands in 1 day." in response.content.decode()
    assert StockItem.objects.get().enquiries == 1


def test_import_stock_delivers_what_was_reordered(book: Book, reader: User) -> None:
    place_order(reader, [(book, 8)])
    call_command("import_stock", every=0.01, times=2, stdout=StringIO())
    assert Reorder.objects.get().delivered
    assert StockItem.objects.get().copies == 2 + 20


def test_a_large_order_is_flagged_by_the_audit_of_any_model(book: Book, reader: User) -> None:
    Book.objects.update(price_pence=5_000)
    order = place_order(reader, [(Book.objects.get(), 2)])
    assert Profile.objects.get().bio == f"Ask about order {order.pk}: total_pence is 10000 or more."
