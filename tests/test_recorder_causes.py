"""Commands, tasks, tests and a project's own work as causes, each inside the one around it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import subprocess
import sys
import types
import unittest
from collections.abc import Callable, Iterator
from contextlib import suppress

import django
import pytest
from django.core.management import BaseCommand, call_command
from django.core.signals import request_finished, request_started
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse
from django.test import Client, SimpleTestCase
from django.urls import path

import signalgraph
from signalgraph import recorder
from signalgraph.blobs import decode_dispatches
from signalgraph.events import Batch, Cause
from signalgraph.log import open_log
from signalgraph.recorder import causes, dispatching, patches, scopes
from signalgraph.recorder.reasons import Reasons
from tests.tasks_at_once import fall, happened, say

needs_tasks = pytest.mark.skipif(django.VERSION < (6, 0), reason="django.tasks is of Django 6.0")


class Command(BaseCommand):
    """`manage.py import_stock`, once it says that it is of such a module."""

    def add_arguments(self, parser) -> None:
        parser.add_argument("secret")

    def handle(self, *args: object, **options: object) -> None:
        happened.send("command")
        if options["secret"] == "wrong":
            raise KeyError("wrong")


Command.__module__ = "shop.management.commands.import_stock"


class Runserver(Command):
    pass


Runserver.__module__ = "shop.management.commands.runserver"


def commanding(request: HttpRequest) -> HttpResponse:
    happened.send("before")
    call_command(Command(), "hunter2")
    happened.send("after")
    return HttpResponse("done")


urlpatterns = [path("commanding/", commanding), path("quiet/", lambda request: HttpResponse("quiet"))]
pytestmark = pytest.mark.urls(__name__)


def listens(sender, **kwargs):
    return None


class Read:
    """The newest word on each cause, and the trace in which each sender has dispatched `happened` last."""

    def __init__(self, log) -> None:
        recorder.flush()
        self.told: dict[int, Cause] = {}
        self.words: list[Cause] = []
        self.traces: dict[str, int] = {}
        for _, entry in log.read(limit=10_000).entries:
            if isinstance(entry, Batch):
                self.words += entry.causes
                for dispatch in decode_dispatches(entry):
                    if entry.signals[dispatch.signal].endswith(".happened"):
                        self.traces[entry.senders[dispatch.sender].strip('"')] = dispatch.trace
        self.told = {cause.id: cause for cause in self.words}

    def __getitem__(self, sender: str) -> Cause:
        return self.told[self.traces[sender]]

    def names_around(self, sender: str) -> list[str]:
        """`kind name` of the cause of a dispatch and of those around it, from the inside."""
        found, cause = [], self.told.get(self.traces[sender])
        while cause is not None:
            found.append(f"{cause.kind} {cause.name}")
            cause = self.told.get(cause.outer)
        return found


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[object]:
    happened.connect(listens)
    log = open_log(f"memory://{request.node.name}", writer=True)
    recorder.start(log)
    yield log
    recorder.stop()
    log.close()
    happened.disconnect(listens)
    assert causes.CURRENT.get() == causes.NONE


def test_what_is_dispatched_in_a_block_is_of_its_cause(log) -> None:
    """The trace has the kind and name that the project gave, and takes as long as the block."""
    with signalgraph.cause("import", "catalogue"):
        happened.send("inside")
    happened.send("outside")
    read = Read(log)
    assert (read["inside"].kind, read["inside"].name, read["inside"].outer) == ("import", "catalogue", 0)
    assert read["inside"].duration_ns > 0
    assert read.traces["outside"] not in read.told


def test_a_cause_is_told_while_it_runs(log) -> None:
    """What takes long is named with the first dispatch, and gets its duration when it ends."""
    with signalgraph.cause("import", "catalogue"):
        happened.send("inside")
        assert Read(log)["inside"].duration_ns is None
    words = Read(log).words
    assert [(word.name, word.duration_ns is None) for word in words] == [("catalogue", True), ("catalogue", False)]


def test_causes_nest_and_the_one_before_goes_on(log) -> None:
    """Each is told with the one around it, also one that has dispatched nothing itself."""
    with signalgraph.cause("outer", "a"), signalgraph.cause("middle", "b"):
        with signalgraph.cause("inner", "c"):
            happened.send("inside")
        happened.send("after")
    read = Read(log)
    assert read.names_around("inside") == ["inner c", "middle b", "outer a"]
    assert read.names_around("after") == ["middle b", "outer a"]


def test_one_object_can_be_entered_again(log) -> None:
    """Also inside itself, as a recursive import does."""
    importing = signalgraph.cause("import", "catalogue")
    with importing:
        with importing:
            happened.send("inside")
        happened.send("after")
    read = Read(log)
    assert read["inside"].outer == read["after"].id
    assert read["after"].outer == 0


def test_an_error_passes_a_cause_and_ends_it(log) -> None:
    """The project sees its own exception, and the cause is over."""

    @signalgraph.cause("decorated", "x")
    def work() -> None:
        with signalgraph.cause("import", "catalogue"):
            happened.send("inside")
            raise KeyError("of the project")

    with pytest.raises(KeyError, match="of the project"):
        work()
    happened.send("outside")
    read = Read(log)
    assert read["inside"].duration_ns is not None
    assert read.traces["outside"] not in read.told


def test_a_decorated_function_is_a_cause_each_time(log) -> None:
    """Two calls are two traces; the function answers, and is called, as before."""

    @signalgraph.cause("import", "catalogue")
    def work(sender: str, *, twice: int) -> int:
        happened.send(sender)
        return 2 * twice

    assert (work("first", twice=1), work("second", twice=2)) == (2, 4)
    read = Read(log)
    assert read["first"].name == read["second"].name == "catalogue"
    assert read["first"].id != read["second"].id
    assert work.__name__ == "work"


def test_async_work_keeps_its_own_cause(log) -> None:
    """Coroutines that run in turns on one loop, under one object: each dispatch is of its own."""
    importing, both = signalgraph.cause("import", "catalogue"), asyncio.Barrier(2)

    @signalgraph.cause("decorated", "coroutine")
    async def decorated() -> None:
        await both.wait()
        await happened.asend("decorated")
        await both.wait()

    async def block() -> None:
        async with importing:
            await both.wait()
            await happened.asend("block")
            await both.wait()
        await happened.asend("after")

    async def run() -> None:
        await asyncio.gather(decorated(), block())

    asyncio.run(run())
    read = Read(log)
    assert (read.names_around("decorated"), read.names_around("block")) == (
        ["decorated coroutine"],
        ["import catalogue"],
    )
    assert read.traces["after"] not in read.told


def test_two_tasks_leave_one_object_in_any_order(log) -> None:
    """The first to enter is the first to leave: each goes back to what it was in."""
    importing = signalgraph.cause("import", "catalogue")

    async def work(sender: str, entered: asyncio.Event, leave: asyncio.Event) -> None:
        async with importing:
            entered.set()
            await leave.wait()
            happened.send(sender)
        happened.send(f"{sender} after")

    async def run() -> None:
        events = [asyncio.Event() for _ in range(4)]
        first = asyncio.create_task(work("first", *events[:2]))
        await events[0].wait()
        second = asyncio.create_task(work("second", *events[2:]))
        await events[2].wait()
        events[1].set()
        await first
        events[3].set()
        await second

    asyncio.run(run())
    read = Read(log)
    assert read["first"].id != read["second"].id
    assert not {read.traces["first after"], read.traces["second after"]} & set(read.told)


def test_a_cause_that_another_context_ends_leaves_that_one_alone(log) -> None:
    """A generator that is closed elsewhere ends its cause, and changes no other."""

    def work() -> Iterator[None]:
        with signalgraph.cause("import", "catalogue"):
            yield

    import contextvars

    generator = work()
    contextvars.copy_context().run(next, generator)
    with signalgraph.cause("other", "work"):
        generator.close()
        happened.send("inside")
    assert Read(log).names_around("inside") == ["other work"]


def test_a_cause_is_nothing_while_nothing_is_recorded() -> None:
    """No id, no context, and the decorated function still runs."""
    with signalgraph.cause("import", "catalogue"):
        assert causes.CURRENT.get() == causes.NONE
    assert signalgraph.cause("import", "catalogue")(lambda: 3)() == 3
    assert not causes.NOTES


def test_a_cause_outlives_the_recorder(log) -> None:
    """Recording that ends in the middle of a block leaves nothing set."""
    with signalgraph.cause("import", "catalogue"):
        recorder.stop()
    assert causes.CURRENT.get() == causes.NONE


def generator() -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: signalgraph.cause(3, "x"), TypeError, "a text as its kind, not int"),
        (lambda: signalgraph.cause("import", None), TypeError, "a text as its name, not NoneType"),
        (lambda: signalgraph.cause("", "x"), ValueError, "an empty kind"),
        (lambda: signalgraph.cause("import", " "), ValueError, "an empty name"),
        (lambda: signalgraph.cause("i" * 41, "x"), ValueError, "a kind of 41 characters"),
        (lambda: signalgraph.cause("import", "x")(int), TypeError, "functions and methods"),
        (lambda: signalgraph.cause("import", "x")(generator), TypeError, "a generator function"),
    ],
)
def test_a_wrong_cause_says_what_is_wrong(make: Callable, error: type[Exception], message: str) -> None:
    """At once, whether anything is recorded or not."""
    with pytest.raises(error, match=message):
        make()


def test_a_long_name_is_cut_and_a_broken_one_is_written(log) -> None:
    """200 characters, and half a surrogate pair doesn't stop the batch."""
    with signalgraph.cause("import", "\ud800" + "x" * 500):
        happened.send("inside")
    name = Read(log)["inside"].name
    assert name.startswith("\\ud800x")
    assert len(name) == 200


