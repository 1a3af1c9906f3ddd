"""`manage.py signalgraph docs`: the wiring as Markdown pages, and whether they are up to date."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.management.base import BaseCommand, CommandError

from signalgraph import conf, names, registry
from signalgraph.documents import folder as folders
from signalgraph.documents.content import Content, is_documented, package_of, renumbered
from signalgraph.documents.sources import Sources

if TYPE_CHECKING:
    from signalgraph.recent import Miss, Step

help = "Write Markdown pages about this project's signals into a folder, or check that those there are up to date."
errors = (folders.FolderError,)
returncode = 2
OUT_OF_DATE = 1


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="where the pages are, docs/signals for example")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is out of date")
    parser.add_argument("--title", default="Signals", help="the heading of the first page")
    parser.add_argument("--all", action="store_true", help="tell of Django's own plumbing too")
    parser.add_argument("--lines", action="store_true", help="say at which line code stands, not in which file only")
    parser.add_argument(
        "--log",
        metavar="URL",
        nargs="?",
        const="",
        help="tell what receivers were seen to set off, from a log; without a URL from the project's own",
    )


def handle(
    command: BaseCommand,
    *,
    folder: str,
    check: bool = False,
    title: str = "Signals",
    all: bool = False,
    lines: bool = False,
    log: str | None = None,
    **options: object,
) -> None:
    from signalgraph.documents.book import write_book  # networkx takes 150 ms to import

    seen = None if log is None else _seen(log)
    content = read_content(title, seen, everything=all, with_lines=lines)
    changes = folders.compare(Path(folder), write_book(content))
    if check and changes:
        command.stdout.write("\n".join(folders.told(changes)))
        raise CommandError(f"{folder} is out of date; run the same command without --check.", returncode=OUT_OF_DATE)
    folders.apply(changes)
    counts = f"{len(changes.new)} new, {len(changes.changed)} changed, {len(changes.stale)} removed"
    command.stderr.write(f"{folder}: {'up to date' if not changes else counts}, {len(changes.files)} files.")


def read_content(
    title: str,
    seen: tuple[Collection[Step], Collection[str], Collection[Miss]] | None,
    *,
    everything: bool,
    with_lines: bool,
) -> Content:
    """What is connected in this process, what its source says of it, and what a log has seen."""
    steps, called, missed = seen or ((), (), ())
    wiring = registry.REGISTRY.wiring_now(collect=True)
    sources = Sources(conf.project_folder())
    shown = renumbered(row for row in wiring.connections if everything or is_documented(row))
    signals = {info.name: info for info in wiring.signals}
    dead = [one for one in wiring.dead if everything or not names.is_plumbing_signal(one.signal)]
    lost = {*(one.signal for one in dead), *(one.signal for one in wiring.pending)}
    told = {row.signal for row in shown} | {one for one in signals if sources.file_of(one) or one in lost}
    packages = {package_of(row.receiver) for row in shown} - {"django"}
    return Content(
        title,
        {name: signals[name] for name in sorted(signals if everything else told & set(signals))},
        shown,
        dead,
        wiring.pending,
        sources.sites(registry.REGISTRY.signal_name),
        sorted(steps),
        called,
        missed,
        sources,
        with_lines,
        with_log=seen is not None,
        hides=not everything,
        unheard=[
            info for name, info in signals.items() if package_of(name) in packages and not (everything or name in told)
        ],
    )


def _seen(url: str) -> tuple[Collection[Step], Collection[str], Collection[Miss]]:
    """The causes and the connections that a log has seen, and what the causes never reached."""
    from signalgraph.management.material import reading

    with reading(url) as index:
        steps, _, missed = index.causes
        never = {miss for miss, times in missed.items() if times >= steps.get(miss[:4], times + 1)}
        return set(steps), {one for one, total in index.totals.items() if total.calls}, never
