"""`manage.py signalgraph export` on real signals and a real SQLite log."""

from __future__ import annotations

import io
import json
import os
import xml.etree.ElementTree as ET

import networkx as nx
import pytest
from django.core.management import CommandError, call_command
from django.dispatch import Signal

from signalgraph import names
from signalgraph.events import Batch, Process, Total
from signalgraph.log import open_log

order_placed = Signal()
HERE = f"{__name__}.order_placed"


class Order:
    """A sender."""


def send_receipt(**kwargs):
    """A receiver."""


@pytest.fixture(autouse=True)
def wired():
    """One connection of this module's own, among all those of Django and of the demo."""
    order_placed.connect(send_receipt, sender=Order)
    yield
    order_placed.disconnect(send_receipt, sender=Order)


def export(*arguments: str) -> str:
    out = io.StringIO()
    call_command("signalgraph", "export", *arguments, stdout=out)
    return out.getvalue()


def connections(text: str) -> set[str]:
    graph = nx.node_link_graph(json.loads(text), edges="edges")
    return {one for _, _, data in graph.edges(data=True) for one in data["connections"]}


def test_svg_goes_to_standard_output_by_default():
    """A whole document and nothing around it, with what is connected in this process."""
    root = ET.fromstring(export().encode())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert any(element.get("id") == f"signal:{HERE}" for element in root.iter())


def test_json_is_a_graph_for_networkx():
    """The connection is an edge from its port to its receiver."""
    found = connections(export("--format", "json"))
    assert f"connection:{__name__}.Order|{HERE}|{__name__}.send_receipt" in found


def test_the_name_of_the_output_decides_the_format(tmp_path):
    """`wiring.json` is JSON without another word; standard output stays empty."""
    path = tmp_path / "wiring.json"
    assert export("--output", str(path)) == ""
    assert json.loads(path.read_text())["schema"] == 1


def test_the_framework_is_left_out_unless_asked_for():
    """Django's own plumbing comes with --all."""
    own, everything = connections(export("--format", "json")), connections(export("--format", "json", "--all"))
    assert own < everything
    for sender, signal, receiver in map(names.parse_connection_id, everything - own):
        assert receiver.startswith(("django.", "partial(django.")) or names.is_plumbing_signal(signal), sender


def test_a_filter_chooses_connections():
    """The same language as on the page."""
    found = connections(export("--format", "json", "--filter", f"signal:{HERE}"))
    assert found == {f"connection:{__name__}.Order|{HERE}|{__name__}.send_receipt"}


def test_a_filter_that_cannot_be_read_is_an_error():
    """The message names the option and what is wrong with it, and marks the spot."""
    with pytest.raises(CommandError, match=r"--filter: .*colour.*\nsend colour:red\n     \^{6}$"):
        export("--filter", "send colour:red")


@pytest.mark.parametrize("arguments", [("--format", "svgg"), ("--output", "wiring.svgg")])
def test_an_unknown_format_suggests_the_one_that_was_meant(arguments):
    """And lists those that there are."""
    with pytest.raises(
        CommandError,
        match=r"'svgg'; did you mean 'svg'\? use one of: csv, dot, graphml, json, markdown, mermaid, png, svg",
    ):
        export(*arguments)


def test_a_missing_folder_is_named(tmp_path):
    """Nothing is created on the way."""
    with pytest.raises(CommandError, match=f"The folder {tmp_path / 'no'} doesn't exist"):
        export("--output", str(tmp_path / "no" / "wiring.svg"))
    assert not (tmp_path / "no").exists()


def test_a_folder_is_no_file(tmp_path):
    """The path is named."""
    (tmp_path / "wiring.svg").mkdir()
    with pytest.raises(CommandError, match=f"{tmp_path / 'wiring.svg'} is a folder"):
        export("--output", str(tmp_path / "wiring.svg"))


def test_a_file_that_cannot_be_written_is_named():
    """With the system's reason. /dev/full takes no byte from anybody, root among them."""
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full, which only Linux has")
    with pytest.raises(CommandError, match="Can't write /dev/full: No space left on device"):
        export("--format", "svg", "--output", "/dev/full")


def test_the_counts_of_a_log_are_drawn(tmp_path):
    """With --log the figures are those of the log's totals."""
    process = Process("0123456789abcdef", 1, "here", "test", 1)
    url = f"sqlite://{tmp_path / 'log.sqlite3'}"
    log = open_log(url, writer=True)
    log.append(
        Batch(
            process,
            1,
            1_700_000_000_000_000,
            7,
            0,
            [HERE],
            [f"{__name__}.Order"],
            [f"{__name__}.send_receipt"],
            [(0, 0, 0)],
            [],
            [],
            [Total(7, 1, 7000, 1000, 0)],
            [],
            1,
            1,
            7,
        )
    )
    log.close()
    graph = nx.node_link_graph(json.loads(export("--format", "json", "--log", url)), edges="edges")
    figures = graph.nodes[f"receiver:{__name__}.send_receipt"]["figures"]
    assert (figures["calls"], figures["errors"]) == (7, 1)
    assert graph.graph["measure"] == "calls"


def test_a_log_that_is_not_there_is_not_created(tmp_path):
    """The message says where it was looked for and what to do."""
    path = tmp_path / "log.sqlite3"
    with pytest.raises(CommandError, match=f"no log at {path} yet"):
        export("--log", f"sqlite://{path}")
    assert not path.exists()


def test_a_log_of_another_kind_is_an_error():
    """The log's own message reaches the terminal."""
    with pytest.raises(CommandError, match="scheme 'ftp'"):
        export("--log", "ftp://there")


def test_a_filter_that_matches_nothing_is_said(tmp_path):
    """An empty picture could be a mistake in the filter; what was written is said too."""
    said = io.StringIO()
    path = tmp_path / "wiring.svg"
    call_command("signalgraph", "export", "--filter", "app:shopp", "--output", str(path), stderr=said)
    assert "app:shopp" in said.getvalue()
    assert f"{path}: 0 of " in said.getvalue()
