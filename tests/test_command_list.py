"""`manage.py signalgraph list` shows what is connected, to people and to programs."""

import gc
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db.models.signals import post_save
from django.dispatch import Signal

from signalgraph.management.commands import signalgraph as command_module
from signalgraph.registry import REGISTRY

HERE = __name__
rung = Signal()


def answer(**kwargs: object) -> None:
    """A receiver."""


async def answer_later(**kwargs: object) -> None:
    """An async receiver."""


class Keeper:
    def keep(self, **kwargs: object) -> None:
        """A receiver that dies with its instance."""


@pytest.fixture
def connections() -> Iterator[None]:
    """Two receivers in an order that is not alphabetical."""
    rung.connect(answer_later, weak=False, dispatch_uid="late")
    rung.connect(answer, sender=Group)
    yield
    rung.receivers.clear()


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("signalgraph", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("connections")
def test_receivers_stand_in_their_order_with_place_and_kind() -> None:
    """Number, name, sender, how it is held, async, uid, file and line."""
    text = run("list", HERE)
    line = answer.__code__.co_firstlineno
    assert text.startswith(f"{HERE}.rung\n   1  {HERE}.answer_later\n      from any sender, strong, async, uid late,")
    assert f"   2  {HERE}.answer\n      from auth.Group, weak, test_command_list.py:{line}\n" in text.replace(
        "tests/", ""
    )
    assert text.endswith("1 signal, 2 connections.\n")


@pytest.mark.usefixtures("connections")
def test_a_receiver_that_died_is_told_in_words(settings: Any) -> None:
    """With its sender and uid, which is all that is left of it."""
    settings.DEBUG = False
    keeper = Keeper()
    rung.connect(keeper.keep, sender=Group, dispatch_uid="lost")
    del keeper
    gc.collect()
    text = run("list", HERE, "rung")
    assert "DEAD  from auth.Group, uid lost: the receiver was held weakly and is gone" in text
    assert "1 dead" in text


def test_a_lazy_sender_that_never_came_is_told_in_words() -> None:
    """It is neither connected nor dead."""
    try:
        post_save.connect(answer, sender="shop.Vanished")
        text = " ".join(run("list", "vanished").split())
        assert f"WAITS {HERE}.answer: not connected, no model shop.vanished is loaded" in text
        assert "1 waiting for a model" in text
    finally:
        apps._pending_operations.pop(("shop", "vanished"), None)


def test_plumbing_is_left_out_unless_asked_for() -> None:
    """The last line says how much that is."""
    assert "django.db.close_old_connections" not in run("list")
    assert re.search(r"Not shown: \d+ of Django's own\s+connections", run("list"))
    assert "django.db.close_old_connections" in run("list", "--all")
    assert "Not shown" not in run("list", "--all")


@pytest.mark.usefixtures("connections")
def test_words_narrow_the_list_down() -> None:
    """All of them, in any of signal, sender and receiver, whatever their case."""
    assert f"{HERE}.answer\n" in run("list", "RUNG", "auth.group")
    assert f"{HERE}.answer_later" not in run("list", "RUNG", "auth.group")
    nothing, said = run("list", "nothing-has-this-name").splitlines()[:2]
    assert nothing == "0 signals, 0 connections."
    assert said == "No signal, sender or receiver has 'nothing-has-this-name' in its name."
    assert "has 'rugn' in its name; did you mean rung" in " ".join(run("list", "rugn", "group").split())
    assert "no connection has all of them" in run("list", "rung", "user")


def test_it_fits_80_columns_but_for_long_names() -> None:
    """A name is never broken, so that it can be copied; the name of a signal without one has spaces."""
    unnamed = [Signal()]
    # Held weakly it would keep the signal alive, as Django removes the receiver through it when that dies.
    unnamed[0].connect(answer, weak=False, dispatch_uid="a uid with spaces, of a line that has to be wrapped " * 2)
    text = run("list", "--all")
    inventory = REGISTRY.inventory()
    unnamed[0].receivers.clear()
    names = {info.receiver for info in inventory.connections} | {info.name for info in inventory.signals}
    long = [re.sub(r"^ +(\d+  )?", "", line) for line in text.splitlines() if len(line) > 80]
    assert "a uid with spaces" in text
    assert [line for line in long if " " in line and line not in names] == []


@pytest.mark.usefixtures("connections")
def test_json_is_the_whole_inventory() -> None:
    """Every signal and connection, in the documented shape."""
    data = json.loads(run("list", "--json"))
    assert list(data) == ["schema", "signals", "connections"]
    assert data["schema"] == 1
    assert len(data["connections"]) == len(REGISTRY.inventory().connections)
    assert [list(data["signals"][0]), list(data["connections"][0])] == [
        ["id", "name", "aliases", "class", "receivers"],
        [
            "signal",
            "sender",
            "receiver",
            "dispatch_uid",
            "weak",
            "async",
            "order",
            "file",
            "line",
            "sender_kind",
            "sender_instead",
        ],
    ]
    assert {
        "signal": f"{HERE}.rung",
        "sender": "auth.Group",
        "receiver": f"{HERE}.answer",
        "dispatch_uid": None,
        "weak": True,
        "async": False,
        "order": 2,
        "file": __file__,
        "line": answer.__code__.co_firstlineno,
        "sender_kind": "model",
        "sender_instead": "auth.Group.permissions.through",
    } in data["connections"]


def test_the_documented_shape_is_the_printed_one() -> None:
    """The example in the docs has exactly the fields that are printed."""
    docs = (Path(__file__).parent.parent / "docs/list-json.md").read_text()
    example = json.loads(docs.partition("```json\n")[2].partition("```")[0])
    data = json.loads(run("list", "--json"))
    assert list(example) == list(data)
    for part in ("signals", "connections"):
        assert list(example[part][0]) == list(data[part][0])


def test_without_a_subcommand_there_is_help() -> None:
    """It lists the subcommands."""
    text = run()
    assert "usage:" in text
    assert all(name in text for name in command_module.load_subcommands())


def test_an_unknown_subcommand_is_answered_with_the_one_that_was_meant() -> None:
    """As an error of the command, without a traceback."""
    with pytest.raises(CommandError, match=r"There is no subcommand 'lst'; did you mean 'list'\?"):
        run("lst")


def test_an_error_of_the_library_is_an_error_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told is the library's message."""

    def fail(**options: object) -> None:
        raise command_module.LogError("The log can't be read.")

    monkeypatch.setattr(REGISTRY, "inventory", fail)
    with pytest.raises(CommandError, match="The log can't be read"):
        run("list", "--json")


def test_djangos_own_options_may_stand_behind_the_subcommand() -> None:
    """As people type them."""
    assert run("list", "nothing", "--no-color", "--verbosity", "2", "--settings=dashboard.settings")
