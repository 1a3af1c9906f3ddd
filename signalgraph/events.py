"""What is recorded: the entries of the log, and what a reader makes of them.

An entry is readable alone: a batch holds every name that it uses, and ids in it are positions in its own tables.
Times are integers: ``*_us`` since the epoch where a name says start, durations in the unit of their suffix.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

SCHEMA = 1  # of the public shapes
LOG_SCHEMA = 3  # of what stands in a log

ANY_SENDER = "*"

Status = Literal["returned", "raised", "not reached", "cancelled", "running", "not timed", "waiting"]
STATUSES: tuple[Status, ...] = ("returned", "raised", "not reached", "cancelled", "running", "not timed", "waiting")
METHODS = ("send", "send_robust", "asend", "asend_robust", "other")  # other: a method that the project named
OPERATIONS = ("bulk_create", "bulk_update", "update", "fast delete")  # writes for which no signal is sent
RECEIVER_BITS = 16  # span of the n-th receiver call (from 1) of a dispatch = span of the dispatch + n


class Process(Struct, frozen=True):
    """One recorded process. `id` is 16 random hex digits, new after a fork; the rest are labels."""

    id: str
    pid: int
    host: str
    label: str
    started_ms: int


class Heartbeat(Struct, frozen=True):
    """The newest sign of life of a process. Counts are since its start; `lost` is known after a crash only.

    Of the `recorded`, `sampled` were counted in the totals and left out otherwise, as `share` of the traces is kept.
    """

    process: Process
    seen_ms: int
    recording: bool
    recorded: int = 0
    dropped: int = 0
    lost: int = 0
    ended: bool = False
    sampled: int = 0
    share: float = 1.0


class Cause(Struct, frozen=True):
    """Why a trace exists: a request (method, route pattern, view), a command, a task, a test.

    `outer` is the id of the cause in which it began (a task run inside a request), 0 for none. `path` is a request's
    raw path, where CAPTURE asks for it.
    """

    id: int
    kind: str
    name: str
    view: str | None = None
    start_us: int = 0
    duration_ns: int | None = None
    outer: int = 0
    path: str | None = None


class Total(Struct, frozen=True, array_like=True):
    """Exact sums over receiver calls of one connection, or over dispatches of one signal.

    `ns` and `max_ns` are elapsed time. Of a signal, `calls` are dispatches that at least one receiver heard and
    `errors` those in which something was raised; its `queries` are 0, they stand with its connections.
    `untimed` calls are not among `calls`: another tool stood between Django and the receivers, so that who ran, and
    for how long, is not known; of a signal, these are dispatches of which not even the receivers are known.
    """

    calls: int = 0
    errors: int = 0
    ns: int = 0
    max_ns: int = 0
    queries: int = 0
    untimed: int = 0

    def __add__(self, other: Total) -> Total:
        return Total(
            self.calls + other.calls,
            self.errors + other.errors,
            self.ns + other.ns,
            max(self.max_ns, other.max_ns),
            self.queries + other.queries,
            self.untimed + other.untimed,
        )


class ReceiverCall(Struct, frozen=True, array_like=True):
    """One receiver in one dispatch, in the order Django runs them. `connection` is a position in `Batch.connections`.

    Times are nanoseconds; None where there is none (not reached, waiting) or where it could not be taken (not timed).
    A call is waiting while its dispatch is running and has not come to it.
    `busy_ns` is an async receiver's own time on the event loop. `repeats` is how often the query ran that ran most
    often (0: none ran twice) and `repeated` the fingerprint of its text.
    """

    connection: int
    status: int = 0
    offset_ns: int | None = None
    duration_ns: int | None = None
    busy_ns: int | None = None
    error: str | None = None
    queries: int = 0
    queries_ns: int = 0
    repeats: int = 0
    repeated: int = 0


Facts = dict[str, bool | int | float | str | list[str] | None]


class Dispatch(Struct, frozen=True, array_like=True):
    """One dispatch that at least one receiver heard.

    `parent` is 0 or the span of the receiver call (or, its low 16 bits zero, of the dispatch whose running receiver
    is not known) in which it was sent. `trace` is the id of its cause, or the span of its outermost dispatch.
    `signal`, `sender` and `site` are positions in the batch's tables (`site` -1: no frame outside Django was near).
    One with the status "running" was told while it ran, with its time so far; a later report takes its place.
    `transaction` is the id of the transaction that it was sent in, negative after the commit of that one (by work that
    `on_commit` had put off), 0 outside any.
    """

    span: int
    parent: int
    trace: int
    signal: int
    sender: int
    method: int
    status: int
    start_us: int
    duration_ns: int
    site: int
    thread: int
    calls: list[ReceiverCall]
    arguments: list[str] = []
    facts: Facts = {}
    transaction: int = 0


class LateCall(Struct, frozen=True, array_like=True):
    """An async receiver call that ended after its dispatch: what is to be put in the place of its earlier report."""

    span: int
    call: ReceiverCall


class Transaction(Struct, frozen=True, array_like=True):
    """The end of a transaction or savepoint in which something was dispatched or written.

    `outer` is the one that it was opened in (negative: after whose commit), 0 for none; it may be of another database.
    What was done in it lasts when it and all those of its database around it were committed.
    """

    id: int
    outer: int
    trace: int
    using: str
    start_us: int
    duration_ns: int
    committed: bool


class Write(Struct, frozen=True, array_like=True):
    """A write for which Django sends no signal. `operation` is a position in `OPERATIONS`, `sender` that of the model.

    `span`, `parent`, `trace`, `site`, `thread` and `transaction` are those of a dispatch; `rows` is None where the
    database doesn't tell.
    """

    span: int
    parent: int
    trace: int
    sender: int
    operation: int
    rows: int | None
    start_us: int
    duration_ns: int
    site: int
    thread: int
    transaction: int = 0
    error: str | None = None


class Batch(Struct, frozen=True, tag="batch"):
    """What one process recorded in one flush. `recorded` and `dropped` are cumulative since the process started.

    `connections` are (signal, sender filter, receiver) positions; `totals` stand in the same order and are this
    batch's share; `unheard` is (signal position, dispatches that no receiver heard), `ignored` (signal position,
    dispatches that were only counted, as IGNORE or a viewer's mute asks). `first_trace` and `last_trace` bound the
    traces in it, so that a log can find one. `signal_totals` stand in the order of `signals`. `dispatched` counts what
    ended, and `sampled` what will be in the totals only (of this batch or of earlier ones); `share` of the traces is
    kept by chance (`kept_by_chance`), those that went wrong or were slow come on top. `writes_dropped` is cumulative.
    """

    process: Process
    sequence: int
    wall_us: int
    recorded: int
    dropped: int
    signals: list[str]
    senders: list[str]
    receivers: list[str]
    connections: list[tuple[int, int, int]]
    sites: list[str]
    causes: list[Cause]
    totals: list[Total]
    unheard: list[tuple[int, int]]
    first_trace: int
    last_trace: int
    dispatched: int
    late: list[LateCall] = []
    blob: bytes = b""
    signal_totals: list[Total] = []
    transactions: list[Transaction] = []
    writes: list[Write] = []
    writes_dropped: int = 0
    ignored: list[tuple[int, int]] = []
    sampled: int = 0
    share: float = 1.0


class SignalInfo(Struct, frozen=True, rename={"cls": "class"}):
    """A live signal. `id` is `signal:<name>`; `receivers` counts its live connections."""

    id: str
    name: str
    aliases: list[str]
    cls: str
    receivers: int


class ConnectionInfo(Struct, frozen=True, rename={"is_async": "async"}):
    """A live connection. `sender` is `*` for any sender; `order` (from 1) is its place among the signal's receivers.

    `sender_kind` says what model the sender is: "abstract", "swapped" (a setting names another in its place), "proxy",
    "through" (made by Django for a many-to-many field), else "model"; "" where it is none, or that isn't known.
    `sender_instead` is the model in the place of a swapped one; for one with many-to-many fields, or to which some
    lead, what sends m2m_changed: `app_label.Model.field.through`.
    """

    signal: str
    sender: str
    receiver: str
    dispatch_uid: str | None
    weak: bool
    is_async: bool
    order: int
    file: str | None
    line: int | None
    sender_kind: str = ""
    sender_instead: str = ""


class Inventory(Struct, frozen=True):
    """The public shape of `manage.py signalgraph list --json`."""

    schema: int
    signals: list[SignalInfo]
    connections: list[ConnectionInfo]


class DeadEntry(Struct, frozen=True):
    """A row whose weakly held receiver is gone; Django removes it at the signal's next connect or dispatch."""

    signal: str
    sender: str
    dispatch_uid: str | None


