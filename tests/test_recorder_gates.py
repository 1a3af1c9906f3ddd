"""What recording costs, held without a clock: by identity where it must cost nothing, by counting where it costs.

Counted are bytecodes, Python frames and memory blocks, in a process of their own (`benchmarks.counting`); they repeat
exactly under any load. When a change is meant to be dearer, or was made cheaper: python -m benchmarks.counting --write
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import Signal

from signalgraph import recorder
from signalgraph.log import open_log
from signalgraph.recorder import dispatching, patches, scopes, transactions, writes

ROOT = Path(__file__).parent.parent
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BOUNDS: dict[str, dict[str, dict[str, float]]] = json.loads((ROOT / "tests" / "recorder_bounds.json").read_text())
KINDS = ("bytecodes", "frames", "blocks")
DEARER, CHEAPER = 1.03, 0.90  # of the bound: above the one it is missed, below the other it holds nothing any more
LEAKED = 200  # blocks that 12,000 records may leave behind; one for each is 12,000

DEPTH = 3  # levels of the deepest records (async calls, names of update_fields); a collection drops one level

UPDATE = "if that is meant: python -m benchmarks.counting --write"


@pytest.fixture(scope="module")
def counted() -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.counting"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    figures: dict[str, Any] = json.loads(run.stdout)
    return figures


def changes(now: dict[str, float], bounds: dict[str, float]) -> Iterator[str]:
    """What differs from the bounds by more than is borne, in words."""
    for name, value in now.items():
        if name not in bounds:
            yield f"{name}: {value:g}, and no bound"
            continue
        bound = bounds[name]
        if value > DEARER * bound or value < CHEAPER * bound:
            share = f"{abs(value / bound - 1):.1%}" if bound else f"{abs(value - bound):g}"
            yield f"{name}: {value:g}, that is {share} {'dearer' if value > bound else 'cheaper'} than {bound:g}"


@pytest.mark.parametrize("kind", KINDS)
def test_recording_adds_what_it_is_known_to_add(counted: dict[str, Any], kind: str) -> None:
    """Bytecodes and frames of a call, and blocks that a record keeps: not dearer, and no bound has become slack."""
    if PYTHON not in BOUNDS:
        pytest.skip(f"Python {PYTHON} has no bounds yet; measure them with: python -m benchmarks.counting --write")
    found = list(changes(counted[kind], BOUNDS[PYTHON][kind]))
    assert not found, f"{kind}: {'; '.join(found)}; {UPDATE}"


def test_a_dispatch_that_nobody_hears_enters_no_frame_of_ours(counted: dict[str, Any]) -> None:
    """90 % of real dispatches are these: `send` itself is replaced, and calls no other function of Python."""
    assert {name: n for name, n in counted["frames"].items() if name.startswith("0 ") or "nobody" in name} == {
        "0 receivers, caching": 0,
        "0 receivers, uncached": 0,
        "Model(), nobody listens": 0,
    }


def test_what_a_dispatch_adds_does_not_grow_with_frames_per_receiver(counted: dict[str, Any]) -> None:
    """Receivers are timed in C: ten of them enter as many frames of ours as one does."""
    frames = counted["frames"]
    assert frames["1 receivers, caching"] == frames["10 receivers, caching"]
    assert frames["1 receivers, uncached"] == frames["10 receivers, uncached"]


def test_memory_is_flat_when_the_ring_is_drained(counted: dict[str, Any]) -> None:
    """The ring is filled and drained again and again; nothing stays behind, in the flusher's tables either."""
    *_, third, _, _, last = counted["drained"]
    assert last - third <= LEAKED, counted["drained"]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"row": 103}, []),
        ({"row": 104}, ["row: 104, that is 4.0% dearer than 100"]),
        ({"row": 89}, ["row: 89, that is 11.0% cheaper than 100"]),
        ({"other": 1}, ["other: 1, and no bound"]),
    ],
)
def test_a_bound_is_told_by_how_much_it_was_missed(now: dict[str, float], told: list[str]) -> None:
    """Within 3 % above and 10 % below nothing is said."""
    assert list(changes(now, {"row": 100})) == told


# By identity


def classes() -> list[type]:
    """Every class of Django and of asgiref that has been imported, and every signal's."""
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in ("django", "asgiref")]
    found = {id(value): value for module in modules for value in vars(module).values() if type(value) is type}
    found.update({id(cls): cls for cls in gc.get_objects() if type(cls) is type and issubclass(cls, Signal)})
    return list(found.values())


