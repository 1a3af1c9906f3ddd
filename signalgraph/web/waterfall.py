"""The rows of a trace's waterfall: what is written in each, and where its bar stands in percent of the width."""

from __future__ import annotations

from dataclasses import dataclass, field

from signalgraph import names
from signalgraph.traces import ROLLED_BACK, Node, Trace, Written
from signalgraph.web.figures import milliseconds, number
from signalgraph.web.ruler import Bar, Ruler
from signalgraph.web.runs import FOLD_FROM, Run, items_of, roots_of, runs_of

TIMES = "\N{MULTIPLICATION SIGN}"
NO_ROOM, ROOM = 66.0, 20.0  # percent: from where a label doesn't fit right of its bar, and up to where not left of it
KINDS = ("command", "task", "test")  # causes with a glyph of their own


@dataclass(frozen=True)
class Badge:
    text: str
    css: str = ""
    glyph: str = ""


@dataclass(frozen=True)
class Row:
    """A row. `sel` selects it, `note` is the label at its bar; `fold` siblings are in it, which `key` opens.

    `asked_x` is where the receiver ended that had put this work off until after the commit.
    """

    sel: str
    kind: str  # cause, dispatch, call, write, fold
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
    failed_x: float | None = None
    slow_x: float | None = None
    stopped_x: float | None = None
    asked_x: float | None = None
    starts_x: float = 0.0
    duration_us: float | None = None
    queries: int | None = None
    has_children: bool = False
    is_open: bool = True
    is_reached: bool = True
    fold: int = 0
    key: str = ""
    note_dx: int = 5

    @property
    def note_ends(self) -> bool:
        """Whether the label stands left of the bar, as there is no room for it on the right."""
        return self.note_x > NO_ROOM and self.starts_x >= ROOM


@dataclass(frozen=True)
class View:
    """What the rows of one trace share. `lift` is 1 where they stand below a cause, `asked` the end (us) of what asked
    for work after a commit, by the id of that work; a process that is not `is_alive` has left nothing running."""

    trace: Trace
    ruler: Ruler
    slow_us: float
    is_alive: bool
    lift: int
    asked: dict[str, float]

    @property
    def running(self) -> str:
        return "still running" if self.is_alive else "had not ended when its process did"

    def badges(self, transaction: int) -> list[Badge]:
        """What became of the transaction that something happened in."""
        if transaction < 0:
            return [Badge("after commit", "dash")]
        return [Badge("rolled back", "", "undo")] if self.trace.fate(transaction) == ROLLED_BACK else []

    def asked_x(self, sent_id: str) -> float | None:
        return self.ruler.x(self.asked[sent_id]) if sent_id in self.asked else None


def is_origin(node: Node) -> bool:
    """Whether an error began in this call: it raised, and nothing that it dispatched did."""
    return node.call is not None and node.call.status == "raised" and not _passes(node)


def _passes(node: Node) -> bool:
    inside = (child for child in node.children if child.call is None and not child.is_after_commit)
    return any(child.dispatch.status == "raised" for child in inside)


def read_rows(
    trace: Trace, ruler: Ruler, *, opened: frozenset[str], slow_us: float, is_alive: bool = True
) -> list[Row]:
    """All rows in the order of the waterfall. `opened` holds the first ids of the folds to show in full."""
    roots = roots_of(trace)
    view = View(trace, ruler, slow_us, is_alive, int(trace.cause is not None), _asked(trace, roots))
    rows = [_cause_row(trace, ruler)] if trace.cause else []
    stack = [(1, run) for run in runs_of(roots, trace)[::-1]]
    while stack:
        level, run = stack.pop()
        item = run.items[0]
        if len(run.items) > 1 and run.key not in opened:
            rows.append(_fold_row(run, view, level))
        elif len(run.items) > 1:
            stack.extend((level, Run([each])) for each in reversed(run.items))
        elif isinstance(item, Written):
            rows.append(_write_row(item, view, level))
        else:
            rows.append(_dispatch_row(item, view) if item.call is None else _call_row(item, view))
            stack.extend((item.level + 1, each) for each in runs_of(items_of(item), trace)[::-1])
    return rows


def _asked(trace: Trace, roots: list[Node | Written]) -> dict[str, float]:
    """When the receiver ended that had put work off until after the commit (us), by the id of that work."""
    found: dict[str, float] = {}
    for node in (node for root in roots if isinstance(root, Node) for node in root.walk()):
        if node.call is not None and node.start_us is not None:
            end = node.start_us + (node.duration_us or 0.0)
            late = [child.dispatch.id for child in node.children if child.is_after_commit]
            late += [write.id for write in node.writes if write.transaction < 0]
            found |= dict.fromkeys(late, end)
    return found


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
        glyph=glyph_of(trace.kind),
        path=(cause.view or "") if cause else "",
        bars=bars,
        duration_us=trace.duration_us,
        queries=trace.queries,
        has_children=True,
    )


