"""What a reader makes of recorded dispatches: calls, dispatches and traces with their names in place.

Durations are microseconds rounded to 0.1; `start_us` is microseconds since the epoch. Nothing here refers back to
its container, so the shapes are left out of garbage collection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from msgspec import Struct

from signalgraph.events import Cause, Process
from signalgraph.fates import COMMITTED, ROLLED_BACK, Fates

__all__ = ["COMMITTED", "ROLLED_BACK", "Call", "Node", "Seen", "Trace", "TraceGone", "Written"]

STATIC_FILE = "(static file)"  # in place of the route of a request that the staticfiles handler served
NOT_RUN = ("not reached", "waiting")  # receivers that an error kept from running, or whose turn hasn't come


class TraceGone(LookupError):
    """A trace that is well named but can't be shown; the message says why and what to do."""


class Call(Struct, frozen=True, gc=False):
    """A receiver call. `sender` is the connection's filter (`*`: any), `connection` its id.

    Times are None where there are none: a receiver that was not reached, or a dispatch that could not be timed.
    `repeats` is how often the query ran that ran most often (0: none ran twice), `repeated` its text's fingerprint.
    """

    receiver: str
    sender: str
    connection: str
    offset_us: float | None
    duration_us: float | None
    busy_us: float | None
    status: str
    error: str | None
    queries: int
    queries_us: float
    repeats: int = 0
    repeated: int = 0


class Sent(Struct, frozen=True, gc=False):
    """What has a place in a trace.

    `parent` is None, `<dispatch id>/<n>` for the n-th receiver of a dispatch, or the id alone: receiver unknown.
    """

    id: str
    trace: str
    parent: str | None

    @property
    def parent_dispatch(self) -> str | None:
        """The id of the dispatch that it is nested in, whether or not the receiver is known."""
        return self.parent.partition("/")[0] if self.parent else None

    @property
    def parent_call(self) -> int | None:
        """Which receiver of the parent sent it (from 1), None where that is not known."""
        number = self.parent.partition("/")[2] if self.parent else ""
        return int(number) if number else None


class Seen(Sent, frozen=True, gc=False):
    """A dispatch. `transaction` is the id of the one it was sent in, negative after the commit of that one, 0: none."""

    signal: str
    sender: str
    method: str
    start_us: int
    duration_us: float
    status: str
    at: str | None
    thread: int
    arguments: list[str]
    facts: dict[str, bool | int | float | str | list[str] | None]
    calls: list[Call]
    transaction: int = 0

    @property
    def errors(self) -> int:
        """How many of its receivers raised."""
        return sum(call.status == "raised" for call in self.calls)

    @property
    def queries(self) -> int:
        return sum(call.queries for call in self.calls)


class Written(Sent, frozen=True, gc=False):
    """A write for which Django sent no signal. `rows` is None where the database doesn't tell."""

    sender: str
    operation: str
    rows: int | None
    start_us: int
    duration_us: float
    at: str | None
    thread: int
    transaction: int = 0
    error: str | None = None


