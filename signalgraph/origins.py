"""Where signals are kept: a signal has no name of its own, so it gets that of the place that made it."""

from __future__ import annotations

import gc
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import CellType, FunctionType, ModuleType
from typing import Any, NamedTuple

from django.dispatch import Signal

from signalgraph.descriptions import escape
from signalgraph.inert import (
    class_module,
    class_namespace,
    class_path,
    instance_namespace,
    instances_of,
    is_a,
    plain_text,
)

_CLASS_DEPTH = 3  # classes in classes
_SOURCE_BYTES = 2_000_000  # a longer module is generated; it isn't read


class Place(NamedTuple):
    """An attribute of a module that holds a signal."""

    module: str
    attribute: str

    @property
    def path(self) -> str:
        return escape(f"{self.module}.{self.attribute}")


def find_signals() -> list[Signal]:
    """Every live signal that the garbage collector knows. Lazy objects and dead proxies are not woken."""
    return instances_of(Signal)


def namespaces() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The name and the attributes of each loaded module, once for each module object."""
    seen = set()
    for key, module in sys.modules.copy().items():
        if is_a(module, ModuleType) and id(module) not in seen:
            seen.add(id(module))
            namespace = instance_namespace(module)
            name = plain_text(namespace.get("__name__")) or key
            yield (name if sys.modules.get(name) is module else key), namespace


def module_places() -> tuple[dict[int, list[Place]], list[Signal]]:
    """The places of the signals that modules hold, by `id(signal)`, and those signals."""
    places: dict[int, list[Place]] = defaultdict(list)
    signals: dict[int, Signal] = {}
    for module, namespace in namespaces():
        if module.startswith("signalgraph."):
            continue
        for attribute, value in dict(namespace).items():
            if issubclass(type(value), Signal):
                signals[id(value)] = value
                places[id(value)].append(Place(module, attribute))
    return places, list(signals.values())


def class_places(wanted: set[int]) -> dict[int, list[Place]]:
    """The places of signals that are attributes of a class, or in a dict or list that is one."""
    places: dict[int, list[Place]] = defaultdict(list)
    for module, namespace in namespaces():
        for value in list(namespace.values()):
            if is_a(value, type) and class_module(value) == module:
                for attribute, identity in _class_signals(value, wanted, _CLASS_DEPTH):
                    places[identity].append(Place(module, f"{class_path(value)[len(module) + 1 :]}.{attribute}"))
    return places


def _class_signals(cls: type, wanted: set[int], depth: int) -> Iterator[tuple[str, int]]:
    for attribute, value in dict(class_namespace(cls)).items():
        if id(value) in wanted:
            yield attribute, id(value)
        elif is_a(value, type) and depth and class_path(value) == f"{class_path(cls)}.{attribute}":
            yield from ((f"{attribute}.{inner}", found) for inner, found in _class_signals(value, wanted, depth - 1))
        else:
            yield from ((f"{attribute}{key}", found) for key, found in _items(value, wanted))


def _items(container: object, wanted: set[int]) -> Iterator[tuple[str, int]]:
    """The subscripts under which a dict, list or tuple holds wanted objects."""
    if type(container) is dict:
        for key, value in container.copy().items():
            if id(value) in wanted:
                yield f"[{key!r}]" if type(key) is str or type(key) is int else "[...]", id(value)
    elif type(container) is list or type(container) is tuple:
        yield from ((f"[{index}]", id(value)) for index, value in enumerate(container) if id(value) in wanted)


def choose(places: Sequence[Place]) -> Place:
    """The place that made the signal: the module whose own source assigns it, rather than one that imports it."""
    if len(places) == 1:
        return places[0]
    ranked = sorted(places, key=_rank)
    by_certainty: dict[int, Place] = {}
    for place in ranked:
        certainty = _assigns(place)
        if certainty == 2:
            return place
        by_certainty.setdefault(certainty, place)
    return by_certainty.get(1, ranked[0])


def _rank(place: Place) -> tuple[bool, bool, int, Place]:
    is_private = place.attribute.startswith("_")
    return is_private, not place.module.endswith("signals"), place.module.count("."), place


def _assigns(place: Place) -> int:
    """2 where the module's source assigns the result of a call to the attribute, 1 anything else, 0 nothing.

    >>> _assigns(Place("django.db.models.signals", "post_save")), _assigns(Place("django.test.signals", "receiver"))
    (2, 0)
    """
    name = re.escape(place.attribute)
    pattern = rf"^[ \t]*(?:[^=\n#(]*[^\w\n=#(.])?{name}\b[^=\n#(]*=(?!=)(.*)$"
    values = re.findall(pattern, _source(place.module), re.MULTILINE)
    return max((2 if "(" in value else 1 for value in values), default=0)


@lru_cache(maxsize=64)
def _source(module: str) -> str:
    file = plain_text(instance_namespace(sys.modules.get(module)).get("__file__"))
    try:
        path = Path(file or "")
        return path.read_text("latin-1") if path.suffix == ".py" and path.stat().st_size < _SOURCE_BYTES else ""
    except OSError:
        return ""


def held_names(signals: Sequence[Signal]) -> tuple[dict[int, str], dict[int, FunctionType]]:
    """Names of signals that are no attribute of a module, by `id(signal)`.

    Those in a module's dict or list, those of classes and of instances; for a signal that only a function's closure
    knows, the function. Found upwards, from what refers to them: about 15 ms a step for 150,000 objects.
    """
    wanted = {id(signal) for signal in signals}
    holders = gc.get_referrers(*signals)
    owners = _referrers([held for held in holders if type(held) is dict or type(held) is list or type(held) is tuple])
    owners += _referrers([owner for owner in owners if type(owner) is dict])
    attributes = _attributes({id(held) for held in (*holders, *owners)})
    names: dict[int, str] = {}
    for held in holders:
        path = attributes.get(id(held))
        for key, identity in _items(held, wanted) if path else ():
            names.setdefault(identity, escape(f"{path}{key}"))
    for owner in sorted((*holders, *owners), key=lambda owner: (id(owner) not in attributes, not is_a(owner, type))):
        for identity, name in _instance_names(owner, wanted, attributes):
            names.setdefault(identity, name)
    return names, _closures({id(held): held for held in holders if type(held) is CellType})


def _referrers(boxes: list[Any]) -> list[Any]:
    """What refers to the boxes. Those of a module's attributes are left out: all its functions would answer."""
    of_modules = {id(namespace) for _, namespace in namespaces()}
    boxes = [box for box in boxes if id(box) not in of_modules]
    return gc.get_referrers(*boxes) if boxes else []


