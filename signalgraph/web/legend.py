"""What the signs of a drawing mean: only those that are in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signalgraph.graph.figures import HEADS

if TYPE_CHECKING:
    import networkx as nx


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
    is_wiring = graph.graph["view"] == "wiring"
    causes = bool(graph.graph.get("causes")) or any(data.get("kind") == "cause" for data in lines)
    figures = [data["figures"] for data in receivers if "figures" in data]
    signs = [
        (True, Sign("app", "app") if kinds == {"app"} else Sign("sender", "sender")),
        ("port" in kinds, Sign("signal, ports" if is_wiring else "signal, sent by one sender", "signal")),
        ("receiver" in kinds, Sign("receiver", "receiver")),
        (any(data.get("is_async") for data in receivers), Sign("async", "async")),
        (causes, Sign("caused", line="cause")),
        (any(data.get("back") for data in lines), Sign("closes a cycle", line="cause back")),
        (any(data.get("observed") is False for data in receivers), Sign("connected, not seen", line="edge unseen")),
        (
            any(not data.get("can_fire", True) for data in lines),
            Sign("cannot fire: its sender sends nothing, or the receiver is gone", line="edge stuck"),
        ),
        (any(one.errors for one in figures), Sign("error", "error")),
        (any(one.slow for one in figures), Sign("slow", "slow")),
        (any(data.get("also") for _, data in graph.nodes(data=True)), Sign("runs too", code="+1 any", is_minor=True)),
    ]
    return [sign for is_there, sign in signs if is_there]


def measure_words(graph: nx.DiGraph[str]) -> str:
    """The unit of the numbers, as over the receivers."""
    measure = graph.graph.get("measure")
    return HEADS[measure][1] if measure else ""
