"""SVG files as pictures: librsvg draws them, as PNG too, and what they show is what the graph holds."""

from __future__ import annotations

import struct
import subprocess
import xml.etree.ElementTree as ET
import zlib
from collections import Counter

import pytest
from programs import run_program
from test_exports import ASKS, ROWS, STEPS, each_view, export, triples, view

from signalgraph.exports import png
from signalgraph.exports.files import ExportError

NS = {"s": "http://www.w3.org/2000/svg"}


def size_of(drawn: bytes) -> tuple[int, int]:
    """Width and height from the header of a PNG."""
    assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", drawn[16:24])


def colours_in(drawn: bytes) -> int:
    """How many different bytes the image data has, unpacked: an empty picture has next to none."""
    data, at = b"", 8
    while at < len(drawn):
        (length,) = struct.unpack(">I", drawn[at : at + 4])
        if drawn[at + 4 : at + 8] == b"IDAT":
            data += drawn[at + 8 : at + 8 + length]
        at += 12 + length
    return len(set(zlib.decompress(data)))


@each_view
def test_librsvg_draws_every_view(ask):
    """Without a word of complaint, in the size of the view box."""
    svg = export("svg", view(ask))
    drawn = run_program("rsvg-convert", "--format", "png", stdin=svg)
    _, _, width, height = map(int, ET.fromstring(svg.encode()).get("viewBox").split())
    assert size_of(drawn) == (width, height)
    assert colours_in(drawn) > 50


def test_a_png_has_two_pixels_for_each_unit():
    """Sharp on today's screens; the scale can be chosen."""
    svg = export("svg", view())
    _, _, width, height = map(int, ET.fromstring(svg.encode()).get("viewBox").split())
    assert size_of(png.render(svg)) == (2 * width, 2 * height)
    assert size_of(png.render(svg, scale=1)) == (width, height)


def test_without_the_program_the_error_says_how_to_get_it(monkeypatch, tmp_path):
    """And what can be had without it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ExportError, match=r"rsvg-convert, which is not on PATH.*apt-get install librsvg2-bin.*export svg"
    ):
        png.render("<svg/>")


def test_what_the_program_says_is_told():
    """Text that is no SVG gives no PNG and no traceback."""
    with pytest.raises(ExportError, match=r"made no PNG: .*Export svg instead"):
        png.render("no picture")


def test_a_program_that_never_ends_is_ended(monkeypatch, tmp_path):
    """The export ends with an error."""
    slow = tmp_path / "rsvg-convert"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(png, "WITHIN_S", 0.2)
    with pytest.raises(ExportError, match=r"made no PNG: .*timed out") as raised:
        png.render("<svg/>")
    assert isinstance(raised.value.__cause__, subprocess.TimeoutExpired)


class Seen:
    """The boxes and lines of an SVG file of the wiring, by where they are: all that a reader has."""

    def __init__(self, svg: str) -> None:
        root = ET.fromstring(svg.encode()).find("s:g[@transform]", NS)  # beside it stand the heading and the legend
        self.boxes: dict[str, tuple[float, float, float, float]] = {}
        for group in root.iterfind(".//s:g[@data-kind]", NS):
            if group.get("data-kind") in ("sender", "receiver"):
                self.boxes[group.get("id")] = self._rectangle(group.find("s:rect[@class='box']", NS))
            elif group.get("data-kind") == "signal":
                self._add_rows(group)
        self.lines = [
            self._ends(path.get("d")) for path in root.iterfind(".//s:path", NS) if "edge" in self._classes(path)
        ]

    def _add_rows(self, group: ET.Element) -> None:
        """A port reaches from its rule to the next one, or to the end of the box."""
        x, _, width, height = self._rectangle(group.find("s:rect[@class='box']", NS))
        end = self._rectangle(group.find("s:rect[@class='box']", NS))[1] + height
        ports = group.findall("s:g[@data-kind='port']", NS)
        tops = [float(port.find("s:path[@class='rule']", NS).get("d")[1:].split("h")[0].split()[1]) for port in ports]
        for port, top, below in zip(ports, tops, [*tops[1:], end], strict=True):
            self.boxes[port.get("id")] = (x, top, width, below - top)

    @staticmethod
    def _classes(element: ET.Element) -> list[str]:
        return element.get("class", "").split()

    @staticmethod
    def _rectangle(element: ET.Element) -> tuple[float, float, float, float]:
        x, y, width, height = (float(element.get(name)) for name in ("x", "y", "width", "height"))
        return x, y, width, height

    @staticmethod
    def _ends(d: str) -> tuple[tuple[float, float], tuple[float, float]]:
        start, _, rest = d[1:].partition("C")
        numbers = [float(one) for one in (start + " " + rest).split()]
        return (numbers[0], numbers[1]), (numbers[-2], numbers[-1])

    def at(self, point: tuple[float, float], *, right: bool) -> str:
        """The one box on whose side a line ends."""
        x, y = point
        found = [
            node
            for node, (left, top, width, height) in self.boxes.items()
            if abs(x - (left + width if right else left)) <= 4 and top - 0.5 <= y <= top + height + 0.5
        ]
        assert len(found) == 1, (point, found)
        return found[0]


def test_the_lines_of_the_picture_are_the_connections():
    """Followed with a finger from box to box, each way is a connection, and each connection has its way."""
    seen = Seen(export("svg", view()))
    solid = Counter((seen.at(start, right=True), seen.at(end, right=False)) for start, end in seen.lines)
    graph = view(ASKS[0])
    assert set(solid) == {(u, v) for u, v, data in graph.edges(data=True) if data["kind"] == "connection"}
    ways = {
        (
            sender.removeprefix("sender:"),
            port.removeprefix("port:").partition("|")[0],
            receiver.removeprefix("receiver:"),
        )
        for sender, port in solid
        for start, receiver in solid
        if start == port
    }
    assert ways == {triple for triple in triples(ROWS) if triple[0] != "*"}


def test_the_causes_of_the_picture_are_those_of_the_log():
    """At rest each receiver that set something off says so in words, with the count."""
    root = ET.fromstring(export("svg", view()).encode())
    said = " ".join("".join(stub.itertext()) for stub in root.iterfind(".//s:g[@class='stub']", NS))
    assert len(root.findall(".//s:g[@class='stub']", NS)) == len(STEPS)
    for count in STEPS.values():
        assert f"{count} times" in said or f"{count}" in said.split()
