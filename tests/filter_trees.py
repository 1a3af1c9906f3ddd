"""Filters, connections and traces made up by hypothesis: few names, so that they meet often."""

from __future__ import annotations

from hypothesis import strategies as st
from log_entries import SHOP, SIGNALS, batch, call, connection, dispatch, span, write

from signalgraph.events import METHODS, Cause, ConnectionInfo
from signalgraph.figures import Stats
from signalgraph.gathering import gather
from signalgraph.graph.fields import FIELDS
from signalgraph.graph.quantities import Quantity, Range, read_quantity
from signalgraph.graph.terms import Term, Value
from signalgraph.graph.tree import Hops, Node, both, either, negated
from signalgraph.resolve import resolve, resolve_writes, spelled_id
from signalgraph.traces import Trace

TEXTS = [
    *("order_placed", "post_save", "shop.Order", "shop", "send_receipt", "audit", "model", "request", "uid-1", "SG103"),
    *("a b", 'q"uote\\', "x+1", "+", "and", "5", "5ms", "a..b", "(", "-x", "/x/", "*", "é", "signal:a", ">5"),
]
NAMES = st.one_of(
    st.sampled_from(TEXTS).map(Value),
    st.sampled_from(["send_*", "*audit", "s*p", "*", "*.or*"]).map(lambda text: Value(text, "glob")),
    st.sampled_from(["audit", r"^shop\.", r"or(der)?_\w+", "a|b", r"\/x y,z\)"]).map(lambda text: Value(text, "regex")),
)
WRITTEN = {
    "number": ["0", "1", "2", "3.5"],
    "duration": ["0", "1", "500us", "2ms", "1s"],
    "share": ["0%", "10%", "50.5%"],
    "time": ["-5m", "-1.5h", "14:47", "2026-11-21", "2026-11-21T14:47:03.25+01:00", "1999-01-01T00:00Z"],
}
MOST_NAMES = 3


@st.composite
def numbers(draw: st.DrawFn, name: str) -> Term:
    """A term that compares: with an operator, or one of some numbers or ranges."""
    field = FIELDS[name]
    kind = draw(st.sampled_from(["duration", "share"])) if name in ("dur", "self") else field.measures or "number"
    quantities = st.sampled_from(WRITTEN[kind]).map(lambda text: read_quantity(text, kind) or Quantity(text, kind))
    if field.needs_operator or draw(st.booleans()):
        return Term(name, (Range(draw(quantities)),), draw(st.sampled_from([">", ">=", "<", "<=", "=", "!="])))
    return Term(name, tuple(Range(each) for each in draw(st.lists(quantities, min_size=1, max_size=2))))


def names(name: str | None) -> st.SearchStrategy[Term]:
    choices = FIELDS[name].choices if name else ()
    values = st.sampled_from(choices).map(Value) if choices else NAMES
    if name == "path":
        values = NAMES.filter(lambda value: value.kind != "regex")
    return st.lists(values, min_size=1, max_size=MOST_NAMES).map(lambda found: Term(name, tuple(found)))


def terms() -> st.SearchStrategy[Term]:
    """Any term: a word, or one of any field."""
    compared = [name for name, field in FIELDS.items() if field.measures]
    named = [name for name, field in FIELDS.items() if not field.measures]
    return st.one_of(
        *(names(name) for name in [None, *named]), *(numbers(name) for name in compared), errors().map(_of_errors)
    )


def errors() -> st.SearchStrategy[Value]:
    return st.sampled_from(["ValueError", "KeyError"]).map(Value)


def _of_errors(value: Value) -> Term:
    return Term("err", (value,))


def joined(leaves: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Trees of these, without hops."""
    return st.recursive(
        leaves,
        lambda nodes: st.one_of(
            st.lists(nodes, min_size=2, max_size=3).map(both),
            st.lists(nodes, min_size=2, max_size=3).map(either),
            nodes.map(negated),
        ),
        max_leaves=6,
    )


def hops() -> st.SearchStrategy[Hops]:
    """Hops from what can be asked of a connection."""
    inner = joined(terms().filter(lambda term: term.applies("connection")))
    ways = st.sampled_from([0, 1, 2, 99, None])
    return st.builds(Hops, inner, ways, ways).filter(lambda node: (node.up, node.down) != (0, 0))


def trees() -> st.SearchStrategy[Node]:
    return joined(st.one_of(terms(), terms(), terms(), hops()))


@st.composite
def connections(draw: st.DrawFn) -> ConnectionInfo:
    return connection(
        draw(st.sampled_from(["shop.receivers.send_receipt", "shop.receivers.audit@12", "admin.audit"])),
        signal=draw(st.sampled_from(SIGNALS)),
        sender=draw(st.sampled_from(["shop.Order", "*"])),
        dispatch_uid=draw(st.sampled_from([None, "uid-1"])),
        weak=draw(st.booleans()),
        is_async=draw(st.booleans()),
    )


@st.composite
def stats(draw: st.DrawFn) -> Stats | None:
    if draw(st.booleans()):
        return None
    calls = draw(st.integers(0, 3))
    p95 = draw(st.sampled_from([None, 500.0, 2_000.0, 200_000.0]))
    return Stats(calls=calls, window_calls=calls, window_errors=draw(st.integers(0, 2)), p95_us=p95, queries=calls * 2)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """A request, or nothing known, with dispatches of which some failed, queried or were nested."""
    calls = st.builds(
        call,
        st.integers(0, 1),
        st.sampled_from([100_000, 1_000_000]),
        status=st.sampled_from([0, 1]),
        error=st.sampled_from([None, "ValueError"]),
        queries=st.integers(0, 3),
        repeats=st.sampled_from([0, 2]),
    )
    rows = [
        dispatch(
            number,
            trace=span(1),
            parent=draw(st.sampled_from([0, span(number - 1) + 1])) if number > 1 else 0,
            signal=draw(st.integers(0, 1)),
            method=draw(st.integers(0, len(METHODS) - 1)),
            start_us=1_000_000 + number,
            calls=draw(st.lists(calls, max_size=3)),
        )
        for number in range(1, draw(st.integers(1, 3)) + 1)
    ]
    cause = Cause(span(1), "request", "POST /orders/<int:pk>/", "shop.views.order", 1_000, 5_000_000)
    causes = draw(st.sampled_from([[], [cause]]))
    writes = draw(st.sampled_from([[], [write(40, trace=span(1))]]))
    entry = batch(rows, writes=writes)
    found = [*resolve(entry), *resolve_writes(entry)]
    return gather(spelled_id(SHOP.id, span(1)), SHOP, found, causes)
