"""Names are stable, say what a thing is, and are found without running its code."""

import functools
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.contrib.auth.models import User as AuthUser
from django.contrib.contenttypes.models import ContentType
from django.db.migrations.state import ModelState, ProjectState

from signalgraph import names
from signalgraph.events import ConnectionInfo


class Hostile:
    """Every hook that a careless look would run."""

    def _refuse(self, *args: object, **kwargs: object) -> Any:
        raise RuntimeError("project code ran")

    __eq__ = __ne__ = __hash__ = __repr__ = __str__ = __bool__ = __len__ = __iter__ = __getattr__ = _refuse
    __class__ = property(_refuse)  # type: ignore[assignment]

    def __call__(self, **kwargs: object) -> None:
        """A receiver too."""


def some_function(**kwargs: object) -> None:
    """A receiver."""


def plain_decorator(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: object, **kwargs: object) -> Any:
        return function(*args, **kwargs)

    return wrapper


@plain_decorator
def decorated(**kwargs: object) -> None:
    """Wrapped with functools.wraps."""


class Notifier:
    def notice(self, **kwargs: object) -> None:
        """A method."""

    @classmethod
    def announce(cls, **kwargs: object) -> None:
        """A class method."""

    @staticmethod
    def call_out(**kwargs: object) -> None:
        """A static method."""

    def __call__(self, **kwargs: object) -> None:
        """A callable object."""


class AsyncNotifier:
    async def __call__(self, **kwargs: object) -> None:
        """An async callable object."""


HERE = __name__


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        (None, "None"),
        (Group, "auth.Group"),
        (Group.permissions.through, "auth.Group.permissions"),
        (AuthUser, "auth.User"),
        ("orders", '"orders"'),
        ('a|b%"\n', '"a%7Cb%25%22%0A"'),
        ("x" * 100, '"' + "x" * 79 + '…"'),
        ("\ud800", '"%ED%A0%80"'),
        (Notifier, f"{HERE}.Notifier"),
        (Notifier(), f"{HERE}.Notifier instance"),
        (some_function, f"{HERE}.some_function"),
        (functools, "functools"),
    ],
)
def test_a_sender_is_called_what_it_is(sender: object, name: str) -> None:
    """A model by its label, text in quotes, anything else by its path; none of them is asked for its repr."""
    assert names.describe_sender(sender) == name


def test_no_code_of_a_sender_or_receiver_runs_for_its_name() -> None:
    """Each of its hooks raises: comparing, hashing, printing, asking its truth, its class or an attribute."""
    assert names.describe_sender(Hostile()) == f"{HERE}.Hostile instance"
    assert names.describe_receiver(Hostile()).label == f"{HERE}.Hostile()"
    assert names.describe_receiver(functools.partial(Hostile())).label == f"partial({HERE}.Hostile())"


def test_an_app_config_is_called_after_its_label() -> None:
    """`pre_migrate` and `post_migrate` are sent by app configs."""
    assert names.describe_sender(apps.get_app_config("auth")) == "auth app"


def test_a_model_of_a_migration_is_not_the_real_one() -> None:
    """Receivers of the real model don't run for the one that a migration makes up, so it has a name of its own."""
    state = ProjectState()
    state.add_model(ModelState.from_model(ContentType))
    made_up = state.apps.get_model("contenttypes", "ContentType")
    assert names.describe_sender(made_up) == "contenttypes.ContentType in a migration"


@pytest.mark.parametrize(
    ("receiver", "label"),
    [
        (some_function, "some_function"),
        (decorated, "decorated"),
        (Notifier().notice, "Notifier.notice"),
        (Notifier.announce, "Notifier.announce"),
        (Notifier.call_out, "Notifier.call_out"),
        (Notifier(), "Notifier()"),
        (Notifier, "Notifier"),
        (AsyncNotifier(), "AsyncNotifier()"),
    ],
)
def test_a_receiver_is_called_by_module_and_qualname(receiver: object, label: str) -> None:
    """Also where it has no `__name__`, and never by its repr."""
    assert names.describe_receiver(receiver).label == f"{HERE}.{label}"


def test_partials_lambdas_and_builtins_have_names_too() -> None:
    """A partial is named after its function, a builtin method after its class."""
    partial = functools.partial(functools.partial(some_function, a=1), b=2)
    assert names.describe_receiver(partial).label == f"partial({HERE}.some_function)"
    assert names.describe_receiver(print).label == "builtins.print"
    assert names.describe_receiver([].append).label == "builtins.list.append"
    assert names.describe_receiver(lambda **kwargs: None).label.endswith("too.<locals>.<lambda>")


def test_the_place_of_a_decorated_receiver_is_that_of_the_function() -> None:
    """The wrapper's own line would be the same for everything that is decorated."""
    described = names.describe_receiver(decorated)
    assert described.file == __file__
    assert described.line == decorated.__wrapped__.__code__.co_firstlineno  # type: ignore[attr-defined]


def test_a_bound_method_is_known_by_its_function() -> None:
    """Each look at `instance.method` makes a new object, whose id says nothing."""
    notifier = Notifier()
    assert names.describe_receiver(notifier.notice).ident == id(Notifier.notice)
    assert names.describe_receiver(some_function).ident == id(some_function)


def test_an_async_receiver_is_told_from_a_plain_one() -> None:
    """A callable object is async when its `__call__` is."""
    assert names.describe_receiver(AsyncNotifier()).is_async
    assert not names.describe_receiver(Notifier()).is_async


