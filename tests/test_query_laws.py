"""What holds for every filter: it is written as it is read, and `and`, `or` and `not` mean what they say."""

from __future__ import annotations

import string

from filter_trees import connections, stats, traces, trees
from hypothesis import assume, given
from hypothesis import strategies as st
from log_entries import SHOP, batch, call, connection, dispatch, span
from simulation import Project, projects
from wirings import patiently

from signalgraph.events import ConnectionInfo
from signalgraph.figures import Stats
from signalgraph.gathering import gather
from signalgraph.graph.build import connection_id
from signalgraph.graph.fields import FIELDS
from signalgraph.graph.flow import build_flow
from signalgraph.graph.grammar import MOST_CHARACTERS, read_tree
from signalgraph.graph.query import Query, QueryError, parse
from signalgraph.graph.terms import Term, Value
from signalgraph.graph.tree import Hops, Node, both, either, negated, text_of
from signalgraph.resolve import resolve, spelled_id
from signalgraph.traces import Trace

CHARACTERS = [*'+,"\\()* />-%[?\n', ">=", "!=", "..", "((", "{2}"]
REPEATED = ["(", "-(", "not (", "/(", "+", '"', "a,", "/(a*)*", "*a", "a or (", "dur:>"]
PIECES = st.sampled_from(
    [f"{name}:" for name in FIELDS]
    + [choice for field in FIELDS.values() for choice in field.choices]
    + ["and", "or", "not", "5ms", "a.b", "14:47", "-5m", *CHARACTERS]
)


def read(q: str) -> tuple[Query | None, QueryError | None]:
    try:
        return parse(q), None
    except QueryError as error:
        return None, error


@patiently
@given(trees())
def test_a_tree_is_read_again_from_its_text(tree: Node) -> None:
    """Whatever it is made of; the text is the same the second time."""
    assert read_tree(text_of(tree)) == tree
    assert parse(text_of(tree)).text == text_of(tree)


@patiently
@given(st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=12).map("".join)))
def test_any_text_is_a_filter_or_an_error_that_lies_in_it(q: str) -> None:
    """Whatever somebody types: nothing else is raised, and a filter that was read is written and read as the same."""
    query, error = read(q)
    if error is not None:
        assert 0 <= error.position <= error.position + error.length <= len(q) + 1
        assert error.message.endswith(".")
        assert error.marked(q).count("\n") == 1
    if query is not None:
        assert parse(query.text) == query
        query.matches_connection(connection(), Stats(p95_us=5.0))


@patiently
@given(st.sampled_from(REPEATED), st.text(max_size=2))
def test_the_longest_filters_are_read_or_refused(piece: str, end: str) -> None:
    """Nesting and lists are bounded, so nothing overflows."""
    query, error = read((piece * MOST_CHARACTERS)[: MOST_CHARACTERS - len(end)] + end)
    assert query is not None or (error is not None and error.position <= MOST_CHARACTERS)


@patiently
@given(trees(), trees(), connections(), stats())
def test_and_or_and_not_of_a_connection(one: Node, other: Node, row: ConnectionInfo, figures: Stats | None) -> None:
    """As in logic, as long as no term is left out."""
    first, second = Query(one), Query(other)
    assume(not first.ignored_for("connection") and not second.ignored_for("connection"))
    a, b = first.matches_connection(row, figures), second.matches_connection(row, figures)
    assert Query(both([one, other])).matches_connection(row, figures) is (a and b)
    assert Query(either([one, other])).matches_connection(row, figures) is (a or b)
    assert Query(negated(one)).matches_connection(row, figures) is not a


@patiently
@given(trees(), trees(), traces())
def test_not_finds_exactly_the_other_traces(one: Node, other: Node, trace: Trace) -> None:
    """What is found by both is found by each, and what is ruled out is what would have been found."""
    first, second = Query(one), Query(other)
    assume(not first.ignored_for("trace") and not second.ignored_for("trace"))
    a, b = first.matches_trace(trace), second.matches_trace(trace)
    assert Query(negated(one)).matches_trace(trace) is not a
    assert (a and b) or not Query(both([one, other])).matches_trace(trace)
    assert Query(either([one, other])).matches_trace(trace) or not (a or b)


