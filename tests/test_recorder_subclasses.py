"""Signals whose dispatch methods are the project's own: plugin systems, filters, chains, and methods by other names."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import functools
import gc
import inspect
import pickle
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.db import connection
from django.dispatch import Signal
from django.dispatch.dispatcher import NO_RECEIVERS
from test_recorder import Recording

import signalgraph
from signalgraph import recorder
from signalgraph.events import METHODS, STATUSES
from signalgraph.log import open_log
from signalgraph.recorder import dispatching, faults, patches
from signalgraph.recorder.clock import CURRENT


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    log = open_log(f"memory://{request.node.name}", writer=True)
    recorder.start(log)
    yield Recording(log)
    recorder.stop()
    log.close()
    assert not faults.counted
    assert CURRENT.get() is None
    assert not dispatching.OPEN_ASYNC


class Order:
    """A sender."""


def first(sender, **kwargs):
    return "first"


def second(sender, **kwargs):
    return "second"


def fails(sender, **kwargs):
    raise LookupError("a message with a value")


async def coroutine(sender, **kwargs):
    await asyncio.sleep(0)
    return "coroutine"


child = Signal()


def dispatches_child(sender, **kwargs):
    child.send(sender)


@pytest.fixture(autouse=True)
def _child_is_heard() -> Iterator[None]:
    child.connect(first)
    yield
    child.receivers.clear()


class PluginSignal(Signal):
    """As plugin systems write it: runs what is active for the sender, in an order of its own."""

    inactive: frozenset[str] = frozenset()

    def _active(self, sender: Any) -> list[Any]:
        found = [each for each in self._live_receivers(sender)[0] if each.__name__ not in self.inactive]
        return sorted(found, key=lambda receiver: (receiver.__module__, receiver.__name__))

    def send(self, sender, **named):
        if not self.receivers or self.sender_receivers_cache.get(sender) is NO_RECEIVERS:
            return []
        return [(each, each(signal=self, sender=sender, **named)) for each in self._active(sender)]

    def send_robust(self, sender, **named):
        responses = []
        for receiver in self._active(sender):
            try:
                response = receiver(signal=self, sender=sender, **named)
            except Exception as error:  # noqa: BLE001
                self._log_robust_failure(receiver, error)
                response = error
            responses.append((receiver, response))
        return responses

    async def asend(self, sender, **named):
        sync, concurrent = self._live_receivers(sender)
        responses = [(each, each(signal=self, sender=sender, **named)) for each in sync]
        for receiver in concurrent:
            assert iscoroutinefunction(receiver)
            assert inspect.iscoroutinefunction(receiver)
            responses.append((receiver, await receiver(signal=self, sender=sender, **named)))
        return responses

    def send_chained(self, sender, value):
        for receiver in self._active(sender):
            value = receiver(signal=self, sender=sender, value=value)
        return value


def test_a_method_that_does_not_call_djangos_is_timed(recording: Recording) -> None:
    """Each receiver is told under its own name with its time, in the order in which it ran, and the line that sent."""
    signal = PluginSignal()
    signal.connect(second)
    signal.connect(first, sender=Order)
    responses = signal.send(Order, order=7)
    line = inspect.currentframe().f_lineno - 1
    assert responses == [(first, "first"), (second, "second")]
    assert responses[0][0] is first
    assert responses[1][0] is second
    reading = recording.read()
    [(batch, told)] = reading.dispatches
    assert reading.receivers(batch, told) == ["first", "second"]
    assert [batch.senders[batch.connections[call.connection][1]] for call in told.calls] == [f"{__name__}.Order", "*"]
    assert reading.statuses(told) == ["returned", "returned"]
    assert all(call.duration_ns is not None and call.offset_ns >= 0 for call in told.calls)
    assert batch.sites[told.site] == f"test_recorder_subclasses.py:{line}"
    assert (METHODS[told.method], told.arguments, told.parent) == ("send", ["order"], 0)


def test_only_those_that_a_filter_lets_through_are_told(recording: Recording) -> None:
    """A receiver that was skipped is not among the calls, and not counted."""
    signal = PluginSignal()
    signal.inactive = frozenset(("first",))
    signal.connect(first)
    signal.connect(second)
    assert signal.send(Order) == [(second, "second")]
    reading = recording.read()
    [(batch, told)] = reading.dispatches
    assert reading.receivers(batch, told) == ["second"]
    assert [key[2] for key, total in recording.log.totals().connections.items() if total.calls] == [
        f"{__name__}.second"
    ]


def test_a_dispatch_whose_receivers_are_all_skipped_is_unheard(recording: Recording) -> None:
    """Counted once, like any that nobody hears, whether nobody listens or nobody is let through."""
    signal = PluginSignal()
    signal.send(Order)
    signal.connect(first)
    signal.inactive = frozenset(("first",))
    signal.send(Order)
    signal.send_robust(Order)
    assert counted_unheard(recording) == 3
    assert recording.read().dispatches == []


def counted_unheard(recording: Recording) -> int:
    recorder.session._session.flusher._slow_at = 0.0
    batches = recording.read().batches
    return sum(count for batch in batches for _, count in batch.unheard)


@pytest.mark.parametrize("method", ["send", "send_robust", "asend"])
def test_errors_are_told_as_they_came(recording: Recording, method: str) -> None:
    """The receiver that raised is named with its error, also where the method goes on."""
    signal = PluginSignal()
    for receiver in (fails, first):
        signal.connect(receiver)
    if method == "send_robust":
        assert [type(response) for _, response in signal.send_robust(Order)] == [LookupError, str]
    else:
        with pytest.raises(LookupError):
            run(signal, method)
    reading = recording.read()
    [(batch, told)] = reading.dispatches
    assert STATUSES[told.status] == ("returned" if method == "send_robust" else "raised")
    assert reading.receivers(batch, told)[0] == "fails"
    assert reading.statuses(told) == (["raised", "returned"] if method == "send_robust" else ["raised"])
    assert told.calls[0].error == "LookupError"


def run(signal: Signal, method: str, sender: Any = Order) -> Any:
    found = getattr(signal, method)(sender)
    return asyncio.run(asyncio.wait_for(found, 5)) if inspect.iscoroutine(found) else found


def test_async_receivers_are_timed_and_told_by_name(recording: Recording) -> None:
    """A coroutine of the project's own `asend` is driven with its busy time."""
    signal = PluginSignal()
    signal.connect(first)
    signal.connect(coroutine)
    responses = run(signal, "asend")
    assert [receiver for receiver, _ in responses] == [first, coroutine]
    assert responses[1][0] is coroutine
    reading = recording.read()
    [(batch, told)] = reading.dispatches
    assert reading.receivers(batch, told) == ["first", "coroutine"]
    assert [call.busy_ns is not None for call in told.calls] == [False, True]


