"""What the demo's visitors want to do: a seeded sequence that doesn't depend on what the site answers."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from dashboard.books import BOOKS

MOST_STEPS = 25  # of one visit, after arriving

# How often a visitor who has arrived does what, per 1,000 steps.
WEIGHTS = {
    "browse": 210,
    "search": 60,
    "open_book": 180,
    "read": 200,
    "availability": 40,
    "stock": 30,
    "order": 130,
    "order_too_many": 20,
    "orders": 30,
    "cancel": 30,
    "add_book": 20,
    "upload": 15,
    "delete": 12,
    "delete_featured": 8,
    "sign": 13,
    "fail": 2,
}


class Action(NamedTuple):
    """One request's worth of a visit. `book` is a position in `BOOKS`; `visitor` a place that visits follow on."""

    visitor: int
    visit: int
    name: str
    book: int
    number: int


def plan(seed: int, visitors: int) -> Iterator[Action]:
    """Yield what `visitors` visitors at a time do, for ever. The same arguments give the same sequence."""
    rng = random.Random(seed)
    visits = 0
    steps: dict[int, Iterator[tuple[int, str]]] = {}
    while True:
        visitor = rng.randrange(visitors)
        step = next(steps.get(visitor, iter(())), None)
        if step is None:
            steps[visitor] = _visit(visits, random.Random(rng.random()))
            visits += 1
            step = next(steps[visitor])
        visit, name = step
        yield Action(visitor, visit, name, rng.randrange(len(BOOKS)), rng.randint(1, 3))


def _visit(visit: int, rng: random.Random) -> Iterator[tuple[int, str]]:
    """Yield the steps of one visit: look around, register or log in, do things, leave."""
    names = ["browse"]
    if rng.random() < 0.2:
        names.append("log_in_wrong")
    names.append("register" if visit < 4 or rng.random() < 0.4 else "log_in")
    names += rng.choices(list(WEIGHTS), weights=list(WEIGHTS.values()), k=rng.randint(4, MOST_STEPS))
    if rng.random() < 0.7:
        names.append("log_out")
    for name in names:
        yield visit, name
