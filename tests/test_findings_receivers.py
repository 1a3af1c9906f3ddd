"""Rules about what receivers do: each with its fault and its near misses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db.models.signals import post_save
from written import NAME, Package

from signalgraph.findings.code import read_code

HEAD = """
import time
from functools import partial, wraps
from django.core.mail import EmailMessage, send_mail
from django.db import transaction
from django.db.models.signals import m2m_changed, post_save, pre_save
from django.dispatch import Signal, receiver
from legacy.models import Note, NoteCopy
from library.models import Book

rung = Signal()
"""


def find(attic: Package, rule: str, text: str, module: str = "receivers") -> list[str]:
    attic.load(module, HEAD + "\n" + text)
    return attic.subjects(rule)


def on(signal: str, body: str, head: str = "def hear(instance, **kwargs):", sender: str = "Note") -> str:
    """A receiver with this body, one line of it for each semicolon-free line given."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"@receiver({signal}, sender={sender})\n{head}\n{lines}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def hear(sender, signal): pass\nrung.connect(hear)", "a dispatch of rung with an argument"),
        ("def hear(sender): pass\nrung.connect(hear)", "can't be given signal"),
        (
            "class Ear:\n    def hear(self): pass\near = Ear()\nrung.connect(ear.hear)",
            "can't be given signal and sender",
        ),
        (
            "class Ear:\n    def __call__(self, sender, signal): pass\near = Ear()\nrung.connect(ear)",
            "with an argument",
        ),
        ("def hear(x, sender, signal): pass\near = partial(hear, 1)\nrung.connect(ear)", "with an argument"),
    ],
    ids=["function", "not even these", "method", "callable object", "partial"],
)
def test_a_receiver_without_kwargs_is_named(attic: Package, settings: Any, text: str, said: str) -> None:
    """SG104. Django refuses it in DEBUG; without, it is connected."""
    settings.DEBUG = False
    attic.load("receivers", HEAD + text)
    (found,) = attic.find("SG104")
    assert said in found.sentence


@pytest.mark.parametrize(
    "text",
    [
        "def hear(**kwargs): pass\nrung.connect(hear)",
        "class Ear:\n    def hear(self, **kwargs): pass\near = Ear()\nrung.connect(ear.hear)",
        "def wrap(f):\n    @wraps(f)\n    def run(**kwargs): return f()\n    return run\n"
        "@wrap\ndef hear(): pass\nrung.connect(hear)",
        "rung.connect(dict)",
    ],
    ids=["function", "method", "wrapper that takes them", "written in C"],
)
def test_a_receiver_that_takes_anything_is_not_named(attic: Package, settings: Any, text: str) -> None:
    """What counts is what is called, not what a decorator wraps; what is no Python isn't judged."""
    settings.DEBUG = False
    assert find(attic, "SG104", text) == []


@pytest.mark.parametrize(
    "body",
    [
        "NoteCopy.objects.create(note=instance)",
        "instance.notecopy_set.create(text='')",
        "instance.lines.create(text='')",
        "book = Book()\nbook.categories.create(name='')",
        "NoteCopy.objects.using('default').get_or_create(note=instance)",
        "other = Note()\nother.save()",
        "NoteCopy.objects.bulk_create([])",
        "if kwargs['created']:\n    NoteCopy.objects.create(note=instance)",
    ],
)
@pytest.mark.parametrize("signal", ["pre_save", "post_save"])
def test_a_write_without_a_look_at_raw_is_named(attic: Package, signal: str, body: str) -> None:
    """SG105. `created` is no guard: rows of a fixture are created."""
    assert find(attic, "SG105", on(signal, body)) == ["receivers.hear"]


CREATE = "NoteCopy.objects.create(note=instance)"


