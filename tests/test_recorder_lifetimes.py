"""Nothing of a project lives longer for being recorded, and nothing of the recorder grows; forks, exits, threads."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.dispatch import Signal
from fresh_site import free_port, wait_for

from signalgraph import recorder
from signalgraph.log import open_log
from signalgraph.recorder import patches

ROOT = Path(__file__).parent.parent
METHODS = ["send", "send_robust", "asend", "asend_robust"]

PREAMBLE = """
    import atexit, gc, json, os, sys, threading, time
    from django.conf import settings
    settings.configure(DEBUG=False)
    import django
    django.setup()
    from django.dispatch import Signal
    from signalgraph import recorder
    from signalgraph.recorder import causes, clock, dispatching, faults, patches
    PATH = sys.argv[1]
    def listens(sender, **kwargs): ...
    signal = Signal()
    signal.connect(listens)
"""


def run(script: str, path: Path, *arguments: str, timeout: float = 120) -> Any:
    """What a process of its own prints as JSON at its end; it must end well and complain of nothing."""
    code = textwrap.dedent(PREAMBLE) + textwrap.dedent(script)
    # From Python 3.12 on a fork warns of the flusher's thread, which is ready for it.
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", code, str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout) if done.stdout else None


class Reading:
    """What a log holds of processes and calls."""

    def __init__(self, path: Path) -> None:
        log = open_log(f"sqlite://{path}", writer=False)
        try:
            self.beats = log.heartbeats()
            totals = log.totals()
        finally:
            log.close()
        self.calls = sum(total.calls for total in totals.connections.values())
        self.unheard = sum(totals.unheard.values())
        self.dispatched = totals.dispatched

    @property
    def lost(self) -> int:
        return sum(beat.lost + beat.dropped for beat in self.beats)


# What dies with a dispatch


class Thing:
    """Something that can be referred to weakly."""

    def receives(self, sender, **kwargs):
        return None


def who_died(method: str) -> dict[str, bool]:
    """Whether each object that took part in two dispatches, one of which fails, is gone right after."""
    signal, sender, argument, owner, held = Signal(), Thing(), Thing(), Thing(), Thing()
    references: dict[str, Any] = {}

    def local(sender, **kwargs):
        return None

    def fails(sender, held=held, **kwargs):
        in_a_frame = Thing()
        references["in a frame"] = weakref.ref(in_a_frame)
        error = Failure(held)
        references["error"] = weakref.ref(error)
        try:
            raise error
        finally:
            del error

    async def waits(sender, **kwargs):
        in_a_coroutine = Thing()
        references["in a coroutine"] = weakref.ref(in_a_coroutine)
        await asyncio.sleep(0)

    everything = {"signal": signal, "sender": sender, "argument": argument, "owner": owner, "held": held}
    everything |= {"local": local, "fails": fails, "waits": waits}
    references |= {name: weakref.ref(obj) for name, obj in everything.items()}
    del everything, held
    for receiver in (owner.receives, local, waits):
        signal.connect(receiver)
    _dispatch(signal, method, sender, argument)
    signal.connect(fails)
    _dispatch(signal, method, sender, argument)
    del signal, sender, argument, owner, receiver, local, fails, waits
    return {name: reference() is None for name, reference in references.items()}


class Failure(Exception):
    """An error that holds something."""


def _dispatch(signal: Signal, method: str, sender: object, argument: object) -> None:
    with contextlib.suppress(Failure):
        if method.startswith("a"):
            with contextlib.closing(asyncio.new_event_loop()) as loop:
                loop.run_until_complete(getattr(signal, method)(sender, argument=argument))
        else:
            getattr(signal, method)(sender, argument=argument)


@pytest.fixture
def no_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("capture", [[], ["argument", "argument.x", "error.message"]])
def test_what_takes_part_in_a_dispatch_dies_as_without_us(
    method: str, capture: list[str], no_gc: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Receivers, senders, arguments, signals, errors with their frames: at once, not by the garbage collector."""
    settings.DEBUG = False  # else Django's check of signatures keeps local receivers
    monkeypatch.setattr("django.dispatch.dispatcher.logger.disabled", True)
    recorder.start("memory://lifetimes", capture=capture)
    try:
        who_died(method)  # the first dispatch makes what stays
        recorded = who_died(method)
        patches.uninstall()
        plain = who_died(method)
    finally:
        recorder.stop()
    assert recorded == plain
    if method == "send":  # the others leave cycles themselves, of errors in lists of answers
        assert {name for name, died in recorded.items() if not died} <= {"signal"}  # since 6.1, with async receivers


