"""How fast wirings are laid out, and how many lines cross beside Graphviz' dot: `python -m benchmarks --layout`.

Seeds are fixed, so crossings are the same everywhere; times are of this process' CPU, the least of three. Two kinds of
wiring: `project` is made as projects are (apps whose receivers hear mostly their own models, a few signals that all
models share, some receivers for any sender), `uniform` joins anything with anything and has nothing to be found.

dot gets the same graph: a node for each sender, port and receiver, a cluster for each signal's ports, so that they stay
beside each other as they do in a box. Its order of nodes in each rank is put into our columns (a signal where the mean
of its ports is, a port for any sender last) and counted by the same counter. dot is also asked without clusters; the
better of its answers counts.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from time import process_time

import networkx as nx

from signalgraph.events import ConnectionInfo
from signalgraph.graph.build import build_wiring
from signalgraph.graph.layout import layout_wiring
from signalgraph.graph.ordering import Order, crossings, order_wiring

SEEDS = range(1, 11)
MOST_S = {100: 0.05, 1_000: 0.5, 3_000: 5.0}
MOST_CROSSINGS = {100: 1.1, 300: 1.0, 1_000: 1.0}  # of dot's, over all seeds
COLUMNS = "{:<26} {:>10} {:>10} {:>12} {:>8}"
MODEL_SIGNALS = ("post_save", "pre_save", "post_delete", "pre_delete", "m2m_changed", "post_init")


def project(boxes: int, seed: int) -> list[ConnectionInfo]:
    """A wiring of about so many senders, signals and receivers, in apps of about thirty."""
    chance = random.Random(seed)
    apps = [f"app{place:02}" for place in range(max(2, boxes // 30))]
    models = {app: [f"{app}.Model{place}" for place in range(chance.randint(3, 9))] for app in apps}
    signals = {app: [f"{app}.signals.signal_{place}" for place in range(chance.randint(1, 9))] for app in apps}
    rows: list[ConnectionInfo] = []
    seen: set[tuple[str, str, str]] = set()
    drawn: set[tuple[str, str]] = set()
    while len(drawn) < boxes:
        own = chance.choice(apps)
        receiver = f"{own}.receivers.receiver_{len(drawn)}_{len(rows)}"
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            app = own if chance.random() < 0.75 else chance.choice(apps)
            shared = f"django.db.models.signals.{chance.choice(MODEL_SIGNALS)}"
            signal = shared if chance.random() < 0.6 else chance.choice(signals[app])
            sender = "*" if chance.random() < 0.08 else chance.choice(models[app])
            if (signal, sender, receiver) in seen:
                continue
            seen.add((signal, sender, receiver))
            rows.append(ConnectionInfo(signal, sender, receiver, None, True, False, len(rows) + 1, None, None))
            drawn |= {("signal", signal), ("receiver", receiver)} | ({("sender", sender)} if sender != "*" else set())
    return rows


def uniform(boxes: int, seed: int) -> list[ConnectionInfo]:
    """A wiring of about so many boxes without any structure."""
    chance = random.Random(seed)
    count = round(boxes / 3.24)
    senders = ["*", *(f"app{place % 7}.Model{place}" for place in range(count // 2 + 1))]
    rows: list[ConnectionInfo] = []
    for place in range(count):
        signal = f"app{place % 7}.signals.signal_{place}"
        for order in range(1, chance.randint(1, 3) + 1):
            receiver = f"app{chance.randint(0, 6)}.receivers.receiver_{chance.randint(0, count)}"
            sender = chance.choice(senders)
            rows.append(ConnectionInfo(signal, sender, receiver, None, True, False, order, None, None))
    return rows


KINDS: dict[str, Callable[[int, int], list[ConnectionInfo]]] = {"project": project, "uniform": uniform}


def compare_layouts() -> list[str]:
    """Show both tables; the names of missed bars."""
    missed = [*_times()]
    if find_spec("pygraphviz") is None:
        _write(
            "\nNot installed: pygraphviz, so dot is not compared. pip install 'django-signalgraph[bench]' brings it."
        )
        return missed
    return [*missed, *_crossings()]


def _times() -> Iterator[str]:
    _write(COLUMNS.format("layout", "boxes", "mean ms", "worst ms", "bar ms"))
    for boxes, most_s in MOST_S.items():
        for kind, make in KINDS.items():
            graphs = [build_wiring([], make(boxes, seed), stats={}) for seed in SEEDS]
            spent = [_seconds(graph) for graph in graphs]
            name = f"{kind}, {boxes:,} boxes"
            drawn = sum(map(_boxes, graphs)) / len(graphs)
            row = (name, f"{drawn:,.0f}", f"{1000 * sum(spent) / len(spent):,.0f}", f"{1000 * max(spent):,.0f}")
            yield from _judged(row, 1000 * most_s, 1000 * max(spent))


def _crossings() -> Iterator[str]:
    _write("\n" + COLUMNS.format("crossings", "ours", "dot", "(worst)", "bar"))
    for boxes, most in MOST_CROSSINGS.items():
        for kind, make in KINDS.items():
            graphs = [build_wiring([], make(boxes, seed)) for seed in SEEDS]
            pairs = [(crossings(order_wiring(graph), graph), _of_dot(graph)) for graph in graphs]
            ours, theirs = sum(one for one, _ in pairs), sum(other for _, other in pairs)
            worst = max(one / max(other, 1) for one, other in pairs)
            row = (f"{kind}, {boxes:,} boxes", f"{ours:,}", f"{theirs:,}", f"{ours / theirs:.2f} ({worst:.2f})")
            yield from _judged(row, most, ours / theirs)


def _judged(row: tuple[str, str, str, str], most: float, found: float) -> Iterator[str]:
    _write(COLUMNS.format(*row, f"{most:g}") + ("  missed" if found > most else ""))
    if found > most:
        yield row[0]


def _seconds(graph: nx.DiGraph[str]) -> float:
    spent = []
    for _ in range(3):
        start = process_time()
        layout_wiring(graph)
        spent.append(process_time() - start)
    return min(spent)


def _boxes(graph: nx.DiGraph[str]) -> int:
    return len(graph.graph["signals"]) + sum(data["kind"] != "port" for _, data in graph.nodes(data=True))


def _of_dot(graph: nx.DiGraph[str]) -> int:
    return min(crossings(order_of_dot(graph, clustered=clustered), graph) for clustered in (True, False))


def order_of_dot(graph: nx.DiGraph[str], *, clustered: bool) -> Order:
    """What dot makes of a wiring graph, in our columns."""
    import pygraphviz

    drawing = pygraphviz.AGraph(directed=True, rankdir="LR")
    numbers = {node: str(place) for place, node in enumerate(sorted(graph))}
    for node, number in numbers.items():
        drawing.add_node(number, label="", shape="box", width=0.3, height=0.2, name=node)
    for place, ports in enumerate(graph.graph["signals"].values() if clustered else ()):
        drawing.add_subgraph([numbers[port] for port in ports], name=f"cluster_{place}")
    drawing.add_edges_from((numbers[source], numbers[target]) for source, target in sorted(graph.edges))
    drawing.layout("dot")
    y = {node: -float(drawing.get_node(number).attr["pos"].split(",")[1]) for node, number in numbers.items()}

    def column(kind: str) -> list[str]:
        return sorted((node for node in graph if graph.nodes[node]["kind"] == kind), key=lambda node: (y[node], node))

    signals = graph.graph["signals"]
    rows = {
        signal: sorted(ports, key=lambda port: (graph.nodes[port]["any"], y[port])) for signal, ports in signals.items()
    }
    middles = {signal: sum(y[port] for port in ports) / len(ports) for signal, ports in signals.items()}
    return Order(column("sender"), sorted(middles, key=lambda one: (middles[one], one)), rows, column("receiver"))


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
