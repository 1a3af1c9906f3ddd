"""Starting and stopping the recorder of this process, and what becomes of it in a forked child."""

from __future__ import annotations

import atexit
import os
import secrets
import socket
import sys
import threading
import time
import warnings
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from signalgraph.events import Process
from signalgraph.log import open_log
from signalgraph.log.base import Control, Keep, Log, LogError
from signalgraph.recorder import capture as captured
from signalgraph.recorder import causes, dispatching, patches, signals, transactions, writes
from signalgraph.recorder.batches import process_label
from signalgraph.recorder.clock import CURRENT
from signalgraph.recorder.faults import contained, counted
from signalgraph.recorder.flusher import Flusher
from signalgraph.recorder.intake import Choice
from signalgraph.recorder.signals import Signals
from signalgraph.registry import REGISTRY

Mode = Literal["always", "watched", "off"]
MODES: tuple[Mode, ...] = ("always", "watched", "off")


@dataclass(frozen=True)
class State:
    """What the recorder of this process does now. Counts are dispatches since it started."""

    mode: Mode
    recording: bool
    process: Process | None = None
    log_url: str | None = None
    error: str | None = None
    recorded: int = 0
    dropped: int = 0
    faults: int = 0


class _Session:
    def __init__(
        self,
        log: Log,
        mode: Mode,
        ring: int,
        label: str | None,
        keep: Keep,
        choice: Choice,
        *,
        owns_log: bool,
        error: str | None,
    ) -> None:
        self.log, self.mode, self.ring, self.label, self.keep, self.choice = log, mode, ring, label, keep, choice
        self.owns_log, self.error = owns_log, error
        self.begin()

    def begin(self) -> None:
        """Everything that belongs to one process; made again in a forked child."""
        self.process = new_process(self.label)
        self.signals = Signals(REGISTRY, self.ensure_running)
        self.flusher = Flusher(self.log, self.process, REGISTRY, self.signals, self.asked, self.keep, self.choice)
        self.running = False
        self.ended = False
        self.starting = threading.Lock()  # taken once, by the one who starts the flusher
        dispatching.reset(self.ring, array("Q", [0] * (dispatching.CELLS + 1)), REGISTRY.learn_sender)
        transactions.NOTES.clear()
        writes.reset()
        self.signals.connect()

    @contained()
    def ensure_running(self) -> None:
        """Start the flusher; in a forked child that is not before its first dispatch."""
        # Never waits: a signal sent from `__del__` or by a handler of the system may come in between, in this thread.
        if self.running or not self.starting.acquire(blocking=False):
            return
        self.running = True
        try:
            dispatching.TALLY = self.log.tally(self.process)
        except LogError as error:
            self.error = str(error)
        self.flusher.start()
        _stop_with_worker()

    def asked(self, control: Control) -> bool:
        """Record or pause as viewers ask; True when recording."""
        if self.ended:
            return False
        watched = control.watched_until_ms > time.time() * 1000
        wanted = not control.paused and (self.mode == "always" or (self.mode == "watched" and watched))
        if wanted:
            patches.install()
        else:
            patches.uninstall()
        return wanted

    def end(self) -> None:
        self.ended = True
        patches.uninstall()
        self.flusher.stop()
        patches.uninstall()  # the flusher may have been about to install
        signals.disconnect()
        captured.use(())
        dispatching.TALLY = array("Q", [0] * (dispatching.CELLS + 1))
        if self.owns_log:
            self.log.close()


_session: _Session | None = None


