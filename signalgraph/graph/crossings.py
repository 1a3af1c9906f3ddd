"""Lines that cross between two ordered columns: counted, and sifted away. Nodes and places are numbers from 0.

Sifting moves one node after the other to where its lines cross the fewest: Matuszewski, Schönfeld, Molitor, "Using
sifting for k-layer straightline crossing minimization" (1999).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

Ends = Sequence[Sequence[int]]  # by node: what its lines lead to


def count_crossings(order: Iterable[int], lines: Ends, places: Sequence[int]) -> int:
    """Inversions among the lines' far ends, which stand at these places, taken in the order of their near ends.

    >>> count_crossings([0, 1], [[0, 1], [0]], places=[0, 1])
    1
    """
    place = places.__getitem__
    seen: list[int] = []
    count = 0
    for node in order:
        ends = lines[node]
        for end in sorted(map(place, ends)) if len(ends) > 1 else map(place, ends):
            at = bisect_right(seen, end)
            count += len(seen) - at
            seen.insert(at, end)
    return count


def by_barycentre(order: Sequence[int], lines: Ends, places: Sequence[int]) -> list[int]:
    """Sorted by the mean place of what each is joined to; what is joined to nothing there stays about where it is."""
    place, scale = places.__getitem__, len(places) / max(len(order), 1)
    means: dict[int, float] = {}
    for here, node in enumerate(order):
        ends = lines[node]
        if len(ends) == 1:
            means[node] = place(ends[0])
        else:
            means[node] = sum(map(place, ends)) / len(ends) if ends else (here + 0.5) * scale - 0.5
    return sorted(order, key=means.__getitem__)


def sift(order: list[int], ends: Ends, left: int, size: int, moving: Iterable[int] | None = None) -> int:
    """Move nodes in `order` to where their lines cross the fewest; the number of crossings that this has saved.

    `ends` are places: the first `left` of `size` are in the column on one side, the rest in that on the other side.
    `moving` are the nodes that may move, by default all.
    """
    flat = [end for node in order for end in ends[node]]
    counts = [len(ends[node]) for node in order]
    bounds = [0, *accumulate(counts)]
    saved = 0
    for node in list(order if moving is None else moving):
        if not ends[node]:
            continue
        # What it saves to stand below a line that ends there, summed over the lines of all nodes above a gap.
        prefix = [0, *accumulate(map(_scores(ends[node], left, size).__getitem__, flat))]
        saves = list(map(prefix.__getitem__, bounds))
        here, most = order.index(node), max(saves)
        if most == saves[here]:
            continue
        saved += most - saves[here]
        there = _nearest(saves, most, here)
        _move(flat, bounds, here, there)
        order.insert(there - (there > here), order.pop(here))
        counts.insert(there - (there > here), counts.pop(here))
        bounds = [0, *accumulate(counts)]
    return saved


def _nearest(saves: list[int], most: int, here: int) -> int:
    """The gap nearest to `here` that saves the most; of two the upper one."""
    above, below = saves[here::-1], saves[here:]
    up = above.index(most) if most in above else len(saves)
    down = below.index(most) if most in below else len(saves)
    return here - up if up <= down else here + down


def _scores(own: Sequence[int], left: int, size: int) -> list[int]:
    """By place: how many of these lines end below it on its side, less how many end above."""
    steps = [0] * (size + 1)
    in_left = 0
    for end in own:
        steps[end] -= 1
        steps[end + 1] -= 1
        in_left += end < left
    steps[0] += in_left
    steps[left] += len(own)
    return list(accumulate(steps))


def _move(flat: list[int], bounds: Sequence[int], here: int, there: int) -> None:
    """Bring the lines of the node at `here` to the gap `there`."""
    start, end, to = bounds[here], bounds[here + 1], bounds[there]
    if there > here:
        flat[start:to] = flat[end:to] + flat[start:end]
    else:
        flat[to:end] = flat[start:end] + flat[to:start]