# What grows

GROWTH = """
    def churn(first, last):
        for number in range(first, last):
            name = f"made_{number}"
            scope = {}
            exec(compile(f"def {name}(sender, **kw): pass\\ndef send(s, *a, **k): s.send(*a, **k)\\n"
                         f"class Error{number}(Exception): pass", f"/made/{number}.py", "exec"), scope)
            made = Signal()
            made.connect(scope[name], dispatch_uid=name)
            scope["send"](made, name, **{f"argument_{number}": 1})
            scope["send"](made, object(), x=1)
            sender = type(f"Sender{number}", (), {})()
            made.send(sender, x=sender)
            def fails(sender, error=scope[f"Error{number}"], **kw): raise error
            signal.connect(fails)
            signal.send_robust(sender)
            signal.disconnect(fails)
            Signal().send(sender)
            with recorder_cause("import", name):
                signal.send(name)
            thread = threading.Thread(target=signal.send, args=(listens,))
            thread.start()
            thread.join()
            cursor.execute(f"SELECT {number}")
            if number % 1000 == 0:
                recorder.flush()
        recorder.flush()

    import logging
    logging.disable(logging.CRITICAL)
    from signalgraph import cause as recorder_cause
    from django.db import connections
    settings.DATABASES["default"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    connections.settings = connections.configure_settings({"default": {"ENGINE": "django.db.backends.sqlite3",
                                                                       "NAME": ":memory:"}})
    cursor = connections["default"].cursor()
    recorder.start("sqlite://" + PATH, capture=["x", "error.message"], ignore=["nothing.*"])
"""

SIZES = """
    import sys, types
    from collections import deque
    def sizes():
        found, seen, waiting = {}, set(), []
        for name, module in list(sys.modules.items()):
            if name.split(".")[0] == "signalgraph" and module is not None:
                waiting += [(f"{name}.{key}", value) for key, value in vars(module).items()]
        while waiting:
            path, obj = waiting.pop()
            kind = type(obj)
            if id(obj) in seen or kind is types.ModuleType or isinstance(obj, (str, bytes, int, float, types.CodeType)):
                continue
            seen.add(id(obj))
            if isinstance(obj, (dict, list, set, frozenset, tuple, deque)) and "__builtins__" not in path:
                found[path] = max(found.get(path, 0), len(obj))
                inner = list(obj.values()) if isinstance(obj, dict) else list(obj)
                waiting += [(path + "[]", value) for value in inner[:20000]]
            if hasattr(obj, "cache_info") and hasattr(obj, "cache_clear"):
                found[path] = obj.cache_info().currsize
            if kind.__module__.split(".")[0] == "signalgraph":
                names = [*getattr(obj, "__dict__", {}), *(s for c in kind.__mro__ for s in getattr(c, "__slots__", ()))]
                waiting += [(f"{path}.{key}", getattr(obj, key, None)) for key in names]
            if kind is types.FunctionType:
                waiting += [(path + "()", cell.cell_contents) for cell in obj.__closure__ or ()]
            elif kind in (types.BuiltinMethodType, types.MethodType, types.MethodWrapperType):
                waiting += [(path + ".__self__", obj.__self__)]
            elif kind.__name__ == "partial":
                waiting += [(path + "()", [obj.func, obj.args])]
        return found
"""
# The caps of the recorder's tables, made small, so that a few thousand of everything show what has none.
SMALL = 60
CAPS = {
    "registry": ["TIDY_AT"],
    "senders": ["LEARNED"],
    "recorder.capture": ["PLANS"],
    "recorder.sites": ["MOST_FILES"],
    "recorder.endings": ["REMEMBERED"],
    "recorder.queries": ["MOST_TEXTS"],
    "recorder.reasons": ["KEPT"],
    "recorder.routes": ["REMEMBERED"],
    "recorder.sampling": ["MOST_HELD", "REMEMBERED"],
    "recorder.telling": ["AWAITED"],
    "recorder.tokens": ["LABELS"],
}
SMALL_CAPS = """
    import importlib
    for module, caps in json.loads(sys.argv[2]).items():
        for cap in caps:
            assert getattr(importlib.import_module("signalgraph." + module), cap) >= 1000
            setattr(importlib.import_module("signalgraph." + module), cap, {SMALL})
    from signalgraph.registry import REGISTRY
    dispatching.SENDERS._limit = dispatching.RECEIVER_TABLE._limit = REGISTRY._tidy_at = {SMALL}
    churn(0, 1000)
    gc.collect()
    before = sys.getallocatedblocks()
    churn(1000, 4000)
    gc.collect()
    grown = sys.getallocatedblocks() - before
    found = [len(dispatching.SENDERS._tokens), sizes(), faults.counted]
    recorder.stop()
    gc.collect()
    before = sys.getallocatedblocks()
    churn(4000, 7000)
    gc.collect()
    print(json.dumps([*found, grown, sys.getallocatedblocks() - before]))
""".replace("{SMALL}", str(SMALL))


