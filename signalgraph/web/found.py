"""The findings of a log and of this process's code. Rules read all that is in memory, so they run now and then only."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from signalgraph import conf, findings, names
from signalgraph.events import ConnectionInfo
from signalgraph.findings import Accepted, Finding, split
from signalgraph.findings.code import read_code
from signalgraph.findings.traffic import read_traffic
from signalgraph.index import Index
from signalgraph.log.base import Control
from signalgraph.wirings import id_of

if TYPE_CHECKING:
    from signalgraph.web.scope import Scope
    from signalgraph.web.subjects import Subject

CODE_FRESH_S = 60.0  # what is imported later, or connected
TRAFFIC_FRESH_S = 5.0
CODE = "SG1xx"  # stands among the failed rules for all that read the code

_Dated = tuple[float, list[Finding]]  # when it was found

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """`here` are the entries that were accepted on the findings page, with their reasons: they can be withdrawn there.

    `failed` are the ids of rules that raised an error and were left out.
    """

    open: list[Finding] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    here: Mapping[str, str] = field(default_factory=dict)
    failed: Sequence[str] = ()

    @property
    def unmatched(self) -> dict[str, str]:
        """Entries of the page that accept nothing any more: what they were about is gone."""
        used = {each.entry for each in self.accepted}
        return {entry: reason for entry, reason in self.here.items() if entry not in used}


class _Kept:
    """What was found last. One request looks again, the others go on with what there is; without any they wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: tuple[object, _Dated] | None = None

    def get(self, key: object, fresh_s: float, find: Callable[[], list[Finding]]) -> list[Finding]:
        kept = self._of(key)
        if kept and _is_fresh(kept, fresh_s):
            return kept[1]
        if not self._lock.acquire(blocking=kept is None):
            return kept[1] if kept else []
        try:
            kept = self._of(key)  # another request may have looked meanwhile
            if kept and _is_fresh(kept, fresh_s):
                return kept[1]
            found = find()
            self._found = (key, (time.monotonic(), found))
            return found
        finally:
            self._lock.release()

    def _of(self, key: object) -> _Dated | None:
        found = self._found
        return found[1] if found is not None and found[0] == key else None


def _is_fresh(kept: _Dated, fresh_s: float) -> bool:
    return time.monotonic() - kept[0] < fresh_s


_code, _traffic = _Kept(), _Kept()


def findings_of(scope: Scope) -> Found:
    """All that rules find now, in the code of this process and in the log, split by what was accepted."""
    return find_now(scope.index, scope.control)


def find_now(index: Index | None, control: Control) -> Found:
    """The same without a page; without a log, what the code shows."""
    in_code = _code.get("code", CODE_FRESH_S, _find_static)
    in_traffic = [] if index is None else _traffic.get(index.log.url, TRAFFIC_FRESH_S, lambda: _find_run(index))
    here = control.accepted
    left, taken = split(findings.in_order([*in_code, *in_traffic]), {**here, **conf.get_settings().accept})
    return Found(left, taken, here, sorted(findings.failed))


def _find_static() -> list[Finding]:
    """The boundary: source that can't be understood leaves these rules out, and every page goes on."""
    try:
        code = read_code()
    except Exception:
        if CODE not in findings.failed:
            logger.exception("The code can't be read, so the rules that read it are left out.")
        findings.failed.add(CODE)
        return []
    findings.failed.discard(CODE)
    return findings.find_static(code)


def _find_run(index: Index) -> list[Finding]:
    return findings.find_run(read_traffic(index, slow_ms=conf.get_settings().slow_ms))


def matching(scope: Scope, found: Found) -> Found:
    """What the filter leaves: a finding is matched through the connections that it is about, `finding:` by itself."""
    if scope.filters_nothing:
        return found
    left = [each for each in found.open if _matches(scope, each)]
    taken = [each for each in found.accepted if _matches(scope, each.finding)]
    return Found(left, taken, found.here, found.failed)


def rules_by_subject(found: Found) -> dict[str, set[str]]:
    """The rules that found something, by the id of what it is about."""
    rules: dict[str, set[str]] = {}
    for each in found.open:
        rules.setdefault(each.subject, set()).add(each.rule)
    return rules


def about(found: Iterable[Finding], subject: Subject) -> list[Finding]:
    """The findings about a signal, sender or receiver, about its connections, or with it (a receiver) in evidence."""
    ids = {subject.id, *map(id_of, subject.connections)}
    shows = subject.id if subject.kind == "receiver" else None
    return [each for each in found if each.subject in ids or any(one.id == shows for one in each.evidence)]


def seen_in(found: Iterable[Finding], trace_id: str) -> list[Finding]:
    """The findings with a trace in their evidence."""
    return [
        each
        for each in found
        if any(one.kind == "trace" and one.id.partition("/")[0] == trace_id for one in each.evidence)
    ]


def _matches(scope: Scope, finding: Finding) -> bool:
    query = scope.query.with_findings(lambda subject: (finding.rule,) if subject == finding.subject else ())
    rows = _rows_of(scope, finding.subject)
    return any(query.matches_connection(row, scope.stats_of(id_of(row))) for row in rows)


def _rows_of(scope: Scope, subject: str) -> list[ConnectionInfo]:
    """The connections that a subject is about; of one that isn't connected, what its id says."""
    kind, _, name = subject.partition(":")
    every = scope.wiring.connections
    if kind == "connection":
        found = [row for row in every if id_of(row) == subject]
    else:
        found = [row for row in every if kind in ("signal", "sender", "receiver") and getattr(row, kind) == name]
    return found or [_row_of(subject)]


def _row_of(subject: str) -> ConnectionInfo:
    kind, _, name = subject.partition(":")
    parts = {"sender": "", "signal": "", "receiver": "", kind: name}
    if kind == "connection":
        parts["sender"], parts["signal"], parts["receiver"] = names.parse_connection_id(subject)
    own = parts["signal"], parts["sender"], parts["receiver"]
    return ConnectionInfo(*own, None, weak=False, is_async=False, order=0, file=None, line=None)
