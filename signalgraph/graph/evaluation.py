"""Whether a filter's tree holds for what is listed."""

from __future__ import annotations

from collections.abc import Iterable

from signalgraph.graph.facts import Facts, Reach
from signalgraph.graph.recorded import TraceFacts
from signalgraph.graph.terms import Term
from signalgraph.graph.tree import And, Hops, Node, Not, Or, terms_of

_NOWHERE = Reach()


def holds(node: Node, facts: Facts) -> bool:
    """Whether a tree holds for a connection, a signal or a dispatch."""
    if isinstance(node, Term):
        return has(node, facts)
    if isinstance(node, Not):
        return not holds(node.node, facts)
    if isinstance(node, Hops):
        return facts.is_in(facts.known.reached.get(node, _NOWHERE)) or _starts(node, facts)
    return (all if isinstance(node, And) else any)(holds(each, facts) for each in node.nodes)


def _starts(hops: Hops, facts: Facts) -> bool:
    """Whether hops start from it. What can't be asked of it says nothing of the connections that it ran."""
    applies = facts.listed == "connection" or all(term.applies(facts.listed) for term in terms_of(hops.node))
    return applies and holds(hops.node, facts)


def has(term: Term, facts: Facts) -> bool:
    """Whether a term holds for it."""
    if term.name is None:
        return term.fits_name(facts.every_name)
    if term.name == "is":
        return any(facts.has(state) for state in term.contents)
    if term.ranges:
        number = facts.share(term.name) if term.is_share else facts.number(term.name)
        return term.fits_number(number, facts.known.now)
    return term.fits_name(facts.names(term.name))


def holds_in_trace(node: Node, trace: TraceFacts) -> bool:
    """Whether a tree, in its `normal` form, holds for a trace.

    What is asked of dispatches side by side has to hold for the same one; what is ruled out, for none. So `not` finds
    exactly what is not found without it.
    """
    if isinstance(node, Not):
        return not holds_in_trace(node.node, trace)
    if isinstance(node, And):
        return _all_hold(node.nodes, trace)
    if isinstance(node, Or):
        return not _all_hold([_opposite(each) for each in node.nodes], trace)
    if isinstance(node, Term) and (node.is_of_trace or node.texts):
        return has(node, trace)  # the names of a trace are those of its dispatches
    return any(holds(node, row) for row in trace.rows)


def _all_hold(nodes: Iterable[Node], trace: TraceFacts) -> bool:
    joint: list[Node] = []
    others: list[Node] = []
    for node in nodes:
        (joint if _is_asked_of_one(node) else others).append(node)
    if not all(holds_in_trace(node, trace) for node in (*others, *joint)):
        return False
    return len(joint) < 2 or any(all(holds(node, row) for node in joint) for row in trace.rows)


def _opposite(node: Node) -> Node:
    """What holds where the other doesn't, again in normal form."""
    if isinstance(node, Not):
        return node.node
    if isinstance(node, And):
        return Or(tuple(_opposite(each) for each in node.nodes))
    if isinstance(node, Or):
        return And(tuple(_opposite(each) for each in node.nodes))
    return Not(node)


def _is_asked_of_one(node: Node) -> bool:
    """Whether all in it is asked of a dispatch, and nothing ruled out."""
    if isinstance(node, And | Or):
        return all(_is_asked_of_one(each) for each in node.nodes)
    return isinstance(node, Hops) or (isinstance(node, Term) and not node.is_of_trace)
