"""Objects as projects have them, at their worst: each method that could run by mistake is noted, and fails."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from django.utils.functional import SimpleLazyObject, lazy

MARK = "penelope-weaves-by-night"  # stands in every value
NUMBER = 7_316_402_958_163_447_205
RAN: list[str] = []  # the planted methods that somebody called

PLANTED = [
    *("repr", "str", "format", "bytes", "hash", "eq", "ne", "lt", "bool", "len", "iter", "next", "contains", "getitem"),
    *("getattr", "getattribute", "index", "int", "float", "call", "reduce", "reduce_ex", "copy", "deepcopy", "await"),
    *("aiter", "enter", "fspath", "sizeof", "dir", "instancecheck", "subclasscheck", "missing"),
]


def planted(owner: str, name: str) -> Any:
    def method(*args: object, **kwargs: object) -> None:
        RAN.append(f"{owner}.{name}")
        raise RuntimeError(MARK)

    return method


def namespace(owner: str, *left_out: str) -> dict[str, Any]:
    """Methods that a project could define, and a property where Python itself would look."""
    methods = {f"__{name}__": planted(owner, name) for name in PLANTED if name not in left_out}
    return methods if "class" in left_out else methods | {"__class__": property(planted(owner, "class"))}


COMPARED = ("hash", "eq", "ne")
Meta: Any = type("Meta", (type,), namespace("Meta", "call"))  # what a look at a class could run
Trap: Any = Meta("Trap", (), namespace("Trap"))
Loud: Any = type("Loud", (), namespace("Loud", *COMPARED))  # a sender that Django can keep in its tables
TrapText: Any = type("TrapText", (str,), namespace("TrapText", *COMPARED))
TrapInt: Any = type("TrapInt", (int,), namespace("TrapInt", *COMPARED))
TrapFloat: Any = type("TrapFloat", (float,), namespace("TrapFloat", *COMPARED))
TrapDict: Any = type("TrapDict", (dict,), namespace("TrapDict", *COMPARED))
TrapList: Any = type("TrapList", (list,), namespace("TrapList", *COMPARED))
# Python itself asks an error's class whether an error is of it.
ErrorMeta: Any = type("ErrorMeta", (type,), namespace("ErrorMeta", "call", "instancecheck", "subclasscheck"))
# What asyncio does with an error needs its attributes.
LOOKED_AT = ("getattribute", "getattr", "class")
TrapError: Any = ErrorMeta("TrapError", (Exception,), namespace("TrapError", *COMPARED, *LOOKED_AT))


def lazily() -> str:
    RAN.append("lazily")
    return MARK


def values() -> dict[str, Any]:
    """One of each kind that a receiver may be handed, by the name of its argument."""
    recursive: list[Any] = [MARK]
    recursive.append(recursive)
    return {
        "text": MARK,
        "number": NUMBER,
        "real": float(NUMBER),
        "data": MARK.encode(),
        "recursive": recursive,
        "plain": {MARK: {"deep": (MARK.encode(), {MARK})}},
        "huge": MARK * 10_000,
        "many": [MARK] * 1_000,
        "trap": object.__new__(Trap),
        "trap_class": Trap,
        "loud": object.__new__(Loud),
        "trap_text": str.__new__(TrapText, MARK),
        "trap_int": int.__new__(TrapInt, NUMBER),
        "trap_float": float.__new__(TrapFloat, NUMBER),
        "trap_dict": dict.__new__(TrapDict),
        "trap_list": list.__new__(TrapList),
        "lazy_object": SimpleLazyObject(lazily),
        "lazy_text": lazy(lazily, str)(),
        "generator": (lazily() for _ in range(1)),
        "partial": functools.partial(lazily, MARK),
        "error": Exception.__new__(TrapError, MARK),
        "where": Path(MARK),
        "match": re.match(".*", MARK),
        f"{MARK} as a name": 1,
    }
