"""How run-time rules tell what they saw: the calls as evidence, figures in words, and how exact they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.findings.base import Evidence, Finding
from signalgraph.findings.traffic import Ran, Traffic


def tell(
    rule: str,
    traffic: Traffic,
    receiver: str,
    calls: Sequence[Ran],
    sentence: str,
    *,
    detail: str = "",
    fix: str = "",
    worst: Callable[[Ran], Any] | None = None,
    more: Iterable[Evidence] = (),
) -> Finding:
    """A finding about a receiver, seen in these calls (at least one): shown by the newest and by the worst of them."""
    newest = max(calls, key=lambda ran: ran.at_us)
    worst_one = newest if worst is None else max(calls, key=worst)
    shown = [newest] if worst_one.place == newest.place else [worst_one, newest]
    return Finding(
        rule,
        names.receiver_id(receiver),
        sentence,
        detail,
        fix,
        (*map(call_evidence, shown), *more, receiver_evidence(traffic.receivers[receiver][0])),
        names.app_of(receiver),
        len(calls),
        newest.at_us,
    )


def call_evidence(ran: Ran) -> Evidence:
    """The call in its trace."""
    return Evidence("trace", f"{ran.trace.id}/{ran.seen.id}/{ran.number}", ran.trace.title, clock(ran.at_us))


def dispatch_evidence(ran: Ran) -> Evidence:
    """The signal, and the line that sent it."""
    return Evidence("signal", names.signal_id(ran.seen.signal), names.short(ran.seen.signal), ran.seen.at or "")


def receiver_evidence(info: ConnectionInfo) -> Evidence:
    """The receiver, and the line that defines it."""
    at = f"{names.relative_path(info.file)}:{info.line}" if info.file else ""
    return Evidence("receiver", names.receiver_id(info.receiver), names.short(info.receiver), at)


def clock(us: int) -> str:
    """A time of day, UTC."""
    return f"{datetime.fromtimestamp(us / 1e6, tz=UTC):%H:%M:%S}"


def day(ms: int) -> str:
    """A day and a time, UTC."""
    return f"{datetime.fromtimestamp(ms / 1e3, tz=UTC):%Y-%m-%d %H:%M} UTC"


def milliseconds(us: float) -> str:
    """A duration in words.

    >>> milliseconds(1234.5), milliseconds(69_400), milliseconds(3_007_000)
    ('1.2 ms', '69 ms', '3.01 s')
    """
    if us >= 1e6:
        return f"{us / 1e6:.2f} s"
    return f"{us / 1e3:.0f} ms" if us >= 10_000 else f"{us / 1e3:.1f} ms"


def times(count: int) -> str:
    """How often.

    >>> times(1), times(2), times(1200)
    ('once', 'twice', '1,200 times')
    """
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def several(count: int, noun: str) -> str:
    """A number of things.

    >>> several(1, "call"), several(12, "query"), several(2, "process")
    ('1 call', '12 queries', '2 processes')
    """
    if count == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {plural}"


def listed(items: Sequence[str], most: int = 3) -> str:
    """Names in a sentence, those beyond `most` as a number.

    >>> listed(["a"]), listed(["a", "b"]), listed(list("abcde"))
    ('a', 'a and b', 'a, b, c and 2 more')
    """
    shown = [*items[:most], *([f"{len(items) - most} more"] if len(items) > most else [])]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def kept(traffic: Traffic) -> str:
    """Of what a figure made of traces is: never of more than is in memory."""
    return "of the kept traces (a sample)" if traffic.is_sampled else "of the traces in memory"
