"""The X-Ray API over the trace store; bodies are those of rest-json, times epoch seconds.

What is not here is ``NotImplemented``, never an empty answer: silence must not look like health.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any

from gameday.clock import Clock, Ms, from_iso
from gameday.rehearsal.metric_store import AwsError
from gameday.rehearsal.xray_filter import compiled, matches
from gameday.rehearsal.xray_graph import ServiceGraph
from gameday.rehearsal.xray_store import Span, Trace, TraceStore, invalid

Wire = dict[str, Any]
LONGEST_GRAPH_MS = 6 * 3_600_000
LONGEST_SUMMARIES_MS = 24 * 3_600_000
IDS_A_CALL = 5
SERVICES_A_PAGE, SUMMARIES_A_PAGE = 100, 100
KEPT_ANSWERS = 64


def _refused(what: str) -> AwsError:
    return AwsError("NotImplemented", f"The rehearsal X-Ray does not serve {what}.", 501)


class Pages:
    """Long answers, page by page from what was true when the first was asked for."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, list[Wire]] = OrderedDict()
        self._made, self._lock = 0, Lock()

    def first(self, items: list[Wire], size: int) -> tuple[list[Wire], Wire]:
        """The first page, and NextToken when there are more."""
        if len(items) <= size:
            return items, {}
        with self._lock:
            self._made += 1
            self._held[str(self._made)] = items
            if len(self._held) > KEPT_ANSWERS:
                self._held.popitem(last=False)
            return items[:size], {"NextToken": f"{self._made}:{size}"}

    def next(self, token: str, size: int) -> tuple[list[Wire], Wire]:
        """The page of a NextToken; InvalidRequestException when it is none of ours or too old."""
        ident, _, start = token.partition(":")
        with self._lock:
            items = self._held.get(ident)
        if items is None or not start.isdigit():
            raise invalid("NextToken is not valid.")
        at = int(start)
        rest = {"NextToken": f"{ident}:{at + size}"} if at + size < len(items) else {}
        return items[at : at + size], rest


class XRay:
    """Operations by name through :meth:`call`."""

    def __init__(self, clock: Clock, services_a_page: int = SERVICES_A_PAGE) -> None:
        self.clock, self.store = clock, TraceStore(clock)
        self.size = services_a_page
        self._pages = Pages()
        self._operations: dict[str, Callable[[Wire], Wire]] = {
            "PutTraceSegments": self.put_trace_segments,
            "PutTelemetryRecords": lambda given: {},
            "GetServiceGraph": self.get_service_graph,
            "GetTraceSummaries": self.get_trace_summaries,
            "BatchGetTraces": self.batch_get_traces,
            "GetTraceGraph": self.get_trace_graph,
        }

    def call(self, operation: str, given: Wire) -> Wire:
        """Do one operation; AwsError for what is wrong or not served."""
        if operation not in self._operations:
            raise _refused(operation)
        try:
            return self._operations[operation](given)
        except KeyError as error:
            raise invalid(f"{error.args[0]} is required.") from error

    def put_trace_segments(self, given: Wire) -> Wire:
        """PutTraceSegments: each document on its own; those that could not be taken are named."""
        return {"UnprocessedTraceSegments": self.store.put(given["TraceSegmentDocuments"])}

    def get_service_graph(self, given: Wire) -> Wire:
        """GetServiceGraph over at most six hours; a trace counts in the window in which it began."""
        start, end = _window(given, LONGEST_GRAPH_MS, "6")
        if given.get("GroupName", "Default") != "Default" or "GroupARN" in given:
            raise _refused("groups")
        times = {"StartTime": start / 1000, "EndTime": end / 1000, "ContainsOldGroupVersions": False}
        if given.get("NextToken"):
            shown, rest = self._pages.next(str(given["NextToken"]), self.size)
        else:
            shown, rest = self._pages.first(ServiceGraph(self.store.within(start, end)).view(), self.size)
        return {"Services": shown, **times, **rest}

    def get_trace_summaries(self, given: Wire) -> Wire:
        """GetTraceSummaries by the time in the trace id. ``TracesProcessedCount`` counts all traces of the window."""
        start, end = _window(given, LONGEST_SUMMARIES_MS, "24")
        if given.get("TimeRangeType", "TraceId") != "TraceId" or given.get("Sampling"):
            raise _refused("TimeRangeType other than TraceId, or Sampling")
        traces = self.store.within(start, end)
        if given.get("NextToken"):
            shown, rest = self._pages.next(str(given["NextToken"]), SUMMARIES_A_PAGE)
        else:
            test = compiled(given["FilterExpression"]) if given.get("FilterExpression") else None
            found = [summary(trace) for trace in traces if test is None or matches(test, trace)]
            shown, rest = self._pages.first(found, SUMMARIES_A_PAGE)
        at = min((s["StartTime"] for s in shown), default=start / 1000)  # "the start time of this page of results"
        return {"TraceSummaries": shown, "ApproximateTime": at, "TracesProcessedCount": len(traces), **rest}

    def batch_get_traces(self, given: Wire) -> Wire:
        """BatchGetTraces: at most five ids; those that are not known are named."""
        found, unknown = self._found(given)
        return {"Traces": [_whole(trace) for trace in found], "UnprocessedTraceIds": unknown}

    def get_trace_graph(self, given: Wire) -> Wire:
        """GetTraceGraph: the service graph of these traces alone."""
        if given.get("NextToken"):
            shown, rest = self._pages.next(str(given["NextToken"]), self.size)
        else:
            shown, rest = self._pages.first(ServiceGraph(self._found(given)[0]).view(), self.size)
        return {"Services": shown, **rest}

    def _found(self, given: Wire) -> tuple[list[Trace], list[str]]:
        ids = list(dict.fromkeys(given["TraceIds"]))
        if len(ids) > IDS_A_CALL:
            raise invalid(f"At most {IDS_A_CALL} trace ids a call.")
        found = [trace for trace in map(self.store.get, ids) if trace]
        return found, [ident for ident in ids if ident not in {trace.id for trace in found}]


