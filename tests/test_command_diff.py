"""`manage.py signalgraph diff` says in words what has changed, draws it, and answers a pipeline with its exit code."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.dispatch import Signal

from signalgraph.events import Inventory
from signalgraph.exports.diff import build_difference

HERE = __name__
struck = Signal()
SVG = "{http://www.w3.org/2000/svg}"


def answer(**kwargs: object) -> None:
    """A receiver."""


def note(**kwargs: object) -> None:
    """Another receiver."""


@pytest.fixture(autouse=True)
def connected() -> Iterator[None]:
    struck.connect(answer, sender=Group)
    yield
    struck.receivers.clear()


@pytest.fixture
def base(tmp_path: Path) -> str:
    """A snapshot of what is connected, taken before anything changes."""
    out = StringIO()
    call_command("signalgraph", "list", "--json", stdout=out)
    (tmp_path / "base.json").write_text(out.getvalue())
    return str(tmp_path / "base.json")


def diff(*arguments: str) -> tuple[str, int]:
    """What the command prints, and its exit code."""
    out = StringIO()
    try:
        call_command("signalgraph", "diff", *arguments, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), int(ended.code or 0)
    return out.getvalue(), 0


def test_nothing_has_changed(base: str) -> None:
    """That is said, and the exit code is 0; also of two files."""
    said = "Nothing has changed in what is connected.\n"
    assert diff("--base", base) == (said, 0)
    assert diff(base, base) == (said, 0)


def test_a_change_since_a_snapshot_is_told(base: str) -> None:
    """One sentence; the exit code is 1 unless it is to be 0."""
    struck.connect(note, sender=Group)
    said = f"+ `{HERE}.note` receives `struck` of `auth.Group` now, as 2 of 2.\n\n1 new.\n"
    assert diff("--base", base) == (said, 1)
    assert diff("--base", base, "--exit-zero") == (said, 0)


def test_a_change_between_two_snapshots_is_told(base: str, tmp_path: Path) -> None:
    """The project of the day plays no part; a snapshot can come from standard input too."""
    after = json.loads(Path(base).read_text())
    [mine] = [row for row in after["connections"] if row["receiver"] == f"{HERE}.answer"]
    mine["sender"] = "*"
    (tmp_path / "after.json").write_text(json.dumps(after))
    said, code = diff(base, str(tmp_path / "after.json"))
    assert said.startswith(f"~ `{HERE}.answer` receives `struck` of any sender now, before of `auth.Group` only.\n")
    assert code == 1


def test_markdown_is_a_comment_for_a_pull_request(base: str, tmp_path: Path) -> None:
    """It has a mark by which a bot finds it again, and can be written to a file."""
    struck.disconnect(answer, sender=Group)
    file = tmp_path / "summary.md"
    assert diff("--base", base, "--format", "markdown", "--output", str(file)) == ("", 1)
    assert file.read_text() == (
        "<!-- signalgraph diff -->\n### Signals: 1 gone\n\n"
        f"- **\N{MINUS SIGN}** `{HERE}.answer` receives `struck` of `auth.Group` no more.\n"
    )


def test_the_ending_of_the_output_decides_the_format(
    base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with `export`; what was written is said. --format comes first, and an unknown ending is an error."""
    struck.connect(note, sender=Group)
    starts = {"svg": "<?xml", "md": "<!-- signalgraph diff -->", "json": '{\n  "schema"', "txt": "+ `", "": "+ `"}
    for suffix, start in starts.items():
        file = tmp_path / (f"changes.{suffix}" if suffix else "changes")
        assert diff("--base", base, "--output", str(file)) == ("", 1)
        assert file.read_text().startswith(start)
        assert f"{file}: 1 change as " in capsys.readouterr().err
    diff("--base", base, "--output", str(tmp_path / "changes.md"), "--format", "text")
    assert (tmp_path / "changes.md").read_text().startswith("+ `")
    with pytest.raises(CommandError, match=r"changes\.svgg asks for the unknown format 'svgg'; did you mean 'svg'"):
        diff("--base", base, "--output", str(tmp_path / "changes.svgg"))
    assert not (tmp_path / "changes.svgg").exists()


