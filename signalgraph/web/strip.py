"""The strip below every page: dispatches a second over the last 15 minutes, errors, what is lost and sampled."""

from __future__ import annotations

from dataclasses import dataclass

from signalgraph.web import figures
from signalgraph.web.health import muted_words, sampling_words
from signalgraph.web.scope import Scope

SPAN_S = 900
BUCKETS = 180  # no bar is shorter than the index's bucket of 5 s
BAR_HEIGHT = 28
FLOOR = 36
RATE_OVER_S = 60


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    height: float
    is_inside: bool


@dataclass(frozen=True)
class Label:
    x: float
    text: str
    anchor: str


@dataclass(frozen=True)
class Strip:
    """Positions are percent of the width; `rate` is dispatches a second over the last minute."""

    bars: list[Bar]
    errors_at: list[float]
    labels: list[Label]
    brush: float | None
    rate: float
    peak: float
    errors: int
    dispatches: int
    lost: int
    sampling: str
    muted: str
    paused: bool


def _labels(end_s: float) -> list[Label]:
    anchors = {0: "start", 5: "end"}
    spots = [(share, end_s - SPAN_S + share * SPAN_S / 5) for share in range(6)]
    return [Label(i * 20, figures.clock(at * 1e6, milliseconds=False)[:5], anchors.get(i, "middle")) for i, at in spots]


def read_strip(scope: Scope) -> Strip:
    """What the strip shows now; every dispatch counts, whatever the filter."""
    activity = scope.index.activity(SPAN_S, BUCKETS)
    width = 100 / max(len(activity), 1)
    bucket_s = SPAN_S / BUCKETS
    top = max((count for _, count, _ in activity), default=0)
    inside_from = 100 - scope.state.window_s / SPAN_S * 100
    bars = []
    for i, (_, count, _) in enumerate(activity):
        height = max(count / top * BAR_HEIGHT, 1) if count else 0
        bars.append(Bar(round(i * width, 2), round(FLOOR - height, 1), round(height, 1), i * width >= inside_from))
    rate = scope.dispatches_per_s(RATE_OVER_S)
    return Strip(
        bars=[bar for bar in bars if bar.height],
        errors_at=[round((i + 0.5) * width, 2) for i, (_, _, errors) in enumerate(activity) if errors],
        labels=_labels(scope.now_s),
        brush=round(inside_from, 2) if inside_from > 0 else None,
        rate=rate,
        peak=max(top / bucket_s, rate),  # at first a bar holds less than its 5 s
        errors=sum(errors for _, _, errors in activity),
        dispatches=sum(count for _, count, _ in activity),
        lost=scope.index.lost,
        sampling=sampling_words(scope),
        muted=muted_words(scope),
        paused=scope.control.paused,
    )