@pytest.mark.parametrize("method", ["send", "send_robust", "asend", "send_chained"])
def test_what_is_sent_in_a_receiver_hangs_on_it(recording: Recording, method: str) -> None:
    """The parent is the receiver call, by its place among those that ran."""
    signalgraph.instrument_dispatch(PluginSignal, "send_chained")
    signal = PluginSignal()
    signal.inactive = frozenset(("fails",))
    signal.connect(dispatches_child)
    if method != "asend":
        signal.connect(fails)
        signal.connect(calls_on_a_loop)
    if method == "send_chained":
        signal.send_chained(Order, value=1)
    else:
        run(signal, method)
    reading = recording.read()
    [outer] = [told for batch, told in reading.dispatches if told.parent == 0]
    parents = sorted(told.parent - outer.span for _, told in reading.of("child"))
    assert parents == ([1] if method == "asend" else [1, 2])
    assert {told.trace for _, told in reading.dispatches} == {outer.span}


def calls_on_a_loop(sender, **kwargs):
    async def sends():
        await asyncio.sleep(0)
        await child.asend(sender)

    async_to_sync(sends)()


@pytest.mark.django_db
def test_queries_are_of_the_receiver_that_made_them(recording: Recording) -> None:
    """Inside a receiver its own, in the method's body those of the receiver that called the method."""

    class Asking(Signal):
        def send(self, sender, **named):
            connection.cursor().execute("SELECT 1")
            return [(each, each(signal=self, sender=sender)) for each in self._live_receivers(sender)[0]]

    inner, outer = Asking(), Signal()

    def queries(sender, **kwargs):
        connection.cursor().execute("SELECT 2")
        connection.cursor().execute("SELECT 2")

    def sends(sender, **kwargs):
        inner.send(sender)

    inner.connect(queries)
    outer.connect(sends)
    outer.send(Order)
    reading = recording.read()
    told = {name: told for batch, told in reading.dispatches for name in reading.receivers(batch, told)}
    assert [call.queries for call in told["queries"].calls] == [2]
    assert [call.repeats for call in told["queries"].calls] == [2]
    assert [call.queries for call in told["sends"].calls] == [1]
    assert told["queries"].parent == told["sends"].span + 1


