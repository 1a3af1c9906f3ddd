"""The project can't tell that it is recorded: identity, lifetimes, signatures, other tools, forks."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import os
import pickle
import subprocess
import sys
import textwrap
import types
import weakref
from collections.abc import Iterator
from unittest import mock

import pytest
from asgiref.sync import iscoroutinefunction
from django.dispatch import Signal

from signalgraph import recorder
from signalgraph.blobs import decode_dispatches
from signalgraph.events import Batch
from signalgraph.log import open_log
from signalgraph.recorder import dispatching, faults, patches
from signalgraph.recorder.clock import CURRENT

METHODS = ("send", "send_robust", "asend", "asend_robust")
ORIGINALS = {(owner, name): vars(owner)[name] for owner, name, _ in patches.TABLE}


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[object]:
    log = open_log(f"memory://{request.node.name}", writer=True)
    recorder.start(log)
    yield log
    recorder.stop()
    log.close()


def dispatches(log) -> list:
    recorder.flush()
    entries = [entry for _, entry in log.read(limit=10_000).entries if isinstance(entry, Batch)]
    return [dispatch for entry in entries for dispatch in decode_dispatches(entry)]


class Order:
    """A sender."""


def listens(sender, **kwargs):
    return "heard"


def test_paused_means_the_originals_are_back_by_identity() -> None:
    """Every name of the table is replaced while recording and the very same object after."""
    recorder.start("memory://identity")
    try:
        assert all(vars(owner)[name] is not original for (owner, name), original in ORIGINALS.items())
    finally:
        recorder.stop()
    assert all(vars(owner)[name] is original for (owner, name), original in ORIGINALS.items())


def test_signatures_and_coroutine_functions_stay_as_they_are(recording) -> None:
    """What a project can ask of the methods answers as Django's own."""
    for name in METHODS:
        original = ORIGINALS[Signal, name]
        assert inspect.signature(vars(Signal)[name]) == inspect.signature(original)
        assert iscoroutinefunction(vars(Signal)[name]) == iscoroutinefunction(original)
        assert vars(Signal)[name].__doc__ == original.__doc__
        assert vars(Signal)[name].__qualname__ == original.__qualname__


def test_signals_stay_plain_objects(recording) -> None:
    """Recording adds no attribute to a signal, so what a project does with its `__dict__` works as before."""
    signal = Signal()
    before = set(vars(signal))
    signal.connect(listens)
    signal.send(Order)
    Signal().send(Order)
    assert set(vars(signal)) == before
    with pytest.raises(TypeError):  # a lock can't be pickled or copied, with us and without
        pickle.dumps(signal)
    with pytest.raises(TypeError):
        copy.deepcopy(signal)


def test_a_mock_on_an_instance_or_the_class_works_as_before(recording) -> None:
    """`mock.patch.object` sees and restores what is there."""
    signal = Signal()
    signal.connect(listens)
    with mock.patch.object(signal, "send", return_value="mocked"):
        assert signal.send(Order) == "mocked"
    with mock.patch.object(Signal, "send", autospec=True, return_value="mocked"):
        assert signal.send(Order) == "mocked"
    assert signal.send(Order) == [(listens, "heard")]


def test_unhashable_senders_fail_as_in_plain_django(recording) -> None:
    """An error of the project's own making stays the same error."""
    signal = Signal()
    with pytest.raises(TypeError) as recorded:
        signal.connect(listens) or signal.send([])
    recorder.stop()
    with pytest.raises(TypeError) as plain:
        signal.send([])
    assert str(recorded.value) == str(plain.value)


def test_senders_and_receivers_die_as_before(recording) -> None:
    """Nothing of the project is kept alive by its records."""

    class Sender:
        pass

    class Receiver:
        def method(self, sender, **kwargs):
            return None

    def local(sender, **kwargs):
        return None

    sender, receiver, signal = Sender(), Receiver(), Signal()
    signal.connect(receiver.method)
    signal.connect(local)
    signal.send(sender)
    dispatches(recording)
    refs = [weakref.ref(thing) for thing in (sender, receiver, local, signal)]
    del sender, receiver, local, signal
    gc.collect()
    from django.conf import settings

    if settings.DEBUG:  # Django's own cached signature check keeps local receivers then
        from django.utils.inspect import _get_callable_parameters, _get_func_parameters

        for cached in (_get_func_parameters, _get_callable_parameters):
            getattr(cached, "cache_clear", lambda: None)()
        gc.collect()
    assert [ref() for ref in refs] == [None] * 4


