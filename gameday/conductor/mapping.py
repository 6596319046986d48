"""Mapping: the service graph before the fault and while it was there, read once each, for the report alone.

It is asked for only where the plan watches a source that has a graph. It waits until the traces have settled. What was
injected is taken back meanwhile as ever; only the last word of a day, an aborted one too, waits for the graph of its
faults, and not for long. What fails is journalled and tried again a few times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from gameday.clock import Ms
from gameday.conductor.sampling import Source
from gameday.journal.events import Draft
from gameday.journal.state import State
from gameday.protocols import Graph, GraphEdge, GraphNode, ServiceGraph, Window
from gameday.verdict.edges import BASELINE, FAULT

MOST_TRIES = 4
MOST_TOLD = 500  # nodes, and as many edges
AWAITED_WALL_MS = 15_000  # how long after the traces have settled a run that is over waits for its graph, at most
Work = Callable[[], list[Draft]]


class Mapping:
    """What is still to be read of the graph."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources  # not a copy: a run whose world is gone has none any more

    def _find(self) -> tuple[Graph | None, Ms]:
        """The observer that has a graph, and when what it shows has settled."""
        found = [(s, s.observer) for s in self._sources if isinstance(s.observer, Graph)]
        settles = max((signal.settles_ms for s, _ in found for signal in s.signals), default=0)
        return (found[0][1] if found else None), settles

    def due(self, state: State, now: Ms) -> Iterator[tuple[str, Work]]:
        """Effects to run now: a key and its work."""
        observer, settles = self._find()
        if observer is None:
            return
        for name, window in windows(state):
            if _unread(state, name) and now >= window.end_ms + settles:
                yield f"graph:{name}", lambda n=name, w=window: [seen(n, w, observer.graph(w))]  # type: ignore[misc]  # mypy infers no lambda with defaults

    def awaited(self, state: State, now: Ms) -> bool:
        """Whether a run that could end now has to wait: its faults have a graph that nobody has read yet. Nothing is
        broken any more then. A window that ended while nobody conducted is waited for from the take-over on."""
        observer, settles = self._find()
        found = dict(windows(state)) if observer else {}
        wall = round(AWAITED_WALL_MS * state.speed)
        return FAULT in found and any(
            _unread(state, name) and now < max(window.end_ms + settles, state.claimed_ms) + wall
            for name, window in found.items()
        )

    @staticmethod
    def failed(name: str, error: BaseException) -> list[Draft]:
        """It could not be read."""
        return [Draft("graph.failed", {"window": name, "error": f"{type(error).__name__}: {error}"[:500]})]


def _unread(state: State, window: str) -> bool:
    tries = state.graphs.get(window, [])
    return True not in tries and len(tries) < MOST_TRIES


def windows(state: State) -> Iterator[tuple[str, Window]]:
    """The windows that have ended: the baseline, once the timeline has begun; the fault's, once all faults have."""
    began, go = state.phase_ms.get("baseline"), state.t_go
    if began is not None and go is not None and began < go and state.phase not in ("baseline", "preflight"):
        yield BASELINE, Window(began, go)
    faults = [fault for fault in state.faults.values() if fault.accepted_ms is not None]
    ends = [fault.ended_ms for fault in faults if fault.ended_ms is not None]
    if state.phase not in ("restore", "verify") or not faults or len(ends) < len(faults):
        return
    start = min(fault.requested_ms if fault.t0_ms is None else fault.t0_ms for fault in faults)
    if start < max(ends):
        yield FAULT, Window(start, max(ends))


def seen(name: str, window: Window, graph: object) -> Draft:
    """graph.seen; TypeError when what an observer gave is no graph."""
    if not isinstance(graph, ServiceGraph):
        raise TypeError(f"an observer answered with {type(graph).__name__}, which is no service graph")
    nodes, edges = graph.nodes[:MOST_TOLD], graph.edges[:MOST_TOLD]
    what: dict[str, Any] = {
        "window": name,
        "from_ms": window.start_ms,
        "to_ms": window.end_ms,
        "nodes": [_node(node) for node in nodes],
        "edges": [_edge(edge) for edge in edges],
        "left_out": len(graph.nodes) - len(nodes) + len(graph.edges) - len(edges),
    }
    return Draft("graph.seen", what)


def _node(node: GraphNode) -> dict[str, Any]:
    return {"name": node.name, **asdict(node.tally)}


def _edge(edge: GraphEdge) -> dict[str, Any]:
    return {"from": edge.source, "to": edge.target, **asdict(edge.tally)}
