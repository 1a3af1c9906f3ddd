"""An SVG as PNG, drawn by librsvg's `rsvg-convert`."""

from __future__ import annotations

import shutil
import subprocess

from signalgraph.exports.files import ExportError

TOOL = "rsvg-convert"
INSTALL = (
    "Install it (Debian: apt-get install librsvg2-bin; macOS: brew install librsvg; Fedora: dnf install "
    "librsvg2-tools), or export svg, which every browser shows."
)
MOST_PX = 32_767  # what a cairo surface can be wide or high
WITHIN_S = 120


def render(svg: str, *, scale: float = 2.0) -> bytes:
    """A PNG of an SVG file in its light theme; `scale` is pixels per unit of its view box.

    Raises `ExportError` where `rsvg-convert` isn't on PATH, or says what it can't do.
    """
    tool = shutil.which(TOOL)
    if tool is None:
        raise ExportError(f"PNG is drawn by {TOOL}, which is not on PATH. {INSTALL}")
    command = [tool, "--format", "png", "--zoom", f"{scale:g}", "--unlimited"]
    try:
        done = subprocess.run(command, input=svg.encode(), capture_output=True, timeout=WITHIN_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"{tool} made no PNG: {error}. Export svg instead.") from error
    if done.returncode or not done.stdout.startswith(b"\x89PNG"):
        said = done.stderr.decode(errors="replace").strip() or f"it ended with {done.returncode}"
        raise ExportError(f"{tool} made no PNG: {said}. Export svg instead, or less of the graph with --filter.")
    return done.stdout
