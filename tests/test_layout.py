"""The layout: nothing overlaps, no line crosses a box that it doesn't belong to, the same graph gives the same."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from wirings import SHOP, SHOP_EDGES, SHOP_STATS, connect, generated, patiently, wirings

from benchmarks.layout import project, uniform
from signalgraph.graph.build import build_wiring
from signalgraph.graph.crossings import count_crossings, sift
from signalgraph.graph.layout import Layout, cut, cut_apart, layout_wiring
from signalgraph.graph.material import Ask, Material
from signalgraph.graph.ordering import crossings, order_wiring
from signalgraph.graph.placing import Column, Joint, isotonic, keep, place
from signalgraph.graph.views import build_view
from signalgraph.web.pages import graph as page


def overlapping(layout: Layout) -> list[tuple[str, str]]:
    boxes = [box for box in layout.nodes.values() if box.kind != "port"]
    return [
        (one.id, other.id)
        for one, other in combinations(boxes, 2)
        if one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom
    ]


def points_of(line):
    """A cubic whose ends are level, in 33 points."""
    middle = (line.x1 + line.x2) / 2
    for step in range(33):
        t = step / 32
        a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        yield a * line.x1 + (b + c) * middle + d * line.x2, (a + b) * line.y1 + (c + d) * line.y2


def crossed_by_lines(layout: Layout) -> list[tuple[str, str, str]]:
    boxes = [box for box in layout.nodes.values() if box.kind != "port"]
    found = []
    for line in layout.edges:
        own = {line.source, line.target}
        points = list(points_of(line))
        for box in boxes:
            inside = any(box.x < x < box.right and box.y < y < box.bottom for x, y in points)
            if inside and box.id not in own:
                found.append((line.source, line.target, box.id))
    return found


def crossed_by_routes(layout: Layout) -> list[tuple[str, str]]:
    boxes = [box for box in layout.nodes.values() if box.kind != "port"]
    found = []
    for route in layout.causes:
        for (x1, y1), (x2, y2) in pairwise(route.points):
            left, right, top, bottom = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
            for box in boxes:
                if left < box.right and right > box.x and top < box.bottom and bottom > box.y:
                    found.append((route.receiver, box.id))
    return found


@patiently
@given(wirings())
def test_nothing_overlaps_and_no_line_crosses_a_box(wiring):
    """Whatever the wiring: 0 overlaps, 0 lines through foreign boxes, 0 causal edges through any box."""
    rows, edges = wiring
    layout = layout_wiring(build_wiring([], rows, edges=edges, stats={}))
    assert overlapping(layout) == []
    assert crossed_by_lines(layout) == []
    assert crossed_by_routes(layout) == []


@patiently
@given(wirings())
def test_everything_lies_on_the_sheet(wiring):
    """No box, line, route or count is cut off by the edge of the drawing."""
    rows, edges = wiring
    layout = layout_wiring(build_wiring([], rows, edges=edges, stats={}))
    points = [(x, y) for box in layout.nodes.values() for x, y in ((box.x, box.y), (box.right, box.bottom))]
    points += [point for route in layout.causes for point in route.points]
    points += [(stub.x + stub.width, stub.y) for stub in layout.stubs]
    assert all(0 <= x <= layout.width and 0 <= y <= layout.height for x, y in points)


@patiently
@given(wirings())
def test_a_line_ends_at_its_boxes(wiring):
    """On the right side of its source and the left side of its target, within their height."""
    rows, edges = wiring
    layout = layout_wiring(build_wiring([], rows, edges=edges))
    for line in layout.edges:
        source, target = layout.nodes[line.source], layout.nodes[line.target]
        assert (line.x1, line.x2) == (source.right, target.x)
        assert source.y < line.y1 < source.bottom
        assert target.y < line.y2 < target.bottom


@pytest.mark.parametrize("signals", [40, 115])
def test_a_large_wiring_is_laid_out(signals):
    """300 boxes with their causal edges keep every promise that small ones keep."""
    rows, edges = generated(signals)
    layout = layout_wiring(build_wiring([], rows, edges=edges, stats={}))
    assert len([box for box in layout.nodes.values() if box.kind != "port"]) > 2.5 * signals
    assert layout.causes
    assert overlapping(layout) == []
    assert crossed_by_lines(layout) == []
    assert crossed_by_routes(layout) == []


def test_the_columns_are_aligned_at_the_gutters():
    """Senders to the right, receivers to the left, all boxes of a column as wide as the column."""
    layout = layout_wiring(build_wiring([], SHOP, edges=SHOP_EDGES, stats=SHOP_STATS))
    for kind in ("sender", "signal", "receiver"):
        assert len({(box.x, box.right) for box in layout.column(kind)}) == 1


def test_numbers_do_not_move_anything():
    """Positions never change on a tick: the layout depends on what is wired, not on how often it ran."""
    cold = layout_wiring(build_wiring([], SHOP, edges=SHOP_EDGES, stats={}))
    hot = layout_wiring(build_wiring([], SHOP, edges=SHOP_EDGES, stats=SHOP_STATS))
    assert cold == hot


def test_receivers_of_one_audience_stand_in_the_order_in_which_they_run():
    """Where nothing else decides, top to bottom is first to last."""
    rows = [connect("a.saved", "a.M", f"a.r{name}", order) for order, name in enumerate("dbca", 1)]
    layout = layout_wiring(build_wiring([], rows))
    assert [box.label for box in sorted(layout.column("receiver"), key=lambda box: box.y)] == ["rd", "rb", "rc", "ra"]


def test_the_port_for_any_sender_is_the_last_row():
    """Always in the same place, so that it is found."""
    layout = layout_wiring(build_wiring([], SHOP))
    rows = [box for box in layout.column("port") if box.id.startswith("port:django.db")]
    assert max(rows, key=lambda box: box.y).id.endswith("|*")


def test_an_untangled_wiring_has_no_crossings():
    """Signals named against the order of their senders and receivers are put where their lines don't cross."""
    rows = [connect(f"a.signals.s{9 - n}", f"a.M{n}", f"a.receivers.r{(n * 7) % 10}") for n in range(10)]
    rows += [connect(f"a.signals.s{9 - n}", f"a.M{n}", f"a.receivers.r{((n + 1) * 7) % 10}", 2) for n in range(9)]
    graph = build_wiring([], rows)
    assert crossings(order_wiring(graph), graph) == 0


