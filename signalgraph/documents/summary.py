"""Changes as text for a terminal, Markdown for a pull request, and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from signalgraph.documents.changes import Change
from signalgraph.documents.markdown import listed

SCHEMA = 1
MARKDOWN_MARK = "<!-- signalgraph diff -->"  # by which a bot finds the comment that it wrote before
NOTHING = "Nothing has changed in what is connected."


def text(changes: Sequence[Change]) -> str:
    """A line for each change: `+` what is new, `-` what is gone, `~` what is otherwise."""
    if not changes:
        return f"{NOTHING}\n"
    lines = [f"{one.sign} {one.sentence}" for one in changes]
    return "\n".join([*lines, "", f"{_counted(changes)}."]) + "\n"


def markdown(changes: Sequence[Change]) -> str:
    """A section for a comment or a job's summary on GitHub."""
    if not changes:
        return f"{MARKDOWN_MARK}\n### Signals\n\n{NOTHING}\n"
    lines = [f"- **{SIGNS[one.sign]}** {one.sentence}" for one in changes]
    return "\n".join([MARKDOWN_MARK, f"### Signals: {_counted(changes)}", "", *lines]) + "\n"


SIGNS = {"+": "+", "-": "\N{MINUS SIGN}", "~": "~"}  # what a Markdown list can't take for its own


def as_json(changes: Sequence[Change]) -> str:
    """`{"schema": 1, "changes": [...]}`, each change with its kind, names and sentence."""
    data = {"schema": SCHEMA, "changes": [asdict(one) for one in changes]}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _counted(changes: Sequence[Change]) -> str:
    signs = [one.sign for one in changes]
    words = (("+", "new"), ("-", "gone"), ("~", "changed"))
    return listed(f"{signs.count(sign)} {word}" for sign, word in words if sign in signs)


FORMATS: Mapping[str, Callable[[Sequence[Change]], str]] = {"text": text, "markdown": markdown, "json": as_json}
