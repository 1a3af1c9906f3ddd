"""SG102: a connect that Django ignores, because its dispatch_uid is taken by another receiver."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from signalgraph import names
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.code import Code
from signalgraph.findings.connects import Connect
from signalgraph.findings.evidence import code_evidence, receiver_evidence
from signalgraph.findings.live import LiveRow
from signalgraph.findings.resolving import UNKNOWN
from signalgraph.names import describe_receiver
from signalgraph.rows import describe_uid


def find(code: Code) -> Iterator[Finding]:
    """Connects that certainly ran, with a uid under which another receiver is connected and theirs is not."""
    for connect in code.connects:
        uid = connect.dispatch_uid
        if uid is UNKNOWN or not uid or not (receiver := connect.receiver_label) or not code.has_run(connect):
            continue
        for signal in connect.signals:
            taken = [row for row in code.rows if row.signal is signal and row.info.dispatch_uid == describe_uid(uid)]
            for sender in connect.senders:
                winner = next((row for row in taken if code.is_sender(row, sender)), None)
                if winner and not _is_there(code, winner, receiver) and not _is_undone(code, connect, receiver):
                    yield _tell(connect, receiver, winner)


def _is_there(code: Code, winner: LiveRow, receiver: str) -> bool:
    same = (row for row in code.rows if row.signal is winner.signal and row.sender_key == winner.sender_key)
    return any(describe_receiver(row.receiver).label == receiver for row in same)


def _is_undone(code: Code, connect: Connect, receiver: str) -> bool:
    """Whether something disconnects it: then the other one may have come after that."""
    name = re.escape(receiver.rpartition(".")[2])
    undo = re.compile(rf"\bdisconnect\([^)]*(?:\b{name}\b|{re.escape(str(connect.dispatch_uid))})")
    return any(undo.search(code.sources.text(module.file)) for module in code.modules)


def _tell(connect: Connect, receiver: str, winner: LiveRow) -> Finding:
    info: Any = winner.info
    return Finding(
        RULE.id,
        names.connection_id(info.sender, info.signal, receiver),
        f"{receiver} is not connected to {names.short(info.signal)}: {info.receiver} has its dispatch_uid.",
        f'Both use "{info.dispatch_uid}". Django ignores the second connect with a uid, whichever receiver it is for.',
        evidence=(code_evidence(connect.file, connect.place.node), receiver_evidence(info)),
        app=names.app_of(receiver),
    )


RULE = Rule(
    "SG102",
    "A dispatch_uid is taken",
    "error",
    "code",
    "Give each receiver a dispatch_uid of its own, as its dotted path.",
    "The receiver never runs, and nothing says so: connect() returns as if it had worked.",
    find,
)
