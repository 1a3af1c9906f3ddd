"""Plain functions that receive what Django and the project's own work send."""

from typing import Any

from .counts import COUNTS


def count_exception(**kwargs: Any) -> None:
    COUNTS.add("unhandled exceptions")


def count_connection(connection: Any, **kwargs: Any) -> None:
    COUNTS.add(f"connections to {connection.alias}")


def count_setting(setting: str, **kwargs: Any) -> None:
    """Sent by tests only, when one changes a setting and when it changes it back."""
    COUNTS.add(f"setting {setting} changed")


def count_template(template: Any, **kwargs: Any) -> None:
    """Sent by tests only: outside of them Django doesn't tell which template it renders."""
    COUNTS.add(f"template {template.name}")


def add_measure(*, name: str, seconds: float, count: int, **kwargs: Any) -> None:
    """Connected as a partial for each sender, with the `name` under which to count."""
    COUNTS.add(f"{name}, times")
    COUNTS.add(f"{name}, items", count)
    COUNTS.add(f"{name}, ms", round(1000 * seconds))
