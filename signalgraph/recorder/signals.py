"""The signals that this process has dispatched: their tokens, their names and how often nobody heard them."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.signals import request_finished, request_started

from signalgraph.recorder import causes, dispatching
from signalgraph.recorder.faults import contained
from signalgraph.registry import Registry


class Counter:
    """How often a signal was dispatched to nobody. `next` is exact under threads; reading takes one number."""

    def __init__(self) -> None:
        self.next: Callable[[], int] = itertools.count(1).__next__
        self._taken = 0  # numbers that readings took, and what was told already

    def new(self) -> int:
        """Dispatches since the last call."""
        count = self.next() - 1 - self._taken
        self._taken += count + 1
        return count


_next_token = itertools.count(dispatching.FIRST_TOKEN).__next__  # never twice in a process, also when started again


class Signals:
    """Tokens of signals for `dispatching`. `used` is called when a signal is first seen."""

    def __init__(self, registry: Registry, used: Callable[[], None]) -> None:
        self._registry = registry
        self._used = used
        self._refs: dict[int, weakref.ref[Any]] = {}
        self._names: dict[int, str] = {}
        self._counters: dict[int, Counter] = {}
        self._dead: set[int] = set()  # when `forget_dead` was last called

    @contained(default=dispatching.IGNORED)
    def new(self, signal: Any) -> int:
        """Give a signal its token."""
        self._used()
        if signal is request_started:
            token = dispatching.REQUEST_STARTED
        elif signal is request_finished:
            token = dispatching.REQUEST_FINISHED
        else:
            token = _next_token()
        lock = signal.lock
        self._refs[token] = weakref.ref(signal, partial(_forget, lock))
        dispatching.SIGNALS[lock] = token
        return token

    @contained()
    def count_first(self, signal: Any) -> None:
        """Begin to count the dispatches of a signal that nobody hears, with this one."""
        token = dispatching.SIGNALS.get(signal.lock, 0) or self.new(signal)
        if token != dispatching.IGNORED:
            self.count(token)
            dispatching.UNHEARD[signal.lock] = self._counters[token].next

    @contained()
    def count(self, token: int) -> None:
        self._counters.setdefault(token, Counter()).next()

    def knows(self, token: int) -> bool:
        """Whether the token was given by these signals, not by those of an earlier start."""
        return token in self._refs

    def living(self, token: int) -> Any:
        ref = self._refs.get(token)
        return None if ref is None else ref()

    def name(self, token: int) -> str:
        """A signal's name, looked up while it lives and remembered after."""
        name = self._names.get(token)
        if name is None:
            signal = self.living(token)
            name = "unnamed" if signal is None else self._registry.signal_name(signal)
            self._names[token] = name
        return name

    def unheard(self) -> dict[str, int]:
        """Dispatches that no receiver heard since the last call, by signal name."""
        counts: dict[str, int] = {}
        for token, counter in list(self._counters.items()):
            dead = self.living(token) is None  # first, so that nothing is counted after the last reading
            count = counter.new()
            if count:
                name = self.name(token)
                counts[name] = counts.get(name, 0) + count
            if dead:
                del self._counters[token]
        return counts

    def forget_dead(self) -> None:
        """Drop the names of signals that were dead at the last call; call it when all records were taken since then.

        One that dies meanwhile may have left a record behind the last one taken.
        """
        dead = {token for token, ref in list(self._refs.items()) if ref() is None and token not in self._counters}
        for token in dead & self._dead:
            del self._refs[token]
            self._names.pop(token, None)
        self._dead = dead - self._dead

    def connect(self) -> None:
        """Become the one that `dispatching` asks."""
        dispatching.new_signal = self.new
        dispatching.new_counter = self.count_first
        dispatching.new_unheard = self.count


def _forget(lock: Any, _ref: Any) -> None:
    dispatching.SIGNALS.pop(lock, None)
    dispatching.UNHEARD.pop(lock, None)


def disconnect() -> None:
    """No signal is recorded or counted any more."""
    dispatching.new_signal = lambda signal: dispatching.IGNORED
    dispatching.new_counter = lambda signal: None
    dispatching.new_unheard = lambda token: None
    dispatching.SIGNALS.clear()
    dispatching.UNHEARD.clear()
    causes.NOTES.clear()
