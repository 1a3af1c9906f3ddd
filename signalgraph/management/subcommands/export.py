"""`manage.py signalgraph export`: the wiring as a file."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from signalgraph import conf, names, registry
from signalgraph.events import ConnectionInfo

if TYPE_CHECKING:
    from signalgraph.graph.build import Edges
    from signalgraph.graph.figures import Figures

help = "Write the wiring of this project's signals to a file: svg (a picture) or json (node-link, for NetworkX)."


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--format", metavar="NAME", help="svg or json; by default what --output ends in, else svg")
    parser.add_argument("--output", metavar="FILE", default="-", help="where to write; - (the default) is stdout")
    parser.add_argument("--filter", metavar="QUERY", default="", help="only the connections that match, as on the page")
    parser.add_argument("--all", action="store_true", help="with the framework's own plumbing")
    parser.add_argument(
        "--log",
        metavar="URL",
        nargs="?",
        const="",
        help="add the counts and causes of a log; without a URL of the project's own",
    )


def handle(command: BaseCommand, **options: object) -> None:
    from signalgraph.exports.files import FORMATS, ExportError, write  # networkx takes 150 ms to import
    from signalgraph.graph.build import build_wiring

    output, query = str(options.get("output") or "-"), str(options.get("filter") or "")
    render = FORMATS[_format(options.get("format"), output, sorted(FORMATS))]
    inventory = registry.REGISTRY.inventory()
    shown = [one for one in inventory.connections if options.get("all") or not names.is_plumbing(one)]
    log = options.get("log")
    edges, stats = ({}, None) if log is None else _observed(str(log))
    chosen = _matching(query, shown)
    if not chosen:
        command.stderr.write(command.style.WARNING(_why_empty(query, len(shown))))
    graph = build_wiring(
        inventory.signals,
        chosen,
        edges=edges,
        stats=stats,
        measure="calls",
        unfiltered=inventory.connections,
    )
    text = render(graph, _title(), query, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    if output == "-":
        command.stdout.write(text, ending="")
        return
    try:
        write(text, Path(output))
    except ExportError as error:
        raise CommandError(str(error)) from error
    command.stderr.write(f"{output}: {len(chosen)} of {len(inventory.connections)} connections.")


def _why_empty(query: str, shown: int) -> str:
    if query:
        return f"No connection matches --filter {query!r}; without it there are {shown}."
    return "No connection is known, so nothing is drawn; --all adds Django's own."


def _format(chosen: object, output: str, known: list[str]) -> str:
    name = str(chosen) if chosen else Path(output).suffix.removeprefix(".") if output != "-" else ""
    if name in known:
        return name
    if not name:
        return "svg"
    where = "--format" if chosen else f"--output {output}"
    raise CommandError(f"{where} asks for the unknown format {name!r}; {conf.did_you_mean(name, known)}")


def _matching(query: str, connections: list[ConnectionInfo]) -> list[ConnectionInfo]:
    if not query:
        return connections
    from signalgraph.graph.query import QueryError, parse

    try:
        found = parse(query)
    except QueryError as error:
        raise CommandError(f"--filter: {error}") from error
    return [one for one in connections if found.matches_connection(one)]


def _observed(url: str) -> tuple[Edges, dict[str, Figures]]:
    """The causes and totals of a log; nothing is created where there is none."""
    from signalgraph.graph.figures import Figures
    from signalgraph.index import Index
    from signalgraph.log import LogError, open_log

    try:
        address = url or conf.resolve_log_url(conf.get_settings())
        path = address.removeprefix("sqlite://")
        if path != address and not Path(path).exists():
            raise CommandError(f"There is no log at {path} yet. Record something first, or leave out --log.")
        log = open_log(address, writer=False)
    except (LogError, conf.SettingsError) as error:
        raise CommandError(str(error)) from error
    try:
        index = Index(log)
        index.refresh()
        return index.edges, {key: Figures.of_total(total) for key, total in index.totals.items()}
    except LogError as error:
        raise CommandError(str(error)) from error
    finally:
        log.close()


def _title() -> str:
    module = getattr(settings, "SETTINGS_MODULE", None) or ""
    return f"Signals of {module.partition('.')[0]}" if module else "Signals"
