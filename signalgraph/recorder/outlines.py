"""Dispatch methods that are not Django's: overridden ones, those that a project names, those of another tool.

What such a method does with the receivers is its own business, so it is handed proxies that time each call. While it
runs, `CURRENT` is an outline: no dispatch yet, but one as soon as a receiver runs. If Django's own method runs in it
(`super().send`), that one's record tells of the dispatch, with the line that called the outermost method.
"""

from __future__ import annotations

import functools
import itertools
import sys
import types
from threading import get_ident
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.dispatch import Signal

from signalgraph.events import METHODS
from signalgraph.recorder import dispatching, proxies
from signalgraph.recorder.clock import (
    ASYNC,
    CLOSED,
    CODE,
    CURRENT,
    HEADER,
    IDENT,
    MOST_CALLS,
    OUTER,
    OUTLINE,
    PARENT,
    RECEIVERS,
    SIGNAL,
    SPAN,
    SQL,
    TRACE,
    named_like,
    parent_span,
    under,
)
from signalgraph.recorder.faults import contained
from signalgraph.recorder.frames import uncounted
from signalgraph.recorder.proxies import Proxy, with_originals
from signalgraph.recorder.queries import hand_on
from signalgraph.recorder.sites import kind_of, outside

DISPATCHES = METHODS[:4]  # the methods that are Django's


class Outline(list[Any]):
    """What `CURRENT` is while a method runs that is not Django's: until a receiver is called, whatever it sends has the
    parent that it has itself. `RECEIVERS` is not None when a record of Django's method tells of the dispatch."""

    __slots__ = ("around", "asked", "ident", "next_position", "record", "seen_behind", "signal", "token", "tokens")

    def __init__(self, signal: Any, token: int, around: list[Any] | None, caller: Any) -> None:
        super().__init__([0] * HEADER)
        self[IDENT], self[SIGNAL], self[CODE], self[OUTER] = OUTLINE, id(signal), caller, around
        self[SQL] = self[RECEIVERS] = None
        self.signal, self.token, self.around, self.ident = signal, token, around, get_ident()
        self.asked, self.seen_behind = 0, False  # `_live_receivers` was; somebody may have got past a proxy
        self.record: list[Any] | None = None
        self.tokens: dict[int, int] = {}  # of the receivers that were called, by position
        self.next_position = itertools.count(1).__next__

    def begin_call(self, token: int) -> tuple[int, list[Any], list[Any]] | None:
        """The span of a receiver call, where its times go, and the record of the dispatch that this now is."""
        record = self.record
        if self[IDENT] == CLOSED or record is None:
            return None
        position = self.next_position()
        if position > MOST_CALLS:
            return None
        self[SPAN], self[TRACE] = record[SPAN], record[TRACE]
        self.tokens[position] = token
        so_far = record[RECEIVERS] or ()
        record[RECEIVERS] = (*so_far, token) if position == len(so_far) + 1 else self.called()
        if position == 1:
            dispatching.OPEN_ASYNC[record[SPAN]] = record
        return record[SPAN] + position, record[ASYNC], record

    def called(self) -> tuple[int, ...]:
        """Tokens in the order of the spans, which threads may have taken in another one than they came here."""
        tokens = self.tokens.copy()
        return tuple([tokens.get(position, 0) for position in range(1, max(tokens) + 1)])

    def look_behind(self) -> None:
        self.seen_behind = True


@contained()
def open_outline(signal: Any, method: int, sender: Any, named: dict[str, Any], caller: Any) -> Outline | None:
    """None when the dispatch is told by a method further out, of which this one is a part."""
    current = CURRENT.get()
    if current is not None and current[IDENT] == OUTLINE and current[SIGNAL] == id(signal):
        return None
    token = dispatching.SIGNALS.get(signal.lock, 0)
    if token < dispatching.ENDS:
        token = dispatching.special(signal, token, named, sender)
    if caller is not None and kind_of(caller.f_code.co_filename):
        caller = outside(caller)
    outline = Outline(signal, token, current, caller)
    if token > 0:
        outline.record = record = dispatching.open_record(signal, token, sender, method, named, caller)
        record[ASYNC] = []
        outline[SPAN] = record[PARENT]
        outline[TRACE] = record[TRACE] if record[TRACE] != record[SPAN] else 0
    elif current is not None:
        outline[SPAN] = parent_span(current, outline.ident)
        outline[TRACE] = current[TRACE]
    return outline


@contained()
def close_outline(outline: Outline, result: Any, error: BaseException | None) -> None:
    """Tell of the dispatch, unless Django's own method has."""
    told, record, outline.record = outline[RECEIVERS] is not None, outline.record, None
    outline[IDENT], outline[CODE] = CLOSED, None
    if dispatching.OPEN.get(outline.ident) is outline:
        dispatching.OPEN[outline.ident] = outline.around
    _hand_on_queries(outline)
    if record is None:
        return
    dispatching.OPEN_ASYNC.pop(record[SPAN], None)
    if error is not None:
        dispatching.note_error(record, error)
    if outline.tokens:
        record[RECEIVERS] = outline.called()
        dispatching.close_record(record)
    elif not told:
        record[RECEIVERS], record[ASYNC] = () if _nobody_ran(outline, result) else None, None
        dispatching.close_record(record)
    if 0 < outline.token < dispatching.FIRST_TOKEN and not told:
        dispatching.end_of_special(outline.token, record)


