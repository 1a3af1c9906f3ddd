"""No value of an argument, no key of a session, no token and no path reaches the log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.signals import request_started
from django.db import connection, models
from django.db.models import TextChoices
from django.db.models.signals import ModelSignal, post_init, post_save, pre_save
from django.dispatch import Signal
from django.test import Client, override_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from signalgraph import recorder, redaction
from signalgraph.blobs import decode_dispatches
from signalgraph.events import Batch
from signalgraph.log import open_log
from signalgraph.recorder import causes, faults, patches
from tests import zoo
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


def written_in(folder: Path) -> bytes:
    """All that is in the files of a log, and all that they hold once it is decoded."""
    files = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    log = open_log(f"sqlite://{folder}/log.sqlite3", writer=False)
    try:
        entries = [entry for _, entry in log.read(limit=100_000).entries]
        decoded = [decode_dispatches(entry) for entry in entries if isinstance(entry, Batch)]
        return files + msgspec.json.encode([entries, decoded, log.heartbeats()])
    finally:
        log.close()


def forms(value: object) -> list[bytes]:
    """How a value would stand in a file: as text, or as the bytes that msgpack and SQLite make of a number."""
    if isinstance(value, int):
        return [str(value).encode(), value.to_bytes(8, "big"), value.to_bytes(8, "little")]
    if isinstance(value, float):
        return [repr(value).encode(), struct.pack(">d", value), struct.pack("<d", value)]
    return [str(value).encode(), repr(value).encode()]


def found(secrets: list[object], written: bytes) -> list[object]:
    return [secret for secret in secrets if any(form in written for form in forms(secret))]


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Callable[[], bytes]]:
    """Records; gives all that the log holds by then. Nothing of the recorder may fail meanwhile."""
    log = open_log(f"sqlite://{tmp_path}/log.sqlite3", writer=True)
    faults.counted.clear()

    def read() -> bytes:
        recorder.flush()
        return written_in(tmp_path)

    recorder.start(log)
    try:
        yield read
    finally:
        recorder.stop()
        log.close()
        causes.CURRENT.set(causes.NONE)  # requests that a test has started and nobody ended
    assert faults.counted == {}


def raises(sender, **kwargs):
    raise Exception.__new__(zoo.TrapError, zoo.MARK)


async def waits(sender, **kwargs):
    return zoo.MARK


def dispatched(signal: Signal, method: str, sender: Any, named: dict[str, Any]) -> tuple[object, list[str]]:
    """What a dispatch answers, by name, and the methods of the zoo that it ran."""
    zoo.RAN.clear()
    try:
        responses: Any = getattr(signal, method)(sender, **named)
        if method.startswith("a"):
            # asyncio.run writes the result's repr, to find out whether SIGINT has a handler.
            with contextlib.closing(asyncio.new_event_loop()) as loop:
                responses = loop.run_until_complete(responses)
        answer: object = [(receiver.__name__, type(value)) for receiver, value in responses]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        answer = type(error)
    return answer, list(zoo.RAN)


FLAGS = {"instance": zoo.MARK, "created": zoo.MARK, "raw": zoo.NUMBER, "using": zoo.MARK, "update_fields": [zoo.MARK]}
SENDERS = [None, zoo.Loud, zoo.Trap, object.__new__(zoo.Loud), str.__new__(zoo.TrapText, "shop"), zoo.lazily]


@pytest.mark.parametrize("method", ["send", "send_robust", "asend", "asend_robust"])
@pytest.mark.parametrize("kind", [Signal, ModelSignal])
@pytest.mark.parametrize("use_caching", [False, True])
def test_whatever_the_arguments_are_nothing_of_them_is_run_or_written(
    recorded: Callable[[], bytes], method: str, kind: type[Signal], use_caching: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers are plain Django's, no method runs that plain Django doesn't run, and no file holds a value."""
    monkeypatch.setattr(logging.getLogger("django.dispatch"), "disabled", True)  # it writes the text of errors
    signal = kind(use_caching=use_caching)
    for receiver in (listens, waits, raises):
        signal.connect(receiver)

    def sweep() -> list[tuple[object, list[str]]]:
        each = [(zoo.Loud, {name: value}) for name, value in (*zoo.values().items(), *FLAGS.items())]
        cases = [*each, *((sender, zoo.values()) for sender in SENDERS)]
        return [dispatched(signal, method, sender, named) for sender, named in cases]

    recording = sweep()
    patches.uninstall()
    plain = sweep()
    assert recording == plain
    written = recorded()
    assert b"TrapError" in written
    assert found([zoo.MARK, zoo.NUMBER, float(zoo.NUMBER)], written) == []


LETTERS = st.text(st.sampled_from("abc é\U0001f600\udcff\0"), max_size=5)
LEAVES = st.one_of(
    LETTERS.map(lambda text: f"{text}{zoo.MARK}{text}"),
    LETTERS.map(lambda text: text.encode("utf-8", "surrogatepass") + zoo.MARK.encode()),
    st.sampled_from([zoo.NUMBER, float(zoo.NUMBER), Decimal(zoo.NUMBER), Path(zoo.MARK), LookupError(zoo.MARK)]),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(LETTERS.map(zoo.MARK.__add__), inner, max_size=2),
        st.builds(lambda **attributes: SimpleNamespace(**attributes), value=inner, pk=inner, id=inner),
    ),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["instance", "created", "raw", "using", "update_fields", "pk_set", "action", "environ", "scope", "x"]
)
SIGNALS = [Signal(), ModelSignal(), request_started, viewed]


