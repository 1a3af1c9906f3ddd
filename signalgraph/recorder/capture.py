"""Values that `CAPTURE` asks for by name: picked where the dispatch is, named and redacted in the flusher.

Nothing of a project runs for it: attributes are read from an instance's own namespace only, and a value is told when it
is of a plain type that C implements; of anything else only the type is.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import EnumMeta
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from signalgraph import redaction
from signalgraph.inert import class_path, instance_namespace, is_a, writable
from signalgraph.recorder import causes, dispatching
from signalgraph.recorder.clock import FACTS
from signalgraph.recorder.faults import contained, report

ERROR_MESSAGE = "error.message"
REQUEST_PATH = "request.path"
ANOTHER_NAME = re.compile(r"(?:(?P<scope>[^\s:]+):)?(?P<argument>[^\W\d]\w*)(?:\.(?P<attribute>[^\W\d]\w*))?")
NO_FACTS = (None, None, None, None, None)  # what a signal that is no model's says by itself
FACTS_OF_MODELS = len(NO_FACTS)
PLANS = 10_000  # pairs of signal and sender whose names were looked up
LONGEST_INT = 63  # bits that a log's integer has, without the sign
LONGEST_DIGITS = 2_000  # bits, and bytes of a Decimal, that are spelled out: beyond, only the size is told

Atom = bool | int | float | str | None
_message_of = BaseException.__dict__["args"].__get__
_MISSING = object()


class Wanted(NamedTuple):
    """One name of `CAPTURE`. `scope` is a glob for the signal's name or the sender's; None is every signal."""

    path: str
    argument: str
    attribute: str | None
    scope: str | None

    def covers(self, signal: str, sender: str) -> bool:
        return self.scope is None or fnmatchcase(signal, self.scope) or fnmatchcase(sender, self.scope)


def parse(name: str) -> Wanted:
    """What a name of `CAPTURE` asks for; raises `ValueError`.

    >>> parse("shop.Order:instance.status")
    Wanted(path='instance.status', argument='instance', attribute='status', scope='shop.Order')
    """
    found = ANOTHER_NAME.fullmatch(name)
    if found is None:
        raise ValueError(
            f"{name!r} is no name to capture; write an argument or an attribute of one, as 'amount' or "
            "'instance.status'; for one signal or sender only, write it before: 'shop.Order:instance.status'"
        )
    argument, attribute = found["argument"], found["attribute"]
    path = argument if attribute is None else f"{argument}.{attribute}"
    if path == REQUEST_PATH and found["scope"]:
        raise ValueError(
            f"{name!r} asks for a path of some signals; a request has one path, so leave the first part out"
        )
    return Wanted(path, argument, attribute, found["scope"])


class Capture:
    """Picks and tells what a list of names asks for. `pick` and `note_error` run in the project's threads."""

    def __init__(self, names: Sequence[str]) -> None:
        wanted = list(dict.fromkeys(map(parse, names)))
        self.wants_path = any(each.path == REQUEST_PATH for each in wanted)
        self._messages = [each for each in wanted if each.path == ERROR_MESSAGE]
        self._values = [each for each in wanted if each.path not in (REQUEST_PATH, ERROR_MESSAGE)]
        # Until the flusher knows the names of a signal and its sender, all that may be wanted is picked.
        self._all = tuple(dict.fromkeys((each.path, each.argument, each.attribute) for each in self._values))
        self._plans: dict[tuple[int, int], tuple[tuple[str, str, str | None], ...]] = {}

    @property
    def is_empty(self) -> bool:
        return not (self._values or self._messages or self.wants_path)

    def pick(
        self, signal: int, sender: int, named: dict[str, Any], facts: tuple[Any, ...] | None
    ) -> tuple[Any, ...] | None:
        """The facts of a record, with a pair of name and value for each wanted one that the arguments hold."""
        try:
            pairs: tuple[Any, ...] = ()
            for path, argument, attribute in self._plans.get((signal, sender), self._all):
                value = named.get(argument, _MISSING)
                if attribute is not None and value is not _MISSING:
                    value = instance_namespace(value).get(attribute, _MISSING)
                if value is not _MISSING:
                    pairs += (path, plain(value))
            return (facts or NO_FACTS) + pairs if pairs else facts
        except Exception:  # noqa: BLE001 - the boundary: recorded without what was asked for
            report("Capture.pick")
            return facts

    @contained()
    def note_error(self, record: list[Any], error: BaseException, position: int) -> None:
        """Add the message of an error; `position` is that of its receiver, where the dispatch goes on, else 0."""
        arguments = _message_of(error)
        if arguments and type(arguments[0]) is str:
            name = f"{ERROR_MESSAGE} {position}" if position else ERROR_MESSAGE
            record[FACTS] = (record[FACTS] or NO_FACTS) + (name, plain(arguments[0]))

    def told(self, key: tuple[int, int], signal: str, sender: str, pairs: Sequence[Any]) -> dict[str, Atom]:
        """What a record's pairs may say, when its signal and sender (tokens: `key`) are called this."""
        if key not in self._plans:
            if len(self._plans) >= PLANS:
                self._plans.clear()
            covered = [each for each in self._values if each.covers(signal, sender)]
            self._plans[key] = tuple(dict.fromkeys((each.path, each.argument, each.attribute) for each in covered))
        paths = {path for path, _, _ in self._plans[key]}
        if any(each.covers(signal, sender) for each in self._messages):
            paths.add(ERROR_MESSAGE)
        named = zip(pairs[::2], pairs[1::2], strict=True)
        return {name: shown(name, value) for name, value in named if name.partition(" ")[0] in paths}