def _window(given: Wire, longest: Ms, hours: str) -> tuple[Ms, Ms]:
    start, end = (_moment(given[key]) for key in ("StartTime", "EndTime"))
    if end <= start:
        raise invalid("EndTime must be after StartTime.")
    if end - start > longest:
        raise invalid(f"Time range cannot be longer than {hours} hours.")
    return start, end


def _moment(given: Any) -> Ms:
    try:
        return from_iso(given) if isinstance(given, str) else round(float(given) * 1000)
    except (TypeError, ValueError) as error:
        raise invalid(f"{given!r} is not a time.") from error


def summary(trace: Trace) -> Wire:
    """TraceSummary: what the root answered; ``IsPartial`` while a segment is in progress or the root has not come."""
    root = trace.root
    spans = list(trace.segments.values())
    shown: Wire = {
        "Id": trace.id, "StartTime": trace.start, "Duration": trace.seconds,
        "IsPartial": root is None or any(span.end is None for span in spans),
        "HasFault": bool(root and root.fault), "HasThrottle": bool(root and root.throttle),
        "HasError": bool(root and (root.error or root.throttle)),
        "ServiceIds": [{"Name": n, "Names": [n], "Type": k} if k else {"Name": n, "Names": [n]}
                       for n, k in sorted({(s.name, s.kind) for s in spans}, key=str)],
        "Annotations": _annotations(spans), "Users": [], "Revision": len(spans),
    }  # fmt: skip
    if root:
        shown |= {"ResponseTime": root.seconds, "Http": _http(root), "EntryPoint": {"Name": root.name}}
    return shown


def _http(span: Span) -> Wire:
    asked, answered = span.http.get("request", {}), span.http.get("response", {})
    names = {"HttpURL": "url", "HttpMethod": "method", "UserAgent": "user_agent", "ClientIp": "client_ip"}
    found = {wanted: asked[key] for wanted, key in names.items() if key in asked}
    return found | ({"HttpStatus": answered["status"]} if "status" in answered else {})


def _annotations(spans: list[Span]) -> Wire:
    found: Wire = {}
    for segment in spans:
        for span in (segment, *segment.all_parts()):
            for key, value in span.annotations.items():
                found.setdefault(key, []).append({"AnnotationValue": _typed(value)})
    return found


def _typed(value: Any) -> Wire:
    if isinstance(value, bool):
        return {"BooleanValue": value}
    return {"NumberValue": value} if isinstance(value, int | float) else {"StringValue": str(value)}


def _whole(trace: Trace) -> Wire:
    segments = [{"Id": ident, "Document": document} for ident, document in trace.documents.items()]
    return {"Id": trace.id, "Duration": trace.seconds, "LimitExceeded": False, "Segments": segments}