def test_memory_is_flat_and_every_table_is_capped(tmp_path: Path) -> None:
    """Signals, receivers, senders, names, errors, threads, causes, SQL that never come again leave nothing behind.

    Each list, dict, set and queue that can be reached from the package's modules is looked at, so that one that is new
    and has no cap fails here; one with a cap belongs into `CAPS`.
    """
    script = GROWTH + SIZES + SMALL_CAPS
    labels, sizes, failed, grown, plain = run(script, tmp_path / "log.sqlite3", json.dumps(CAPS), timeout=400)
    assert failed == {}
    assert SMALL <= labels <= SMALL + 10  # it was looked at while full
    assert {path: size for path, size in sizes.items() if size > 600} == {}
    assert grown - plain < 3_000  # a block for each of what came and went would be more; Python keeps new names


# Forks, threads and exits


def test_twenty_forked_workers_write_exact_counts_into_one_log(tmp_path: Path) -> None:
    """A server that loads the project, records, and then forks: each worker is a process of its own."""
    script = """
    recorder.start("sqlite://" + PATH)
    for _ in range(100):
        signal.send("parent")
    children = []
    for _ in range(20):
        child = os.fork()
        if child == 0:
            for _ in range(300):
                signal.send("child")
                Signal().send("nobody")
            recorder.stop()
            os._exit(0)
        children.append(child)
        signal.send("parent")
    states = [os.waitpid(child, 0)[1] for child in children]
    recorder.stop()
    print(json.dumps(states))
    """
    path = tmp_path / "log.sqlite3"
    assert run(script, path) == [0] * 20
    reading = Reading(path)
    assert (reading.calls, reading.dispatched, reading.unheard, reading.lost) == (6_120, 6_120, 6_000, 0)
    assert len({beat.process.id for beat in reading.beats}) == 21
    assert all(beat.ended for beat in reading.beats)


def test_the_workers_of_multiprocessing_write_all_before_they_end(tmp_path: Path) -> None:
    """They end without atexit, by os._exit."""
    script = """
    import multiprocessing
    def work(number):
        for _ in range(100):
            signal.send("work")
        return recorder.state().faults
    recorder.start("sqlite://" + PATH)
    signal.send("parent")
    with multiprocessing.get_context("fork").Pool(4) as pool:
        found = pool.map(work, range(8), chunksize=1)
        pool.close()
        pool.join()
    recorder.stop()
    print(json.dumps(found))
    """
    path = tmp_path / "log.sqlite3"
    assert run(script, path) == [0] * 8
    reading = Reading(path)
    assert (reading.calls, reading.lost) == (801, 0)


def test_a_process_that_ends_without_a_word_is_missed_exactly(tmp_path: Path) -> None:
    """os._exit: what had not been carried to the log is counted as lost."""
    script = """
    recorder.start("sqlite://" + PATH)
    for _ in range(1000):
        signal.send("x")
    recorder.flush()
    for _ in range(77):
        signal.send("x")
    os._exit(0)
    """
    path = tmp_path / "log.sqlite3"
    run(script, path)
    reading = Reading(path)
    assert reading.calls + reading.lost == 1077
    assert reading.calls >= 1000


def test_dispatches_while_the_interpreter_ends_do_no_harm(tmp_path: Path) -> None:
    """By daemon threads, by functions of atexit that come before and after ours, and when all is gone."""
    script = """
    class Late:
        def __del__(self, send=signal.send):
            send("late")
    late = Late()
    atexit.register(lambda: [signal.send("after") for _ in range(10)])
    recorder.start("sqlite://" + PATH)
    atexit.register(lambda: [signal.send("before") for _ in range(10)])
    def forever():
        while True:
            signal.send("daemon")
            time.sleep(0.001)
    for _ in range(4):
        threading.Thread(target=forever, daemon=True).start()
    for _ in range(50):
        signal.send("main")
    sys.modules["late"] = late
    """
    path = tmp_path / "log.sqlite3"
    run(script, path)
    reading = Reading(path)
    [beat] = reading.beats
    assert (beat.ended, reading.lost) == (True, 0)
    assert reading.calls >= 60


