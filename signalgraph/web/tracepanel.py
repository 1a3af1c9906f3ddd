"""The detail panel of a trace (on the timeline), and of a dispatch or receiver call (in its waterfall)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from signalgraph import names
from signalgraph.traces import Node, Trace, TraceGone, Written
from signalgraph.web.figures import milliseconds
from signalgraph.web.frames import fingerprint
from signalgraph.web.scope import Scope
from signalgraph.web.waterfall import glyph_of, is_origin, rows_words

COSTLIEST = 5
MOST_INNER = 5


@dataclass(frozen=True)
class Link:
    """A step of what led to an error or followed from it."""

    glyph: str
    name: str
    note: str
    depth: int = 0
    is_here: bool = False


@dataclass(frozen=True)
class Cost:
    receiver: str
    calls: int
    self_us: float


def costliest(trace: Trace) -> list[Cost]:
    """Receivers by the time that they took themselves, without what they dispatched."""
    spent: dict[str, list[float]] = defaultdict(list)
    for node in (node for root in trace.tree() for node in root.walk()):
        if node.call is not None and node.self_us is not None:
            spent[node.call.receiver].append(node.self_us)
    rows = [Cost(name, len(times), sum(times)) for name, times in spent.items()]
    return sorted(rows, key=lambda row: -row.self_us)[:COSTLIEST]


def _ancestors(trace: Trace, dispatch_id: str, number: int) -> list[Node]:
    """The nodes from the outermost dispatch down to a call (number 0: a dispatch); empty where there is none."""
    stack = [[root] for root in trace.tree()]
    while stack:
        path = stack.pop()
        node = path[-1]
        if node.dispatch.id == dispatch_id and node.number == number:
            return path
        stack.extend([*path, child] for child in node.children)
    return []


def path_to_error(trace: Trace) -> list[Link]:
    """From the outermost dispatch down to where the first error began."""
    for node in (node for root in trace.tree() for node in root.walk()):
        if node.call is not None and is_origin(node):
            path = _ancestors(trace, node.dispatch.id, node.number)
            return [_link(each, depth, each is path[-1]) for depth, each in enumerate(path)]
    return []


def _link(node: Node, depth: int, is_here: bool) -> Link:
    if node.call is None:
        return Link("signal", node.dispatch.signal, node.dispatch.method, depth)
    return Link("error" if is_here else "receiver", node.call.receiver, "", depth, is_here)


def what_followed(path: list[Node]) -> list[Link]:
    """What an error did on its way out: who was not reached, which dispatch stopped, who caught it."""
    if not path or path[-1].call is None or not is_origin(path[-1]):
        return []
    links = [Link("error", path[-1].call.receiver, "raised", is_here=True)]
    for node in reversed(path[:-1]):
        if node.call is not None:
            links.append(Link("receiver", node.call.receiver, "passed through"))
            continue
        missed = [call.receiver for call in node.dispatch.calls if call.status == "not reached"]
        links.extend(Link("skip", receiver, "not reached") for receiver in missed)
        caught = node.dispatch.method.endswith("robust")
        links.append(Link("signal", node.dispatch.signal, "caught, went on" if caught else "stopped"))
        if caught:
            break
    return links


def trace_context(scope: Scope) -> dict[str, Any]:
    """The panel of ``sel=trace:<id>``; nothing for another selection."""
    kind, _, trace_id = scope.state.sel.partition(":")
    if kind != "trace":
        return {}
    try:
        trace = scope.index.trace(trace_id)
    except (TraceGone, ValueError) as error:
        return {"panel": "signalgraph/_panel_missing.html", "panel_message": str(error)}
    context = {"selected_trace": trace, "error_path": path_to_error(trace), "costliest": costliest(trace)}
    return {"panel": "signalgraph/_panel_trace.html", **context, **around_context(scope, trace)}


@dataclass(frozen=True)
class Around:
    """The trace in which another one began; `title` is "" where it is not in memory."""

    id: str
    title: str


def around_context(scope: Scope, trace: Trace) -> dict[str, Any]:
    """What a trace's page and panel say of what is around it, in it, and of whether it goes on."""
    outer = None
    if trace.cause and trace.cause.outer:
        outer_id = f"{trace.process.id}-{trace.cause.outer:x}"
        cause = scope.index.cause(outer_id)
        outer = Around(outer_id, cause.name if cause else "")
    inner = scope.index.inner_traces(trace)
    return {
        "cause_glyph": glyph_of(trace.kind),
        "running": "still running" if scope.is_alive(trace.process.id) else "had not ended when its process did",
        "outer": outer,
        "inner": inner[:MOST_INNER],
        "inner_count": len(inner),
    }


def transaction_words(trace: Trace, transaction: int) -> str:
    """What is known of the transaction that something happened in, for the panel; "" outside of one."""
    if not transaction:
        return ""
    end = trace.fates.get(trace.process.id, abs(transaction)) if trace.fates else None
    length = f", open for {milliseconds(end.duration_ns / 1000)} ms on {end.using}" if end else ""
    if transaction < 0:
        return f"after the commit of one{length}"
    fate = trace.fate(transaction)
    if fate is None:
        return f"committed{length}; of the one around it no end is known" if end else "no end of it is known (yet)"
    inside = ", by the one around it" if end and end.committed and fate != "committed" else ""
    return f"{fate}{inside}{length}"


def _write_context(trace: Trace, write: Written) -> dict[str, Any]:
    return {
        "panel": "signalgraph/_panel_write.html",
        "write": write,
        "rows": rows_words(write.rows),
        "transaction_words": transaction_words(trace, write.transaction),
        "path_up": _ancestors(trace, write.parent_dispatch or "", write.parent_call or 0),
    }


def call_context(scope: Scope, trace: Trace) -> dict[str, Any]:
    """The panel of ``sel=call:<dispatch>/<n>``, ``dispatch:<id>`` or ``write:<id>`` in the waterfall of its trace."""
    kind, _, name = scope.state.sel.partition(":")
    if kind == "write":
        found = next((write for write in trace.writes if write.id == name), None)
        return _write_context(trace, found) if found else {"panel": "signalgraph/_panel_missing.html"}
    if kind not in ("call", "dispatch"):
        return {}
    dispatch_id, _, number = name.partition("/")
    path = _ancestors(trace, dispatch_id, int(number) if number.isdecimal() and len(number) < 9 else 0)
    if not path:
        return {"panel": "signalgraph/_panel_missing.html"}
    node = path[-1]
    share = (node.duration_us or 0) / trace.duration_us * 100 if trace.duration_us else None
    return {
        "panel": "signalgraph/_panel_call.html",
        "node": node,
        "share": share,
        "followed": what_followed(path),
        "module": node.call.receiver if node.call else node.dispatch.signal,
        "label": names.short(node.call.receiver if node.call else node.dispatch.signal),
        "path_up": path[:-1],
        "status": node.call.status if node.call else node.dispatch.status,
        "fingerprint": fingerprint(node.call.repeated) if node.call else "",
        "transaction_words": transaction_words(trace, node.dispatch.transaction),
    }