def test_importing_signalgraph_loads_neither_django_nor_the_recorder() -> None:
    """A settings module can import it, and pytest's plugin costs nothing elsewhere."""
    code = (
        "import sys, signalgraph, signalgraph.pytest_plugin; signalgraph.cause('a', 'b').__enter__();"
        "print([m for m in sys.modules if m.startswith(('django', 'signalgraph.recorder', 'msgspec'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_command_is_a_cause_without_its_arguments(log) -> None:
    """By the module that it stands in, as people call it."""
    call_command(Command(), "hunter2")
    read = Read(log)
    assert (read["command"].kind, read["command"].name) == ("command", "manage.py import_stock")
    assert "hunter2" not in repr(read.words)


def test_a_command_in_a_view_is_told_inside_its_request(log) -> None:
    """It is a trace of its own, and the request goes on after it."""
    Client().get("/commanding/")
    read = Read(log)
    assert read.names_around("command") == ["command manage.py import_stock", "request GET /commanding/"]
    assert read.traces["before"] == read.traces["after"] == read["command"].outer


def test_a_command_that_fails_is_over(log) -> None:
    """Its error passes, and the next dispatch is none of it."""
    with pytest.raises(KeyError, match="wrong"):
        call_command(Command(), "wrong")
    happened.send("after")
    read = Read(log)
    assert read["command"].duration_ns is not None
    assert read.traces["after"] not in read.told


def test_a_command_that_serves_is_no_cause(log) -> None:
    """Each of its requests is one, so a dispatch between them has none."""
    call_command(Runserver(), "x")
    assert Read(log).told == {}


def test_a_class_of_no_commands_module_goes_by_its_own_name(log) -> None:
    """A command that is made in code isn't called by manage.py."""

    class Made(Command):
        pass

    Made.__module__ = __name__
    call_command(Made(), "x")
    assert Read(log)["command"].name.endswith("test_a_class_of_no_commands_module_goes_by_its_own_name.<locals>.Made")


@pytest.mark.django_db
def test_a_finished_request_that_nobody_began_ends_nothing_else(log) -> None:
    """Projects send `request_finished` by hand; the work around it goes on."""
    with signalgraph.cause("import", "catalogue"):
        request_finished.send(sender=None)
        happened.send("inside")
    assert Read(log)["inside"].name == "catalogue"


def test_a_request_ends_though_nobody_hears_that_it_has_finished(log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Django's caches no receiver may be left of `request_finished`: the first time, and from then on."""
    monkeypatch.setattr(request_finished, "receivers", [])
    for _ in range(2):
        Client().get("/quiet/")
        assert causes.CURRENT.get() == causes.NONE


def test_a_request_that_a_receiver_stopped_is_over(log) -> None:
    """Django sends no `request_finished` after a `request_started` that has raised."""

    def stops(sender, **kwargs):
        raise KeyError("stopped")

    request_started.connect(stops)
    try:
        with pytest.raises(KeyError, match="stopped"):
            Client().get("/quiet/")
    finally:
        request_started.disconnect(stops)
    assert causes.CURRENT.get() == causes.NONE


@pytest.mark.django_db
def test_what_was_left_open_in_a_request_ends_with_it(log) -> None:
    """A block that was entered and never left, say: the next request doesn't begin inside it."""
    with signalgraph.cause("around", "it"):
        request_started.send(sender=None, environ={"REQUEST_METHOD": "GET"})
        signalgraph.cause("left", "open").__enter__()
        request_finished.send(sender=None)
        happened.send("after")
    read = Read(log)
    assert read.names_around("after") == ["around it"]


def test_requests_that_nobody_ends_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of them, and never a command that is around them for hours."""
    monkeypatch.setattr("signalgraph.recorder.reasons.KEPT", 3)
    try:
        causes.open_cause(1, "command", "manage.py import_stock")
        for span in range(2, 9):
            causes.open_request(span, None, {"environ": {"REQUEST_METHOD": "GET"}})
        reasons = Reasons()
        reasons.take_notes()
        _, held, _ = reasons.sort([(span,) for span in range(1, 9)], 0)
        assert held == [(7,), (8,)]
        assert [cause.id for cause in reasons.news(int)] == [1]
    finally:
        causes.NOTES.clear()
        causes.CURRENT.set(causes.NONE)


def test_what_piles_up_is_told_to_a_limit(log) -> None:
    """Who begins and never ends would make each cause name all those before it, again and again."""
    with signalgraph.cause("around", "all"):
        for number in range(50):
            signalgraph.cause("left", f"{number}").__enter__()
        happened.send("inside")
    around = Read(log).names_around("inside")
    assert around == [f"left {number}" for number in range(49, 29, -1)]


class Backend:
    pass


def run_task(signals: types.ModuleType, function: Callable[[], None]) -> None:
    """As a backend runs one: errors are its business."""
    result = types.SimpleNamespace(task=types.SimpleNamespace(func=function), args=["hunter2"])
    signals.task_started.send(Backend, task_result=result)
    with suppress(KeyError):
        function()
    signals.task_finished.send(Backend, task_result=result)


def greet() -> None:
    happened.send("task")


def fail() -> None:
    happened.send("task")
    raise KeyError("fails")


@pytest.fixture
def task_signals(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The module of signals that the backport of Django's tasks has."""
    module = types.ModuleType("django_tasks.signals")
    module.task_started, module.task_finished = Signal(), Signal()
    module.task_started.connect(listens)
    monkeypatch.setitem(sys.modules, "django_tasks.signals", module)
    return module


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("function", [greet, fail])
def test_a_task_is_a_cause_named_by_its_function(log, task_signals, function: Callable[[], None], heard: bool) -> None:
    """Whether it fails or not, and whether anybody hears its end: it is over after it."""
    if heard:
        task_signals.task_finished.connect(listens)
    for _ in range(2):
        run_task(task_signals, function)
        happened.send("after")
    read = Read(log)
    assert read.names_around("task") == [f"task {__name__}.{function.__name__}"]
    assert read["task"].duration_ns is not None
    assert read.traces["after"] not in read.told
    assert "hunter2" not in repr(read.words)


@needs_tasks
def test_a_task_that_runs_at_once_is_told_inside_its_request(log) -> None:
    """Django's immediate backend, enqueued in plain and in async code."""
    from django.tasks import task

    with signalgraph.cause("request", "like"):
        task(say).enqueue("at once")
        happened.send("after")
    asyncio.run(task(say).aenqueue("async"))
    read = Read(log)
    assert read.names_around("at once") == ["task tests.tasks_at_once.say", "request like"]
    assert read.names_around("after") == ["request like"]
    assert read.names_around("async") == ["task tests.tasks_at_once.say"]


@needs_tasks
def test_a_task_that_fails_at_once_is_over(log) -> None:
    """The backend keeps the error; what follows is none of the task."""
    from django.tasks import task

    task(fall).enqueue("failing")
    happened.send("after")
    read = Read(log)
    assert read["failing"].duration_ns is not None
    assert read.traces["after"] not in read.told


@pytest.fixture
def celery_app() -> Iterator[object]:
    from celery import Celery

    app = Celery("tests", set_as_current=False)
    app.conf.update(task_always_eager=True, task_eager_propagates=False)
    yield app
    app.close()


def test_a_celery_task_is_a_cause_by_its_name(celery_app, log) -> None:
    """Inside a request or anything else that calls it at once; each try is one, and none is left open."""

    @celery_app.task(bind=True, name="shop.greet", max_retries=1)
    def greet(self, secret: str) -> None:
        happened.send(f"try {self.request.retries}")
        raise self.retry(exc=KeyError("again"), countdown=0)

    with signalgraph.cause("import", "catalogue"):
        greet.delay("hunter2")
        happened.send("after")
    read = Read(log)
    assert read.names_around("try 0") == ["task shop.greet", "import catalogue"]
    assert read.names_around("try 1") == read.names_around("try 0")
    assert read["try 1"].id != read["try 0"].id
    assert read.names_around("after") == ["import catalogue"]
    assert "hunter2" not in repr(read.words)


def test_celery_is_listened_to_only_while_recording(log) -> None:
    """Its signals are as before when the recorder stops."""
    from celery import signals

    patches.install()  # as each second, in case that celery has only just been imported
    before = len(signals.task_prerun.receivers)
    recorder.stop()
    assert len(signals.task_prerun.receivers) == before - 1


def test_celery_that_is_imported_later_is_found() -> None:
    """The recorder never imports it, and looks for it again each second."""
    code = (
        "import sys; from signalgraph import recorder; from signalgraph.recorder import patches; recorder.start();"
        "assert 'celery' not in sys.modules;"
        "from celery import signals; assert not signals.task_prerun.receivers;"
        "patches.install(); assert signals.task_prerun.receivers and signals.task_postrun.receivers; recorder.stop();"
        "assert not signals.task_prerun.receivers"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Inner(SimpleTestCase):
    def test_something(self) -> None:
        happened.send("django")


class Plain(unittest.TestCase):
    def test_something(self) -> None:
        happened.send("plain")


class Async(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        happened.send("async set up")

    async def test_something(self) -> None:
        await happened.asend("async")
        asyncio.get_running_loop().slow_callback_duration = 10


def run_cases(*cases: unittest.TestCase) -> None:
    result = unittest.TextTestRunner(stream=io.StringIO()).run(unittest.TestSuite(cases))
    assert result.wasSuccessful(), result.errors


def test_a_test_of_unittest_is_a_cause(log) -> None:
    """Django's and others, once each, also in the context that an async one has of its own."""
    run_cases(Inner("test_something"), Plain("test_something"))
    happened.send("after")
    read = Read(log)
    assert read.names_around("django") == [f"test {__name__}.Inner.test_something"]
    assert read.names_around("plain") == [f"test {__name__}.Plain.test_something"]
    assert read.traces["after"] not in read.told


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_async_test_of_unittest_is_a_cause(log) -> None:
    """Its set-up and its coroutine run in a context that was copied before the test began."""
    with contextlib.suppress(DeprecationWarning):
        run_cases(Async("test_something"))
    read = Read(log)
    assert read.names_around("async") == read.names_around("async set up") == [f"test {__name__}.Async.test_something"]


def test_test_cases_are_as_before_when_the_recorder_stops(log) -> None:
    """By identity: what is patched only where it is loaded is put back too."""
    replaced = vars(SimpleTestCase)["__call__"], vars(unittest.TestCase)["run"]
    recorder.stop()
    originals = vars(SimpleTestCase)["__call__"], vars(unittest.TestCase)["run"]
    assert originals == tuple(function.__wrapped__ for function in replaced)


def test_a_context_of_an_earlier_test_names_no_cause(log) -> None:
    """An event loop that was made in one test and runs another: no cause is better than the wrong one."""
    import contextvars

    first = scopes.begin_test("first")
    left_over = contextvars.copy_context()
    scopes.end(first)
    second = scopes.begin_test("second")
    left_over.run(happened.send, "left over")
    happened.send("inside")
    scopes.end(second)
    read = Read(log)
    assert read["inside"].name == "second"
    assert read.traces["left over"] not in read.told


def test_paused_and_resumed_inside_a_cause(log) -> None:
    """What was open may be over when recording goes on, so it names nothing; the block still ends in order."""
    with signalgraph.cause("import", "catalogue"):
        happened.send("before")
        patches.uninstall()
        patches.install()
        happened.send("resumed")
    read = Read(log)
    assert read["before"].duration_ns is not None
    assert read.traces["resumed"] not in read.told
    assert dispatching.ON
