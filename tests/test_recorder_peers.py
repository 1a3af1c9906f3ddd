"""Other tools on the same methods: in every order of coming and going they work, nothing runs twice, and what is told is
right, or said to be unknown."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from django.dispatch import Signal
from test_recorder import Reading, Recording

from signalgraph import recorder
from signalgraph.events import Dispatch
from signalgraph.log import open_log
from signalgraph.recorder import faults, patches
from signalgraph.recorder.clock import CURRENT

METHODS = ("send", "send_robust", "asend", "asend_robust")
NAMES = (*METHODS, "_live_receivers", "_log_robust_failure", "connect", "disconnect")
ORIGINALS = {name: vars(Signal)[name] for name in NAMES}
INNER = "test_recorder_peers.inner"


class Order:
    """A sender."""


ran: list[str] = []
inner = Signal()
outer = Signal()


def first(sender, **kwargs):
    ran.append("first")
    return "first"


def second(sender, **kwargs):
    ran.append("second")
    inner.send(sender)
    return "second"


class Ledger:
    def third(self, sender, **kwargs):
        ran.append("third")
        return "third"


async def fourth(sender, **kwargs):
    await asyncio.sleep(0)
    await inner.asend(sender)
    ran.append("fourth")
    return "fourth"


def hears(sender, **kwargs):
    ran.append("hears")


ledger = Ledger()
RECEIVERS = ("first", "second", "third", "fourth")


@pytest.fixture(autouse=True)
def _connected() -> Iterator[None]:
    inner.connect(hears)
    outer.connect(first)
    outer.connect(second, sender=Order)
    outer.connect(ledger.third)
    outer.connect(fourth)
    yield
    for signal in (inner, outer):
        signal.receivers.clear()
    left = {name: vars(Signal)[name] for name in NAMES}
    for name, original in ORIGINALS.items():
        setattr(Signal, name, original)  # so that one failure is one
    assert left == ORIGINALS, "left behind"
    assert "__init_subclass__" not in vars(Signal)
    assert CURRENT.get() is None
    assert not faults.counted


def call(signal: Signal, method: str) -> Any:
    found = getattr(signal, method)(Order)
    return asyncio.run(found) if inspect.iscoroutine(found) else found


class Tool:
    """Another tool that replaces a method of `Signal`. `seen` counts what it is there for."""

    names: tuple[str, ...] = METHODS

    def __init__(self) -> None:
        self.seen = 0

    def come(self) -> None:
        self.former = {name: vars(Signal)[name] for name in self.names}
        for name, former in self.former.items():
            setattr(Signal, name, self.replacement(name, former))

    def go(self) -> None:
        for name, former in self.former.items():
            setattr(Signal, name, former)

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        raise NotImplementedError


class Calling(Tool):
    """Counts each dispatch and calls the former method; tells nobody that it wraps it."""

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        def send(signal, sender, **named):
            self.seen += signal is outer
            return former(signal, sender, **named)

        async def asend(signal, sender, **named):
            self.seen += signal is outer
            return await former(signal, sender, **named)

        return asend if inspect.iscoroutinefunction(former) else send


class Wrapping(Calling):
    """The same with `functools.wraps`."""

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        return functools.wraps(former)(super().replacement(name, former))


class Replacing(Tool):
    """Runs the receivers itself; the former method is never called."""

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        def send(signal, sender, **named):
            self.seen += signal is outer
            sync, concurrent = signal._live_receivers(sender)
            found = [(each, each(signal=signal, sender=sender, **named)) for each in sync]
            return found + [(each, asyncio.run(each(signal=signal, sender=sender, **named))) for each in concurrent]

        async def asend(signal, sender, **named):
            self.seen += signal is outer
            sync, concurrent = signal._live_receivers(sender)
            found = [(each, each(signal=signal, sender=sender, **named)) for each in sync]
            return found + [(each, await each(signal=signal, sender=sender, **named)) for each in concurrent]

        return asend if inspect.iscoroutinefunction(former) else send


class Mocking(Calling):
    """`mock.patch` on the class, with what was there as its side effect."""

    def come(self) -> None:
        self.patchers = [
            mock.patch.object(
                Signal, name, autospec=True, side_effect=super(Mocking, self).replacement(name, vars(Signal)[name])
            )
            for name in self.names
        ]
        for patcher in self.patchers:
            patcher.start()

    def go(self) -> None:
        for patcher in self.patchers:
            patcher.stop()


class Handing(Tool):
    """Hands out new lists of receivers in functions of its own, as tracers do."""

    names = ("_live_receivers",)

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        def wrapped(receiver):
            @functools.wraps(receiver)
            def call(*args, **named):
                self.seen += receiver == ledger.third
                return receiver(*args, **named)

            return call

        def _live_receivers(signal, sender):
            sync, concurrent = former(signal, sender)
            return [wrapped(receiver) for receiver in sync], concurrent

        return _live_receivers


class InPlace(Handing):
    """The same in the list that it was given, as sentry-sdk does."""

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        handing = super().replacement(name, former)

        def _live_receivers(signal, sender):
            kept = former(signal, sender)
            for position, receiver in enumerate(handing(signal, sender)[0]):
                kept[0][position] = receiver
            return kept

        return _live_receivers


TOOLS = {tool.__name__: tool for tool in (Calling, Wrapping, Replacing, Mocking, Handing, InPlace)}
ORDERS = ("T+ U+ T- U-", "T+ U+ U- T-", "U+ T+ T- U-", "U+ T+ U- T-", "U+ T+ U- U+ T- U-", "T+ U+ U- U+ U- T-")


class Scene:
    """The tool and the recorder come and go; after each step a dispatch is looked at from all sides."""

    def __init__(self, tool: Any, ticks: bool, name: str) -> None:
        self.tool, self.ticks, self.log = tool, ticks, open_log(f"memory://{name}", writer=True)
        self.has_tool = self.has_us = False
        self.known: set[int] = set()

    def step(self, step: str) -> None:
        if step == "T+":
            self.tool.come()
        elif step == "T-":
            self.tool.go()
        elif step == "U+":
            recorder.start(self.log)
        else:
            recorder.stop()
        self.has_tool = step == "T+" or (self.has_tool and step != "T-")
        self.has_us = step == "U+" or (self.has_us and step != "U-")
        if self.ticks and self.has_us:
            patches.install()  # as the flusher does each second

    def look(self, method: str) -> None:
        ran.clear()
        self.tool.seen = 0
        responses = call(outer, method)
        assert [response for _, response in responses] == list(RECEIVERS)
        assert sorted(ran) == sorted([*RECEIVERS, "hears", "hears"]), "each ran once"
        assert self.tool.seen == self.has_tool, "the tool does its work, once"
        if not (self.has_tool and isinstance(self.tool, Handing)):
            assert [receiver for receiver, _ in responses] == [first, second, ledger.third, fourth]
            assert type(responses[0][0]) is type(first)
        if self.has_us:
            self.check_log(method)

    def check_log(self, method: str) -> None:
        reading = Recording(self.log).read()
        new = [(batch, told) for batch, told in reading.dispatches if told.span not in self.known]
        self.known |= {told.span for _, told in new}
        found = [(batch, told) for batch, told in new if batch.signals[told.signal].endswith("outer")]
        children = [told for batch, told in new if batch.signals[told.signal].endswith("inner")]
        if not found and not self.ticks:
            return  # the tool has put something back that was older than ours, a moment ago
        [(batch, told)] = found
        check_told(reading, batch, told, children, method)
        if self.ticks:
            assert reading.statuses(told) == ["returned"] * 4, "timed"
            assert len(children) == 2


def check_told(reading: Reading, batch: Any, told: Dispatch, children: list[Dispatch], method: str) -> None:
    """Right, or said to be unknown."""
    names = reading.receivers(batch, told)
    assert sorted(names) in (sorted(RECEIVERS), []), "their own names"
    senders = {batch.senders[batch.connections[call.connection][1]] for call in told.calls if is_second(batch, call)}
    assert senders <= {f"{__name__}.Order"}, "their own connections"
    assert set(reading.statuses(told)) <= {"returned", "not timed"}
    timed = {place: name for place, name in enumerate(names, 1) if reading.statuses(told)[place - 1] == "returned"}
    parents = {timed.get(child.parent - told.span, child.parent - told.span) for child in children}
    assert parents <= {0, "second", "fourth"}, "a parent that ran, or the dispatch"


def is_second(batch: Any, each: Any) -> bool:
    return batch.receivers[batch.connections[each.connection][2]].endswith("second")


@pytest.mark.parametrize("ticks", [True, False], ids=["settled", "at once"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("tool", TOOLS)
def test_tools_come_and_go(tool: str, order: str, ticks: bool, request: pytest.FixtureRequest) -> None:
    """Whoever comes first and whoever goes first: the tool works, nothing runs twice, the log is right or says that it
    doesn't know, and at the end Django's own objects are back."""
    scene = Scene(TOOLS[tool](), ticks, request.node.name)
    try:
        for step in order.split():
            scene.step(step)
            for method in METHODS:
                scene.look(method)
    finally:
        recorder.stop()
        scene.log.close()
