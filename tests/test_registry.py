"""The registry lists exactly what Django holds, in Django's order, and runs nothing of the project."""

import functools
import gc
import itertools
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import msgspec
import pytest
from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group, Permission
from django.db.models.signals import ModelSignal, m2m_changed, post_save
from django.dispatch import Signal
from django.test.signals import setting_changed as imported_setting_changed
from django.test.utils import isolate_apps
from django.utils.functional import SimpleLazyObject
from test_names import AsyncNotifier, Hostile, Notifier, decorated

from signalgraph import names
from signalgraph.events import ConnectionInfo, Process, Wiring, decode_entry
from signalgraph.registry import Registry, Row

HERE = __name__
PROCESS = Process("0" * 16, 1, "host", "pytest", 0)


class Bus:
    """Keeps signals in each place that a class offers."""

    opened = Signal()
    by_name: ClassVar = {"closed": Signal()}

    def __init__(self) -> None:
        self.rung = Signal()


class CountingSignal(Signal):
    """A subclass of a project."""


placed = Signal()
also_placed = placed
counted = CountingSignal()
lazy_model_signal = ModelSignal()
BY_NAME = {"paid": Signal(), 3: Signal()}
IN_ORDER = [Signal()]
bus = Bus()


def first(**kwargs: object) -> None:
    """A receiver."""


def second(**kwargs: object) -> None:
    """Another receiver."""


async def later(**kwargs: object) -> None:
    """An async receiver."""


one, other = lambda **kwargs: 1, lambda **kwargs: 2
third = lambda **kwargs: 3  # noqa: E731


@pytest.fixture(scope="module")
def registry() -> Registry:
    """One for all tests; its clock jumps, so that a scan is due for each signal without a name."""
    return Registry(clock=itertools.count(0, 100).__next__)


@pytest.fixture
def connect() -> Iterator[Callable[..., None]]:
    """Connect as `Signal.connect`, undone at the end."""
    before: list[tuple[Signal, list[Any]]] = []

    def connect(signal: Signal, receiver: Any, sender: Any = None, **options: Any) -> None:
        before.append((signal, list(signal.receivers)))
        signal.connect(receiver, sender=sender, **options)

    yield connect
    for signal, rows in reversed(before):
        signal.receivers[:] = rows
        signal.sender_receivers_cache.clear()


def named(registry: Registry, signal: Signal) -> list[str]:
    return [row.receiver for row in registry.rows(signal)]


