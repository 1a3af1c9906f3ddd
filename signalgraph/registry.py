"""What is connected now: every signal, its receivers in their order, and what was silently lost.

A registry keeps no signal, sender or receiver alive and calls no code of theirs. It may be asked from any thread while
the project connects and disconnects: every list of Django's is copied in one step before it is looked at.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FunctionType

from django.dispatch import Signal

from signalgraph import names, origins, pending
from signalgraph.descriptions import ReceiverName
from signalgraph.events import (
    ANY_SENDER,
    SCHEMA,
    ConnectionInfo,
    DeadEntry,
    Inventory,
    PendingSender,
    Process,
    SignalInfo,
    Wiring,
)
from signalgraph.inert import class_path
from signalgraph.model_kinds import ModelKind, model_kinds
from signalgraph.receivers import distinct_names, is_own
from signalgraph.rows import RawRow, describe_uid, read_rows, row_marks
from signalgraph.senders import SenderLabels

SCAN_INTERVAL_S = 10.0
TIDY_AT = 1_000  # known signals from which on the dead are looked for
UNNAMED = "unnamed"
NO_MODEL = ModelKind("")
NO_PROCESS = Process("0" * 16, 0, "", "", 0)


@dataclass(frozen=True)
class Row:
    """A live row of a signal. `sender_key` is `id(sender)` (None: any sender), `ident` that of `ReceiverName`."""

    sender_key: int | None
    ident: int
    sender: str
    receiver: str
    info: ConnectionInfo


@dataclass
class _Known:
    """A signal that was seen. Without a place it keeps a provisional name until a scan finds one."""

    reference: weakref.ref[Signal]
    name: str
    is_placed: bool = False
    aliases: list[str] = field(default_factory=list)
    is_searched: bool = False  # the dear search, through all that refers to it, is made once


@dataclass(frozen=True)
class _Snapshot:
    fingerprint: int
    signals: list[SignalInfo]
    rows: dict[int, list[Row]]
    connections: list[ConnectionInfo]
    dead: list[DeadEntry]
    pending: list[PendingSender]


class Registry:
    """Names and rows of the live signals. Thread-safe; `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._senders = SenderLabels()
        self._known: dict[int, _Known] = {}
        self._tidy_at = TIDY_AT
        self._snapshot: _Snapshot | None = None
        self._scanned_s: float | None = None
        self._modules = 0
        self.after_fork()

    def after_fork(self) -> None:
        """In a forked child: another thread of the parent may have held the lock."""
        self._lock = threading.RLock()

    def scan(self) -> None:
        """Find every live signal and name the new ones (about 6 ms for 300,000 objects)."""
        with self._lock:
            self._scanned_s, self._modules = self._clock(), len(sys.modules)
            places, placed = origins.module_places()
            # What is known and lives is there, found or not: a collection that runs in another thread hides objects.
            signals = {id(signal): signal for signal in (*self.signals(), *origins.find_signals(), *placed)}
            self._known = {
                key: known for key, known in self._known.copy().items() if known.reference() is signals.get(key)
            }
            for key, signal in signals.items():
                self._place(signal, places.get(key, []))
            self._name_others([signal for signal in signals.values() if not self._know(signal).is_placed])
            self._senders.forget_missed()
            self._snapshot = None

    def _place(self, signal: Signal, places: list[origins.Place]) -> None:
        """Name a signal by its places. A name once given stays, aliases follow the modules."""
        known = self._known.get(id(signal))
        paths = {place.path for place in places}
        if known is not None and known.is_placed:
            known.aliases = sorted(paths - {known.name}) or known.aliases
        elif places:
            name = origins.choose(places).path
            self._known[id(signal)] = _Known(weakref.ref(signal), name, True, sorted(paths - {name}))

    def _name_others(self, signals: list[Signal]) -> None:
        """Name signals that are no attribute of a module: those of classes, in dicts, on instances, and the rest."""
        fresh = [signal for signal in signals if not self._know(signal).is_searched]
        # What gc.freeze() put away has no referrers: walk the classes, which costs ten times as much.
        frozen = fresh if gc.get_freeze_count() else []
        in_classes = origins.class_places({id(signal) for signal in frozen}) if frozen else {}
        for signal in fresh:
            self._place(signal, in_classes.get(id(signal), []))
        left = [signal for signal in fresh if not self._know(signal).is_placed]
        held, closures = origins.held_names(left) if left else ({}, {})
        for signal in left:
            known, name = self._know(signal), held.get(id(signal))
            known.name, known.is_placed = name or _unnamed(signal, closures.get(id(signal))), name is not None
            known.is_searched = True
        for signal in signals:
            known = self._know(signal)
            if not known.is_placed and ":" not in known.name:
                known.name = _unnamed(signal)

    def _is_scan_due(self) -> bool:
        return (
            self._scanned_s is None
            or self._modules != len(sys.modules)
            or self._clock() - self._scanned_s >= SCAN_INTERVAL_S
        )

    def signal_name(self, signal: Signal) -> str:
        """The dotted name of a signal: where its module keeps it, `module.Class.attribute`, `module.DICT['key']`.

        A signal that is kept nowhere is `unnamed @ file:line`, the place of its first receiver; the name may get better
        with a later scan.
        """
        known = self._known.get(id(signal))
        if known is not None and known.is_placed and known.reference() is signal:
            return known.name
        with self._lock:
            if self._is_scan_due():
                self.scan()
            return self._know(signal).name

    def _know(self, signal: Signal) -> _Known:
        known = self._known.get(id(signal))
        if known is None or known.reference() is not signal:
            if len(self._known) >= self._tidy_at:
                self._forget_dead()
            known = self._known[id(signal)] = _Known(weakref.ref(signal), _unnamed(signal))
        return known

    def _forget_dead(self) -> None:
        """Between two scans, too: a project may make and drop signals by the thousand."""
        self._known = {key: known for key, known in self._known.copy().items() if known.reference() is not None}
        self._tidy_at = 2 * len(self._known) + TIDY_AT

    def learn_sender(self, key: int, label: str | None) -> None:
        """Note the label of the object with this id; a connection may know no more of its sender (Django 5.2).

        None says that the object has died and the id may become another's.
        """
        if self._senders.learn(key, label):
            self._snapshot = None

    def fingerprint(self) -> int:
        """A number that changes when a row of a known signal does, or the number of loaded modules. Costs < 100 us."""
        marks: list[int | str] = [len(sys.modules), pending.count_waiting()]
        for known in tuple(self._known.values()):
            signal = known.reference()
            if signal is not None:
                marks.append(known.name)
                marks += row_marks(signal)
        return hash(tuple(marks))

    def signals(self) -> list[Signal]:
        """The live signals that are known: after a scan, all there are."""
        return [signal for known in tuple(self._known.values()) if (signal := known.reference()) is not None]

    def rows(self, signal: Signal) -> list[Row]:
        """The live rows of a signal in their order, without signalgraph's own receivers."""
        self.signal_name(signal)
        with self._lock:
            return self._current().rows.get(id(signal), [])

    def wiring(self, process: Process, wall_us: int) -> Wiring:
        """All that is connected, as an entry of the log; a scan first if one is due."""
        with self._lock:
            if self._is_scan_due():
                self.scan()
            now = self._current()
        return Wiring(process, wall_us, now.signals, now.connections, now.dead, now.pending)

    def wiring_now(self, *, collect: bool = False) -> Wiring:
        """All that is connected, always after a scan, as an entry of no process.

        `collect`: without what nobody holds any more and only waits for the garbage collector, as a command wants it
        that tells once what is there.
        """
        if collect:
            gc.collect()
        with self._lock:
            self.scan()
            return self.wiring(NO_PROCESS, time.time_ns() // 1000)

    def inventory(self, *, collect: bool = False) -> Inventory:
        """The same, as `manage.py signalgraph list --json` prints it."""
        now = self.wiring_now(collect=collect)
        return Inventory(SCHEMA, now.signals, now.connections)

    def _current(self) -> _Snapshot:
        fingerprint = self.fingerprint()
        if self._snapshot is None or self._snapshot.fingerprint != fingerprint:
            self._snapshot = self._take_snapshot(fingerprint)
        return self._snapshot

    def _take_snapshot(self, fingerprint: int) -> _Snapshot:
        live = [(known, signal) for known in tuple(self._known.values()) if (signal := known.reference()) is not None]
        raw = [(known.name, signal, read_rows(signal)) for known, signal in live]
        labels = self._sender_labels([row for *_, rows in raw for row in rows])
        described = _describe_receivers([row for *_, rows in raw for row in rows if not row.is_dead])
        kinds = model_kinds()
        rows = {id(signal): _live_rows(name, rows, described, labels, kinds) for name, signal, rows in raw}
        dead = [(name, row) for name, _, rows in raw for row in rows if row.is_dead]
        connections = [row.info for same in rows.values() for row in same]
        return _Snapshot(
            fingerprint,
            _signal_infos(live, rows),
            rows,
            sorted(connections, key=lambda info: (info.signal, info.order)),
            [DeadEntry(name, _sender(row, labels), row.dispatch_uid) for name, row in dead],
            self._pending(),
        )

    def _sender_labels(self, rows: Iterable[RawRow]) -> dict[int, str]:
        labels = {}
        unseen = []
        for row in rows:
            if row.sender is not None and row.sender_key is not None:
                labels[row.sender_key] = names.describe_sender(row.sender)
            elif row.sender_key is not None:
                unseen.append(row.sender_key)
        return self._senders.resolve([key for key in unseen if key not in labels]) | labels

    def _pending(self) -> list[PendingSender]:
        found = []
        for waiting in pending.pending_connects():
            receiver = names.describe_receiver(waiting.receiver).label
            uid = describe_uid(waiting.dispatch_uid) if waiting.dispatch_uid is not None else None
            if not is_own(receiver):
                found.append(PendingSender(self._know(waiting.signal).name, waiting.sender, receiver, uid))
        return sorted(found, key=lambda entry: (entry.signal, entry.sender, entry.receiver))


def _describe_receivers(rows: list[RawRow]) -> dict[int, tuple[str, ReceiverName]]:
    """The final name and the description of each row's receiver, by the row's identity."""
    described = {id(row): names.describe_receiver(row.receiver) for row in rows}
    final = distinct_names((described[id(row)], row.dispatch_uid if row.uid_is_text else None) for row in rows)
    return {key: (final[receiver.ident], receiver) for key, receiver in described.items()}


def _live_rows(
    signal: str,
    raw: list[RawRow],
    described: dict[int, tuple[str, ReceiverName]],
    labels: dict[int, str],
    kinds: dict[str, ModelKind],
) -> list[Row]:
    rows: list[Row] = []
    for row in raw:
        if row.is_dead or is_own(described[id(row)][1].label):
            continue
        name, receiver = described[id(row)]
        sender = _sender(row, labels)
        order, kind = len(rows) + 1, kinds.get(sender, NO_MODEL)
        place = (receiver.file, receiver.line)
        info = ConnectionInfo(signal, sender, name, row.dispatch_uid, row.weak, row.is_async, order, *place, *kind)
        rows.append(Row(row.sender_key, receiver.ident, sender, name, info))
    return rows


def _sender(row: RawRow, labels: dict[int, str]) -> str:
    return ANY_SENDER if row.sender_key is None else labels.get(row.sender_key, names.UNKNOWN_SENDER)


def _signal_infos(live: list[tuple[_Known, Signal]], rows: dict[int, list[Row]]) -> list[SignalInfo]:
    """One for each name: signals that are kept nowhere may share theirs."""
    infos: dict[str, SignalInfo] = {}
    for known, signal in live:
        before = infos[known.name].receivers if known.name in infos else 0
        count = before + len(rows[id(signal)])
        identity = names.signal_id(known.name)
        infos[known.name] = SignalInfo(identity, known.name, known.aliases, class_path(type(signal)), count)
    return sorted(infos.values(), key=lambda info: info.name)


def _unnamed(signal: Signal, known_to: FunctionType | None = None) -> str:
    """`unnamed @ file:line`: the function that alone knows the signal, else its first receiver."""
    functions = [known_to] if known_to is not None else []
    for obj in (*functions, *(row.receiver for row in read_rows(signal) if not row.is_dead)):
        place = names.describe_receiver(obj)
        if place.file is not None and not is_own(place.label):
            return f"{UNNAMED} @ {names.escape(names.relative_path(place.file))}:{place.line or 1}"
    return f"{UNNAMED} @ {class_path(type(signal))}"


REGISTRY = Registry()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=REGISTRY.after_fork)
