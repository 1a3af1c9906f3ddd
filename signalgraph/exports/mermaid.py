"""The graph as a Mermaid flowchart, which GitHub, GitLab, MkDocs and Sphinx draw inside Markdown.

A signal is a subgraph of its audiences, so no path leads from a sender to a receiver that doesn't hear it. Mermaid
takes only plain words as names of nodes, so these are made of the ids; the short names stand in the boxes. `title` is
in the front matter, `query` and `as_of` in the description for screen readers (``accDescr``).

Mermaid reads text in boxes as Markdown, and after that as HTML: what could mean something there is written as a
character code (``#60;`` is `<`), and lines end with a newline, as Markdown is read again after a ``<br>``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import networkx as nx

from signalgraph.exports.captions import about, caption, line_label
from signalgraph.exports.drawn import ELSEWHERE, Line, clusters_of, lines_of, nodes_of

MAX_LINES, MAX_CHARACTERS = 500, 50_000  # what Mermaid draws unless the page that it is on allows more

# All but words, and what is harmless inside of them: a dot, hyphen or underscore between letters, a colon in a time.
_CODED = re.compile(r"[^\w .,()\xd7:-]|(?<!\w)[.-]|[.-](?!\w)|(?<![^\W_])_|_(?![^\W_])|(?<=\d)\)|(?<!\d):|:(?!\d)")
_BRACKETS = {ord("<"): "\u2039", ord(">"): "\u203a"}
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
_UNKNOWN = re.compile("[\x80-\x9f\ud800-\udfff\ufffe\uffff]")
_SHAPES = {"sender": ("[", "]"), "port": ("[", "]"), "receiver": ("(", ")"), "app": ("[[", "]]"), ELSEWHERE: ("[", "]")}
_STYLES = {  # by class; strokes that stand out on a light and on a dark page, fills are the page's own
    "sender": "stroke:#7f8794,stroke-width:1.5px",
    "port": "stroke:#1f8fd6,stroke-width:1.5px",
    "receiver": "stroke:#2a9274,stroke-width:1.5px",
    "app": "stroke:#7f8794,stroke-width:1.5px",
    "async": "stroke-dasharray:4 3",
    ELSEWHERE: "stroke-dasharray:1 3",
}


def render(graph: nx.DiGraph[str], *, title: str = "", query: str = "", as_of: str = "") -> str:
    """A drawn graph as Mermaid text; the same graph gives the same text."""
    nodes, clusters = nodes_of(graph), clusters_of(graph)
    words = node_words(_wanted(graph, nodes))
    described = _coded(". ".join(filter(None, about(graph, "", query, as_of))))
    parts = ["---", f"title: {_front_matter(title)}", "---", "flowchart LR"]
    parts += [f"  accTitle: {_coded(title) or 'Signals'}", *([f"  accDescr: {described}"] if described else [])]
    for box, ports in clusters.items():
        label = graph.graph["signal_labels"][nodes[ports[0]]["signal"]]
        parts.append(f"  subgraph {words[box]}[{_quoted([label])}]")
        parts += [f"  {_node(graph, words[port], nodes[port])}" for port in ports]
        parts.append("  end")
    inside = {port for ports in clusters.values() for port in ports}
    parts += [_node(graph, words[node], data) for node, data in nodes.items() if node not in inside]
    parts += [_line(graph, words, line) for line in lines_of(graph)]
    parts += [f"  classDef {name} {style}" for name, style in _STYLES.items()]
    return "\n".join([*parts, ""])


def is_too_large(text: str) -> bool:
    """Whether Mermaid refuses to draw this on a page that sets no higher limits."""
    lines = sum(" --" in line or " -.-" in line for line in text.splitlines())
    return lines > MAX_LINES or len(text) > MAX_CHARACTERS


def node_words(wanted: Mapping[str, str]) -> dict[str, str]:
    """Names that Mermaid takes, by id, from the texts that they should say.

    Two that would be the same get a part of a digest of their ids.

    >>> node_words({"sender:shop.Order": "sender shop.Order"})
    {'sender:shop.Order': 'sender_shop_Order'}
    """
    words = {one: re.sub(r"[\W_]+", "_", text, flags=re.ASCII).strip("_") for one, text in wanted.items()}
    shared = Counter(words.values())
    return {
        one: f"{word}_{hashlib.sha256(one.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
        if shared[word] > 1
        else word
        for one, word in words.items()
    }


def _wanted(graph: nx.DiGraph[str], nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A kind and a short name for each box."""
    labels = graph.graph.get("signal_labels", {})
    found = {
        node: f"{data['kind']} {labels.get(data.get('signal'), '')} {data['label']}" for node, data in nodes.items()
    }
    return found | {box: f"signal {labels[nodes[ports[0]]['signal']]}" for box, ports in clusters_of(graph).items()}


def _node(graph: nx.DiGraph[str], word: str, data: Mapping[str, Any]) -> str:
    before, after = _SHAPES[data["kind"]]
    drawn = f"  {word}{before}{_quoted(caption(graph, data))}{after}:::{data['kind']}"
    return f"{drawn}\n  class {word} async" if data.get("is_async") else drawn


def _line(graph: nx.DiGraph[str], words: Mapping[str, str], line: Line) -> str:
    arrow = "-.->" if line.kind == "cause" else "-->" if line.can_fire else "--x"
    label = line_label(graph, line)
    said = f"|{_quoted([label])}|" if label else ""
    return f"  {words[line.source]} {arrow}{said} {words[line.target]}"


def _quoted(lines: Iterable[str]) -> str:
    shown = "\n".join(_coded(line) for line in lines if line)
    return f'"{shown}"'


def _coded(text: str) -> str:
    """Text in a box: shown as it is, whatever it holds."""
    return _CODED.sub(lambda match: f"#{ord(match[0])};", _one_line(text))


def _front_matter(title: str) -> str:
    """A title for YAML. Mermaid puts it into HTML, where nothing escapes it: what may be a tag gets other brackets."""
    return json.dumps(_one_line(title).translate(_BRACKETS), ensure_ascii=False)


def _one_line(text: str) -> str:
    return _UNKNOWN.sub("\ufffd", _SPACE.sub(" ", text)).strip()