@patiently
@given(trees(), trees(), trees(), connections(), stats(), traces())
def test_de_morgan(
    one: Node, other: Node, beside: Node, row: ConnectionInfo, figures: Stats | None, trace: Trace
) -> None:
    """`-(a b)` is `-a or -b`, and `-(a or b)` is `-a -b`: by itself, beside something else, and with terms left out."""
    pairs = [
        (negated(both([one, other])), either([negated(one), negated(other)])),
        (negated(either([one, other])), both([negated(one), negated(other)])),
    ]
    pairs += [(join([beside, left]), join([beside, right])) for left, right in pairs for join in (both, either)]
    for left, right in pairs:
        assert Query(left).matches_trace(trace) is Query(right).matches_trace(trace)
        assert Query(left).matches_connection(row, figures) is Query(right).matches_connection(row, figures)


def test_terms_stand_side_by_side_however_they_got_there() -> None:
    """`-(-a or -b) c` asks one dispatch for all three, as `a b c` does."""
    calls = [[call(0)], [call(1)]]
    rows = [dispatch(n + 1, trace=span(1), method=n, calls=each) for n, each in enumerate(calls)]
    trace = gather(spelled_id(SHOP.id, span(1)), SHOP, resolve(batch(rows)), [])
    for q in ("method:send app:shop receiver:audit", "-(-method:send or -app:shop) receiver:audit"):
        assert not parse(q).matches_trace(trace)
        assert parse(q.replace("audit", "send_receipt")).matches_trace(trace)
    for q in ("-(method:send receiver:audit)", "-method:send or -receiver:audit"):
        assert parse(q).matches_trace(trace)
        assert not parse(q.replace("audit", "send_receipt")).matches_trace(trace)


@patiently
@given(trees())
def test_what_is_ruled_out_twice_is_asked_for(tree: Node) -> None:
    """`-(-a)` is `a`, as a tree and as text."""
    assert negated(negated(tree)) == tree
    assert read_tree(f"-(-({text_of(tree)}))") == tree


@patiently
@given(trees(), st.lists(connections(), max_size=4, unique_by=connection_id), stats())
def test_select_is_matches_connection_for_each(tree: Node, rows: list[ConnectionInfo], figures: Stats | None) -> None:
    """Once the hops are followed, whoever does it."""
    query = Query(tree)
    flow = build_flow(rows, {})
    found = query.select(rows, stats_of=lambda connection: figures, flow=flow)
    assert found == [row for row in rows if query.matches_connection(row, figures)]
    again = Query(tree)
    again.when_asked(lambda: again.follow(flow, rows, lambda connection: figures))
    assert found == again.select(rows, stats_of=lambda connection: figures)


@patiently
@given(projects(), st.sampled_from(string.digits[1:4]), st.data())
def test_hops_lead_where_the_project_was_seen_to_go(project: Project, count: str, data: st.DataObject) -> None:
    """So many steps down are the causes of causes, and up is the same the other way; never fewer than without hops."""
    receiver = data.draw(st.sampled_from([f"app.receivers.r{n}" for n in range(6)]))
    flow = build_flow(project.connections, project.steps, sent=project.sent, missed=project.missed)
    start = Term("receiver", (Value(receiver),))

    def found(tree: Node) -> set[str]:
        return {connection_id(row) for row in Query(tree).select(project.connections, flow=flow)}

    steps = int(count)
    reached = {node for node, data in flow.nodes(data=True) if data["receiver"] == receiver}
    for _ in range(steps):
        reached |= {effect for cause, effect in project.set_off if cause in reached}
    own = {connection_id(row) for row in project.connections if row.receiver == receiver}
    assert found(Hops(start, down=steps)) == own | {flow.nodes[node]["connection"] for node in reached}
    assert found(start) == own <= found(Hops(start, down=1)) <= found(Hops(start, down=None))
    assert found(Hops(start, up=2, down=2)) == found(Hops(start, up=2)) | found(Hops(start, down=2))
