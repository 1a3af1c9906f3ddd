"""What a log in a file keeps to on top of the contract: modes, other processes, crashes, forks and full disks."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from log_entries import SHOP, STOCK, batch, now_ms, wiring

from signalgraph.events import LOG_SCHEMA, Heartbeat
from signalgraph.log import LogError, open_log
from signalgraph.log import sqlite_file as sqlite_file_module
from signalgraph.log.base import Log, LogBusy
from signalgraph.log.sqlite import SqliteLog

TESTS = Path(__file__).parent
PRELUDE = "import os, signal, sys; from log_entries import *; from signalgraph.events import Heartbeat, Process\n"
PRELUDE += "from signalgraph.log import LogError, open_log\n"
Opener = Callable[..., SqliteLog]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "log.sqlite3"


@pytest.fixture
def opened(path: Path) -> Iterator[Opener]:
    """Opens logs, and closes them after the test."""
    logs: list[SqliteLog] = []

    def open_one(where: Path = path, *, writer: bool = True) -> SqliteLog:
        log = open_log(f"sqlite://{where}", writer=writer)
        assert isinstance(log, SqliteLog)
        logs.append(log)
        return log

    yield open_one
    for log in logs:
        log.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own that runs code with the entries of `log_entries` and `open_log` at hand."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    command = [sys.executable, "-W", "error", "-c", PRELUDE + code, *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(code: str, *arguments: object) -> str:
    """What such a process prints; it has to end well."""
    process = start(code, *arguments)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors == ""
    return output


def test_a_folder_that_was_made_is_private_and_ignores_itself(opened: Opener, path: Path) -> None:
    """0700, and git sees nothing in it, whatever the umask."""
    before = os.umask(0)
    try:
        opened()
    finally:
        os.umask(before)
    assert mode(path.parent) == 0o700
    assert (path.parent / ".gitignore").read_text() == "*\n"


def test_a_folder_that_was_there_is_left_as_it_is(opened: Opener, tmp_path: Path) -> None:
    """It is somebody's own."""
    tmp_path.chmod(0o755)
    opened(tmp_path / "log.sqlite3")
    assert mode(tmp_path) == 0o755
    assert not (tmp_path / ".gitignore").exists()


