"""The page of an app: its signals, what runs when its models and other senders send, and what it receives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from signalgraph import names
from signalgraph.documents.addresses import picture
from signalgraph.documents.content import Audience, Content, audiences, turns
from signalgraph.documents.markdown import bullets, code, heading, listed, numbered, page, prose
from signalgraph.documents.runs import Teller, lifelike, sender_text
from signalgraph.events import ConnectionInfo


def app_page(teller: Teller, app: str) -> str:
    return page(
        heading(1, app),
        picture(f"What {app} sends and receives", teller.addresses.app_picture(app), teller.here),
        *_signals(teller, app),
        *_sends(teller, app),
        *_sites(teller, app),
        *_receives(teller, app),
    )


def _signals(teller: Teller, app: str) -> Iterator[list[str] | str]:
    own = [signal for signal in teller.content.signals if names.app_of(signal) == app]
    if own:
        yield heading(2, "Its signals")
        yield bullets(_line(teller.signal(signal), prose(teller.content.comment(signal))) for signal in own)


def _sends(teller: Teller, app: str) -> Iterator[list[str] | str]:
    """For each of the app's senders each signal that somebody hears, with all that runs."""
    rows = teller.content.connections
    senders = sorted({row.sender for row in rows if names.app_of(row.sender) == app})
    if senders:
        yield heading(2, "What runs when it sends")
    for sender in senders:
        yield heading(3, code(sender))
        yield teller.picture_of_causes(names.sender_id(sender), f"What follows when {sender} sends")
        said: list[str] = []
        for signal in sorted({row.signal for row in rows if row.sender == sender}):
            [heard] = [one for one in audiences(teller.content.of_signal(signal)) if sender in one.senders]
            said += bullets([teller.signal(signal)])
            said += numbered(map(teller.receiver, heard.turns), 1)
            if heard.together:
                said += numbered([f"{listed(code(row.receiver) for row in heard.together)}, {_awaited(heard)}"], 1)
        yield said


def _awaited(heard: Audience) -> str:
    """How the coroutines of a dispatch run; all in one item, as none of them waits for another."""
    return "a coroutine" if len(heard.together) == 1 else "coroutines, at the same time"


def _sites(teller: Teller, app: str) -> Iterator[list[str] | str]:
    found = [one for one in teller.content.sites if names.app_of(one.function) == app]
    if found:
        yield heading(2, "Where its code sends")
        yield bullets(sorted({f"{teller.sent(one.signal, one.sender)} by {teller.site(one)}" for one in found}))


def _receives(teller: Teller, app: str) -> Iterator[list[str] | str]:
    by_file: dict[str, dict[str, list[ConnectionInfo]]] = defaultdict(lambda: defaultdict(list))
    for row in teller.content.of_app(app):
        by_file[teller.content.place(row.file, None)][row.receiver].append(row)
    if by_file:
        yield heading(2, "What it receives")
    for file, receivers in sorted(by_file.items()):
        yield heading(3, code(file) if file else "Not in a file")
        said: list[str] = []
        for _, rows in sorted(receivers.items()):
            said += bullets([teller.receiver(rows[0])])
            said += bullets(_heard(teller, rows), 1)
        yield said


def _heard(teller: Teller, rows: list[ConnectionInfo]) -> Iterator[str]:
    """What a receiver hears: each signal with the senders for which it runs at the same place."""
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        facts = ", ".join(filter(None, [_turn(teller.content, row), teller.held(row)]))
        alike[row.signal, facts].append(row.sender)
    for (signal, facts), senders in alike.items():
        of_whom = listed(sender_text(one) for one in dict.fromkeys(senders))
        yield f"{teller.signal(signal)} of {of_whom}: {facts}"
    sends = {sent for row in rows for sent in teller.set_off(row, lambda handled: True)}
    if sends:
        yield f"was seen to set off {listed(teller.sent(*sent) for sent in sorted(sends, key=lifelike))}"
    told = {(one.signal, one.sender) for one in teller.written_in(rows[0])}
    told = {one for one in told if one[0] not in {signal for signal, _ in sends}}
    if told:
        yield f"its code sends {listed(teller.sent(*sent) for sent in sorted(told))}"


def _turn(content: Content, row: ConnectionInfo) -> str:
    """Its place among all that run for its sender; one for any sender has a place for each of them."""
    found = sorted(turns(content.of_signal(row.signal), row))
    if row.is_async or not found:
        return ""
    (first, of), last = found[0], found[-1][0]
    if len(found) > 1:
        return f"place {first} to {last}" if first != last else f"place {first}"
    return f"{first} of {of}" if of > 1 else "alone"


def _line(name: str, said: str) -> str:
    return f"{name}: {said}" if said else name
