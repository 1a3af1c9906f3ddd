"""The layout of stages: nothing overlaps, no line crosses a foreign box, no two causes seem to be one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st
from simulation import asks, material_of
from test_layout import points_of
from wirings import POST_SAVE, connect, patiently, signals_of

from signalgraph.exports import svg
from signalgraph.graph.layers import crossings, layer
from signalgraph.graph.material import Ask, Material
from signalgraph.graph.views import build_view, lay_out
from signalgraph.names import connection_id as handling


def drawn(project, ask):
    graph = build_view(material_of(project), ask)
    return graph, lay_out(graph)


def chain(*steps, receivers=()):
    """A project whose receivers `a`, `b`... each hear the signal of their name from one sender, and send on."""
    names = sorted({name for step in steps for name in step} | set(receivers))
    rows = [connect(f"app.signals.{name}", "app.M", f"app.receivers.{name}") for name in names]
    counts = {
        (handling("app.M", f"app.signals.{one}", f"app.receivers.{one}"), "app.M", f"app.signals.{other}", "app.M"): 1
        for one, other in steps
    }
    return Material(signals_of(rows), rows, rows, counts)


def stages_of(graph):
    return {
        data["signal"].rpartition(".")[2]: data["stage"] for _, data in graph.nodes(data=True) if data["kind"] == "port"
    }


def within(x1, y1, x2, y2, box):
    return min(x1, x2) < box.right and max(x1, x2) > box.x and min(y1, y2) < box.bottom and max(y1, y2) > box.y


@patiently
@given(asks())
def test_nothing_overlaps_and_no_line_crosses_a_box(asked):
    """Whatever the story: 0 overlaps, 0 lines through foreign boxes, 0 causes through any box."""
    _, layout = drawn(*asked)
    boxes = layout.nodes.values()
    assert not [
        pair for pair in combinations(boxes, 2) if within(pair[0].x, pair[0].y, pair[0].right, pair[0].bottom, pair[1])
    ]
    for line in layout.edges:
        foreign = [box for box in boxes if box.id not in (line.source, line.target)]
        assert not [
            box.id for x, y in points_of(line) for box in foreign if box.x < x < box.right and box.y < y < box.bottom
        ]
    for route in layout.causes:
        assert not [box.id for one, other in pairwise(route.points) for box in boxes if within(*one, *other, box)]


@patiently
@given(asks())
def test_causes_of_different_ports_never_share_a_piece_of_line(asked):
    """They may cross, but where they run along each other one would be read as the other."""
    _, layout = drawn(*asked)
    pieces = [(route.port, one, other) for route in layout.causes for one, other in pairwise(route.points)]
    for (port, *piece), (other_port, *other) in combinations(pieces, 2):
        if port != other_port:
            assert not shared(piece, other)
            assert not shared([point[::-1] for point in piece], [point[::-1] for point in other])


def shared(piece, other):
    """Whether two level pieces run along each other, nearer than 2 px."""
    (x1, y1), (x2, y2) = piece
    (x3, y3), (x4, y4) = other
    if y1 != y2 or y3 != y4 or abs(y1 - y3) >= 2:
        return False
    return min(max(x1, x2), max(x3, x4)) - max(min(x1, x2), min(x3, x4)) > 0


@patiently
@given(asks())
def test_everything_lies_on_the_sheet(asked):
    """No box, cause, count or stub is cut off by the edge of the drawing."""
    _, layout = drawn(*asked)
    points = [(x, y) for box in layout.nodes.values() for x, y in ((box.x, box.y), (box.right, box.bottom))]
    points += [point for route in layout.causes for point in route.points]
    points += [(route.pill[0] + route.pill[2] / 2, route.pill[1] + 8) for route in layout.causes]
    points += [(stub.x + stub.width, stub.y) for stub in layout.stubs if stub.receiver.startswith("connection:")]
    assert all(0 <= x <= layout.width and 0 <= y <= layout.height for x, y in points)


@patiently
@given(asks())
def test_every_line_of_the_graph_is_drawn_from_box_to_box(asked):
    """Connections as one run of pieces, causes as one route; each begins and ends at the sides of its boxes."""
    graph, layout = drawn(*asked)
    for source, target, data in graph.edges(data=True):
        left, right = layout.nodes[source], layout.nodes[target]
        if data["kind"] == "cause":
            (points,) = (one.points for one in layout.causes if (one.receiver, one.port) == (source, target))
            runs = list(pairwise(points))
            assert all(x1 == x2 or y1 == y2 for (x1, y1), (x2, y2) in runs)
        else:
            pieces = [line for line in layout.edges if (line.source, line.target) == (source, target)]
            runs = [((line.x1, line.y1), (line.x2, line.y2)) for line in sorted(pieces, key=lambda line: line.x1)]
            assert all(before[1] == after[0] for before, after in pairwise(runs))
        (x1, y1), (x2, y2) = runs[0][0], runs[-1][1]
        assert (x1, x2) == (left.right, right.x)
        assert left.y <= y1 <= left.bottom
        assert right.y <= y2 <= right.bottom


@patiently
@given(asks())
def test_causes_lead_to_later_stages_and_only_what_closes_a_cycle_leads_back(asked):
    """Without what leads back there is no cycle left, and each of it is on one."""
    graph, _ = drawn(*asked)
    forward = nx.DiGraph(edge for edge in graph.edges if not graph.edges[edge].get("back"))
    assert nx.is_directed_acyclic_graph(forward)
    for source, target, data in graph.edges(data=True):
        stages = graph.nodes[source]["stage"], graph.nodes[target]["stage"]
        if data.get("back"):
            assert stages[0] >= stages[1]
            assert nx.has_path(forward, target, source)
        else:
            assert stages[0] < stages[1] or (data["kind"] == "connection" and stages[0] == stages[1] > 0)


@patiently
@given(asks(), st.randoms(use_true_random=False))
def test_the_same_story_gives_the_same_drawing(asked, chance):
    """However connections and steps were put together."""
    project, ask = asked
    material = material_of(project)
    rows, steps = list(material.connections), list(material.steps.items())
    chance.shuffle(rows)
    chance.shuffle(steps)
    other = replace(material, connections=rows, unfiltered=rows, steps=dict(steps))
    one, two = (build_view(each, ask) for each in (material, other))
    assert svg.render(one, lay_out(one), mode="file") == svg.render(two, lay_out(two), mode="file")


def test_hash_seeds_change_nothing():
    """Byte for byte, in processes with different seeds."""
    script = (
        "from test_layered import chain; from signalgraph.graph.views import *; from signalgraph.exports import svg;"
        "m = chain('ab', 'bc', 'ac', 'cd', 'da', 'ae', 'be', 'ef', 'af', 'ff');"
        "g = build_view(m, Ask('focus', 'signal:app.signals.a', depth=9));"
        "print(svg.render(g, lay_out(g), mode='file'))"
    )
    found = set()
    for seed in ("0", "1", "77"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert found.pop().count("<g id=") > 10


def test_a_stage_is_the_longest_way_there():
    """What is dispatched both at once and later stands after what may come before it."""
    graph = build_view(chain("ab", "bc", "ac"), Ask("focus", "signal:app.signals.a"))
    assert stages_of(graph) == {"a": 1, "b": 2, "c": 3}


def test_what_leads_to_a_late_stage_stands_right_before_it():
    """A second beginning is not drawn far from what it begins."""
    graph = build_view(chain("ab", "bc", "xc"), Ask("focus", "receiver:app.receivers.c"))
    assert stages_of(graph) == {"a": 1, "b": 2, "c": 3, "x": 2}


def test_a_cycle_is_entered_where_the_story_begins():
    """What was asked for comes first, and the cause that returns to it is the one drawn back."""
    for start in "abc":
        graph = build_view(chain("ab", "bc", "ca"), Ask("focus", f"signal:app.signals.{start}"))
        assert stages_of(graph)[start] == 1
        (back,) = [(source, target) for source, target, data in graph.edges(data=True) if data.get("back")]
        assert back[1] == f"port:app.signals.{start}|app.M"


def test_a_cause_drawn_back_runs_below_everything():
    """And enters its port from the left."""
    graph = build_view(chain("ab", "ba", "bc"), Ask("focus", "signal:app.signals.a"))
    layout = lay_out(graph)
    (back,) = [route for route in layout.causes if graph.edges[route.receiver, route.port]["back"]]
    assert max(y for _, y in back.points) > max(box.bottom for box in layout.nodes.values())
    assert back.points[-1][0] == layout.nodes[back.port].x > back.points[-2][0]


def test_receivers_of_a_dispatch_stand_in_the_order_in_which_they_run():
    """Whatever is beside them."""
    rows = [connect(POST_SAVE, "a.M", f"a.r{name}", order) for order, name in enumerate("dbca", 1)]
    layout = lay_out(build_view(Material(signals_of(rows), rows, rows), Ask("focus", "sender:a.M")))
    assert [box.label for box in sorted(layout.column("receiver"), key=lambda box: box.y)] == ["rd", "rb", "rc", "ra"]


def test_an_untangled_story_has_no_crossings():
    """Ports named against the order of what leads to them are put where their causes don't cross."""
    rows = [connect("app.signals.start", "app.M", f"app.receivers.r{n}", n) for n in range(6)]
    rows += [connect(f"app.signals.s{9 - n}", "app.M", f"app.receivers.t{(n * 5) % 7}") for n in range(6)]
    steps = {
        (handling("app.M", "app.signals.start", f"app.receivers.r{n}"), "app.M", f"app.signals.s{9 - n}", "app.M"): 1
        for n in range(6)
    }
    graph = build_view(Material(signals_of(rows), rows, rows, steps), Ask("focus", "signal:app.signals.start"))
    assert crossings(layer(graph)) == 0


def test_nothing_to_draw_is_a_sheet_for_the_note():
    """An empty path has room for what it says."""
    layout = lay_out(
        build_view(chain("ab", receivers="c"), Ask("path", "receiver:app.receivers.b", "receiver:app.receivers.c"))
    )
    assert (layout.nodes, layout.edges, layout.causes) == ({}, [], [])
    assert layout.width > layout.height > 0
