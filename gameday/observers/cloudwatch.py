"""CloudWatch metrics, expressions and alarms: all due signals in as few requests as CloudWatch allows.

GetMetricData takes 500 queries a call (CloudWatch API reference). A source that cannot be read raises: that is a gap,
never a zero. A datapoint that is not there is not there. Alarms: gameday/observers/alarms.py.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from gameday.aws import Aws, told
from gameday.clock import to_datetime
from gameday.model.queries import ExpressionQuery, MetricQuery
from gameday.observers.alarms import Alarms
from gameday.plan import ALARM_SOURCE, Home, Signal, by_home
from gameday.protocols import Sample, Window

QUERIES_A_CALL = 500
LARGEST_PAGES = 200
T = TypeVar("T")


class Unreadable(RuntimeError):
    """CloudWatch answered, and not with all that was asked."""


def queries(index: int, signal: Signal) -> list[dict[str, Any]]:
    """The MetricDataQueries of one signal; only ``q<index>`` is returned."""
    period = signal.period_ms // 1000
    if signal.source == "cloudwatch.metric":
        stat = _stat(MetricQuery.model_validate(signal.query), period)
        return [{"Id": f"q{index}", "MetricStat": stat, "ReturnData": True}]
    query = ExpressionQuery.model_validate(signal.query)
    names = {name: f"q{index}_{name}" for name in query.metrics}
    parts = [
        {"Id": names[name], "MetricStat": _stat(metric, period), "ReturnData": False}
        for name, metric in query.metrics.items()
    ]
    expression = rename(query.expression, names)
    return [*parts, {"Id": f"q{index}", "Expression": expression, "Period": period, "ReturnData": True}]


def rename(expression: str, names: Mapping[str, str]) -> str:
    """The expression with its metric ids replaced, as whole words."""
    return re.sub(r"[A-Za-z_][A-Za-z0-9_]*", lambda word: names.get(word[0], word[0]), expression)


def _stat(query: MetricQuery, period: int) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in query.dimensions.items()]
    metric = {"Namespace": query.namespace, "MetricName": query.metric, "Dimensions": dimensions}
    return {"Metric": metric, "Period": period, "Stat": query.statistic}


def batches(groups: Sequence[Sequence[T]], size: int) -> Iterator[list[T]]:
    """Groups joined into lists of at most ``size``, no group torn apart."""
    batch: list[T] = []
    for group in groups:
        if batch and len(batch) + len(group) > size:
            yield batch
            batch = []
        batch += group
    if batch:
        yield batch


class CloudWatchObserver:
    """The observer of the ``cloudwatch.*`` sources."""

    name = "cloudwatch"
    sources = frozenset({"cloudwatch.metric", "cloudwatch.expression", ALARM_SOURCE})

    def __init__(self, aws: Aws) -> None:
        self._aws, self._alarms = aws, dict[Home, Alarms]()

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """All datapoints in the window, and all states of alarms. CallFailed when CloudWatch refuses or is not
        reached, Unreadable for a partial answer."""
        found: dict[str, Sequence[Sample]] = {}
        for home, there in by_home(signals):
            aws = self._aws.at(*home)
            metrics = [s for s in there if s.source != ALARM_SOURCE]
            if metrics:
                found |= self._metrics(aws, metrics, window)
            alarms = [s for s in there if s.source == ALARM_SOURCE]
            if alarms:
                found |= self._alarms.setdefault(home, Alarms(aws)).sample(alarms, window)
        return found

    def _metrics(self, aws: Aws, signals: Sequence[Signal], window: Window) -> dict[str, list[Sample]]:
        found: dict[str, list[Sample]] = {signal.id: [] for signal in signals}
        groups = [queries(index, signal) for index, signal in enumerate(signals)]
        for batch in batches(groups, QUERIES_A_CALL):
            for index, samples in self._read(aws, batch, window).items():
                signal = signals[index]
                found[signal.id] += [s for s in samples if window.start_ms <= s.start_ms < window.end_ms]
        return found

    def _read(self, aws: Aws, batch: list[dict[str, Any]], window: Window) -> dict[int, list[Sample]]:
        request = {
            "MetricDataQueries": batch,
            "StartTime": to_datetime(window.start_ms),
            "EndTime": to_datetime(window.end_ms),
            "ScanBy": "TimestampAscending",
        }
        found: dict[int, list[Sample]] = defaultdict(list)
        for _ in range(LARGEST_PAGES):
            with told("cloudwatch GetMetricData"):
                page = aws.client("cloudwatch").get_metric_data(**request)
            _whole(page)
            for result in page["MetricDataResults"]:
                _whole(result)
                found[int(result["Id"][1:])] += _samples(result, bool(page.get("NextToken")))
            if not page.get("NextToken"):
                return found
            request["NextToken"] = page["NextToken"]
        raise Unreadable(f"GetMetricData did not end after {LARGEST_PAGES} pages")


def _whole(answer: Any) -> None:
    """CloudWatch says in a message that it read less than was asked: too many metrics, or no permission. A sum that
    cannot be done (ArithmeticError) is a datapoint that is not there, and no more."""
    for message in answer.get("Messages", []):
        if message.get("Code") != "ArithmeticError":
            raise Unreadable(f"GetMetricData: {message.get('Code')} {message.get('Value', '')}".rstrip())


def _samples(result: Any, more: bool) -> list[Sample]:
    status = result.get("StatusCode", "Complete")
    if status not in ("Complete", "PartialData") or (status == "PartialData" and not more):
        raise Unreadable(f"GetMetricData {result['Id']}: {status}")
    pairs = zip(result["Timestamps"], result["Values"], strict=True)
    return [Sample(round(stamp.timestamp() * 1000), float(value)) for stamp, value in pairs]
