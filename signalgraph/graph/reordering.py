"""Which receivers run in another order than before, told by as few of them as can tell it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from signalgraph.events import ANY_SENDER, ConnectionInfo
from signalgraph.graph.diff import Ordering

Numbered = tuple[ConnectionInfo, int]  # equal connections are counted


@dataclass(frozen=True)
class Move:
    """A receiver that runs before or after others now, and did the opposite before."""

    receiver: str
    sender: str
    now_before: tuple[str, ...]
    now_after: tuple[str, ...]


def moved_receivers(ordering: Ordering, pairs: Mapping[ConnectionInfo, ConnectionInfo]) -> list[Move]:
    """The moves that explain every pair of receivers that has turned round and runs for a common sender.

    `pairs` leads from connections before to what they are now. Coroutines have no order: they are awaited together.
    """
    after = _numbered(ordering.after)
    known = set(after)
    before = [one for one in _numbered(pairs.get(row, row) for row in ordering.before) if one in known]
    left = _turned(before, after)
    moves = []
    while left:
        counts = Counter(one for pair in left for one in pair)
        most = max(counts.values())
        mover = min((one for one in counts if counts[one] == most), key=after.index)
        mine = [pair for pair in left if mover in pair]
        left = [pair for pair in left if mover not in pair]
        moves.append(_move(mover, mine))
    return moves


def _turned(before: Sequence[Numbered], after: Sequence[Numbered]) -> list[tuple[Numbered, Numbered]]:
    """Pairs in the order in which they run now, that ran the other way round."""
    place = {one: number for number, one in enumerate(before)}
    ran = [one for one in after if one in place and not one[0].is_async]
    return [
        (one, other)
        for number, one in enumerate(ran)
        for other in ran[number + 1 :]
        if place[one] > place[other] and _meet(one[0].sender, other[0].sender) and one[0].receiver != other[0].receiver
    ]


def _meet(one: str, other: str) -> bool:
    return one == other or ANY_SENDER in (one, other)


def _move(mover: Numbered, pairs: Iterable[tuple[Numbered, Numbered]]) -> Move:
    first = dict.fromkeys(other[0].receiver for one, other in pairs if one == mover)
    later = dict.fromkeys(one[0].receiver for one, other in pairs if other == mover)
    return Move(mover[0].receiver, mover[0].sender, tuple(first), tuple(later))


def _numbered(rows: Iterable[ConnectionInfo]) -> list[Numbered]:
    seen: dict[Hashable, int] = defaultdict(int)
    found = []
    for row in rows:
        found.append((row, seen[row]))
        seen[row] += 1
    return found
