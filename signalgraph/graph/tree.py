"""A filter as a tree: terms, joined by `and`, `or`, `not` and hops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from signalgraph.graph.terms import Term


@dataclass(frozen=True)
class Not:
    node: Node


@dataclass(frozen=True)
class And:
    """All of them; without any, everything."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Hops:
    """What `node` finds and what lies so many causes `up` and `down` from it; None: as far as there is anything."""

    node: Node
    up: int | None = 0
    down: int | None = 0

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Where they lead is looked up for each connection, and they may hold a large tree."""
        return hash((self.node, self.up, self.down))


Node = Term | Not | And | Or | Hops
EVERYTHING = And(())


def both(nodes: Iterable[Node]) -> Node:
    """All of them have to hold."""
    flat = [each for node in nodes for each in parts(node)]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def either(nodes: Iterable[Node]) -> Node:
    """One of them has to hold; there is at least one."""
    flat = [each for node in nodes for each in (node.nodes if isinstance(node, Or) else (node,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negated(node: Node) -> Node:
    return node.node if isinstance(node, Not) else Not(node)


def parts(node: Node) -> tuple[Node, ...]:
    """What has to hold at once: of `a b` both, of anything else itself."""
    return node.nodes if isinstance(node, And) else (node,)


def terms_of(node: Node) -> Iterator[Term]:
    """All terms, in the order in which they are written."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, And | Or):
        for each in node.nodes:
            yield from terms_of(each)
    else:
        yield from terms_of(node.node)


def without(node: Node, is_left_out: Callable[[Term], bool]) -> Iterator[Node]:
    """The terms that `only` leaves out, with the `-` in front of one."""
    if isinstance(node, And | Or):
        for each in node.nodes:
            yield from without(each, is_left_out)
    elif isinstance(node, Not) and not isinstance(node.node, Term):
        yield from without(node.node, is_left_out)
    elif not isinstance(node, Hops) and any(map(is_left_out, terms_of(node))):
        yield node


def hops_of(node: Node) -> Iterator[Hops]:
    """All hops, those inside others before these."""
    if isinstance(node, And | Or):
        for each in node.nodes:
            yield from hops_of(each)
    elif isinstance(node, Not | Hops):
        yield from hops_of(node.node)
        if isinstance(node, Hops):
            yield node


def text_of(node: Node) -> str:
    """A tree as it is written; `read_tree` gives an equal one for it."""
    if isinstance(node, Term):
        return node.text
    if isinstance(node, And):
        return " ".join(_inside(each, Or) for each in node.nodes)
    if isinstance(node, Or):
        return " or ".join(text_of(each) for each in node.nodes)
    if isinstance(node, Not):
        return f"-{_inside(node.node, And, Or)}"
    up = "" if node.up == 0 else f"{'' if node.up is None else node.up}+"
    down = "" if node.down == 0 else f"+{'' if node.down is None else node.down}"
    return f"{up}{_inside(node.node, And, Or, Not, Hops)}{down}"


def _inside(node: Node, *kinds: type) -> str:
    return f"({text_of(node)})" if isinstance(node, kinds) else text_of(node)


def only(node: Node, is_kept: Callable[[Term], bool]) -> Node:
    """The tree without some of its terms; what holds nothing but those is left out as well. Hops stay whole."""
    return _only(node, is_kept) or EVERYTHING


def _only(node: Node, is_kept: Callable[[Term], bool]) -> Node | None:
    if isinstance(node, Term):
        return node if is_kept(node) else None
    if isinstance(node, And | Or):
        kept = [each for each in (_only(one, is_kept) for one in node.nodes) if each is not None]
        join = both if isinstance(node, And) else either
        return join(kept) if kept or not node.nodes else None
    if isinstance(node, Hops):
        return node
    inner = _only(node.node, is_kept)
    return None if inner is None else negated(inner)


def normal(node: Node) -> Node:
    """An equal tree in which only terms and hops are negated: `-(a or b)` is `-a -b`."""
    if isinstance(node, And | Or):
        return (both if isinstance(node, And) else either)(normal(each) for each in node.nodes)
    if not isinstance(node, Not) or isinstance(node.node, Term | Hops):
        return node
    inner = node.node
    if isinstance(inner, And | Or):
        turned = [normal(negated(each)) for each in inner.nodes]
        return either(turned) if isinstance(inner, And) else both(turned)
    return normal(inner.node)
