"""SG101: a receiver that runs twice for one dispatch."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from types import CellType, FunctionType, MethodType
from typing import Any

from signalgraph import names
from signalgraph.events import ANY_SENDER
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.code import Code
from signalgraph.findings.evidence import receiver_evidence
from signalgraph.findings.live import LiveRow
from signalgraph.inert import is_a


def find(code: Code) -> Iterator[Finding]:
    """Rows that would do the same thing for the same dispatch, whatever keeps them apart in Django's list."""
    for rows in _alike(code.rows):
        of_sender = Counter(row.sender_key for row in rows)
        anyhow = of_sender.get(None, 0)
        for key in of_sender:
            times = of_sender[key] + (anyhow if key is not None else 0)
            if times > 1:
                yield _tell(code, [row for row in rows if row.sender_key in (key, None)], times)


def _alike(rows: Any) -> Iterator[list[LiveRow]]:
    groups: dict[Hashable, list[LiveRow]] = defaultdict(list)
    for row in rows:
        groups[id(row.signal), identity(row.receiver)].append(row)
    yield from (group for group in groups.values() if len(group) > 1)


def identity(receiver: Any) -> Hashable:
    """The same for two receivers only if they do the same: same code, and the very same objects around it."""
    if type(receiver) is MethodType:
        return identity(receiver.__func__), id(receiver.__self__)
    if is_a(receiver, functools.partial):
        func, args, keywords = (functools.partial.__dict__[name].__get__(receiver) for name in _PARTIAL)
        return identity(func), _ids(args), tuple((name, id(value)) for name, value in sorted(keywords.items()))
    if type(receiver) is not FunctionType:
        return id(receiver)
    cells = tuple(map(_held, receiver.__closure__ or ()))
    named = {**(receiver.__kwdefaults__ or {}), **receiver.__dict__}
    code = receiver.__code__  # equal, where a file was imported under two names
    return code, code.co_filename, cells, _ids(receiver.__defaults__ or ()), _ids(named.values())


_PARTIAL = ("func", "args", "keywords")


def _ids(values: Any) -> tuple[int, ...]:
    return tuple(map(id, values))


def _held(cell: CellType) -> int:
    try:
        return id(cell.cell_contents)
    except ValueError:  # empty so far
        return id(cell)


def _tell(code: Code, rows: list[LiveRow], times: int) -> Finding:
    one = next((row for row in rows if row.sender_key is not None), rows[0])
    info = one.info
    often = "twice" if times == 2 else f"{times} times"
    who = "a sender" if info.sender == ANY_SENDER else info.sender
    return Finding(
        RULE.id,
        one.id,
        f"{info.receiver} runs {often} each time {who} sends {names.short(info.signal)}.",
        _why(rows),
        evidence=(*code.connects_of(one), receiver_evidence(info)),
        app=names.app_of(info.receiver),
    )


def _why(rows: list[LiveRow]) -> str:
    uids = {row.info.dispatch_uid for row in rows}
    if len({row.sender_key for row in rows}) > 1:
        return "It is connected for any sender, and for this one once more."
    modules = {row.receiver.__module__ for row in rows if type(row.receiver) is FunctionType}
    if len(modules) > 1:
        return f"Its file was imported as {' and as '.join(sorted(modules))}, and connects at each import."
    if len({id(row.receiver) for row in rows}) > 1:
        return "Each connect was given a new function of the same code, which Django takes for another receiver."
    return f"It is connected under the dispatch_uids {', '.join(sorted(map(str, uids)))}."


RULE = Rule(
    "SG101",
    "A receiver is connected twice",
    "error",
    "code",
    "Connect it once, in AppConfig.ready(), and give the connect a dispatch_uid, so that Django ignores a second one.",
    "Mail is sent twice, counters count twice, and nothing in the code of the receiver shows it.",
    find,
)
