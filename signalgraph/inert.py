"""Looking at a project's objects without running their code.

`isinstance`, `getattr`, `vars`, `hash`, `==` and `repr` can all end in a project's method (a lazy object, a dead
proxy, a metaclass). What is here asks the types only, through descriptors that C implements.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from types import GetSetDescriptorType, MappingProxyType, MemberDescriptorType
from typing import Any, TypeGuard, TypeVar, cast

T = TypeVar("T")

_namespace_of = type.__dict__["__dict__"].__get__
_mro_of = type.__dict__["__mro__"].__get__
_module_of = type.__dict__["__module__"].__get__
_qualname_of = type.__dict__["__qualname__"].__get__
_EMPTY: Mapping[str, Any] = MappingProxyType({})


def is_a(obj: object, cls: type[T]) -> TypeGuard[T]:
    """What `isinstance` answers for an object that doesn't lie about its class. `cls` is Django's or Python's."""
    return issubclass(type(obj), cls)


def class_namespace(cls: type) -> Mapping[str, Any]:
    """The class's own attributes, as they are stored."""
    return cast("Mapping[str, Any]", _namespace_of(cls))


def class_bases(cls: type) -> tuple[type, ...]:
    """The class and its bases, in the order in which attributes are looked up."""
    return cast("tuple[type, ...]", _mro_of(cls))


def class_attribute(cls: type, name: str) -> Any:
    """An attribute as it is stored in the class or its bases (a descriptor is not asked); None without one."""
    for base in _mro_of(cls):
        found = _namespace_of(base).get(name)
        if found is not None:
            return found
    return None


def instance_namespace(obj: object) -> Mapping[str, Any]:
    """The instance's own attributes; empty for an object that has none."""
    descriptor = class_attribute(type(obj), "__dict__")
    if type(descriptor) is GetSetDescriptorType or type(descriptor) is MemberDescriptorType:
        found = descriptor.__get__(obj, type(obj))
        if is_a(found, dict):
            return found
    return _EMPTY


def plain_text(value: object) -> str | None:
    """An exact `str` with the same characters, or None for anything that isn't text."""
    return str.__str__(value) if is_a(value, str) else None


def writable(text: str) -> str:
    """Text that UTF-8 can hold: a path or a name may have half a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode()


def class_module(cls: type) -> str:
    try:
        return plain_text(_module_of(cls)) or "?"
    except AttributeError:  # somebody deleted it
        return "?"


def class_qualname(cls: type) -> str:
    return plain_text(_qualname_of(cls)) or "?"


def class_path(cls: type) -> str:
    """`module.qualname`."""
    return f"{class_module(cls)}.{class_qualname(cls)}"


def classes_below(cls: type) -> list[type]:
    """The class and all that are derived from it. By identity: a metaclass may define `hash` and `==`."""
    found: dict[int, type] = {id(cls): cls}
    waiting: list[type] = [cls]
    while waiting:
        below: list[type] = type.__subclasses__(waiting.pop())
        new = {id(each): each for each in below if id(each) not in found}
        found |= new
        waiting += new.values()
    return list(found.values())


def instances_of(cls: type) -> list[Any]:
    """The living instances of a class written in Python and of those derived from it, those that gc.freeze() put away
    left out.

    Not by `gc.get_objects`: it hands out tuples that another thread is still making, which fail there with a
    SystemError while we hold them (`tuple(generator)`: 70 failures a second under constant scanning). An instance
    refers to its class, so only that is asked for; it takes a sixth of the time, too.
    """
    return [obj for obj in gc.get_referrers(*classes_below(cls)) if issubclass(type(obj), cls)]