def _attributes(wanted: set[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for module, namespace in namespaces():
        for attribute, value in dict(namespace).items():
            if id(value) in wanted:
                found.setdefault(id(value), f"{module}.{attribute}")
    return found


def _instance_names(owner: object, wanted: set[int], attributes: Mapping[int, str]) -> Iterator[tuple[int, str]]:
    if is_a(owner, type):
        yield from ((found, escape(f"{class_path(owner)}.{key}")) for key, found in _class_signals(owner, wanted, 0))
        return
    if is_a(owner, ModuleType) or class_module(type(owner)) in ("builtins", "weakref"):
        return
    path = attributes.get(id(owner)) or f"{class_path(type(owner))}()"
    for attribute, value in dict(instance_namespace(owner)).items():
        if id(value) in wanted:
            yield id(value), escape(f"{path}.{attribute}")
        for key, identity in _items(value, wanted):
            yield identity, escape(f"{path}.{attribute}{key}")


def _closures(cells: Mapping[int, CellType]) -> dict[int, FunctionType]:
    """The functions in whose closures the cells are, by `id` of what a cell holds."""
    found: dict[int, FunctionType] = {}
    boxes = [box for box in gc.get_referrers(*cells.values()) if type(box) is tuple] if cells else []
    for function in gc.get_referrers(*boxes) if boxes else ():
        for cell in (function.__closure__ or ()) if type(function) is FunctionType else ():
            if id(cell) in cells:
                found.setdefault(id(cell.cell_contents), function)
    return found
