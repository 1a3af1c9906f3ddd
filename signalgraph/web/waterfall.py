"""The rows of a trace's waterfall: what is written in each, and where its bar stands in percent of the width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from signalgraph import names
from signalgraph.traces import Node, Trace
from signalgraph.web.figures import milliseconds

BARS_END = 92.0  # percent of the width that the trace takes; the rest is for labels
MIN_WIDTH = 0.25
FOLD_FROM = 3
PERIODS = (1, 2, 3, 4)
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Bar:
    """A rectangle; `css` is its class in app.css, `x` and `width` are percent."""

    css: str
    x: float
    width: float
    y: int = 7
    height: int = 10


@dataclass(frozen=True)
class Badge:
    text: str
    css: str = ""
    glyph: str = ""


@dataclass(frozen=True)
class Row:
    """A row. `sel` selects it, `note` is the label at its bar; `fold` dispatches are in it, which `key` opens."""

    sel: str
    kind: str  # cause, dispatch, call, fold
    level: int
    name: str
    title: str
    glyph: str
    path: str
    order: int = 0
    badges: list[Badge] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    note: str = ""
    note_x: float = 0.0
    note_ends: bool = False
    failed_x: float | None = None
    slow_x: float | None = None
    stopped_x: float | None = None
    duration_us: float | None = None
    queries: int | None = None
    has_children: bool = False
    is_open: bool = True
    is_reached: bool = True
    fold: int = 0
    key: str = ""
    note_dx: int = 5


@dataclass(frozen=True)
class Ruler:
    """From microseconds since the start of a trace to percent of the width."""

    span_us: float
    origin_us: int

    def x(self, at_us: float) -> float:
        return round(at_us / self.span_us * BARS_END, 2)

    def bar(self, css: str, start_us: float, duration_us: float, **shape: int) -> Bar:
        return Bar(css, self.x(start_us), max(self.x(duration_us), MIN_WIDTH), **shape)

    @property
    def marks(self) -> list[tuple[float, str]]:
        """At most five round times: percent and label."""
        step_us = 10.0
        for each in (each * 10**power for power in range(1, 10) for each in (1, 2, 4, 5, 8)):
            step_us = float(each)
            if self.span_us / each < 5:
                break
        unit = [(n * step_us) for n in range(int(self.span_us / step_us) + 1)]
        return [(self.x(at), f"{at / 1000:g} ms") for at in unit]


def ruler_of(trace: Trace) -> Ruler:
    ends = [seen.start_us - trace.start_us + (seen.duration_us or 0) for seen in trace.dispatches]
    return Ruler(max([trace.duration_us or 0, *ends, 1.0]), trace.start_us)


def is_origin(node: Node) -> bool:
    """Whether an error began in this call: it raised, and nothing that it dispatched did."""
    return node.call is not None and node.call.status == "raised" and not _passes(node)


def _passes(node: Node) -> bool:
    return any(child.dispatch.status == "raised" for child in node.children if child.call is None)


def _shape(node: Node) -> tuple[object, ...]:
    seen = node.dispatch
    return seen.signal, seen.sender, seen.at, seen.method, tuple(call.receiver for call in seen.calls)


def _is_quiet(node: Node) -> bool:
    return all(each.call is None or each.call.status == "returned" for each in node.walk())


@dataclass(frozen=True)
class Run:
    """Siblings shown as one row: `times` repeats of the same `period` dispatches; a single node repeats nothing."""

    nodes: list[Node]
    period: int = 1

    @property
    def times(self) -> int:
        return len(self.nodes) // self.period

    @property
    def key(self) -> str:
        """What opens it."""
        return self.nodes[0].dispatch.id


def runs_of(nodes: list[Node]) -> list[Run]:
    """Siblings, those that repeat one another put together: the same dispatches from the same places, none failed."""
    shapes = [_shape(node) if node.call is None and _is_quiet(node) else None for node in nodes]
    runs = []
    at = 0
    while at < len(nodes):
        found = [(each, _repeats(shapes, at, each)) for each in PERIODS]
        period, times = max(found, key=lambda one: one[0] * one[1] * (one[1] >= FOLD_FROM))
        length = period * times if times >= FOLD_FROM else 1
        runs.append(Run(nodes[at : at + length], period if length > 1 else 1))
        at += length
    return runs


def _repeats(shapes: Sequence[object], at: int, period: int) -> int:
    """How often the `period` shapes from `at` on stand there in a row; 0 where one of them can't be folded."""
    first = shapes[at : at + period]
    if len(first) < period or None in first:
        return 0
    times = 1
    while shapes[at + times * period : at + (times + 1) * period] == first:
        times += 1
    return times


