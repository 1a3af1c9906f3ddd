"""All files of the documents, as text."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from signalgraph import names
from signalgraph.documents.addresses import INDEX, PICTURE, SNAPSHOT, Addresses
from signalgraph.documents.app_page import app_page
from signalgraph.documents.content import Content
from signalgraph.documents.index_page import index_page
from signalgraph.documents.marking import MARK, marked
from signalgraph.documents.pictures import causes_to_draw, draw, draw_causes
from signalgraph.documents.runs import Teller
from signalgraph.documents.signal_page import signal_page
from signalgraph.events import SCHEMA, ConnectionInfo, Inventory


def write_book(content: Content) -> dict[str, str]:
    """The text of each file by its path below the documents' folder, with `/` on every system."""
    senders = {row.sender for row in content.connections}
    addresses = Addresses(content.signals, content.apps(), senders)
    labels = names.distinct_labels(content.signals)
    files = {**_causes(content, addresses, labels), SNAPSHOT: snapshot(content)}
    drawn = frozenset(files)
    files[INDEX] = index_page(Teller(content, addresses, labels, INDEX, drawn))
    if content.connections:
        files[PICTURE] = draw(content, content.connections, content.title)
    for signal in content.signals:
        here = addresses.signal(signal) or ""
        files[here] = signal_page(Teller(content, addresses, labels, here, drawn), signal)
        if rows := content.of_signal(signal):
            files[addresses.signal_picture(signal)] = draw(content, rows, labels[signal])
    for app in content.apps():
        here = addresses.app(app) or ""
        files[here] = app_page(Teller(content, addresses, labels, here, drawn), app)
        files[addresses.app_picture(app)] = draw(content, _around(content, app), app)
    return {path: marked(path, text) for path, text in sorted(files.items())}


def _causes(content: Content, addresses: Addresses, labels: Mapping[str, str]) -> dict[str, str]:
    signals, senders = causes_to_draw(content)
    titles = {names.signal_id(one): f"What follows from {labels[one]}" for one in signals}
    titles |= {names.sender_id(one): f"What follows when {one} sends" for one in senders}
    drawn = {addresses.causes_picture(one): draw_causes(content, one, title) for one, title in titles.items()}
    return {path: text for path, text in drawn.items() if text is not None}


def _around(content: Content, app: str) -> list[ConnectionInfo]:
    """The connections that have to do with an app, by their receiver, sender or signal."""
    return [
        row
        for row in content.connections
        if app in {names.app_of(name) for name in (row.receiver, row.sender, row.signal)}
    ]


def snapshot(content: Content) -> str:
    """The inventory of what is told, for `manage.py signalgraph diff`; files and lines are those of the pages."""
    told = sorted([*content.signals.values(), *content.unheard], key=lambda info: info.name)
    signals = [replace(info, aliases=[], receivers=len(content.of_signal(info.name))) for info in told]
    rows = [_portable(content, row) for row in content.connections]
    data = {"about": MARK, **msgspec.to_builtins(Inventory(SCHEMA, signals, rows))}
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n"


def _portable(content: Content, row: ConnectionInfo) -> ConnectionInfo:
    place, _, line = content.place(row.file, row.line).partition(":")
    return replace(row, file=place or None, line=int(line) if line else None)