def test_records_of_the_ring_are_untracked_by_the_collector(recording) -> None:
    """Tuples of atoms: the garbage collector passes them over."""
    signal = Signal()
    signal.connect(listens)
    with recorder.session._session.flusher.lock:
        signal.send(Order, order=1)
        gc.collect()
        gc.collect()
        assert not any(map(gc.is_tracked, dispatching.RING))


def test_the_current_dispatch_does_not_leak(recording) -> None:
    """After a dispatch, also one that fails, the context is as it was."""

    def fails(sender, **kwargs):
        raise LookupError

    signal = Signal()
    signal.connect(fails)
    with pytest.raises(LookupError):
        signal.send(Order)
    assert CURRENT.get() is None


class Hostile:
    """A sender and argument that must not be touched."""

    def __getattr__(self, name):
        if name == "__func__":  # Django's own question
            raise AttributeError(name)
        raise RuntimeError(f"touched {name}")

    def __eq__(self, other):
        raise RuntimeError("compared")

    __hash__ = object.__hash__

    def __repr__(self):
        raise RuntimeError("shown")

    __str__ = __repr__

    def __bool__(self):
        raise RuntimeError("weighed")


def test_the_code_of_senders_and_arguments_is_never_run(recording) -> None:
    """Hostile objects pass through as they would without us."""
    signal = Signal()
    signal.connect(listens)
    hostile = Hostile()
    assert signal.send(hostile, value=hostile) == [(listens, "heard")]
    [told] = dispatches(recording)
    assert told.arguments == ["value"]
    assert not faults.counted


def test_a_failure_of_the_recorder_stays_in_the_recorder(recording, caplog) -> None:
    """A bug of ours in naming a sender is counted and logged once; the dispatch goes through."""
    signal = Signal()
    signal.connect(listens)
    with mock.patch.object(dispatching.SENDERS, "token", side_effect=RuntimeError("a bug")):
        for _ in range(3):
            assert signal.send(Order()) == [(listens, "heard")]
    assert faults.counted.pop("sender_token") == 3
    assert len([record for record in caplog.records if record.name == "signalgraph"]) == 1


def test_another_tool_below_us_is_called() -> None:
    """Who replaced `Signal.send` before us still sees every dispatch."""
    seen = []
    plain = Signal.send

    def theirs(self, sender, **named):
        seen.append(sender)
        return plain(self, sender, **named)

    with mock.patch.object(Signal, "send", theirs):
        recorder.start("memory://below")
        try:
            signal = Signal()
            signal.connect(listens)
            assert signal.send(Order) == [(listens, "heard")]
        finally:
            recorder.stop()
        assert vars(Signal)["send"] is theirs
    assert seen == [Order]


def test_another_tool_above_us_is_left_there() -> None:
    """Who replaced `Signal.send` after us is not overwritten at the end; ours below passes through, also twice."""
    log = open_log("memory://above", writer=True)
    signal = Signal()
    signal.connect(listens)
    recorder.start(log)
    ours = Signal.send

    def theirs(self, sender, **named):
        return ours(self, sender, **named)

    with mock.patch.object(Signal, "send", theirs):
        recorder.stop()
        assert vars(Signal)["send"] is theirs
        assert signal.send(Order) == [(listens, "heard")]
        recorder.start(log)
        assert signal.send(Order) == [(listens, "heard")]
        assert len(dispatches(log)) == 1
    recorder.stop()
    assert vars(Signal)["send"] is ORIGINALS[Signal, "send"] or vars(Signal)["send"] is ours
    Signal.send = ORIGINALS[Signal, "send"]
    log.close()


FORK = """
    import os, sys
    from django.conf import settings
    settings.configure(DEBUG=False)
    import django
    django.setup()
    from django.dispatch import Signal
    from signalgraph import recorder

    def listens(sender, **kwargs): ...

    signal = Signal()
    signal.connect(listens)
    recorder.start("sqlite://" + sys.argv[1])
    signal.send("parent")
    children = []
    for _ in range(5):
        child = os.fork()
        if child == 0:
            for _ in range(10):
                signal.send("child")
            recorder.stop()
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 5
    signal.send("parent")
    recorder.stop()
"""


def test_forked_children_record_as_processes_of_their_own(tmp_path) -> None:
    """Five children of a forking server: no inherited lock, a process id each, and every dispatch is there."""
    path = tmp_path / "log.sqlite3"
    subprocess.run([sys.executable, "-c", textwrap.dedent(FORK), str(path)], check=True, timeout=60, env={**os.environ})
    log = open_log(f"sqlite://{path}", writer=False)
    try:
        assert log.totals().dispatched == 52
        heartbeats = log.heartbeats()
        assert len({heartbeat.process.id for heartbeat in heartbeats}) == 6
        assert sum(heartbeat.recorded for heartbeat in heartbeats) == 52
        assert all(heartbeat.ended and heartbeat.lost == 0 for heartbeat in heartbeats)
    finally:
        log.close()