@pytest.mark.parametrize(
    "text",
    [
        on("post_save", f"if kwargs['raw']: return\n{CREATE}"),
        on("post_save", f"if kwargs.get('raw', False): return\n{CREATE}"),
        on("post_save", f"if not raw: {CREATE}", "def hear(instance, raw, **kwargs):"),
        on("post_save", f"if is_fixture(**kwargs): return\n{CREATE}")
        + "def is_fixture(**kwargs): return kwargs['raw']",
        on("post_save", f"if is_fixture(kwargs): return\n{CREATE}") + "def is_fixture(kwargs): return kwargs['raw']",
        "def guarded(f):\n    @wraps(f)\n    def run(**kwargs): return kwargs['raw'] or f(**kwargs)\n    return run\n"
        + on("post_save", CREATE, "@guarded\ndef hear(instance, **kwargs):"),
        on("post_save", "instance.text = 'x'"),
        on("post_save", "instance.cover.save('name', b'')"),
        on("post_save", "dict(x=1).update(y=2)"),
        "class shops:\n    class Customer:\n        create = print\n" + on("post_save", "shops.Customer.create()"),
        on("post_save", "client = list()\nclient.messages.create(to='')"),
        on("rung", CREATE),
        on("m2m_changed", CREATE),
        on("post_save", "pass", "def hear(instance, raw, **kwargs):"),
    ],
    ids=[
        "subscript",
        "get",
        "parameter",
        "kwargs handed on",
        "kwargs handed on whole",
        "decorator",
        "no write",
        "a file's save",
        "a dict's update",
        "another create",
        "a create of a client",
        "own signal",
        "m2m_changed",
        "nothing done",
    ],
)
def test_a_receiver_that_is_guarded_or_writes_nothing_is_not_named(attic: Package, text: str) -> None:
    """Or may be guarded by what it is handed to."""
    assert find(attic, "SG105", text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (on("post_save", "instance.save()"), "nothing stops the loop"),
        (on("pre_save", "instance.save(update_fields=['text'])"), "nothing stops the loop"),
        (on("post_save", "kwargs['instance'].save()", "def hear(**kwargs):"), "nothing stops the loop"),
        (on("post_save", "note = instance\nnote.save()"), "nothing stops the loop"),
        (on("post_save", "if kwargs['created']:\n    instance.save()"), "A condition stops the loop"),
        (on("post_save", "if instance.touched: return\ninstance.save()"), "A condition stops the loop"),
        (on("post_save", "with muted(post_save):\n    instance.save()"), "A condition stops the loop"),
        (on("post_save", "with transaction.atomic():\n    instance.save()"), "nothing stops the loop"),
        (
            on(
                "post_save",
                "post_save.disconnect(hear, sender=Note)\ninstance.save()\npost_save.connect(hear, sender=Note)",
            ),
            "It disconnects itself",
        ),
    ],
    ids=["bare", "update_fields", "kwargs", "another name", "created", "early return", "muted", "atomic", "disconnect"],
)
def test_a_receiver_that_saves_its_own_instance_is_named(attic: Package, text: str, said: str) -> None:
    """SG112, with what keeps it from a loop."""
    attic.load("receivers", HEAD + text)
    (found,) = attic.find("SG112")
    assert said in f"{found.sentence} {found.detail}"


@pytest.mark.parametrize(
    "text",
    [
        on("post_save", "Note.objects.filter(pk=instance.pk).update(text='')"),
        on("post_save", "instance.author.save()"),
        on("post_save", "copy = NoteCopy(note=instance)\ncopy.save()"),
        on("post_save", "instance = instance.note\ninstance.save()", "def hear(instance, **kwargs):"),
        on("m2m_changed", "instance.save()"),
        on("post_save", "def later():\n    instance.save()\ntransaction.on_commit(later)"),
        on("rung", "instance.save()"),
        on("pre_save", "instance.text = instance.text.strip()"),
    ],
    ids=[
        "update",
        "a related row",
        "another row",
        "the name of another row",
        "m2m_changed",
        "after the commit",
        "own signal",
        "sets a field",
    ],
)
def test_saving_something_else_is_not_named(attic: Package, text: str) -> None:
    """Or at another time."""
    assert find(attic, "SG112", text) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("send_mail('', '', None, [])", "sends mail"),
        ("EmailMessage('').send()", "sends mail"),
        ("message = EmailMessage('')\nmessage.send()", "sends mail"),
        ("instance.author.email_user('', '')", "sends mail"),
        ("import requests\nrequests.post('https://example.com')", "asks another server"),
        ("from urllib.request import urlopen\nurlopen('https://example.com')", "asks another server"),
        ("time.sleep(1)", "sleeps"),
        ("import subprocess\nsubprocess.run(['true'])", "waits for a program"),
        ("tell(instance)", "sends mail"),
    ],
)
def test_a_receiver_that_waits_for_the_world_outside_is_named(attic: Package, body: str, said: str) -> None:
    """SG113: what it does itself, and what a function of the project that it calls does."""
    text = "def tell(note):\n    send_mail('', '', None, [])\n" + on("post_save", body)
    attic.load("receivers", HEAD + text)
    (found,) = attic.find("SG113")
    assert f"{said} in post_save" in found.sentence


LATER = """
def later(function):
    @wraps(function)
    def put_off(*args, **kwargs): transaction.on_commit(partial(function, *args, **kwargs))
    return put_off
"""


@pytest.mark.parametrize(
    "text",
    [
        on("post_save", "transaction.on_commit(partial(send_mail, '', '', None, []))"),
        on("post_save", "transaction.on_commit(lambda: send_mail('', '', None, []))"),
        on("post_save", "def later():\n    send_mail('', '', None, [])\ntransaction.on_commit(later)"),
        on("rung", "send_mail('', '', None, [])"),
        on("post_save", "instance.send()"),
        on("post_save", "send_mail.delay()"),
        on("post_save", "time.time()"),
        "class time:\n    @staticmethod\n    def sleep(seconds): pass\n" + on("post_save", "time.sleep(1)"),
        LATER + on("post_save", "send_mail('', '', None, [])", "@later\ndef hear(instance, **kwargs):"),
        LATER + "@later\ndef tell(): send_mail('', '', None, [])\n" + on("post_save", "tell()"),
    ],
    ids=[
        "partial",
        "lambda",
        "function",
        "own signal",
        "another send",
        "a task",
        "the time",
        "another sleep",
        "a decorator that puts off",
        "a function with such a decorator",
    ],
)
def test_what_is_put_off_or_only_sounds_alike_is_not_named(attic: Package, text: str) -> None:
    """A name counts for what it stands for in its module."""
    assert find(attic, "SG113", text) == []