def read_rows(trace: Trace, ruler: Ruler, *, opened: frozenset[str], slow_us: float) -> list[Row]:
    """All rows in the order of the waterfall. `opened` holds the first dispatch ids of the folds to show in full."""
    rows = [_cause_row(trace, ruler)] if trace.cause else []
    stack = runs_of(trace.tree())[::-1]
    lift = len(rows)
    while stack:
        run = stack.pop()
        node = run.nodes[0]
        if len(run.nodes) > 1 and run.key not in opened:
            rows.append(_fold_row(run, ruler, lift))
        elif len(run.nodes) > 1:
            stack.extend(Run([each]) for each in reversed(run.nodes))
        else:
            is_call = node.call is not None
            rows.append(_call_row(node, ruler, lift, slow_us) if is_call else _dispatch_row(node, ruler, lift))
            stack.extend(runs_of(node.children)[::-1])
    return rows


def _cause_row(trace: Trace, ruler: Ruler) -> Row:
    cause = trace.cause
    bars = [ruler.bar("req", 0, trace.duration_us)] if trace.duration_us else []
    title = cause.name if cause else trace.title
    return Row(
        sel="",
        kind="cause",
        level=1,
        name=title,
        title=title,
        glyph="cause",
        path=(cause.view or "") if cause else "",
        bars=bars,
        duration_us=trace.duration_us,
        queries=trace.queries,
        has_children=True,
    )


def _queries(node: Node) -> int:
    return sum(each.call.queries for each in node.walk() if each.call is not None)


def _dispatch_row(node: Node, ruler: Ruler, lift: int) -> Row:
    seen = node.dispatch
    start = node.start_us or 0.0
    timed = seen.status != "not timed"
    badges = [Badge(seen.method)] if seen.method != "send" else []
    if seen.parent and seen.parent_call is None:
        badges.append(Badge("receiver unknown", "dash"))
    notes = {"not timed": "not timed", "running": "still running", "cancelled": "cancelled", "raised": "stopped"}
    return Row(
        sel=f"dispatch:{seen.id}",
        kind="dispatch",
        level=node.level + lift,
        name=names.short(seen.signal),
        title=seen.signal,
        glyph="signal",
        path=", ".join(each for each in (_sender(seen.sender), seen.at) if each),
        badges=badges,
        bars=[ruler.bar("sig" if timed else "fold", start, seen.duration_us or 0, y=8, height=8)],
        note=notes.get(seen.status, ""),
        note_x=ruler.x(start + (seen.duration_us or 0)),
        duration_us=seen.duration_us,
        queries=_queries(node),
        has_children=bool(node.children),
    )


def _sender(name: str) -> str:
    return "no sender" if name == "None" else names.short(name)


def _fold_row(run: Run, ruler: Ruler, lift: int) -> Row:
    first, last = run.nodes[0], run.nodes[-1]
    start = first.start_us or 0.0
    end = (last.start_us or 0.0) + (last.duration_us or 0.0)
    each = [node.duration_us or 0.0 for node in run.nodes]
    once = run.nodes[: run.period]
    return Row(
        sel="",
        kind="fold",
        level=first.level + lift,
        name=", ".join(names.short(node.dispatch.signal) for node in once),
        title=", ".join(node.dispatch.signal for node in once),
        glyph="signal",
        path=", ".join(each for each in (_sender(first.dispatch.sender), first.dispatch.at) if each),
        badges=[Badge(f"{TIMES} {run.times}")],
        bars=[ruler.bar("fold", start, end - start, y=8, height=8)],
        note=f"{milliseconds(sum(each))} ms in all, {milliseconds(min(each))} to {milliseconds(max(each))}",
        note_x=ruler.x(end),
        duration_us=sum(each),
        queries=sum(_queries(node) for node in run.nodes),
        has_children=True,
        is_open=False,
        fold=len(run.nodes),
        key=run.key,
    )


