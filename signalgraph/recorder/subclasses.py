"""Subclasses of `Signal` with dispatch methods of their own: found, covered while recording, and left as they were."""

from __future__ import annotations

import functools
import inspect
import types
import weakref
from typing import Any

from django.dispatch import Signal

from signalgraph.inert import class_attribute, class_namespace, class_path, classes_below, is_a
from signalgraph.recorder import dispatching
from signalgraph.recorder.faults import contained
from signalgraph.recorder.frames import uncounted
from signalgraph.recorder.outlines import DISPATCHES, is_ours, recording_method

# What Django's own methods use, and a class may change.
HELPERS = {
    "_live_receivers": dispatching.recording_live_receivers,
    "_log_robust_failure": dispatching.recording_robust_failure,
}

# By the id of the class, as a hash would run its code: the names that `instrument_dispatch` was told, those that were
# replaced, and the class.
_named: dict[int, set[str]] = {}
_covered: dict[int, set[str]] = {}
_refs: dict[int, weakref.ref[type]] = {}


def is_outlined(cls: type) -> bool:
    """Whether a dispatch of a signal of this class may have an outline."""
    named = [name for base in cls.__mro__ for name in _named.get(id(base), ())]
    return any(is_ours(class_attribute(cls, name)) for name in (*DISPATCHES, *named))


def instrument_dispatch(cls: type, name: str) -> None:
    """See `signalgraph.instrument_dispatch`."""
    if not is_a(cls, type) or not issubclass(cls, Signal) or cls is Signal:
        what = class_path(cls) if is_a(cls, type) else f"an instance of {class_path(type(cls))}"
        raise TypeError(f"{what} is not a class derived from django.dispatch.Signal; pass the class of your signals.")
    owner, found = _definition(cls, name)
    if type(found) is not types.FunctionType:
        raise TypeError(
            f"{class_path(cls)}.{name} is no method but of type {class_path(type(found))}; pass the name of a method."
        )
    if inspect.isgeneratorfunction(found) or inspect.isasyncgenfunction(found):
        raise TypeError(
            f"{class_path(cls)}.{name} is a generator: its receivers run after it has returned, for whoever iterates. "
            "Pass the name of the method that runs through it."
        )
    if owner is not Signal:
        _named.setdefault(id(owner), set()).add(name)
        _refs[id(owner)] = weakref.ref(owner, functools.partial(_forget, id(owner)))
        if dispatching.ON:
            cover(cls)
    elif name not in DISPATCHES:
        raise TypeError(f"{class_path(cls)}.{name} is Django's own and dispatches nothing; pass a method of your own.")


def _definition(cls: type, name: str) -> tuple[type, Any]:
    for base in cls.__mro__:
        if type(name) is str and name in class_namespace(base):
            return base, class_namespace(base)[name]
    raise AttributeError(f"{class_path(cls)} has no method {name!r}; pass the name of the one that runs the receivers.")


def _forget(ident: int, _ref: Any) -> None:
    for table in (_named, _covered, _refs):
        table.pop(ident, None)


def cover_all() -> None:
    """Replace the dispatch methods of all classes derived from `Signal`, also those that another tool has put there."""
    for cls in classes_below(Signal):
        cover(cls)


@contained()
def cover(cls: type) -> None:
    """Replace the dispatch methods of a class, and of the mixins that it has them from."""
    for base in cls.__mro__:
        if base is Signal:
            return
        for name in (*DISPATCHES, *HELPERS, *_named.get(id(base), ())):
            found = class_namespace(base).get(name)
            if type(found) is types.FunctionType and not is_ours(found) and not inspect.isgeneratorfunction(found):
                _replace(base, name, found)


def _replace(base: type, name: str, found: types.FunctionType) -> None:
    replacement = HELPERS[name](found) if name in HELPERS else recording_method(found, name)
    _covered.setdefault(id(base), set()).add(name)
    _refs[id(base)] = weakref.ref(base, functools.partial(_forget, id(base)))
    type.__setattr__(base, name, replacement)
    dispatching.UNHEARD.clear()  # who counts a dispatch that nobody hears depends on the class


def uncover_all() -> None:
    """Put the originals back, by identity; what another tool has covered waits for the next time, passing through."""
    for ident in list(_covered):
        reference = _refs.get(ident)
        base = None if reference is None else reference()
        if base is not None:
            _uncover(base, _covered[ident])
        if base is None or not _covered[ident]:
            _covered.pop(ident, None)


def _uncover(base: type, replaced: set[str]) -> None:
    for name in list(replaced):
        original = found = class_namespace(base).get(name)
        while is_ours(original):
            original = vars(original)["__wrapped__"]
        if original is not found:
            type.__setattr__(base, name, original)
            replaced.discard(name)


@uncounted
def recording_init_subclass(original: Any) -> Any:
    """`Signal.__init_subclass__`: classes that are made while recording are covered, too."""

    def __init_subclass__(cls: type, **named: Any) -> None:
        if original is None:
            super(Signal, cls).__init_subclass__(**named)  # type: ignore[misc]
        else:
            original.__get__(None, cls)(**named)
        if dispatching.ON:
            cover(cls)

    return classmethod(__init_subclass__)  # type: ignore[arg-type]
