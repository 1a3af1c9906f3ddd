"""The source that pages show of a place: whole functions, as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalgraph.web.sourcing import MOST_LINES, excerpt

SHOP = '''\
from django.dispatch import receiver

class Mailer:
    """Sends."""

    @receiver(paid)
    @quietly
    def send(self, **kwargs):
        order = kwargs["order"]

        order.save()

    def stop(self): ...

paid.connect(
    Mailer().send,
)
broken = 1
'''


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    file = tmp_path / "shop.py"
    file.write_text(SHOP)
    return file


@pytest.mark.parametrize(
    ("line", "first", "last"),
    [
        (11, 6, 11),  # in the body
        (8, 6, 11),  # the def
        (6, 6, 11),  # the decorator, which is where Python says that the function begins
        (13, 13, 13),
        (16, 15, 17),  # no function around it: the statement
        (2, 2, 18),  # between statements
        (999, 0, 0),
    ],
)
def test_the_function_around_a_line_is_shown_as_it_is_written(shop: Path, line: int, first: int, last: int) -> None:
    """With its decorators, from its head to its end, and with the indentation that it has in the file."""
    written = SHOP.split("\n")
    shown = excerpt(str(shop), line)
    assert shown == [(number, written[number - 1]) for number in range(first, last + 1) if first]


def test_of_a_long_function_the_lines_around_the_place_are_shown(tmp_path: Path) -> None:
    """Not from its head, when that is far."""
    file = tmp_path / "long.py"
    file.write_text("def long():\n" + "    x = 1\n" * 60)
    numbers = [number for number, _ in excerpt(str(file), 40)]
    assert numbers == list(range(37, 37 + MOST_LINES))
    assert [number for number, _ in excerpt(str(file), 9)] == list(range(1, 1 + MOST_LINES))


def test_what_cannot_be_parsed_is_shown_from_its_line_on(tmp_path: Path) -> None:
    """A file that changed since it was imported may be broken; one that is gone shows nothing."""
    file = tmp_path / "odd.py"
    file.write_text("x = 1\n  def odd(:\n    pass\n")
    assert excerpt(str(file), 2) == [(2, "  def odd(:"), (3, "    pass")]
    assert excerpt(str(tmp_path / "gone.py"), 2) == []
