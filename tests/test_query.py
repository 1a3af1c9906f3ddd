"""The filter language: what it finds, and how it refuses what it can't read."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_entries import SHOP, SIGNALS, batch, call, connection, dispatch, span, wiring
from wirings import patiently

from signalgraph.events import Cause, ConnectionInfo, SignalInfo
from signalgraph.figures import Stats
from signalgraph.gathering import gather
from signalgraph.graph.query import QueryError, kind_of, parse
from signalgraph.resolve import resolve, spelled_id
from signalgraph.traces import Seen, Trace

ORDER = connection()
AUDIT = connection(
    "shop.receivers.audit@12", signal=SIGNALS[1], sender="*", weak=False, is_async=True,
    file="/venv/lib/python3.13/site-packages/shop/receivers.py",
)  # fmt: skip
CAUSE = Cause(span(9), "request", "POST /orders/<int:pk>/", "shop.views.order", 1_000, 5_000_000)


def seen(**changes: object) -> Seen:
    return resolve(batch([dispatch(1, **changes)]))[0]  # type: ignore[arg-type]


@cache
def trace(cause: Cause | None = CAUSE) -> Trace:
    """A request of 5 ms: `order_placed` of 2 ms, and `post_save` for any sender in which the second receiver raised."""
    calls = [call(1), call(0, status=1, error="ValueError")]
    rows = [dispatch(1, trace=span(9)), dispatch(2, trace=span(9), signal=1, method=3, calls=calls)]
    return gather(spelled_id(SHOP.id, span(9)), SHOP, resolve(batch(rows)), [cause] if cause else [])


def finds(q: str, info: ConnectionInfo, stats: Stats | None = None) -> bool:
    return parse(q).matches_connection(info, stats)


@pytest.mark.parametrize(
    "q",
    [
        "", "   ", "signal:order_placed", "signal:signals.order_placed", "signal:shop.signals.order_placed",
        "signal:ORDER_PLACED", "sender:shop.Order", "sender:Order", "receiver:send_*", "receiver:shop.*",
        "receiver:*receipt", "receiver:*end*eceip*", "app:shop", "module:shop.receivers", "module:shop", "kind:custom",
        "receipt", "shop.Order", "REC", "signal:nope,order_placed", "app:shop signal:order_placed",
        "app:shop and signal:order_placed", "-app:admin", "not app:admin", "NOT app:admin AND receipt", "is:weak",
        'signal:"shop.signals.order_placed"', "is:unused", "-is:async", "-is:any", "-is:third-party", "is:any,weak",
    ],
)  # fmt: skip
def test_these_find_the_connection(q: str) -> None:
    """`send_receipt`, held weakly, for `order_placed` of `shop.Order`."""
    assert finds(q, ORDER)


@pytest.mark.parametrize(
    "q",
    [
        "signal:placed", "signal:post_save", "sender:Ord", "receiver:send", "receiver:*send_", "app:sho", "-receipt",
        "module:receivers", "module:shop.receivers.send_receipt", "kind:model", "app:shop app:admin",
        'receiver:"send_*"',
        "is:error", "is:slow", "is:called", "is:async", "is:any", "is:third-party", "dur:>1us", "not is:weak",
    ],
)  # fmt: skip
def test_these_do_not_find_it(q: str) -> None:
    """Parts of names, other names, and what nothing is known of."""
    assert not finds(q, ORDER)


@pytest.mark.parametrize(
    "q", ["is:any", "sender:*", 'sender:"*"', "is:async", "is:third-party", "kind:model", "-is:weak"]
)
def test_the_state_of_a_connection_is_found(q: str) -> None:
    """An async receiver of an installed package, held strongly, for any sender."""
    assert finds(q, AUDIT)


def test_a_name_is_found_with_and_without_what_tells_it_apart() -> None:
    """`@line` and `~uid` belong to the name and need not be written."""
    assert finds("receiver:audit", AUDIT)
    assert finds("receiver:audit@12", AUDIT)
    assert not finds("receiver:audit@1", AUDIT)


def test_a_text_sender_is_found_with_and_without_its_quotes() -> None:
    """Its id can be pasted, and so can the text."""
    info = connection(sender='"nightly run"')
    assert finds('sender:"nightly run"', info)
    assert finds(r'sender:"\"nightly run\""', info)


def test_figures_decide_what_is_slow_erroneous_and_called() -> None:
    """Errors and calls in the window, p95 for durations; unused means never."""
    stats = Stats(calls=5, window_calls=2, window_errors=1, p95_us=120_000.0)
    for q in ("is:error", "is:slow", "is:called", "-is:unused", "dur:>100ms", "dur:>=0.12s dur:<=120ms dur:=120000us"):
        assert finds(q, ORDER, stats)
    for q in ("dur:<120ms", "dur:!=120", "is:unused"):
        assert not finds(q, ORDER, stats)
    assert not parse("is:slow", slow_ms=500).matches_connection(ORDER, stats)


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("signal:order_placed", True), ("alias", True), ("app:shop", True), ("kind:custom", True),
        ("receiver:x", False), ("is:orphan", True), ("is:unused", False), ("is:weak", True),
        ("-signal:order_placed", False),
    ],
)  # fmt: skip
def test_a_signal_is_found_by_itself(q: str, found: bool) -> None:
    """By its names and by having been sent to nobody."""
    info = SignalInfo("signal:x", SIGNALS[0], ["shop.alias"], "django.dispatch.Signal", 0)
    assert parse(q).matches_signal(info, Stats(unheard=3)) is found


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("method:send", True), ("method:asend", False), ("status:raised", False), ("status:not-reached", False),
        ("status:returned", True), ("dur:>=2ms", True), ("dur:>2ms", False), ("receiver:send_receipt", True),
        ("app:shop", True), ("process:00000000000000aa", True), ("process:runserver", False), ("path:orders", False),
        ("is:error", False), ("is:any", False), ("is:async", False), ("trace:00000000000000aa-10000", True),
        ("trace:*-10000", True), ("kind:custom", True), ("kind:request", False), ("-kind:request", True),
    ],
)  # fmt: skip
def test_a_dispatch_is_found_by_what_it_is(q: str, found: bool) -> None:
    """`order_placed` of 2 ms by `send`; its cause is not in it."""
    assert parse(q).matches_dispatch(seen()) is found


def test_a_dispatch_is_found_by_where_it_comes_from() -> None:
    """When its cause and its process are given."""
    for q in (
        "kind:request",
        "path:/orders/",
        "path:*/orders/*",
        "path:shop.views.order",
        "process:runserver process:11",
    ):
        assert parse(q).matches_dispatch(seen(), CAUSE, SHOP)


def test_the_states_of_a_dispatch_are_those_of_its_receivers() -> None:
    """One that raised, one that ran as a coroutine, one for any sender, one that was not reached."""
    calls = [call(1, status=1, busy_ns=5), call(status=2, duration_ns=None)]
    for q in ("is:error", "is:async", "is:any", "status:raised", "status:not-reached", 'status:"not reached"'):
        assert parse(q).matches_dispatch(seen(calls=calls))


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("signal:order_placed", True), ("signal:order_placed method:asend_robust", False),
        ("signal:post_save method:asend_robust receiver:audit", True), ("-signal:post_save", False), ("is:error", True),
        ("-is:error", False), ("kind:request", True), ("kind:model", True), ("kind:task", False),
        ("path:/orders/", True), ("dur:>=5ms", True), ("dur:<5ms", False), ("process:runserver", True),
        ("views receipt", True), ("absent", False),
        ("signal:order_placed -receiver:absent", True), ("kind:request signal:order_placed", True),
    ],
)  # fmt: skip
def test_a_trace_is_found_by_one_of_its_dispatches(q: str, found: bool) -> None:
    """What is asked of a dispatch has to hold for the same one; what is ruled out, for none."""
    assert parse(q).matches_trace(trace()) is found


def test_terms_without_a_meaning_for_what_is_listed_are_named() -> None:
    """They are left out, and the page can say so."""
    query = parse("path:/orders/ signal:order_placed status:raised is:orphan -is:weak dur:>1ms word")
    assert query.ignored_for("connection") == ['path:"/orders/"', "status:raised", "is:orphan"]
    assert query.ignored_for("trace") == ["is:orphan", "-is:weak"]
    assert parse("path:/x").matches_connection(ORDER)


@pytest.mark.parametrize(
    ("q", "position", "length", "words", "suggestion"),
    [
        ("signl:a", 0, 5, "Did you mean signal", "signal"),
        ("a zzz:b", 2, 3, "no field 'zzz'", None),
        ("x is:eror", 5, 4, "Did you mean error", "error"),
        ("is:zzz", 3, 3, "error, slow, async, weak, orphan", None),
        ("is:cycel", 3, 5, "Did you mean cycle", "cycle"),
        ("method:snd", 7, 3, "Did you mean send", "send"),
        ("is:*", 3, 1, "Use one of", None),
        ("a or", 2, 2, "needs a term after it", None),
        ("or a", 0, 2, "between two terms", None),
        ("a or or b", 5, 2, "between two terms", None),
        ("(a or)", 3, 2, "needs a term after it", None),
        ("(a b", 0, 1, "isn't closed", None),
        ("()", 1, 1, "A term is missing", None),
        ("(", 0, 1, "A term is missing", None),
        ("(" * 31 + "a", 30, 1, "30 deep", None),
        ("(a)b", 3, 1, "Put a space", None),
        ("(a),b", 3, 1, "A list joins", None),
        ("a(b c", 1, 1, "isn't closed", None),
        ("signal:(a)", 7, 1, "Parentheses go around", None),
        ("a)", 1, 1, "closes nothing", None),
        ("signal:+a", 7, 2, "whole term", '"+a"'),
        ("a++", 0, 2, "whole term", '"a+"'),
        ("a ++", 3, 1, "missing here", None),
        ("signal:a+,b", 9, 1, "put a space after them", None),
        ("+ a", 0, 1, "without a space", None),
        ("x+0", 2, 1, "from 1 to 99", None),
        ("100+x", 0, 3, "from 1 to 99", None),
        ("a status:raised+2", 2, 15, "says nothing of a connection", None),
        ("(a or status:raised)+", 0, 21, "status:raised says nothing", None),
        ("/a", 0, 2, "closing /", None),
        ("//", 0, 2, "is missing between the slashes", None),
        ("/orders/5", 0, 9, "to find slashes", '"/orders/5"'),
        ("x /a(b/", 4, 1, "isn't closed", None),
        ("/a(?=b)/", 2, 2, "can't look ahead", None),
        ("/a{140}/ /b{140}/", 9, 8, "too large together", None),
        ("signal:>5", 7, 2, "Only numbers", '">5"'),
        ("signal:!=a", 0, 10, "write -signal:a", "-signal:a"),
        ("signal:=a", 0, 9, "write signal:a", "signal:a"),
        ("signal:a..b", 7, 4, "no ranges", '"a..b"'),
        ("dur:5ms", 0, 7, "needs a comparison", "dur:>5ms"),
        ("dur:>5kg", 5, 3, "isn't a duration", None),
        ("dur:9ms..5ms", 0, 12, "smaller end", None),
        ("dur:..5ms", 4, 2, "both ends", None),
        ("dur:5ms..", 7, 2, "both ends", None),
        ("dur:5ms..6%", 4, 7, "the same kind of unit", None),
        ("dur:>5ms..6ms", 0, 13, "takes one value", None),
        ("sql:>5%", 5, 2, "isn't a number", None),
        ("p95:>5%", 5, 2, "takes no share", None),
        ("count:3ms", 6, 3, "isn't a number", None),
        ("depth:1,x", 8, 1, "isn't a number", None),
        ("err:1,KeyError", 0, 14, "of one kind", None),
        ('err:"5"', 4, 3, "isn't the name of an error", None),
        ("err:>KeyError", 5, 8, "or the name of an error", None),
        ("ts:noon", 3, 4, "isn't a time", None),
        ("ts:25:00", 3, 5, "isn't a time", None),
        ("ts:2026-02-30", 3, 10, "isn't a time", None),
        ("x " * 50 + "y", 100, 1, "50 values", None),
        ("x+ " * 10 + "y+", 30, 2, "hops in 10 places", None),
        ("(" * 10 + "x" + "+)" * 10 + "+", 0, 32, "hops in 10 places", None),
        ("dur:>1ms,2ms", 0, 12, "takes one value", None),
        ("dur:>", 4, 1, "needs a value", None),
        ("signal:", 6, 1, "needs a value", None),
        ("signal:a,", 8, 1, "needs a value", None),
        (":a", 0, 1, "name is missing", None),
        ('signal:"a', 7, 2, "closing quote", None),
        ('signal:""', 7, 2, "value is missing", None),
        ('"a"b', 3, 1, "space or a comma", None),
        ("a and", 2, 3, "after it", None),
        ("and a", 0, 3, "between two terms", None),
        ("a and and b", 6, 3, "between two terms", None),
        ("a -", 2, 1, "needs one term", None),
        ("--a", 0, 1, "needs one term", None),
        ("not not a", 0, 7, "needs one term", None),
        ("a" * 4_001, 4_000, 1, "may have 4000", None),
    ],
)
def test_what_can_not_be_read_is_refused_at_the_spot(
    q: str, position: int, length: int, words: str, suggestion: str | None
) -> None:
    """With the place, what is wrong and, where there is a good guess, what was meant."""
    with pytest.raises(QueryError) as caught:
        parse(q)
    error = caught.value
    assert words in error.message
    assert (error.position, error.length, error.suggestion) == (position, length, suggestion)


@pytest.mark.parametrize(
    ("q", "text"),
    [
        ("not   signal:a  AND b", "-signal:a b"),
        ('receiver:"shop.Receiver()"', 'receiver:"shop.Receiver()"'),
        ("receiver:shop.Receiver()", 'receiver:"shop.Receiver()"'),
        ('a,"b c"', 'a,"b c"'),
        ('"and"', '"and"'),
        ("dur:>=5", "dur:>=5"),
        ('"5 > 3"', '"5 > 3"'),
        ("SIGNAL:a*", "signal:a*"),
        ('status:"not reached"', "status:not-reached"),
    ],
)
def test_a_filter_is_written_in_one_way(q: str, text: str) -> None:
    """`text` is what goes into links."""
    assert parse(q).text == str(parse(q)) == text
    assert parse(text) == parse(q)


@patiently
@given(st.text(min_size=1))
def test_any_text_can_be_looked_for_in_quotes(text: str) -> None:
    """Nothing in quotes has another meaning, and the text is found where it is."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    query = parse(f'"{escaped}"')
    assert parse(str(query)) == query
    assert query.matches_connection(connection(f"x{text}y"))


def test_many_stars_take_no_time() -> None:
    """A glob is matched in linear time."""
    assert not finds("*a" * 1_500 + "*b", connection("a" * 5_000))


def test_kinds_of_signals_follow_from_their_names() -> None:
    """Django's by what they are about, all others are the project's."""
    names = ["django.core.signals.request_started", "django.contrib.auth.signals.user_logged_in"]
    names += ["django.db.models.signals.post_migrate", "django.db.backends.signals.connection_created"]
    names += ["django.dispatch.x", "shop.signals.order_placed", wiring().signals[0].name]
    assert [kind_of(name) for name in names] == [
        "request", "auth", "management", "database", "django", "custom", "custom",
    ]  # fmt: skip
