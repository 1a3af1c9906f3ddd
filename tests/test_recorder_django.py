"""What running Django's own tests under the recorder has shown to go wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.dispatch import Signal
from test_recorder import Reading, Recording

from signalgraph import recorder
from signalgraph.log import open_log
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
