"""Heights into positions: each box as near to what it is joined to as its column's order allows.

With the order fixed this is isotonic regression, solved exactly by pooling adjacent violators: Barlow et al.,
"Statistical inference under order restrictions" (1972).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

ROUNDS = 8
NEW_WEIGHT = 0.01  # of a box that was nowhere, so that it moves nothing it need not

# For each box the boxes it is joined to, where its top would have to be relative to theirs, and for how many lines.
Pulls = Mapping[str, Sequence[tuple[str, int, int]]]


@dataclass
class Column:
    """Boxes top to bottom. `gaps` has one entry more than there are boxes: space before, between and after them."""

    names: list[str]
    heights: list[int]
    gaps: list[int]
    tops: list[int] = field(default_factory=list)

    @property
    def packed(self) -> int:
        return sum(self.heights) + sum(self.gaps)

    def starts(self) -> list[int]:
        """The tops of the boxes when they are packed from 0."""
        starts, at = [], 0
        for gap, height in zip(self.gaps, self.heights, strict=False):
            starts.append(at + gap)
            at += gap + height
        return starts

    def gap_bounds(self, gap: int) -> tuple[int, int]:
        """Top and bottom of the free space before box `gap`, or after the last."""
        if gap == 0:
            return self.tops[0] - self.gaps[0], self.tops[0]
        above = self.tops[gap - 1] + self.heights[gap - 1]
        return (above, self.tops[gap]) if gap < len(self.names) else (above, above + self.gaps[gap])


@dataclass(frozen=True)
class Joint:
    """A line between two boxes, with how far below their tops it is attached, and how many lines it counts for."""

    upper: str
    lower: str
    upper_px: int
    lower_px: int
    lines: int = 1


def place(columns: Sequence[Column], joints: Sequence[Joint], top: int, slack: int = 0) -> None:
    """Set the tops of all boxes. The tallest column is packed, the others lie beside it, at most `slack` px longer."""
    height = max((column.packed for column in columns), default=0) + slack
    pulls = _pulls(joints)
    for column in columns:
        column.tops = [top + start for start in column.starts()]
    tops = {name: at for column in columns for name, at in zip(column.names, column.tops, strict=True)}
    tallest = max(range(len(columns)), key=lambda one: (columns[one].packed, -one), default=0)
    settled = set(columns[tallest].names) if columns else set()
    for _ in range(ROUNDS):
        for index in sorted(range(len(columns)), key=lambda one: (abs(one - tallest), one)):
            column = columns[index]
            if column.names:
                _place_column(column, tops, pulls, settled, top, height)
                settled.update(column.names)


def keep(columns: Sequence[Column], joints: Sequence[Joint], top: int, before: Mapping[str, int]) -> None:
    """Set the tops of all boxes as near as can be to where they were `before`; new ones near to what they join."""
    pulls = _pulls(joints)
    tops = dict(before)
    for _ in range(2):  # what is joined to new boxes only finds its place when these have theirs
        for column in columns:
            starts = column.starts()
            wanted, weights = [], []
            above = float(top)
            for name, gap, height in zip(column.names, column.gaps, column.heights, strict=False):
                wish, lines = _wished(pulls.get(name, ()), tops, tops)
                above = before.get(name, wish if lines else above + gap)
                wanted.append(above)
                weights.append(1.0 if name in before else NEW_WEIGHT)
                above += height
            free = isotonic([want - start - top for want, start in zip(wanted, starts, strict=True)], weights)
            column.tops = [top + start + max(0, round(shift)) for start, shift in zip(starts, free, strict=True)]
            tops.update(zip(column.names, column.tops, strict=True))


def _pulls(joints: Sequence[Joint]) -> Pulls:
    pulls: dict[str, list[tuple[str, int, int]]] = {}
    for joint in joints:
        pulls.setdefault(joint.lower, []).append((joint.upper, joint.upper_px - joint.lower_px, joint.lines))
        pulls.setdefault(joint.upper, []).append((joint.lower, joint.lower_px - joint.upper_px, joint.lines))
    return pulls


def _wished(pulls: Iterable[tuple[str, int, int]], tops: Mapping[str, int], among: Container[str]) -> tuple[float, int]:
    """The mean top that these lines to boxes in `among` ask for, and how many they count for."""
    total = weight = 0
    for other, shift, lines in pulls:
        if other in among:
            total += (tops[other] + shift) * lines
            weight += lines
    return (total / weight if weight else 0.0), weight


def _place_column(
    column: Column,
    tops: dict[str, int],
    pulls: Pulls,
    settled: set[str],
    top: int,
    height: int,
) -> None:
    wanted, weights = [], []
    for name, now in zip(column.names, column.tops, strict=True):
        wish, lines = _wished(pulls.get(name, ()), tops, settled)
        wanted.append(wish if lines else float(now))
        weights.append(float(lines) or 0.01)
    starts = column.starts()
    room = height - column.packed
    free = isotonic([want - start - top for want, start in zip(wanted, starts, strict=True)], weights)
    column.tops = [
        top + start + round(min(max(shift, 0.0), float(room))) for start, shift in zip(starts, free, strict=True)
    ]
    tops.update(zip(column.names, column.tops, strict=True))


def isotonic(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The rising sequence nearest to `values` by weighted squares.

    >>> isotonic([1.0, 4.0, 2.0, 5.0], [1.0, 1.0, 1.0, 1.0])
    [1.0, 3.0, 3.0, 5.0]
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, size
    for value, weight in zip(values, weights, strict=True):
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (mean, heavy, size), (below, light, count) = pools[-2], pools[-1]
            pools[-2:] = [((mean * heavy + below * light) / (heavy + light), heavy + light, size + count)]
    return [mean for mean, _, size in pools for _ in range(size)]
