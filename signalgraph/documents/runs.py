"""What runs, as lists: the receivers of a dispatch in their real order, and what each sets off."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from signalgraph import names
from signalgraph.documents.addresses import Addresses, link, picture
from signalgraph.documents.content import Audience, Content
from signalgraph.documents.django_signals import SAID
from signalgraph.documents.markdown import bullets, code, listed, numbered, prose
from signalgraph.documents.sources import Site
from signalgraph.events import ANY_SENDER, ConnectionInfo
from signalgraph.graph.firing import why_not_live

AFTER = "Then, or with `asend` beside them:"
AT_ONCE = "Then, or with `asend` beside them, all at the same time:"
ALL_AT_ONCE = "All at the same time:"


LIFE = list(SAID)


class Teller:
    """Writes for one page, which is at `here`."""

    def __init__(
        self,
        content: Content,
        addresses: Addresses,
        labels: Mapping[str, str],
        here: str,
        drawn: Collection[str] = (),
    ) -> None:
        self.content, self.addresses, self.labels, self.here, self.drawn = content, addresses, labels, here, drawn

    def picture_of_causes(self, selection: str, said: str) -> str:
        """What follows from a `signal:` or a `sender:`, where that is drawn."""
        path = self.addresses.causes_picture(selection)
        return picture(said, path, self.here) if path in self.drawn else ""

    def signal(self, name: str) -> str:
        return link(code(self.labels.get(name, names.short(name))), self.addresses.signal(name), self.here)

    def app(self, name: str) -> str:
        return link(name, self.addresses.app(name), self.here)

    def sent(self, signal: str, sender: str) -> str:
        """A dispatch: `post_save` of `shop.Order`."""
        return f"{self.signal(signal)} of {sender_text(sender)}" if sender else self.signal(signal)

    def runs(self, audience: Audience) -> Iterator[str]:
        """The receivers of one dispatch, numbered as they run; those that run at the same time are not numbered."""
        for row in audience.turns:
            yield from numbered([self.receiver(row)])
            yield from bullets(self.facts(row), 1)
        if audience.together:
            several = len(audience.together) > 1
            said = (AT_ONCE if several else AFTER) if audience.turns else ALL_AT_ONCE if several else ""
            yield from (["", said, ""] if said else [])
        for row in audience.together:
            yield from bullets([self.receiver(row)])
            yield from bullets(self.facts(row), 1)

    def receiver(self, row: ConnectionInfo) -> str:
        said = self.content.summary(row)
        return f"{code(row.receiver)}: {prose(said)}" if said else code(row.receiver)

    def facts(self, row: ConnectionInfo) -> Iterator[str]:
        """How it is connected, and what its code sends."""
        yield ", ".join(filter(None, [self.place(row), self.held(row), self.sender_filter(row)]))
        own = names.connection_id(row.sender, row.signal, row.receiver)
        if why := why_not_live(row, self.content.called, connection=own):
            yield f"**may never run**: {prose(why)}"
        # What a receiver for one sender sends is told below, with all that follows.
        told = {(one.signal, one.sender) for one in self.written_in(row)} if row.sender == ANY_SENDER else ()
        if told:
            yield f"its code sends {listed(self.sent(*sent) for sent in sorted(told))}"

    def place(self, row: ConnectionInfo) -> str:
        file = self.content.place(row.file, row.line)
        return code(file) if file else ""

    def held(self, row: ConnectionInfo) -> str:
        uid = f"`dispatch_uid` {code(row.dispatch_uid)}" if row.dispatch_uid is not None else ""
        return ", ".join(filter(None, ["weak" if row.weak else "strong", "a coroutine" if row.is_async else "", uid]))

    def sender_filter(self, row: ConnectionInfo) -> str:
        return "**for any sender**" if row.sender == ANY_SENDER else ""

    def set_off(self, row: ConnectionInfo, is_meant: Callable[[str], bool]) -> list[tuple[str, str]]:
        """(signal, sender) that the receiver dispatched, in the log, while it handled a sender that is meant."""
        own = names.connection_id(row.sender, row.signal, row.receiver)
        found = {
            (signal, sender)
            for connection, handled, signal, sender in self.content.steps
            if connection == own and is_meant(handled) and signal in self.content.signals
        }
        return sorted(found, key=lifelike)

    def written_in(self, row: ConnectionInfo) -> list[Site]:
        """Where the receiver's own code sends: its function, or the class of a callable object."""
        path = row.receiver.removeprefix("partial(")
        whole = path.partition("~")[0].partition("@")[0].rstrip(")")
        if whole.endswith("("):
            return [one for one in self.content.sites if one.function.startswith(whole[:-1] + ".")]
        return [one for one in self.content.sites if one.function == whole]

    def site(self, site: Site) -> str:
        place = self.content.place(site.file, site.line)
        return f"{code(site.function)} in {code(place)}, with `{site.method}`"


def lifelike(sent: tuple[str, str]) -> tuple[str, bool, int, str]:
    """A key that sorts dispatches by their sender, and those of a model as an instance lives."""
    signal, sender = sent
    age = LIFE.index(signal) if signal in LIFE else len(LIFE)
    return sender, age == len(LIFE), age, signal


def sender_text(sender: str) -> str:
    return "any sender" if sender == ANY_SENDER else code(sender)


def audience_title(audience: Audience, *, alone: bool) -> str:
    """Whom it is for; `alone` where the signal has no other audience."""
    if not audience.senders:
        return "Any sender" if alone else "Any other sender"
    if len(audience.senders) > 3:
        return f"{len(audience.senders)} senders"
    return listed(map(code, audience.senders))
