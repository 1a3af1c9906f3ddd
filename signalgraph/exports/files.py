"""Exports as files: which formats there are, and where a file goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import networkx as nx

from signalgraph.exports import csv, dot, graphml, json, markdown, mermaid, svg
from signalgraph.exports.markup import printable
from signalgraph.graph.focus import focus
from signalgraph.graph.material import Ask
from signalgraph.graph.views import lay_out

Render = Callable[["nx.DiGraph[str]", str, str, str], str]


class ExportError(Exception):
    """An export that can't be made or put where it was wanted; the message says which, why and what to do."""


@dataclass(frozen=True)
class Format:
    """`render` takes a drawn graph, a title, the filter and the time that is shown; `suffix` has no dot."""

    name: str
    suffix: str
    content_type: str
    render: Render


def _svg(graph: nx.DiGraph[str], title: str, query: str, as_of: str) -> str:
    """In the wiring the selection stands out; the other views are about theirs."""
    ask = graph.graph.get("ask", Ask())
    is_lit = ask.view == "wiring" and ask.selection and focus(graph, ask.selection).nodes
    selected = ask.selection if is_lit else None
    layout = lay_out(graph)
    return svg.render(graph, layout, mode="file", title=title, query=query, as_of=as_of, selected=selected)


def _text(render: Callable[..., str]) -> Render:
    """What is said of the export can be any text, also what no file can hold."""
    clean = printable
    return lambda graph, title, query, as_of: render(graph, title=clean(title), query=clean(query), as_of=clean(as_of))


_ALL = (
    Format("csv", "csv", "text/csv; charset=utf-8", _text(csv.render)),
    Format("dot", "dot", "text/vnd.graphviz; charset=utf-8", _text(dot.render)),
    Format("graphml", "graphml", "application/graphml+xml; charset=utf-8", _text(graphml.render)),
    Format("json", "json", "application/json", _text(json.render)),
    Format("markdown", "md", "text/markdown; charset=utf-8", _text(markdown.render)),
    Format("mermaid", "mmd", "text/vnd.mermaid; charset=utf-8", _text(mermaid.render)),
    Format("svg", "svg", "image/svg+xml", _svg),
)
KINDS: Mapping[str, Format] = {one.name: one for one in _ALL}
FORMATS: Mapping[str, Render] = {one.name: one.render for one in _ALL}
BY_SUFFIX: Mapping[str, Format] = {one.suffix: one for one in _ALL}


def write(content: str | bytes, path: Path) -> None:
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
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ExportError(f"Can't write {path}: {reason}. Choose another output.") from error
