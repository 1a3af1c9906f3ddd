"""See what happens when this is saved: every Django signal, its receivers and its dispatches, live."""

from signalgraph.causing import cause

__all__ = ["cause"]
__version__ = "0.1.0"
