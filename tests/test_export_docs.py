"""`docs/exports.md` says what exports do."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path

import pytest
from reading import read_dot

from signalgraph.exports import mermaid
from signalgraph.exports.files import KINDS
from signalgraph.management.subcommands import export

PAGE = (Path(__file__).parent.parent / "docs" / "exports.md").read_text()


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def first_cells(table: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE))


def test_every_format_has_its_row_and_its_address():
    """And no row is about a format that there isn't."""
    assert first_cells(section("Formats")) == {*KINDS, export.PNG}
    rows = dict(re.findall(r"^\| `(\w+)` \| `\.(\w+)` \|", section("Formats"), re.MULTILINE))
    assert rows == {name: kind.suffix for name, kind in KINDS.items()} | {"png": "png"}
    assert set(re.findall(r"`graph\.(\w+)`", section("Addresses"))) == {kind.suffix for kind in KINDS.values()}


def test_every_option_of_the_command_has_its_row():
    """With the names that the command takes."""
    parser = ArgumentParser(add_help=False)
    export.add_arguments(parser)
    assert first_cells(section("The command")) == {action.option_strings[0] for action in parser._actions}


def test_the_limits_of_mermaid_are_those_that_are_kept():
    """What the page says is what decides whether a Markdown export has a picture."""
    said = re.search(r"at most (\d+) lines and ([\d,]+) characters", PAGE)
    assert said is not None
    assert (int(said[1]), int(said[2].replace(",", ""))) == (mermaid.MAX_LINES, mermaid.MAX_CHARACTERS)


@pytest.mark.django_db(databases=[])
def test_the_calls_from_python_work():
    """As they stand on the page; without a log, which a test has none of."""
    code = re.search(r"three calls:\n\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    found: dict[str, str] = {}
    exec(code[1].replace('log=""', "log=None").replace('"mermaid"', '"dot"'), found)
    drawing = read_dot(found["text"])
    assert drawing.about["title"] == "An order"
    assert drawing.kinds["sender:shop.Order"] == "sender"
