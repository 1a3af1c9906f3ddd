"""`manage.py signalgraph docs` writes pages that are true, the same everywhere, and checked without being touched."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import partial
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command, load_command_class
from django.dispatch import Signal

from signalgraph.documents.marking import MARK
from signalgraph.events import Inventory

ROOT = Path(__file__).resolve().parent.parent
HERE = __name__

# Sent when a bell is rung. Arguments: none.
rung = Signal()


def first(**kwargs: object) -> None:
    """Answers *first*, see <bell> and `a|b`.

    This line is not told.
    """


def for_all(**kwargs: object) -> None:
    """Hears everybody."""


def last(**kwargs: object) -> None: ...


async def meanwhile(**kwargs: object) -> None:
    """Is awaited."""


class Bell:
    """Keeps count."""

    def __call__(self, **kwargs: object) -> None:
        rung.send(sender=Group)


BELL = Bell()


@pytest.fixture
def connections() -> Iterator[None]:
    """A coroutine between receivers for one sender, and one for any sender between those."""
    rung.connect(first, sender=Group)
    rung.connect(meanwhile, sender=Group)
    rung.connect(for_all)
    rung.connect(last, sender=Group, weak=False, dispatch_uid="the last")
    rung.connect(BELL, sender=Permission)
    yield
    rung.receivers.clear()


def docs(folder: Path, *arguments: str) -> str:
    out = StringIO()
    call_command("signalgraph", "docs", str(folder), *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def read(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


PAGE = f"signals/{HERE}.rung.md"


@pytest.mark.usefixtures("connections")
def test_receivers_stand_in_their_real_order_for_each_sender(tmp_path: Path) -> None:
    """Those for any sender at their place among the others, coroutines after those that Django runs one by one."""
    docs(tmp_path)
    page = (tmp_path / PAGE).read_text()
    group = page.partition("### `auth.Group`\n")[2].partition("\n### ")[0]
    assert re.findall(r"^(1\.|-) `([^`]+)`", group, re.MULTILINE) == [
        ("1.", f"{HERE}.first"),
        ("1.", f"{HERE}.for_all"),
        ("1.", f"{HERE}.last"),
        ("-", f"{HERE}.meanwhile"),
    ]
    other = page.partition("### Any other sender\n")[2].partition("\n## ")[0]
    assert re.findall(r"^1\. `([^`]+)`", other, re.MULTILINE) == [f"{HERE}.for_all"]
    permission = page.partition("### `auth.Permission`\n")[2].partition("\n### ")[0]
    assert re.findall(r"^1\. `([^`]+)`", permission, re.MULTILINE) == [f"{HERE}.for_all", f"{HERE}.Bell()"]


@pytest.mark.usefixtures("connections")
def test_a_receiver_is_told_with_all_that_the_connection_is(tmp_path: Path) -> None:
    """Where it is written, how it is held, its uid, for whom, and what its docstring and its code say."""
    docs(tmp_path)
    page = (tmp_path / PAGE).read_text()
    assert "Sent when a bell is rung. Arguments: none." in page
    assert f"1. `{HERE}.first`: Answers \\*first\\*, see &lt;bell&gt; and `a|b`.\n" in page
    assert "This line is not told" not in page
    assert "test_command_docs.py`, strong, `dispatch_uid` `the last`\n" in page
    assert "test_command_docs.py`, weak, a coroutine\n" in page
    assert "test_command_docs.py`, weak, **for any sender**\n" in page
    assert f"`{HERE}.Bell()`: Keeps count.\n" in page


@pytest.mark.usefixtures("connections")
def test_no_page_knows_the_machine(tmp_path: Path) -> None:
    """No absolute path, and no line unless it is asked for; then of the project's own code only."""
    docs(tmp_path / "plain")
    files = read(tmp_path / "plain")
    assert not [path for path, text in files.items() if str(ROOT) in text or sys.prefix in text]
    named = {path: re.sub(r"unnamed @ \S+", "", text) for path, text in files.items()}  # other tests may leave some
    assert not [path for path, text in named.items() if re.search(r"\.py:\d", text)]
    docs(tmp_path / "lines", "--lines", "--all")
    page = (tmp_path / "lines" / PAGE).read_text()
    assert f"test_command_docs.py:{first.__code__.co_firstlineno}`" in page
    assert not re.search(r"`django/[^`]*:\d", "".join(read(tmp_path / "lines").values()))


