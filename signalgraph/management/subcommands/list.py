"""`manage.py signalgraph list`: what is connected now."""

from __future__ import annotations

import difflib
import textwrap
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from django.core.management.base import BaseCommand

from signalgraph.events import ANY_SENDER, ConnectionInfo, DeadEntry, Inventory, PendingSender, Wiring
from signalgraph.names import is_plumbing, is_plumbing_signal, relative_path
from signalgraph.registry import REGISTRY

WIDTH = 80  # columns
help = "List the signals of this project and their receivers, in the order in which Django runs them."


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", help="show connections whose signal, sender or receiver has all these words"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON (docs/list-json.md)")
    parser.add_argument("--all", action="store_true", help="show Django's own plumbing and signals without receivers")


def handle(command: BaseCommand, **options: Any) -> None:
    words = [word.lower() for word in options["words"]]
    if options["json"]:
        data = msgspec.json.format(msgspec.json.encode(_matching(REGISTRY.inventory(collect=True), words)), indent=2)
        command.stdout.write(data.decode())
        return
    command.stdout.write("\n".join(lines(REGISTRY.wiring_now(collect=True), words, show_all=options["all"])))


def _matches(words: Sequence[str], *texts: str) -> bool:
    return all(any(word in text.lower() for text in texts) for word in words)


def _matching(inventory: Inventory, words: Sequence[str]) -> Inventory:
    if not words:
        return inventory
    kept = [info for info in inventory.connections if _matches(words, info.signal, info.sender, info.receiver)]
    signals = {info.signal for info in kept}
    named = [info for info in inventory.signals if info.name in signals or _matches(words, info.name)]
    return Inventory(inventory.schema, named, kept)


def lines(wiring: Wiring, words: Sequence[str] = (), *, show_all: bool = False) -> Iterator[str]:
    """The listing for people: a block for each signal, what was lost, and counts."""
    shown: dict[str, list[ConnectionInfo]] = defaultdict(list)
    hidden = 0
    for info in wiring.connections:
        if _matches(words, info.signal, info.sender, info.receiver):
            if show_all or not is_plumbing(info):
                shown[info.signal].append(info)
            else:
                hidden += 1
    dead = [entry for entry in wiring.dead if _matches(words, entry.signal, entry.sender)]
    if not show_all:
        dead = [entry for entry in dead if not is_plumbing_signal(entry.signal)]
    waiting = [entry for entry in wiring.pending if _matches(words, entry.signal, entry.sender, entry.receiver)]
    silent = [info.name for info in wiring.signals if not info.receivers and _matches(words, info.name)]
    lost = {*(entry.signal for entry in dead), *(late.signal for late in waiting)}
    listed = {*shown, *lost, *(silent if show_all else ())}
    for signal in sorted(listed):
        yield signal
        yield from _block(signal, shown[signal], dead, waiting)
        yield ""
    yield from _wrap(_summary(listed, shown, dead, waiting, hidden, 0 if show_all else len(set(silent) - listed)))
    if words and not (listed or hidden or silent):
        yield from _wrap(_unknown(wiring, words))


def _unknown(wiring: Wiring, words: Sequence[str]) -> str:
    """What to try where nothing has these words."""
    names = {info.name.lower() for info in wiring.signals}
    names |= {name.lower() for info in wiring.connections for name in (info.sender, info.receiver)}
    unknown = [word for word in words if not any(word in name for name in names)]
    if not unknown:
        return "Each of these words is in a name, but no connection has all of them."
    parts = {part for name in names for part in name.split(".")}
    close = [part for word in unknown for part in difflib.get_close_matches(word.rpartition(".")[2], parts)]
    meant = f"; did you mean {' or '.join(dict.fromkeys(close))}?" if close else "."
    return f"No signal, sender or receiver has {' or '.join(map(repr, unknown))} in its name{meant}"


def _block(
    signal: str, connections: list[ConnectionInfo], dead: list[DeadEntry], waiting: list[PendingSender]
) -> Iterator[str]:
    for info in connections:
        yield f"  {info.order:>2}  {info.receiver}"
        yield from _wrap(", ".join(_facts(info)), indent=6)
    dead = [entry for entry in dead if entry.signal == signal]
    waiting = [late for late in waiting if late.signal == signal]
    for entry in dead:
        uid = f", uid {entry.dispatch_uid}" if entry.dispatch_uid else ""
        yield from _wrap(f"DEAD  {_from(entry.sender)}{uid}: the receiver was held weakly and is gone", 2, 6)
    for late in waiting:
        yield from _wrap(f"WAITS {late.receiver}: not connected, no model {late.sender} is loaded", 2, 6)
    if not connections:
        yield "      no other receiver" if dead or waiting else "      no receiver"


def _facts(info: ConnectionInfo) -> Iterator[str]:
    yield _from(info.sender)
    yield "weak" if info.weak else "strong"
    if info.is_async:
        yield "async"
    if info.dispatch_uid is not None:
        yield f"uid {info.dispatch_uid}"
    if info.file is not None:
        yield f"{relative_path(info.file)}:{info.line}" if info.line else relative_path(info.file)


def _from(sender: str) -> str:
    return "from any sender" if sender == ANY_SENDER else f"from {sender}"


def _wrap(text: str, indent: int = 0, further: int | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if further is None else further),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _summary(
    listed: set[str],
    shown: dict[str, list[ConnectionInfo]],
    dead: list[DeadEntry],
    waiting: list[PendingSender],
    hidden: int,
    silent: int,
) -> str:
    parts = [_count(len(listed), "signal"), _count(sum(map(len, shown.values())), "connection")]
    parts += [f"{len(dead)} dead"] if dead else []
    parts += [f"{len(waiting)} waiting for a model"] if waiting else []
    left_out = [f"{hidden} of Django's own connections"] if hidden else []
    left_out += [f"{_count(silent, 'signal')} without a receiver"] if silent else []
    note = f" Not shown: {' and '.join(left_out)} (--all shows them)." if left_out else ""
    return f"{', '.join(parts)}.{note}"