def test_json_is_for_programs(base: str) -> None:
    """Each change with its kind and names."""
    struck.connect(answer, sender=Permission)
    said, code = diff("--base", base, "--format", "json")
    data = json.loads(said)
    assert code == 1
    assert data["schema"] == 1
    assert data["changes"] == [
        {
            "kind": "added",
            "signals": [f"{HERE}.struck"],
            "sentence": f"`{HERE}.answer` receives `struck` of `auth.Permission` now.",
            "receiver": f"{HERE}.answer",
            "senders": ["auth.Permission"],
            "before": [],
            "after": [],
        }
    ]


def test_svg_draws_the_difference(base: str) -> None:
    """What is new and what is gone have a sign and a style of their own, the rest is dim; the legend says so."""
    struck.connect(note, sender=Permission)
    struck.disconnect(answer, sender=Group)
    said, code = diff("--base", base, "--format", "svg")
    root = ET.fromstring(said.encode())
    classes = [element.get("class", "") for element in root.iter()]
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert code == 1
    assert "sign added" in classes
    assert "sign removed" in classes
    assert {"edge added", "edge removed", "edge dim"} <= set(classes)
    assert {"new", "gone"} <= set(texts)
    assert "changed" not in texts


def test_the_drawing_joins_nobody_who_never_met(base: str) -> None:
    """Two senders with the same receivers have one port, unless one of them lost its connection."""
    struck.connect(answer, sender=Permission)
    out = StringIO()
    call_command("signalgraph", "list", "--json", stdout=out)
    before, after = (msgspec.json.decode(text, type=Inventory) for text in (Path(base).read_bytes(), out.getvalue()))
    graph = build_difference(before, after)
    ports = [data["senders"] for _, data in graph.nodes(data=True) if data.get("signal") == f"{HERE}.struck"]
    assert sorted(ports) == [["auth.Group"], ["auth.Permission"]]


def test_djangos_own_plumbing_is_left_out_unless_asked_for(base: str, tmp_path: Path) -> None:
    """A new version of Django is no change of the project."""
    before = json.loads(Path(base).read_text())
    before["connections"] = [row for row in before["connections"] if row["receiver"] != "django.db.reset_queries"]
    (tmp_path / "older.json").write_text(json.dumps(before))
    assert diff("--base", str(tmp_path / "older.json"))[1] == 0
    said, code = diff("--base", str(tmp_path / "older.json"), "--all")
    assert "+ `django.db.reset_queries` receives `request_started` of any sender now" in said
    assert code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{base}",), "Give two snapshots, or --base with one and no other; given: {base}"),
        (("--base", "{base}", "{base}"), "Give two snapshots"),
        ((), "given: none"),
        (("{base}", "{folder}/none.json"), "Can't read {folder}/none.json: No such file or directory"),
        (("{base}", "{folder}/text"), "{folder}/text is no snapshot: JSON is malformed"),
        (("{base}", "{folder}/schema"), "{folder}/schema has the schema 99, this signalgraph reads 1"),
        (("{base}", "{base}", "--format", "svgg"), "the unknown format 'svgg'; did you mean 'svg'?"),
        (("{base}", "{base}", "--output", "{folder}"), "Can't write {folder}: Is a directory"),
    ],
)
def test_a_mistake_is_no_change(base: str, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """The exit code is 2, and the message says what was wrong."""
    (tmp_path / "text").write_text("signals\n")
    (tmp_path / "schema").write_text('{"schema": 99, "signals": [], "connections": []}')
    given = {"base": base, "folder": str(tmp_path)}
    with pytest.raises(CommandError) as caught:
        diff(*(one.format(**given) for one in arguments))
    assert message.format(**given) in str(caught.value)
    assert caught.value.returncode == 2
