"""The trace store of the rehearsal's X-Ray: segment documents in, traces out. Plain Python; no network, no threads.

A trace is filed under the time in its id, which is that of the original request (X-Ray developer guide, "Segment
documents"). Of a rehearsal that is kept up for days the oldest traces are forgotten; whoever asks for that time is
refused, so that forgetting never looks like silence.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from gameday.clock import Clock, Ms
from gameday.rehearsal.metric_store import AwsError

Wire = dict[str, Any]
LARGEST_DOCUMENT = 64 * 1024  # bytes of one segment document (X-Ray quotas)
MOST_TRACES = 20_000
FUTURE_S, PAST_S = 600, 14 * 86_400
TRACE_ID = re.compile(r"1-([0-9a-f]{8})-[0-9a-f]{24}")
SEGMENT_ID = re.compile(r"[0-9a-f]{16}")
INFERRED = {"table_name": "AWS::DynamoDB::Table", "queue_url": "AWS::SQS::Queue"}


def invalid(message: str) -> AwsError:
    """InvalidRequestException."""
    return AwsError("InvalidRequestException", message)


@dataclass(frozen=True)
class Span:
    """A segment, or a subsegment. Times are epoch seconds; ``end`` None is still in progress."""

    id: str
    parent: str | None
    name: str
    kind: str | None
    namespace: str | None
    start: float
    end: float | None
    fault: bool
    error: bool
    throttle: bool
    http: Wire
    annotations: Wire
    user: str | None
    parts: tuple[Span, ...]

    @property
    def seconds(self) -> float:
        """How long it took; 0 while it lasts."""
        return 0.0 if self.end is None else max(0.0, self.end - self.start)

    @property
    def ok(self) -> bool:
        """Neither fault nor error nor throttle."""
        return not (self.fault or self.error or self.throttle)

    def all_parts(self) -> Iterator[Span]:
        """Every subsegment, however deep."""
        for part in self.parts:
            yield part
            yield from part.all_parts()


@dataclass
class Trace:
    """All that was put of one request."""

    id: str
    segments: dict[str, Span] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)

    @property
    def at_s(self) -> int:
        """When the request began, as its id says."""
        return int(self.id[2:10], 16)

    @property
    def start(self) -> float:
        """The start of its first segment."""
        return min(span.start for span in self.segments.values())

    @property
    def seconds(self) -> float:
        """From the first start to the last end."""
        return max(0.0, max(span.end or span.start for span in self.segments.values()) - self.start)

    @property
    def root(self) -> Span | None:
        """The segment that nobody called; None while it has not come."""
        return next((span for span in self.segments.values() if span.parent is None), None)

    def called_by(self) -> dict[str, Span]:
        """Segments by the id of the subsegment (or segment) that called them."""
        return {span.parent: span for span in self.segments.values() if span.parent}


def span_of(given: Wire, segment: bool = True) -> Span:
    """A span of a document; ValueError says what is wrong with it."""
    name, ident = given.get("name"), given.get("id")
    if not isinstance(name, str) or not name or not isinstance(ident, str) or not SEGMENT_ID.fullmatch(ident):
        raise ValueError("name and id (16 hexadecimal digits) are required")
    start, end = _moment(given, "start_time"), _moment(given, "end_time")
    if start is None or (end is None and not given.get("in_progress")):
        raise ValueError("start_time and end_time (or in_progress) are required")
    aws = given.get("aws") or {}
    inferred = next((key for key in INFERRED if key in aws), None) if not segment else None
    return Span(
        id=ident,
        parent=given.get("parent_id") if segment else None,
        name=str(aws[inferred]).rpartition("/")[2] if inferred else name,
        kind=given.get("origin") if segment else INFERRED.get(inferred or ""),
        namespace=given.get("namespace"),
        start=start,
        end=end,
        fault=given.get("fault") is True,
        error=given.get("error") is True,
        throttle=given.get("throttle") is True,
        http=given.get("http") or {},
        annotations=given.get("annotations") or {},
        user=given.get("user"),
        parts=tuple(span_of(part, segment=False) for part in given.get("subsegments") or ()),
    )


def _moment(given: Wire, key: str) -> float | None:
    value = given.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} is not a number of seconds")
    return float(value)


class TraceStore:
    """All traces of one account and Region. Thread-safe."""

    def __init__(self, clock: Clock, most: int = MOST_TRACES) -> None:
        self.clock, self.most = clock, most
        self.traces: dict[str, Trace] = {}
        self.forgotten_to: Ms = 0
        self._times: list[tuple[int, str]] = []
        self._lock = RLock()

    def put(self, documents: list[str]) -> list[Wire]:
        """Store segment documents; returns those that could not be, each with the reason."""
        refused = []
        for document in documents:
            try:
                self._put(document)
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                refused.append({"Id": _id_of(document), "ErrorCode": "InvalidDocument", "Message": str(error)})
        return refused

    def _put(self, document: str) -> None:
        if len(document.encode()) > LARGEST_DOCUMENT:
            raise ValueError("a segment document holds at most 64 KB")
        given = json.loads(document)
        match = TRACE_ID.fullmatch(str(given.get("trace_id")))
        if not match:
            raise ValueError("trace_id is 1-<8 hexadecimal digits>-<24 hexadecimal digits>")
        age = self.clock.now() / 1000 - int(match[1], 16)
        if not -FUTURE_S <= age <= PAST_S:
            raise ValueError("the time in trace_id is out of range")
        part_of = given.get("type") == "subsegment"  # sent on its own: it is a part of a segment that comes later
        if part_of:
            raise ValueError("the rehearsal takes subsegments inside of their segment only")
        self._keep(str(given["trace_id"]), span_of(given), document)

    def _keep(self, trace_id: str, span: Span, document: str) -> None:
        with self._lock:
            trace = self.traces.get(trace_id)
            if trace is None:
                trace = self.traces[trace_id] = Trace(trace_id)
                insort(self._times, (trace.at_s, trace_id))
            trace.segments = {**trace.segments, span.id: span}  # readers hold on to the old one
            trace.documents = {**trace.documents, span.id: document}
            while len(self._times) > self.most:
                at, oldest = self._times.pop(0)
                del self.traces[oldest]
                self.forgotten_to = max(self.forgotten_to, (at + 1) * 1000)

    def within(self, start_ms: Ms, end_ms: Ms) -> list[Trace]:
        """Traces that began in [start, end), oldest first; InvalidRequestException for a time that is forgotten."""
        with self._lock:
            if start_ms < self.forgotten_to and end_ms > start_ms:
                raise invalid("The rehearsal keeps its newest traces only, and the start is before the oldest of them.")
            first = bisect_left(self._times, (-(-start_ms // 1000), ""))
            last = bisect_left(self._times, (-(-end_ms // 1000), ""))
            return [self.traces[ident] for _, ident in self._times[first:last]]

    def get(self, trace_id: str) -> Trace | None:
        """One trace; None when there is none."""
        with self._lock:
            return self.traces.get(trace_id)


def _id_of(document: str) -> str:
    match = re.search(r'"id"\s*:\s*"([0-9a-f]{1,16})"', document)
    return match[1] if match else ""
