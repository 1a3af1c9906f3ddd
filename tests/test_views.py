"""Each view builds a graph that says what was asked, and knows how to lay it out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from simulation import asks, material_of, projects
from wirings import ORDER_PLACED, POST_SAVE, SHOP, SHOP_STATS, STOCK_LOW, connect, patiently, signals_of

from signalgraph.events import PendingSender
from signalgraph.exports.files import FORMATS
from signalgraph.graph import views
from signalgraph.graph.build import connection_id
from signalgraph.graph.layout import layout_wiring
from signalgraph.graph.material import TooManyBoxes
from signalgraph.graph.story import build_story
from signalgraph.graph.views import Ask, Material, ViewError, build_view, lay_out
from signalgraph.names import connection_id as handling
from signalgraph.names import parse_connection_id

CHECK = handling("shop.StockItem", POST_SAVE, "shop.receivers.check_stock")
STEPS = {(CHECK, "shop.StockItem", STOCK_LOW, "shop.StockItem"): 9}


def material(connections=SHOP, **changes):
    return Material(signals_of(SHOP), connections, SHOP, **{"steps": STEPS, "stats": SHOP_STATS, **changes})


def test_the_wiring_view_draws_the_connections_that_a_filter_left():
    """With the causes among them, and the badges of the whole."""
    graph = build_view(material(SHOP[:3]), Ask(measure="calls"))
    assert (graph.graph["view"], graph.graph["ask"], graph.graph["measure"]) == (
        "wiring",
        Ask(measure="calls"),
        "calls",
    )
    assert {one for _, _, line in graph.edges(data=True) for one in line["connections"]} == set(
        map(connection_id, SHOP[:3])
    )
    assert graph.graph["causes"] == []
    assert build_view(material(), Ask()).graph["causes"] == [(CHECK, STOCK_LOW, "shop.StockItem", 9)]
    assert lay_out(graph) == layout_wiring(graph)


def test_an_unknown_view_is_refused_with_those_that_there_are():
    """What, which value, what to do."""
    with pytest.raises(ViewError, match=r"There is no view 'pie'; use one of: wiring"):
        build_view(material(), Ask(view="pie"))


def line_of(kind, signal, sender="shop.Base", **known):
    row = structs.replace(connect(signal, sender, "shop.receivers.note"), sender_kind=kind)
    graph = build_view(Material(signals_of([row]), [row], [row], **known), Ask())
    return graph.edges[f"port:{signal}|{sender}", "receiver:shop.receivers.note"]


@pytest.mark.parametrize(
    ("kind", "signal", "can_fire"),
    [
        ("abstract", POST_SAVE, False),
        ("abstract", ORDER_PLACED, True),
        ("proxy", POST_SAVE, False),
        ("proxy", ORDER_PLACED, True),
        ("through", POST_SAVE, False),
        ("through", "django.db.models.signals.m2m_changed", True),
        ("", POST_SAVE, True),
    ],
)
def test_a_line_that_cannot_fire_says_why(kind, signal, can_fire):
    """Django sends a model's signals for no abstract one, for a proxy's own instances, and no save for a through."""
    line = line_of(kind, signal)
    assert (line["can_fire"], bool(line["why"])) == (can_fire, not can_fire)


def test_a_proxy_that_was_seen_sending_is_live():
    """`sender=Proxy` runs when an instance of the proxy is saved."""
    own = handling("shop.Base", POST_SAVE, "shop.receivers.note")
    assert line_of("proxy", POST_SAVE, calls={own: 1})["can_fire"]


def closure(project, starts, depth=None):
    """By what ran in the project alone: the handlings that follow from handlings, and how many causes away."""
    found = dict.fromkeys(starts, 0)
    waiting = list(found)
    while waiting:
        cause = waiting.pop(0)
        for signal, sender in project.did.get(cause, ()) if depth is None or found[cause] < depth else ():
            for row in project.hearing(signal, sender):
                effect = handling(sender, signal, row.receiver)
                if effect not in found:
                    found[effect] = found[cause] + 1
                    waiting.append(effect)
    return found


@patiently
@given(projects())
def test_the_story_has_every_dispatch_of_a_receiver_that_somebody_hears(project):
    """With the number of times that it was sent, reached or not."""
    story = build_story(material_of(project))
    told = {(one, two): line["count"] for one, two, line in story.edges(data=True) if line["kind"] == "cause"}
    expected = Counter()
    for (connection, handled, *then), count in project.steps.items():
        if project.hearing(*then):
            _, signal, receiver = parse_connection_id(connection)
            expected[handling(handled, signal, receiver), "port:{}|{}".format(*then)] += count
    assert told == expected


def handlings(graph):
    return {node for node, data in graph.nodes(data=True) if data["kind"] == "receiver"}


@patiently
@given(asks())
def test_every_step_of_a_focus_was_seen_or_is_wired(asked):
    """A line to a receiver is a connection that hears this sender; a cause is a step that was seen, with its count."""
    project, ask = asked
    graph = build_view(material_of(project), ask)
    for source, target, line in graph.edges(data=True):
        left, right = graph.nodes[source], graph.nodes[target]
        if line["kind"] == "cause":
            own = (left["connection"], left["sender"], right["signal"], right["sender"])
            assert line["count"] == project.steps[own] > 0
        elif right["kind"] == "receiver":
            heard = {row.receiver for row in project.hearing(left["signal"], left["sender"])}
            assert (right["signal"], right["sender"]) == (left["signal"], left["sender"])
            assert right["name"] in heard or left["any"]
            assert line["observed"] == (target in project.handled)
        else:
            assert left["name"] == right["sender"]


@patiently
@given(asks())
def test_a_focus_follows_every_cause_as_far_as_it_is_asked_to(asked):
    """What the selection sets off, by the rules of the project, is there up to the depth, and nothing else."""
    project, ask = asked
    graph = build_view(material_of(project), replace(ask, direction="down"))
    starts = [node for node in handlings(graph) if graph.nodes[node]["distance"] == 0]
    ran = [node for node in starts if node in project.handled]
    expected = {node for node in closure(project, ran, ask.depth) if node in project.handled}
    assert {node for node in handlings(graph) if node in project.handled} == expected
    assert (
        max((data["distance"] for _, data in graph.nodes(data=True) if data["kind"] != "sender"), default=0)
        <= ask.depth
    )


@patiently
@given(asks())
def test_a_focus_says_how_much_it_leaves_out(asked):
    """Receivers of a drawn dispatch, causes that lead to it, and what a drawn receiver dispatches."""
    project, ask = asked
    graph = build_view(material_of(project), ask)
    whole = build_story(material_of(project))
    for node, data in graph.nodes(data=True):
        if data["kind"] == "port":
            assert graph.out_degree(node) + len(data["besides"]) == whole.out_degree(node)
            causes = sum(line["kind"] == "cause" for *_, line in graph.in_edges(node, data=True))
            assert causes + data["causes_left"] == whole.in_degree(node)
        elif data["kind"] == "receiver":
            assert graph.out_degree(node) + data["effects_left"] == whole.out_degree(node)


@patiently
@given(asks(), st.data())
def test_a_path_holds_the_ways_from_one_end_to_the_other(asked, data):
    """Each handling on it follows from the start and leads to the end, by the rules of the project."""
    project, _ = asked
    one, other = (data.draw(st.sampled_from(project.connections)) for _ in range(2))
    graph = build_view(material_of(project), Ask("path", f"receiver:{one.receiver}", f"receiver:{other.receiver}"))
    drawn = handlings(graph)
    starts = {node for node in drawn if graph.nodes[node]["name"] == one.receiver}
    ends = {node for node in drawn if graph.nodes[node]["name"] == other.receiver}
    for node in drawn:
        assert any(node in closure(project, [start]) for start in starts)
        assert any(end in closure(project, [node]) for end in ends)
    ran = [node for node in project.handled if node.endswith(f"|{one.receiver}")]
    reached = [
        node for node in closure(project, ran) if node.endswith(f"|{other.receiver}") and node in project.handled
    ]
    assert bool(ends & set(project.handled)) == bool(reached)


@patiently
@given(asks())
def test_what_is_too_large_names_a_depth_that_is_not(asked):
    """It is always less; where causes lead round, what it draws may still be too large, and names another."""
    project, ask = asked
    most = len(build_view(material_of(project), ask)) // 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "MOST_IN_STAGES", most)
        while len(graph := build_view(material_of(project), ask)) > most:
            with pytest.raises(TooManyBoxes, match=f"^{len(graph)} boxes are more than can be drawn") as error:
                lay_out(graph)
            if error.value.depth is None:
                assert sum(abs(data.get("distance", 0)) == 0 for _, data in graph.nodes(data=True)) > most
                return
            assert error.value.depth < ask.depth
            ask = replace(ask, depth=error.value.depth)
        views.check_size(graph)


@patiently
@given(asks())
def test_cycles_are_marked_once_and_listed(asked):
    """Each ring that was seen holds a cause drawn back, and each cause drawn back closes a way round that is drawn.

    Not all of these were seen: an error may have kept the receiver from running where it would have closed the ring.
    """
    project, ask = asked
    graph = build_view(material_of(project), ask)
    back = {(source, target) for source, target, line in graph.edges(data=True) if line.get("back")}
    for ring in graph.graph["cycles"]:
        pairs = [
            (one, f"port:{two.split('|')[1]}|{two.split('|')[0].removeprefix('connection:')}")
            for one, two in around(ring)
        ]
        assert all(graph.has_edge(*pair) for pair in pairs)
        assert back.intersection(pairs)
    assert all(nx.has_path(graph, target, source) for source, target in back)


def around(ring):
    return zip(ring, [*ring[1:], ring[0]], strict=True)


RESERVE = handling("shop.Order", ORDER_PLACED, "shop.receivers.reserve_stock")
STORY = {
    (RESERVE, "shop.Order", POST_SAVE, "shop.StockItem"): 8,
    (CHECK, "shop.StockItem", STOCK_LOW, "shop.StockItem"): 2,
}


def stages(graph):
    found = {}
    for _, data in graph.nodes(data=True):
        if data["kind"] == "port":
            found.setdefault(data["stage"], set()).add((data["signal"].rpartition(".")[2], data["label"]))
    return found


def test_the_story_of_an_order_is_told_in_stages():
    """What it sends, what that sets off, and what that sets off; another sender's part of a signal is not in it."""
    sent = {(POST_SAVE, "shop.Order"): 5, (ORDER_PLACED, "shop.Order"): 5, (POST_SAVE, "library.Book"): 9}
    graph = build_view(material(steps=STORY, sent=sent), Ask("focus", "sender:shop.Order"))
    assert stages(graph) == {
        1: {("post_save", "shop.Order"), ("order_placed", "shop.Order")},
        2: {("post_save", "shop.StockItem")},
        3: {("stock_low", "shop.StockItem")},
    }
    assert [node for node, data in graph.nodes(data=True) if data["kind"] == "sender"] == ["sender:shop.Order"]


