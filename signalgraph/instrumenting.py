"""`signalgraph.instrument_dispatch`, importable before Django is."""

from __future__ import annotations


def instrument_dispatch(cls: type, name: str) -> None:
    """Record each call of a method as a dispatch; for a subclass of `Signal` whose method has a name of its own.

    Methods called send, send_robust, asend or asend_robust are recorded without. It may be called at any time, also
    again, and holds for the classes derived from the one that defines the method.

    >>> from django.dispatch import Signal
    >>> class Chain(Signal):
    ...     def send_chained(self, sender, value):
    ...         for receiver in self._live_receivers(sender)[0]:
    ...             value = receiver(signal=self, sender=sender, value=value)
    ...         return value
    >>> instrument_dispatch(Chain, "send_chained")

    Raises
    ------
    TypeError
        Not a subclass of `Signal`, or what it has under the name is not a method that can be timed.
    AttributeError
        The class has nothing under the name.
    """
    from signalgraph.recorder import subclasses  # not before Django

    subclasses.instrument_dispatch(cls, name)
