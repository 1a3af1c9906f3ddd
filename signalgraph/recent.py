"""The newest dispatches, who caused them, and what they took."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from msgspec import structs

from signalgraph.events import kept_by_chance
from signalgraph.figures import Figures
from signalgraph.traces import NOT_RUN, Call, Seen, Written

MOST = 20_000  # dispatches held, and children that wait for their parent
MOST_STEPS = 20_000
MOST_MISSES = 10 * MOST_STEPS  # each step has one for each receiver after the one that raised

T = TypeVar("T")
Edge = tuple[str, str, str]
Step = tuple[str, str, str, str]
Miss = tuple[str, str, str, str, str]  # a step, or ("", "", signal, sender), and the connection that was not reached
Misses = dict[str, int]  # by connection: 1 more miss, or 1 less
Child = tuple[int, str, str, int, Misses]  # number of the call around it, signal, sender, dispatches, misses


def was_chosen(trace: str, share: float) -> bool:
    """Whether a trace is of the share that is kept whatever happens in it."""
    return share >= 1 or kept_by_chance(int(trace.rpartition("-")[2], 16), share)


class Causes(NamedTuple):
    """`Recent.steps`, `sent` and `missed` at one moment."""

    steps: dict[Step, int]
    sent: dict[tuple[str, str], int]
    missed: dict[Miss, int]


class Recent:
    """The newest `MOST` dispatches with their positions, and the figures and steps that follow from them.

    `steps` counts the dispatches sent in a receiver, by (connection of the receiver that ran, sender that it handled,
    signal, sender): a receiver for any sender does one thing while it handles this sender, and another for that one.
    `sent` counts those that no receiver sent, by (signal, sender). `missed` counts for both the receivers that were
    not reached, as one before them raised, or whose turn has not come yet.
    """

    def __init__(self) -> None:
        self.connections: dict[str, Figures] = {}
        self.signals: dict[str, Figures] = {}
        self.steps: dict[Step, int] = {}
        self.sent: dict[tuple[str, str], int] = {}
        self.missed: dict[Miss, int] = {}
        self.held_from = 0  # every dispatch after this position that was resolved is still here
        self._rows: deque[tuple[int, Seen]] = deque()
        self._by_id: dict[str, Seen] = {}
        self._writes: deque[tuple[int, Written]] = deque(maxlen=MOST)
        self._waiting: OrderedDict[str, list[Child]] = OrderedDict()

    def add(self, position: int, seen: Seen, share: float = 1.0) -> None:
        """Add a dispatch; a later report of one that was running takes its place.

        `share` of the traces is kept by chance; those that are kept for what went wrong in them stand in no
        percentile, or everything would look slow.
        """
        known = self._by_id.get(seen.id)
        self._remember(position, seen)
        missed = dict.fromkeys(_missed(known), -1) if known else {}
        for connection in _missed(seen):
            missed[connection] = missed.get(connection, 0) + 1
        if known is None or any(missed.values()):
            self._find_cause(seen, int(known is None), missed)
        if seen.status != "running" and was_chosen(seen.trace, share):
            self._sample_all(seen)
        for child in self._waiting.pop(seen.id, ()):
            self._add_step(seen, child)

    def add_write(self, position: int, write: Written) -> None:
        self._writes.append((position, write))

    def writes_after(self, position: int) -> list[Written]:
        """The writes after a position, oldest first."""
        return [write for at, write in self._writes if at > position]

    def replace_call(self, position: int, dispatch: str, number: int, call: Call, share: float = 1.0) -> Seen | None:
        """The dispatch with its n-th call (from 1) replaced; None when it is no longer here."""
        seen = self._by_id.get(dispatch)
        if seen is None or not 1 <= number <= len(seen.calls):
            return None
        calls = [*seen.calls[: number - 1], call, *seen.calls[number:]]
        seen = structs.replace(seen, calls=calls)
        self._remember(position, seen)
        if was_chosen(seen.trace, share):
            self._sample(call)
        return seen

    def after(self, position: int) -> list[Seen]:
        """The dispatches after a position, oldest first, each once and as it is now."""
        found: dict[str, Seen] = {}
        for at, seen in reversed(self._rows):
            if at <= position:
                break
            found.setdefault(seen.id, seen)
        return list(found.values())[::-1]

    def _remember(self, position: int, seen: Seen) -> None:
        self._rows.append((position, seen))
        self._by_id[seen.id] = seen
        while len(self._rows) > MOST:
            self.held_from, oldest = self._rows.popleft()
            if self._by_id.get(oldest.id) is oldest:
                del self._by_id[oldest.id]

    def _sample_all(self, seen: Seen) -> None:
        self.of_signal(seen.signal).samples.append(seen.duration_us)
        for call in seen.calls:
            self._sample(call)

    def _sample(self, call: Call) -> None:
        if call.duration_us is None or call.status == "running":
            return
        self.of_connection(call.connection).samples.append(call.duration_us)

    def of_connection(self, connection: str) -> Figures:
        figures = self.connections.get(connection)
        if figures is None:
            figures = self.connections[connection] = Figures()
        return figures

    def of_signal(self, signal: str) -> Figures:
        figures = self.signals.get(signal)
        if figures is None:
            figures = self.signals[signal] = Figures()
        return figures

    def _find_cause(self, seen: Seen, count: int, missed: Misses) -> None:
        number = seen.parent_call
        if seen.parent is None:
            count_in(self.sent, (seen.signal, seen.sender), count)
            self._add_missed(("", "", seen.signal, seen.sender), missed)
        if number is None:
            return
        child = (number, seen.signal, seen.sender, count, missed)
        parent_id = seen.parent_dispatch or ""
        parent = self._by_id.get(parent_id)
        if parent is not None:
            self._add_step(parent, child)
            return
        # A dispatch ends after those in it, so the parent is mostly still to come.
        self._waiting.setdefault(parent_id, []).append(child)
        while len(self._waiting) > MOST:
            self._waiting.popitem(last=False)

    def _add_step(self, parent: Seen, child: Child) -> None:
        number, signal, sender, count, missed = child
        if number > len(parent.calls):
            return
        step = (parent.calls[number - 1].connection, parent.sender, signal, sender)
        count_in(self.steps, step, count)
        self._add_missed(step, missed)

    def _add_missed(self, step: Step, missed: Misses) -> None:
        for connection, more in missed.items():
            count_in(self.missed, (*step, connection), more, MOST_MISSES)


def _missed(seen: Seen) -> set[str]:
    """The connections that did not run; one that stands there twice ran if either did."""
    left = {call.connection for call in seen.calls if call.status in NOT_RUN}
    return left - {call.connection for call in seen.calls if call.status not in NOT_RUN} if left else left


def count_in(counts: dict[T, int], key: T, count: int = 1, most: int = MOST_STEPS) -> None:
    """So many more, or less; no new key where there are `most`."""
    if key in counts or (count > 0 and len(counts) < most):
        counts[key] = counts.get(key, 0) + count


def sum_steps(steps: Mapping[Step, int]) -> dict[Edge, int]:
    """The same counts without the sender that was handled: (connection of the receiver that ran, signal, sender)."""
    edges: dict[Edge, int] = {}
    for (connection, _, signal, sender), count in steps.items():
        edges[connection, signal, sender] = edges.get((connection, signal, sender), 0) + count
    return edges
