"""What the signs of a drawing mean: only those that are in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signalgraph.graph.figures import HEADS

if TYPE_CHECKING:
    import networkx as nx


MOST_REASONS = 2


@dataclass(frozen=True)
class Sign:
    """A glyph, a line (by its classes in the drawing) or a word in code, and what it means."""

    text: str
    glyph: str = ""
    line: str = ""
    code: str = ""
    is_minor: bool = False  # left out where there is little room


def read_legend(graph: nx.DiGraph[str]) -> list[Sign]:
    """The signs of a view, in the order in which a reader meets them."""
    kinds = {data["kind"] for _, data in graph.nodes(data=True)}
    receivers = [data for _, data in graph.nodes(data=True) if data["kind"] == "receiver"]
    lines = [data for *_, data in graph.edges(data=True)]
    view = graph.graph["view"]
    causes = (
        graph.graph.get("causes") or graph.graph.get("app_causes") or "cause" in {each.get("kind") for each in lines}
    )
    boxes = [data for _, data in graph.nodes(data=True) if data["kind"] in ("receiver", "app")]
    figures = [data["figures"] for data in boxes if "figures" in data]
    stuck = sorted({data["why"] for data in lines if not data.get("can_fire", True)})
    signs = [
        ("app" in kinds, Sign("app; click to open it", "app")),
        ("sender" in kinds, Sign("sender", "sender")),
        (
            "port" in kinds,
            Sign("signal, sent by one sender" if view in ("focus", "path") else "signal, ports", "signal"),
        ),
        ("receiver" in kinds, Sign("receiver", "receiver")),
        (any(data.get("is_async") for data in receivers), Sign("async", "async")),
        (bool(causes), Sign("caused", line="cause")),
        (any(data.get("back") for data in lines), Sign("closes a cycle", line="cause back")),
        (any(data.get("observed") is False for data in lines), Sign("connected, not seen", line="edge unseen")),
        (bool(stuck), Sign(f"can't fire: {'; '.join(stuck[:MOST_REASONS])}", "stop")),
        (any(one.errors for one in figures), Sign("error", "error")),
        (any(one.slow for one in figures), Sign("slow", "slow")),
        (any(data.get("also") for _, data in graph.nodes(data=True)), Sign("runs too", code="+1 any", is_minor=True)),
    ]
    return [sign for is_there, sign in signs if is_there]


def measure_words(graph: nx.DiGraph[str]) -> str:
    """The unit of the numbers, as over the receivers."""
    measure = graph.graph.get("measure")
    return HEADS[measure][1] if measure else ""