def test_every_file_is_private_from_its_first_byte(opened: Opener, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is 0600 before SQLite sees it, and so is all that is made beside it."""
    modes = []
    connect = sqlite3.connect

    def look_and_connect(*arguments: object, **options: object) -> sqlite3.Connection:
        modes.append((mode(path), path.stat().st_size))
        return connect(*arguments, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite_file_module.sqlite3, "connect", look_and_connect)
    before = os.umask(0)
    try:
        log = opened()
        log.append(batch())
        log.tally(SHOP)
    finally:
        os.umask(before)
    assert modes == [(0o600, 0)]
    found = {file.name: mode(file) for file in path.parent.iterdir() if file.name != ".gitignore"}
    assert set(found) == {path.name, f"{path.name}-wal", f"{path.name}-shm", f"running-{SHOP.id}"}
    assert set(found.values()) == {0o600}


@pytest.mark.parametrize("text", ["sqlite://log.sqlite3", "sqlite://", "sqlite:///var/", "sqlite:///a\0b"])
def test_a_path_that_is_not_absolute_or_no_file_is_refused(text: str) -> None:
    """A relative path would be another log in each working directory."""
    with pytest.raises(LogError, match="absolute path"):
        open_log(text, writer=True)


def test_a_path_that_can_not_be_made_is_told_with_what_to_do(opened: Opener, tmp_path: Path) -> None:
    """A folder that is a file, and a file that is a folder."""
    (tmp_path / "file").write_text("")
    for where in (
        tmp_path / "file" / "log.sqlite3",
        tmp_path / "file" / "deeper" / "log.sqlite3",
        Path("/proc/no/log"),
    ):
        with pytest.raises(LogError, match="SIGNALGRAPH") as caught:
            opened(where)
        assert str(where) in str(caught.value)
    with pytest.raises(LogError, match=r"can't be opened.*make the file"):
        opened(tmp_path)


def test_a_file_that_is_no_database_is_told_and_left_alone(opened: Opener, tmp_path: Path) -> None:
    """Nothing is overwritten."""
    where = tmp_path / "log.sqlite3"
    where.write_bytes(b"something else entirely " * 100)
    with pytest.raises(LogError, match=r"log\.sqlite3 isn't an SQLite file; move it away"):
        opened(where)
    assert where.read_bytes() == b"something else entirely " * 100


def test_the_database_of_the_project_is_not_taken_for_a_log(opened: Opener, tmp_path: Path) -> None:
    """Tables of somebody else stay as they are."""
    where = tmp_path / "db.sqlite3"
    database = sqlite3.connect(where)
    database.execute("CREATE TABLE auth_user (id)")
    database.commit()
    with pytest.raises(LogError, match="not a log of signalgraph; it is left as it is"):
        opened(where)
    assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("auth_user",)]
    database.close()


def test_a_log_of_another_version_is_told_with_both_versions(opened: Opener, path: Path) -> None:
    """It is not read as if it were ours."""
    opened().close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(LogError, match=rf"schema version 99, this signalgraph reads {LOG_SCHEMA}\. Move it away"):
        opened()


def test_a_damaged_log_is_told(opened: Opener, path: Path) -> None:
    """Pages that were overwritten are found when they are read."""
    log = opened()
    for _ in range(20):
        log.append(batch(blob=bytes(5_000)))
    log.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(LogError, match=r"log\.sqlite3 (is damaged|can't be used|holds an entry)"):
        opened().read()


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_locked_log_is_told_after_its_time(opened: Opener, path: Path, when: str) -> None:
    """Nobody waits for ever, or longer than they want to, and the next append works."""
    log = opened()
    log.be_patient(0.01)
    if when == "later":  # the connection is made anew, as after a fork
        log.before_fork()
        log.after_fork_in_parent()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogBusy, match="is locked by another process"):
        log.append(batch())
    holder.execute("ROLLBACK")
    holder.close()
    log.append(batch())
    assert log.totals().dispatched == 1


FILL = """
import resource
log = open_log(sys.argv[1], writer=True)
log.append(batch())
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for number in range(200):
        log.append(batch(blob=bytes(20_000)))
except LogError as error:
    print(error)
print(log.totals().dispatched == len([1 for _, entry in log.read().entries]))
log.close()
"""


def test_a_disk_that_is_full_is_told_and_leaves_the_log_whole(opened: Opener, path: Path) -> None:
    """What was appended before stays, with the totals that belong to it."""
    message, is_whole = run(FILL, f"sqlite://{path}").splitlines()
    assert str(path) in message
    assert "disk" in message
    assert is_whole == "True"
    assert opened().totals().dispatched == len(opened().read().entries)


WRITE = """
log = open_log(sys.argv[1], writer=True)
process = Process(sys.argv[2], os.getpid(), "web-1", "writer", 1)
for number in range(50):
    log.append(batch(process=process, sequence=number))
log.close()
"""


def test_several_processes_write_at_once(opened: Opener, path: Path) -> None:
    """From the first moment, when the file isn't there yet: nothing is lost, and totals are exact."""
    url = f"sqlite://{path}"
    writers = [start(WRITE, url, f"{number:016x}") for number in range(4)]
    errors = [writer.communicate(timeout=60)[1] for writer in writers]
    assert errors == [""] * 4
    log = opened(writer=False)
    entries = [entry for _, entry in log.read().entries]
    assert log.totals().dispatched == len(entries) == 200
    for number in range(4):
        own = [entry.sequence for entry in entries if entry.process.id == f"{number:016x}"]
        assert own == list(range(50))


READ = """
log = open_log(sys.argv[1], writer=False)
cursor, seen = log.recent(limit=0), []
print("ready", flush=True)
while len(seen) < 100:
    if log.wait(cursor, 20):
        page = log.read(cursor)
        seen += [position for position, _ in page.entries]
        cursor = page.cursor
print(seen == list(range(1, 101)))
log.close()
"""


def test_readers_in_other_processes_follow_a_writer(opened: Opener) -> None:
    """Each gets every entry once, in order, while it is written."""
    log = opened()
    readers = [start(READ, log.url) for _ in range(2)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    for _ in range(100):
        log.append(batch())
    assert [reader.communicate(timeout=60) for reader in readers] == [("True\n", "")] * 2


COUNT_AND_DIE = """
log = open_log(sys.argv[1], writer=True)
cells = log.tally(SHOP)
for number in range(1, 1_001):
    cells[number % 64] = number
    if number == 700:
        log.append(batch(recorded=690, dropped=10))
print("counted", flush=True)
sys.stdin.read()
"""


def test_the_loss_of_a_process_that_was_killed_is_known_to_the_dispatch(opened: Opener, path: Path) -> None:
    """1,000 had ended, 690 were written, 10 dropped and counted: 300 are lost, and that is told once and for all."""
    victim = start(COUNT_AND_DIE, f"sqlite://{path}")
    assert victim.stdout is not None
    assert victim.stdout.readline() == "counted\n"
    log, other = opened(writer=False), opened()
    assert [beat.lost for beat in log.heartbeats()] == [0]
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=60)
    (beat,) = log.heartbeats()
    assert (beat.process, beat.lost, beat.ended, beat.recorded, beat.dropped) == (SHOP, 300, False, 690, 10)
    assert not (path.parent / f"running-{SHOP.id}").exists()
    assert log.heartbeats() == other.heartbeats() == [beat]


def test_a_process_that_ends_in_order_leaves_no_tally_and_no_loss(opened: Opener, path: Path) -> None:
    """Whatever its cells say."""
    log = opened()
    log.tally(SHOP)[5] = 100
    assert (path.parent / f"running-{SHOP.id}").exists()
    log.beat(Heartbeat(SHOP, now_ms(), recording=False, recorded=90, ended=True))
    log.close()
    assert not (path.parent / f"running-{SHOP.id}").exists()
    assert [(beat.lost, beat.ended) for beat in opened().heartbeats()] == [(0, True)]


def test_a_log_that_is_closed_without_an_end_has_lost_what_it_did_not_get(opened: Opener) -> None:
    """As after a crash."""
    log = opened()
    log.tally(SHOP)[1] = 5
    log.append(batch(recorded=3))
    log.close()
    assert [beat.lost for beat in opened().heartbeats()] == [2]


FORK = """
log = open_log(sys.argv[1], writer=True)
log.append(batch())
cells = log.tally(SHOP)
cells[1] = 8
child = os.fork()
if not child:
    log.after_fork()
    for number in range(20):
        log.append(batch(process=STOCK, sequence=number))
    log.tally(STOCK)[1] = 20
    # In one piece: both may write at once.
    print(f"child {len(log.read().entries) >= 21}" + chr(10), end="", flush=True)
    sys.stdin.readline()
    log.beat(Heartbeat(STOCK, now_ms(), recording=False, recorded=20, ended=True))
    log.close()
    os._exit(0)
for number in range(20):
    log.append(batch(sequence=number, recorded=1))
print("parent" + chr(10), end="", flush=True)
if sys.argv[2] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.readline()
os.waitpid(child, 0)
log.close()
"""


def test_a_forked_child_and_its_parent_write_on(opened: Opener, path: Path) -> None:
    """Each with a connection of its own."""
    process = start(FORK, f"sqlite://{path}", "live")
    output, errors = process.communicate("\n\n", timeout=60)
    assert (sorted(output.splitlines()), errors) == (["child True", "parent"], "")
    entries = [entry for _, entry in opened().read().entries]
    assert len(entries) == opened().totals().dispatched == 41
    assert [entry.sequence for entry in entries if entry.process == STOCK] == list(range(20))


def test_a_forked_child_does_not_hold_the_lock_of_its_parent(opened: Opener, path: Path) -> None:
    """The parent is killed, the child lives on, and the loss of the parent is known."""
    process = start(FORK, f"sqlite://{path}", "die")
    assert process.stdout is not None
    assert process.stdin is not None
    lines = {process.stdout.readline(), process.stdout.readline()}
    assert lines == {"child True\n", "parent\n"}
    process.wait(timeout=60)
    losses = {beat.process.id: (beat.lost, beat.ended) for beat in opened().heartbeats()}
    process.communicate("\n", timeout=60)
    assert losses == {SHOP.id: (7, False), STOCK.id: (0, False)}


def test_a_log_that_is_removed_while_it_is_open_is_made_again_by_its_writer(opened: Opener, path: Path) -> None:
    """Readers keep what they have until then, and learn that it is another log."""
    log, reader = opened(), opened(writer=False)
    log.append(batch())
    before = reader.end()
    for file in path.parent.iterdir():
        file.unlink()
    assert reader.end() == before
    assert not path.exists()
    log.append(batch(sequence=2))
    page = reader.read(before)
    assert page.hole is not None
    assert (page.hole.reason, len(page.entries)) == ("other-log", 1)
    assert mode(path) == 0o600


def test_an_empty_file_becomes_a_log(opened: Opener, tmp_path: Path) -> None:
    """As it is left by a process that was killed while it made one."""
    where = tmp_path / "log.sqlite3"
    where.touch()
    opened(where).append(batch())
    assert opened(where).totals().dispatched == 1


def test_readers_can_not_append(opened: Opener) -> None:
    """They say how to open a log that can."""
    log = opened(writer=False)
    for act in (lambda: log.append(wiring()), lambda: log.tally(SHOP), lambda: log.beat(Heartbeat(SHOP, 1, True))):
        with pytest.raises(LogError, match="writer=True"):
            act()


def test_a_closed_log_says_so(opened: Opener) -> None:
    """Closing twice is no error."""
    log = opened()
    log.close()
    log.close()
    with pytest.raises(LogError, match="is closed"):
        log.append(batch())


def test_closing_ends_a_wait(opened: Opener) -> None:
    """A thread that waits doesn't hold up the end of its process."""
    log: Log = opened()
    ended = threading.Event()
    end = log.end()

    def wait() -> None:
        with suppress(LogError):
            log.wait(end, 60)
        ended.set()

    thread = threading.Thread(target=wait)
    thread.start()
    log.close()
    thread.join(timeout=10)
    assert ended.is_set()


def test_a_page_ends_before_it_is_too_large_for_the_memory(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that there is more, and goes on there."""
    monkeypatch.setattr("signalgraph.log.sqlite.PAGE_BYTES", 50_000)
    log = opened()
    for _ in range(5):
        log.append(batch(blob=bytes(20_000)))
    first = log.read()
    assert (len(first.entries), first.more) == (3, True)
    assert len(log.read(first.cursor).entries) == 2


def test_a_pruned_log_gives_its_room_back(opened: Opener, path: Path) -> None:
    """The file gets smaller."""
    log = opened()
    for _ in range(100):
        log.append(batch(blob=bytes(20_000)))
    log.close()
    before = path.stat().st_size
    log = opened()
    log.prune(max_bytes=500_000)
    log.close()
    assert path.stat().st_size < before / 2


def test_old_processes_are_forgotten_unless_they_lost_something(opened: Opener) -> None:
    """The table of processes is bounded, and a known loss never shrinks."""
    log = opened()
    log.beat(Heartbeat(SHOP, 1_000, recording=True, dropped=4))
    log.beat(Heartbeat(STOCK, 1_000, recording=True))
    log.prune(max_age_s=60)
    assert [beat.process for beat in log.heartbeats()] == [SHOP]