def test_a_receiver_in_focus_says_why_it_ran():
    """Only the receivers that led to it are drawn before it, and how many others run there too."""
    ask = Ask("focus", "receiver:shop.receivers.create_reorder", direction="up")
    graph = build_view(material(steps=STORY), ask)
    names = {data["label"] for _, data in graph.nodes(data=True) if data["kind"] == "receiver"}
    assert names == {"reserve_stock", "check_stock", "create_reorder"}
    assert [data["distance"] for _, data in sorted(graph.nodes(data=True)) if data["kind"] == "port"] == [-1, -2, 0]
    assert graph.nodes[f"port:{ORDER_PLACED}|shop.Order"]["besides"] == [
        "shop.receivers.send_receipt",
        "shop.receivers.notify_warehouse",
    ]


def test_what_was_never_seen_is_told_from_what_was():
    """A receiver that is connected and did not run, and the dispatch that nobody sent."""
    graph = build_view(material(steps=STORY, stats=None), Ask("focus", "sender:shop.Order"))
    seen = {data["label"]: data["observed"] for _, data in graph.nodes(data=True) if data["kind"] == "receiver"}
    assert seen["reserve_stock"]
    assert not seen["send_receipt"]
    assert not graph.nodes[f"port:{POST_SAVE}|shop.Order"]["observed"]


