"""The service graph of traces: who called whom, how often, how long it took and what came of it.

A node's figures are those of its own segments; an edge's are those of the caller's subsegment, so a service that does
not answer at all still fails on the edge that leads to it. What sends no segments is inferred from its callers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gameday.rehearsal.xray_store import Span, Trace

Wire = dict[str, Any]
Key = tuple[str, str | None]  # name and type
CALLS = frozenset({"remote", "aws"})
CLIENT, REMOTE = "client", "remote"


@dataclass
class Tally:
    """What came of the calls to one node, or over one edge."""

    ok: int = 0
    errors: int = 0
    throttles: int = 0
    faults: int = 0
    seconds: float = 0.0
    histogram: Counter[float] = field(default_factory=Counter)

    def add(self, span: Span) -> None:
        """Count one; what has not ended is not counted. A throttle is an error too (X-Ray developer guide)."""
        if span.end is None:
            return
        self.faults += span.fault
        self.throttles += not span.fault and span.throttle
        self.errors += not span.fault and span.error and not span.throttle
        self.ok += span.ok
        self.seconds += span.seconds
        self.histogram[float(f"{span.seconds:.2g}")] += 1

    @property
    def total(self) -> int:
        """All calls that have ended."""
        return self.ok + self.errors + self.throttles + self.faults

    def view(self) -> Wire:
        """SummaryStatistics."""
        wrong = {"ThrottleCount": self.throttles, "OtherCount": self.errors,
                 "TotalCount": self.throttles + self.errors}  # fmt: skip
        return {"OkCount": self.ok, "ErrorStatistics": wrong, "TotalCount": self.total,
                "FaultStatistics": {"OtherCount": self.faults, "TotalCount": self.faults},
                "TotalResponseTime": self.seconds}  # fmt: skip

    def values(self) -> list[Wire]:
        """ResponseTimeHistogram."""
        return [{"Value": value, "Count": count} for value, count in sorted(self.histogram.items())]


@dataclass
class Node:
    """A service, a client or something inferred."""

    key: Key
    root: bool = False
    own: Tally = field(default_factory=Tally)
    edges: dict[Key, Tally] = field(default_factory=dict)
    first: float = float("inf")
    last: float = 0.0

    def saw(self, span: Span) -> None:
        """It was there at that time."""
        self.first, self.last = min(self.first, span.start), max(self.last, span.end or span.start)


class ServiceGraph:
    """Nodes and edges of some traces."""

    def __init__(self, traces: Iterable[Trace]) -> None:
        self.nodes: dict[Key, Node] = {}
        for trace in traces:
            self._add(trace)

    def _node(self, key: Key, span: Span) -> Node:
        node = self.nodes.setdefault(key, Node(key))
        node.saw(span)
        return node

    def _add(self, trace: Trace) -> None:
        called = trace.called_by()
        for segment in trace.segments.values():
            node = self._node(key_of(segment), segment)
            node.own.add(segment)
            if segment.parent is None:
                node.root = True
                client = self._node((segment.name, CLIENT), segment)
                client.edges.setdefault(node.key, Tally()).add(segment)
            for part in segment.all_parts():
                if part.namespace in CALLS:
                    self._call(node, part, called.get(part.id))

    def _call(self, caller: Node, part: Span, callee: Span | None) -> None:
        key = key_of(callee) if callee else (part.name, part.kind or REMOTE)
        target = self._node(key, part)
        if callee is None:
            target.own.add(part)
        caller.edges.setdefault(key, Tally()).add(part)

    def view(self) -> list[Wire]:
        """Services, as GetServiceGraph and GetTraceGraph word them."""
        self._join()
        keys = sorted(self.nodes, key=lambda key: (key[0], key[1] or ""))
        numbers = {key: number for number, key in enumerate(keys)}
        return [_service(self.nodes[key], numbers) for key in keys]

    def _join(self) -> None:
        """A service that sent segments of some calls and none of others, which it did not answer, is one node."""
        for key in [key for key in self.nodes if key[1] == REMOTE]:
            real = next((k for k in self.nodes if k[0] == key[0] and k[1] not in (CLIENT, REMOTE)), None)
            if real is None:
                continue
            self.nodes.pop(key)
            for node in self.nodes.values():
                if key in node.edges:
                    _merge(node.edges.setdefault(real, Tally()), node.edges.pop(key))


def key_of(segment: Span) -> Key:
    """The node of a segment."""
    return segment.name, segment.kind


def _merge(into: Tally, more: Tally) -> None:
    into.ok += more.ok
    into.errors += more.errors
    into.throttles += more.throttles
    into.faults += more.faults
    into.seconds += more.seconds
    into.histogram.update(more.histogram)


def _service(node: Node, numbers: dict[Key, int]) -> Wire:
    times = {"StartTime": node.first, "EndTime": node.last}
    edges = [
        {"ReferenceId": numbers[key], **times, "SummaryStatistics": tally.view(),
         "ResponseTimeHistogram": tally.values(), "Aliases": []}
        for key, tally in sorted(node.edges.items(), key=lambda item: numbers[item[0]])
    ]  # fmt: skip
    name, kind = node.key
    found = {"ReferenceId": numbers[node.key], "Name": name, "Names": [name], "Edges": edges, **times}
    found |= {"Type": kind} if kind else {}
    if kind == CLIENT:
        return found | {"State": "unknown"}
    found["State"] = "active"
    seen = node.own.values()
    return found | {"Root": node.root, "SummaryStatistics": node.own.view(), "DurationHistogram": seen,
                    "ResponseTimeHistogram": seen}  # fmt: skip
