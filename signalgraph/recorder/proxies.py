"""Receivers as a dispatch method that isn't Django's sees them: alike in all that it can ask, and timed when called."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Iterator
from time import perf_counter_ns as clock
from types import FunctionType, MethodType
from typing import Any

from signalgraph.recorder import dispatching
from signalgraph.recorder.clock import CURRENT, SPAN, TRACE, drive, end_call, named_like, new_cell
from signalgraph.recorder.frames import uncounted

_OWN = frozenset(("__call__", "__reduce_ex__"))  # asked of a proxy, these are its own
# Who asks for one of these may go on to call what is behind the proxy.
_WAYS_IN = frozenset(("__wrapped__", "__func__", "func"))

_WITH_SIGNATURES = (FunctionType, MethodType, functools.partial)


class Proxy:
    """Stands for a receiver. `begin` gives a call its span, calls and record, or None when it is not to be recorded.

    Whoever looks at it sees the receiver, but for `type()`, `id()` and `is`. `seen_behind` is called when somebody may
    have got hold of the receiver itself.
    """

    __slots__ = ("__weakref__", "_begin", "_is_async", "_receiver", "_seen_behind", "_token")

    def __init__(
        self,
        receiver: Any,
        token: int,
        is_async: bool,
        begin: Callable[[int], tuple[int, list[Any], list[Any]] | None],
        seen_behind: Callable[[], None],
    ) -> None:
        put = object.__setattr__
        put(self, "_receiver", receiver)
        put(self, "_token", token)
        put(self, "_is_async", is_async)
        put(self, "_begin", begin)
        put(self, "_seen_behind", seen_behind)

    @uncounted
    def __call__(self, *args: Any, **named: Any) -> Any:
        receiver = receiver_of(self)
        begun = _begin_of(self)(_token_of(self))
        if begun is None:
            return receiver(*args, **named)
        span, calls, record = begun
        if _is_async_of(self):
            awaitable = receiver(*args, **named)
            return named_like(_driven(awaitable, span, calls, record), awaitable)
        cell, error = new_cell(span, record[TRACE]), None
        outer = CURRENT.set(cell)
        start = clock()
        calls.append((span, start))
        try:
            return receiver(*args, **named)
        except BaseException as exc:
            error = exc
            if dispatching.CAPTURE_ERROR is not None:
                dispatching.CAPTURE_ERROR(record, exc, span - record[SPAN])
            raise
        finally:
            CURRENT.reset(outer)
            end_call(cell, start, None, error, calls, record)
            del error  # its traceback holds this frame

    def __getattribute__(self, name: str) -> Any:
        if name in _OWN:
            return object.__getattribute__(self, name)
        if name in _WAYS_IN:
            _seen_behind_of(self)()
        receiver = receiver_of(self)
        if name == "__signature__" and not any(type(receiver) is kind for kind in _WITH_SIGNATURES):
            return inspect.signature(receiver)  # which asks the type's `__call__` next, and that would be ours
        return getattr(receiver, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(receiver_of(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(receiver_of(self), name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return operator.getitem, ((receiver_of(self),), 0)  # pickled and copied as the receiver

    def __dir__(self) -> Any:
        return dir(receiver_of(self))

    def __repr__(self) -> str:
        return repr(receiver_of(self))

    def __str__(self) -> str:
        return str(receiver_of(self))

    def __bool__(self) -> bool:
        return bool(receiver_of(self))

    def __hash__(self) -> int:
        return hash(receiver_of(self))

    def __eq__(self, other: Any) -> Any:
        return receiver_of(self) == original_of(other)

    def __ne__(self, other: Any) -> Any:
        return receiver_of(self) != original_of(other)

    def __lt__(self, other: Any) -> Any:
        return receiver_of(self) < original_of(other)

    def __le__(self, other: Any) -> Any:
        return receiver_of(self) <= original_of(other)

    def __gt__(self, other: Any) -> Any:
        return receiver_of(self) > original_of(other)

    def __ge__(self, other: Any) -> Any:
        return receiver_of(self) >= original_of(other)


receiver_of: Callable[[Any], Any] = vars(Proxy)["_receiver"].__get__
_token_of: Callable[[Any], int] = vars(Proxy)["_token"].__get__
_is_async_of: Callable[[Any], bool] = vars(Proxy)["_is_async"].__get__
_begin_of: Callable[[Any], Any] = vars(Proxy)["_begin"].__get__
_seen_behind_of: Callable[[Any], Any] = vars(Proxy)["_seen_behind"].__get__


@uncounted
async def _driven(awaitable: Any, span: int, calls: list[tuple[Any, ...]], record: list[Any]) -> Any:
    return await drive(awaitable, span, calls, record)  # itself no coroutine to `asyncio.create_task`


def original_of(obj: Any) -> Any:
    return receiver_of(obj) if type(obj) is Proxy else obj


@uncounted
def nothing() -> None:
    """What is done before a proxy is handed out that isn't the first."""


before_first: Callable[[], None] = nothing  # set by `patches`


def recording_connect(original: Any) -> Any:
    """`Signal.connect` and `disconnect`, which know a receiver by its identity: of a proxy, they get the receiver."""

    @functools.wraps(original)
    def connect(self: Any, *args: Any, **named: Any) -> Any:
        if args:
            args = (original_of(args[0]), *args[1:])
        elif "receiver" in named:
            named["receiver"] = original_of(named["receiver"])
        return original(self, *args, **named)

    return connect


def with_originals(result: Any, depth: int = 2) -> Any:
    """What a dispatch method returned, with the receivers themselves in the place of their proxies.

    Looks into plain lists, tuples, dicts and sets and the pairs in them; mutable ones stay the same object. What
    receivers have answered is not looked into.
    """
    kind = type(result)
    if kind is Proxy:
        return receiver_of(result)
    if not depth:
        return result
    if kind is list:
        for position, item in enumerate(result):
            original = with_originals(item, depth - 1)
            if original is not item:
                result[position] = original
    elif kind is tuple and (depth > 1 or any(type(item) is Proxy for item in result)):
        originals = tuple([with_originals(item, depth - 1) for item in result])
        return originals if any(map(operator.is_not, originals, result)) else result
    elif kind is set and any(type(item) is Proxy for item in result):
        items = [original_of(item) for item in result]
        result.clear()
        result.update(items)
    elif kind is dict and any(_proxies_in(result)):
        pairs = [(original_of(key), with_originals(value, depth - 1)) for key, value in result.items()]
        result.clear()
        result.update(pairs)
    return result


def _proxies_in(found: dict[Any, Any]) -> Iterator[bool]:
    for key, value in found.items():
        kind = type(value)  # by identity, since a metaclass may define `==`
        yield type(key) is Proxy or kind is Proxy or kind is list or kind is tuple
