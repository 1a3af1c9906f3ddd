"""The graphs of this project for NetworkX: what is connected in this process, and what a log has seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx

    from signalgraph.graph.material import Material


def wiring(query: str = "", *, log: str | None = None, everything: bool = True) -> nx.DiGraph[str]:
    """What is connected: sender -> port -> receiver, every path a real connection.

    Parameters
    ----------
    query : a filter as on the pages; only the connections that it leaves.
    log : the URL of a log, "" for the project's own; its figures and causes come with the graph. None for none.
    everything : with the framework's own plumbing.

    Returns
    -------
    The graph that `signalgraph.graph.build.build_wiring` describes; docs/graph.md lists its attributes.

    Raises
    ------
    QueryError, LogError, SettingsError
        A filter, log or setting that can't be read.
    """
    from signalgraph.graph.views import Ask, build_view

    return build_view(_material(query, log, everything=everything), Ask(measure="calls"))


def flow(query: str = "", *, log: str | None = "", everything: bool = True) -> nx.DiGraph[str]:
    """What sets off what: a node is a connection with the sender that it handled, an edge a cause that was seen.

    ``networkx.descendants(flow(), node)`` is what a node was seen to set off. Parameters and errors are those of
    `wiring`; by default the project's own log is read. Nothing of a cycle or a chain is left out, whatever its length.

    Returns
    -------
    The graph that `signalgraph.graph.flow.build_flow` describes.
    """
    from signalgraph.graph.flow import flow_of

    return flow_of(_material(query, log, everything=everything))


def _material(query: str, log: str | None, *, everything: bool) -> Material:
    from signalgraph.management.material import material_from_registry

    return material_from_registry(query=query, everything=everything, log=log)
