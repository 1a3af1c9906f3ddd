"""Errors that strike inside the recorder: its own stay there, a system signal's get to the project."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from unittest import mock

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db.models.signals import post_save
from django.dispatch import Signal

from signalgraph import recorder
from signalgraph.recorder import causes, clock, dispatching, faults
from signalgraph.recorder.clock import CURRENT


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[None]:
    faults.counted.clear()
    recorder.start(f"memory://{request.node.name}")
    yield
    recorder.stop()
    faults.counted.clear()


def listens(sender, **kwargs):
    return "listens"


@pytest.mark.parametrize("name", ["kind_of", "next_span", "facts_of", "sender_token", "note_error", "receiver_tokens"])
def test_an_error_of_a_signal_handler_of_the_system_gets_through(recording: None, name: str) -> None:
    """A time limit that strikes inside the recorder is the project's, and isn't counted as a fault of ours."""

    def time_is_up(number, frame):
        raise TimeoutError("too slow")

    def strikes(*args):
        os.kill(os.getpid(), signal.SIGUSR1)
        return len(args)

    class Sender:
        """New to the recorder."""

    def fails(sender, **kwargs):
        raise ValueError("of the project")

    chosen = post_save if name == "facts_of" else Signal()
    receiver = fails if name == "note_error" else lambda sender, **kwargs: None
    chosen.connect(receiver)
    before = signal.signal(signal.SIGUSR1, time_is_up)
    try:
        with mock.patch.object(dispatching, name, strikes), pytest.raises(TimeoutError):
            chosen.send(Sender)
    finally:
        signal.signal(signal.SIGUSR1, before)
        chosen.disconnect(receiver)
    assert CURRENT.get() is None
    assert recorder.state().faults == 0


@pytest.mark.parametrize("name", ["next_span", "kind_of", "get_ident", "now"])
def test_a_fault_while_a_record_is_made_leaves_the_dispatch_alone(recording: None, name: str) -> None:
    """Receivers run as they do without us; the dispatch isn't told, and the fault is counted."""
    heard = []
    sent = Signal()

    def hears(sender, **kwargs):
        heard.append(sender)

    sent.connect(hears)
    with mock.patch.object(dispatching, name, side_effect=ZeroDivisionError):
        sent.send("first")
        asyncio.run(sent.asend("second"))
    sent.send("third")
    assert heard == ["first", "second", "third"]
    assert recorder.state().faults >= 1
    assert CURRENT.get() is None


def test_a_served_request_begins_in_no_receiver(recording: None) -> None:
    """What an interrupted dispatch has left in a server's thread is no parent of the requests that come after."""
    CURRENT.set(clock.new_cell(1 << 16, 1 << 16))
    causes.open_request(dispatching.next_span(), WSGIHandler, {"environ": {"REQUEST_METHOD": "GET"}})
    assert CURRENT.get() is None
    causes.close_nearest(causes.REQUEST)
