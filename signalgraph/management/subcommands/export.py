"""`manage.py signalgraph export`: any view of the graph as a file."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from signalgraph import conf
from signalgraph.graph.figures import MEASURES, Measure
from signalgraph.graph.material import DIRECTIONS, MAX_DEPTH, VIEW_NAMES, Ask, Direction, ViewError, ViewName

PNG = "png"
help = (
    "Write a view of this project's signals to a file: svg or png (pictures), dot, mermaid, markdown, csv, graphml, "
    "json (node-link, for NetworkX)."
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--view",
        metavar="NAME",
        default="wiring",
        help=f"{', '.join(VIEW_NAMES)}; by default wiring",
    )
    parser.add_argument(
        "--select", metavar="ID", default="", help="what a focus is about, where a path starts: an id or a short name"
    )
    parser.add_argument("--to", metavar="ID", default="", help="where a path ends")
    parser.add_argument("--depth", metavar="N", type=int, default=3, help="how many causes in a row a focus follows")
    parser.add_argument(
        "--direction", metavar="WAY", default="both", help="of a focus: down (what follows), up (what led to it), both"
    )
    parser.add_argument(
        "--open", metavar="APP", action="append", default=[], help="an app that the apps view shows from inside"
    )
    parser.add_argument(
        "--format", metavar="NAME", help="one of those above; by default what --output ends in, else svg"
    )
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
    parser.add_argument(
        "--color",
        metavar="MEASURE",
        help="numbers of the log: calls (the default), errors since it began; rate, p95, self of the last 15 min",
    )
    parser.add_argument(
        "--as-of",
        metavar="TEXT",
        help='what is said of the time; "" says nothing, so that equal wirings give equal files',
    )


def handle(command: BaseCommand, **options: Any) -> None:
    name = _format(options["format"], options["output"])
    content, said, warning = _render(name, options)
    if warning:
        command.stderr.write(command.style.WARNING(warning))
    if options["output"] == "-":
        _print(command, content)
        return
    _write(content, Path(options["output"]))
    command.stderr.write(f"{options['output']}: {said}.")


def _render(name: str, options: Mapping[str, Any]) -> tuple[str | bytes, str, str]:
    """The export, how much is in it, and why that is nothing, or not all that there may be."""
    from signalgraph.exports import files, png  # networkx takes 150 ms to import
    from signalgraph.graph.build import connection_id
    from signalgraph.graph.naming import completed
    from signalgraph.graph.query import QueryError
    from signalgraph.graph.views import build_view, connections_in
    from signalgraph.management.material import material_from_registry

    query, ask = options["filter"], read_ask(options)
    try:
        of_log = {"log": options["log"], "named": "--log"}
        material = material_from_registry(query=query, everything=options["all"], **of_log)
        graph = build_view(material, completed(ask, material.unfiltered))
        note = graph.graph.get("note", "")
        if note and options["log"] is None and not graph:
            raise CommandError(f"{note} A path needs what was seen: add --log.")
        render = files.FORMATS["svg" if name == PNG else name]
        content = render(graph, _title(graph.graph["ask"]), query, _as_of(options["as_of"]))
        drawn, every = connections_in(graph), {connection_id(row) for row in material.unfiltered}
        said = f"{len(drawn)} of {len(every)} connections"
        warning = _warning(note, options) if note or not drawn else ""
        return png.render(content) if name == PNG else content, said, warning
    except QueryError as error:
        raise CommandError(f"--filter: {error}\n{error.marked(query)}") from error
    except (ViewError, files.ExportError) as error:
        raise CommandError(str(error)) from error


def read_ask(options: Mapping[str, Any]) -> Ask:
    """What the options ask to be shown, short names as they were given."""
    if not 0 <= options["depth"] <= MAX_DEPTH:
        raise CommandError(f"--depth is {options['depth']}; it takes a number from 0 to {MAX_DEPTH}.")
    measure = options["color"] or "calls"
    return Ask(
        view=cast("ViewName", _one_of("--view", options["view"], VIEW_NAMES)),
        selection=options["select"],
        target=options["to"],
        depth=options["depth"],
        direction=cast("Direction", _one_of("--direction", options["direction"], DIRECTIONS)),
        open=tuple(options["open"]),
        measure=cast("Measure", _one_of("--color", measure, MEASURES)),
    )


def _one_of(option: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise CommandError(f"{option} is {value!r}; {conf.did_you_mean(value, known)}")
    return value


def _format(chosen: str | None, output: str) -> str:
    from signalgraph.exports.files import BY_SUFFIX, FORMATS

    known = sorted([*FORMATS, PNG])
    name = chosen or (Path(output).suffix.removeprefix(".") if output != "-" else "svg") or "svg"
    name = BY_SUFFIX[name].name if name in BY_SUFFIX else name
    if name in known:
        return name
    where = "--format" if chosen else f"--output {output}"
    raise CommandError(f"{where} asks for the unknown format {name!r}; {conf.did_you_mean(name, known)}")


def _warning(note: str, options: Mapping[str, Any]) -> str:
    """What is to be known of an export that lacks something; `note` is what it says itself."""
    query = options["filter"]
    if note:
        return f"{note} --log adds what was seen." if options["log"] is None else note
    if query:
        return f"No connection matches --filter {query!r}."
    return "No connection is known, so nothing is drawn; --all adds Django's own."


def _print(command: BaseCommand, content: str | bytes) -> None:
    if isinstance(content, str):
        command.stdout.write(content, ending="")
        return
    buffer = getattr(command.stdout, "buffer", None)
    if buffer is None or command.stdout.isatty():
        raise CommandError("A PNG is no text for a terminal; name a file with --output.")
    buffer.write(content)


def _write(content: str | bytes, path: Path) -> None:
    from signalgraph.exports.files import ExportError, write

    try:
        write(content, path)
    except ExportError as error:
        raise CommandError(str(error)) from error


def _title(ask: Ask) -> str:
    from signalgraph.exports.titles import title_of

    project = (getattr(settings, "SETTINGS_MODULE", None) or "").partition(".")[0]
    whole = {"wiring": "Signals", "apps": "Apps"}.get(ask.view)
    if whole is None:
        return title_of(ask)
    return f"{whole} of {project}" if project else whole


def _as_of(said: str | None) -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC" if said is None else said