@pytest.mark.usefixtures("connections")
def test_every_link_leads_to_a_file(tmp_path: Path) -> None:
    """From every page, pictures too; and every page but the first is linked from somewhere."""
    docs(tmp_path, "--all")
    linked = set()
    for path, text in read(tmp_path).items():
        for target in re.findall(r"\]\(([^)]+)\)", text) if path.endswith(".md") else ():
            linked.add(((tmp_path / path).parent / target).resolve())
    assert not [path for path in linked if not path.is_file()]
    pages = {path.resolve() for path in tmp_path.rglob("*.md")}
    assert pages - linked == {(tmp_path / "README.md").resolve()}


def test_odd_names_are_written_as_they_are(tmp_path: Path) -> None:
    """A text sender with what Markdown would read, a lambda, a partial; the file has a name that all systems take."""
    kept = {"Bell": Signal(), "bell": Signal()}
    globals()["KEPT"] = kept
    odd = lambda **kwargs: None  # noqa: E731 - a lambda's name is the point
    kept["Bell"].connect(odd, sender="a`b *c* <i> [x](y)", weak=False)
    kept["bell"].connect(partial(first), weak=False)
    try:
        docs(tmp_path)
        names = [path.name.lower() for path in (tmp_path / "signals").iterdir()]
        assert len(names) == len(set(names))
        assert all(re.fullmatch(r"[\w.-]+", name) for name in names)
        [page] = [
            text for path, text in read(tmp_path).items() if path.endswith(".md") and "<i>" in text and "KEPT" in path
        ]
        assert '### `` "a`b *c* <i> [x](y)" ``\n' in page
        assert "<lambda>`" in page
    finally:
        del globals()["KEPT"]


