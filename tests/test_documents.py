"""What the pages about signals are made of: sources that are read and never run, real orders, and safe Markdown."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import markdown_it
import pytest
from django.apps import apps

from signalgraph.documents.addresses import Addresses, file_names
from signalgraph.documents.content import Content, audiences, renumbered, turns
from signalgraph.documents.follows import what_follows
from signalgraph.documents.markdown import code, prose, table, title
from signalgraph.documents.pictures import draw_causes
from signalgraph.documents.runs import Teller
from signalgraph.documents.sources import Sources
from signalgraph.events import ANY_SENDER, ConnectionInfo, SignalInfo
from signalgraph.graph.build import connection_id


def row(
    receiver: str, sender: str = "shop.Order", signal: str = "s.a", order: int = 1, **rest: object
) -> ConnectionInfo:
    facts = {"dispatch_uid": None, "weak": True, "is_async": False, "file": None, "line": None, **rest}
    return ConnectionInfo(signal, sender, receiver, order=order, **facts)  # type: ignore[arg-type]


def names_of(rows: object) -> list[str]:
    return [one.receiver for one in rows]  # type: ignore[attr-defined]


# Who runs for whom


def test_senders_with_the_same_run_are_told_together() -> None:
    """The same receivers in another order, or held in another way, are another run."""
    rows = [
        row("x", "A", order=1),
        row("x", "B", order=2),
        row("y", "A", order=3),
        row("y", "B", order=4),
        row("y", "C", order=5),
        row("x", "C", order=6),
        row("x", "D", order=7),
        row("y", "D", order=8, weak=False),
    ]
    assert [one.senders for one in audiences(rows)] == [("A", "B"), ("C",), ("D",)]


def test_a_receiver_for_any_sender_runs_at_its_place_for_each() -> None:
    """And alone for those who have no receiver of their own."""
    rows = [row("x", "A", order=1), row("any", ANY_SENDER, order=2), row("y", "A", order=3), row("z", "B", order=4)]
    found = {one.senders: names_of(one.rows) for one in audiences(rows)}
    assert found == {("A",): ["x", "any", "y"], ("B",): ["any", "z"], (): ["any"]}
    assert [one.is_for("C") for one in audiences(rows)] == [False, False, True]
    assert turns(rows, rows[1]) == {(2, 3), (1, 2), (1, 1)}
    assert turns(rows, rows[2]) == {(3, 3)}


def test_coroutines_run_after_the_others() -> None:
    """As Django's `send` does it, wherever they were connected."""
    [found] = audiences([row("later", order=1, is_async=True), row("x", order=2), row("late", order=3, is_async=True)])
    assert (names_of(found.turns), names_of(found.together)) == (["x"], ["later", "late"])
    assert names_of(found.rows) == ["x", "later", "late"]


def test_a_receiver_that_is_connected_twice_runs_twice() -> None:
    """Two connections of one name are two turns."""
    rows = [row("x", order=1), row("y", order=2), row("x", order=3)]
    assert names_of(audiences(rows)[0].turns) == ["x", "y", "x"]
    assert [turns(rows, one) for one in rows] == [{(1, 3)}, {(2, 3)}, {(3, 3)}]


def test_orders_count_what_is_told() -> None:
    """From 1 within each signal, without a hole."""
    rows = [row("x", order=7), row("y", order=3), row("z", signal="s.b", order=9)]
    assert [(one.receiver, one.order) for one in renumbered(rows)] == [("y", 1), ("x", 2), ("z", 1)]


# What follows


def follow(signal: str, rows: list[ConnectionInfo], steps: list[tuple[ConnectionInfo, str, str, str]]) -> list[str]:
    known = sorted({one.signal for one in rows})
    signals = {name: SignalInfo(f"signal:{name}", name, [], "Signal", 0) for name in known}
    seen = [(connection_id(one), handled, sent, sender) for one, handled, sent, sender in steps]
    content = Content("Signals", signals, rows, steps=seen)
    teller = Teller(content, Addresses(known, []), {name: name for name in signals}, "signals/x.md")
    blocks = list(what_follows(teller, signal))
    return [line for block in blocks[1:] for line in ([block] if isinstance(block, str) else block) if line]