class Announcing(Signal):
    """Calls Django's method, with work of its own around."""

    def send(self, sender, **named):
        return super().send(sender, **named)

    def send_robust(self, sender, **named):
        if not self.has_listeners(sender):
            return []
        return super().send_robust(sender, **named)

    async def asend(self, sender, **named):
        await asyncio.sleep(0)
        return await super().asend(sender, **named)

    async def asend_robust(self, sender, **named):
        return await sync_to_async(super().send_robust)(sender, **named)


@pytest.mark.parametrize("method", ["send", "send_robust", "asend", "asend_robust"])
def test_a_method_that_calls_djangos_is_one_dispatch(recording: Recording, method: str) -> None:
    """Told by Django's own, with the line that called the outermost method; never two."""
    signal, outer = Announcing(), Signal()
    signal.connect(first)
    outer.connect(lambda sender, **kwargs: run(signal, method), weak=False)
    run(signal, method)
    assert outer.send(Order)
    reading = recording.read()
    top, [inner] = (
        [told for _, told in reading.dispatches if not told.parent],
        [told for _, told in reading.dispatches if told.parent],
    )
    assert len(top) == 2
    assert inner.parent in {told.span + 1 for told in top}
    sites = {batch.sites[told.site].rpartition(":")[0] for batch, told in reading.dispatches if told.site >= 0}
    assert sites <= {"test_recorder_subclasses.py"}
    if not method.startswith("a"):
        lines = {int(batch.sites[told.site].rpartition(":")[2]) for batch, told in reading.dispatches}
        assert not lines & set(lines_of(Announcing))


def lines_of(cls: type) -> range:
    source, start = inspect.getsourcelines(cls)
    return range(start, start + len(source))


def test_what_nobody_hears_is_counted_once(recording: Recording) -> None:
    """By Django's method if it is called, also after it has counted many, and by the class's own if not."""
    signal, plain = Announcing(), Signal()
    for _ in range(3):
        signal.send(Order)
        signal.send_robust(Order)
        asyncio.run(signal.asend(Order))
        Signal.send(signal, Order)
        plain.send(Order)
    signal.connect(first, sender="somebody else")
    signal.send(Order)
    assert counted_unheard(recording) == 16
    assert recording.read().dispatches == []


def test_methods_in_methods_are_one_dispatch(recording: Recording) -> None:
    """A class below a class below Django's: each overrides, and one dispatch is told with the outermost line."""

    class Louder(PluginSignal):
        def send(self, sender, **named):
            return super().send(sender, louder=True, **named)

    signal = Louder()
    signal.connect(first)
    assert signal.send(Order) == [(first, "first")]
    line = inspect.currentframe().f_lineno - 1
    reading = recording.read()
    [(batch, told)] = reading.dispatches
    assert batch.sites[told.site].endswith(f":{line}")
    assert reading.receivers(batch, told) == ["first"]


def test_a_method_of_its_own_nests_in_its_own_receiver(recording: Recording) -> None:
    """The same signal again, in a receiver: a dispatch of its own below it."""
    signal = PluginSignal()

    def again(sender, depth=2, **kwargs):
        if depth:
            signal.send(sender, depth=depth - 1)

    signal.connect(again)
    signal.send(Order)
    spans = sorted((told.span, told.parent) for _, told in recording.read().dispatches)
    assert [parent for _, parent in spans] == [0, spans[0][0] + 1, spans[1][0] + 1]


def test_other_signals_of_the_body_hang_on_what_is_known(recording: Recording) -> None:
    """Before a receiver has run, on the receiver around; after, on the dispatch with the receiver unknown."""

    class Framed(Signal):
        def send(self, sender, **named):
            child.send("before")
            found = [(each, each(signal=self, sender=sender)) for each in self._live_receivers(sender)[0]]
            child.send("after")
            return found

    signal, outer = Framed(), Signal()
    signal.connect(first)
    outer.connect(lambda sender, **kwargs: signal.send(sender), weak=False)
    outer.send(Order)
    reading = recording.read()
    parents = {batch.senders[told.sender]: told.parent for batch, told in reading.of("child")}
    [top] = [told for _, told in reading.dispatches if not told.parent]
    below = {told.span: told for _, told in reading.dispatches if told.parent == top.span + 1}
    [framed] = [told for span, told in below.items() if span not in {child.span for _, child in reading.of("child")}]
    assert parents == {'"before"': top.span + 1, '"after"': framed.span}


