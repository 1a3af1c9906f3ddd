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
from log_entries import batch, call, dispatch, span

from signalgraph import names
from signalgraph.events import Batch, Process, Total
from signalgraph.log import open_log

order_placed = Signal()
order_paid = Signal()
HERE = f"{__name__}.order_placed"


class Order:
    """A sender."""


def send_receipt(**kwargs):
    """A receiver."""


def thank(**kwargs):
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
    return {one for _, _, data in graph.edges(data=True) for one in data.get("connections", ())}


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


def test_every_format_can_be_written(tmp_path):
    """By the suffix of the output, and each is what its name says."""
    starts = {
        "csv": b"kind,sender,", "dot": b"digraph ", "graphml": b"<?xml", "json": b"{", "md": b"# Signals of dashboard",
        "mmd": b"---\ntitle:", "png": b"\x89PNG\r\n", "svg": b"<?xml",
    }  # fmt: skip
    for suffix, start in starts.items():
        path = tmp_path / f"wiring.{suffix}"
        assert export("--output", str(path)) == ""
        assert path.read_bytes().startswith(start)


def test_short_names_are_understood():
    """A focus on a model, a path between a signal and a receiver, as people say them."""
    mine = f"connection:{__name__}.Order|{HERE}|{__name__}.send_receipt"
    assert connections(export("--format", "json", "--view", "focus", "--select", HERE)) == {mine}
    assert connections(
        export("--format", "json", "--view", "focus", "--select", f"receiver:{__name__}.send_receipt")
    ) == {mine}
    path = ("--view", "path", "--select", f"{__name__}.Order", "--to", f"{__name__}.send_receipt")
    assert connections(export("--format", "json", *path)) == {mine}


def test_a_view_is_chosen_with_its_options():
    """Depth, direction, apps to open and the measure reach the graph as they were given."""
    options = ("--view", "apps", "--open", "shop", "--open", "library", "--color", "errors", "--depth", "1")
    ask = json.loads(export("--format", "json", *options, "--direction", "up"))["graph"]["ask"]
    assert ask == {
        "view": "apps", "open": ["shop", "library"], "measure": "errors", "depth": 1, "direction": "up",
        "selection": "", "target": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--view", "focsu"), r"--view is 'focsu'; did you mean 'focus'\?"),
        (("--direction", "left"), r"--direction is 'left'; use one of: down, up, both"),
        (("--color", "calles"), r"--color is 'calles'; did you mean 'calls'\?"),
        (("--depth", "-1"), r"--depth is -1; it takes a number from 0 to 9"),
        (("--depth", "99"), r"--depth is 99; it takes a number from 0 to 9"),
        (("--view", "focus"), r"A focus needs what it is about \(--select"),
        (("--view", "path", "--select", HERE), r"A path needs both ends: .*--to"),
        (
            ("--view", "focus", "--select", "order_plased"),
            r"'order_plased' is no .*did you mean .*signal:.*order_placed",
        ),
        (("--view", "focus", "--select", "order_placed"), r"'order_placed' can mean .*; write the whole id"),
        (("--view", "apps", "--open", "shopp"), r"'shopp' to open; did you mean 'shop'\? use one of: [a-z_, ]+\.$"),
        (("--filter", "app:shop and ("), r"app:shop and \(\n +\^"),
    ],
)
def test_what_makes_no_sense_is_told(arguments, said):
    """Which option, which value, and what was probably meant."""
    with pytest.raises(CommandError, match=said):
        export(*arguments)


def test_equal_wirings_give_equal_files():
    """Without the time, two exports are the same to the byte."""
    for name in ("svg", "dot", "mermaid", "graphml", "json", "csv", "markdown"):
        assert export("--format", name, "--as-of", "") == export("--format", name, "--as-of", "")
    assert "UTC" not in export("--format", "markdown", "--as-of", "")
    assert "as of today" in export("--format", "csv", "--as-of", "as of today")


def test_a_png_is_not_put_into_a_text(tmp_path):
    """What can't hold bytes gets an error, and no broken text."""
    with pytest.raises(CommandError, match="name a file with --output"):
        export("--format", "png")


def test_the_causes_of_a_log_are_followed(tmp_path):
    """With --log a focus goes on with what the receiver dispatched; without, it ends there."""
    url = f"sqlite://{tmp_path / 'log.sqlite3'}"
    names_in_log = {"signals": [HERE, f"{__name__}.order_paid"], "senders": [f"{__name__}.Order"]}
    receivers = [f"{__name__}.send_receipt", f"{__name__}.thank"]
    inner = dispatch(2, parent=span(1) + 1, trace=span(1), signal=1, calls=[call(1)])
    log = open_log(url, writer=True)
    log.append(batch([inner, dispatch(1)], **names_in_log, receivers=receivers, connections=[(0, 0, 0), (1, 0, 1)]))
    log.close()
    order_paid.connect(thank, sender=Order)
    try:
        focus = ("--view", "focus", "--select", f"{__name__}.send_receipt", "--format", "json")
        alone, followed = (connections(export(*focus, *more)) for more in ((), ("--log", url)))
    finally:
        order_paid.disconnect(thank, sender=Order)
    assert len(alone) == 1
    assert followed - alone == {f"connection:{__name__}.Order|{__name__}.order_paid|{__name__}.thank"}


def test_without_a_log_nothing_is_claimed_of_what_was_seen(tmp_path):
    """A path that needs causes is refused; a focus says, on stderr and in the file, that what follows isn't known."""
    order_paid.connect(thank, sender=Order)
    path, focus = tmp_path / "path.svg", tmp_path / "focus.svg"
    try:
        with pytest.raises(CommandError, match=r"The wiring alone .* No log was read.* add --log\.$") as refused:
            export("--view", "path", "--select", HERE, "--to", f"{__name__}.thank", "--output", str(path))
        said = io.StringIO()
        options = ("--view", "focus", "--select", f"{__name__}.send_receipt", "--output", str(focus))
        call_command("signalgraph", "export", *options, stderr=said)
    finally:
        order_paid.disconnect(thank, sender=Order)
    assert "was seen doing" not in str(refused.value)
    assert not path.exists()
    unknown = "No log was read, so what receivers set off isn't known"
    assert f"{unknown}. --log adds what was seen." in said.getvalue()
    shown = [
        element.text or "" for element in ET.fromstring(focus.read_bytes()).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert any(unknown in one for one in shown)


def test_a_log_that_is_not_there_is_not_created(tmp_path):
    """The message says where it was looked for and what to do."""
    path = tmp_path / "log.sqlite3"
    with pytest.raises(CommandError, match=f"no log at {path} yet"):
        export("--log", f"sqlite://{path}")
    assert not path.exists()


def test_a_log_of_another_kind_is_an_error():
    """The option is named, not the setting, which is fine; and what is to be written."""
    for given in ("ftp://there", "foo", "sqlite://foo.sqlite3"):
        with pytest.raises(CommandError, match=f"^--log is '{given}'; give .* sqlite:///absolute/path"):
            export("--log", given)


def test_a_filter_that_matches_nothing_is_said(tmp_path):
    """An empty picture could be a mistake in the filter; what was written is said too."""
    said = io.StringIO()
    path = tmp_path / "wiring.svg"
    call_command("signalgraph", "export", "--filter", "app:shopp", "--output", str(path), stderr=said)
    assert "app:shopp" in said.getvalue()
    assert f"{path}: 0 of " in said.getvalue()