class PendingSender(Struct, frozen=True):
    """A connect that waits for a model which is not there (yet): `sender` is the name that it waits for."""

    signal: str
    sender: str
    receiver: str
    dispatch_uid: str | None


class Wiring(Struct, frozen=True, tag="wiring"):
    """What is connected in one process; the connections of signalgraph itself are left out."""

    process: Process
    wall_us: int
    signals: list[SignalInfo]
    connections: list[ConnectionInfo]
    dead: list[DeadEntry] = []
    pending: list[PendingSender] = []


Entry = Batch | Wiring

_entries: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)
_encoder = msgspec.msgpack.Encoder()


def encode_entry(entry: Entry) -> bytes:
    """An entry as msgpack. Logs that keep `Batch.blob` in a column of its own encode it with `blob=b""`."""
    return _encoder.encode(entry)


def decode_entry(data: bytes) -> Entry:
    """The inverse of `encode_entry`; raises `msgspec.DecodeError` for anything else."""
    return _entries.decode(data)


def kept_by_chance(trace: int, share: float) -> bool:
    """Whether a trace is of the share that is told whatever happens in it; by its number, so everybody can tell."""
    # The mixing of SplitMix64, https://doi.org/10.1145/2714064.2660195: neighbours must not be chosen together.
    mixed = ((trace ^ (trace >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return mixed ^ (mixed >> 31) < share * 2.0**64
