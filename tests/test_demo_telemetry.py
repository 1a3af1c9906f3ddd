"""The demo's telemetry watches the project through signals; its legacy app makes the mistakes it promises."""

import gc
import json
from pathlib import Path
from typing import Any

import legacy.receivers
import pytest
from accounts.models import User
from accounts.receivers import send_welcome_email
from django.apps import apps
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.db import connection
from django.db.models.signals import post_init, post_save, pre_init
from django.test import Client, override_settings
from legacy.late import connect_late
from legacy.models import Note, NoteCopy, Profile
from library.models import Author, Category
from telemetry.counts import COUNTS
from telemetry.mute import muted
from telemetry.signals import IMPORT_STOCK, measured

WELCOME = {"sender": User, "dispatch_uid": "accounts.send_welcome_email"}


@pytest.fixture(autouse=True)
def _quick(settings: Any) -> None:
    settings.DEMO_WAITS = False


# telemetry


def test_methods_of_one_object_time_each_request(db: None, client: Client) -> None:
    before = COUNTS["requests started"], COUNTS["requests finished"]
    client.get("/stock/")
    assert (COUNTS["requests started"], COUNTS["requests finished"]) == (before[0] + 1, before[1] + 1)


def test_an_unhandled_exception_is_counted(client: Client) -> None:
    before = COUNTS["unhandled exceptions"]
    client.raise_request_exception = False
    assert client.get("/telemetry/fail/").status_code == 500
    assert COUNTS["unhandled exceptions"] == before + 1


def test_a_changed_setting_is_counted_and_its_way_back_too() -> None:
    before = COUNTS["setting ANSWER changed"]
    with override_settings(ANSWER=42):
        pass
    assert COUNTS["setting ANSWER changed"] == before + 2


def test_a_rendered_template_is_counted(db: None, client: Client) -> None:
    before = COUNTS["template library/home.html"]
    client.get("/")
    assert COUNTS["template library/home.html"] == before + 1


def test_a_new_connection_is_counted(db: None) -> None:
    before = COUNTS["connections to default"]
    second = connection.copy()
    second.ensure_connection()
    second.connection.close()  # Django keeps in-memory databases open
    assert COUNTS["connections to default"] == before + 1


def test_a_string_is_a_sender_with_a_partial_of_its_own() -> None:
    before = COUNTS["import_stock, items"], COUNTS["checkout, items"]
    measured.send(sender=IMPORT_STOCK, seconds=0.5, count=7)
    assert (COUNTS["import_stock, items"], COUNTS["checkout, items"]) == (before[0] + 7, before[1])


def test_a_callable_object_hears_every_model(db: None) -> None:
    before = COUNTS["post_save library.Author"], COUNTS["post_save library.Category"]
    Author.objects.create(name="Kate Chopin")
    Category.objects.create(name="Novels")
    after = COUNTS["post_save library.Author"], COUNTS["post_save library.Category"]
    assert after == (before[0] + 1, before[1] + 1)


def test_the_audit_of_construction_connects_and_disconnects() -> None:
    switch = apps.get_app_config("telemetry").construction
    before = COUNTS["post_init library.Author"]
    switch.turn_on()
    try:
        Author(name="heard")
    finally:
        switch.turn_off()
    Author(name="not heard")
    assert COUNTS["post_init library.Author"] == before + 1
    assert not pre_init.has_listeners(Author)
    assert not post_init.has_listeners(Author)


def test_only_staff_may_switch_the_audit(db: None, client: Client) -> None:
    assert client.post("/telemetry/construction/").status_code == 302
    assert apps.get_app_config("telemetry").construction.is_on is False


def test_a_muted_receiver_is_silent_and_comes_back(
    db: None, mailoutbox: list[EmailMessage], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        with muted(post_save, send_welcome_email, **WELCOME):
            User.objects.create_user("ada", "ada@example.com")
        User.objects.create_user("grace", "grace@example.com")
    assert [mail.to for mail in mailoutbox] == [["grace@example.com"]]


def test_muting_what_is_not_connected_is_an_error() -> None:
    with pytest.raises(LookupError, match="is not connected for sender"), muted(post_save, send_welcome_email):
        pass


# legacy


def test_saving_its_own_instance_takes_a_second_round_only(db: None) -> None:
    note = Note.objects.create(author="Ada Lovelace", text="Lovely.")
    assert note.touched == 1


def test_connecting_twice_without_a_uid_logs_twice(db: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="legacy.receivers")
    note = Note(author="Ada", text="Lovely.")
    note._touching = True  # one round only
    note.save()
    assert caplog.messages == [f"note {note.pk}"] * 2


def test_weak_receivers_that_nobody_holds_are_gone(settings: Any) -> None:
    """Only with DEBUG off: with it on, Django's check of the signature keeps the local function alive."""
    settings.DEBUG = False
    before = post_save._live_receivers(Note)
    connect_late(Note)
    gc.collect()
    assert post_save._live_receivers(Note) == before


def test_loading_a_fixture_copies_its_notes(db: None, tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_text(json.dumps([{"model": "legacy.note", "pk": 1, "fields": {"author": "Ada", "text": "Lovely."}}]))
    call_command("loaddata", path, verbosity=0)
    assert NoteCopy.objects.count() > 0


def test_each_note_waits_for_another_company(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(legacy.receivers, "outside_world_blocking", waited.append)
    Note.objects.create(author="Ada", text="Lovely.")
    assert waited == [0.12, 0.12]


def test_hidden_and_open_logic_give_the_same_initials(db: None) -> None:
    note = Note.objects.create(author="Ada Lovelace", text="Lovely.")
    profile = Profile.objects.create(name="Ada Lovelace")
    assert note.initials == profile.initials == "AL"


def test_connections_are_made_while_models_are_imported() -> None:
    """A receiver from models.py stands before those from any AppConfig.ready()."""
    receivers = post_save._live_receivers(Note)
    synchronous = receivers[0] if isinstance(receivers, tuple) else receivers
    assert synchronous[0] is legacy.receivers.touch_updated
