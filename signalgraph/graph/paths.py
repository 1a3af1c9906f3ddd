"""Paths of receivers below the folders that Python imports from, so that two machines tell the same."""

from __future__ import annotations

import re
from collections.abc import Iterable

from signalgraph.events import ConnectionInfo

_INSTALLED = re.compile(r"/(?:site|dist)-packages/")


def below_roots(connections: Iterable[ConnectionInfo]) -> dict[str, str]:
    """What is left of each file below its root. A root is what stands before the module's own path in one of them.

    >>> row = ConnectionInfo("s", "*", "shop.receivers.mail", None, True, False, 1, "/srv/site/shop/receivers.py", 1)
    >>> below_roots([row])
    {'/srv/site/shop/receivers.py': 'shop/receivers.py'}
    """
    placed = {(row.file, row.receiver) for row in connections if row.file}
    files = {file: file.replace("\\", "/") for file, _ in placed if file}
    roots = {root for file, receiver in placed if file and (root := _root(files[file], receiver))}
    return {file: _below(path, roots) for file, path in files.items()}


def _root(path: str, receiver: str) -> str:
    parts = re.split(r"[~@]", receiver.removeprefix("partial("))[0].split(".")
    for end in range(len(parts), 0, -1):
        module = "/".join(parts[:end])
        for tail in (f"/{module}.py", f"/{module}/__init__.py"):
            if path.endswith(tail):
                return path[: 1 - len(tail)]
    return ""


def _below(path: str, roots: Iterable[str]) -> str:
    found = max((root for root in roots if path.startswith(root)), key=len, default="")
    return path[len(found) :] if found else _INSTALLED.split(path)[-1]