def test_no_value_of_any_shape_is_written(recorded: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever argument it is handed over as, of whichever signal, by a model too."""
    monkeypatch.setattr(logging.getLogger("django.dispatch"), "disabled", True)

    @settings(
        max_examples=100, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(st.sampled_from(SIGNALS), st.dictionaries(NAMES, ANYTHING, min_size=1, max_size=3), st.booleans())
    def send(signal: Signal, named: dict[str, Any], by_a_model: bool) -> None:
        signal.send_robust(sender=get_user_model() if by_a_model else zoo.Loud, **named)

    for signal in SIGNALS:
        signal.connect(listens)
    try:
        send()
    finally:
        for signal in SIGNALS:
            signal.disconnect(listens)
    written = recorded()
    assert b"accounts.User" in written
    assert found([zoo.MARK, zoo.NUMBER, float(zoo.NUMBER)], written) == []


def test_an_instance_is_not_asked_for_anything(recorded: Callable[[], bytes], token_model) -> None:
    """A `__str__` that queries, a deferred field, a key that is a token, a property: none is touched."""
    for signal in (pre_save, post_save, post_init):
        signal.connect(listens)
    queries: list[str] = []
    token_model.__str__ = lambda self: queries.append("str") or str(token_model.objects.count())
    token_model.pk_seen = property(lambda self: queries.append("pk_seen"))
    try:
        token_model.objects.create(key=f"{zoo.MARK}-1")
        token_model(f"{zoo.MARK}-2").save(force_insert=True)
        user = get_user_model().objects.create_user(zoo.MARK, password=zoo.MARK)
        deferred = get_user_model().objects.defer("username", "password").get()
        deferred.save(update_fields=["email"])
        post_save.send(token_model, instance=token_model(zoo.MARK), created=True, using="default", raw=False)
        huge = get_user_model()(pk=10**5_000)  # as text it would be an error
        post_save.send(type(huge), instance=huge, created=False, raw=True, using="default", update_fields=None)
    finally:
        for signal in (pre_save, post_save, post_init):
            signal.disconnect(listens)
    written = recorded()
    assert queries == []
    assert not {"username", "password"} & deferred.__dict__.keys()
    assert f'"pk":"{user.pk}"'.encode() in written
    assert b'"pk":"10' not in written
    assert b'"update_fields":["email"]' in written
    assert found([zoo.MARK], written) == []


def test_what_is_captured_is_what_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, of one signal or of all; a secret's name and a pattern hide it; of an object only the type is told."""
    monkeypatch.setattr(redaction, "_rules", redaction.Redaction([*redaction.DEFAULT, "/[0-9]{12,}/"]))
    asked = ["amount", "note", "x", "api_token", "order.status", "order.secret", "nowhere.*:other", "*ViewSignal*:y"]
    log = open_log(f"sqlite://{tmp_path}/log.sqlite3", writer=True)
    recorder.start(log, capture=[*asked, "error.message"])
    viewed.connect(raises_a_text)
    order = SimpleNamespace(status=Status.PAID, secret=zoo.MARK)
    values = {"amount": Decimal("3.10"), "note": "card 4111111111111111", "api_token": "t", "order": order}
    try:
        viewed.send_robust(zoo.Loud, other="o", **values)
        for value in zoo.values().values():
            zoo.RAN.clear()
            viewed.send_robust(zoo.Loud, x=value, order=value)
            assert zoo.RAN == []
        recorder.flush()
        entries = [entry for _, entry in log.read().entries if isinstance(entry, Batch)]
        facts = [dispatch.facts for entry in entries for dispatch in decode_dispatches(entry)]
    finally:
        viewed.disconnect(raises_a_text)
        recorder.stop()
        log.close()
    shown = {"amount": "3.10", "note": "card (redacted)", "api_token": "(redacted)"}
    shown |= {"order.status": "paid", "order.secret": "(redacted)", "error.message 1": "no stock of (redacted)"}
    assert facts[0] == shown
    told = dict(zip(zoo.values(), (each.get("x") for each in facts[1:]), strict=True))
    assert told["text"] == zoo.MARK
    assert told["number"] == "(redacted)"
    assert told["huge"] == (zoo.MARK * 10)[:199] + "…"
    assert (told["data"], told["many"], told["recursive"]) == ("24 bytes", "list of 1000", "list of 2")
    for name in ("trap", "trap_text", "trap_int", "trap_dict", "lazy_object", "lazy_text", "generator", "error"):
        assert str(told[name]).startswith("<"), name


@pytest.mark.urls("tests.recorded_urls")
def test_a_raw_path_is_told_where_it_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a request as its cause; never the query, and not what a pattern hides."""
    monkeypatch.setattr(redaction, "_rules", redaction.Redaction(["/[0-9]{4,}/"]))
    log = open_log(f"sqlite://{tmp_path}/log.sqlite3", writer=True)
    recorder.start(log, capture=["request.path"])
    viewed.connect(listens)
    try:
        Client().get("/items/é-12345/?query=secret")
        recorder.flush()
        [cause] = [cause for _, entry in log.read().entries if isinstance(entry, Batch) for cause in entry.causes]
    finally:
        viewed.disconnect(listens)
        recorder.stop()
        log.close()
    assert cause.path == "/items/é-(redacted)/"


class Status(TextChoices):
    PAID = "paid"


def raises_a_text(sender, **kwargs):
    raise LookupError("no stock of 4006381333931")