def test_the_id_of_a_connection_reads_back() -> None:
    """The parts hold no `|`, so the id can be split again."""
    parts = ("shop.Order", "django.db.models.signals.post_save", "shop.receivers.<lambda>@12")
    assert names.connection_id(*parts) == f"connection:{'|'.join(parts)}"
    assert names.parse_connection_id(names.connection_id(*parts)) == parts


@pytest.mark.parametrize("text", ["", "connection:a|b", "signal:a|b|c", "connection:a||c", "connection:a|b|c|d"])
def test_what_is_no_connection_is_refused_with_the_form(text: str) -> None:
    """The message holds what was given and says what one looks like."""
    with pytest.raises(ValueError, match=r"connection:<sender>\|<signal>\|<receiver>") as caught:
        names.parse_connection_id(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("shop.signals.order_placed", "order_placed"),
        ("shop.Order", "shop.Order"),
        ("library.Book.categories", "Book.categories"),
        ("shop.audit.Ledger.note", "Ledger.note"),
        ("shop.apps.ready.<locals>.handler", "handler"),
        ("partial(shop.receivers.send_receipt)", "partial(send_receipt)"),
        ("partial(shop.receivers.send_receipt)@3", "partial(send_receipt)@3"),
        ("shop.receivers.<lambda>@12", "<lambda>@12"),
        ("shop.receivers.Notifier()", "Notifier()"),
        ("shop.receivers.send~v1.2", "send~v1.2"),
        ('"a.b"', '"a.b"'),
        ("*", "any sender"),
        ("None", "None"),
        ("unnamed @ shop/views.py:12", "unnamed @ shop/views.py:12"),
        ("shop app", "shop app"),
    ],
)
def test_a_label_is_the_part_that_tells(name: str, label: str) -> None:
    """Short enough for a box in the graph."""
    assert names.short(name) == label


def test_equal_labels_get_just_enough_path_to_differ() -> None:
    """Others keep their short label."""
    labels = names.distinct_labels(["a.x.receivers.save", "a.y.receivers.save", "a.x.receivers.load", "b.load.save"])
    assert labels == {
        "a.x.receivers.save": "x.receivers.save",
        "a.y.receivers.save": "y.receivers.save",
        "a.x.receivers.load": "load",
        "b.load.save": "load.save",
    }


@pytest.mark.parametrize(
    ("name", "app"),
    [
        ("django.contrib.auth.models.update_last_login", "django"),
        ("auth.User", "auth"),
        ("shop.signals.order_placed", "shop"),
        ("partial(shop.receivers.send)", "shop"),
        ("auth app", "auth"),
        ('"text.with.dots"', ""),
        ("*", ""),
        ("unknown sender", ""),
        ("unnamed @ shop/views.py:3", "shop"),
    ],
)
def test_a_name_belongs_to_an_app(name: str, app: str) -> None:
    """All that is Django's is `django`; what nobody owns has none."""
    assert names.app_of(name) == app


def test_an_app_inside_another_ones_package_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Oscar's apps live in `oscar.apps`, and its own label is `oscar`."""
    modules = {"oscar": "oscar", "oscar.apps.catalogue": "catalogue"}
    monkeypatch.setattr(names, "_app_modules", lambda: modules)
    monkeypatch.setattr(names, "_app_labels", lambda: set(modules.values()))
    assert names.app_of("oscar.apps.catalogue.receivers.delete_image_files") == "catalogue"
    assert names.app_of("oscar.core.signals.started") == "oscar"
    assert names.app_of("catalogue.Product") == "catalogue"


@pytest.mark.parametrize(
    ("signal", "receiver", "file", "is_plumbing"),
    [
        ("django.core.signals.setting_changed", "django.test.signals.clear_cache_handlers", None, True),
        ("django.core.signals.setting_changed", "django.contrib.auth.hashers.reset_hashers", None, True),
        ("django.core.signals.setting_changed", "rest.reload", "/v/site-packages/rest.py", True),
        ("django.core.signals.setting_changed", "telemetry.receivers.note", "/p/telemetry/receivers.py", False),
        ("django.db.models.signals.post_migrate", "django.contrib.auth.management.create_permissions", None, False),
        ("django.core.signals.request_finished", "django.db.close_old_connections", None, True),
        ("django.db.models.signals.post_save", "wagtail.signals.reindex", "/v/site-packages/wagtail/s.py", False),
    ],
)
def test_plumbing_is_what_no_project_asked_for(signal: str, receiver: str, file: str | None, is_plumbing: bool) -> None:
    """The framework's own machinery; what contrib apps and packages do with a project's data stays visible."""
    info = ConnectionInfo(signal, "*", receiver, None, True, False, 1, file, 1)
    assert names.is_plumbing(info) is is_plumbing


def test_a_path_is_short_and_does_not_depend_on_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """The longest root wins; a path of another machine loses what is before its packages."""
    monkeypatch.setattr("sys.path", ["", "/srv/site", "/srv/site/apps"])
    monkeypatch.chdir(tmp_path)
    assert names.relative_path("/srv/site/apps/shop/signals.py") == "shop/signals.py"
    assert names.relative_path("/srv/site/tasks.py") == "tasks.py"
    assert names.relative_path("/other/site-packages/rest/apps.py") == "rest/apps.py"
    assert names.relative_path(str(tmp_path / "x.py")) == str(tmp_path / "x.py")