def test_what_follows_is_followed_for_the_sender_that_was_handled() -> None:
    """A receiver for any sender dispatched for B only: nothing of that follows from A."""
    audit, flagged = row("audit", ANY_SENDER), row("flagged", "B", "s.b")
    rows = [audit, row("x", "A"), row("y", "B"), flagged]
    assert follow("s.a", rows, [(audit, "B", "s.b", "B")]) == [
        "When `B` sends it:",
        "- `audit` sets off [`s.b`](s.b.md) of `B`, which runs `flagged`",
    ]


def test_a_picture_does_not_draw_as_seen_what_an_error_kept_from_running() -> None:
    """Though it was called for another sender."""
    first, fails, after = row("first", "A"), row("fails", "A", "s.b"), row("after", ANY_SENDER, "s.b", order=2)
    step = (connection_id(first), "A", "s.b", "A")
    signals = {name: SignalInfo(f"signal:{name}", name, [], "Signal", 0) for name in ("s.a", "s.b")}
    called = {connection_id(one) for one in (first, fails, after)}
    told = Content("Signals", signals, [first, fails, after], steps=[step], called=called)
    seen, never = (
        draw_causes(replace(told, missed=missed), "signal:s.a", "") for missed in ([], [(*step, connection_id(after))])
    )
    assert "after, for any sender, never seen" in str(never)
    assert "never seen" not in str(seen)


def test_a_circle_is_told_once() -> None:
    """What is told above is named and not unfolded again."""
    ping, pong = row("ping", "A"), row("pong", "A", "s.b")
    assert follow("s.a", [ping, pong], [(ping, "A", "s.b", "A"), (pong, "A", "s.a", "A")]) == [
        "- `ping` sets off [`s.b`](s.b.md) of `A`, which runs `pong`",
        "    - `pong` sets off [`s.a`](s.a.md) of `A` (see above)",
    ]


# The source

SOURCE = '''\
"""Signals."""
from django.dispatch import Signal

# Sent when it is full.
# Arguments: *box*.
filled = Signal()
silent = Signal()


class Kept:
    # Sent now and then.
    emptied = Signal()


def tell(box):
    """Tell everybody.

    More.
    """
    filled.send_robust(sender=Kept, box=box)

    def inner():
        Kept.emptied.send(sender="text")
        box.send("no signal")
        filled.send("a text")


class Receiver:
    """Of a class."""

    def __call__(self, **kwargs):
        from boxes import signals as kept

        kept.filled.asend(self)
'''
COMMAND = """\
from .signals import filled as full

class Command:
    def handle(self):
        full.send(Command)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with signals that is loaded, a command that isn't, a test, a migration, and an installed package."""
    for path, text in {
        "boxes/__init__.py": "",
        "boxes/signals.py": SOURCE,
        "boxes/commands.py": COMMAND,
        "boxes/broken.py": "filled.send(\n",
        "boxes/tests/test_it.py": "from boxes.signals import filled\nfilled.send(1)\n",
        "boxes/migrations/first.py": "from boxes.signals import filled\nfilled.send(1)\n",
        "lib/site-packages/boxes.py": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    import boxes.signals  # type: ignore[import-not-found]

    assert boxes.signals.filled is not None
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "boxes"]:
        del sys.modules[name]


class BoxesConfig:
    name, label = "boxes", "boxes"

    def __init__(self, path: Path) -> None:
        self.path = str(path)