def test_receivers_on_other_threads_are_told(recording: Recording) -> None:
    """A method that runs its receivers in a pool: all are calls of the dispatch, with what they send below them."""

    class Pooled(Signal):
        def send(self, sender, **named):
            receivers = self._live_receivers(sender)[0]
            with ThreadPoolExecutor(4) as pool:
                run = pool.map(lambda each: each(signal=self, sender=sender), receivers)
                return list(zip(receivers, run, strict=True))

    signal = Pooled()
    ready = threading.Barrier(4, timeout=5)

    def make():
        def meets(sender, **kwargs):
            ready.wait()
            child.send(sender)

        return meets

    kept = [make() for _ in range(4)]
    for receiver in kept:
        signal.connect(receiver)
    assert [receiver for receiver, _ in signal.send(Order)] == kept
    reading = recording.read()
    [outer] = [told for _, told in reading.dispatches if not told.parent]
    assert reading.statuses(outer) == ["returned"] * 4
    assert sorted(told.parent - outer.span for _, told in reading.of("child")) == [1, 2, 3, 4]


def test_receivers_that_run_later_are_not_told_as_run(recording: Recording) -> None:
    """A method that puts its receivers off: called after it has returned, they run, and nothing wrong is said."""

    class Deferring(Signal):
        def send(self, sender, **named):
            self.waiting = self._live_receivers(sender)[0]
            return self.waiting

    signal = Deferring()
    signal.connect(dispatches_child)
    [waiting] = signal.send(Order)
    assert waiting is dispatches_child
    waiting(sender=Order)
    signal.waiting[0](sender=Order)
    reading = recording.read()
    assert [told.parent for _, told in reading.dispatches] == [0, 0]
    assert all(batch.signals[told.signal].endswith("child") for batch, told in reading.dispatches)


def test_a_method_that_reads_the_rows_itself_is_not_timed(recording: Recording) -> None:
    """Nobody can know who ran: the dispatch is counted as such, without receivers."""

    class ByHand(Signal):
        def send(self, sender, **named):
            return [(row[1](), row[1]()(signal=self, sender=sender)) for row in self.receivers]

    signal = ByHand()
    signal.connect(first)
    assert signal.send(Order) == [(first, "first")]
    [(batch, told)] = recording.read().dispatches
    assert told.calls == []
    assert batch.signal_totals[told.signal].untimed == 1
    assert batch.signal_totals[told.signal].calls == 0


def test_proxies_read_as_their_receivers(recording: Recording) -> None:
    """All that a method can ask of a receiver answers as without us."""
    seen = []

    class Looking(Signal):
        def send(self, sender, **named):
            seen.extend(self._live_receivers(sender)[0])
            for each in seen:
                each.__module__, each.__doc__  # noqa: B018
            return {each: (each, "response") for each in seen}

    def plain(sender, value=1, **kwargs):
        """A docstring."""

    class Callable_:
        weight = 3

        def __call__(self, sender, **kwargs):
            return self

        def __lt__(self, other):
            return self.weight < other.weight

        def __bool__(self):
            return False

        def method(self, sender, **kwargs):
            return self

    thing = Callable_()
    half = functools.partial(first, extra=1)
    signal = Looking()
    receivers = [plain, thing, thing.method, half]
    for receiver in receivers:
        signal.connect(receiver, weak=False)
    result = signal.send(Order)
    assert list(result) == receivers
    assert all(key is value for key, (value, _) in result.items())
    for proxy, receiver in zip(seen, receivers, strict=True):
        assert proxy == receiver
        assert receiver == proxy
        assert (proxy != receiver) is False
        assert hash(proxy) == hash(receiver)
        assert isinstance(proxy, type(receiver))
        assert repr(proxy) == repr(receiver)
        assert bool(proxy) == bool(receiver)
        assert callable(proxy)
        assert inspect.signature(proxy) == inspect.signature(receiver)
        assert copy.copy(proxy) == receiver
        assert dir(proxy) == dir(receiver)
        assert proxy.__module__ == receiver.__module__
        assert proxy in {receiver}
    assert [seen[0].__name__, seen[0].__qualname__, seen[0].__doc__] == ["plain", plain.__qualname__, "A docstring."]
    assert inspect.isfunction(seen[0])
    assert inspect.ismethod(seen[2])
    assert not seen[1] < thing
    assert seen[3].func is first
    seen[0].marked = True
    assert plain.marked
    del seen[0].marked
    assert not hasattr(plain, "marked")
    assert functools.wraps(seen[0])(lambda: 0).__name__ == "plain"
    with pytest.raises(AttributeError, match="nothing"):
        seen[0].nothing  # noqa: B018


