"""Tallies that outlive their process: a small mapped file, locked for as long as the process lives.

The kernel keeps the pages of a mapped file when the process is killed and drops its lock, so whoever can take the
lock reads how far a dead process had counted. https://man7.org/linux/man-pages/man2/flock.2.html
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no lock that ends with its process, so no loss is ever known
    fcntl = None  # type: ignore[assignment]

CELLS = 64
SIZE_BYTES = CELLS * 8


def path_of(folder: Path, process_id: str) -> Path:
    return folder / f"running-{process_id}"


class Tally:
    """The tally of a process of ours. `cells` stays usable after `remove`, but is no longer a file.

    The lock is on a descriptor of its own: a mapping keeps a duplicate of the descriptor that it was made from, and
    a forked child could not let go of that one.
    """

    def __init__(self, folder: Path, process_id: str) -> None:
        self.cells = memoryview(array("Q", [0] * CELLS))
        self._path = path_of(folder, process_id)
        self._lock: int | None = None
        if fcntl is not None:
            try:
                self._create()
            except OSError:  # a file system without locks: recording is more important than knowing a loss
                self.remove()

    def _create(self) -> None:
        # Locked before it gets its name, so nobody can find it unlocked.
        unnamed = self._path.with_name(f"{self._path.name}.new")
        unnamed.unlink(missing_ok=True)
        self._lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(self._lock, bytes(SIZE_BYTES))  # a hole in the file would be a SIGBUS when the disk is full
        mapped = os.open(unnamed, os.O_RDWR)
        try:
            self.cells = memoryview(mmap.mmap(mapped, SIZE_BYTES)).cast("Q")
        finally:
            os.close(mapped)
        os.replace(unnamed, self._path)

    def remove(self) -> None:
        """The process has ended in order: nothing is to be counted."""
        if self._lock is not None:
            for path in (self._path, self._path.with_name(f"{self._path.name}.new")):
                path.unlink(missing_ok=True)
        self.let_go()

    def let_go(self) -> None:
        """In a forked child: the lock is the parent's and must end with it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class DeadTally:
    """The tally of a process that has died, locked while it is counted. A context manager.

    `ended` is the highest number of a dispatch in it; None when the process lives, or when it left no tally.
    """

    def __init__(self, folder: Path, process_id: str) -> None:
        self._path = path_of(folder, process_id)
        self._lock: int | None = None
        self.ended: int | None = None

    def __enter__(self) -> DeadTally:
        if fcntl is None:
            return self
        try:
            self._lock = os.open(self._path, os.O_RDWR)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            data = os.pread(self._lock, SIZE_BYTES, 0)
            if len(data) == SIZE_BYTES:
                self.ended = max(struct.unpack(f"={CELLS}Q", data))
        except OSError:  # no file, or its process lives and holds the lock
            return self
        return self

    def __exit__(self, *exc: object) -> None:
        if self._lock is not None:
            os.close(self._lock)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
