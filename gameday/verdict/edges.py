"""Where it broke: the edge of the service graph whose fault rate rose most, and how the graph differs from the map.

Two windows are compared, before the fault and while it was there. X-Ray shows a sample of the traces, so this names a
place and judges nothing. An edge that one of the windows does not show has no rise: unknown is not zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gameday.clock import Ms, iso
from gameday.journal.events import Event
from gameday.plan import Mapped

BASELINE, FAULT = "baseline", "fault"
LEAST_RISE, LEAST_FAULTS = 0.05, 3  # less may be a stray failure or two
AS_LARGE = 0.10  # rises this close to the largest are one and the same failure, seen from each caller in turn
Pair = tuple[str, str]


@dataclass(frozen=True)
class Graph:
    """What was seen in one window: calls and faults by edge."""

    start_ms: Ms
    end_ms: Ms
    seq: int
    edges: Mapping[Pair, tuple[int, int]]


def graph_seen(event: Event) -> tuple[str, Graph]:
    """The window's name and its graph; KeyError, TypeError or ValueError when the event holds none."""
    what, edges = event.what, dict[Pair, tuple[int, int]]()
    for edge in what["edges"]:
        source, target, total, faults = edge["from"], edge["to"], edge["total"], edge["faults"]
        if not (isinstance(source, str) and isinstance(target, str) and _count(total) and _count(faults)):
            raise ValueError("an edge leads from a name to a name and counts calls")
        edges[source, target] = (total, faults)
    return str(what["window"]), Graph(what["from_ms"], what["to_ms"], event.seq, edges)


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def where_it_broke(graphs: Mapping[str, Graph], service_map: Iterable[Mapped]) -> dict[str, Any] | None:
    """What verdict.json says of the graph; None when none was seen."""
    if not graphs:
        return None
    rows = [_row(pair, graphs.get(BASELINE), graphs.get(FAULT)) for pair in _pairs(graphs)]
    rows.sort(key=lambda row: (-(row["rise"] if row["rise"] is not None else -2.0), row["from"], row["to"]))
    return {
        "windows": {name: _window(graph) for name, graph in sorted(graphs.items())},
        "broken": _broken(rows),
        "edges": rows,
        **_drift(graphs, tuple(service_map)),
        "evidence": [f"event:{graph.seq}" for _, graph in sorted(graphs.items())],
    }


def _pairs(graphs: Mapping[str, Graph]) -> list[Pair]:
    return sorted({pair for graph in graphs.values() for pair in graph.edges})


def _window(graph: Graph) -> dict[str, str]:
    return {"from": iso(graph.start_ms), "to": iso(graph.end_ms)}


def _row(pair: Pair, before: Graph | None, broken: Graph | None) -> dict[str, Any]:
    rates = [_rate(graph, pair) for graph in (before, broken)]
    known = [rate for rate in rates if rate is not None]
    return {
        "from": pair[0],
        "to": pair[1],
        "before": _told(before, pair),
        "during": _told(broken, pair),
        "rise": round(known[1] - known[0], 6) if len(known) == 2 else None,
    }


def _told(graph: Graph | None, pair: Pair) -> dict[str, int] | None:
    if graph is None or pair not in graph.edges:
        return None
    total, faults = graph.edges[pair]
    return {"total": total, "faults": faults}


def _rate(graph: Graph | None, pair: Pair) -> float | None:
    total, faults = graph.edges.get(pair, (0, 0)) if graph else (0, 0)
    return faults / total if total else None


def _broken(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Of the edges that rose most, the one that lies furthest on: what calls it fails because of it."""
    risen = [row for row in rows if (row["rise"] or 0) >= LEAST_RISE and row["during"]["faults"] >= LEAST_FAULTS]
    if not risen:
        return None
    largest = [row for row in risen if row["rise"] >= risen[0]["rise"] - AS_LARGE]
    sources = {row["from"] for row in largest}
    last = [row for row in largest if row["to"] not in sources] or largest
    return max(last, key=lambda row: (row["during"]["faults"], row["rise"], row["from"], row["to"]))


def _drift(graphs: Mapping[str, Graph], service_map: tuple[Mapped, ...]) -> dict[str, list[Pair]]:
    """Needs of the map that no trace showed, and calls that the map does not hold."""
    ids = {name: mapped.id for mapped in service_map for name in (mapped.id, *mapped.names)}
    seen = {(ids.get(a, a), ids.get(b, b)) for a, b in _pairs(graphs)}
    needed = {(mapped.id, need) for mapped in service_map for need in mapped.needs}
    return {"not_seen": sorted(needed - seen), "not_on_map": sorted(seen - needed)}
