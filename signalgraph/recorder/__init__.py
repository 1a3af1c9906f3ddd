"""Records every dispatch of this process into a log, without the project noticing.

>>> from signalgraph import recorder
>>> recorder.start("memory://")
>>> recorder.state().recording
True
>>> recorder.stop()
"""

from signalgraph.recorder.session import State, flush, start, state, stop

__all__ = ["State", "flush", "start", "state", "stop"]
