"""The apps view: every connection in one place, no line that claims more than it knows, and little that moves."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wirings import POST_SAVE, SHOP, SHOP_EDGES, SHOP_STATS, STOCK_LOW, connect, patiently

from signalgraph.exports import app_words, svg
from signalgraph.graph.apps import ANY_BADGE, HUB_LINES, app_id
from signalgraph.graph.apps_layout import AppsLayout, _order
from signalgraph.graph.build import connection_id
from signalgraph.graph.views import Ask, Material, ViewError, build_view, lay_out

NS = {"s": "http://www.w3.org/2000/svg"}
STEPS = {(cause, "shop.Order", signal, sender): count for (cause, signal, sender), count in SHOP_EDGES.items()}


def viewed(rows=SHOP, opened=(), **known):
    material = Material([], rows, known.pop("unfiltered", rows), **known)
    return build_view(material, Ask(view="apps", open=tuple(opened)))


def drawn(graph, **options):
    return ET.fromstring(svg.render(graph, lay_out(graph), **options).encode())


def carried(graph) -> Counter:
    """The connections on lines towards a receiver or its app, and in badges."""
    into = [
        one
        for source, target, line in graph.edges(data=True)
        if graph.nodes[target]["kind"] != "port"
        for one in line["connections"]
    ]
    return Counter(
        [*into, *(one for _, data in graph.nodes(data=True) for ids in data.get("badges", {}).values() for one in ids)]
    )


@st.composite
def projects(draw):
    """Rows of a few apps that send to each other, and some of the apps."""
    apps = [f"app{place}" for place in range(4)]
    triples = st.tuples(
        st.sampled_from([f"{app}.signals.s{n}" for app in apps[:2] for n in range(2)]),
        st.sampled_from(["*", '"text"', *(f"{app}.M{n}" for app in apps for n in range(2))]),
        st.sampled_from([f"{app}.receivers.r{n}" for app in apps for n in range(3)]),
    )
    rows = [connect(*one, order) for order, one in enumerate(draw(st.lists(triples, unique=True, max_size=30)), 1)]
    known = {app for row in rows for app in (row.sender.partition(".")[0], row.receiver.partition(".")[0])} & set(apps)
    return rows, draw(st.sets(st.sampled_from(sorted(known)))) if known else set()


@patiently
@given(projects())
def test_each_connection_is_in_exactly_one_place(project):
    """In one line towards its receiver, or in one badge, and none is invented, whatever is opened."""
    rows, opened = project
    assert carried(viewed(rows, opened)) == Counter(connection_id(row) for row in rows)


@patiently
@given(projects())
def test_a_line_carries_only_connections_of_its_ends(project):
    """Each end of a line is the sender, the port, the receiver or the app of every connection on it."""
    rows, opened = project
    graph = viewed(rows, opened)
    for source, target, line in graph.edges(data=True):
        for one in line["connections"]:
            sender, signal, receiver = one.removeprefix("connection:").split("|")
            app_of = {"app": {f"app:{sender.partition('.')[0]}", f"app:{receiver.partition('.')[0]}"}}
            for end in (source, target):
                data = graph.nodes[end]
                if data["kind"] == "port":
                    assert data["signal"] == signal
                    assert sender in data["senders"] or (data["any"] and sender == "*")
                else:
                    assert end in {f"sender:{sender}", f"receiver:{receiver}", *app_of["app"]}


@patiently
@given(projects())
def test_every_path_inside_an_opened_app_is_a_connection(project):
    """From a sender or an app through a port to a receiver or an app: there is a connection for each such pair."""
    rows, opened = project
    graph = viewed(rows, opened)
    known = {(row.signal, row.sender, row.receiver) for row in rows}

    def fits(node, name):
        data = graph.nodes[node]
        return (
            name.startswith(f"{data['name']}.") or name == data["name"]
            if data["kind"] == "app"
            else name == data["name"]
        )

    for port, data in graph.nodes(data=True):
        if data["kind"] != "port":
            continue
        for source in graph.predecessors(port):
            for target in graph.successors(port):
                assert any(
                    signal == data["signal"] and fits(source, sender) and fits(target, receiver)
                    for signal, sender, receiver in known
                )


def boxes_of(layout: AppsLayout):
    inner = [box for box in layout.nodes.values() if box.kind != "port"]
    return [*inner, *layout.sends.values(), *layout.handles.values()]


@patiently
@given(projects())
def test_nothing_overlaps_and_no_line_crosses_a_box(project):
    """0 overlaps, frames among them, and 0 lines through a box that they don't belong to."""
    rows, opened = project
    layout = lay_out(viewed(rows, opened))
    frames = [frame.box for frame in layout.frames.values()]
    bands = [*layout.sends.values(), *layout.handles.values(), *frames]
    for one, other in [*combinations(boxes_of(layout), 2), *combinations(bands, 2)]:
        assert one.x >= other.right or other.x >= one.right or one.y >= other.bottom or other.y >= one.bottom
    turn = layout.columns[1][0] + layout.columns[1][1]
    for line in [*layout.edges, *(lane.line for lane in layout.lanes)]:
        level = line.source.startswith("app:") and line.target.startswith("app:")
        points = [(line.x1 + (turn - line.x1) * step / 32, line.y1) for step in range(33)] if level else []
        points += [*curved(turn if level else line.x1, line)]
        for box in boxes_of(layout):
            inside = any(box.x < x < box.right and box.y < y < box.bottom for x, y in points)
            assert not inside or box.id in {line.source, line.target}, (line, box)


