"""Markdown that GitHub, MyST and Python-Markdown read alike: lists nest by four spaces, links lead to files."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CODE = re.compile(r"(``[^`]+``|`[^`]+`)")
_SPECIAL = re.compile(r"[\\*\[\]{}]|(?<!\w)_|_(?!\w)|^[#+-]|(?<=^\d)[.)]")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def code(text: str) -> str:
    """Text as code; one that holds backticks gets a longer fence.

    >>> code("shop.Order"), code("a`b")
    ('`shop.Order`', '`` a`b ``')
    """
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (max(len(run) for run in re.findall("`+", text)) + 1)
    return f"{fence} {text} {fence}"


def prose(text: str) -> str:
    """A sentence of the project's source: code in backticks stays code, all else reads as it was written.

    >>> prose("Sends *a* <b> in `c_*`, see _d.")
    'Sends \\\\*a\\\\* &lt;b&gt; in `c_*`, see \\\\_d.'
    """
    if text.count("`") % 2:
        return _plain(text).replace("`", "\\`")
    return "".join(part if part.startswith("`") else _plain(part) for part in _CODE.split(text))


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text).translate(_HTML)


def heading(level: int, text: str) -> str:
    return f"{'#' * level} {text}"


def title(text: str) -> str:
    """A name as a heading's text: plain where that reads as it is, which menus show best."""
    return text if re.fullmatch(r"[^\W_]([\w.]*[^\W_])?", text) else code(text)


def bullets(items: Iterable[str], depth: int = 0, mark: str = "-") -> list[str]:
    return [f"{' ' * 4 * depth}{mark} {item}" for item in items]


def numbered(items: Iterable[str], depth: int = 0) -> list[str]:
    """Every number is written `1.`: whoever renders it counts, and one that is added changes one line."""
    return bullets(items, depth, "1.")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    columns = list(heads)
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines]


def listed(items: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, final = items
    return f"{', '.join(first)} {last} {final}" if first else final


def page(*blocks: Iterable[str] | str) -> str:
    """Blocks with an empty line between them; empty ones are left out."""
    written = ["\n".join([block] if isinstance(block, str) else block) for block in blocks]
    return "\n\n".join(block for block in written if block) + "\n"
