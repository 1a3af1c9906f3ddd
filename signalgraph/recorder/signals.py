"""The signals that this process has dispatched: their tokens, their names and how often nobody heard them."""

from __future__ import annotations

import itertools
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.signals import request_finished, request_started

from signalgraph.recorder import causes, dispatching, tasks
from signalgraph.recorder.clock import CURRENT, RECEIVERS
from signalgraph.recorder.faults import contained
from signalgraph.recorder.subclasses import is_outlined
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
        self.silent: set[int] = set()  # tokens of signals whose dispatches are to be counted only
        self._silenced: dict[Any, tuple[int, Counter]] = {}  # of those that the hot path knows of, by lock
        self._ignored: dict[int, Counter] = {}
        self._is_silent: Callable[[str], bool] = lambda name: False
        self._new: deque[int] = deque()  # tokens that were not judged yet

    @contained(default=dispatching.IGNORED)
    def new(self, signal: Any) -> int:
        """Give a signal its token."""
        self._used()
        if signal is request_started:
            token = dispatching.REQUEST_STARTED
        elif signal is request_finished:
            token = dispatching.REQUEST_FINISHED
        else:
            token = tasks.role_of(signal) or _next_token()
        lock = signal.lock
        self._refs[token] = weakref.ref(signal, partial(_forget, lock, self._silenced))
        dispatching.SIGNALS[lock] = token
        self._new.append(token)
        return token

    @contained()
    def count_first(self, signal: Any) -> None:
        """Begin to count the dispatches of a signal that nobody hears, with this one."""
        token = dispatching.SIGNALS.get(signal.lock, 0) or self.new(signal)
        if token == dispatching.IGNORED and signal.lock in self._silenced:
            token = self._silenced[signal.lock][0]
        if token != dispatching.IGNORED:
            causes.ending(token, partial(self.count, token))()
            current = CURRENT.get()
            if current is not None and dispatching.told_by_outline(current, signal):
                current[RECEIVERS] = ()  # counted here: not once more by the method around it
            elif not is_outlined(type(signal)):
                dispatching.UNHEARD[signal.lock] = causes.ending(token, self._counters[token].next)

    @contained()
    def count(self, token: int) -> None:
        self._counters.setdefault(token, Counter()).next()

    @contained()
    def count_ignored(self, signal: Any) -> None:
        silenced = self._silenced.get(signal.lock)
        if silenced is not None:
            silenced[1].next()

    def silence(self, is_silent: Callable[[str], bool]) -> None:
        """From now on only count the dispatches of signals whose names are silent, and record the others again."""
        self._is_silent = is_silent
        self._new.clear()
        for token in list(self._refs):
            self._judge(token)

    def judge_new(self) -> None:
        """See whether signals that were dispatched for the first time are silent."""
        while self._new:
            self._judge(self._new.popleft())

    def _judge(self, token: int) -> None:
        signal = self.living(token)
        if signal is None:
            return
        silent = self._is_silent(self.name(token))
        if silent == (token in self.silent):
            return
        lock = signal.lock
        if not silent:
            self.silent.discard(token)
            self._silenced.pop(lock, None)
            dispatching.SIGNALS[lock] = token
            return
        self.silent.add(token)
        if token >= dispatching.FIRST_TOKEN:  # the others begin and end causes, which they must go on to do
            self._silenced[lock] = token, self._ignored.setdefault(token, Counter())
            dispatching.SIGNALS[lock] = dispatching.IGNORED

    def ignored(self) -> dict[str, int]:
        """Dispatches of silent signals since the last call, by signal name."""
        return self._told(self._ignored)

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
        return self._told(self._counters)

    def _told(self, counters: dict[int, Counter]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for token, counter in counters.copy().items():  # no loop over what other threads add to
            dead = self.living(token) is None  # first, so that nothing is counted after the last reading
            count = counter.new()
            if count:
                name = self.name(token)
                counts[name] = counts.get(name, 0) + count
            if dead:
                del counters[token]
        return counts

    def forget_dead(self) -> None:
        """Drop the names of signals that were dead at the last call; call it when all records were taken since then.

        One that dies meanwhile may have left a record behind the last one taken.
        """
        dead = {token for token, ref in self._refs.copy().items() if ref() is None and not self._is_counted(token)}
        for token in dead & self._dead:
            del self._refs[token]
            self._names.pop(token, None)
            self.silent.discard(token)
        self._dead = dead - self._dead

    def _is_counted(self, token: int) -> bool:
        return token in self._counters or token in self._ignored

    def connect(self) -> None:
        """Become the one that `dispatching` asks."""
        dispatching.new_signal = self.new
        dispatching.new_counter = self.count_first
        dispatching.new_unheard = self.count
        dispatching.new_ignored = self.count_ignored


def _forget(lock: Any, silenced: dict[Any, Any], _ref: Any) -> None:
    silenced.pop(lock, None)
    dispatching.SIGNALS.pop(lock, None)
    dispatching.UNHEARD.pop(lock, None)


def disconnect() -> None:
    """No signal is recorded or counted any more."""
    dispatching.new_signal = lambda signal: dispatching.IGNORED
    dispatching.new_counter = lambda signal: None
    dispatching.new_unheard = lambda token: None
    dispatching.new_ignored = lambda signal: None
    dispatching.SIGNALS.clear()
    dispatching.UNHEARD.clear()
    causes.NOTES.clear()
