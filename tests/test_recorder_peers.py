"""Other tools on the same methods, whoever comes or goes first: they work, and what is told is right or unknown."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
import sentry_sdk
from django.dispatch import Signal
from test_recorder import Reading, Recording

from signalgraph import recorder
from signalgraph.events import Dispatch
from signalgraph.log import open_log
from signalgraph.recorder import faults, patches
from signalgraph.recorder.clock import CURRENT

METHODS = ("send", "send_robust", "asend", "asend_robust")
NAMES = (*METHODS, "_live_receivers", "_log_robust_failure", "connect", "disconnect")
ORIGINALS = {name: vars(Signal)[name] for name in NAMES}
INNER = "test_recorder_peers.inner"


class Order:
    """A sender."""


ran: list[str] = []
inner = Signal()
outer = Signal()


def first(sender, **kwargs):
    ran.append("first")
    return "first"


def second(sender, **kwargs):
    ran.append("second")
    inner.send(sender)
    return "second"


class Ledger:
    def third(self, sender, **kwargs):
        ran.append("third")
        return "third"


async def fourth(sender, **kwargs):
    await asyncio.sleep(0)
    await inner.asend(sender)
    ran.append("fourth")
    return "fourth"


def hears(sender, **kwargs):
    ran.append("hears")


ledger = Ledger()
RECEIVERS = ("first", "second", "third", "fourth")


@pytest.fixture(autouse=True)
def _connected() -> Iterator[None]:
    inner.connect(hears)
    outer.connect(first)
    outer.connect(second, sender=Order)
    outer.connect(ledger.third)
    outer.connect(fourth)
    yield
    for signal in (inner, outer):
        signal.receivers.clear()
    left = {name: vars(Signal)[name] for name in NAMES}
    for name, original in ORIGINALS.items():
        setattr(Signal, name, original)  # so that one failure is one
    assert left == ORIGINALS, "left behind"
    assert "__init_subclass__" not in vars(Signal)
    assert CURRENT.get() is None
    assert not faults.counted


def call(signal: Signal, method: str) -> Any:
    found = getattr(signal, method)(Order)
    return asyncio.run(found) if inspect.iscoroutine(found) else found


class Tool:
    """Another tool that replaces a method of `Signal`. `seen` counts what it is there for."""

    names: tuple[str, ...] = METHODS

    def __init__(self) -> None:
        self.seen = 0
        self.has_come = False

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Around a dispatch."""
        yield

    def come(self) -> None:
        self.former = {name: vars(Signal)[name] for name in self.names}
        for name, former in self.former.items():
            setattr(Signal, name, self.replacement(name, former))

    def go(self) -> None:
        for name, former in self.former.items():
            setattr(Signal, name, former)

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        raise NotImplementedError


class Calling(Tool):
    """Counts each dispatch and calls the former method; tells nobody that it wraps it."""

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        def send(signal, sender, **named):
            self.seen += signal is outer
            return former(signal, sender, **named)

        async def asend(signal, sender, **named):
            self.seen += signal is outer
            return await former(signal, sender, **named)

        return asend if inspect.iscoroutinefunction(former) else send


class Wrapping(Calling):
    """The same with `functools.wraps`."""

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        return functools.wraps(former)(super().replacement(name, former))


class Replacing(Tool):
    """Runs the receivers itself; the former method is never called."""

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        def send(signal, sender, **named):
            self.seen += signal is outer
            sync, concurrent = signal._live_receivers(sender)
            found = [(each, each(signal=signal, sender=sender, **named)) for each in sync]
            return found + [(each, asyncio.run(each(signal=signal, sender=sender, **named))) for each in concurrent]

        async def asend(signal, sender, **named):
            self.seen += signal is outer
            sync, concurrent = signal._live_receivers(sender)
            found = [(each, each(signal=signal, sender=sender, **named)) for each in sync]
            return found + [(each, await each(signal=signal, sender=sender, **named)) for each in concurrent]

        return asend if inspect.iscoroutinefunction(former) else send


class Mocking(Calling):
    """`mock.patch` on the class, with what was there as its side effect."""

    def come(self) -> None:
        self.patchers = [
            mock.patch.object(
                Signal, name, autospec=True, side_effect=super(Mocking, self).replacement(name, vars(Signal)[name])
            )
            for name in self.names
        ]
        for patcher in self.patchers:
            patcher.start()

    def go(self) -> None:
        for patcher in self.patchers:
            patcher.stop()


