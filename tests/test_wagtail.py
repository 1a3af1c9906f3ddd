"""A Wagtail site as `wagtail start` makes it, and the two lines that mount signalgraph."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fresh_site import FreshSite, get

pytestmark = pytest.mark.sites

ARRIVES_WITHIN_S = 20

# Written from scratch: what a plain look at the collector's objects finds, with nothing of signalgraph.
SCAN = """
import gc, json, weakref
from django.dispatch import Signal
from django.urls import get_resolver
get_resolver().url_patterns
gc.collect()
signals = [o for o in gc.get_objects() if issubclass(type(o), Signal)]
rows = [row for signal in signals for row in signal.receivers]
alive = [row for row in rows if not (isinstance(row[1], weakref.ReferenceType) and row[1]() is None)]
print(json.dumps({"signals": len(signals), "connections": len(alive)}))
"""


def test_every_signal_and_connection_of_a_scan_is_listed(wagtail: FreshSite) -> None:
    """The registry finds what is there: the counts of an independent scan are those of the list."""
    scanned = json.loads(wagtail.manage("shell", "-v", "0", "-c", SCAN))
    inventory = json.loads(wagtail.manage("signalgraph", "list", "--json"))
    assert len(inventory["signals"]) == scanned["signals"]
    assert len(inventory["connections"]) == scanned["connections"]


def test_no_name_in_the_list_is_an_address_or_unknown(wagtail: FreshSite) -> None:
    """Every sender and receiver of Wagtail has a name that a person can look up."""
    inventory = json.loads(wagtail.manage("signalgraph", "list", "--json"))
    names = [c[part] for c in inventory["connections"] for part in ("signal", "sender", "receiver")]
    assert [name for name in names if " at 0x" in name or "unknown" in name or "unnamed" in name] == []


def test_the_wiring_is_one_picture_with_every_connection(wagtail: FreshSite, tmp_path: Path) -> None:
    """`export` draws every signal and receiver, and its lines carry every connection and no other."""
    path = tmp_path / "wiring.svg"
    wagtail.manage("signalgraph", "export", "--format", "svg", "--all", "--output", str(path))
    root = ET.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    ids = {node.get("id") for node in root.iter()}
    inventory = json.loads(wagtail.manage("signalgraph", "list", "--json"))
    assert {f"signal:{row['signal']}" for row in inventory["connections"]} <= ids
    assert {f"receiver:{row['receiver']}" for row in inventory["connections"]} <= ids
    graph = json.loads(wagtail.manage("signalgraph", "export", "--format", "json", "--all"))
    ports = {node["id"] for node in graph["nodes"] if node["kind"] == "port"}
    lines = [line for line in graph["edges"] if line["source"] in ports]
    drawn = sorted(connection for line in lines for connection in line["connections"])
    rows = {f"connection:{row['sender']}|{row['signal']}|{row['receiver']}" for row in inventory["connections"]}
    assert drawn == sorted(rows)


def test_the_apps_are_one_picture_with_every_connection_once(wagtail: FreshSite, tmp_path: Path) -> None:
    """No connection is missing, none is there twice, and none that Wagtail doesn't have; closed and opened."""
    assert_apps_tell_all(wagtail.manage, tmp_path, "wagtailcore")


def assert_apps_tell_all(manage: Callable[..., str], folder: Path, app: str) -> None:
    """The apps view, closed and with one app opened, holds exactly the project's connections, each in one place."""
    inventory = json.loads(manage("signalgraph", "list", "--json"))
    wired = sorted(
        {f"connection:{row['sender']}|{row['signal']}|{row['receiver']}" for row in inventory["connections"]}
    )
    for opened in ([], ["--open", app]):
        asked = ["signalgraph", "export", "--view", "apps", "--all", *opened]
        graph = json.loads(manage(*asked, "--format", "json"))
        kinds = {node["id"]: node["kind"] for node in graph["nodes"]}
        told = [one for line in graph["edges"] if kinds[line["target"]] != "port" for one in line["connections"]]
        told += [one for node in graph["nodes"] for ids in node.get("badges", {}).values() for one in ids]
        assert sorted(told) == wired
        path = folder / f"apps{len(opened)}.svg"
        manage(*asked, "--format", "svg", "--output", str(path))
        ids = {node.get("id") for node in ET.parse(path).getroot().iter()}
        assert {node for node, kind in kinds.items() if kind == "app"} <= ids
        assert_no_false_path(graph, wired)


def assert_no_false_path(graph: dict[str, Any], wired: list[str]) -> None:
    """What leads from the left of a port to its right is a connection for each pair of ends."""
    names = {node["id"]: node for node in graph["nodes"]}
    for port in (node for node in graph["nodes"] if node["kind"] == "port"):
        into = [set(line["connections"]) for line in graph["edges"] if line["target"] == port["id"]]
        out = [line for line in graph["edges"] if line["source"] == port["id"]]
        for line in out:
            assert set(line["connections"]) <= set(wired)
            assert all(one.split("|")[1] == port["signal"] for one in line["connections"])
            assert names[line["target"]]["kind"] in {"receiver", "app"}
            assert all(side & set(line["connections"]) for side in into)


def test_two_lines_mount_it(wagtail: FreshSite) -> None:
    """The page opens and shows the dispatches of Wagtail's own pages, by polling."""
    with wagtail.serving("manage.py", "runserver", "--noreload", "localhost:{port}") as port:
        assert get(port, "/signals/")[0] == 200
        _, body = get(port, "/signals/events.json")
        assert get(port, "/")[0] == 200
        cursor, seen = json.loads(body)["cursor"], set[str]()
        deadline = time.monotonic() + ARRIVES_WITHIN_S
        while "django.core.signals.request_finished" not in seen and time.monotonic() < deadline:
            _, body = get(port, f"/signals/events.json?after={cursor}")
            frame = json.loads(body)
            cursor = frame["cursor"]
            seen |= {dispatch["signal"].removeprefix("signal:") for dispatch in frame["dispatches"]}
        assert "django.core.signals.request_started" in seen
        assert get(port, "/signals/graph/")[0] == 200
