"""A view as Markdown: what it shows, its picture in Mermaid, its connections in tables, and what set off what.

GitHub, GitLab, MkDocs and Sphinx (MyST) show it as it is; the picture needs their Mermaid support, the tables don't.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import networkx as nx

from signalgraph import names
from signalgraph.events import ANY_SENDER
from signalgraph.exports import mermaid
from signalgraph.exports.captions import holds, truth
from signalgraph.exports.drawn import causes_of, is_clustered
from signalgraph.exports.listing import Listed, list_connections
from signalgraph.exports.markup import printable
from signalgraph.graph.figures import short_number

_MEANT = re.compile(r"([\\`*_{}\[\]<>#|~&@$]|:(?=\S*[/A-Za-z]))")
_AWKWARD = re.compile(r"[`|\\\n\r]")
HEAD = ("Order", "Receiver", "Sender", "How", "Written in", "Calls", "Errors", "Note")
NEVER = "not seen"
NOTHING = "Nothing is connected here."


def render(graph: nx.DiGraph[str], *, title: str = "", query: str = "", as_of: str = "") -> str:
    """A drawn graph as Markdown; the same graph gives the same text."""
    rows = list_connections(graph)
    said = [f"{prose(holds(graph))}."]
    said += [f"Filter: {code(query)}."] if query else []
    said += [f"As of {prose(as_of)}."] if as_of else []
    blocks = [f"# {prose(title) or 'Signals'}", " ".join(said)]
    blocks += [prose(graph.graph["note"])] if graph.graph.get("note") else []
    blocks += _picture(graph, title, query, as_of) if rows else [] if graph.graph.get("note") else [NOTHING]
    blocks += _signals(rows) if is_clustered(graph) else _stages(graph, rows)
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
        yield truth(graph)


def _signals(rows: Iterable[Listed]) -> Iterator[str]:
    for signal, found in groupby(rows, lambda row: row.signal):
        yield f"## {code(signal)}"
        yield table(HEAD, map(_cells, found))


def _stages(graph: nx.DiGraph[str], rows: Iterable[Listed]) -> Iterator[str]:
    """Stage by stage each dispatch, and its receivers in the order in which Django runs them."""
    by_id = {row.id: row for row in rows}
    ports = [(data["stage"], port) for port, data in graph.nodes(data=True) if data["kind"] == "port"]
    for stage, found in groupby(sorted(ports), lambda one: one[0]):
        yield f"## Stage {stage}"
        for _, port in found:
            data = graph.nodes[port]
            who = "any sender" if data["any"] else code(data["sender"])
            yield f"### {code(data['signal'])} from {who}"
            cells = [_handled(graph, by_id, handling) for handling in _in_order(graph, port)]
            yield table(HEAD, cells) if cells else "No receiver is drawn."


def _in_order(graph: nx.DiGraph[str], port: str) -> list[str]:
    found = [(line["order"], handling) for _, handling, line in graph.out_edges(port, data=True)]
    return [handling for _, handling in sorted(found)]


def _handled(graph: nx.DiGraph[str], by_id: Mapping[str, Listed], handling: str) -> tuple[str, ...]:
    """A row for what one sender set off; the numbers of a receiver for any sender are not this sender's."""
    data = graph.nodes[handling]
    return _cells(
        replace(by_id[data["connection"]], figures=data.get("figures")), NEVER if data["observed"] is False else ""
    )


def _cells(row: Listed, seen: str = "") -> tuple[str, ...]:
    info, figures = row.info, row.figures
    how = ["async"] if info and info.is_async else []
    how += [] if info is None else ["weak" if info.weak else "strong"]
    how += [f"uid {code(info.dispatch_uid)}"] if info and info.dispatch_uid else []
    note = [seen] if seen and row.can_fire else [] if row.can_fire else [f"cannot fire: {prose(row.why)}"]
    return (
        str(info.order) if info else "",
        code(row.receiver),
        "any sender" if row.sender == ANY_SENDER else code(row.sender),
        ", ".join(how),
        code(row.where) if row.where else "",
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