def test_starting_twice_says_what_is_running(recording) -> None:
    """The second start names the log of the first and what to do."""
    with pytest.raises(RuntimeError, match=r"memory://.*recorder\.stop\(\)"):
        recorder.start("memory://other")


@pytest.mark.parametrize(("options", "message"), [({"mode": "sometimes"}, "sometimes"), ({"ring": 0}, "0")])
def test_a_wrong_option_is_an_error_with_its_value(options, message) -> None:
    """Wrong arguments are told to the caller, who is a person here and not the project."""
    with pytest.raises(ValueError, match=message):
        recorder.start("memory://", **options)


def test_a_failing_partial_under_send_robust_fails_as_in_plain_django() -> None:
    """Django's own log of the failure asks a partial for its name: the same error of the same kind, told as raised."""

    def fails(sender, **kwargs):
        raise LookupError

    signal, half = Signal(), functools.partial(fails, extra=1)
    signal.connect(half)
    with pytest.raises(AttributeError) as plain:
        signal.send_robust(Order)
    log = open_log("memory://partial", writer=True)
    recorder.start(log)
    try:
        with pytest.raises(AttributeError) as recorded:
            signal.send_robust(Order)
        assert str(recorded.value) == str(plain.value)
        [told] = dispatches(log)
        assert told.status == told.calls[0].status == 1
    finally:
        recorder.stop()
        log.close()


def test_rows_are_never_called(recording) -> None:
    """A receiver that is held strongly stands in a row as itself: looking for it there must not run it."""
    ran = []

    def strong(sender, **kwargs):
        ran.append("strong")

    @functools.wraps(strong)
    def wrapper(*args, **kwargs):
        return strong(*args, **kwargs)

    signal = Signal()
    signal.connect(strong, weak=False)
    plain = Signal._live_receivers
    signal._live_receivers = lambda sender: ([wrapper], plain(signal, sender)[1])
    token = dispatching.RECEIVER_TABLE.token(wrapper, signal)
    assert token == dispatching.RECEIVER_TABLE.token(strong, signal)
    assert ran == []


@pytest.mark.parametrize("method", ["send", "send_robust"])
def test_a_traceback_has_one_frame_more(method: str) -> None:
    """Between the caller and Django's method, none between that and the receiver."""

    def receiver(sender, **kwargs):
        frames.append([frame.function for frame in inspect.stack(0)])

    frames: list[list[str]] = []
    signal = Signal()
    signal.connect(receiver)
    getattr(signal, method)(Order)
    recorder.start("memory://frames")
    try:
        getattr(signal, method)(Order)
    finally:
        recorder.stop()
    plain, recorded = (names[: names.index("test_a_traceback_has_one_frame_more")] for names in frames)
    assert plain == ["receiver", method]
    assert recorded == ["receiver", method, "send"]


def test_a_code_object_is_never_hashed(recording) -> None:
    """A code's hash goes through all of its constants, and so would a key of the tables: here one that can't be."""

    class Unhashable(int):
        __hash__ = None  # type: ignore[assignment]

    def sends():
        return signal.send(Order, number=7)

    code = sends.__code__.replace(co_consts=(*sends.__code__.co_consts, Unhashable(7)))
    with pytest.raises(TypeError):
        hash(code)
    signal = Signal()
    signal.connect(listens)
    made = types.FunctionType(code, globals(), "sends", None, sends.__closure__)
    assert made() == [(listens, "heard")]
    assert len(dispatches(recording)) == 1
    assert not faults.counted


@pytest.mark.django_db
def test_deleting_a_row_is_the_dispatches_that_django_sends(recording) -> None:
    """Django asks seven times who listens to delete one row, and sends twice: two dispatches, not seven."""
    from django.contrib.auth.models import Group
    from django.db.models.signals import post_delete, pre_delete

    group = Group.objects.create(name="group")
    for signal in (pre_delete, post_delete):
        signal.connect(listens, sender=Group)
    try:
        group.delete()
    finally:
        for signal in (pre_delete, post_delete):
            signal.disconnect(listens, sender=Group)
    called = [told for told in dispatches(recording) if len(told.calls) == 1]
    assert len(called) == 2
