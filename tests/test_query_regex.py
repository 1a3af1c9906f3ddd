"""Regular expressions of a filter: they find what Python's find, and nothing makes them slow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_entries import connection
from wirings import patiently

from signalgraph.graph.query import parse
from signalgraph.graph.regex import MOST_SEARCHED, MOST_STATES, Regex, RegexError

ATOMS = st.sampled_from(
    ["a", "b", "A", ".", "[ab]", "[^a]", "[a-c_]", "[]a]", r"\w", r"\d", r"\W", r"\.", "-", "1", "{"]
)
EDGES = st.sampled_from(["^", "$", r"\b"])
COUNTS = st.sampled_from(["*", "+", "?", "*?", "{2}", "{1,2}", "{,2}", "{1,}", "{0}"])


def _larger(patterns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(patterns, max_size=3).map("".join),
        st.lists(patterns, min_size=1, max_size=3).map(lambda found: f"({'|'.join(found)})"),
        st.tuples(patterns, COUNTS).map(lambda found: f"(?:{found[0]}){found[1]}"),
    )


PATTERNS = st.recursive(st.one_of(ATOMS, ATOMS, EDGES), _larger, max_leaves=8)


@patiently
@given(PATTERNS, st.lists(st.text("aAbBc_-.1{ ", max_size=8), min_size=5, max_size=5))
def test_it_finds_what_pythons_finds(pattern: str, texts: list[str]) -> None:
    """Case left aside, for everything that both understand."""
    try:
        regex = Regex(pattern)
    except RegexError:
        return
    for text in texts:
        assert regex.is_in(text) is bool(re.search(pattern, text, re.IGNORECASE | re.DOTALL))


@pytest.mark.parametrize(
    ("pattern", "found", "missed"),
    [
        ("^shop", "shop.receivers", "bookshop"),
        ("shop$", "bookshop", "shop.receivers"),
        (r"\border\b", "an order came", "reordered"),
        ("[A-C]lice", "alice", "dlice"),
        ("straße", "STRASSE", "strase"),
        (r"\/x\(\)", "a/x()", "x()"),
        ("[^.]+_(paid|sent)$", "order_PAID", "order_paid_"),
        (r"[\]\-\d]", "a-b", "a b"),
        ("", "anything", None),
    ],
)
def test_what_a_pattern_means(pattern: str, found: str, missed: str | None) -> None:
    """Upper and lower case are the same, and edges are those of the whole text."""
    assert Regex(pattern).is_in(found)
    assert missed is None or not Regex(pattern).is_in(missed)


@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "(a|a)*b", "(a|ab)*(ba|b)*c", r"(\w+\s?)*!", "a*a*a*a*a*a*a*a*b", "(.*){9}x"]
)
def test_nothing_makes_a_search_slow(pattern: str) -> None:
    """Patterns with which Python's own search would outlive this test by far."""
    assert not Regex(pattern).is_in("a" * MOST_SEARCHED)


def test_a_search_takes_a_step_per_character_and_state() -> None:
    """The states that are looked at are at most those of the pattern, for every character."""
    looked_at = 0

    class Counting(Regex):
        def _close(self, *arguments: object) -> set[int]:  # type: ignore[override]
            nonlocal looked_at
            reached = super()._close(*arguments)  # type: ignore[arg-type]
            looked_at += len(reached)
            return reached

    regex = Counting("((a*)*|(b|a)*){3}c")
    assert not regex.is_in("ab" * 200)
    assert looked_at <= 401 * regex.size


def test_what_is_too_large_is_refused_before_it_is_built() -> None:
    """Counts multiply; an empty group counts too."""
    for pattern in ("a{300}", "((a{9}){9}){9}", "((){90}){90}", "(((){999}){999}){999}", "a" * (MOST_STATES + 1)):
        with pytest.raises(RegexError, match="too large"):
            Regex(pattern)
    assert Regex("a" * (MOST_STATES - 1)).size == MOST_STATES


@pytest.mark.parametrize(
    ("pattern", "position", "words"),
    [
        ("a(b", 1, "isn't closed"), ("a)b", 1, "closes nothing"), ("a[b", 1, "isn't closed"), ("*a", 0, "nothing that"),
        ("a|+", 2, "nothing that"), ("a**", 2, "Only one"), ("a*+", 2, "Only one"), ("^*", 0, "can't be repeated"),
        ("a{3,2}", 1, "smaller number"), ("[z-a]", 1, "smaller character"), (r"a\1", 1, "isn't understood"),
        (r"\p", 0, "isn't understood"), ("a\\", 1, "isn't understood"), ("(?=a)", 0, "look ahead"),
        ("(?P<n>a)", 0, "look ahead"), ("(?i)a", 0, "look ahead"), ("(" * 31 + ")" * 31, 30, "30 deep"),
        (r"[\b]", 1, "isn't understood"), (r"[a-\d]", 3, "isn't understood"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_at_its_place(pattern: str, position: int, words: str) -> None:
    """Never read as something else."""
    with pytest.raises(RegexError, match=words) as caught:
        Regex(pattern)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("receiver:/^shop\\..*_receipt$/", True), ("receiver:/^send/", False), ("/RECEIPT/", True), ("/x y|o/", True),
        ("-/order/", False), ("app:/^sh/", True), ("module:/receivers$/", True), ("module:/receipt/", False),
        ("kind:/cust/,model", True), ("(/a(b|c)/ or /or,d|placed/)", True), (r"/\/x/", False),
    ],
)  # fmt: skip
def test_a_filter_looks_for_regular_expressions(q: str, found: bool) -> None:
    """In the whole of a name, wherever a value can stand."""
    assert parse(q).matches_connection(connection()) is found
