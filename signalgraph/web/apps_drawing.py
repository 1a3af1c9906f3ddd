"""How the apps are wired, drawn as rows: the app that sends, how many connections, the app that handles."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from signalgraph import names
from signalgraph.events import ANY_SENDER, ConnectionInfo
from signalgraph.graph.figures import scale_of, short_number
from signalgraph.web.figures import rate
from signalgraph.web.scope import Scope, connection_id

MAX_ROWS = 8
ROW_HEIGHT = 40
TOP = 24
LABEL_CHARS = 30
CAUSED_CHARS = 20


@dataclass(frozen=True)
class AppRow:
    """A line from an app ("" is any sender) to an app. `caused` says which apps its receivers dispatched in."""

    sender_app: str
    receiver_app: str
    connections: int
    signals: str
    for_any: int
    rate_per_s: float
    caused: str
    y: int
    heat: int
    width: float

    @property
    def middle(self) -> int:
        return self.y + 14


@dataclass(frozen=True)
class AppsDrawing:
    rows: list[AppRow]
    height: int
    connections: int
    causes: int
    more: int


def _signals(rows: list[ConnectionInfo]) -> str:
    labels = sorted({names.short(row.signal) for row in rows})
    for kept in range(len(labels), 1, -1):
        text = ", ".join(labels[:kept]) + (f", {len(labels) - kept} more" if kept < len(labels) else "")
        if len(text) <= LABEL_CHARS:
            return text
    return labels[0] + (f", {len(labels) - 1} more" if len(labels) > 1 else "")


def _caused(scope: Scope) -> dict[str, str]:
    """By app: "151 in shop", the dispatches that its receivers were seen to cause."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for (cause, signal, sender), count in scope.edges.items():
        app = names.app_of(names.parse_connection_id(cause)[2])
        counts[app][names.app_of(sender) or names.app_of(signal)] += count
    return {app: _caused_words(found) for app, found in counts.items()}


def _caused_words(counts: Counter[str]) -> str:
    parts = [f"{short_number(count)} in {app}" for app, count in counts.most_common()]
    text = ", ".join(parts)
    return text if len(text) <= CAUSED_CHARS or len(parts) == 1 else f"{parts[0]} and {len(parts) - 1} more"


def draw_apps(scope: Scope) -> AppsDrawing:
    """The busiest rows first by name of the sending app, any sender last."""
    groups: dict[tuple[str, str], list[ConnectionInfo]] = defaultdict(list)
    for row in scope.connections:
        app = "" if row.sender == ANY_SENDER else names.app_of(row.sender) or row.sender
        groups[app, names.app_of(row.receiver)].append(row)
    rates = {key: scope.stats([connection_id(row) for row in rows]).rate_per_s for key, rows in groups.items()}
    shown = sorted(groups, key=lambda key: (-rates[key], -len(groups[key]), key))[:MAX_ROWS]
    scale = scale_of(rates.values())
    caused = _caused(scope)
    rows = []
    for i, key in enumerate(sorted(shown, key=lambda key: (key[0] == "", key))):
        group = groups[key]
        rows.append(
            AppRow(
                sender_app=key[0],
                receiver_app=key[1],
                connections=len(group),
                signals=_signals(group),
                for_any=sum(row.sender == ANY_SENDER for row in group) if key[0] else 0,
                rate_per_s=rates[key],
                caused=caused.pop(key[1], ""),
                y=TOP + i * ROW_HEIGHT,
                heat=scale.step(rates[key]),
                width=scale.width_px(rates[key]),
            )
        )
    height = TOP - 10 + max(len(rows), 1) * ROW_HEIGHT
    return AppsDrawing(rows, height, len(scope.connections), len(scope.edges), len(groups) - len(shown))


def label_of(row: AppRow) -> str:
    """A row for those who hear the drawing."""
    sender = row.sender_app or "any sender"
    return f"{sender} to {row.receiver_app}: {row.connections} connections, {rate(row.rate_per_s)} calls a second"