def test_without_a_log_nothing_is_called_unseen():
    """Nobody looked: no box, line or text says that something was not seen, and the note says why."""
    known = material(steps={}, stats=None)
    graph = build_view(known, Ask("focus", "sender:shop.Order"))
    parts = [data for _, data in graph.nodes(data=True)] + [line for _, _, line in graph.edges(data=True)]
    assert {data.get("observed") for data in parts} == {None}
    assert graph.graph["note"].startswith("No log was read")
    for name, words in {"svg": "unseen'", "markdown": "| not seen |", "dot": "observed"}.items():
        looked, not_looked = (
            FORMATS[name](build_view(each, Ask("focus", "sender:shop.Order")), "", "", "")
            for each in (replace(known, calls={CHECK: 1}), known)
        )
        assert words in looked
        assert words not in not_looked


def test_what_a_receiver_sent_is_drawn_though_nothing_shown_was_reached():
    """The filter hides the receiver that raised before the one that is shown; the dispatch was seen all the same."""
    *others, last = [
        connect(STOCK_LOW, "shop.StockItem", f"shop.receivers.{name}", at) for at, name in enumerate("bc", 1)
    ]
    step = (CHECK, "shop.StockItem", STOCK_LOW, "shop.StockItem")
    rows = [SHOP[1], last]
    known = Material([], rows, [*rows, *others], {step: 9}, missed={(*step, connection_id(last)): 9})
    graph = build_view(known, Ask("path", CHECK, "signal:" + STOCK_LOW))
    assert graph.edges[CHECK, f"port:{STOCK_LOW}|shop.StockItem"]["count"] == 9
    assert graph.nodes[f"port:{STOCK_LOW}|shop.StockItem"]["observed"]
    focus = build_view(known, Ask("focus", CHECK))
    assert not focus.nodes[connection_id(last)]["observed"]


