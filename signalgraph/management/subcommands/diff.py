"""`manage.py signalgraph diff`: what has changed in what is connected."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path

import msgspec
from django.core.management.base import BaseCommand, CommandError

from signalgraph import conf, registry
from signalgraph.documents.changes import find_changes, told
from signalgraph.documents.summary import FORMATS
from signalgraph.events import SCHEMA, Inventory

help = "Say what has changed between two snapshots (list --json, or docs' wiring.json), or since one of them."
returncode = 2
CHANGED = 1
KNOWN = (*FORMATS, "svg")
BY_SUFFIX = {".txt": "text", ".md": "markdown", ".json": "json", ".svg": "svg"}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("snapshots", nargs="*", metavar="SNAPSHOT", help="two files: before and after; - is stdin")
    parser.add_argument("--base", metavar="FILE", help="what was before; compared with the project as it is now")
    told = f"{', '.join(KNOWN)}; by default what --output ends in, else text"
    parser.add_argument("--format", metavar="NAME", help=told)
    parser.add_argument("--output", default="-", metavar="FILE", help="where to write; - (the default) is stdout")
    parser.add_argument("--all", action="store_true", help="with Django's own plumbing")
    parser.add_argument("--exit-zero", action="store_true", help="exit with 0 also where something has changed")


def handle(
    command: BaseCommand,
    *,
    snapshots: list[str],
    base: str | None = None,
    format: str | None = None,
    output: str = "-",
    all: bool = False,
    exit_zero: bool = False,
    **options: object,
) -> None:
    chosen = _format(format, output)
    before, after = _inventories(snapshots, base)
    if not all:
        before, after = told(before, after)
    changes = find_changes(before, after)
    if chosen == "svg":
        from signalgraph.exports.diff import render  # networkx takes 150 ms to import

        written = render(before, after)
    else:
        written = FORMATS[chosen](changes)
    _write(command, written, output)
    if output != "-":
        counted = f"{len(changes)} change{'' if len(changes) == 1 else 's'}"
        command.stderr.write(f"{output}: {counted} as {chosen}.")
    if changes and not exit_zero:
        sys.exit(CHANGED)


def _format(chosen: str | None, output: str) -> str:
    suffix = Path(output).suffix if output != "-" else ""
    if not chosen and not suffix:
        return "text"
    name = chosen or BY_SUFFIX.get(suffix, suffix.removeprefix("."))
    if name in KNOWN:
        return name
    where = "--format" if chosen else f"--output {output}"
    known = conf.did_you_mean(name, KNOWN)
    raise CommandError(f"{where} asks for the unknown format {name!r}; {known}", returncode=returncode)


def _inventories(snapshots: list[str], base: str | None) -> tuple[Inventory, Inventory]:
    if base is not None and not snapshots:
        return _read(base), registry.REGISTRY.inventory(collect=True)
    if base is None and len(snapshots) == 2:
        return _read(snapshots[0]), _read(snapshots[1])
    given = [*snapshots, *([f"--base {base}"] if base is not None else [])]
    raise CommandError(
        f"Give two snapshots, or --base with one and no other; given: {', '.join(given) or 'none'}. "
        "`manage.py signalgraph list --json` prints one.",
        returncode=returncode,
    )


def _read(file: str) -> Inventory:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        found = msgspec.json.decode(data, type=Inventory)
    except OSError as error:
        raise CommandError(f"Can't read {file}: {error.strerror}.", returncode=returncode) from error
    except msgspec.MsgspecError as error:
        said = f"{file} is no snapshot: {error}. `manage.py signalgraph list --json` prints one."
        raise CommandError(said, returncode=returncode) from error
    if found.schema != SCHEMA:
        said = f"{file} has the schema {found.schema}, this signalgraph reads {SCHEMA}; make the snapshot again."
        raise CommandError(said, returncode=returncode)
    return found


def _write(command: BaseCommand, text: str, output: str) -> None:
    if output == "-":
        command.stdout.write(text, ending="")
        return
    try:
        Path(output).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise CommandError(f"Can't write {output}: {error.strerror}.", returncode=returncode) from error