class Handing(Tool):
    """Hands out new lists of receivers in functions of its own, as tracers do."""

    names = ("_live_receivers",)

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        def wrapped(receiver):
            @functools.wraps(receiver)
            def call(*args, **named):
                self.seen += receiver == ledger.third
                return receiver(*args, **named)

            return call

        def _live_receivers(signal, sender):
            sync, concurrent = former(signal, sender)
            return [wrapped(receiver) for receiver in sync], concurrent

        return _live_receivers


class InPlace(Handing):
    """The same in the list that it was given, as sentry-sdk does."""

    def replacement(self, name: str, former: Callable[..., Any]) -> Any:
        handing = super().replacement(name, former)

        def _live_receivers(signal, sender):
            kept = former(signal, sender)
            for position, receiver in enumerate(handing(signal, sender)[0]):
                kept[0][position] = receiver
            return kept

        return _live_receivers


class Nowhere(sentry_sdk.Transport):
    """Sends nothing."""

    def capture_envelope(self, envelope: Any) -> None:
        pass


class Sentry(Handing):
    """The real one: its signal spans, under a client that sends to nobody."""

    def come(self) -> None:
        from sentry_sdk.integrations.django import DjangoIntegration, signals_handlers

        with mock.patch.object(DjangoIntegration, "setup_once"):  # the rest of it stays for ever
            sentry_sdk.init(
                dsn="https://key@localhost/1",
                traces_sample_rate=1.0,
                transport=Nowhere,
                integrations=[DjangoIntegration(signals_spans=True)],
                default_integrations=False,
                auto_enabling_integrations=False,
            )
        self.former = {"_live_receivers": vars(Signal)["_live_receivers"]}
        signals_handlers.patch_signals()

    def go(self) -> None:
        super().go()
        sentry_sdk.get_client().close(timeout=0)
        sentry_sdk.init(default_integrations=False)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        with sentry_sdk.start_transaction(name="test", sampled=True) as transaction:
            yield
            spans = list(transaction._span_recorder.spans) if self.has_come else []
        names = Counter(span.description.rpartition(".")[2] for span in spans if span.description)
        assert names["first"] == names["second"] == names["third"] == self.has_come
        self.seen = names["third"]


TOOLS = {tool.__name__: tool for tool in (Calling, Wrapping, Replacing, Mocking, Handing, InPlace, Sentry)}
ORDERS = ("T+ U+ T- U-", "T+ U+ U- T-", "U+ T+ T- U-", "U+ T+ U- T-", "U+ T+ U- U+ T- U-", "T+ U+ U- U+ U- T-")


class Scene:
    """The tool and the recorder come and go; after each step a dispatch is looked at from all sides."""

    def __init__(self, tool: Any, ticks: bool, name: str) -> None:
        self.tool, self.ticks, self.log = tool, ticks, open_log(f"memory://{name}", writer=True)
        self.has_us = False
        self.known: set[int] = set()

    def step(self, step: str) -> None:
        if step == "T+":
            self.tool.come()
            self.tool.has_come = True
        elif step == "T-":
            self.tool.go()
            self.tool.has_come = False
        elif step == "U+":
            recorder.start(self.log)
        else:
            recorder.stop()
        self.has_us = step == "U+" or (self.has_us and step != "U-")
        if self.ticks and self.has_us:
            patches.install()  # as the flusher does each second

    def look(self, method: str) -> None:
        ran.clear()
        self.tool.seen = 0
        with self.tool.watching():
            responses = call(outer, method)
        assert [response for _, response in responses] == list(RECEIVERS)
        assert sorted(ran) == sorted([*RECEIVERS, "hears", "hears"]), "each ran once"
        assert self.tool.seen == self.tool.has_come, "the tool does its work, once"
        if not (self.tool.has_come and isinstance(self.tool, Handing)):
            assert [receiver for receiver, _ in responses] == [first, second, ledger.third, fourth]
            assert type(responses[0][0]) is type(first)
        if self.has_us:
            self.check_log(method)

    def check_log(self, method: str) -> None:
        reading = Recording(self.log).read()
        new = [(batch, told) for batch, told in reading.dispatches if told.span not in self.known]
        self.known |= {told.span for _, told in new}
        found = [(batch, told) for batch, told in new if batch.signals[told.signal].endswith("outer")]
        children = [told for batch, told in new if batch.signals[told.signal].endswith("inner")]
        if not found and not self.ticks:
            return  # the tool has put something back that was older than ours, a moment ago
        [(batch, told)] = found
        check_told(reading, batch, told, children, method)
        if self.ticks:
            assert reading.statuses(told) == ["returned"] * 4, "timed"
            assert len(children) == 2


