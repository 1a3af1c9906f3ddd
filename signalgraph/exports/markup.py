"""Writing XML: every name and value escaped, and nothing that XML forbids."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;"})
_QUOTED = str.maketrans({"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})

Value = str | int | float | None


def text(content: str) -> str:
    """Safe between tags and in a single-quoted attribute. What XML can't hold becomes U+FFFD."""
    return printable(content).translate(_ESCAPES)


def printable(content: str) -> str:
    """Text without what XML can't hold, nor UTF-8 in part: control characters and lone surrogates become U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", content)


def number(value: float) -> str:
    """At most one decimal, none where it is whole.

    >>> [number(value) for value in (12, 12.0, 12.25, -0.04)]
    ['12', '12', '12.2', '0']
    """
    shown = f"{value:.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


def tag(name: str, /, *content: str, **attributes: Value) -> str:
    """An element. `content` is markup already; attributes are escaped here, those that are None left out.

    A trailing underscore is dropped from an attribute's name and others become hyphens: `class_`, `data_kind`.

    >>> tag("text", "a", class_="num", data_kind="x", title=None)
    "<text class='num' data-kind='x'>a</text>"
    """
    written = []
    for key, value in attributes.items():
        if value is None:
            continue
        shown = text(value).translate(_QUOTED) if isinstance(value, str) else number(value)
        written.append(f" {attribute_name(key)}='{shown}'")
    opened = f"<{name}{''.join(written)}"
    return f"{opened}>{''.join(content)}</{name}>" if content else f"{opened}/>"


def attribute_name(key: str) -> str:
    return key if key == "viewBox" else key.rstrip("_").replace("_", "-")


def classes(*found: str | bool | None) -> str | None:
    """A class attribute of those that are there, None where none is.

    >>> classes("node", False, "dim")
    'node dim'
    """
    return " ".join(one for one in found if isinstance(one, str) and one) or None


def joined(values: Iterable[object]) -> str:
    """A JSON list, for a data attribute."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))


def lines(parts: Iterable[str]) -> str:
    return "\n".join(parts)
