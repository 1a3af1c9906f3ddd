"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "cost", "risk"]  # a wrong result or an error | costs time | may go wrong, by its code
Seen = Literal["code", "run"]
SEVERITIES: tuple[Severity, ...] = ("error", "cost", "risk")


@dataclass(frozen=True)
class Evidence:
    """Something to look at. `id` is that of the page which `text` links to, empty where there is none.

    `at` says where or when: `file:line`, or a time.
    """

    kind: Literal["trace", "signal", "receiver", "sender", "connection", "code"]
    id: str
    text: str
    at: str = ""


@dataclass(frozen=True)
class Finding:
    """One fault: what it is about, in one sentence with names, and what shows it.

    `subject` is the id of what it is about (`receiver:...`, `connection:...`, `signal:...`), `fix` is empty where the
    rule's own says enough, `count` how often it was seen, `last_seen_us` when, since the epoch, at run time.
    """

    rule: str
    subject: str
    sentence: str
    detail: str = ""
    fix: str = ""
    evidence: tuple[Evidence, ...] = ()
    app: str = ""
    count: int = 1
    last_seen_us: int | None = None

    @property
    def key(self) -> str:
        """What an acceptance names; the same in every process and after a restart.

        >>> Finding("SG103", "receiver:shop.receivers.send_receipt", "It is late.").key
        'SG103:receiver:shop.receivers.send_receipt'
        """
        return f"{self.rule}:{self.subject}"


@dataclass(frozen=True)
class Rule:
    """One kind of fault. A rule that is seen in the code is asked with a `Code`, one seen at run time with a `Traffic`.

    `id` is SG1xx (code) or SG2xx (run); a number is never given twice. `explanation` says why it matters.
    """

    id: str
    title: str
    severity: Severity
    seen: Seen
    fix: str
    explanation: str
    find: Callable[..., Iterable[Finding]]

    @property
    def docs(self) -> str:
        """Where the documentation tells of it."""
        return f"docs/findings.md#{self.id.lower()}"