def curved(x1, line):
    for step in range(33):
        t = step / 32
        a, b, c = (1 - t) ** 3, 3 * t * (1 - t) ** 2 + 3 * t * t * (1 - t), t**3
        yield (
            a * x1 + b * (x1 + line.x2) / 2 + c * line.x2,
            (a + 3 * t * (1 - t) ** 2) * line.y1 + (c + 3 * t * t * (1 - t)) * line.y2,
        )


@patiently
@given(projects())
def test_lines_end_at_their_boxes_and_all_lies_on_the_sheet(project):
    """A line leaves the right side of its source and reaches the left side of its target."""
    rows, opened = project
    layout = lay_out(viewed(rows, opened))
    for line in [*layout.edges, *(lane.line for lane in layout.lanes)]:
        source = layout.sends.get(line.source) or layout.nodes[line.source]
        target = layout.handles.get(line.target) or layout.nodes[line.target]
        assert (line.x1, line.x2) == (source.right, target.x)
        assert source.y < line.y1 < source.bottom
        assert target.y < line.y2 < target.bottom
    for box in [*boxes_of(layout), *(frame.box for frame in layout.frames.values())]:
        assert 0 <= box.x < box.right <= layout.width
        assert 0 <= box.y < box.bottom <= layout.height


@pytest.mark.parametrize("app", ["library", "shop", "telemetry"])
def test_opening_an_app_moves_only_what_is_below_and_all_of_it_alike(app):
    """In place: nothing moves sideways, nothing above moves, and what is below keeps its distances."""
    closed, opened = lay_out(viewed()), lay_out(viewed(opened=[app]))
    top = min(box[f"app:{app}"].y for box in (closed.sends, closed.handles) if f"app:{app}" in box)
    below = set()
    for before, after in ((closed.sends, opened.sends), (closed.handles, opened.handles)):
        for one in after:
            assert (before[one].x, before[one].width) == (after[one].x, after[one].width)
            if before[one].y < top:
                assert before[one].y == after[one].y
            else:
                below.add(after[one].y - before[one].y)
    assert len(below) <= 1
    assert opened.columns == closed.columns


@patiently
@given(projects())
def test_no_app_alone_could_stand_where_lines_are_shorter(project):
    """Moving a single band doesn't make all lines together shorter."""
    graph = viewed(*project)
    apps = [node for node, data in graph.nodes(data=True) if data["kind"] == "app"]
    joined = {frozenset(map(app_id, pair)) for app in apps for pair in _beside(graph, app)}

    def length(order: list[str]) -> int:
        return sum(abs(order.index(one) - order.index(other)) for one, other in map(sorted, joined))

    lonely = set(apps).difference(*joined)
    order = [app for app in _order(graph) if app not in lonely]
    for app in order:
        rest = [one for one in order if one != app]
        assert length(order) <= min(length([*rest[:at], app, *rest[at:]]) for at in range(len(order)))