def test_a_proxy_is_pickled_as_its_receiver(recording: Recording) -> None:
    """A method that sends its receivers to a worker sends their names."""

    class Queueing(Signal):
        def send(self, sender, **named):
            return pickle.dumps(self._live_receivers(sender)[0])

    signal = Queueing()
    signal.connect(first)
    assert pickle.loads(signal.send(Order)) == [first]


def test_a_receiver_can_be_disconnected_through_its_proxy(recording: Recording) -> None:
    """A method that drops receivers that fail."""

    class Dropping(Signal):
        def send(self, sender, **named):
            return [self.disconnect(each) for each in self._live_receivers(sender)[0]]

    signal = Dropping()
    signal.connect(first)
    assert signal.send(Order) == [True]
    assert signal.receivers == []


class Filtering(Signal):
    """Lets not every receiver through, with Django's own methods."""

    def _live_receivers(self, sender):
        receivers, concurrent = super()._live_receivers(sender)
        return [receiver for receiver in receivers if receiver is not second], concurrent


@pytest.mark.parametrize("method", ["send", "send_robust", "asend", "asend_robust"])
def test_a_filter_of_the_receivers_is_timed(recording: Recording, method: str) -> None:
    """Those that the class lets through, and no other."""
    signal = Filtering()
    for receiver in (first, second, dispatches_child, coroutine):
        signal.connect(receiver)
    assert [receiver for receiver, _ in run(signal, method)] == [first, dispatches_child, coroutine]
    reading = recording.read()
    [(batch, outer)] = [(batch, told) for batch, told in reading.dispatches if not told.parent]
    assert reading.receivers(batch, outer) == ["first", "dispatches_child", "coroutine"]
    assert reading.statuses(outer) == ["returned"] * 3
    assert [told.parent for _, told in reading.of("child")] == [outer.span + 2]


def test_a_list_that_was_changed_on_its_way_is_told_as_it_is(recording: Recording) -> None:
    """One that a signal's own attribute sorts and cuts: the receivers that Django's loop is given, in their order."""
    signal = Signal()
    plain = Signal._live_receivers

    def ours_changed(sender):
        sync, concurrent = plain(signal, sender)
        sync.reverse()
        del sync[0]
        return sync, concurrent

    for receiver in (first, second, dispatches_child):
        signal.connect(receiver)
    signal._live_receivers = ours_changed
    assert [receiver for receiver, _ in signal.send(Order)] == [second, first]
    reading = recording.read()
    [(batch, told)] = reading.dispatches
    assert reading.receivers(batch, told) == ["second", "first"]
    assert reading.statuses(told) == ["returned", "returned"]


def test_a_list_that_somebody_else_made_is_not_timed(recording: Recording) -> None:
    """Nobody knows whom Django's loop runs over: not timed, and what is sent in there has no receiver as its parent."""
    signal = Signal()
    plain = Signal._live_receivers
    signal._live_receivers = lambda sender: tuple(list(found) for found in plain(signal, sender))
    signal.connect(first)
    signal.connect(dispatches_child)
    signal.send(Order)
    reading = recording.read()
    [outer] = [told for _, told in reading.dispatches if not told.parent]
    assert reading.statuses(outer) == ["not timed"] * 2
    assert [told.parent for _, told in reading.of("child")] == [outer.span]


