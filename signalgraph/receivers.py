"""Final names of receivers: a suffix where two live ones would read the same."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from signalgraph.descriptions import ReceiverName, quote_text

# Django's test client puts id(...) into its dispatch_uids; a name holds no address.
_ADDRESS = re.compile(r"\d{9,}|0x[0-9a-fA-F]{6,}")


def is_own(label: str) -> bool:
    """Whether a receiver belongs to signalgraph itself, which lists and pages leave out."""
    return label.removeprefix("partial(").startswith("signalgraph.")


def distinct_names(receivers: Iterable[tuple[ReceiverName, str | None]]) -> dict[int, str]:
    """The final name of each receiver, by its `ident`. Each comes with the text dispatch_uid of its row, if any.

    Receivers with one label are told apart by `~dispatch_uid`, else by `@line` (`@line:column` on one line). Those of
    the same line and column are the same code (methods of two instances, two calls of a factory) and share a name.
    """
    by_label: dict[str, dict[int, ReceiverName]] = defaultdict(dict)
    uids: dict[int, set[str]] = defaultdict(set)
    for receiver, uid in receivers:
        by_label[receiver.label][receiver.ident] = receiver
        if uid and not _ADDRESS.search(uid):
            uids[receiver.ident].add(uid)
    names = {}
    for label, same in by_label.items():
        for ident in same:
            names[ident] = label + (_suffix(same, ident, uids) if len(same) > 1 else "")
    return names


def _suffix(same: Mapping[int, ReceiverName], ident: int, uids: Mapping[int, set[str]]) -> str:
    """A dispatch_uid that nobody else of the label has, else the line unless all have the same."""
    own = uids.get(ident, set())
    others = {uid for other in same if other != ident for uid in uids.get(other, ())}
    if len(own) == 1 and not own & others:
        return "~" + quote_text(*own)[1:-1]
    receiver = same[ident]
    if len({(other.file, other.line, other.column) for other in same.values()}) == 1 or receiver.line is None:
        return ""
    columns = {other.column for other in same.values() if (other.file, other.line) == (receiver.file, receiver.line)}
    return f"@{receiver.line}" + (f":{receiver.column}" if len(columns) > 1 else "")