@pytest.mark.usefixtures("connections")
def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """Not even the time of a file."""
    docs(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    docs(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_check_says_what_differs_and_writes_nothing(tmp_path: Path, connections: None) -> None:
    """In words, by file and as a unified diff; the exit code is 1, and 0 when all is up to date."""
    docs(tmp_path)
    assert docs(tmp_path, "--check") == ""
    before = read(tmp_path)
    rung.disconnect(first, sender=Group)
    rung.connect(last, sender=Permission)
    out = StringIO()
    with pytest.raises(CommandError, match=r"is out of date; run .* without --check") as caught:
        call_command("signalgraph", "docs", str(tmp_path), "--check", stdout=out)
    assert caught.value.returncode == 1
    assert out.getvalue().startswith(f"+ `{HERE}.last` receives `")
    assert f"\n- `{HERE}.first` receives `" in out.getvalue()
    assert f"out of date: {PAGE}\n" in out.getvalue()
    assert re.search(rf"^-1\. `{HERE}\.first`", out.getvalue(), re.MULTILINE)
    assert read(tmp_path) == before


def test_what_was_written_and_is_no_longer_needed_is_removed(tmp_path: Path, connections: None) -> None:
    """Only what bears the mark: a page that somebody wrote stays."""
    docs(tmp_path)
    stale, own = tmp_path / "signals" / "gone.md", tmp_path / "signals" / "mine.md"
    stale.write_text((tmp_path / PAGE).read_text())
    own.write_text("# What I know\n")
    with pytest.raises(CommandError):
        docs(tmp_path, "--check")
    assert stale.exists()
    docs(tmp_path)
    assert not stale.exists()
    assert own.read_text() == "# What I know\n"
    assert docs(tmp_path, "--check") == ""


def test_a_file_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    """Nothing at all is written then; the message names the file, and the exit code is that of an error."""
    (tmp_path / "README.md").write_text("# My project\n")
    with pytest.raises(CommandError, match=r"README\.md is a file that this command has not written") as caught:
        docs(tmp_path)
    assert caught.value.returncode == 2
    assert read(tmp_path) == {"README.md": "# My project\n"}


@pytest.mark.parametrize("linked", ["README.md", "signals"])
def test_no_link_leads_what_is_written_out_of_the_folder(tmp_path: Path, linked: str) -> None:
    """To a file or folder that was written here, too. The folder itself may be a link."""
    folder, outside = tmp_path / "pages", tmp_path / "outside"
    docs(folder)
    (folder / linked).rename(outside)
    (folder / linked).symlink_to(outside)
    page = outside if outside.is_file() else outside / "old.md"
    page.write_text(f"# Mine\n\n<!-- {MARK} -->\n")
    with pytest.raises(CommandError, match=f"{linked} is a link"):
        docs(folder)
    assert page.read_text().startswith("# Mine")
    (folder / linked).unlink()
    (tmp_path / "link").symlink_to(folder)
    docs(tmp_path / "link")
    assert (folder / linked).exists()


def test_no_link_leads_what_is_removed_out_of_the_folder(tmp_path: Path, connections: None) -> None:
    """A link among the pages is somebody's own, wherever it leads."""
    folder = tmp_path / "pages"
    docs(folder)
    foreign = tmp_path / "outside.md"
    foreign.write_text(f"# Mine\n\n<!-- {MARK} -->\n")
    (folder / "apps" / "old.md").symlink_to(foreign)
    docs(folder)
    assert foreign.exists()
    assert (folder / "apps" / "old.md").is_symlink()


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    """The system's reason is told."""
    (tmp_path / "docs").write_text("")
    with pytest.raises(CommandError, match=r"Not a directory|File exists"):
        docs(tmp_path / "docs")


def test_a_log_that_is_not_there_is_not_created(tmp_path: Path) -> None:
    """The message says where it was looked for."""
    with pytest.raises(CommandError, match=f"There is no log at {tmp_path}/none") as caught:
        docs(tmp_path / "docs", "--log", f"sqlite://{tmp_path}/none.sqlite3")
    assert caught.value.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_every_file_bears_the_mark_and_is_read_as_what_it_is(tmp_path: Path) -> None:
    """A heading is the first line of a page; pictures are XML; the snapshot is an inventory for `diff`."""
    docs(tmp_path)
    for path, text in read(tmp_path).items():
        assert MARK in text[:1000], path
        if path.endswith(".md"):
            assert text.startswith("# "), path
        elif path.endswith(".svg"):
            assert ET.fromstring(text.encode()).tag.endswith("svg"), path
    snapshot = msgspec.json.decode((tmp_path / "wiring.json").read_bytes(), type=Inventory)
    assert any(row.receiver == "shop.stock.reserve_stock" for row in snapshot.connections)


def fresh(folder: Path, **environment: str) -> None:
    """The demo's documents, written by a process of its own."""
    command = [sys.executable, str(ROOT / "manage.py"), "signalgraph", "docs", str(folder)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "SIGNALGRAPH"))}
    subprocess.run(command, env={**kept, **environment}, cwd=folder.parent, check=True, capture_output=True)


def test_the_same_project_gives_the_same_bytes(tmp_path: Path) -> None:
    """Whatever the hash seed, the working directory and the terminal."""
    fresh(tmp_path / "one", PYTHONHASHSEED="1", COLUMNS="40")
    (tmp_path / "elsewhere").mkdir()
    fresh(tmp_path / "elsewhere" / "two", PYTHONHASHSEED="2", LANG="C")
    one, two = read(tmp_path / "one"), read(tmp_path / "elsewhere" / "two")
    assert one == two
    assert len(one) > 60