def start(
    log: Log | str = "memory://",
    *,
    mode: Mode = "always",
    ring: int = 100_000,
    process_label: str | None = None,
    keep_age_s: float | None = None,
    keep_bytes: int | None = None,
    capture: Sequence[str] = (),
    share: float = 1.0,
    slow_ms: float = 100.0,
    ignore: Sequence[str] = (),
) -> None:
    """Record the dispatches of this process from now on; Django's settings need not be configured.

    Parameters
    ----------
    log : Log or str
        Where to, or its address: ``memory://`` or ``sqlite:///absolute/path``. A log that can't be opened is
        replaced by one in memory, with one `RuntimeWarning`; `state().error` says why.
    mode : "always", "watched" or "off"
        ``watched`` records only while a viewer looks.
    ring : int
        Dispatches held between two flushes; what comes on top is dropped, and counted.
    process_label : str, optional
        What people call this process; by default its program and, of ``manage.py``, the subcommand.
    keep_age_s, keep_bytes : number, optional
        Age in seconds and size in bytes beyond which old entries of the log are removed; totals stay.
    capture : sequence of str, optional
        Values to record, as `SIGNALGRAPH["CAPTURE"]` names them; what `redaction.rules()` hide stays hidden.
    share : float
        Of the traces that are told, from 0 to 1. All are counted, and those with an error or a dispatch that took
        `slow_ms` milliseconds are told in any case.
    ignore : sequence of str
        Names of signals (``*`` stands for anything) whose dispatches are counted only.

    Raises
    ------
    RuntimeError
        The recorder is running already.
    ValueError
        An unknown mode, a share that is none, a ring of less than one record, a name in `capture` that asks for
        nothing.
    """
    global _session
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; use one of: {', '.join(MODES)}.")
    if ring < 1:
        raise ValueError(f"ring is {ring}; it is a number of dispatches and at least 1.")
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; it is a part of the traces, from 0 to 1.")
    if _session is not None:
        raise RuntimeError(f"The recorder writes to {_session.log.url} already; call recorder.stop() first.")
    if mode == "off":
        return
    captured.use(capture)
    opened, error = open_or_remember(log) if isinstance(log, str) else (log, None)
    keep = Keep(keep_age_s, keep_bytes)
    choice = Choice(share, int(slow_ms * 1e6), tuple(ignore))
    _session = _Session(opened, mode, ring, process_label, keep, choice, owns_log=isinstance(log, str), error=error)
    if mode == "always":
        patches.install()
    _session.ensure_running()
    atexit.register(stop)


def open_or_remember(url: str) -> tuple[Log, str | None]:
    """The log of an address; where it can't be opened one in memory, and why."""
    try:
        return open_log(url, writer=True), None
    except LogError as error:
        warnings.warn(f"{error} Recording goes on in memory, for this process only.", RuntimeWarning, stacklevel=3)
        return open_log("memory://", writer=True), str(error)


def stop() -> None:
    """Put Django's originals back, carry the rest to the log and end; nothing happens when it isn't running."""
    global _session
    session, _session = _session, None
    if session is not None:
        session.end()
        atexit.unregister(stop)


def flush() -> None:
    """Carry everything recorded so far to the log before returning. For tests and short scripts."""
    if _session is not None:
        with _session.flusher.lock:
            _session.flusher.flush(unheard=True)


def state() -> State:
    """What the recorder of this process does now."""
    if _session is None:
        return State("off", False, faults=sum(counted.values()))
    flusher = _session.flusher
    return State(
        _session.mode,
        patches.installed(),
        _session.process,
        _session.log.url,
        _session.error or flusher.error,
        flusher.recorded,
        flusher.dropped,
        sum(counted.values()),
    )


def _stop_with_worker() -> None:
    """A process of `multiprocessing`, as a worker of parallel tests, ends without `atexit`, but calls its own list."""
    util, process = (sys.modules.get(f"multiprocessing.{name}") for name in ("util", "process"))
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, stop, exitpriority=0)


def new_process(label: str | None) -> Process:
    return Process(
        id=secrets.token_hex(8),
        pid=os.getpid(),
        host=socket.gethostname(),
        label=label or process_label(sys.argv),
        started_ms=int(time.time() * 1000),
    )


_held: Flusher | None = None  # its lock, from before a fork to after it


def _before_fork() -> None:
    global _held
    session = _session
    if session is not None:
        session.flusher.lock.acquire()
        _held = session.flusher


def _after_fork_in_parent() -> None:
    global _held
    held, _held = _held, None
    if held is not None:
        held.lock.release()


@contained()
def _after_fork_in_child() -> None:
    global _held
    _held = None
    if _session is not None:
        # The parent's flusher thread is not here and its lock is held for ever: everything is made anew.
        _session.log.after_fork()
        CURRENT.set(None)
        causes.CURRENT.set(causes.NONE)
        causes.NOTES.clear()
        _session.begin()
        if not patches.installed():  # nothing would start the flusher, which hears when somebody looks
            _session.ensure_running()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