def plain(value: Any) -> Any:  # noqa: C901 - one line for each type
    """A value as an atom: flags, numbers and text as they are, moments and sizes in words, else `<the type's name>`."""
    kind = type(value)
    if kind is str:
        return value[: redaction.MATCHED + 1]
    if value is None or kind is bool:
        return value
    if kind is int:
        return _integer(value)
    if kind is float:
        return value if math.isfinite(value) else repr(value)
    if kind is Decimal:
        size = Decimal.__sizeof__(value)
        return str(value) if size < LONGEST_DIGITS else f"Decimal of {size} bytes"
    if kind is UUID or kind is timedelta or kind is date:
        return str(value)
    if kind is datetime or kind is time:
        return _moment(value)
    if kind is bytes or kind is bytearray:
        return f"{len(value)} bytes"
    if any(kind is each for each in (list, tuple, dict, set, frozenset, deque)):
        return f"{kind.__name__} of {len(value)}"
    if is_a(kind, EnumMeta):
        held = instance_namespace(value).get("_value_")
        if type(held) is str or type(held) is int:
            return plain(held)
    return f"<{class_path(kind)}>"


def _integer(value: int) -> Atom:
    bits = value.bit_length()
    if bits <= LONGEST_INT:
        return value
    return str(value) if bits < LONGEST_DIGITS else f"int of {bits} bits"


def _moment(value: datetime | time) -> str:
    """A zone of a project's own would be asked for its offset; it is left out."""
    zone = value.tzinfo
    if zone is None or type(zone) is timezone or type(zone) is ZoneInfo:
        return value.isoformat()
    return f"{value.replace(tzinfo=None).isoformat()} <{class_path(type(zone))}>"


def shown(name: str, value: Atom) -> Atom:
    """A value as `REDACT` lets it be seen."""
    rules = redaction.rules()
    if rules.hides(name.partition(" ")[0]):
        return redaction.REDACTED
    if type(value) is str:
        return redaction.shorten(rules.text(writable(value)))
    if type(value) is int:
        text = rules.text(str(value))
        return value if text == str(value) else text
    return value


_capture = Capture(())


def use(names: Sequence[str]) -> None:
    """Capture what these names ask for from now on; raises `ValueError` for one that is none."""
    global _capture
    _capture = capture = Capture(names)
    dispatching.CAPTURE = capture.pick if capture._values else None
    dispatching.CAPTURE_ERROR = capture.note_error if capture._messages else None
    causes.KEEP_PATHS = capture.wants_path


def told(key: tuple[int, int], signal: str, sender: str, facts: tuple[Any, ...]) -> dict[str, Atom]:
    """The captured values of a record's facts, by name."""
    return _capture.told(key, signal, sender, facts[FACTS_OF_MODELS:]) if len(facts) > FACTS_OF_MODELS else {}
