"""The direction of imports, and who alone may import what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "signalgraph"

# A module imports from its own line and those above it, never from one below.
LAYERS = (
    {"blobs", "causing", "events", "names", "descriptions", "inert", "parsing", "redaction"},
    {
        "registry",
        "rows",
        "receivers",
        "senders",
        "model_kinds",
        "pending",
        "origins",
        "log",
        "recorder",
        "instrumenting",
        "conf",
    },
    {
        "index",
        "traces",
        "recent",
        "fates",
        "figures",
        "gathering",
        "lookup",
        "presence",
        "resolve",
        "sharing",
        "sums",
        "wirings",
    },
    {"graph"},
    {"exports"},
    {"documents", "findings"},
    {"apps", "asgi", "checks", "graphs", "management", "pytest_plugin", "routing", "templatetags", "urls", "web"},
)
RANK = {module: rank for rank, layer in enumerate(LAYERS) for module in layer}
ONLY_IN = {
    "channels": ("asgi.py", "routing.py", "web/consumers.py"),
    "networkx": ("graph/", "exports/", "web/pages/graph.py", "management/subcommands/export.py"),
    "sqlite3": ("log/",),
    "redis": ("log/redis.py",),
    "dashboard": (),
}
WITHOUT_SETTINGS = ("events", "log", "graph", "exports", "recorder")
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports at run time, inside functions too."""
    tree = ast.parse(path.read_text())
    for_types = {
        node
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.dump(test.test)
        for node in ast.walk(test)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top(module: str) -> str | None:
    """The part of the package that a dotted name below `signalgraph.` is in."""
    parts = module.split(".")
    return parts[1] if parts[0] == "signalgraph" and len(parts) > 1 and parts[1] in RANK else None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_upwards_only(path: Path) -> None:
    """No module imports from a later layer, and nothing is imported where it doesn't belong."""
    name = str(path.relative_to(PACKAGE))
    own = Path(name).parts[0].removesuffix(".py")
    for module in imports(path):
        other = top(module)
        if other is not None and own in RANK:
            assert RANK[other] <= RANK[own], f"{name} imports {module}"
        root = module.partition(".")[0]
        assert root not in ONLY_IN or name.startswith(ONLY_IN[root]), f"{name} imports {module}"
        if own in WITHOUT_SETTINGS:
            assert not module.startswith("django.conf"), f"{name} reads settings"


def test_every_module_has_a_layer() -> None:
    """A new module is put into the order on purpose."""
    modules = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES} - {"__init__"}
    assert modules == set(RANK)
