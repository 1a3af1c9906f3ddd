"""Rules about how receivers are connected: each has its fault, and what looks like it and is none."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
from django.apps import apps
from written import Package

HEAD = """
from functools import partial, wraps
from django.db.models.signals import class_prepared, post_save, pre_save
from django.dispatch import Signal, receiver
from legacy.models import Note

rung = Signal()
"""


def find(attic: Package, rule: str, text: str, module: str = "receivers") -> list[str]:
    attic.load(module, HEAD + "\n" + text)
    return attic.subjects(rule)


SAME = "def hear(**kwargs): pass\n"


@pytest.mark.parametrize(
    "text",
    [
        "def connect():\n    def hear(**kwargs): pass\n    rung.connect(hear, weak=False)\nconnect()\nconnect()",
        SAME + "rung.connect(hear)\nrung.connect(hear, sender=Note)",
        SAME + "rung.connect(hear, dispatch_uid='a')\nrung.connect(hear, dispatch_uid='b')",
        "def add(kind, **kwargs): pass\n"
        "for _ in range(2):\n    rung.connect(partial(add, kind='x'), sender=Note, weak=False)",
        "class Ear:\n    def hear(self, **kwargs): pass\n"
        "ear = Ear()\nrung.connect(ear.hear)\nrung.connect(ear.hear, sender=Note)",
    ],
    ids=["a new function each time", "any sender and one", "two uids", "equal partials", "one method of one object"],
)
def test_a_receiver_that_runs_twice_is_named(attic: Package, text: str) -> None:
    """Whatever keeps the rows apart for Django: SG101 looks at what runs."""
    attic.load("receivers", HEAD + SAME + text)
    (found,) = attic.find("SG101")
    assert "runs twice each time" in found.sentence


@pytest.mark.parametrize(
    "text",
    [
        SAME + "rung.connect(hear)\nrung.connect(hear)",
        SAME + "rung.connect(hear, sender=Note)\nrung.connect(hear, sender=int)",
        SAME + "rung.connect(hear)\npost_save.connect(hear, sender=Note)",
        "def make(kind):\n    def hear(**kwargs): print(kind)\n    return hear\n"
        "ears = [make(Note), make(int)]\n[rung.connect(ear) for ear in ears]",
        "def make(kind):\n    def hear(kind=kind, **kwargs): pass\n    return hear\n"
        "ears = [make(Note), make(int)]\n[rung.connect(ear) for ear in ears]",
        "def add(kind, **kwargs): pass\n"
        "for kind in 'xy':\n    rung.connect(partial(add, kind=kind), sender=Note, weak=False)",
        "class Ear:\n    def hear(self, **kwargs): pass\n"
        "ears = [Ear(), Ear()]\n[rung.connect(ear.hear) for ear in ears]",
    ],
    ids=[
        "Django sees it",
        "two senders",
        "two signals",
        "another closure",
        "another default",
        "another argument",
        "methods of two objects",
    ],
)
def test_receivers_that_only_look_alike_are_not_named(attic: Package, text: str) -> None:
    """The same code around other objects does another thing."""
    assert find(attic, "SG101", text) == []


def test_a_file_that_is_imported_under_two_names_is_named(attic: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `shop.receivers` and as `receivers`, say, where both folders are on the path."""
    attic.load("receivers", HEAD + SAME + "@receiver(pre_save)\ndef count(**kwargs): pass")
    monkeypatch.syspath_prepend(attic.folder)
    monkeypatch.delitem(sys.modules, "receivers", raising=False)
    importlib.import_module("receivers")
    (found,) = attic.find("SG101")
    assert found.sentence == "attic.receivers.count runs twice each time a sender sends pre_save."
    assert found.detail == "Its file was imported as attic.receivers and as receivers, and connects at each import."
    monkeypatch.delitem(sys.modules, "receivers")


def test_a_double_connect_is_shown_with_the_calls_that_made_it(attic: Package) -> None:
    """The connect is in a function: who called it twice is what must be put right."""
    attic.load("receivers", HEAD + "def connect():\n    def hear(**kwargs): pass\n    rung.connect(hear, weak=False)")
    attic.load("first", "from . import receivers\nreceivers.connect()")
    attic.load("second", "from .receivers import connect\nconnect()")
    (found,) = attic.find("SG101")
    assert [one.at for one in found.evidence if one.kind == "code"] == ["attic/first.py:2", "attic/second.py:2"]


TWO = "def one(**kwargs): pass\ndef two(**kwargs): pass\n"


