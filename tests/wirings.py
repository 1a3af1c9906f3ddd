"""Wirings for tests: a small shop, a large generated one, and hypothesis' strategy for any."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from signalgraph.events import ConnectionInfo, SignalInfo
from signalgraph.graph.build import connection_id
from signalgraph.graph.figures import Figures

POST_SAVE = "django.db.models.signals.post_save"
ORDER_PLACED = "shop.signals.order_placed"
STOCK_LOW = "shop.signals.stock_low"


patiently = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def connect(signal: str, sender: str, receiver: str, order: int = 1, *, is_async: bool = False) -> ConnectionInfo:
    return ConnectionInfo(signal, sender, receiver, None, True, is_async, order, None, None)


def signals_of(connections: list[ConnectionInfo]) -> list[SignalInfo]:
    names = sorted({row.signal for row in connections})
    return [SignalInfo(f"signal:{name}", name, [], "django.dispatch.Signal", 1) for name in names]


SHOP = [
    connect(POST_SAVE, "shop.Order", "shop.receivers.recount_orders"),
    connect(POST_SAVE, "shop.StockItem", "shop.receivers.check_stock", 2),
    connect(POST_SAVE, "library.Book", "library.receivers.index", 3),
    connect(POST_SAVE, "library.Author", "library.receivers.index", 4),
    connect(POST_SAVE, "*", "telemetry.audit.ModelAudit()", 5),
    connect(ORDER_PLACED, "shop.Order", "shop.receivers.reserve_stock"),
    connect(ORDER_PLACED, "shop.Order", "shop.receivers.send_receipt", 2),
    connect(ORDER_PLACED, "shop.Order", "shop.receivers.notify_warehouse", 3, is_async=True),
    connect(STOCK_LOW, "shop.StockItem", "shop.receivers.create_reorder"),
]
SHOP_EDGES = {
    (f"connection:shop.Order|{ORDER_PLACED}|shop.receivers.reserve_stock", POST_SAVE, "shop.StockItem"): 128,
    (f"connection:shop.StockItem|{POST_SAVE}|shop.receivers.check_stock", STOCK_LOW, "shop.StockItem"): 9,
}
SHOP_STATS = {
    connection_id(row): Figures(calls=10 * place, errors=place == 2, rate_per_s=place / 2)
    for place, row in enumerate(SHOP)
}


def generated(signals: int, seed: int = 1) -> tuple[list[ConnectionInfo], dict[tuple[str, str, str], int]]:
    """About 13 boxes for every 5 signals, with causal edges; the same seed gives the same."""
    chance = random.Random(seed)
    senders = ["*", *(f"app{place % 7}.Model{place}" for place in range(signals // 2 + 1))]
    rows = []
    for place in range(signals):
        name = f"app{place % 7}.signals.signal_{place}"
        for order in range(1, chance.randint(1, 3) + 1):
            receiver = f"app{chance.randint(0, 6)}.receivers.receiver_{chance.randint(0, signals)}"
            rows.append(connect(name, chance.choice(senders), receiver, order))
    edges = {}
    for _ in range(signals // 4):
        cause, effect = chance.choice(rows), chance.choice(rows)
        sender = chance.choice(senders[1:]) if effect.sender == "*" else effect.sender
        edges[connection_id(cause), effect.signal, sender] = chance.randint(1, 5000)
    return rows, edges


@st.composite
def wirings(draw: st.DrawFn) -> tuple[list[ConnectionInfo], dict[tuple[str, str, str], int]]:
    """Any wiring of a few names, so that they meet often, and any causal edges among its connections."""
    triples = st.tuples(
        st.sampled_from([f"app.signals.s{n}" for n in range(5)]),
        st.sampled_from(["*", "None", '"text"', *(f"app.M{n}" for n in range(5))]),
        st.sampled_from([f"app.receivers.r{n}" for n in range(8)]),
    )
    found = draw(st.lists(triples, unique=True, max_size=24))
    rows = [connect(*triple, order) for order, triple in enumerate(found, 1)]
    if not rows:
        return rows, {}
    keys = st.tuples(
        st.sampled_from([connection_id(row) for row in rows]),
        st.sampled_from([f"app.signals.s{n}" for n in range(5)]),
        st.sampled_from([f"app.M{n}" for n in range(7)]),
    )
    return rows, draw(st.dictionaries(keys, st.integers(1, 10**6), max_size=8))
