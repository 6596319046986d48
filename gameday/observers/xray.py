"""X-Ray's service graph and traces: sources ``xray.service``, ``xray.edge`` and ``xray.traces``.

One GetServiceGraph for each settled bucket answers all signals of nodes and edges with that period; one
GetTraceSummaries for each settled bucket and filter. What was read is kept and not asked for again, so that a day makes
one call a bucket (times pages); a bucket that was empty is asked for twice more, as ``PATIENCE`` periods pass. A look
never makes more than ``CALLS_A_LOOK``: what is left is asked for at the next.

X-Ray samples, and shows a trace about a minute after it ended. What it does not show is unknown, not healthy: a node
or an edge that is not in the graph has no sample. Only where the caller was seen serving requests, an edge that is
missing was not used, and its counts are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from gameday.aws import Aws, told
from gameday.clock import Ms, to_datetime
from gameday.model.queries import EdgeQuery, ServiceQuery, TracesQuery
from gameday.observers.xray_graph import Figures, Seen, figure, merged, service_graph
from gameday.plan import Home, Signal, by_home
from gameday.protocols import Sample, ServiceGraph, Window

LONGEST_MS = 6 * 3_600_000  # one GetServiceGraph: "Time range cannot be longer than 6 hours"
CALLS_A_LOOK = 120
LARGEST_PAGES = 50
PATIENCE = 2
TRACES = "xray.traces"
Key = tuple[str, Ms, Ms]
T = TypeVar("T")


class Unreadable(RuntimeError):
    """X-Ray answered, and not with all that was asked; or there was more to ask for than one look may."""


class XRayObserver:
    """The observer of the ``xray.*`` sources."""

    name = "xray"
    sources = frozenset({"xray.service", "xray.edge", TRACES})

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._kept: dict[Home, dict[Key, Any]] = {}

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """All settled buckets of the window. Raises CallFailed, and Unreadable for an answer that is not whole."""
        found: dict[str, list[Sample]] = {}
        for home, there in by_home(signals):
            kept = self._kept.setdefault(home, {})
            found |= _read(_Look(self._aws.at(*home), kept, window), there, window)
            _forget(kept, window)
        return found

    def graph(self, window: Window) -> ServiceGraph:
        """The whole graph of a window, whatever its length; clients are left out."""
        return service_graph(_Look(self._aws, {}, window).graph(window.start_ms, window.end_ms))


def _read(look: _Look, signals: Sequence[Signal], window: Window) -> dict[str, list[Sample]]:
    """The signals of one account and Region."""
    found: dict[str, list[Sample]] = {signal.id: [] for signal in signals}
    graphs = [s for s in signals if s.source != TRACES]
    for period in sorted({s.period_ms for s in graphs}):
        asked = [s for s in graphs if s.period_ms == period]
        settles = max(s.settles_ms for s in asked)
        for start, end in buckets(window, period, settles):
            seen = look.once(("", start, end), settles, lambda a=start, b=end: look.graph(a, b))  # type: ignore[misc]  # mypy infers no lambda with defaults
            for signal in asked:
                _keep(found[signal.id], start, value(signal, seen))
    for signal in (s for s in signals if s.source == TRACES):
        wanted = TracesQuery.model_validate(signal.query).filter
        for start, end in buckets(window, signal.period_ms, signal.settles_ms):
            count = look.once(
                (wanted, start, end),
                signal.settles_ms,
                lambda a=start, b=end, w=wanted: look.traces(w, a, b),  # type: ignore[misc]  # as above
            )
            _keep(found[signal.id], start, count)
    return found


def _forget(kept: dict[Key, Any], window: Window) -> None:
    for key in [key for key in kept if key[2] <= window.start_ms]:
        del kept[key]


class _Look:
    """One look: its calls are counted, and what has settled is kept."""

    def __init__(self, aws: Aws, kept: dict[Key, Any], window: Window) -> None:
        self.aws, self.kept, self.window, self.calls = aws, kept, window, 0

    def once(self, key: Key, settles: Ms, ask: Callable[[], T]) -> T:
        """What is kept of a bucket, else what is asked for now."""
        if key in self.kept:
            known: T = self.kept[key]
            return known
        found = ask()
        if found or self.window.end_ms >= key[2] + settles + PATIENCE * (key[2] - key[1]):
            self.kept[key] = found
        return found

    def _pages(self, operation: str, request: dict[str, Any]) -> Iterator[Any]:
        for _ in range(LARGEST_PAGES):
            if self.calls >= CALLS_A_LOOK:
                raise Unreadable(f"more than {CALLS_A_LOOK} calls in one look; the rest is read at the next")
            self.calls += 1
            with told(f"xray {''.join(word.title() for word in operation.split('_'))}"):
                page = getattr(self.aws.client("xray"), operation)(**request)
            yield page
            if not page.get("NextToken"):
                return
            request = {**request, "NextToken": page["NextToken"]}
        raise Unreadable(f"{operation} did not end after {LARGEST_PAGES} pages")

    def graph(self, start: Ms, end: Ms) -> Seen:
        """Nodes and edges of [start, end), cut where it is longer than X-Ray answers."""
        parts = []
        for since in range(start, end, LONGEST_MS):
            times = {"StartTime": to_datetime(since), "EndTime": to_datetime(min(end, since + LONGEST_MS))}
            parts.append([s for page in self._pages("get_service_graph", times) for s in page["Services"]])
        return merged(parts)

    def traces(self, wanted: str, start: Ms, end: Ms) -> float | None:
        """How many traces match; None where X-Ray looked at none at all, which says nothing."""
        request = {"StartTime": to_datetime(start), "EndTime": to_datetime(end), "FilterExpression": wanted}
        matching = looked_at = 0
        for page in self._pages("get_trace_summaries", request):
            matching += len(page["TraceSummaries"])
            looked_at = max(looked_at, page.get("TracesProcessedCount") or 0)
        return float(matching) if matching or looked_at else None


def buckets(window: Window, period: Ms, settles: Ms) -> Iterator[tuple[Ms, Ms]]:
    """The buckets of the window that have settled, aligned to the period: a younger one would say too little."""
    first = -(-window.start_ms // period) * period
    for start in range(first, window.end_ms - settles - period + 1, period):
        yield start, start + period


def _keep(samples: list[Sample], start: Ms, found: float | None) -> None:
    if found is not None:
        samples.append(Sample(start, found))


def value(signal: Signal, seen: Seen) -> float | None:
    """What the graph says of a signal; None where it says nothing."""
    if signal.source == "xray.service":
        query = ServiceQuery.model_validate(signal.query)
        node = seen.node(query.service, query.type)
        return None if node is None else figure(node, query.value)
    edge = EdgeQuery.model_validate(signal.query)
    used = seen.edge(edge.source, edge.target)
    if used is None:
        caller = seen.node(edge.source, None)
        used = Figures() if caller and caller.total else None
    return None if used is None else figure(used, edge.value)
