"""Each test is a cause while this process is recorded: `SIGNALGRAPH_RECORD=always pytest`.

Loaded by every pytest of an environment that has signalgraph, so it imports nothing, asks for no settings, and does
nothing in a process where the recorder is not loaded.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

# What pytest makes of the parameters stands in brackets, and can hold a value of theirs. Shown are the names that it
# numbers (`param0-1`), words and small numbers; everything else, and what is as long as a key or token, is not.
SHOWN_PART = re.compile(r"[A-Za-z_]{1,24}[0-9]{0,3}|[0-9]{1,6}|[0-9]{1,4}\.[0-9]{1,3}")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: Any) -> Iterator[None]:
    """Set up, run and tear down a test under its cause; what a wider fixture does is the first test's that asks."""
    scopes = sys.modules.get("signalgraph.recorder.scopes")
    begun = scopes.begin_test(node_name(item.nodeid)) if scopes is not None else None
    try:
        yield
    finally:
        if scopes is not None and begun is not None:
            scopes.end(begun)


def node_name(nodeid: str) -> str:
    """A node's id without the values of its parameters: `tests/test_stock.py::test_import[csv]`, or `[...]`.

    >>> node_name("tests/test_stock.py::test_import[csv-3]"), node_name("tests/test_stock.py::test_mail[a@b.example]")
    ('tests/test_stock.py::test_import[csv-3]', 'tests/test_stock.py::test_mail[...]')
    """
    function, bracket, parameters = nodeid.partition("[")
    if not bracket:
        return nodeid
    shown = all(SHOWN_PART.fullmatch(part) for part in parameters.removesuffix("]").split("-"))
    return nodeid if shown else f"{function}[...]"