ASYNC = "async def hear(instance=None, **kwargs):"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("time.sleep(1)", "the event loop stands still"),
        ("import requests\nrequests.get('https://example.com')", "the event loop stands still"),
        ("wait()", "the event loop stands still"),
        ("Note.objects.filter(pk=1).first()", "SynchronousOnlyOperation"),
        ("instance.save()", "SynchronousOnlyOperation"),
    ],
)
def test_a_coroutine_that_blocks_is_named(attic: Package, body: str, said: str) -> None:
    """SG114: itself, or in a function of the project that it calls."""
    attic.load("receivers", HEAD + "def wait():\n    time.sleep(1)\n" + on("rung", body, ASYNC))
    (found,) = attic.find("SG114")
    assert said in found.sentence


@pytest.mark.parametrize(
    "text",
    [
        on("rung", "import asyncio\nawait asyncio.sleep(1)", ASYNC),
        on("rung", "await Note.objects.filter(pk=1).afirst()", ASYNC),
        on("rung", "await instance.asave()", ASYNC),
        on("rung", "from asgiref.sync import sync_to_async\nawait sync_to_async(time.sleep)(1)", ASYNC),
        on("rung", "from asgiref.sync import sync_to_async\nawait sync_to_async(Note.objects.first)()", ASYNC),
        on("rung", "notes = Note.objects.filter(pk=1)", ASYNC),
        on("rung", "time.sleep(1)"),
    ],
    ids=["awaits", "afirst", "asave", "on a thread", "query on a thread", "a query that isn't run", "no coroutine"],
)
def test_a_coroutine_that_awaits_is_not_named(attic: Package, text: str) -> None:
    """What is handed to a thread is not called on the loop."""
    assert find(attic, "SG114", text) == []


def test_source_that_cannot_be_read_is_not_judged(attic: Package) -> None:
    """Gone, changed since it was loaded, or broken: no finding, and no error."""
    attic.load("receivers", HEAD + on("post_save", "instance.save()"))
    path = attic.folder / "receivers.py"
    for text in ("def hear(:", "x = 1\n" * 40, HEAD + "\n\n\n" + on("post_save", "instance.save()")):
        path.write_text(text)
        assert attic.subjects("SG112") == []
    path.unlink()
    assert attic.subjects("SG112") == []


def test_what_python_warns_of_in_a_source_is_not_told_again(attic: Package, recwarn: pytest.WarningsRecorder) -> None:
    """It was told to whoever imported the file; each check would tell it again, for installed packages too."""
    attic.load("receivers", HEAD + on("post_save", "instance.save()"))
    path = attic.folder / "receivers.py"
    path.write_text(path.read_text() + 'DIGITS = "\\d"\n')
    assert attic.subjects("SG112") == ["receivers.hear"]
    assert not recwarn.list


def test_rules_of_style_leave_installed_packages_alone(attic: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless they are asked to judge them as if they were the project's own."""
    attic.load("receivers", HEAD + on("post_save", "instance.save()"))
    monkeypatch.setattr("signalgraph.findings.sources.is_installed", lambda file: f"/{NAME}/" in file)
    assert attic.find("SG112") == []
    assert len(attic.find("SG112", packages=True)) == 1


def test_nothing_of_the_project_is_run(attic: Package) -> None:
    """Neither receivers nor `==`, `hash`, `repr` or attributes of what they are made of."""
    text = """
    class Trap:
        def __call__(self, **kwargs): raise AssertionError("called")
        def __getattribute__(self, name):
            if re.match("__(self|func|wrapped|class)__", name): raise AttributeError(name)
            return object.__getattribute__(self, name)
        def __eq__(self, other): raise AssertionError("compared")
        def __hash__(self): return 1
        def __repr__(self): raise AssertionError("shown")
    trap = Trap()
    rung.connect(trap, sender=Note, weak=False)
    post_save.connect(trap, sender=Note)
    """
    attic.load("receivers", "import re\n" + HEAD + re.sub("^    ", "", text, flags=re.MULTILINE))
    code = read_code()
    assert [row.info.receiver for row in code.rows if row.signal is post_save and NAME in row.info.receiver] != []
    for rule in ("SG101", "SG102", "SG103", "SG104", "SG105", "SG106", "SG109", "SG110", "SG112", "SG113", "SG114"):
        assert attic.find(rule) == []
