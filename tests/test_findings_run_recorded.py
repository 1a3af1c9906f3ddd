"""Run-time rules on what the recorder itself has told of real signals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction
from django.dispatch import Signal
from ledger import recorded

from signalgraph import findings, recorder
from signalgraph.findings.rules.blocked_loops import BUSY_US
from signalgraph.findings.rules.thread_hops import FEWEST
from signalgraph.findings.traffic import read_traffic
from signalgraph.index import Index

placed = Signal()
shipped = Signal()

Find = Callable[[], dict[str, str]]


class Failure(Exception):
    """Of the project."""


@pytest.fixture
def find(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[Find]:
    """The sentences of what is found, by the rule and the name of the receiver."""
    with recorded(request.node.name, django_db_blocker, "ledger") as recording:

        def found() -> dict[str, str]:
            recorder.flush()
            every = findings.find_run(read_traffic(Index(recording.log), slow_ms=10_000))
            return {f"{each.rule} {each.subject.rpartition('.')[2]}": each.sentence for each in every}

        yield found
        for signal in (placed, shipped):
            signal.receivers.clear()
            signal.sender_receivers_cache.clear()


def fails(**kwargs: Any) -> None:
    raise Failure


def counts(**kwargs: Any) -> None:
    pass


def ships(depth: int = 0, **kwargs: Any) -> None:
    shipped.send("shop", depth=depth)


def places_again(depth: int, **kwargs: Any) -> None:
    if depth < 2:
        placed.send("shop", depth=depth + 1)


async def blocks(**kwargs: Any) -> None:
    time.sleep(BUSY_US / 1e6)  # noqa: ASYNC251 - the fault


async def waits(**kwargs: Any) -> None:
    await asyncio.sleep(BUSY_US / 1e6)


def test_the_receivers_that_an_error_stopped_are_found(find: Find) -> None:
    """And not those of a transaction that was rolled back for it."""
    placed.connect(fails)
    placed.connect(counts)
    with suppress(Failure), transaction.atomic(using="ledger"):
        placed.send("shop")
    assert find() == {}
    with suppress(Failure):
        placed.send("shop")
    name = "test_findings_run_recorded"
    assert find() == {"SG208 fails": f"Failure in {name}.fails kept {name}.counts from hearing of placed."}


def test_a_circle_of_two_signals_is_found(find: Find) -> None:
    """With what lies between, although a condition ends it."""
    placed.connect(ships)
    shipped.connect(places_again)
    placed.send("shop")
    name = "test_findings_run_recorded"
    assert find() == {"SG202 ships": f"{name}.ships comes back to itself by way of {name}.places_again."}


def test_a_coroutine_that_sleeps_on_the_loop_is_found_and_one_that_awaits_is_not(find: Find) -> None:
    """Whether the time was spent on the loop is what counts."""
    placed.connect(blocks)
    placed.connect(waits)
    asyncio.run(placed.asend("shop"))
    assert list(find()) == ["SG212 blocks"]


def test_a_function_under_asend_is_found_unless_it_sends(find: Find) -> None:
    """What sends may well query, for which it needs the thread."""
    placed.connect(counts)
    for _ in range(FEWEST):
        asyncio.run(placed.asend("shop"))
    assert list(find()) == ["SG213 counts"]
    shipped.connect(counts)
    placed.connect(ships)
    asyncio.run(placed.asend("shop"))
    assert find() == {}
