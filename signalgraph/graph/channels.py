"""The gutters between columns, where causes run at right angles: which of them turns where, and back to a port.

All causes of one port share a trunk in each gutter that they pass. Trunks lie side by side, so no two share a piece
of the same line, and what leads to one port never seems to lead to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from signalgraph.graph.routes import find_lanes

APART = 10  # between trunks
Point = tuple[float, float]


@dataclass
class Channel:
    """One gutter. `levels` says between which heights each trunk runs; `left` is where its first lane may be."""

    left: float = 0.0
    levels: dict[str, list[float]] = field(default_factory=dict)
    lanes: dict[str, int] = field(default_factory=dict)

    def note(self, trunk: str, *levels: float) -> None:
        self.levels.setdefault(trunk, []).extend(levels)

    def settle(self) -> int:
        """Give each trunk that has to turn its lane; how many lanes that takes."""
        spans = {trunk: (min(levels), max(levels)) for trunk, levels in sorted(self.levels.items())}
        self.lanes = find_lanes({trunk: span for trunk, span in spans.items() if span[0] != span[1]})
        return max(self.lanes.values(), default=-1) + 1

    def turn(self, trunk: str, start: float, end: float) -> list[Point]:
        """The corners on the way from one height to the other."""
        x = self.left + APART * self.lanes.get(trunk, 0)
        return [(x, start), (x, end)]


def free_level(wanted: Sequence[float], taken: Iterable[float], apart: float = 3.0) -> float:
    """The first of the wanted heights that none of the taken ones is near, or the first at all."""
    heights = list(taken)
    return next((one for one in wanted if all(abs(one - other) >= apart for other in heights)), wanted[0])


def bottom_lanes(spans: Mapping[str, tuple[float, float]]) -> dict[str, int]:
    """Which of the lanes below everything each arc takes."""
    return find_lanes(spans)
