"""No value of an argument, no key of a session, no token and no path reaches the log."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connection, models
from django.db.models.signals import post_init, post_save, pre_save
from django.test import Client, override_settings

from signalgraph import recorder
from signalgraph.log import open_log
from tests.recorded_urls import viewed


def listens(sender, **kwargs):
    return None


@pytest.fixture
def token_model(transactional_db):
    """A model as Django REST framework's: the token is the primary key."""

    class Token(models.Model):
        key = models.CharField(max_length=40, primary_key=True)

        class Meta:
            app_label = "tests"

        def __str__(self) -> str:
            return "a token"

    with connection.schema_editor() as editor:
        editor.create_model(Token)
    yield Token
    with connection.schema_editor() as editor:
        editor.delete_model(Token)
    from django.apps import apps

    del apps.all_models["tests"]["token"]
    apps.clear_cache()


@pytest.mark.urls("tests.recorded_urls")
@override_settings(
    SESSION_ENGINE="django.contrib.sessions.backends.db",
    LOGIN_REDIRECT_URL="/items/x/",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
def test_no_secret_reaches_the_log(tmp_path: Path, token_model) -> None:
    """Log in, reset a password, make a token, send values: the file holds none of them."""
    path = tmp_path / "log.sqlite3"
    signals = (viewed, post_save, pre_save, post_init)
    for signal in signals:
        signal.connect(listens)
    log = open_log(f"sqlite://{path}", writer=True)
    recorder.start(log)
    try:
        user = get_user_model().objects.create_user("penelope", "penelope@ithaca.example", "weaves-by-night")
        client = Client()
        client.post("/accounts/login/", {"username": "penelope", "password": "weaves-by-night"})
        session = client.session.session_key
        Client().post("/accounts/password_reset/", {"email": "penelope@ithaca.example"})
        reset = re.search(r"/accounts/reset/(\S+)/(\S+)/", mail.outbox[-1].body)
        Client().get(reset.group(0))
        token_model.objects.create(key="0123456789abcdef-token")
        Client().get("/items/path-secret/?query=query-secret")
        viewed.send("event", card="4111-1111", instance=user, created="created-secret", using="using-secret")
        recorder.flush()
    finally:
        recorder.stop()
        log.close()
        for signal in signals:
            signal.disconnect(listens)
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert session
    assert b"accounts.User" in written
    assert b"accounts/reset/<uidb64>/<token>/" in written
    secrets = [
        session,
        reset.group(2),
        "0123456789abcdef-token",
        "weaves-by-night",
        "penelope",
        "path-secret",
        "query-secret",
        "4111-1111",
        "created-secret",
        "using-secret",
    ]
    assert [secret for secret in secrets if secret.encode() in written] == []