def _beside(graph, app):
    data = graph.nodes[app]
    return [(data["name"], other) for other in (*data["sent_to"], *data["heard_from"]) if other != data["name"]]


def test_receivers_for_any_sender_are_a_badge():
    """Who sends isn't known, so no line claims it; the badge tells the connection on hover."""
    graph = viewed()
    assert graph.nodes["app:telemetry"]["badges"] == {ANY_BADGE: [connection_id(SHOP[4])]}
    assert graph.in_degree("app:telemetry") == 0
    root = drawn(graph, mode="file")
    texts = [one.text for one in root.iterfind(".//s:text", NS)]
    assert "+1 for any sender" in texts


def test_an_app_that_is_wired_to_many_is_a_hub():
    """Its lines become badges at the other ends: none is lost, and none is drawn."""
    rows = [connect("a.saved", "core.Thing", f"app{n}.receivers.r", n + 1) for n in range(HUB_LINES + 1)]
    graph = viewed(rows)
    assert graph.number_of_edges() == 0
    assert all(graph.nodes[f"app:app{n}"]["badges"] == {"from core": [connection_id(rows[n])]} for n in range(9))
    assert viewed(rows[:-1]).number_of_edges() == HUB_LINES


def test_a_hub_that_is_opened_shows_its_lines():
    """What was a badge is connection-true then."""
    rows = [connect("a.saved", "core.Thing", f"app{n}.receivers.r", n + 1) for n in range(HUB_LINES + 1)]
    graph = viewed(rows, ["core"])
    assert carried(graph) == Counter(connection_id(row) for row in rows)
    assert not any(data.get("badges") for _, data in graph.nodes(data=True))


def test_an_app_that_handles_what_many_send_is_a_hub_too():
    """The badges stand where the connections are sent then."""
    rows = [connect("a.saved", f"app{n}.Thing", "search.receivers.index", n + 1) for n in range(HUB_LINES + 1)]
    graph = viewed(rows)
    assert graph.nodes["app:app3"]["badges"] == {"to search": [connection_id(rows[3])]}


def test_causes_lead_from_app_to_app():
    """What the receivers of an app dispatched, counted by the app that it was dispatched in."""
    graph = viewed(steps=STEPS)
    assert graph.graph["app_causes"] == [("shop", "shop", 137)]
    said = [one.get("aria-label") for one in drawn(graph).iterfind(".//s:g[@class='stub']", NS)]
    assert said == ["shop causes 137 dispatches in shop"]


def test_causes_of_what_the_filter_left_out_are_not_told():
    """A count belongs to connections that are drawn."""
    kept = [row for row in SHOP if row.signal == STOCK_LOW]
    assert viewed(kept, unfiltered=SHOP, steps=STEPS).graph["app_causes"] == []


def test_an_app_that_is_not_there_is_an_error_with_the_known_ones():
    """One that the filter has left out is none: the address stays good while the filter changes."""
    with pytest.raises(ViewError, match=r"no app 'shpo' to open; did you mean 'shop'\? use one of: library, shop"):
        viewed(opened=["shpo"])
    assert carried(viewed(SHOP[:2], ["library"], unfiltered=SHOP)).total() == 2


@pytest.mark.parametrize("opened", [(), ("a",), ("b",)])
def test_what_was_never_called_is_not_drawn_as_what_was(opened):
    """A line that stands for several connections was seen when one of them was, whichever comes first."""
    seen = [connect(POST_SAVE, "a.A", "b.receivers.r"), connect(POST_SAVE, "a.Z", "b.receivers.r")]
    idle = connect(POST_SAVE, "c.C", "d.receivers.r")
    for called in seen:
        graph = viewed([*seen, idle], opened, calls={connection_id(called): 3, connection_id(idle): 0})
        lines = [one for one in drawn(graph).iterfind(".//s:path", NS) if one.get("data-connections")]
        for one, is_unseen in ((called, False), (idle, True)):
            own = [line.get("class") for line in lines if connection_id(one) in line.get("data-connections")]
            assert own
            assert {"unseen" in classes.split() for classes in own} == {is_unseen}