def test_nothing_to_draw_is_an_empty_layout():
    """No connections, no boxes, a sheet with room for a heading."""
    layout = layout_wiring(build_wiring([], []))
    assert (layout.nodes, layout.edges, layout.causes) == ({}, [], [])
    assert layout.width > 0
    assert layout.height > 0


def test_a_cause_whose_end_is_not_drawn_is_no_route():
    """The stub stays with its count; a route needs a port to lead to."""
    edges = {(f"connection:{SHOP[0].sender}|{SHOP[0].signal}|{SHOP[0].receiver}", "elsewhere.signal", "a.M"): 3}
    layout = layout_wiring(build_wiring([], SHOP, edges=edges))
    assert [(stub.receiver, stub.count) for stub in layout.stubs] == [(f"receiver:{SHOP[0].receiver}", 3)]
    assert layout.causes == []


SCRIPT = """
import random, sys
from wirings import generated
from signalgraph.graph.build import build_wiring
from signalgraph.graph.layout import cut_apart, layout_wiring
rows, edges = generated(60)
random.Random(int(sys.argv[1])).shuffle(rows)
edges = dict(random.Random(int(sys.argv[1])).sample(sorted(edges.items()), len(edges)))
layout = layout_wiring(build_wiring([], rows, edges=edges, stats={}))
sys.stdout.write(repr(layout))
"""


def test_the_layout_is_the_same_to_the_byte_in_every_process():
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


def boxes_in(rows):
    found = {("receiver", row.receiver) for row in rows} | {("signal", row.signal) for row in rows}
    return found | {("sender", row.sender) for row in rows if row.sender != "*"}


def without_one(rows, chance):
    """The rows without those of one box, such that no other box goes with it."""
    while True:
        kind, name = chance.choice(sorted(boxes_in(rows)))
        left = [row for row in rows if getattr(row, kind) != name]
        if len(boxes_in(rows)) == len(boxes_in(left)) + 1:
            return left


def moved(before: Layout, after: Layout) -> tuple[int, float]:
    """How many pairs of boxes have changed their order in a column, and how far boxes have moved, of the diagonal."""
    inverted = 0
    for kind in ("sender", "signal", "receiver"):
        column = sorted(before.column(kind), key=lambda box: box.y)
        now = [after.nodes[box.id].y for box in column if box.id in after.nodes]
        inverted += sum(one > other for one, other in combinations(now, 2))
    kept = [(box, after.nodes[one]) for one, box in before.nodes.items() if box.kind != "port" and one in after.nodes]
    distances = [math.hypot(box.x - now.x, box.y - now.y) for box, now in kept]
    return inverted, sum(distances) / len(distances) / math.hypot(after.width, after.height)


@pytest.mark.parametrize("make", [project, uniform])
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_box_more_near_a_layout_inverts_nothing_and_moves_little(make, seed):
    """Wherever it comes: the others keep their order, and move by less than 1 % of the diagonal on average."""
    rows, chance = make(100, seed), random.Random(seed)
    for _ in range(3):
        before = layout_wiring(build_wiring([], without_one(rows, chance)))
        after = layout_wiring(build_wiring([], rows), near=before)
        inverted, distance = moved(before, after)
        assert inverted == 0
        assert distance < 0.01


@patiently
@given(wirings(), wirings())
def test_near_any_other_layout_every_promise_is_kept(one, other):
    """Whatever was drawn before: nothing overlaps, no line crosses a box, and what is in both keeps its order."""
    before = layout_wiring(build_wiring([], other[0], edges=other[1], stats={}))
    layout = layout_wiring(build_wiring([], one[0], edges=one[1], stats={}), near=before)
    assert overlapping(layout) == []
    assert crossed_by_lines(layout) == []
    assert crossed_by_routes(layout) == []
    assert set(layout.nodes) == set(layout_wiring(build_wiring([], one[0], edges=one[1], stats={})).nodes)
    if layout.nodes and before.nodes.keys() & layout.nodes.keys():
        assert moved(before, layout)[0] == 0


