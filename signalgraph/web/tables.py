"""Tables that sort and page by plain links: at most 50 rows, the order in the URL as ``sort=-calls``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from signalgraph.web.state import State

PAGE_ROWS = 50

Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column: `key` names it in the URL, `value` sorts its rows (None last), `css` is its class."""

    key: str
    label: str
    value: Callable[[Row], Any] | None = None
    css: str = ""


@dataclass(frozen=True)
class Head:
    label: str
    css: str
    url: str
    sorted: str  # "ascending", "descending" or ""


@dataclass(frozen=True)
class Table(Generic[Row]):
    """The rows of one page of a table, and the links to the others."""

    heads: list[Head]
    rows: list[Row]
    count: int
    first: int
    previous_url: str
    next_url: str

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def _order(columns: Sequence[Column[Row]], asked: str, default: str) -> tuple[Column[Row], bool]:
    by_key = {column.key: column for column in columns if column.value}
    wanted = asked if asked.removeprefix("-") in by_key else default
    return by_key[wanted.removeprefix("-")], wanted.startswith("-")


def _sorted(rows: Sequence[Row], column: Column[Row], descends: bool) -> list[Row]:
    value_of = column.value or (lambda row: 0)
    known = [row for row in rows if value_of(row) is not None]
    unknown = [row for row in rows if value_of(row) is None]
    return sorted(known, key=value_of, reverse=descends) + unknown


def _head(state: State, column: Column[Row], by: Column[Row], descends: bool) -> Head:
    if column.value is None:
        return Head(column.label, column.css, "", "")
    is_by = column is by
    turned = column.key if is_by and descends else f"-{column.key}"
    if not is_by and "n" not in column.css.split():
        turned = column.key
    direction = ("descending" if descends else "ascending") if is_by else ""
    return Head(column.label, column.css, state.url(sort=turned, page=None), direction)


def read_table(
    state: State,
    rows: Sequence[Row],
    columns: Sequence[Column[Row]],
    default: str,
    *,
    group: Callable[[Row], Any] | None = None,
) -> Table[Row]:
    """The page of a table that the URL asks for. Rows stay together by `group`, whatever they are sorted by."""
    by, descends = _order(columns, state.params.get("sort", ""), default)
    ordered = _sorted(rows, by, descends)
    if group is not None:
        ordered.sort(key=group)
    asked = state.params.get("page", "1")
    last_page = max(-(-len(ordered) // PAGE_ROWS), 1)
    page = min(max(int(asked), 1), last_page) if asked.isdecimal() and len(asked) < 7 else 1
    start = (page - 1) * PAGE_ROWS
    return Table(
        heads=[_head(state, column, by, descends) for column in columns],
        rows=ordered[start : start + PAGE_ROWS],
        count=len(ordered),
        first=start + 1,
        previous_url=state.url(page=page - 1 if page > 2 else None) if page > 1 else "",
        next_url=state.url(page=page + 1) if page < last_page else "",
    )
