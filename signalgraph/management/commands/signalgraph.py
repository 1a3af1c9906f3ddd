"""`manage.py signalgraph <subcommand>`: each module of `management/subcommands` is one."""

from __future__ import annotations

import pkgutil
import sys
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import get_resolver

from signalgraph.conf import SettingsError, did_you_mean
from signalgraph.log.base import CursorError, LogError
from signalgraph.management import subcommands

LIBRARY_ERRORS = (LogError, SettingsError, CursorError)


def load_subcommands() -> dict[str, ModuleType]:
    """The subcommands by name. Each has `help`, `add_arguments(parser)`, `handle(command, **options)`.

    One whose library call raises further errors for people lists them in `errors`, and says in `returncode` which exit
    code an error has where that isn't 1.
    """
    found = sorted(module.name for module in pkgutil.iter_modules(subcommands.__path__))
    return {name: import_module(f"{subcommands.__name__}.{name}") for name in found if not name.startswith("_")}


class Command(BaseCommand):
    help = "Look at the signals of this project: what is connected, what was dispatched."
    requires_system_checks: list[str] = []  # noqa: RUF012 - what is wrong elsewhere must not hide the wiring

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.error = partial(_explain, parser.error)  # type: ignore[method-assign]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        choices = parser.add_subparsers(dest="subcommand", metavar="subcommand", title="subcommands")
        for name, module in load_subcommands().items():
            chosen = choices.add_parser(name, help=module.help, description=module.help)
            _accept_base_options(chosen)
            module.add_arguments(chosen)

    def handle(self, *args: Any, subcommand: str | None = None, **options: Any) -> None:
        if subcommand is None:
            self.print_help(sys.argv[0], "signalgraph")
            return
        module = load_subcommands()[subcommand]
        self.load_urlconf()
        try:
            module.handle(self, **options)
        except (*LIBRARY_ERRORS, *getattr(module, "errors", ())) as error:
            raise CommandError(str(error), returncode=getattr(module, "returncode", 1)) from error

    def load_urlconf(self) -> None:
        """Import what a web process imports: views and their modules create signals and connect receivers too."""
        try:
            get_resolver().url_patterns  # noqa: B018 - reading it imports
        except Exception as error:  # noqa: BLE001 - whatever a project's module raises, the rest is still worth seeing
            what = f"{type(error).__name__}: {error}"
            said = f"The URLconf can't be loaded ({what}); what its modules connect is missing."
            self.stderr.write(self.style.WARNING(said))

    def print_help(self, prog_name: str, subcommand: str) -> None:
        self.create_parser(prog_name, subcommand).print_help(self.stdout)


def _accept_base_options(parser: ArgumentParser) -> None:
    """Django's own options behind the subcommand too; one that is not given leaves alone what stands before it."""
    for option in ("--settings", "--pythonpath"):
        parser.add_argument(option, default=SUPPRESS, help=SUPPRESS)
    for option in ("--traceback", "--no-color", "--force-color", "--skip-checks"):
        parser.add_argument(option, action="store_true", default=SUPPRESS, help=SUPPRESS)
    parser.add_argument("-v", "--verbosity", type=int, choices=range(4), default=SUPPRESS, help=SUPPRESS)


def _explain(fail: Callable[[str], NoReturn], message: str) -> NoReturn:
    """Say which subcommand was probably meant; argparse only lists them all."""
    start = "argument subcommand: invalid choice: '"
    if message.startswith(start):
        given = message[len(start) :].partition("'")[0]
        message = f"There is no subcommand {given!r}; {did_you_mean(given, list(load_subcommands()))}"
    fail(message)