def glyph_of(kind: str | None) -> str:
    """The sign of a kind of cause; requests and what a project names itself share one."""
    return kind if kind in KINDS else "cause"


def _queries(node: Node) -> int:
    return sum(each.call.queries for each in node.walk() if each.call is not None)


def _dispatch_row(node: Node, view: View) -> Row:
    seen, ruler = node.dispatch, view.ruler
    start = node.start_us or 0.0
    badges = [Badge(seen.method)] if seen.method != "send" else []
    if seen.parent and seen.parent_call is None:
        badges.append(Badge("receiver unknown", "dash"))
    if seen.status == "running":
        badges.append(Badge(view.running, "dash"))
    notes = {"not timed": "not timed", "cancelled": "cancelled", "raised": "stopped"}
    note = notes.get(seen.status, "")
    if seen.status == "not timed" and not seen.calls:
        note = "not timed, receivers unknown"
    css = {"not timed": "fold", "running": "fold"}.get(seen.status, "sig")
    return Row(
        sel=f"dispatch:{seen.id}",
        kind="dispatch",
        level=node.level + view.lift,
        name=names.short(seen.signal),
        title=seen.signal,
        glyph="signal",
        path=", ".join(each for each in (_sender(seen.sender), seen.at) if each),
        badges=[*badges, *view.badges(seen.transaction)],
        bars=[ruler.bar(css, start, seen.duration_us or 0, y=8, height=8)],
        note=note,
        note_x=ruler.x(start + (seen.duration_us or 0)),
        asked_x=view.asked_x(seen.id),
        starts_x=ruler.x(start),
        duration_us=seen.duration_us,
        queries=_queries(node),
        has_children=bool(node.children or node.writes),
    )


def _write_row(write: Written, view: View, level: int) -> Row:
    start = float(write.start_us - view.ruler.origin_us)
    end_x = view.ruler.x(start + write.duration_us)
    return Row(
        sel=f"write:{write.id}",
        kind="write",
        level=level + view.lift,
        name=write.operation,
        title=f"{write.operation} {write.sender}",
        glyph="write",
        path=", ".join(each for each in (names.short(write.sender), write.at) if each),
        badges=view.badges(write.transaction),
        bars=[view.ruler.bar("err" if write.error else "wr", start, write.duration_us)],
        note=f"{write.error or rows_words(write.rows)}, no signal sent",
        note_x=end_x,
        note_dx=17 if write.error else 5,
        failed_x=end_x if write.error else None,
        asked_x=view.asked_x(write.id),
        starts_x=view.ruler.x(start),
        duration_us=write.duration_us,
    )


def rows_words(rows: int | None) -> str:
    """How many rows a write changed, in words."""
    if rows is None:
        return "rows not known"
    return f"{number(rows)} row{'' if rows == 1 else 's'}"


def _sender(name: str) -> str:
    return "no sender" if name == "None" else names.short(name)


def _fold_row(run: Run, view: View, level: int) -> Row:
    spans = [_span(item, view.ruler) for item in run.items]
    start, end = spans[0][0], spans[-1][0] + spans[-1][1]
    each = [duration for _, duration in spans]
    once = run.items[: run.period]
    first = run.items[0]
    sent = first if isinstance(first, Written) else first.dispatch
    note = f"{milliseconds(sum(each))} ms in all, {milliseconds(min(each))} to {milliseconds(max(each))}"
    written = [item.rows for item in run.items if isinstance(item, Written)]
    if len(written) == len(run.items):
        total = None if None in written else sum(rows or 0 for rows in written)
        note = f"{rows_words(total)} in all, no signal sent"
    return Row(
        sel="",
        kind="fold",
        level=level + view.lift,
        name=", ".join(_name(item) for item in once),
        title=", ".join(_title(item) for item in once),
        glyph="write" if isinstance(first, Written) else "signal",
        path=", ".join(each for each in (_sender(sent.sender), sent.at) if each),
        badges=[Badge(f"{TIMES} {run.times}"), *view.badges(sent.transaction)],
        bars=[view.ruler.bar("fold", start, end - start, y=8, height=8)],
        note=note,
        note_x=view.ruler.x(end),
        starts_x=view.ruler.x(start),
        duration_us=sum(each),
        queries=sum(_queries(item) for item in run.items if isinstance(item, Node)),
        has_children=True,
        is_open=False,
        fold=len(run.items),
        key=run.key,
    )


def _span(item: Node | Written, ruler: Ruler) -> tuple[float, float]:
    if isinstance(item, Written):
        return float(item.start_us - ruler.origin_us), item.duration_us
    return item.start_us or 0.0, item.duration_us or 0.0