def check_told(reading: Reading, batch: Any, told: Dispatch, children: list[Dispatch], method: str) -> None:
    """Right, or said to be unknown."""
    names = reading.receivers(batch, told)
    assert sorted(names) in (sorted(RECEIVERS), []), "their own names"
    senders = {batch.senders[batch.connections[call.connection][1]] for call in told.calls if is_second(batch, call)}
    assert senders <= {f"{__name__}.Order"}, "their own connections"
    assert set(reading.statuses(told)) <= {"returned", "not timed"}
    timed = {place: name for place, name in enumerate(names, 1) if reading.statuses(told)[place - 1] == "returned"}
    parents = {timed.get(child.parent - told.span, child.parent - told.span) for child in children}
    assert parents <= {0, "second", "fourth"}, "a parent that ran, or the dispatch"


def is_second(batch: Any, each: Any) -> bool:
    return batch.receivers[batch.connections[each.connection][2]].endswith("second")


@pytest.mark.parametrize("ticks", [True, False], ids=["settled", "at once"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("tool", TOOLS)
def test_tools_come_and_go(tool: str, order: str, ticks: bool, request: pytest.FixtureRequest) -> None:
    """Whoever comes first and whoever goes first: the tool works, nothing runs twice, the log is right or says that it
    doesn't know, and at the end Django's own objects are back."""
    scene = Scene(TOOLS[tool](), ticks, request.node.name)
    try:
        for step in order.split():
            scene.step(step)
            for method in METHODS:
                scene.look(method)
    finally:
        recorder.stop()
        scene.log.close()


TOOLBAR = """
    import sys
    from django.conf import settings
    settings.configure(
        DEBUG=True, SECRET_KEY="x", ALLOWED_HOSTS=["*"], INTERNAL_IPS=["127.0.0.1"], ROOT_URLCONF="__main__",
        STATIC_URL="/static/", USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "django.contrib.contenttypes", "django.contrib.auth", "django.contrib.staticfiles", "debug_toolbar",
        ],
        MIDDLEWARE=["debug_toolbar.middleware.DebugToolbarMiddleware"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    import django
    django.setup()
    from debug_toolbar.toolbar import debug_toolbar_urls, DebugToolbar
    from django.contrib.auth.models import Group
    from django.core.management import call_command
    from django.db.models.signals import post_save
    from django.http import HttpResponse
    from django.test import Client
    from django.urls import path
    from signalgraph import recorder
    from signalgraph.blobs import decode_dispatches
    from signalgraph.events import Batch
    from signalgraph.log import open_log

    def counts(sender, **kwargs):
        Group.objects.count()
        Group.objects.count()

    post_save.connect(counts, sender=Group)

    def page(request):
        Group.objects.create(name=f"group {Group.objects.count()}")
        return HttpResponse("<html><body>page</body></html>")

    urlpatterns = [path("", page), *debug_toolbar_urls()]
    seen = []

    from debug_toolbar.panels.signals import SignalsPanel
    from debug_toolbar.panels.sql.panel import SQLPanel
    for panel, key in ((SignalsPanel, "signals"), (SQLPanel, "queries")):
        def generate(self, request, response, plain=panel.generate_stats, key=key):
            plain(self, request, response)
            found = self.get_stats()[key]
            seen.append([each["sql"] for each in found] if key == "queries" else dict(found)["post_save"])
        panel.generate_stats = generate

    def ask():
        seen.clear()
        assert Client().get("/").status_code == 200
        return list(seen)

    call_command("migrate", verbosity=0)
    log = open_log("memory://toolbar", writer=True)
    if sys.argv[1] == "toolbar first":
        plain = ask()
        recorder.start(log)
        recorded = ask()
    else:
        recorder.start(log)
        recorded = ask()
        recorder.stop()
        plain = ask()
        recorder.start(log)
        assert len(ask()) == 2
    recorder.flush()
    assert len(plain) == 2 and "counts" in str(plain), plain
    assert str(plain).replace("group 0", "group 1") == str(recorded).replace("group 0", "group 1"), (plain, recorded)
    told = []
    for _, entry in log.read(limit=1000).entries:
        if isinstance(entry, Batch):
            for each in decode_dispatches(entry):
                names = [entry.receivers[entry.connections[call.connection][2]] for call in each.calls]
                spent = [(call.queries, call.repeats) for call in each.calls]
                told.append((entry.signals[each.signal], [(name, *sql) for name, sql in zip(names, spent)]))
    saves = [calls for name, calls in told if name.endswith(".post_save")]
    assert saves == [[("__main__.counts", 2, 2)]] * (1 if sys.argv[1] == "toolbar first" else 2), saves
    recorder.stop()
"""


@pytest.mark.parametrize("order", ["toolbar first", "recorder first"])
def test_the_debug_toolbar_shows_the_same_and_so_do_we(order: str) -> None:
    """Its panels list the same receivers and queries with us and without; a receiver's queries under its cursors are
    counted once."""
    subprocess.run([sys.executable, "-c", textwrap.dedent(TOOLBAR), order], check=True, timeout=120)


SENTRY = """
    import sys
    from django.conf import settings
    settings.configure(
        DEBUG=False, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF="__main__", USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    import django
    django.setup()
    import sentry_sdk
    from django.contrib.auth.models import Group
    from django.core.management import call_command
    from django.core.signals import request_started
    from django.db.models.signals import post_save
    from django.http import HttpResponse
    from django.core.wsgi import get_wsgi_application
    from django.test import RequestFactory
    from django.urls import path
    from sentry_sdk.integrations.django import DjangoIntegration
    from signalgraph import recorder
    from signalgraph.blobs import decode_dispatches
    from signalgraph.events import STATUSES, Batch
    from signalgraph.log import open_log
    from signalgraph.recorder import patches

    def counts(sender, **kwargs):
        Group.objects.count()

    class Ledger:
        def note(self, sender, **kwargs):
            pass

    ledger = Ledger()
    post_save.connect(counts, sender=Group)
    post_save.connect(ledger.note)

    def page(request):
        Group.objects.create(name=f"group {Group.objects.count()}")
        return HttpResponse("page")

    urlpatterns = [path("", page)]
    sent = []

    class Keeping(sentry_sdk.Transport):
        def capture_envelope(self, envelope):
            sent.extend(envelope.items)

    def start_sentry():
        sentry_sdk.init(
            dsn="https://key@localhost/1", traces_sample_rate=1.0, integrations=[DjangoIntegration(signals_spans=True)],
            transport=Keeping,
        )

    def ask():
        response = get_wsgi_application()(RequestFactory().get("/").environ, lambda *args: None)
        assert b"".join(response) == b"page"
        response.close()

    call_command("migrate", verbosity=0)
    log = open_log("memory://sentry", writer=True)
    steps = [start_sentry, lambda: recorder.start(log)]
    for step in steps if sys.argv[1] == "sentry first" else steps[::-1]:
        step()
    patches.install()  # as the flusher does each second
    ask()
    recorder.flush()
    sentry_sdk.flush()
    [transaction] = [item.payload.json for item in sent if item.headers["type"] == "transaction"]
    spans = [span["description"] for span in transaction["spans"]]
    assert spans.count("__main__.counts") == spans.count("__main__.Ledger.note") == 1, spans
    assert sum("COUNT" in (each or "") for each in spans) == 2, spans
    told = []
    for _, entry in log.read(limit=1000).entries:
        if isinstance(entry, Batch):
            for each in decode_dispatches(entry):
                if entry.signals[each.signal].endswith(".post_save"):
                    for call in each.calls:
                        _, sender, receiver = entry.connections[call.connection]
                        names = entry.senders[sender], entry.receivers[receiver]
                        told.append((*names, STATUSES[call.status], call.queries))
    assert told == [
        ("auth.Group", "__main__.counts", "returned", 1),
        ("*", "__main__.Ledger.note", "returned", 0),
    ], told
    recorder.stop()
    methods = [vars(type(post_save).__mro__[1])[name] for name in ("send", "asend", "send_robust", "asend_robust")]
    assert not [method for method in methods if hasattr(method, "__wrapped__")]
    ask()
    sentry_sdk.get_client().close(timeout=0)
"""


@pytest.mark.parametrize("order", ["sentry first", "recorder first"])
def test_sentry_traces_a_request_and_so_do_we(order: str) -> None:
    """With its whole Django integration: its spans are there once, ours are timed under the receivers' own names and
    connections, with their queries."""
    subprocess.run([sys.executable, "-c", textwrap.dedent(SENTRY), order], check=True, timeout=120)
