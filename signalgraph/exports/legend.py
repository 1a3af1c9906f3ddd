"""What a file needs beside the drawing: a heading that says what is shown, and the legend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from signalgraph.exports import words
from signalgraph.exports.boxes import Pen
from signalgraph.exports.markup import lines, tag, text
from signalgraph.graph.figures import HEADS, short_number
from signalgraph.graph.layout import cut

HEAD_PX, FOOT_PX, ROW_PX = 56, 40, 24
LEAST_WIDTH_PX = 640
MARGIN = 16
STEP_PX = 32  # of the heat ramp
_STOP = tag("g", tag("circle", cx=6, cy=6, r=5), tag("path", d="M3.5 6h5"), class_="stop")
Key = tuple[str, int, str]  # a glyph, the room that it takes, and its word
_CHAR_PX = 5.6  # of 11 px sans, on average


def head(pen: Pen, title: str, query: str, as_of: str, width: int) -> str:
    """The title and, below, how much of what at which time."""
    drawn = {one for _, _, data in pen.graph.edges(data=True) for one in data.get("connections", ())}
    drawn |= {one for _, data in pen.graph.nodes(data=True) for ids in data.get("badges", {}).values() for one in ids}
    note = pen.graph.graph.get("note", "").rstrip(".") if drawn else ""  # an empty drawing shows nothing else
    said = [words.count(len(drawn), "connection"), note, f"filter {query}" if query else "", as_of]
    room = int((width - 2 * MARGIN) / 6.2)
    return tag(
        "g",
        tag("text", text(cut(title, int(room * 0.75))), class_="say big", x=MARGIN, y=24),
        tag("text", text(cut(" · ".join(filter(None, said)), room)), class_="say", x=MARGIN, y=42),
    )


def foot(pen: Pen, top: int, width: int, keys: Iterable[Key] = ()) -> tuple[str, int]:
    """The legend, with `keys` of one's own, from `top` on, in as many rows as it needs, and its height."""
    drawn, x, y = [tag("path", class_="rule-foot", d=f"M0 {top + 0.5}h{width}")], MARGIN, top + ROW_PX
    for shape, room, label in [*_keys(pen), *keys, *_ramp(pen)]:
        wide = room + round(_CHAR_PX * len(label))
        if x > MARGIN and x + wide > width - MARGIN:
            x, y = MARGIN, y + ROW_PX
        after = room if room < STEP_PX * 5 else 0  # the ramp stands behind its label
        drawn.append(tag("text", text(label), class_="say", x=x + after, y=y))
        if shape:
            drawn.append(tag("g", shape, transform=f"translate({x + (0 if after else wide - room + 8)} {y - 10})"))
        x += wide + MARGIN
    return tag("g", lines(["", *drawn, ""]), class_="legend"), y - top + FOOT_PX - ROW_PX


def _keys(pen: Pen) -> Iterator[Key]:
    """Only for what the drawing holds."""
    yield tag("rect", class_="key s", x=2, y=2, width=8, height=8), 18, "sender"
    yield tag("path", class_="key g", d="M3.5 1h5v10h-5zM.5 6h3M8.5 6h3"), 18, "signal, ports"
    yield tag("circle", class_="key r", cx=6, cy=6, r=4.2), 18, "receiver"
    receivers = [data for _, data in pen.graph.nodes(data=True) if data["kind"] == "receiver"]
    if any(data["is_async"] for data in receivers):
        yield tag("circle", class_="key r", cx=6, cy=6, r=4.2, stroke_dasharray="3 2.2"), 18, "async"
    lines = [data for _, _, data in pen.graph.edges(data=True)]
    if pen.layout.stubs or any(data.get("kind") == "cause" for data in lines):
        tip = tag("path", class_="cause-tip", d="M20 2.5l7 3.5 -7 3.5z")
        yield tag("path", class_="cause", d="M0 6h20") + tip, 34, "caused"
    if any(data.get("back") for data in lines) or not pen.on_cycles.isdisjoint(
        cause for stub in pen.layout.stubs for cause in stub.causes
    ):
        yield tag("path", class_="cause back", d="M0 6h26"), 34, "closes a cycle"
    if any(data.get("observed") is False for data in lines):
        yield tag("path", class_="edge unseen", d="M0 6h26", stroke_width=1.4), 34, "connected, not seen"
    if any(not data.get("can_fire", True) for data in lines):
        yield _STOP, 18, "can't fire"
    figures = [data["figures"] for data in receivers if "figures" in data]
    if any(one.errors for one in figures):
        yield tag("path", class_="x", d="M2 2l8 8M10 2l-8 8"), 18, "error"
    if any(one.slow and not one.errors for one in figures):
        yield tag("path", class_="tri", d="M6 1.5l5 9h-10z"), 18, "slow"
    if any(data.get("also") for _, data in pen.graph.nodes(data=True)):
        yield "", 0, "+n any: n receivers for any sender run too"


def _ramp(pen: Pen) -> Iterator[Key]:
    """The heat steps with the number at which each begins."""
    if not pen.measure or not pen.scale.steps:
        return
    cells = []
    for step, begin in enumerate((0.0, *pen.scale.steps)):
        shown = short_number(begin) + ("+" if step == len(pen.scale.steps) else "")
        x = STEP_PX * step
        cells.append(tag("rect", class_=f"ht{step + 1}", x=x, y=-2, width=STEP_PX, height=16))
        cells.append(tag("text", text(shown), class_=f"num hk{step + 1} ramp", x=x + STEP_PX / 2, y=10))
    yield tag("g", *cells), STEP_PX * 5 + 8, HEADS[pen.measure][1]
