"""A view as Markdown: what it shows, its picture in Mermaid, its connections in tables, and what set off what.

GitHub, GitLab, MkDocs and Sphinx (MyST) show it as it is; the picture needs their Mermaid support, the tables don't.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import networkx as nx

from signalgraph import names
from signalgraph.events import ANY_SENDER
from signalgraph.exports import mermaid, words
from signalgraph.exports.captions import TRUTH
from signalgraph.exports.drawn import causes_of
from signalgraph.exports.listing import Listed, list_connections
from signalgraph.exports.markup import printable
from signalgraph.graph.figures import short_number

_MEANT = re.compile(r"([\\`*_{}\[\]<>#|~&@:$])")
_AWKWARD = re.compile(r"[`|\\\n\r]")


def render(graph: nx.DiGraph[str], *, title: str = "", query: str = "", as_of: str = "") -> str:
    """A drawn graph as Markdown; the same graph gives the same text."""
    rows = list_connections(graph)
    blocks = [f"# {prose(title) or 'Signals'}"]
    said = [f"Filter: {code(query)}."] if query else []
    said += [f"As of {prose(as_of)}."] if as_of else []
    blocks.append(" ".join([f"{prose(words.of_graph(graph))}.", *said]))
    blocks += _picture(graph, title, query, as_of) if rows else ["Nothing is connected here."]
    for signal, found in groupby(rows, lambda row: row.signal):
        blocks += [f"## {code(signal)}", _table(list(found))]
    blocks += _causes(graph)
    return "\n\n".join(blocks) + "\n"


def prose(text: str) -> str:
    """Text that means nothing else in Markdown, on one line."""
    return _MEANT.sub(r"\\\1", " ".join(printable(text).split()))


def code(text: str) -> str:
    """A name as it is, in a table too."""
    shown = " ".join(printable(text).split()) or " "
    if not _AWKWARD.search(shown):
        return f"`{shown}`"
    escaped = re.sub(r"[\\`*_{}\[\]|~$:@]", lambda match: f"&#{ord(match[0])};", html.escape(shown))
    return f"<code>{escaped}</code>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are Markdown already. Columns that are empty everywhere are left out."""
    body = [list(row) for row in rows]
    used = [place for place in range(len(head)) if any(row[place] for row in body)]
    lines = [[head[place] for place in used], ["---"] * len(used), *([row[place] for place in used] for row in body)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _picture(graph: nx.DiGraph[str], title: str, query: str, as_of: str) -> Iterator[str]:
    drawn = mermaid.render(graph, title=title, query=query, as_of=as_of)
    if mermaid.is_too_large(drawn):
        yield "The picture is larger than what Mermaid draws inside of Markdown; export it as SVG."
    else:
        yield f"```mermaid\n{drawn}```"
        yield TRUTH


def _table(rows: Sequence[Listed]) -> str:
    head = ("Order", "Receiver", "Sender", "How", "Written in", "Stage", "Calls", "Errors", "Note")
    return table(head, (_cells(row) for row in rows))


def _cells(row: Listed) -> tuple[str, ...]:
    info, figures = row.info, row.figures
    how = ["async"] if info and info.is_async else []
    how += [] if info is None else ["weak" if info.weak else "strong"]
    how += [f"uid {code(info.dispatch_uid)}"] if info and info.dispatch_uid else []
    note = [] if row.can_fire else [f"cannot fire: {prose(row.why)}" if row.why else "cannot fire"]
    note += ["not connected any more"] if row.gone else []
    return (
        str(info.order) if info else "",
        code(row.receiver),
        "any sender" if row.sender == ANY_SENDER else code(row.sender),
        ", ".join(how),
        code(row.where) if row.where else "",
        ", ".join(map(str, row.stages)),
        short_number(figures.calls) if figures else "",
        short_number(figures.errors) if figures and figures.errors else "",
        ", ".join(note),
    )


def _causes(graph: nx.DiGraph[str]) -> Iterator[str]:
    found = causes_of(graph)
    if not found:
        return
    yield "## What receivers set off"
    rows = []
    for cause in found:
        sender, signal, receiver = names.parse_connection_id(cause.connection)
        who = "any sender" if sender == ANY_SENDER else code(sender)
        rows.append((code(receiver), code(signal), who, code(cause.signal), code(cause.sender), str(cause.count)))
    yield table(("While", "handled", "of", "it dispatched", "for", "times"), rows)