@pytest.mark.parametrize(
    "text",
    [
        TWO + "rung.connect(one, dispatch_uid='x')\nrung.connect(two, dispatch_uid='x')",
        TWO + "UID = 'x'\nrung.connect(one, Note, dispatch_uid=UID)\nrung.connect(two, Note, dispatch_uid=UID)",
        "@receiver(rung, dispatch_uid='x')\ndef one(**kwargs): pass\n"
        "@receiver(rung, dispatch_uid='x')\ndef two(**kwargs): pass",
        TWO
        + "def connect():\n    rung.connect(one, dispatch_uid='x')\n    rung.connect(two, dispatch_uid='x')\nconnect()",
        TWO + "post_save.connect(one, sender='legacy.Note', dispatch_uid='x')\n"
        "post_save.connect(two, sender='legacy.Note', dispatch_uid='x')",
    ],
    ids=["text", "constant", "decorator", "in a function that was called", "lazy sender"],
)
def test_a_connect_whose_uid_is_taken_is_named(attic: Package, text: str) -> None:
    """Django says nothing: SG102 finds that the second one is not there."""
    assert find(attic, "SG102", text) == ["receivers.two"]


@pytest.mark.parametrize(
    "text",
    [
        TWO + "rung.connect(one, dispatch_uid='x')\nrung.connect(one, dispatch_uid='x')",
        TWO + "rung.connect(one, dispatch_uid='x')\nrung.connect(two, dispatch_uid='y')",
        TWO + "rung.connect(one, Note, dispatch_uid='x')\nrung.connect(two, int, dispatch_uid='x')",
        TWO + "rung.connect(one, dispatch_uid='x')\npre_save.connect(two, dispatch_uid='x')",
        TWO + "if HEAD:\n    rung.connect(one, dispatch_uid='x')\nelse:\n    rung.connect(two, dispatch_uid='x')",
        TWO + "rung.connect(one, dispatch_uid='x')\ndef later():\n    rung.connect(two, dispatch_uid='x')",
        TWO
        + "rung.connect(one, dispatch_uid='x')\nrung.disconnect(dispatch_uid='x')\nrung.connect(two, dispatch_uid='x')",
    ],
    ids=[
        "same receiver",
        "other uid",
        "other sender",
        "other signal",
        "either or",
        "not called",
        "disconnected before",
    ],
)
def test_a_uid_that_is_used_again_rightly_is_not_named(attic: Package, text: str) -> None:
    """Nor a connect of which it isn't certain that it ran."""
    assert find(attic, "SG102", "HEAD = True\n" + text) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("def go():\n    def hear(**kwargs): pass\n    rung.connect(hear)\ngo()", "receivers.go.<locals>.hear"),
        ("def go():\n    @receiver(rung)\n    def hear(**kwargs): pass\ngo()", "receivers.go.<locals>.hear"),
        ("@receiver(rung, sender=Note)\ndef hear(**kwargs): pass\n\n@receiver(rung)\n" + SAME, "receivers.hear"),
        (
            "for kind in (Note, Signal):\n    @receiver(rung, sender=kind)\n    def hear(**kwargs): pass",
            "receivers.hear",
        ),
        ("rung.connect(lambda **kwargs: None)", "receivers.<lambda>"),
        ("def go():\n    hear = lambda **kwargs: None\n    rung.connect(hear)\ngo()", "receivers.go.<locals>.<lambda>"),
        (SAME + "rung.connect(partial(hear, kind=3))", "partial(attic.receivers.hear)"),
        ("class Ear:\n    def hear(self, **kwargs): pass\nrung.connect(Ear().hear)", "receivers.Ear.hear"),
        ("class Ear:\n    def __call__(self, **kwargs): pass\nrung.connect(Ear())", "receivers.Ear()"),
        (
            "class Ear:\n    def hear(self, **kwargs): pass\n"
            "def go():\n    ear = Ear()\n    rung.connect(ear.hear)\ngo()",
            "receivers.Ear.hear",
        ),
    ],
    ids=[
        "function",
        "decorated",
        "a name that is given again",
        "a name that a loop gives again",
        "lambda",
        "named lambda",
        "partial",
        "method",
        "callable object",
        "method of a local",
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_a_receiver_that_nothing_holds_is_named(
    attic: Package, settings: Any, text: str, name: str, debug: bool
) -> None:
    """Also where DEBUG keeps it alive, by the cache of Django's check of its signature."""
    settings.DEBUG = debug
    assert find(attic, "SG103", text) == [name]


@pytest.mark.parametrize(
    "text",
    [
        SAME + "rung.connect(hear)",
        "@receiver(rung, sender=Note, weak=False)\ndef hear(**kwargs): pass\n\n@receiver(rung)\n" + SAME,
        "@receiver(rung, sender=Note)\ndef hear(**kwargs): pass\nfirst = hear\n\n@receiver(rung)\n" + SAME,
        "if Note:\n    @receiver(rung)\n    def hear(**kwargs): pass\n"
        "else:\n    @receiver(rung)\n    def hear(**kwargs): pass",
        "for kind in (Note,):\n    @receiver(rung, sender=kind)\n    def hear(**kwargs): pass",
        "def make():\n    def hear(**kwargs): pass\n    return hear\nears = [make(), make()]\n"
        "for ear in list(ears):\n    rung.connect(ear)",
        "def go():\n    def hear(**kwargs): pass\n    rung.connect(hear, weak=False)\ngo()",
        "def go():\n    def hear(**kwargs): pass\n    rung.connect(hear)\n    return hear\nkept = go()",
        "def go():\n    def hear(**kwargs): pass\n    rung.connect(hear)\n    KEPT.append(hear)\nKEPT = []\ngo()",
        "def go():\n    def hear(**kwargs): pass\n    rung.connect(hear)\n    rung.disconnect(hear)\ngo()",
        "def go():\n    def hear(**kwargs): pass\n    rung.connect(hear)\n    rung.send(None)\ngo()",
        "def go():\n    def hear(**kwargs): pass\n    rung.connect(hear)\n    yield\nfor _ in go(): pass",
        "def go():\n    global hear\n    def hear(**kwargs): pass\n    rung.connect(hear)\ngo()",
        "class Ear:\n    def hear(self, **kwargs): pass\near = Ear()\nrung.connect(ear.hear)",
        "class Ear:\n    ALL = []\n    def __init__(self): self.ALL.append(self)\n"
        "    def hear(self, **kwargs): pass\nrung.connect(Ear().hear)",
        "class Ear:\n    def __init__(self): rung.connect(self.hear)\n    def hear(self, **kwargs): pass\near = Ear()",
    ],
    ids=[
        "a module's",
        "a name that is given again, strong",
        "a name that is given again, held",
        "one name in two branches",
        "a loop's only one",
        "a loop over what can't be told",
        "strong",
        "returned",
        "handed on",
        "disconnected",
        "works meanwhile",
        "generator",
        "global",
        "held object",
        "object that keeps itself",
        "own method",
    ],
)
def test_a_receiver_that_lives_or_is_meant_to_end_is_not_named(attic: Package, settings: Any, text: str) -> None:
    """Something holds it, or it is only there for what its function does; with DEBUG on its cache holds it."""
    settings.DEBUG = True
    assert find(attic, "SG103", text) == []


def test_what_only_the_cache_of_debug_keeps_is_named_where_the_source_says_nothing(
    attic: Package, settings: Any
) -> None:
    """The garbage collector knows who holds it; the finding says why it is alive here."""
    settings.DEBUG = True
    made = "def make():\n    def hear(**kwargs): pass\n    return hear\ngetattr(rung, 'con' + 'nect')(make())"
    attic.load("receivers", HEAD + made)
    (found,) = attic.find("SG103")
    assert found.subject == "receiver:attic.receivers.make.<locals>.hear"
    assert "silent in production" in found.detail


def test_a_dead_row_of_which_nobody_knows_whose_it_is_is_told(attic: Package, settings: Any) -> None:
    """By its signal and sender."""
    settings.DEBUG = False
    made = (
        "def make():\n    def hear(**kwargs): pass\n    return hear\ngetattr(rung, 'con' + 'nect')(make(), sender=Note)"
    )
    attic.load("receivers", HEAD + made)
    (found,) = attic.find("SG103")
    assert found.sentence.startswith("A receiver of rung for legacy.Note is gone")


@pytest.mark.parametrize("weak", [True, False])
def test_a_connection_that_ended_with_its_sender_is_not_named(attic: Package, settings: Any, weak: bool) -> None:
    """A receiver for one object has nothing to hear once that is gone."""
    settings.DEBUG = False
    made = "def make():\n    def hear(**kwargs): pass\n    return hear\nclass Bell: pass\n"
    connect = f"getattr(rung, 'con' + 'nect')(make(), sender=Bell(), weak={weak})"
    attic.load("receivers", HEAD + made + connect)
    assert attic.find("SG103") == []


@pytest.fixture
def installed(attic: Package) -> Any:
    """The package as the only app; what its AppConfig and models module hold is written by the test."""

    def install(apps_py: str, models: str, **others: str) -> None:
        head = "from django.apps import AppConfig\n\nclass AtticConfig(AppConfig):\n    name = 'attic'\n"
        attic.write("apps", head + apps_py)
        attic.write("models", HEAD + models)
        for name, text in others.items():
            attic.write(name, HEAD + text)
        apps.set_installed_apps(["legacy", "attic"])

    yield install
    apps.unset_installed_apps()


READY = "    def ready(self):\n        from . import receivers\n"
NOTHING = "    pass\n"


@pytest.mark.parametrize(
    "models",
    [
        SAME + "post_save.connect(hear, sender=Note)",
        "@receiver(post_save, sender=Note)\ndef hear(**kwargs): pass",
        "from . import receivers\nreceivers.connect()",
    ],
    ids=["connect", "decorator", "through a function"],
)
def test_what_a_models_module_connects_is_named(installed: Any, attic: Package, models: str) -> None:
    """Importing models then has side effects: SG106."""
    installed(NOTHING, models, receivers=SAME + "def connect():\n    post_save.connect(hear, sender=Note)")
    assert [name.rpartition(".")[2] for name in attic.subjects("SG106")] == ["hear"]


@pytest.mark.parametrize(
    ("apps_py", "models"),
    [
        (READY, "def hear(**kwargs): pass"),
        (READY, "class Ear:\n    def hear(self):\n        post_save.connect(print, sender=Note)"),
        (NOTHING, SAME + "class_prepared.connect(hear)"),
    ],
    ids=["receivers module", "when a method is called", "class_prepared"],
)
def test_what_is_connected_when_it_is_time_is_not_named(
    installed: Any, attic: Package, apps_py: str, models: str
) -> None:
    """In ready(), later, or, for class_prepared, before the models."""
    installed(apps_py, models, receivers="@receiver(post_save, sender=Note)\ndef hear(**kwargs): pass")
    assert attic.subjects("SG106") == []


DECORATED = HEAD + "@receiver(post_save, sender=Note)\ndef count(**kwargs): pass\n"


def test_a_receiver_that_only_a_view_module_connects_is_named(installed: Any, attic: Package) -> None:
    """No AppConfig leads to it: a command runs without it (SG107)."""
    installed(NOTHING, "")
    attic.write("urls", "from . import views")
    attic.load("views", DECORATED)
    assert attic.subjects("SG107") == ["views.count"]


IMPORTING = "    def ready(self):\n        from importlib import import_module\n"


@pytest.mark.parametrize(
    ("apps_py", "others"),
    [
        ("    def ready(self):\n        from . import views\n", {}),
        ("    def ready(self):\n        import attic.views\n", {}),
        ("    def ready(self):\n        from . import more\n", {"more": "from . import (\n    views,\n)"}),
        ("    def ready(self):\n        __import__('importlib').import_module('attic.views')\n", {}),
        (IMPORTING + "        import_module(f'{self.name}.views')\n", {}),
        (IMPORTING + "        for name in ('views',):\n            import_module(f'{self.name}.{name}')\n", {}),
        (IMPORTING + "        path = self.name + '.views'\n        import_module(path)\n", {}),
    ],
    ids=[
        "from ready()",
        "by its full name",
        "through another module",
        "by a text",
        "by a text with a name in it",
        "by a text that ends with a name",
        "by a name",
    ],
)
def test_a_module_that_ready_leads_to_is_not_named(
    installed: Any, attic: Package, apps_py: str, others: dict[str, str]
) -> None:
    """Whatever it is called, and through whatever modules."""
    attic.write("views", DECORATED)
    installed(apps_py, "", **others)
    assert attic.subjects("SG107") == []


def test_a_lazy_sender_that_no_model_resolves_is_named_with_what_was_meant(attic: Package) -> None:
    """SG108: the app is there, the model is not."""
    attic.load("receivers", HEAD + SAME + "post_save.connect(hear, sender='legacy.Nota')")
    (found,) = attic.find("SG108")
    assert found.subject == "connection:legacy.nota|django.db.models.signals.post_save|attic.receivers.hear"
    assert "Did you mean legacy.Note?" in found.detail


def test_a_lazy_sender_of_an_app_that_is_not_there_says_so(attic: Package) -> None:
    """Nothing is guessed where nothing is near."""
    attic.load("receivers", HEAD + SAME + "post_save.connect(hear, sender='warehouse.Crate')")
    (found,) = attic.find("SG108")
    assert found.detail == "No app 'warehouse' is installed."


def test_a_lazy_sender_that_was_resolved_is_not_named(attic: Package) -> None:
    """In whatever case it is written."""
    assert find(attic, "SG108", SAME + "post_save.connect(hear, sender='legacy.note')") == []