def test_near_itself_a_layout_stays_as_it_is():
    """Nothing new, nothing moved."""
    rows, edges = generated(40)
    graph = build_wiring([], rows, edges=edges, stats={})
    layout = layout_wiring(graph)
    assert {one: box.y for one, box in layout_wiring(graph, near=layout).nodes.items()} == {
        one: box.y for one, box in layout.nodes.items()
    }


def test_the_page_lays_out_near_what_it_drew_and_afresh_what_is_another(monkeypatch):
    """A receiver more keeps the others in order; another filter's picture owes nothing to this one."""
    monkeypatch.setattr(page, "_layouts", {})
    rows = project(100, 3)
    smaller, whole, other = (build_view(Material([], found, found), Ask()) for found in (rows[:-1], rows, rows[:40]))
    before = page.read_layout(smaller)
    assert moved(before, page.read_layout(whole))[0] == 0
    assert page.read_layout(other) == layout_wiring(other)


def test_what_is_new_stands_where_its_lines_cross_nothing():
    """Beside what it is joined to, not at the end."""
    rows = [connect(f"a.signals.s{n}", f"a.M{n}", f"a.receivers.r{n}") for n in range(6)]
    before = layout_wiring(build_wiring([], rows))
    more = build_wiring([], [*rows, connect("a.signals.s1", "a.M1", "a.receivers.zz", 2)])
    after = layout_wiring(more, near=before)
    column = [box.label for box in sorted(after.column("receiver"), key=lambda box: box.y)]
    assert abs(column.index("zz") - column.index("r1")) == 1


@pytest.mark.parametrize(("make", "most"), [(project, 1080), (uniform, 240)])
def test_crossings_stay_as_few_as_they_are(make, most):
    """A bound just above the sum over seeds at 100 boxes, which `python -m benchmarks --layout` compares with dot's."""
    graphs = [build_wiring([], make(100, seed)) for seed in range(1, 11)]
    assert sum(crossings(order_wiring(graph), graph) for graph in graphs) / len(graphs) < most


def test_sifting_saves_what_it_says():
    """The crossings before and after differ by its answer, and it never adds any."""
    chance = random.Random(1)
    for _ in range(50):
        lines = [sorted(chance.sample(range(8), chance.randint(0, 3))) for _ in range(9)]
        order = list(range(9))
        before = count_crossings(order, lines, range(8))
        saved = sift(order, lines, 8, 8)
        assert before - count_crossings(order, lines, range(8)) == saved
        assert sorted(order) == list(range(9))


def test_keeping_moves_only_what_has_to_make_room():
    """A new box between two pushes them apart by as little as it needs, and leaves the third alone."""
    column = Column(["a", "new", "b", "c"], [10, 10, 10, 10], [0, 4, 4, 4, 0])
    keep([column], [], 0, {"a": 40, "b": 54, "c": 200})
    tops = dict(zip(column.names, column.tops, strict=True))
    assert tops["c"] == 200
    assert tops["b"] - tops["a"] == 28
    assert (40 - tops["a"], tops["b"] - 54) == (7, 7)


def test_labels_are_cut_in_the_middle():
    """Both ends say more than the middle; what fits is left alone."""
    assert cut("short", 5) == "short"
    assert cut("a_very_long_receiver_name", 11) == "a_ver…_name"
    assert all(len(cut("x" * 40, limit)) == limit for limit in range(3, 41))


def test_placing_keeps_the_order_and_the_gaps():
    """A box pulled above its neighbour stops at the gap below it."""
    column = Column(["a", "b"], [10, 10], [0, 4, 0])
    beside = Column(["x", "y"], [10, 10], [0, 80, 0])
    place([column, beside], [Joint("a", "y", 0, 0), Joint("b", "x", 0, 0)], top=0)
    assert column.tops[1] - column.tops[0] == 14
    assert beside.tops == [0, 90]


def test_isotonic_is_the_nearest_rising_sequence():
    """Rising input is left as it is; falling input becomes its weighted mean."""
    assert isotonic([1.0, 2.0, 2.0], [1.0, 1.0, 1.0]) == [1.0, 2.0, 2.0]
    assert isotonic([4.0, 1.0], [2.0, 1.0]) == [3.0, 3.0]


def test_labels_that_are_cut_never_read_the_same():
    """Three notifiers of a workflow, as Wagtail has them, differ in the middle, which is where a label is cut."""
    labels = [f"WorkflowState{what}EmailNotifier()" for what in ("Approval", "Rejection", "Submission")]
    shown = cut_apart([*labels, "a_short_one", "an_other_receiver_with_a_long_name"], 26)
    assert len(set(shown.values())) == 5
    assert shown["a_short_one"] == "a_short_one"
    assert len(shown["an_other_receiver_with_a_long_name"]) == 26