@pytest.mark.parametrize("cls", [Signal, PluginSignal, Filtering])
def test_receivers_run_by_hand_are_no_dispatch(recording: Recording, cls: type[Signal]) -> None:
    """`_live_receivers()` outside a dispatch and in a receiver, of the same signal or another: nothing is counted, and
    what is sent in there hangs on the receiver that runs, or on nothing."""
    signal, other = cls(), cls()

    def by_hand(sender, depth=1, **kwargs):
        assert signal.has_listeners(sender)
        if depth:
            for which in (signal, other):
                for receiver in which._live_receivers(sender)[0]:
                    assert type(receiver) is type(first)
                    receiver(sender=sender, depth=0)

    signal.connect(first)
    signal.connect(by_hand)
    other.connect(dispatches_child)
    by_hand(Order)
    signal.send(Order)
    reading = recording.read()
    [outer] = [told for batch, told in reading.dispatches if not batch.signals[told.signal].endswith("child")]
    place = 1 + [name for _, name in enumerate(reading.receivers(*reading.dispatches[-1]))].index("by_hand")
    assert sorted(told.parent for _, told in reading.of("child")) == [0, outer.span + place]
    assert len(reading.dispatches) == 3
    assert reading.statuses(outer) == ["returned"] * 2


class Mixin:
    """Dispatch methods that come from beside."""

    def send(self, sender, **named):
        return [(each, each(signal=self, sender=sender)) for each in self._live_receivers(sender)[0]]


def test_a_mixin_is_covered_where_it_makes_signals(recording: Recording) -> None:
    """And left to itself where it doesn't."""

    class Mixed(Mixin, Signal):
        pass

    class Unrelated(Mixin):
        def _live_receivers(self, sender):
            return [first], []

    signal = Mixed()
    signal.connect(first)
    assert signal.send(Order) == [(first, "first")]
    assert Unrelated().send(Order) == [(first, "first")]
    assert len(recording.read().dispatches) == 1


def test_paused_means_the_classes_are_as_they_were() -> None:
    """By identity, those made while recording too, and `__init_subclass__` is Python's own again."""
    classes = (PluginSignal, Announcing, Mixin)
    before = {(cls, name): vars(cls)[name] for cls in classes for name in vars(cls) if "send" in name}
    live = vars(Filtering)["_live_receivers"]

    def send(self, sender, **named):
        return "sent"

    recorder.start("memory://classes")
    try:
        assert vars(PluginSignal)["send"] is not before[PluginSignal, "send"]
        with pytest.raises(TypeError, match="takes no keyword arguments"):  # as in plain Python
            type("Later", (Signal,), {}, made="later")
        Later = type("Later", (Signal,), {"send": send})
        assert vars(Later)["send"] is not send
        assert Later().send(Order) == "sent"
    finally:
        recorder.stop()
    assert vars(Later)["send"] is send
    assert {key: vars(key[0])[key[1]] for key in before} == before
    assert vars(Filtering)["_live_receivers"] is live
    assert "__init_subclass__" not in vars(Signal)


def test_a_class_keeps_its_own_way_to_make_subclasses(recording: Recording) -> None:
    """A project's `__init_subclass__` runs once, with its arguments; those who don't call super are found in time."""
    made = []

    class Registering(Signal):
        def __init_subclass__(cls, label=None, **named):
            super().__init_subclass__(**named)
            made.append((cls.__name__, label))

    class One(Registering, label="one"):
        def send(self, sender, **named):
            return [(each, each(signal=self, sender=sender)) for each in self._live_receivers(sender)[0]]

    class Silent(Signal):
        def __init_subclass__(cls):
            pass

    class Two(Silent):
        send = vars(PluginSignal)["send"].__wrapped__
        _active = PluginSignal._active
        inactive = frozenset()

    patches.install()  # as the flusher does each second
    assert made == [("One", "one")]
    for cls in (One, Two):
        signal = cls()
        signal.connect(first)
        assert signal.send(Order) == [(first, "first")]
    assert len(recording.read().dispatches) == 2


def test_classes_die_as_before(recording: Recording) -> None:
    """A class that was made and dropped while recording is not kept, nor are its methods."""

    class Dropped(Signal):
        def send(self, sender, **named):
            return super().send(sender, **named)

        def send_chained(self, sender):
            return None

    signalgraph.instrument_dispatch(Dropped, "send_chained")
    signal, receiver = Dropped(), lambda sender, **kwargs: None  # Django 5.2 keeps a signal for its receiver
    signal.connect(receiver)
    signal.send(Order)
    recording.read()
    reference = weakref.ref(Dropped)
    del signal, receiver, Dropped
    gc.collect()
    assert reference() is None


