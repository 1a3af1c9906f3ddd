"""The first page: the whole picture, the apps, the signals, and how to read them."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph import names
from signalgraph.documents.addresses import PICTURE, picture
from signalgraph.documents.markdown import code, heading, page, prose, table
from signalgraph.documents.runs import Teller
from signalgraph.events import ANY_SENDER

MOST = 3  # senders that a cell names


def index_page(teller: Teller) -> str:
    content = teller.content
    return page(
        heading(1, content.title),
        "Who sends which signal in this project, who receives it, and in which order. Written from what Django has "
        "connected when the project is loaded, so it says what runs, not what somebody remembers.",
        heading(2, "Apps"),
        table(["App", "Signals of its own", "Senders", "Receivers", "Signals it hears"], _apps(teller)),
        picture("Every sender, signal and receiver", PICTURE, teller.here) if content.connections else "",
        heading(2, "Signals"),
        table(["Signal", "Of", "Received by", "What it says"], _signals(teller)),
        heading(2, "How to read these pages"),
        _legend(teller),
    )


def _apps(teller: Teller) -> Iterator[list[str]]:
    content = teller.content
    for app in content.apps():
        own = [signal for signal in content.signals if names.app_of(signal) == app]
        senders = {row.sender for row in content.connections if names.app_of(row.sender) == app}
        heard = content.of_app(app)
        counts = (own, senders, {row.receiver for row in heard}, {row.signal for row in heard})
        yield [teller.app(app), *(str(len(one) or "") for one in counts)]


def _signals(teller: Teller) -> Iterator[list[str]]:
    content = teller.content
    for signal in sorted(content.signals, key=lambda name: (names.app_of(name) == "django", name)):
        rows = content.of_signal(signal)
        heard = sorted({names.app_of(row.receiver) for row in rows})
        said = content.comment(signal)
        yield [
            teller.signal(signal),
            _senders({row.sender for row in rows}),
            ", ".join(map(teller.app, heard)) or "nobody",
            prose(said.partition(". ")[0].removesuffix(".") + "." if said else ""),
        ]


def _senders(senders: set[str]) -> str:
    named = sorted(senders - {ANY_SENDER})
    shown = [code(one) for one in named[: MOST if len(named) > MOST + 1 else None]]
    shown += [f"{len(named) - MOST} more"] if len(shown) < len(named) else []
    return ", ".join([*shown, *(["any sender"] if ANY_SENDER in senders else [])])


def _legend(teller: Teller) -> list[str]:
    said = [
        "- Receivers are numbered in the order in which Django runs them for that sender. Coroutines are awaited "
        "together: after the others with `send`, beside them with `asend`.",
        "- A receiver **for any sender** runs whoever sends; it stands in every list, at its place.",
        "- *weak*: Django holds the receiver weakly, it is gone when nobody else holds it. *strong*: Django keeps it.",
        "- *its code sends*: found in the source, so it may depend on a condition.",
    ]
    if teller.content.with_log:
        said.append("- *was seen to set off*: recorded while the project ran.")
    said.append("- Where a signal is sent is found in the project's source by the signal's name.")
    if teller.content.hides:
        said.append("- Left out is Django's own plumbing.")
    return said