def test_who_sends_is_drawn_where_nothing_drawn_explains_it():
    """A dispatch that only receivers sent has no line from its sender; one that code outside sent too has one."""
    only_caused = material(steps=STORY, sent={(ORDER_PLACED, "shop.Order"): 1})
    ask = Ask("focus", "signal:" + STOCK_LOW)
    assert [node for node in build_view(only_caused, ask) if node.startswith("sender:")] == ["sender:shop.Order"]
    sent_too = material(steps=STORY, sent={(ORDER_PLACED, "shop.Order"): 1, (STOCK_LOW, "shop.StockItem"): 4})
    graph = build_view(sent_too, ask)
    assert graph.edges["sender:shop.StockItem", f"port:{STOCK_LOW}|shop.StockItem"]["count"] == 4


def test_a_path_leads_from_one_end_to_the_other():
    """Order reaches create_reorder through three dispatches, and nothing beside the way is drawn."""
    graph = build_view(
        material(steps=STORY), Ask("path", "sender:shop.Order", "receiver:shop.receivers.create_reorder")
    )
    assert [data["label"] for _, data in sorted(graph.nodes(data=True), key=lambda one: one[1]["stage"])] == [
        *("shop.Order", "reserve_stock", "shop.Order"),
        *("check_stock", "shop.StockItem", "create_reorder", "shop.StockItem"),
    ]
    assert graph.graph["note"] == ""


def test_no_path_is_said_in_words():
    """What was not seen, what would have to happen, and what a filter hides."""
    ask = Ask("path", "sender:library.Book", "receiver:shop.receivers.create_reorder")
    graph = build_view(material(SHOP[1:], steps=STORY), ask)
    assert list(graph) == []
    assert graph.graph["note"] == (
        "No path was seen from sender:library.Book to receiver:shop.receivers.create_reorder. The wiring alone doesn't "
        "lead there either: a receiver would have to dispatch stock_low from shop.StockItem. None of the 2 handlings "
        "that follow from the start was seen doing that. Connections that were not looked at: 1 that the "
        "filter hides; a path may lead through them."
    )


