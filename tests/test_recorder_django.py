"""What running Django's own tests under the recorder has shown to go wrong."""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Iterator

import pytest
from django.dispatch import Signal
from test_recorder import Reading, Recording

from signalgraph import recorder
from signalgraph.log import open_log
from signalgraph.recorder import patches
from signalgraph.recorder.signals import Signals


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    log = open_log(f"memory://{request.node.name}", writer=True)
    recorder.start(log)
    yield Recording(log)
    recorder.stop()
    log.close()


def test_a_signal_that_dies_while_records_are_carried_loses_none(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it sent after the last record was taken, and before dead signals are forgotten, is carried next time."""
    forget_dead = Signals.forget_dead

    def send_and_die() -> None:
        def listens(sender, **kwargs):  # of its own: Django keeps a signal for as long as its receiver
            return None

        signal = Signal()
        signal.connect(listens)
        signal.send(None)

    def just_before(self: Signals) -> None:
        monkeypatch.setattr(Signals, "forget_dead", forget_dead)
        send_and_die()
        forget_dead(self)

    monkeypatch.setattr(Signals, "forget_dead", just_before)
    recorder.flush()
    reading: Reading = recording.read()
    assert len(reading.dispatches) == 1
    assert recorder.state().dropped == 0


def warned_from(send: str) -> tuple[str, int]:
    """File and line that a receiver's warning names when it asks for the line that sent: its own, `send`, that."""

    def warns(sender, **kwargs):
        warnings.warn("of a receiver", UserWarning, stacklevel=3)

    signal = Signal()
    signal.connect(warns)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(signal, send)(None)
    [warning] = caught
    return warning.filename, warning.lineno


@pytest.mark.parametrize("send", ["send", "send_robust"])
def test_a_warning_names_the_line_that_it_names_without_us(request: pytest.FixtureRequest, send: str) -> None:
    """Django's own override_settings counts the frames from a receiver to the line that changed a setting."""
    plain = warned_from(send)
    request.getfixturevalue("recording")
    assert warned_from(send) == plain
    assert plain[0] == __file__


def test_a_log_line_names_the_line_that_it_names_without_us(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    """`stacklevel` of logging counts as that of warnings does."""

    def logs(sender, **kwargs):
        logging.getLogger("of_a_receiver").warning("sent here", stacklevel=3)

    signal = Signal()
    signal.connect(logs)
    signal.send(None)
    [record] = caplog.records
    assert (record.pathname, record.funcName) == (__file__, sys._getframe().f_code.co_name)


def test_every_frame_that_we_put_between_is_passed_over(recording: Recording) -> None:
    """What the table replaces makes no frame that anybody counts, whatever is called in between."""
    for owner, name, _ in patches.TABLE:
        file = vars(owner)[name].__code__.co_filename
        assert "importlib" in file, f"{owner.__qualname__}.{name}"
        assert "_bootstrap" in file, f"{owner.__qualname__}.{name}"


def test_a_traceback_has_our_line_with_its_text(recording: Recording) -> None:
    """Passed over is not hidden: who reads a traceback sees where it went."""

    def fails(sender, **kwargs):
        raise ValueError

    signal = Signal()
    signal.connect(fails)
    try:
        signal.send(None)
    except ValueError as error:
        ours = traceback.extract_tb(error.__traceback__)[1]
    assert "signalgraph" in ours.filename
    assert ours.line == "return original(self, sender, **named)"