def _name(item: Node | Written) -> str:
    return item.operation if isinstance(item, Written) else names.short(item.dispatch.signal)


def _title(item: Node | Written) -> str:
    return f"{item.operation} {item.sender}" if isinstance(item, Written) else item.dispatch.signal


def _gaps(node: Node) -> list[tuple[float, float]]:
    """The parts of a call in which nothing that it dispatched was running: (start, duration)."""
    at = node.start_us or 0.0
    end = at + (node.duration_us or 0.0)
    gaps = []
    inside = (child for child in node.children if not child.is_after_commit)
    for child in sorted(inside, key=lambda child: child.start_us or 0.0):
        start = min(max(child.start_us or 0.0, at), end)
        if start > at:
            gaps.append((at, start - at))
        at = max(at, min(start + (child.duration_us or 0.0), end))
    return [*gaps, (at, end - at)] if end > at else gaps


def _call_bars(node: Node, ruler: Ruler) -> list[Bar]:
    call, start, duration = node.call, node.start_us, node.duration_us
    if call is None or start is None:
        return []
    if duration is None:  # still running: as far as it was reported, with its dispatch
        so_far = node.dispatch.duration_us - (call.offset_us or 0.0) if node.dispatch.status == "running" else 0.0
        return [ruler.bar("asy", start, so_far)] if call.status == "running" and so_far > 0 else []
    if is_origin(node):
        return [ruler.bar("err", start, duration)]
    if call.busy_us is not None:
        return [ruler.bar("asy", start, duration), ruler.bar("self", start, min(call.busy_us, duration))]
    if not node.children:
        return [ruler.bar("self", start, duration)]
    return [ruler.bar("rcv", start, duration), *(ruler.bar("self", *gap) for gap in _gaps(node))]


def _call_badges(node: Node, slow: bool, running: str) -> list[Badge]:
    call = node.call
    if call is None:
        return []
    badges = []
    if call.status == "raised":
        badges.append(Badge("raised" if is_origin(node) else "passed through", "err", "error"))
    if call.status == "cancelled":
        badges.append(Badge("cancelled", "dash"))
    if call.status == "running":
        badges.append(Badge(running, "dash"))
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


def _call_row(node: Node, view: View) -> Row:
    call, ruler = node.call, view.ruler
    if call is None:
        raise ValueError(f"The node of {node.dispatch.id} is a dispatch, not a receiver call.")
    start, duration = node.start_us, node.duration_us
    slow = duration is not None and duration >= view.slow_us and not node.children
    is_missed, is_waiting = call.status == "not reached", call.status == "waiting"
    is_reached = not is_missed and not is_waiting
    end_x = _stop_x(node, ruler) if start is None else ruler.x(start + (duration or 0.0))
    note, dx = _call_note(node)
    module = call.receiver.removesuffix(names.short(call.receiver)).rstrip(".")
    return Row(
        sel=f"call:{node.dispatch.id}/{node.number}",
        kind="call",
        level=node.level + view.lift,
        name=names.short(call.receiver),
        title=call.receiver,
        glyph="skip" if is_missed else "wait" if is_waiting else "async" if call.busy_us is not None else "receiver",
        path="after an error" if is_missed else module,
        order=node.number,
        badges=_call_badges(node, slow, view.running),
        bars=_call_bars(node, ruler),
        note=note,
        note_x=end_x,
        starts_x=end_x if start is None else ruler.x(start),
        note_dx=dx,
        failed_x=end_x if call.status == "raised" else None,
        slow_x=end_x if slow and call.status != "raised" else None,
        stopped_x=end_x if is_missed else None,
        duration_us=duration,
        queries=_queries(node) if is_reached else None,
        has_children=bool(node.children or node.writes),
        is_reached=is_reached,
    )


def _call_note(node: Node) -> tuple[str, int]:
    """The words at the end of a call's bar, and their distance from it in pixels."""
    call = node.call
    if call is None:
        return "", 5
    words, dx = [], 5
    if is_origin(node):
        words, dx = [call.error or "raised"], 17
    elif call.status in ("not reached", "waiting"):
        words = [call.status]
    elif call.busy_us is not None and node.duration_us is not None:
        words = [f"busy {milliseconds(call.busy_us)} of {milliseconds(node.duration_us)}"]
    elif call.status == "not timed" or (node.duration_us is None and call.status == "returned"):
        words = ["not timed"]
    if call.repeats >= FOLD_FROM:
        words.append(repeats_words(call.queries, call.repeats))
    return "; ".join(words), dx


def repeats_words(queries: int, repeats: int) -> str:
    return f"{number(queries)} queries, one ran {number(repeats)} times"
