"""Metrics of the workload, published for closed buckets: once a period, never in a request's path.

Zeros are published, because nothing must look like missing data that is not; a dead piece's metrics are missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from threading import Event, Thread
from typing import Any

from gameday.clock import Clock, Ms, to_datetime
from gameday.model.workload import Workload
from gameday.rehearsal.workload.counting import bucket_of
from gameday.rehearsal.workload.provision import Provisioned

VALUES_A_DATUM = 150
POLL_S = 0.05
Wire = dict[str, Any]
Views = Mapping[str, Wire | None]
Data = dict[str, list[Wire]]  # by namespace
LOG = logging.getLogger(__name__)
LOAD = "load"  # the generator's name among the processes


def datum(name: str, dimensions: Mapping[str, str], at: Ms, value: float, unit: str = "Count") -> Wire:
    """One MetricDatum."""
    return _datum(name, dimensions, at, unit) | {"Value": float(value)}


def latencies(name: str, dimensions: Mapping[str, str], at: Ms, seen: Mapping[str, int]) -> list[Wire]:
    """MetricData of a histogram: values with counts, as many to a datum as CloudWatch takes."""
    items = list(seen.items())
    return [
        _datum(name, dimensions, at, "Milliseconds")
        | {"Values": [float(ms) for ms, _ in some], "Counts": [float(n) for _, n in some]}
        for some in (items[i : i + VALUES_A_DATUM] for i in range(0, len(items), VALUES_A_DATUM))
    ]


def _datum(name: str, dimensions: Mapping[str, str], at: Ms, unit: str) -> Wire:
    given = [{"Name": k, "Value": v} for k, v in dimensions.items()]
    return {"MetricName": name, "Dimensions": given, "Timestamp": to_datetime(at), "Unit": unit,
            "StorageResolution": 1}  # fmt: skip  # without it AWS keeps whole minutes alone


def data_of(workload: Workload, made: Provisioned, views: Views, at: Ms) -> Data:
    """Everything to publish for one bucket."""
    data: Data = {workload.namespace: []}
    load = views.get(LOAD)
    if load:
        data[workload.namespace] += _attempts({"Api": workload.api}, load, at, ("attempts", "failures", "latency"))
    for ident, piece in workload.pieces.items():
        view = views.get(ident)
        if not view:
            continue
        counts = view["counts"]
        own = {"counts": {"attempts": counts.get("requests", 0), "failures": counts.get("errors", 0)},
               "latency": view["latency"]}  # fmt: skip
        data[workload.namespace] += _attempts({"Piece": ident}, own, at, piece.publishes)
        if piece.replica:
            data[workload.namespace].append(datum("Behind", {"Piece": ident}, at, view["queued"]))
        for namespace, items in _standard(piece.type, made.names.get(ident, ident), view, at):
            data.setdefault(namespace, []).extend(items)
    return data


def _attempts(dimensions: Mapping[str, str], view: Wire, at: Ms, wanted: tuple[str, ...]) -> list[Wire]:
    counts = view["counts"]
    found = [datum(n.title(), dimensions, at, counts.get(n, 0)) for n in ("attempts", "failures") if n in wanted]
    return found + (latencies("Latency", dimensions, at, view["latency"]) if "latency" in wanted else [])


def _standard(kind: str, name: str, view: Wire, at: Ms) -> Iterator[tuple[str, list[Wire]]]:
    """The metrics that AWS itself publishes for a resource."""
    counts = view["counts"]
    if kind == "function":
        own = {"FunctionName": name}
        values = {"Invocations": counts.get("requests", 0), "Errors": counts.get("errors", 0), "Throttles": 0}
        yield "AWS/Lambda", [datum(k, own, at, v) for k, v in values.items()]
        yield "AWS/Lambda", latencies("Duration", own, at, view["latency"])
    elif kind == "queue":
        own = {"QueueName": name}
        values = {"NumberOfMessagesSent": counts.get("sent", 0), "NumberOfMessagesReceived": counts.get("received", 0),
                  "ApproximateNumberOfMessagesVisible": view["queued"]}  # fmt: skip
        yield "AWS/SQS", [datum(k, own, at, v) for k, v in values.items()]
        yield "AWS/SQS", [datum("ApproximateAgeOfOldestMessage", own, at, view["oldest_ms"] / 1000, "Seconds")]
    elif kind == "stream":
        own = {"StreamName": name}
        values = {"IncomingRecords": counts.get("sent", 0), "GetRecords.Records": counts.get("received", 0),
                  "WriteProvisionedThroughputExceeded": counts.get("throttled", 0),
                  "ReadProvisionedThroughputExceeded": 0}  # fmt: skip
        yield "AWS/Kinesis", [datum(k, own, at, v) for k, v in values.items()]
        age = view["oldest_ms"]
        yield "AWS/Kinesis", [datum("GetRecords.IteratorAgeMilliseconds", own, at, age, "Milliseconds")]
    elif kind == "instance":
        yield "AWS/EC2", [datum("StatusCheckFailed", {"InstanceId": name}, at, 0)]


class Publisher:
    """A thread that collects each bucket once it is closed and its requests have ended, and publishes it.

    ``collect(start)`` gives a view for each process, None where it does not answer; ``put`` takes the data.
    """

    def __init__(self, clock: Clock, period: Ms, grace: Ms, collect: Callable[[Ms], Views],
                 put: Callable[[Ms, Views], None]) -> None:  # fmt: skip
        self.clock, self.period, self.grace = clock, period, grace
        self.collect, self.put = collect, put
        self.latest: Ms = 0  # how long after its end the latest bucket's data were there, at most
        self.ended = Event()
        self.thread = Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin with the first whole bucket."""
        self.thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self.ended.set()
        if self.thread.is_alive():
            self.thread.join(5.0)

    def _run(self) -> None:
        start = bucket_of(self.clock.now(), self.period) + self.period
        while not self.ended.is_set():
            left = (start + self.period - self.clock.now()) / 1000 / self.clock.speed
            if self.ended.wait(max(0.0, left) + POLL_S):
                return
            try:
                self.put(start, self.settled(start))
                self.latest = max(self.latest, self.clock.now() - start - self.period)
            except Exception:  # this bucket is missing then; the next one must not be
                LOG.exception("bucket %s was not published", start)
            start += self.period

    def settled(self, start: Ms) -> Views:
        """The views of a bucket when nothing of it is open any more, or when the grace is over."""
        while True:
            views = self.collect(start)
            late = self.clock.now() >= start + self.period + self.grace
            if late or not any(view and view["open"] for view in views.values()) or self.ended.wait(POLL_S):
                return views