def test_signatures_stay_as_they_are(recording: Recording) -> None:
    """What a project can ask of its own methods answers as before."""
    for name in ("send", "send_robust", "asend", "send_chained"):
        replaced = vars(PluginSignal)[name]
        assert inspect.signature(replaced) == inspect.signature(inspect.unwrap(replaced))
        assert replaced.__qualname__ == f"PluginSignal.{name}"
        assert iscoroutinefunction(replaced) == (name == "asend")


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_method_of_another_name_is_recorded_once_named(when: str) -> None:
    """Before the recorder starts or while it runs, also twice; after, the original is back."""

    class Chain(Signal):
        def send_chained(self, sender, value):
            for receiver in self._live_receivers(sender)[0]:
                value = receiver(signal=self, sender=sender, value=value)
            return value

    class Longer(Chain):
        pass

    original = vars(Chain)["send_chained"]
    log = open_log(f"memory://named-{when}", writer=True)
    if when == "before":
        signalgraph.instrument_dispatch(Longer, "send_chained")
    recorder.start(log)
    try:
        signalgraph.instrument_dispatch(Chain, "send_chained")
        signalgraph.instrument_dispatch(Longer, "send_chained")
        signal = Longer()

        def adds(sender, value, **kwargs):
            return value + 1

        signal.connect(adds)
        signal.connect(functools.partial(adds), weak=False)
        assert signal.send_chained(Order, value=5) == 7
        assert signal.send_chained(value=5, sender=Order) == 7
        reading = Recording(log).read()
        assert [METHODS[told.method] for _, told in reading.dispatches] == ["other", "other"]
        assert [told.arguments for _, told in reading.dispatches] == [["value"], ["value"]]
        assert all(reading.statuses(told) == ["returned"] * 2 for _, told in reading.dispatches)
    finally:
        recorder.stop()
        log.close()
    assert vars(Chain)["send_chained"] is original
    assert "send_chained" not in vars(Longer)


def generates(self, sender):
    yield from self._live_receivers(sender)[0]


class Odd(Signal):
    text = "no method"
    fixed = staticmethod(first)
    generates = generates


@pytest.mark.parametrize(
    ("cls", "name", "error", "message"),
    [
        (Order, "send", TypeError, "test_recorder_subclasses.Order is not a class derived from"),
        (Signal(), "send", TypeError, "an instance of django.dispatch.dispatcher.Signal is not a class"),
        (Signal, "send", TypeError, "pass the class of your signals"),
        (Odd, "sned", AttributeError, "has no method 'sned'"),
        (Odd, 7, AttributeError, "has no method 7"),
        (Odd, "text", TypeError, "Odd.text is no method but of type builtins.str"),
        (Odd, "fixed", TypeError, "staticmethod"),
        (Odd, "generates", TypeError, "is a generator"),
        (Odd, "connect", TypeError, "dispatches nothing"),
    ],
)
def test_a_wrong_name_says_what_is_wrong(cls: Any, name: Any, error: type[Exception], message: str) -> None:
    """To whoever names the method: what was passed, and what to pass."""
    with pytest.raises(error, match=message):
        signalgraph.instrument_dispatch(cls, name)


def test_naming_a_method_that_is_recorded_anyway_is_no_error() -> None:
    """Also one that is Django's."""
    signalgraph.instrument_dispatch(PluginSignal, "send")
    signalgraph.instrument_dispatch(PluginSignal, "asend_robust")


def test_a_late_thread_with_the_context_of_a_method_names_no_receiver(recording: Recording) -> None:
    """The context of the body leaves it, and sends when the dispatch is over: the dispatch, receiver unknown."""
    contexts = []

    class Leaking(Signal):
        def send(self, sender, **named):
            found = [(each, each(signal=self, sender=sender)) for each in self._live_receivers(sender)[0]]
            contexts.append(contextvars.copy_context())
            return found

    signal = Leaking()
    signal.connect(first)
    signal.send(Order)
    thread = threading.Thread(target=contexts[0].run, args=(child.send, Order))
    thread.start()
    thread.join()
    reading = recording.read()
    [outer] = [told for _, told in reading.dispatches if not told.parent]
    assert [told.parent for _, told in reading.of("child")] == [outer.span]


def test_a_running_receiver_of_a_plugin_system_is_told_while_it_runs(recording: Recording) -> None:
    """The dispatch is open, with the receiver that hangs."""
    signal = PluginSignal()
    held = []

    def hangs(sender, **kwargs):
        held.extend(dispatching.OPEN_ASYNC.values())

    signal.connect(hangs)
    signal.send(Order)
    assert len(held) == 1