class Node(Struct, gc=False):
    """A row of the waterfall: a dispatch, or (`call` is given) its `number`-th receiver call.

    `start_us` is relative to the start of the trace and None where it is not known; `level` counts from 1. `writes` are
    those made in it.
    """

    dispatch: Seen
    call: Call | None
    number: int
    level: int
    start_us: float | None
    duration_us: float | None
    children: list[Node]
    writes: list[Written] = []

    @property
    def self_us(self) -> float | None:
        """The duration without that of its children; never negative (children of `asend` overlap)."""
        if self.duration_us is None:
            return None
        inside = (child.duration_us or 0.0 for child in self.children if not child.is_after_commit)
        return round(max(0.0, self.duration_us - sum(inside)), 1)

    @property
    def is_after_commit(self) -> bool:
        """Whether this is a dispatch of work that a receiver, over by then, had put off until after the commit."""
        return self.call is None and self.dispatch.transaction < 0

    def walk(self) -> Iterator[Node]:
        """The node and all below it, in the order of the waterfall's rows."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


class Trace(Struct, frozen=True, dict=True):
    """A request, command, task or test, or a dispatch or write without a cause, with all that happened in it.

    `dispatches` and `writes` stand by start. `omitted` counts those that were left out because there were too many.
    """

    id: str
    process: Process
    cause: Cause | None
    start_us: int
    duration_us: float
    dispatches: list[Seen]
    omitted: int = 0
    writes: list[Written] = []
    fates: Fates | None = None

    @property
    def title(self) -> str:
        """The name of the cause, or the signal and sender of the outermost dispatch, or the first write."""
        if self.cause is not None:
            return self.cause.name
        if not self.dispatches:
            return f"{self.writes[0].operation} {self.writes[0].sender}" if self.writes else self.id
        first = self.dispatches[0]
        return f"{first.signal.rpartition('.')[2]} from {first.sender}"

    @property
    def kind(self) -> str | None:
        """The kind of the cause (request, command, task, test, ...), None where there is no cause."""
        return self.cause.kind if self.cause else None

    @property
    def is_static(self) -> bool:
        """Whether it is a request for a static file, as `runserver` serves them."""
        return self.cause is not None and self.cause.kind == "request" and self.cause.name.endswith(STATIC_FILE)

    @cached_property
    def calls(self) -> int:
        """Receiver calls, those not reached and those whose turn hasn't come left out."""
        return sum(call.status not in NOT_RUN for seen in self.dispatches for call in seen.calls)

    @cached_property
    def errors(self) -> int:
        return sum(seen.errors for seen in self.dispatches)

    @cached_property
    def queries(self) -> int:
        """SQL queries, each counted once, for the innermost receiver that was running."""
        return sum(seen.queries for seen in self.dispatches)

    @cached_property
    def receiver_us(self) -> float:
        """Time in receivers of the outermost dispatches; nested ones are inside it."""
        ids = {seen.id for seen in self.dispatches}
        outermost = (seen for seen in self.dispatches if seen.parent_dispatch not in ids)
        return round(sum(call.duration_us or 0.0 for seen in outermost for call in seen.calls), 1)

    @cached_property
    def depth(self) -> int:
        """How deep dispatches are nested: 0 without any, 1 when none is in another."""
        depths: dict[str, int] = {}
        for seen in self.dispatches:  # a parent starts before its children
            depths[seen.id] = depths.get(seen.parent_dispatch or "", 0) + 1
        return max(depths.values(), default=0)

    @cached_property
    def is_running(self) -> bool:
        """Whether one of its dispatches had not ended when it was reported last."""
        return any(seen.status == "running" for seen in self.dispatches)

    def fate(self, transaction: int) -> str | None:
        """`COMMITTED` or `ROLLED_BACK`: what became of what was done in a transaction; None where that isn't known.

        A transaction that was committed inside one that was rolled back is rolled back.
        """
        return self.fates.of(self.process.id, transaction) if self.fates else None

    @cached_property
    def transactions(self) -> Counter[int]:
        """How many of its dispatches and writes were sent in each transaction (negative: after its commit)."""
        found = Counter(seen.transaction for seen in self.dispatches)
        found.update(write.transaction for write in self.writes)
        del found[0]
        return found

    @property
    def rolled_back(self) -> int:
        """How many of its dispatches and writes were rolled back."""
        return sum(count for each, count in self.transactions.items() if self.fate(each) == ROLLED_BACK)

    @property
    def has_after_commit(self) -> bool:
        """Whether something ran in it that had been put off until after a commit."""
        return any(each < 0 for each in self.transactions)

    @cached_property
    def repeats(self) -> bool:
        """Whether a receiver of it ran one query more than once."""
        return any(call.repeats for seen in self.dispatches for call in seen.calls)

    @property
    def loose_writes(self) -> list[Written]:
        """The writes that are in no dispatch of this trace."""
        ids = {seen.id for seen in self.dispatches}
        return [write for write in self.writes if write.parent_dispatch not in ids]

    def tree(self) -> list[Node]:
        """The waterfall: dispatches hold their receiver calls in order, calls the dispatches and writes made in them.

        A dispatch whose receiver is not known comes after the calls of its parent; one without its parent is a root.
        `loose_writes` are in no node.
        """
        nodes = {seen.id: _dispatch_node(seen, self.start_us) for seen in self.dispatches}
        roots = []
        for seen in self.dispatches:
            parent = nodes.get(seen.parent_dispatch or "")
            if parent is None or parent.dispatch.start_us > seen.start_us or seen.id == parent.dispatch.id:
                roots.append(nodes[seen.id])
                continue
            _place_of(seen, parent).children.append(nodes[seen.id])
        for write in self.writes:
            parent = nodes.get(write.parent_dispatch or "")
            if parent is not None:
                _place_of(write, parent).writes.append(write)
        for root in roots:
            _set_levels(root)
        return roots


def _place_of(sent: Sent, parent: Node) -> Node:
    """The receiver call that something was sent in, or the dispatch where that is not known."""
    number = sent.parent_call
    return parent.children[number - 1] if number and number <= len(parent.dispatch.calls) else parent


def _dispatch_node(seen: Seen, origin_us: int) -> Node:
    start = float(seen.start_us - origin_us)
    calls = [
        Node(
            seen, call, n, 0, None if call.offset_us is None else round(start + call.offset_us, 1), call.duration_us, []
        )
        for n, call in enumerate(seen.calls, 1)
    ]
    return Node(seen, None, 0, 0, start, seen.duration_us, calls)


def _set_levels(root: Node) -> None:
    root.level = 1
    stack = [root]
    while stack:
        node = stack.pop()
        for child in node.children:
            child.level = node.level + 1
            stack.append(child)