def test_what_is_left_out_as_djangos_own_is_no_fault_of_the_filter():
    """Both are counted, each by its name, and what only Django's own have says so."""
    own = [structs.replace(SHOP[0], receiver="django.db.close_old_connections", order=9)]
    known = replace(material(SHOP[1:], steps=STORY), unfiltered=[*SHOP, *own])
    note = build_view(known, Ask("path", "sender:library.Book", "receiver:shop.receivers.create_reorder")).graph["note"]
    assert note.endswith("1 of Django's own and 1 that the filter hides; a path may lead through them.")
    with pytest.raises(ViewError, match="Only connections of Django's own have receiver:django"):
        build_view(known, Ask("focus", "receiver:django.db.close_old_connections"))


def test_a_connection_is_a_path_though_nobody_used_it():
    """The wiring can do it: drawn as connected and not seen."""
    graph = build_view(
        material(steps={}, stats=None), Ask("path", "sender:library.Book", "receiver:library.receivers.index")
    )
    (line,) = (
        line for *_, line in graph.in_edges(handling("library.Book", POST_SAVE, "library.receivers.index"), data=True)
    )
    assert not line["observed"]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (Ask("focus"), "nothing is selected; select an id"),
        (Ask("focus", "stock"), "'stock' is selected; select an id that begins with sender:"),
        (Ask("focus", "sender:shop.Nothing"), "There is no sender:shop.Nothing among what is connected"),
        (
            Ask("focus", "receiver:shop.receivers.recount_orders"),
            "The filter hides receiver:shop.receivers.recount_orders",
        ),
        (Ask("focus", "receiver:shop.receivers.wait"), "waits for the model shop.lost, which is not loaded"),
        (Ask("focus", "sender:library.Book", depth=-1), "The depth is -1; give 0 or more"),
        (Ask("path", "sender:library.Book"), "A path needs two ends"),
    ],
)
def test_what_cannot_be_drawn_is_said(ask, words):
    """Which value, and what to do."""
    waiting = [PendingSender(POST_SAVE, "shop.lost", "shop.receivers.wait", None)]
    with pytest.raises(ViewError, match=words):
        build_view(material(SHOP[1:], pending=waiting), ask)


def test_nothing_comes_along_a_port_whose_sender_never_sends():
    """Receivers for any sender hear nothing of an abstract model either."""
    base = structs.replace(connect(POST_SAVE, "shop.Base", "shop.receivers.note"), sender_kind="abstract")
    rows = [base, *SHOP]
    graph = build_view(Material(signals_of(rows), rows, rows), Ask("focus", "sender:shop.Base"))
    assert len(graph) == 4
    assert not any(line["can_fire"] for *_, line in graph.edges(data=True))
    assert {line["why"] for *_, line in graph.edges(data=True)} == {"shop.Base is abstract and has no instances"}


def test_the_wiring_tells_what_was_called_from_what_is_only_connected():
    """Where calls are known; without a log nothing is claimed."""
    called = build_view(material(stats=None, calls={CHECK: 4}), Ask())
    assert called.edges[f"port:{POST_SAVE}|shop.StockItem", "receiver:shop.receivers.check_stock"]["observed"] is True
    assert (
        called.edges[f"port:{STOCK_LOW}|shop.StockItem", "receiver:shop.receivers.create_reorder"]["observed"] is False
    )
    assert {line["observed"] for *_, line in build_view(material(stats=None), Ask()).edges(data=True)} == {None}


def test_the_wiring_lists_cycles_too():
    """As handlings, like a focus."""
    steps = {(CHECK, "shop.StockItem", POST_SAVE, "shop.StockItem"): 2}
    assert build_view(material(steps=steps), Ask()).graph["cycles"] == [[CHECK]]


def test_a_receiver_that_ran_for_another_sender_than_its_own_stands_in_the_story():
    """Classes of signals can call the receivers of a base class; what was seen is told, and nothing is made up."""
    row = connect(POST_SAVE, "shop.Base", "shop.receivers.note")
    steps = {
        (connection_id(row), "shop.Child", STOCK_LOW, "shop.Child"): 2,
        (connection_id(row), "shop.Child", POST_SAVE, "shop.Base"): 1,
    }
    known = material([row], steps=steps, calls={connection_id(row): 3})
    graph = build_view(known, Ask(view="focus", selection="receiver:shop.receivers.note"))
    assert handling("shop.Child", POST_SAVE, "shop.receivers.note") in graph
    assert lay_out(graph).nodes.keys() == set(graph)