@pytest.mark.parametrize(
    ("signal", "name"),
    [
        (post_save, "django.db.models.signals.post_save"),
        (imported_setting_changed, "django.core.signals.setting_changed"),
        (placed, f"{HERE}.placed"),
        (counted, f"{HERE}.counted"),
        (Bus.opened, f"{HERE}.Bus.opened"),
        (Bus.by_name["closed"], f"{HERE}.Bus.by_name['closed']"),
        (BY_NAME["paid"], f"{HERE}.BY_NAME['paid']"),
        (BY_NAME[3], f"{HERE}.BY_NAME[3]"),
        (IN_ORDER[0], f"{HERE}.IN_ORDER[0]"),
        (bus.rung, f"{HERE}.bus.rung"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_signal_is_named_after_the_place_that_keeps_it(registry: Registry, signal: Signal, name: str) -> None:
    """Module, class, dict, list or instance; the module that made it rather than one that imports it."""
    assert registry.signal_name(signal) == name


def test_a_signal_of_an_instance_that_no_module_keeps_is_named_after_its_class(registry: Registry) -> None:
    """The class is all that is stable about it."""
    kept = [Bus()]
    assert registry.signal_name(kept[0].rung) == f"{HERE}.Bus().rung"


def test_the_module_that_makes_a_signal_names_it_among_18_that_import_it(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other names are kept as aliases; their alphabetical order, length and `signals` in the path don't matter."""
    for number in range(18):
        module = types.ModuleType(f"aaa{number}.signals")
        module.placed = placed  # type: ignore[attr-defined]
        monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
    info = {info.name: info for info in registry.inventory().signals}[f"{HERE}.placed"]
    assert {f"aaa{number}.signals.placed" for number in range(18)} <= set(info.aliases)
    assert f"{HERE}.also_placed" in info.aliases


def test_a_local_signal_is_named_after_the_place_of_its_receiver(registry: Registry) -> None:
    """Never by its address."""
    local = Signal()
    local.connect(first)
    line = first.__code__.co_firstlineno
    assert registry.signal_name(local) == f"unnamed @ {names.relative_path(__file__)}:{line}"


def test_a_signal_that_only_a_closure_knows_is_named_after_the_function(registry: Registry) -> None:
    """That is the code that sends it."""

    def make() -> Callable[[], None]:
        inner = Signal()

        def send() -> None:
            inner.send(None)

        return send

    send = make()
    signal = send.__closure__[0].cell_contents  # type: ignore[index]
    assert registry.signal_name(signal) == f"unnamed @ {names.relative_path(__file__)}:{send.__code__.co_firstlineno}"


def test_an_unnamed_signal_without_receivers_has_no_address_in_its_name(registry: Registry) -> None:
    """There is no place to tell, so its class does."""
    local = Signal()
    assert registry.signal_name(local) == "unnamed @ django.dispatch.dispatcher.Signal"


def test_the_class_of_a_signal_is_told(registry: Registry) -> None:
    """`ModelSignal` takes lazy senders, a project's subclass may send otherwise."""
    classes = {info.name: info.cls for info in registry.inventory().signals}
    assert classes["django.db.models.signals.post_save"] == "django.db.models.signals.ModelSignal"
    assert classes[f"{HERE}.counted"] == f"{HERE}.CountingSignal"


def test_every_signal_of_an_independent_scan_is_listed(registry: Registry) -> None:
    """Lazy objects stay asleep and dead proxies are passed over, which `isinstance` would not do."""

    class Dies:
        """What a proxy outlives."""

    asleep = SimpleLazyObject(lambda: pytest.fail("woken"))
    gone = Dies()
    dead_proxy = weakref.proxy(gone)
    del gone
    gc.collect()
    inventory = registry.inventory()
    expected = {registry.signal_name(obj) for obj in gc.get_objects() if issubclass(type(obj), Signal)}
    assert {info.name for info in inventory.signals} == expected
    assert type(asleep) is SimpleLazyObject
    assert type(dead_proxy) is weakref.ProxyType


def test_every_live_connection_of_an_independent_scan_is_listed(
    registry: Registry, connect: Callable[..., None]
) -> None:
    """Counted by signal, from the rows alone."""
    connect(placed, first)
    connect(placed, Notifier().notice, weak=False)
    inventory = registry.inventory()
    for signal in (post_save, imported_setting_changed, placed):
        name = registry.signal_name(signal)
        living = [row for row in signal.receivers if not isinstance(row[1], weakref.ref) or row[1]() is not None]
        foreign = [row for row in living if not _module_of(row[1]).startswith("signalgraph.")]
        assert len([info for info in inventory.connections if info.signal == name]) == len(foreign)


def _module_of(entry: Any) -> str:
    receiver = entry() if isinstance(entry, weakref.ref) else entry
    return str(getattr(receiver, "__module__", ""))


def test_the_receivers_of_signalgraph_itself_are_left_out(registry: Registry) -> None:
    """A project's wiring is what the project connected."""
    assert not [info for info in registry.inventory().connections if info.receiver.startswith("signalgraph.")]


def test_order_is_that_of_the_rows(registry: Registry, connect: Callable[..., None]) -> None:
    """Counted from 1 over all senders of the signal."""
    connect(placed, second)
    connect(placed, first, sender=Group)
    connect(placed, later)
    infos = [row.info for row in registry.rows(placed)]
    assert [(info.order, info.receiver) for info in infos] == [
        (1, f"{HERE}.second"),
        (2, f"{HERE}.first"),
        (3, f"{HERE}.later"),
    ]


def row_of(registry: Registry, connect: Callable[..., None], receiver: Any, **options: Any) -> Row:
    connect(placed, receiver, **options)
    return registry.rows(placed)[-1]


@pytest.mark.parametrize(
    ("receiver", "name"),
    [
        (first, f"{HERE}.first"),
        (third, f"{HERE}.<lambda>"),
        (decorated, "test_names.decorated"),
        (functools.partial(first, a=1), f"partial({HERE}.first)"),
        (Notifier(), "test_names.Notifier()"),
        (Notifier.announce, "test_names.Notifier.announce"),
        (Notifier.call_out, "test_names.Notifier.call_out"),
        (Notifier().notice, "test_names.Notifier.notice"),
        (print, "builtins.print"),
        (Notifier, "test_names.Notifier"),
        (AsyncNotifier(), "test_names.AsyncNotifier()"),
    ],
)
def test_a_receiver_of_any_kind_is_listed(
    registry: Registry, connect: Callable[..., None], receiver: Any, name: str
) -> None:
    """Functions, methods, partials, callable objects, builtins and classes."""
    assert row_of(registry, connect, receiver, weak=False).receiver == name


def test_weak_and_async_are_told(registry: Registry, connect: Callable[..., None]) -> None:
    """As Django sees them: a callable object with an async `__call__` is a plain receiver to it."""
    assert row_of(registry, connect, first).info.weak
    assert not row_of(registry, connect, second, weak=False).info.weak
    assert row_of(registry, connect, later).info.is_async
    assert not registry.rows(placed)[0].info.is_async


@pytest.mark.parametrize(
    ("uid", "told"),
    [
        (None, None),
        ("once", "once"),
        (7, "7"),
        (("shop", 7), "('shop', 7)"),
        (("shop",), "('shop',)"),
        (Hostile, "test_names.Hostile"),
    ],
)
@pytest.mark.parametrize("receiver", [first, Notifier().notice, Notifier()])
def test_a_dispatch_uid_is_told_from_the_identity_in_its_place(
    registry: Registry, connect: Callable[..., None], receiver: Any, uid: Any, told: str | None
) -> None:
    """Text, a number, a tuple or a class; without one nothing."""
    assert row_of(registry, connect, receiver, dispatch_uid=uid, weak=False).info.dispatch_uid == told


def test_the_place_is_absolute_and_has_a_line(registry: Registry, connect: Callable[..., None]) -> None:
    """So that an editor can open it."""
    info = row_of(registry, connect, first).info
    assert (info.file, info.line) == (__file__, first.__code__.co_firstlineno)


def test_lambdas_are_told_apart_by_line_and_on_one_line_by_column(
    registry: Registry, connect: Callable[..., None]
) -> None:
    """Their names are all `<lambda>`."""
    for receiver in (one, other, third):
        connect(placed, receiver)
    line = one.__code__.co_firstlineno
    assert named(registry, placed) == [
        f"{HERE}.<lambda>@{line}:31",
        f"{HERE}.<lambda>@{line}:51",
        f"{HERE}.<lambda>@{line + 1}",
    ]


def test_a_text_dispatch_uid_tells_equal_receivers_apart(registry: Registry, connect: Callable[..., None]) -> None:
    """It is the name that the project itself gave; `|` in it is encoded."""
    connect(placed, Notifier(), dispatch_uid="mail|1", weak=False)
    connect(placed, Notifier(), dispatch_uid="chat", weak=False)
    assert named(registry, placed) == ["test_names.Notifier()~mail%7C1", "test_names.Notifier()~chat"]


def test_an_address_in_a_dispatch_uid_stays_out_of_the_name(registry: Registry, connect: Callable[..., None]) -> None:
    """Django's test client makes its uids of `id(request)`."""
    for number in (140123456789012, 140123456789013):
        connect(placed, functools.partial(first), dispatch_uid=f"template-render-{number}", weak=False)
    assert named(registry, placed) == [f"partial({HERE}.first)"] * 2


def test_methods_of_several_instances_share_a_name(registry: Registry, connect: Callable[..., None]) -> None:
    """They are the same code; each has its row and its place in the order."""
    notifiers = [Notifier(), Notifier()]
    for notifier in notifiers:
        connect(placed, notifier.notice)
    rows = registry.rows(placed)
    assert [row.receiver for row in rows] == ["test_names.Notifier.notice"] * 2
    assert [row.info.order for row in rows] == [1, 2]
    assert {row.ident for row in rows} == {id(Notifier.notice)}


class AppSender:
    """A class that sends."""


sender_instance = AppSender()
TEXT_SENDER = "text sender"


class ProxyGroup(Group):
    """A proxy has receivers of its own."""

    class Meta:
        proxy = True
        app_label = "auth"


@pytest.fixture(autouse=True, scope="module")
def _forget_proxy() -> Iterator[None]:
    yield
    apps.all_models["auth"].pop("proxygroup", None)
    apps.clear_cache()


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        (None, "*"),
        (Group, "auth.Group"),
        (ProxyGroup, "auth.ProxyGroup"),
        (Group.permissions.through, "auth.Group.permissions"),
        (AppSender, f"{HERE}.AppSender"),
        (sender_instance, f"{HERE}.AppSender instance"),
        (first, f"{HERE}.first"),
        (TEXT_SENDER, '"text sender"'),
        ("literal_sender", '"literal_sender"'),
        (apps.get_app_config("auth"), "auth app"),
    ],
    ids=lambda given: given if type(given) is str else type(given).__name__,  # no address: processes share them
)
def test_a_sender_of_any_kind_is_named(
    registry: Registry, connect: Callable[..., None], sender: Any, name: str
) -> None:
    """Also where Django knows no more than its id."""
    row = row_of(registry, connect, first, sender=sender)
    assert row.sender == row.info.sender == name
    assert row.sender_key == (None if sender is None else id(sender))


def literal() -> str:
    """Keeps a constant that `test_a_sender_of_any_kind_is_named` sends from."""
    return "literal_sender"


def test_a_swapped_model_is_named(registry: Registry, connect: Callable[..., None]) -> None:
    """It stays in Django's registry, but not among the models that are listed."""
    swapped = apps.get_registered_model("auth", "User")
    assert row_of(registry, connect, first, sender=swapped).sender == "auth.User"


def test_a_learned_sender_is_named(registry: Registry) -> None:
    """The recorder saw a dispatch from an object that nothing else leads to."""
    signal = Signal()
    sender = (1, object())
    signal.connect(first, sender=sender)
    assert registry.rows(signal)[0].sender == "unknown sender"
    registry.learn_sender(id(sender), "builtins.tuple instance")
    registry.scan()
    assert registry.rows(signal)[0].sender == "builtins.tuple instance"


def test_a_lazy_sender_is_resolved_when_its_model_is_there(registry: Registry, connect: Callable[..., None]) -> None:
    """Django connects as soon as the model is loaded."""
    connect(lazy_model_signal, first, sender="auth.Group")
    assert [row.sender for row in registry.rows(lazy_model_signal)] == ["auth.Group"]


def test_a_lazy_sender_that_never_comes_is_pending(registry: Registry) -> None:
    """Django waits for the model for ever and says nothing."""
    before = registry.fingerprint()
    try:
        lazy_model_signal.connect(first, sender="shop.Vanished", dispatch_uid="late")
        (waiting,) = registry.wiring(PROCESS, 0).pending
        assert (waiting.signal, waiting.sender) == (f"{HERE}.lazy_model_signal", "shop.vanished")
        assert (waiting.receiver, waiting.dispatch_uid) == (f"{HERE}.first", "late")
        assert registry.fingerprint() != before
    finally:
        apps._pending_operations.pop(("shop", "vanished"), None)


def test_a_receiver_that_died_is_a_dead_entry(registry: Registry, connect: Callable[..., None], settings: Any) -> None:
    """A local function connected weakly dies with its function; the row stays until the next connect."""
    settings.DEBUG = False  # with DEBUG Django's signature cache keeps it alive
    connect(placed, first)
    notifier = Notifier()
    connect(placed, notifier.notice, sender=Group, dispatch_uid="gone")
    del notifier
    gc.collect()
    wiring = registry.wiring(PROCESS, 5)
    dead = [entry for entry in wiring.dead if entry.signal == f"{HERE}.placed"]
    assert [(entry.sender, entry.dispatch_uid) for entry in dead] == [("auth.Group", "gone")]
    assert named(registry, placed) == [f"{HERE}.first"]
    assert (wiring.process, wiring.wall_us) == (PROCESS, 5)


@pytest.mark.parametrize("rows", [3, 4])
def test_rows_of_every_django_are_read(registry: Registry, rows: int) -> None:
    """Three parts before 6.0, four since; the last one says async."""
    signal = Signal()
    parts = [((id(later), id(Group)), weakref.ref(later), True), ((id(first), id(None)), first, False)]
    if rows == 4:
        parts = [(key, entry, weakref.ref(Group) if entry is not first else None, last) for key, entry, last in parts]  # type: ignore[misc]
    signal.receivers = list(parts)
    found = [(row.sender, row.receiver, row.info.weak, row.info.is_async) for row in registry.rows(signal)]
    assert found == [("auth.Group", f"{HERE}.later", True, True), ("*", f"{HERE}.first", False, False)]


def test_no_code_of_the_project_runs(registry: Registry) -> None:
    """Receivers and senders whose every hook raises, strong and in each position; nothing is called either."""
    signal = Signal()
    receiver, sender = Hostile(), Hostile()
    signal.receivers = [
        ((id(receiver), id(sender)), receiver, False),
        ((receiver, id(None)), lambda **kwargs: pytest.fail("called"), False),
    ]
    registry.learn_sender(id(sender), names.describe_sender(sender))  # as the recorder does at a dispatch
    rows = registry.rows(signal)
    assert (rows[0].sender, rows[0].receiver) == ("test_names.Hostile instance", "test_names.Hostile()")
    assert rows[1].info.dispatch_uid == "test_names.Hostile instance"
    assert type(registry.fingerprint()) is int


def test_a_signal_of_a_hostile_holder_is_listed(registry: Registry) -> None:
    """Where a signal is kept is found without asking the keeper."""
    holder = Hostile()
    object.__setattr__(holder, "kept", Signal())
    signal = object.__getattribute__(holder, "kept")
    assert registry.signal_name(signal) == "test_names.Hostile().kept"


def test_the_registry_keeps_nothing_alive(registry: Registry, settings: Any) -> None:
    """Neither the signal nor its sender nor its receiver."""
    settings.DEBUG = False
    signal, sender, receiver = Signal(), AppSender(), Notifier()
    signal.connect(receiver, sender=sender)
    registry.rows(signal)
    registry.fingerprint()
    gone = [weakref.ref(signal), weakref.ref(sender), weakref.ref(receiver)]
    del signal, sender, receiver
    gc.collect()
    assert [reference() for reference in gone] == [None, None, None]
    assert registry.fingerprint() is not None


def test_a_scan_leaves_signals_as_quick_as_they_were(registry: Registry) -> None:
    """No signal gets an instance dictionary from being looked at: CPython 3.11 dispatches 12 % slower with one."""
    signal = Signal()
    signal.connect(lambda sender, **named: None, weak=False)
    registry.scan()
    registry.fingerprint()
    registry.wiring(PROCESS, 0)
    assert not [part for part in gc.get_referents(signal) if type(part) is dict and "receivers" in part]
    assert [part for part in gc.get_referents(signal) if part is signal.receivers]


def test_the_fingerprint_changes_with_each_connect_and_disconnect(registry: Registry) -> None:
    """Also when a receiver takes the place of another."""
    registry.signal_name(placed)
    seen = [registry.fingerprint()]
    for act in (
        lambda: placed.connect(first),
        lambda: placed.connect(second, sender=Group),
        lambda: (placed.disconnect(first), placed.connect(later)),
        lambda: placed.disconnect(second, sender=Group),
    ):
        act()
        seen.append(registry.fingerprint())
    placed.disconnect(later)
    assert len(set(seen)) == 5
    assert registry.fingerprint() == seen[0]


def test_the_fingerprint_changes_when_a_weak_connection_becomes_a_strong_one(registry: Registry) -> None:
    """The same receiver, sender and place, held in another way."""
    registry.signal_name(placed)
    placed.connect(first)
    try:
        before = registry.fingerprint()
        placed.disconnect(first)
        placed.connect(first, weak=False)
        assert registry.fingerprint() != before
        assert not registry.rows(placed)[-1].info.weak
    finally:
        placed.disconnect(first)


def test_an_unknown_signal_is_scanned_for_once_in_ten_seconds() -> None:
    """Between scans it has a provisional name, afterwards the right one."""
    now = [0.0]
    registry = Registry(clock=lambda: now[0])
    registry.scan()
    keeper = Bus()
    assert registry.signal_name(keeper.rung).startswith("unnamed @ ")
    now[0] = 10.0
    assert registry.signal_name(keeper.rung) == f"{HERE}.Bus().rung"


def test_it_can_be_asked_while_the_project_connects() -> None:
    """The flusher's thread reads while other threads connect and disconnect."""
    registry, signal = Registry(), Signal()
    registry.rows(signal)
    stop = threading.Event()
    receivers = [functools.partial(first, number=number) for number in range(20)]

    def churn() -> None:
        while not stop.is_set():
            for receiver in receivers:
                signal.connect(receiver, sender=Permission)
            for receiver in receivers:
                signal.disconnect(receiver, sender=Permission)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(50):
            rows = registry.rows(signal)
            assert [row.info.order for row in rows] == list(range(1, len(rows) + 1))
            assert {row.sender for row in rows} <= {"auth.Group", "auth.Permission"}
    finally:
        stop.set()
        thread.join()


def test_the_inventory_is_sorted_and_complete(registry: Registry, connect: Callable[..., None]) -> None:
    """The same wiring prints the same, whatever the order of imports."""
    connect(m2m_changed, first, sender=Group.permissions.through)
    inventory = registry.inventory()
    signals = [info.name for info in inventory.signals]
    assert inventory.schema == 1
    assert signals == sorted(set(signals))
    ordered = [(info.signal, info.order) for info in inventory.connections]
    assert ordered == sorted(ordered)
    counts = {info.name: info.receivers for info in inventory.signals}
    assert sum(counts.values()) == len(inventory.connections)
    assert ConnectionInfo(
        "django.db.models.signals.m2m_changed",
        "auth.Group.permissions",
        f"{HERE}.first",
        None,
        True,
        False,
        counts["django.db.models.signals.m2m_changed"],
        __file__,
        first.__code__.co_firstlineno,
        "through",
    ) in list(inventory.connections)


def test_a_connection_that_was_written_without_its_senders_kind_is_read() -> None:
    """Logs hold such wirings; nothing is claimed of their senders."""
    row = {"signal": "a.s", "sender": "a.M", "receiver": "a.r", "dispatch_uid": None, "weak": True}
    row |= {"async": False, "order": 1, "file": None, "line": None}
    process = {"id": "0" * 16, "pid": 1, "host": "h", "label": "l", "started_ms": 0}
    entry = {"type": "wiring", "process": process, "wall_us": 1, "signals": [], "connections": [row]}
    found = decode_entry(msgspec.msgpack.encode(entry))
    assert isinstance(found, Wiring)
    assert found.connections[0].sender_kind == ""


@isolate_apps("django.contrib.auth")
def test_a_connection_says_what_kind_of_model_its_sender_is() -> None:
    """Abstract models and proxies are where a connection waits in vain; what is no model has no kind."""

    class Staff(Group):
        class Meta:
            app_label, proxy = "auth", True

    signal = ModelSignal()
    for sender in (AbstractBaseUser, Staff, Group, Group.permissions.through, None):
        signal.connect(first, sender=sender)
    kinds = {row.sender: row.info.sender_kind for row in Registry().rows(signal)}
    assert kinds == {
        "auth.AbstractBaseUser": "abstract",
        "auth.Staff": "proxy",
        "auth.Group": "model",
        "auth.Group.permissions": "through",
        "*": "",
    }


def test_a_scan_leaves_alone_what_other_threads_are_making(registry: Registry) -> None:
    """A tuple that another thread is filling must not be touched: CPython then fails in that thread."""
    done, errors, made = threading.Event(), [], []

    def make_tuples() -> None:
        while not done.is_set():
            try:
                made.append(len(tuple(number for number in range(300))))
            except SystemError as error:
                errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=make_tuples) for _ in range(2)]
    try:
        for thread in threads:
            thread.start()
        for _ in range(60):
            registry.scan()
            registry.inventory()
    finally:
        done.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert made
    assert errors == []
