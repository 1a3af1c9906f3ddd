"""SG103: a receiver that is gone before anybody sends, because its connection is weak."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator

from signalgraph import names
from signalgraph.events import ANY_SENDER, DeadEntry
from signalgraph.findings.base import Finding, Rule
from signalgraph.findings.code import Code
from signalgraph.findings.connects import Connect
from signalgraph.findings.evidence import code_evidence, receiver_evidence
from signalgraph.findings.live import LiveRow
from signalgraph.findings.replacing import is_replaced
from signalgraph.findings.resolving import Definition
from signalgraph.findings.sources import walk_own
from signalgraph.inert import class_attribute, is_a
from signalgraph.names import describe_receiver
from signalgraph.registry import REGISTRY


def find(code: Code) -> Iterator[Finding]:
    """Receivers that the source lets go, those that only a cache keeps, and dead rows of which nobody knows whose."""
    by_label: dict[str, list[Connect]] = defaultdict(list)
    for connect in code.connects:
        if connect.weak is True and connect.receiver_label and is_let_go(connect):
            by_label[connect.receiver_label].append(connect)
    told = set()
    for label, found in by_label.items():
        rows = [row for connect in found for row in _rows(code, connect)]
        if all(row.is_forgotten for row in rows) and (rows or any(_is_sure(code, connect) for connect in found)):
            told.add(label)
            yield _tell(label, found, rows)
    replaced = [connect for connect in code.connects if connect.receiver_label and is_replaced(code, connect)]
    yield from (_tell_replaced(connect) for connect in replaced)
    in_sight = {connect.receiver_label for connect in code.connects}
    for row in code.rows:
        if row.is_forgotten and describe_receiver(row.receiver).label not in in_sight:
            yield _tell_forgotten(row)
    yield from _unexplained(code, [*replaced, *(connect for label in told for connect in by_label[label])])


def is_let_go(connect: Connect) -> bool:
    """Whether nothing holds the receiver once the connect, or the function that it is in, is over.

    Not where the function may hand it on, where it disconnects (then it is meant to end), and where it does something
    after the connect, for which the receiver may be meant.
    """
    made = connect.made
    if made is None:
        return False
    if not made.variable:
        return not isinstance(made.node, Definition)
    function = connect.place.scope.functions[-1]
    return (
        isinstance(function, ast.FunctionDef)
        and not _hands_on(function, made.variable)
        and not any(isinstance(node, ast.Yield | ast.YieldFrom) for node in walk_own(function))
        and not (function.name != "ready" and _works_after(function, connect))
    )


def _hands_on(function: ast.FunctionDef, name: str) -> bool:
    """Whether the function uses a name for more than to connect it and to call it."""
    harmless = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            harmless.add(id(node.func))
            if isinstance(node.func, ast.Attribute) and node.func.attr == "disconnect":
                return True
            if isinstance(node.func, ast.Attribute) and node.func.attr == "connect":
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                harmless |= {id(each) for each in given}
                harmless |= {id(each.value) for each in given if isinstance(each, ast.Attribute)}
        elif isinstance(node, ast.Global | ast.Nonlocal) and name in node.names:
            return True
    uses = (node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name)
    return any(isinstance(node.ctx, ast.Load) and id(node) not in harmless for node in uses)


def _works_after(function: ast.FunctionDef, connect: Connect) -> bool:
    """Whether the function calls anything after the connect but further connects."""
    calls = [node for node in walk_own(function) if isinstance(node, ast.Call) and node.lineno > connect.line]
    connecting = [call for call in calls if ast.unparse(call.func).rpartition(".")[2] in ("connect", "receiver")]
    inside = {id(node) for call in connecting for node in ast.walk(call)}
    return any(id(call) not in inside for call in calls)


def _rows(code: Code, connect: Connect) -> list[LiveRow]:
    label = connect.receiver_label
    rows = (row for row in code.rows if row.signal in connect.signals and row.info.weak)
    return [row for row in rows if describe_receiver(row.receiver).label == label]


def _is_sure(code: Code, connect: Connect) -> bool:
    """Whether it is gone even if no row says so: an object may put itself somewhere while it is made."""
    made = connect.made
    if made is None or not isinstance(made.node, ast.Call) or made.label.startswith("partial("):
        return True
    maker = next(iter(connect.place.scope.values(made.node.func)), None)
    is_plain = is_a(maker, type) and class_attribute(maker, "__init__") is object.__init__
    return is_plain or any(_may_be(entry, connect) for entry in code.dead)


def _may_be(entry: DeadEntry, connect: Connect) -> bool:
    return entry.signal in {REGISTRY.signal_name(signal) for signal in connect.signals}


def _tell(label: str, found: list[Connect], rows: list[LiveRow]) -> Finding:
    made = found[0].made
    signals = sorted({names.short(REGISTRY.signal_name(signal)) for connect in found for signal in connect.signals})
    when = "at once"
    if made is not None and made.variable:
        when = f"when {found[0].place.scope.functions[-1].name}() returns"
    return Finding(
        RULE.id,
        names.receiver_id(label),
        f"{label} is gone {when}: its connection to {' and '.join(signals)} is weak and nothing else holds it.",
        _IN_DEBUG if rows else "",
        evidence=tuple(code_evidence(connect.file, connect.place.node) for connect in found),
        app=names.app_of(label),
    )


def _tell_replaced(connect: Connect) -> Finding:
    label = connect.receiver_label
    signals = sorted({names.short(REGISTRY.signal_name(signal)) for signal in connect.signals})
    return Finding(
        RULE.id,
        names.receiver_id(label),
        f"{label} is gone at once: its connection to {' and '.join(signals)} is weak, and its module defines another "
        "function by this name after it.",
        fix="Give each of the functions a name of its own, or connect one function to several signals and senders.",
        evidence=(code_evidence(connect.file, connect.place.node),),
        app=names.app_of(label),
    )


def _tell_forgotten(row: LiveRow) -> Finding:
    info = row.info
    return Finding(
        RULE.id,
        names.receiver_id(info.receiver),
        f"{info.receiver} is gone without DEBUG: {names.short(info.signal)} holds it weakly and nothing else holds it.",
        _IN_DEBUG,
        evidence=(receiver_evidence(info),),
        app=names.app_of(info.receiver),
    )


def _unexplained(code: Code, told: list[Connect]) -> Iterator[Finding]:
    """Dead rows of which the source doesn't say whose they are. One for a signal and sender.

    Where the sender is gone too, or it alone (from Django 6.0 on that ends a connection), nothing was to be heard.
    """
    entries = (entry for entry in code.dead if not names.is_plumbing_signal(entry.signal))
    dead = Counter((entry.signal, entry.sender) for entry in entries if entry.sender != names.UNKNOWN_SENDER)
    for (signal, sender), count in dead.items():
        known = sum(_may_be(DeadEntry(signal, sender, None), connect) for connect in told)
        if count > known:
            whose = "any sender" if sender == ANY_SENDER else sender
            yield Finding(
                RULE.id,
                names.connection_id(sender, signal, "gone"),
                f"A receiver of {names.short(signal)} for {whose} is gone: it was held weakly, and by nothing else.",
                "Its row is still there, so Django has not come by since; it doesn't say which receiver it was.",
                app=names.app_of(sender) or names.app_of(signal),
                count=count - known,
            )


_IN_DEBUG = (
    "It is alive in this process only because Django's check of its signature, made with DEBUG on, is cached: "
    "it works on the developer's machine and is silent in production."
)
RULE = Rule(
    "SG103",
    "A weak receiver dies",
    "error",
    "code",
    "Define the receiver in a module, keep its object (on the AppConfig, say), or connect it with weak=False.",
    "A connection holds its receiver weakly unless told otherwise. When the receiver is collected, its row is dropped "
    "without a word.",
    find,
)
