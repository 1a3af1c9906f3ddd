"""See what happens when this is saved: every Django signal, its receivers and its dispatches, live."""

__version__ = "0.1.0"
