"""The line that says whose a file is: what has it may be replaced and removed, nothing else is touched."""

from __future__ import annotations

from pathlib import Path

MARK = "Written by `manage.py signalgraph docs`: run it again instead of editing."
WITHIN = 1_000  # characters from the start of a file


def marked(path: str, text: str) -> str:
    """A page with the mark below its first line, where menus still find the heading first; a picture likewise."""
    if path.endswith(".json"):
        return text
    first, _, rest = text.partition("\n")
    return f"{first}\n\n<!-- {MARK} -->\n{rest}" if path.endswith(".md") else f"{first}\n<!-- {MARK} -->\n{rest}"


def is_ours(file: Path) -> bool:
    """Whether a file was written here. Raises `OSError` for one that can't be read."""
    with file.open("rb") as opened:
        return MARK.encode() in opened.read(WITHIN)
