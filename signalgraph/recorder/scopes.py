"""Causes that end where they began: a block of `signalgraph.cause`, a management command, a test."""

from __future__ import annotations

import contextvars
import functools
import sys
from collections.abc import Callable
from typing import Any

from signalgraph import causing
from signalgraph.inert import class_module, class_qualname, instance_namespace, plain_text
from signalgraph.recorder import causes, dispatching
from signalgraph.recorder.faults import contained
from signalgraph.recorder.frames import uncounted

COMMAND, TEST = "command", "test"

# Commands that serve, wait for work or talk to somebody: what they do is many units of work, each a cause of its own (a
# request, a task, a test), and one around them all would hold them together in a single trace without an end.
OPEN_ENDED_COMMANDS = frozenset(
    {
        *("runserver", "runserver_plus", "runprofileserver", "testserver", "livereload", "tailwind"),
        *("run_gunicorn", "runuwsgi", "grpcrunserver", "daphne", "serve"),
        *("shell", "shell_plus", "debugsqlshell", "dbshell", "notebook", "test"),
        *("db_worker", "qcluster", "runworker", "rqworker", "rqworker-pool", "rqscheduler", "scheduler"),
        *("celery", "process_tasks", "run_huey", "rundramatiq", "runapscheduler", "procrastinate", "crontab_worker"),
    }
)


@contained()
def begin(kind: str, name: str, pair: str | None = None) -> causes.Current | None:
    """Open a cause in the one that runs; None while nothing is recorded."""
    return causes.open_cause(dispatching.next_span(), kind, name, pair) if dispatching.ON else None


@contained()
def begin_test(name: str) -> causes.Current | None:
    """Open the cause of a test that a runner runs after others: what it finds left over from them is nothing of it."""
    opened = begin(TEST, name)
    if opened is not None and not opened[1][0]:
        dispatching.FLOOR = opened[0]  # a context that was copied in an earlier test, as a loop's, names no cause
    return opened


@contained()
def end(opened: causes.Current) -> None:
    causes.close_cause(opened)


@contained()
def innermost(begun: list[causes.Current]) -> causes.Current | None:
    """The one of these causes that was opened last in this context, without one the last of all."""
    current = causes.CURRENT.get()
    while current is not None:
        if any(current is one for one in begun):
            return current
        current = current[1]
    return begun[-1]


causing.begin, causing.end, causing.innermost = begin, end, innermost

# Set by `patches`: looks for what has been imported since; `manage.py test` imports its runner just before it runs.
before_command: Callable[[], None] = lambda: None  # noqa: E731


@uncounted
def recording_command(original: Any) -> Any:
    """`BaseCommand.execute`, which `manage.py` and `call_command` both end in."""

    @functools.wraps(original)
    def execute(self: Any, *args: Any, **options: Any) -> Any:
        _look_around()
        name = command_name(self)
        if name is None:
            return original(self, *args, **options)
        opened = begin(COMMAND, name)
        try:
            return original(self, *args, **options)
        finally:
            if opened is not None:
                end(opened)

    return execute


@contained()
def _look_around() -> None:
    if dispatching.ON:
        before_command()


@contained()
def command_name(command: Any) -> str | None:
    """`manage.py import_stock`: never its arguments. None for one that gets no cause of its own."""
    cls = type(command)
    package, _, name = class_module(cls).rpartition(".")
    if not package.endswith("management.commands"):
        return f"{class_module(cls)}.{class_qualname(cls)}"
    return None if name in OPEN_ENDED_COMMANDS else f"manage.py {name}"


_running_tests: set[int] = set()  # the id() of their test cases


@uncounted
def recording_test(original: Any) -> Any:
    """`SimpleTestCase.__call__`, with Django's own preparation, and `TestCase.run` for all others."""

    @functools.wraps(original)
    def run(self: Any, result: Any = None, **named: Any) -> Any:
        if id(self) in _running_tests or _is_of_pytest(result):
            return original(self, result, **named)
        opened = begin_test(test_name(self))
        _running_tests.add(id(self))
        outside = _enter_context_of(self)
        try:
            return original(self, result, **named)
        finally:
            _running_tests.discard(id(self))
            _leave_context_of(self, outside)
            if opened is not None:
                end(opened)

    return run


def _is_of_pytest(result: Any) -> bool:
    """Whether pytest runs the test, which is a cause by our plugin then."""
    return class_module(type(result)).startswith("_pytest.")


@contained(default="?")
def test_name(case: Any) -> str:
    """`module.Class.test_method`."""
    method = plain_text(instance_namespace(case).get("_testMethodName"))
    return f"{class_module(type(case))}.{class_qualname(type(case))}.{method}"


@contained()
def _enter_context_of(case: Any) -> Any:
    """An async test case runs in a context that was copied when it was made: the cause is set there too."""
    context = instance_namespace(case).get("_asyncioTestContext")
    if type(context) is not contextvars.Context:
        return None
    outside = context.run(causes.CURRENT.get)
    context.run(causes.CURRENT.set, causes.CURRENT.get())
    return outside


@contained()
def _leave_context_of(case: Any, outside: Any) -> None:
    if outside is not None:
        instance_namespace(case)["_asyncioTestContext"].run(causes.CURRENT.set, outside)


def arrived() -> list[tuple[type, str, Any]]:
    """Entries of `patches.TABLE` for what is loaded in few processes and is not to be loaded for us."""
    found: list[tuple[type, str, Any]] = []
    for module, name, method in (
        ("unittest.case", "TestCase", "run"),
        ("django.test.testcases", "SimpleTestCase", "__call__"),
    ):
        owner = vars(sys.modules[module]).get(name) if module in sys.modules else None
        if isinstance(owner, type):
            found.append((owner, method, recording_test))
    return found
