"""Which file tells what: names that every file system takes, and links from one page to another."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from signalgraph.documents.markdown import prose

INDEX = "README.md"  # what GitHub shows for a folder and MkDocs takes for its index
SNAPSHOT = "wiring.json"
PICTURE = "pictures/wiring.svg"
LENGTH = 120  # characters of a name


def file_names(names: Iterable[str]) -> dict[str, str]:
    """For each name a file name of letters, digits, `.`, `_` and `-`; no two are the same, whatever their case.

    >>> file_names(["shop.signals.placed", "shop.SIGNALS['placed']"])["shop.signals.placed"]
    'shop.signals.placed'
    """
    known = sorted(set(names))
    plain = {name: re.sub(r"[^\w.-]+|^\.", "-", name, flags=re.ASCII).strip("-.")[:LENGTH] for name in known}
    count = Counter(short.lower() for short in plain.values())
    return {
        name: short if short == name and count[short.lower()] == 1 else f"{short}-{_digest(name)}"
        for name, short in plain.items()
    }


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]


class Addresses:
    """The pages and pictures of signals and apps, as paths below the folder of the documents."""

    def __init__(self, signals: Iterable[str], apps: Iterable[str], senders: Iterable[str] = ()) -> None:
        self._signals: Mapping[str, str] = file_names(signals)
        self._apps: Mapping[str, str] = file_names(apps)
        self._senders: Mapping[str, str] = file_names(senders)

    def signal(self, name: str) -> str | None:
        return f"signals/{self._signals[name]}.md" if name in self._signals else None

    def app(self, name: str) -> str | None:
        return f"apps/{self._apps[name]}.md" if name in self._apps else None

    def signal_picture(self, name: str) -> str:
        return f"pictures/signal-{self._signals[name]}.svg"

    def causes_picture(self, selection: str) -> str:
        """What follows from a `signal:` or a `sender:`."""
        kind, _, name = selection.partition(":")
        return f"pictures/after-{kind}-{(self._signals if kind == 'signal' else self._senders)[name]}.svg"

    def app_picture(self, name: str) -> str:
        return f"pictures/app-{self._apps[name]}.svg"


def link(text: str, target: str | None, here: str) -> str:
    """A link from the page `here`; the text alone where there is no such page.

    >>> link("shop", "apps/shop.md", "signals/placed.md")
    '[shop](../apps/shop.md)'
    """
    return f"[{text}]({relative(target, here)})" if target else text


def picture(said: str, target: str, here: str) -> str:
    """A picture that leads to itself: as wide as the page, and in its own size for who wants to read it."""
    path = relative(target, here)
    return f"[![{prose(said)}]({path})]({path})"


def relative(target: str, here: str) -> str:
    return os.path.relpath(target, os.path.dirname(here) or ".").replace(os.sep, "/")