def _gaps(node: Node) -> list[tuple[float, float]]:
    """The parts of a call in which nothing that it dispatched was running: (start, duration)."""
    at = node.start_us or 0.0
    end = at + (node.duration_us or 0.0)
    gaps = []
    for child in sorted(node.children, key=lambda child: child.start_us or 0.0):
        start = min(max(child.start_us or 0.0, at), end)
        if start > at:
            gaps.append((at, start - at))
        at = max(at, min(start + (child.duration_us or 0.0), end))
    return [*gaps, (at, end - at)] if end > at else gaps


def _call_bars(node: Node, ruler: Ruler) -> list[Bar]:
    call, start, duration = node.call, node.start_us, node.duration_us
    if call is None or start is None or duration is None:
        return []
    if is_origin(node):
        return [ruler.bar("err", start, duration)]
    if call.busy_us is not None:
        return [ruler.bar("asy", start, duration), ruler.bar("self", start, min(call.busy_us, duration))]
    if not node.children:
        return [ruler.bar("self", start, duration)]
    return [ruler.bar("rcv", start, duration), *(ruler.bar("self", *gap) for gap in _gaps(node))]


def _call_badges(node: Node, slow: bool) -> list[Badge]:
    call = node.call
    if call is None:
        return []
    badges = []
    if call.status == "raised":
        badges.append(Badge("raised" if is_origin(node) else "passed through", "err", "error"))
    if call.status == "cancelled":
        badges.append(Badge("cancelled", "dash"))
    if call.status == "running":
        badges.append(Badge("still running", "dash"))
    if slow:
        badges.append(Badge("slow", "", "slow"))
    if call.busy_us is not None:
        badges.append(Badge("async", "dash"))
    return badges


def _stop_x(node: Node, ruler: Ruler) -> float:
    """Where the dispatch of a call that was not reached stopped: at the end of the last call that ran."""
    seen = node.dispatch
    ends = [(call.offset_us or 0.0) + call.duration_us for call in seen.calls if call.duration_us is not None]
    return ruler.x(seen.start_us - ruler.origin_us + max(ends, default=seen.duration_us or 0.0))


def _call_row(node: Node, ruler: Ruler, lift: int, slow_us: float) -> Row:
    call = node.call
    if call is None:
        raise ValueError(f"The node of {node.dispatch.id} is a dispatch, not a receiver call.")
    start, duration = node.start_us, node.duration_us
    slow = duration is not None and duration >= slow_us and not node.children
    is_reached = call.status != "not reached"
    end_x = _stop_x(node, ruler) if start is None else ruler.x(start + (duration or 0.0))
    note, dx = _call_note(node)
    module = call.receiver.removesuffix(names.short(call.receiver)).rstrip(".")
    return Row(
        sel=f"call:{node.dispatch.id}/{node.number}",
        kind="call",
        level=node.level + lift,
        name=names.short(call.receiver),
        title=call.receiver,
        glyph="skip" if not is_reached else "async" if call.busy_us is not None else "receiver",
        path=module if is_reached else "after an error",
        order=node.number,
        badges=_call_badges(node, slow),
        bars=_call_bars(node, ruler),
        note=note,
        note_x=end_x,
        note_dx=dx,
        failed_x=end_x if call.status == "raised" else None,
        slow_x=end_x if slow and call.status != "raised" else None,
        stopped_x=None if is_reached else end_x,
        duration_us=duration,
        queries=_queries(node) if is_reached else None,
        has_children=bool(node.children),
        is_reached=is_reached,
    )


def _call_note(node: Node) -> tuple[str, int]:
    """The words at the end of a call's bar, and their distance from it in pixels."""
    call = node.call
    if call is None:
        return "", 5
    if is_origin(node):
        return call.error or "raised", 17
    if call.status == "not reached":
        return "not reached", 5
    if call.busy_us is not None and node.duration_us is not None:
        return f"busy {milliseconds(call.busy_us)} of {milliseconds(node.duration_us)}", 5
    if call.status == "not timed" or (node.duration_us is None and call.status == "returned"):
        return "not timed", 5
    return "", 5