def functions(known: list[type]) -> dict[tuple[str, str], Any]:
    """Every function of the classes and of Django's modules, by where it is."""
    found = {
        (f"{cls.__module__}.{cls.__qualname__}", name): value
        for cls in known
        for name, value in vars(cls).items()
        if isinstance(value, types.FunctionType | classmethod | staticmethod)
    }
    for path, module in list(sys.modules.items()):
        if path.split(".")[0] in ("django", "asgiref"):
            found.update({(path, name): value for name, value in vars(module).items() if callable(value)})
    return found


def changed(before: dict[tuple[str, str], Any], now: dict[tuple[str, str], Any]) -> set[tuple[str, str]]:
    return {key for key in before.keys() | now.keys() if before.get(key) is not now.get(key)}


class Chained(Signal):
    """A signal that dispatches in its own way."""

    def send(self, sender: Any, **named: Any) -> Any:
        return [receiver(signal=self, sender=sender, **named) for receiver in self._live_receivers(sender)[0]]


def named_in_table() -> set[tuple[str, str]]:
    """What is replaced whenever we record, and what has been imported since."""
    table = (*patches.TABLE, *scopes.arrived())
    return {(f"{owner.__module__}.{owner.__qualname__}", name) for owner, name, _ in table}


def test_paused_every_function_is_the_original() -> None:
    """Not only what our table names: every function of Django and asgiref is compared, and every signal's class."""
    known = classes()
    before = functions(known)
    recorder.start("memory://gates")
    with recorder.session._session.flusher.lock:  # type: ignore[union-attr]  # which would go on recording
        patches.install()
        recording = changed(before, functions(known))
        patches.uninstall()
        paused = changed(before, functions(known))
    recorder.stop()
    stopped = changed(before, functions(known))
    assert named_in_table() <= recording
    assert (paused, stopped) == (set(), set())


def test_while_recording_only_what_the_table_names_is_replaced() -> None:
    """The table is complete: of Django nothing else is another function than before."""
    known = classes()
    before = functions(known)
    recorder.start("memory://gates")
    with recorder.session._session.flusher.lock:  # type: ignore[union-attr]
        found = changed(before, functions(known))
    recorder.stop()
    of_django = {key for key in found if key[0].split(".")[0] in ("django", "asgiref")}
    sometimes = {("django.dispatch.dispatcher.Signal", name) for name in ("__init_subclass__", "connect", "disconnect")}
    assert of_django - named_in_table() <= sometimes


# Records are left alone by the garbage collector


class Sender:
    pass


def returns(sender: object, **named: object) -> None:
    pass


def fails(sender: object, **named: object) -> None:
    raise LookupError


def queries(sender: object, **named: object) -> None:
    list(Group.objects.all())


async def waits(sender: object, **named: object) -> None:
    await asyncio.sleep(0)


def dispatch_in_every_way() -> None:
    """One record of each kind: nested, failing, with SQL, async, of a model, in a transaction."""
    plain, nested, failing, mixed = Signal(), Signal(), Signal(), Signal()
    plain.connect(returns)
    nested.connect(lambda sender, **named: plain.send(Sender, instance=1), weak=False)
    nested.connect(queries)
    failing.connect(fails)
    mixed.connect(waits)
    mixed.connect(returns)
    nested.send(Sender)
    failing.send_robust(Sender)
    with pytest.raises(LookupError):
        failing.send(Sender)
    asyncio.run(mixed.asend(Sender, answer=42))
    mixed.send_robust(Sender)
    post_save.connect(queries, sender=Group)
    try:
        with transaction.atomic():
            Group.objects.create(name="readers").save(update_fields=["name"])
            Group.objects.filter(name="readers").update(name="writers")
    finally:
        post_save.disconnect(queries, sender=Group)


@pytest.mark.django_db(transaction=True)
def test_a_record_is_no_work_for_the_garbage_collector() -> None:
    """Lists in the ring would make every full collection dearer; tuples of atoms are dropped from it for good."""
    recorder.start(open_log("memory://gates", writer=True))
    with recorder.session._session.flusher.lock:  # type: ignore[union-attr]
        dispatch_in_every_way()
        for _ in range(DEPTH):
            gc.collect()
        held = [*dispatching.RING, *transactions.NOTES, *writes.NOTES]
        tracked = [record for record in held if gc.is_tracked(record)]
        kinds = {(bool(r[dispatching.SQL]), r[dispatching.ASYNC] is not None) for r in dispatching.RING}
        facts, failures, errors = (
            any(record[field] for record in dispatching.RING)
            for field in (dispatching.clock.FACTS, dispatching.FAILURES, dispatching.ERROR)
        )
    recorder.stop()
    assert kinds >= {(False, False), (True, False), (False, True)}
    assert (facts, failures, errors) == (True, True, True)
    assert not tracked
