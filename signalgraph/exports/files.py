"""Exports as files: which formats there are, and where a file goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import networkx as nx

from signalgraph.exports import json, svg
from signalgraph.graph.layout import layout_wiring

Render = Callable[["nx.DiGraph[str]", str, str, str], str]


class ExportError(Exception):
    """An export that can't be made or put where it was wanted; the message says which, why and what to do."""


def _svg(graph: nx.DiGraph[str], title: str, query: str, as_of: str) -> str:
    return svg.render(graph, layout_wiring(graph), mode="file", title=title, query=query, as_of=as_of)


def _json(graph: nx.DiGraph[str], title: str, query: str, as_of: str) -> str:
    return json.render(graph, query=query, as_of=as_of)


FORMATS: Mapping[str, Render] = {"json": _json, "svg": _svg}


def write(text: str, path: Path) -> None:
    """Put an export into a file, in place of what was there.

    Raises
    ------
    ExportError
        The folder isn't there, the path is a folder, or the file can't be written.
    """
    if not path.parent.is_dir():
        raise ExportError(f"The folder {path.parent} doesn't exist; create it or choose another output.")
    if path.is_dir():
        raise ExportError(f"{path} is a folder; add the name of a file.")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ExportError(f"Can't write {path}: {reason}. Choose another output.") from error