def test_places_that_send_are_found_without_running_them(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In loaded modules and in the apps' files that are not loaded, by names, dotted names and imports in functions."""
    monkeypatch.setattr(apps, "get_app_configs", lambda: [BoxesConfig(project / "boxes")])
    known = {id(sys.modules["boxes.signals"].filled): "filled"}
    sites = Sources(project).sites(lambda signal: known.get(id(signal), "other"))
    told = [(one.function, one.signal, one.sender, one.method, Path(one.file).name) for one in sites]
    assert told == [
        ("boxes.commands.Command.handle", "filled", "", "send", "commands.py"),
        ("boxes.signals.Receiver.__call__", "filled", "", "asend", "signals.py"),
        ("boxes.signals.tell", "filled", "boxes.signals.Kept", "send_robust", "signals.py"),
        ("boxes.signals.tell.<locals>.inner", "filled", '"a text"', "send", "signals.py"),
        ("boxes.signals.tell.<locals>.inner", "other", '"text"', "send", "signals.py"),
    ]
    assert "boxes.commands" not in sys.modules


def test_comments_and_docstrings_are_read_from_the_source(project: Path) -> None:
    """The comment above a signal in one line; of a docstring the first line; of a callable object its class'."""
    sources, file = Sources(project), str(project / "boxes/signals.py")
    assert sources.comment("boxes.signals.filled") == "Sent when it is full. Arguments: *box*."
    assert sources.comment("boxes.signals.Kept.emptied") == "Sent now and then."
    assert sources.comment("boxes.signals.silent") == ""
    assert sources.comment("nowhere.at.all") == ""
    text = SOURCE.splitlines()
    assert sources.summary(file, text.index("def tell(box):") + 1) == "Tell everybody."
    assert sources.summary(file, text.index("    def __call__(self, **kwargs):") + 1) == "Of a class."
    assert sources.summary(file, 1) == ""


def test_only_the_projects_files_are_read(project: Path) -> None:
    """Not an environment in its folder, not what is outside."""
    sources = Sources(project)
    assert sources.is_own(str(project / "boxes/signals.py"))
    assert not sources.is_own(str(project / "lib/site-packages/boxes.py"))
    assert not sources.is_own(str(project.parent / "elsewhere.py"))
    assert not sources.is_own(None)
    assert sources.file_of("boxes.signals.filled") == str(project / "boxes/signals.py")
    assert sources.file_of("django.db.models.signals.post_save") is None


# Markdown


def rendered(text: str) -> str:
    """As CommonMark reads it."""
    return markdown_it.MarkdownIt("commonmark").render(text).strip()


@pytest.mark.parametrize(
    "text", ["*stars*", "_private", "a_b_c", "<b> & c", "[x](y)", "# no", "1. no", "- no", "{role}`x", "a\\*b", "`odd"]
)
def test_what_the_source_says_is_read_as_it_was_written(text: str) -> None:
    """No emphasis, no link, no tag, no list."""
    shown = rendered(prose(text))
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert shown == f"<p>{plain}</p>"


def test_code_in_what_the_source_says_stays_code() -> None:
    """In one backtick or in two, as reStructuredText writes it."""
    assert rendered(prose("see `a_*` and ``b`` *now*")) == "<p>see <code>a_*</code> and <code>b</code> *now*</p>"


@pytest.mark.parametrize("text", ["shop.Order", "<lambda>", "a`b", "``", '"a|b"', "x*y*z"])
def test_a_name_is_code_whatever_is_in_it(text: str) -> None:
    """Backticks too."""
    plain = text.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    assert rendered(code(text)) == f"<p><code>{plain}</code></p>"


def test_a_heading_is_plain_where_that_reads_as_it_is() -> None:
    """Else code: an underscore at an end would be emphasis."""
    assert [title(one) for one in ("order_placed", "shop.a", "_x", "D['k']")] == [
        "order_placed",
        "shop.a",
        "`_x`",
        "`D['k']`",
    ]


def test_a_cell_holds_no_bar() -> None:
    """It would begin the next cell."""
    assert table(["a"], [["x|y"]])[2] == "| x&#124;y |"


def test_file_names_are_safe_and_differ() -> None:
    """On systems that know no case, too; a long name is cut."""
    given = ["shop.placed", "shop.Placed", "D['a/b']", "D['a:b']", "x" * 300, "..", ""]
    found = file_names(given)
    assert found["shop.placed"] != "shop.placed"
    assert len({name.lower() for name in found.values()}) == len(given)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in found.values())
    assert max(map(len, found.values())) < 140
