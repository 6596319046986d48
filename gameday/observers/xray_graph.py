"""What GetServiceGraph answered, by name: pure, from pages of services to figures of nodes and edges.

Nodes of the type ``client`` bear the name of the service that they call, and have no figures of their own: they are
left out. Lambda has two nodes of one name (AWS::Lambda and AWS::Lambda::Function); a query that gives no type means the
one with more requests, so that none is counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gameday.protocols import GraphEdge, GraphNode, ServiceGraph, Tally

CLIENT = "client"
Name = tuple[str, str | None]


@dataclass
class Figures:
    """The summary statistics of a node or an edge, and its histogram of response times in seconds."""

    ok: int = 0
    errors: int = 0  # 4xx, throttles apart
    throttles: int = 0
    faults: int = 0  # 5xx
    total: int = 0
    seconds: float = 0.0
    histogram: Counter[float] = field(default_factory=Counter)

    def add(self, told: Mapping[str, Any]) -> None:
        """Take in what a service or an edge says."""
        summary = told.get("SummaryStatistics") or {}
        wrong = summary.get("ErrorStatistics") or {}
        self.ok += summary.get("OkCount") or 0
        self.errors += wrong.get("OtherCount") or 0
        self.throttles += wrong.get("ThrottleCount") or 0
        self.faults += (summary.get("FaultStatistics") or {}).get("TotalCount") or 0
        self.total += summary.get("TotalCount") or 0
        self.seconds += summary.get("TotalResponseTime") or 0.0
        for entry in told.get("ResponseTimeHistogram") or ():
            self.histogram[entry["Value"]] += entry["Count"]

    def join(self, other: Figures) -> None:
        """Take in another's."""
        self.ok += other.ok
        self.errors += other.errors
        self.throttles += other.throttles
        self.faults += other.faults
        self.total += other.total
        self.seconds += other.seconds
        self.histogram.update(other.histogram)

    @property
    def tally(self) -> Tally:
        """Without the histogram."""
        return Tally(self.total, self.ok, self.errors, self.throttles, self.faults, self.seconds)


@dataclass
class Seen:
    """A graph by name and type."""

    nodes: dict[Name, Figures] = field(default_factory=dict)
    edges: dict[tuple[Name, Name], Figures] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.nodes)

    def node(self, name: str, kind: str | None) -> Figures | None:
        """The node of this name, and type where one is given; None when it is not in the graph."""
        found = [f for (n, k), f in self.nodes.items() if n == name and kind in (None, k)]
        return max(found, key=lambda figures: figures.total, default=None)

    def edge(self, source: str, target: str) -> Figures | None:
        """All edges between nodes of these names; None when there is none."""
        found = [f for (a, b), f in self.edges.items() if (a[0], b[0]) == (source, target)]
        if not found:
            return None
        whole = Figures()
        for figures in found:
            whole.join(figures)
        return whole


def merged(parts: Sequence[Sequence[Mapping[str, Any]]]) -> Seen:
    """The services of consecutive windows as one graph. Reference ids hold within one window only."""
    seen = Seen()
    for services in parts:
        names = {s["ReferenceId"]: (str(s.get("Name") or ""), s.get("Type")) for s in services}
        for service in services:
            name = names[service["ReferenceId"]]
            if name[1] == CLIENT:
                continue
            seen.nodes.setdefault(name, Figures()).add(service)
            for edge in service.get("Edges") or ():
                if edge["ReferenceId"] in names:
                    seen.edges.setdefault((name, names[edge["ReferenceId"]]), Figures()).add(edge)
    return seen


def figure(figures: Figures, statistic: str) -> float | None:
    """One statistic; None where it has no meaning, such as a rate of no requests."""
    if statistic == "fault_rate":
        return figures.faults / figures.total if figures.total else None
    if statistic.endswith("_ms"):
        return percentile(figures.histogram, float(statistic[1:-3]))
    found: int = getattr(figures, statistic)
    return float(found)


def percentile(histogram: Mapping[float, int], percent: float) -> float | None:
    """Nearest rank over the histogram, in milliseconds: as exact as X-Ray's own rounding; None when it is empty."""
    rank, seen = percent / 100 * sum(histogram.values()), 0
    for value, count in sorted(histogram.items()):
        seen += count
        if seen >= rank - 1e-9:
            return value * 1000
    return None


def service_graph(seen: Seen) -> ServiceGraph:
    """By name alone, in order: nodes of one name are one, and no edge leads from a name to itself."""
    names = sorted({name for name, _ in seen.nodes})
    nodes = [(name, seen.node(name, None)) for name in names]
    pairs = sorted({(a[0], b[0]) for a, b in seen.edges if a[0] != b[0]})
    edges = [(a, b, seen.edge(a, b)) for a, b in pairs]
    return ServiceGraph(
        tuple(GraphNode(name, figures.tally) for name, figures in nodes if figures),
        tuple(GraphEdge(a, b, figures.tally) for a, b, figures in edges if figures),
    )
