"""`docs/filter.md` says what the filter does."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

from signalgraph.graph.fields import FIELDS, STATES
from signalgraph.graph.query import parse

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "filter.md").read_text()
MODULES = ("errors", "facts", "query", "regex", "times")


def rows(heading: str, first: str) -> list[list[str]]:
    """The cells of the table below a heading whose first column has that title."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = section.split(f"| {first} |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in table]


def code(cell: str) -> str:
    return cell.strip("`").replace(r"\|", "|")


@pytest.mark.parametrize("q", [code(row[0]) for row in [*rows("Examples", "filter"), *rows("Hops", "filter")]])
def test_each_example_can_be_read(q: str) -> None:
    """And is written as it is read."""
    assert parse(parse(q).text) == parse(q)


@pytest.mark.parametrize("q", re.findall(r"`((?:is|kind|app|signal|ts|path|uid|finding|status):[^`]*)`", PAGE))
def test_each_term_in_the_text_can_be_read_or_is_refused_as_it_says(q: str) -> None:
    """`status:raised+` is the one that is refused."""
    if q == "status:raised+":
        with pytest.raises(ValueError, match="says nothing of a connection"):
            parse(q)
    elif not q.endswith(":"):
        assert parse(q).terms


def test_each_field_is_told_with_what_it_is_asked_of() -> None:
    """A dash stands where it has no meaning, and only there."""
    told = {code(row[0]): row[1:] for row in rows("Fields", "field")}
    assert list(told) == list(FIELDS)
    for name, cells in told.items():
        has = [listed for listed, cell in zip(STATES, cells, strict=True) if cell != "-"]
        assert set(has) == FIELDS[name].listed, name


def test_each_state_is_told_with_what_it_is_asked_of() -> None:
    """As for fields."""
    told = {code(row[0]): row[1:] for row in rows("Fields", "`is:`")}
    assert list(told) == list(FIELDS["is"].choices)
    for name, cells in told.items():
        has = [listed for listed, cell in zip(STATES, cells, strict=True) if cell != "-"]
        assert has == [listed for listed in STATES if name in STATES[listed]], name


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name: str) -> None:
    """As Python runs them."""
    failed, tried = doctest.testmod(import_module(f"signalgraph.graph.{name}"))
    assert (failed, tried > 0) == (0, True)
