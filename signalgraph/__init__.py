"""See what happens when this is saved: every Django signal, its receivers and its dispatches, live."""

from signalgraph.causing import cause
from signalgraph.instrumenting import instrument_dispatch

__all__ = ["cause", "instrument_dispatch"]
__version__ = "0.1.0"
