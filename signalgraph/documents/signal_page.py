"""The page of a signal: who sends it, what runs then, and what was lost."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph import names
from signalgraph.documents.addresses import picture
from signalgraph.documents.content import audiences
from signalgraph.documents.follows import what_follows
from signalgraph.documents.markdown import bullets, code, heading, listed, page, prose, title
from signalgraph.documents.runs import Teller, audience_title


def signal_page(teller: Teller, signal: str) -> str:
    content, addresses = teller.content, teller.addresses
    rows = content.of_signal(signal)
    label = teller.labels[signal]
    return page(
        heading(1, title(label)),
        _about(teller, signal),
        prose(content.comment(signal)),
        picture(f"Who sends {label} and who receives it", addresses.signal_picture(signal), teller.here)
        if rows
        else "",
        *_sites(teller, signal),
        *_runs(teller, signal),
        *what_follows(teller, signal),
        *_lost(teller, signal),
    )


def _about(teller: Teller, signal: str) -> str:
    app = names.app_of(signal)
    whose = {"django": "a signal of Django", "": ""}.get(app, f"a signal of {teller.app(app)}")
    return ", ".join(filter(None, [code(signal), whose])) + "."


def _sites(teller: Teller, signal: str) -> list[list[str] | str]:
    found = [one for one in teller.content.sites if one.signal == signal]
    said = {f"{_of(one.sender)}by {teller.site(one)}" for one in found} | set(_seen(teller, signal))
    return [heading(2, "Who sends it"), bullets(sorted(said))] if said else []


def _seen(teller: Teller, signal: str) -> Iterator[str]:
    """The receivers that were seen to send it, with what they handled."""
    told = {names.connection_id(row.sender, row.signal, row.receiver) for row in teller.content.connections}
    for connection, handled, sent, sender in teller.content.steps:
        if sent == signal and connection in told:
            _, heard, receiver = names.parse_connection_id(connection)
            yield f"{_of(sender)}by {code(receiver)}, seen while it handled {teller.sent(heard, handled)}"


def _of(sender: str) -> str:
    return f"of {code(sender)} " if sender else ""


def _runs(teller: Teller, signal: str) -> Iterator[list[str] | str]:
    found = audiences(teller.content.of_signal(signal))
    yield heading(2, "What runs, in this order")
    if not found:
        yield "No receiver is connected."
    for audience in found:
        yield heading(3, audience_title(audience, alone=len(found) == 1))
        if len(audience.senders) > 3:
            yield listed(map(code, audience.senders)) + ":"
        yield list(teller.runs(audience))


def _lost(teller: Teller, signal: str) -> Iterator[list[str] | str]:
    dead = [one for one in teller.content.dead if one.signal == signal]
    waiting = [one for one in teller.content.pending if one.signal == signal]
    said = [f"A receiver for {code(one.sender)} was held weakly and is gone; it never runs." for one in dead]
    said += [
        f"{code(one.receiver)} waits for a model {code(one.sender)}, which is not loaded; it never runs."
        for one in waiting
    ]
    if said:
        yield heading(2, "Lost")
        yield bullets(sorted(said))