def test_a_receiver_without_a_module_is_an_app_of_its_own():
    """Whatever its name is, it has a place, and so has what it dispatches."""
    row = connect(POST_SAVE, "shop.Order", " made.receiver")
    graph = viewed([row], steps={(connection_id(row), "shop.Order", "unnamed @ /x.py:1", '"text"'): 2})
    assert carried(graph) == {connection_id(row): 1}
    assert graph.graph["app_causes"] == [(" made.receiver", "unnamed @ /x.py:1", 2)]
    drawn(graph)


@pytest.mark.parametrize("mode", ["page", "file"])
@pytest.mark.parametrize("opened", [(), ("shop",), ("library", "shop", "telemetry")])
def test_ids_are_unique_and_everything_has_a_name(mode, opened):
    """Boxes, apps and signals can be found by their id, and are told in words."""
    root = drawn(viewed(opened=opened, stats=SHOP_STATS), mode=mode, link="?{}".format)
    groups = [one for one in root.iter() if one.get("id")]
    ids = [one.get("id") for one in groups]
    assert len(set(ids)) == len(ids)
    assert {"app:shop", "app:library", "app:telemetry"} <= set(ids)
    assert all(one.get("aria-label") for one in groups)


def test_a_click_opens_and_closes_an_app():
    """On the page the link of a band and of a frame's head is that of the app, and a signal leads to the signal."""
    root = drawn(viewed(opened=["shop"]), mode="page", link=lambda one: f"?{one}")
    links = {one.get("href") for one in root.iter("{http://www.w3.org/2000/svg}a")}
    assert {"?app:shop", "?app:library", "?sender:shop.Order", f"?signal:{STOCK_LOW}"} <= links
    assert not any("@" in link for link in links)


def test_the_drawing_says_what_a_line_does_not_mean():
    """In the description for those who hear it, in a file in its legend too."""
    said = ["".join(one.itertext()) for one in (drawn(viewed()), drawn(viewed(), mode="file"))]
    assert all(app_words.TRUTH in one for one in said)
    assert "a line to an app and one from it are no path" in said[1]


def test_a_line_that_cannot_fire_is_not_drawn_as_a_live_one():
    """It has the sign, and the reason on hover."""
    graph = viewed([msgspec.structs.replace(connect(POST_SAVE, "a.Base", "b.receivers.r"), sender_kind="abstract")])
    assert graph.edges["app:a", "app:b"]["can_fire"] is False
    sign = drawn(graph).find(".//s:g[@class='stop']/s:title", NS)
    assert sign.text == "Can't fire: a.Base is abstract and has no instances."


def test_numbers_do_not_move_anything():
    """Positions never change on a tick."""
    cold = lay_out(viewed(opened=["shop"], stats={}))
    assert boxes_of(cold) == boxes_of(lay_out(viewed(opened=["shop"], stats=SHOP_STATS)))


SCRIPT = """
import random, sys
from wirings import generated
from signalgraph.exports import svg
from signalgraph.graph.views import Ask, Material, build_view, lay_out
rows, _ = generated(60)
random.Random(int(sys.argv[1])).shuffle(rows)
graph = build_view(Material([], rows, rows), Ask(view="apps", open=("app1", "app4")))
sys.stdout.write(svg.render(graph, lay_out(graph), mode="file"))
"""


def test_the_picture_is_the_same_to_the_byte_in_every_process():
    """Neither the hash seed nor the order of insertion may show."""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent)])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(seed)],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": path, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in (0, 1, 4242)
    }
    assert len(outputs) == 1
    assert len(outputs.pop()) > 10_000