def _nobody_ran(outline: Outline, result: Any) -> bool:
    """Whether it is sure that no receiver ran, as none was called through a proxy."""
    if outline.asked:
        return not outline.seen_behind
    is_plain = any(type(result) is kind for kind in (list, tuple, dict, set))
    return not outline.signal.receivers or (is_plain and not result)


def _hand_on_queries(outline: Outline) -> None:
    """Queries of the method's own body are of the receiver, if any, that has called it."""
    around, queries = outline.around, outline[SQL]
    if queries and around is not None and around[IDENT] != CLOSED:
        hand_on(queries, around, parent_span(around, outline.ident) - around[SPAN])


def hand_out(original: Any, signal: Any, sender: Any, outline: Any) -> Any:
    """`_live_receivers` as a method sees it whose outline is open: the same lists, of proxies."""
    asked = outline.asked
    found = original(signal, sender)
    if outline.asked != asked or outline.record is None:  # another `_live_receivers` further in has made them
        return found
    proxied = _proxied(outline, signal, found)
    return found if proxied is None else proxied


@contained()
def _proxied(outline: Outline, signal: Any, found: Any) -> Any:
    if type(found) is not tuple or len(found) != 2 or type(found[0]) is not list or type(found[1]) is not list:
        outline.seen_behind = True  # another tool's shape: who runs is not known
        return None
    lists = []
    proxies.before_first()
    for is_async, receivers in enumerate(found):
        tokens = dispatching.receiver_tokens(receivers, signal)
        lists.append([_proxy(outline, *pair, bool(is_async)) for pair in zip(receivers, tokens, strict=True)])
    outline.asked += 1
    return tuple(lists)


def _proxy(outline: Outline, receiver: Any, token: int, is_async: bool) -> Any:
    if type(receiver) is Proxy:
        return receiver
    return Proxy(receiver, token, is_async, outline.begin_call, outline.look_behind)


dispatching.hand_out = hand_out


def recording_method(original: Any, name: str) -> Any:
    """A dispatch method that is not Django's, recording."""
    method = METHODS.index(name) if name in METHODS else METHODS.index("other")
    make = _recording_coroutine if iscoroutinefunction(original) else _recording_call
    return make(original, method)


@uncounted
def _recording_call(original: Any, method: int) -> Any:
    @functools.wraps(original)
    def dispatch(self: Any, *args: Any, **named: Any) -> Any:
        if not dispatching.ON or not issubclass(type(self), Signal):
            dispatching.left_over()
            return original(self, *args, **named)
        sender, arguments = _sender_and_arguments(args, named)
        outline = open_outline(self, method, sender, arguments, sys._getframe().f_back)
        if outline is None:
            return original(self, *args, **named)
        result = error = None
        outer = CURRENT.set(outline)
        try:
            result = original(self, *args, **named)
            if type(result) is not types.CoroutineType:
                return with_originals(result) if outline.asked else result
        except BaseException as exc:
            error = exc
            raise
        finally:
            CURRENT.reset(outer)
            if type(result) is not types.CoroutineType:
                close_outline(outline, result, error)
            del error
        return named_like(_finish(result, outline), result)

    return dispatch


@uncounted
async def _finish(coroutine: Any, outline: Outline) -> Any:
    """Await what a method returned or is, under its outline."""
    result = error = None
    try:
        result = await under(coroutine, outline, [0])
        return with_originals(result) if outline.asked else result
    except BaseException as exc:
        error = exc
        raise
    finally:
        close_outline(outline, result, error)
        del error, result


@uncounted
def _recording_coroutine(original: Any, method: int) -> Any:
    @functools.wraps(original)
    async def dispatch(self: Any, *args: Any, **named: Any) -> Any:
        if not dispatching.ON or not issubclass(type(self), Signal):
            dispatching.left_over()
            return await original(self, *args, **named)
        sender, arguments = _sender_and_arguments(args, named)
        outline = open_outline(self, method, sender, arguments, sys._getframe().f_back)
        if outline is None:
            return await original(self, *args, **named)
        return await _finish(original(self, *args, **named), outline)

    return dispatch


def _sender_and_arguments(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    if args:
        return args[0], named
    return named.get("sender"), {name: value for name, value in named.items() if name != "sender"}


# Ours are told by their code, which `functools.wraps` copies to nobody.
_CODES = frozenset(
    id(replacement.__code__)
    for replacement in (
        _recording_call(id, 0),
        _recording_coroutine(id, 0),
        dispatching.recording_live_receivers(id),
        dispatching.recording_robust_failure(id),
    )
)


def is_ours(function: Any) -> bool:
    return type(function) is types.FunctionType and id(function.__code__) in _CODES