def test_the_first_heading_can_be_given(tmp_path: Path) -> None:
    """With the mark below it."""
    docs(tmp_path, "--title", "What the shop says")
    assert (tmp_path / "README.md").read_text().startswith(f"# What the shop says\n\n<!-- {MARK} -->\n")


SPHINX_INDEX = """\
# The bookshop

```{toctree}
:glob:
:maxdepth: 1

signals/README
signals/apps/*
signals/signals/*
```
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's documents in the folder `signals` of a folder."""
    folder = tmp_path_factory.mktemp("docs")
    fresh(folder / "signals")
    return folder


def test_sphinx_takes_the_pages_as_they_are(demo: Path, tmp_path: Path) -> None:
    """With MyST and no other extension, where every warning is an error; the index is the one of the docs."""
    assert SPHINX_INDEX.partition("\n\n")[2] in (ROOT / "docs/documenting.md").read_text()
    source = tmp_path / "source"
    shutil.copytree(demo, source)
    (source / "index.md").write_text(SPHINX_INDEX)
    (source / "conf.py").write_text('project = "Bookshop"\nextensions = ["myst_parser"]\n')
    build = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(source), str(tmp_path / "out")]
    subprocess.run(build, check=True, capture_output=True)
    page = (tmp_path / "out/signals/signals/shop.signals.order_placed.html").read_text()
    assert "<h1>order_placed" in page
    assert (tmp_path / "out/_images/signal-shop.signals.order_placed.svg").exists()


def test_mkdocs_takes_the_pages_as_they_are(demo: Path, tmp_path: Path) -> None:
    """Where every warning is an error; the first page is that folder's index."""
    (tmp_path / "mkdocs.yml").write_text(f"site_name: Bookshop\ndocs_dir: {demo}\nsite_dir: {tmp_path / 'out'}\n")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-f", str(tmp_path / "mkdocs.yml")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(build, check=True, capture_output=True, env=environment)
    page = (tmp_path / "out/signals/signals/shop.signals.order_placed/index.html").read_text()
    assert "<title>order_placed - Bookshop</title>" in page
    assert page.count("<ol>") == 1
    assert (tmp_path / "out/signals/index.html").read_text().count("<table>") == 2


def test_the_pages_of_the_demo_are_up_to_date() -> None:
    """As in a project's CI: its tests are recorded, and the pages checked with what was seen."""
    check = [sys.executable, "-m", "dashboard.documents", "--check"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\nWrite them with: make documents"


GUIDE = (ROOT / "docs/documenting.md").read_text()


@pytest.mark.parametrize("line", sorted(set(re.findall(r"manage\.py signalgraph ((?:docs|diff) [^\n`]*)", GUIDE))))
def test_the_commands_of_the_guide_are_real(line: str) -> None:
    """Each is understood by the command's own parser."""
    words = shlex.split(line.partition(">>")[0])
    parser = load_command_class("signalgraph", "signalgraph").create_parser("manage.py", "signalgraph")
    assert parser.parse_args(words).subcommand == words[0]


def test_the_hooks_are_real(tmp_path: Path) -> None:
    """pre-commit takes the manifest, and each hook's command with a folder in its args is understood."""
    manifest = ROOT / ".pre-commit-hooks.yaml"
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-manifest", str(manifest)], check=True)
    entries = re.findall(r"entry: python manage\.py (.*)", manifest.read_text())
    parser = load_command_class("signalgraph", "signalgraph").create_parser("manage.py", "signalgraph")
    parsed = [parser.parse_args([*entry.split()[1:], "docs/signals"]) for entry in entries]
    assert [(one.subcommand, one.folder, one.check) for one in parsed] == [
        ("docs", "docs/signals", False),
        ("docs", "docs/signals", True),
    ]


@pytest.mark.parametrize("option", ["--check", "--log", "--lines", "--title", "--all"])
def test_every_option_of_docs_is_in_the_guide(option: str) -> None:
    """In its table."""
    assert f"\n| `{option}" in GUIDE
