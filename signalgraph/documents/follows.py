"""What follows from a dispatch, receiver by receiver: nested lists of who sets off what."""

from __future__ import annotations

from collections.abc import Iterator

from signalgraph import names
from signalgraph.documents.content import audiences
from signalgraph.documents.markdown import bullets, code, heading, listed
from signalgraph.documents.runs import Teller, sender_text
from signalgraph.events import ANY_SENDER, ConnectionInfo

DEPTH = 5  # causes in a row
Sent = tuple[str, str]  # signal, sender; "" where only running would tell


def what_follows(teller: Teller, signal: str) -> Iterator[list[str] | str]:
    """A list for each sender whose dispatch sets something off; what a list has told it doesn't unfold again."""
    blocks: list[list[str] | str] = []
    said = f"What follows from {teller.labels[signal]}"
    drawn = teller.picture_of_causes(names.signal_id(signal), said)
    senders = _senders(teller, signal)
    for sender in senders:
        lines = list(_unfold(teller, (signal, sender), 0, {(signal, sender)}))
        if lines:
            blocks += [f"When {sender_text(sender)} sends it:"] if len(senders) > 1 else []
            blocks.append(lines)
    if blocks:
        yield heading(2, "What follows from it")
        yield drawn
        yield from blocks


def _senders(teller: Teller, signal: str) -> list[str]:
    """The senders with receivers of their own, and those for which a receiver for any sender set something off."""
    rows = teller.content.of_signal(signal)
    own = {row.sender for row in rows} - {ANY_SENDER}
    for_any = {_id(row) for row in rows if row.sender == ANY_SENDER}
    return sorted(own | {handled for connection, handled, _, _ in teller.content.steps if connection in for_any})


def _unfold(teller: Teller, dispatch: Sent, depth: int, told: set[Sent]) -> Iterator[str]:
    for row in heard_by(teller, *dispatch):
        for sent, verb in _sent(teller, row, dispatch[1]):
            again = sent in told
            follows = [] if again or depth == DEPTH else list(_unfold(teller, sent, depth + 1, told | {sent}))
            told.add(sent)
            note = " (see above)" if again and _goes_on(teller, sent) else _heard(teller, sent)
            yield from bullets([f"{code(names.short(row.receiver))} {verb} {teller.sent(*sent)}{note}"], depth)
            yield from follows


def heard_by(teller: Teller, signal: str, sender: str) -> list[ConnectionInfo]:
    """What runs for this sender, in the order in which it runs."""
    found = audiences(teller.content.of_signal(signal))
    mine = [one for one in found if sender in one.senders] or [one for one in found if not one.senders]
    return list(mine[0].rows) if mine else []


def _sent(teller: Teller, row: ConnectionInfo, sender: str) -> Iterator[tuple[Sent, str]]:
    seen = teller.set_off(row, lambda handled: handled == sender)
    yield from ((sent, "sets off") for sent in seen)
    # What a receiver for any sender sends it may send for another one than this.
    for site in teller.written_in(row) if row.sender != ANY_SENDER else ():
        if site.signal not in {signal for signal, _ in seen}:
            yield (site.signal, site.sender), "may send"


def _heard(teller: Teller, sent: Sent) -> str:
    receivers = [code(names.short(row.receiver)) for row in heard_by(teller, *sent)]
    return f", which runs {listed(dict.fromkeys(receivers))}" if receivers else ""


def _goes_on(teller: Teller, sent: Sent) -> bool:
    return any(True for row in heard_by(teller, *sent) for _ in _sent(teller, row, sent[1]))


def _id(row: ConnectionInfo) -> str:
    return names.connection_id(row.sender, row.signal, row.receiver)