def test_thousands_of_short_threads_leave_nothing(tmp_path: Path) -> None:
    """Each dispatches once, some in one another; what the recorder knows of threads is forgotten with them."""
    script = """
    inner = Signal()
    inner.connect(listens)
    def nested(sender, **kwargs):
        inner.send("inner")
    outer = Signal()
    outer.connect(nested)
    recorder.start("sqlite://" + PATH)
    most = 0
    for _ in range(60):
        threads = [threading.Thread(target=outer.send, args=("outer",)) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        most = max(most, len(dispatching.OPEN))
    recorder.session._session.flusher._slow_at = 0.0
    recorder.flush()
    print(json.dumps([most, len(dispatching.OPEN), faults.counted]))
    recorder.stop()
    """
    path = tmp_path / "log.sqlite3"
    most, left, failed = run(script, path)
    assert failed == {}
    assert most <= 110  # a thread's number is given again
    assert left <= 110
    assert Reading(path).calls == 6_000


PROJECT = {
    "manage.py": """
        import os, sys
        os.environ["DJANGO_SETTINGS_MODULE"] = "project"
        from django.core.management import execute_from_command_line
        execute_from_command_line(sys.argv)
    """,
    "project.py": """
        SECRET_KEY, DEBUG, USE_TZ, ROOT_URLCONF = "x", True, True, "urls"
        INSTALLED_APPS = ["signalgraph", "django_htmx", "shop"]
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
        ALLOWED_HOSTS = ["*"]
    """,
    "urls.py": """
        from django.http import HttpResponse
        from django.urls import path
        from shop.signals import sold
        urlpatterns = [path("", lambda request: HttpResponse(str(len(sold.send("view")))))]
    """,
    "shop/__init__.py": "",
    "shop/signals.py": """
        from django.dispatch import Signal
        sold = Signal()
        def listens(sender, **kwargs): ...
        sold.connect(listens)
    """,
    "shop/tests.py": """
        from django.test import TestCase
        from shop.signals import sold
        def sells(self):
            for _ in range(50):
                sold.send("test")
        for number in range(6):
            globals()[f"Test{number}"] = type(f"Test{number}", (TestCase,), {"test_a": sells, "test_b": sells})
    """,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text))
    return tmp_path


def environment(folder: Path, **variables: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "SIGNALGRAPH", "PYTEST"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), "SIGNALGRAPH_LOG": f"sqlite://{folder}/log.sqlite3", **variables}


def sold_calls(folder: Path) -> int:
    log = open_log(f"sqlite://{folder}/log.sqlite3", writer=False)
    try:
        return sum(total.calls for key, total in log.totals().connections.items() if "shop.signals.sold" in key)
    finally:
        log.close()


def test_parallel_tests_are_recorded_whole(project: Path) -> None:
    """`manage.py test --parallel 2`: 12 tests with 50 dispatches each, by two forked processes."""
    command = [sys.executable, "manage.py", "test", "--parallel", "2"]
    options = {"cwd": project, "env": environment(project, SIGNALGRAPH_RECORD="always")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    assert "Ran 12 tests" in done.stderr
    assert sold_calls(project) == 600


def test_the_parent_of_the_reloader_does_not_record(project: Path) -> None:
    """`manage.py runserver`: one process is in the log, the one that serves."""
    port = free_port()
    command = [sys.executable, "manage.py", "runserver", f"127.0.0.1:{port}", "--skip-checks"]
    with (project / "output.txt").open("w") as output:
        process = subprocess.Popen(command, cwd=project, env=environment(project), stdout=output, stderr=output)
        try:
            wait_for(port, process, output.name)
            subprocess.run([sys.executable, "-c", ASK, str(port)], check=True, timeout=30)
            reading = until(lambda: sold_calls(project) and Reading(project / "log.sqlite3"))
        finally:
            process.terminate()
            process.wait(timeout=30)
    [beat] = reading.beats
    assert beat.process.pid != process.pid
    assert beat.recording


ASK = """
import sys, urllib.request
assert urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/", timeout=20).read() == b"1"
"""


def until(found: Callable[[], Any]) -> Any:
    """What `found` answers, once it is something: another process writes ten times a second."""
    for _ in range(200):
        answer = found()
        if answer:
            return answer
        threading.Event().wait(0.05)
    raise AssertionError("nothing came")
