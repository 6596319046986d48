"""The CloudWatch API over the metric store and the alarms; bodies are those of awsJson, times epoch seconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from gameday.clock import Clock, Ms, from_iso
from gameday.rehearsal.alarms import Alarms
from gameday.rehearsal.delivery import Delivery
from gameday.rehearsal.fis_words import ACCOUNT, REGION
from gameday.rehearsal.metric_math import Evaluator, Series
from gameday.rehearsal.metric_store import (
    AwsError,
    Datum,
    Dimensions,
    Key,
    MetricStore,
    check_period,
    check_statistic,
)

Wire = dict[str, Any]
POINTS_A_CALL = 100_800
IDENTIFIER = re.compile(r"[a-z]\w*$")


def invalid(message: str) -> AwsError:
    """ValidationError."""
    return AwsError("ValidationError", message)


def moment(given: Any) -> Ms:
    """A time of a request: epoch seconds or ISO text."""
    try:
        return from_iso(given) if isinstance(given, str) else round(float(given) * 1000)
    except (TypeError, ValueError) as error:
        raise invalid(f"{given!r} is not a time") from error


def dims(given: list[Wire] | None) -> Dimensions:
    """Dimensions of a request."""
    return tuple(sorted((d["Name"], d["Value"]) for d in given or []))


def key_of(metric: Wire) -> Key:
    """The key of a request's metric."""
    return metric["Namespace"], metric["MetricName"], dims(metric.get("Dimensions"))


def cut(items: list[Any], given: Wire, size: int, token: str = "NextToken") -> tuple[list[Any], Wire]:
    """One page, and NextToken for the next."""
    try:
        start = int(given.get(token) or 0)
    except ValueError as error:
        raise AwsError("InvalidNextToken", "The next token specified is invalid.") from error
    rest = {token: str(start + size)} if start + size < len(items) else {}
    return items[start : start + size], rest


class CloudWatch:
    """Operations by name through :meth:`call`."""

    def __init__(self, clock: Clock, account: str = ACCOUNT, region: str = REGION) -> None:
        self.clock, self.store = clock, MetricStore()
        self.alarms = Alarms(clock, self._alarm_points, f"arn:aws:cloudwatch:{region}:{account}:alarm:")
        self.delivery = Delivery(clock, self.store)
        self._operations: dict[str, Callable[[Wire], Wire]] = {
            "PutMetricData": self.put_metric_data,
            "GetMetricData": self.get_metric_data,
            "GetMetricStatistics": self.get_metric_statistics,
            "ListMetrics": self.list_metrics,
            "PutMetricAlarm": self.put_metric_alarm,
            "DescribeAlarms": self.describe_alarms,
            "DescribeAlarmsForMetric": self.describe_alarms_for_metric,
            "DescribeAlarmHistory": self.describe_alarm_history,
            "DeleteAlarms": self.delete_alarms,
            "SetAlarmState": self.set_alarm_state,
            "ListTagsForResource": self.list_tags,
        }

    def call(self, operation: str, given: Wire) -> Wire:
        """Do one operation; AwsError for what is wrong or not served."""
        if operation not in self._operations:
            raise AwsError("NotImplemented", f"The rehearsal CloudWatch does not serve {operation}.", 501)
        self.delivery.release()
        try:
            return self._operations[operation](given)
        except KeyError as error:
            raise invalid(f"{error.args[0]} is required") from error

    # ---- data
    def put_metric_data(self, given: Wire) -> Wire:
        """PutMetricData: all or nothing."""
        data = given.get("MetricData", [])
        if len(data) > 1000:
            raise invalid("MetricData holds at most 1000 items.")
        now = self.clock.now()
        ready = [(d, moment(d.get("Timestamp", now / 1000)), self._datum(d)) for d in data]
        for d, at, _ in ready:
            if not now - 14 * 86_400_000 <= at <= now + 2 * 3_600_000:
                raise AwsError("InvalidParameterValue", f"The timestamp of {d['MetricName']} is out of range.")
        for d, at, datum in ready:
            key = (given["Namespace"], d["MetricName"], dims(d.get("Dimensions")))
            self.delivery.put(key, at, datum, d.get("Unit", "None"))
        return {}

    def _datum(self, given: Wire) -> Datum:
        if len(given.get("Dimensions", [])) > 30:
            raise invalid("At most 30 dimensions.")
        if "StatisticValues" in given:
            s = given["StatisticValues"]
            return Datum.of_set(s["SampleCount"], s["Sum"], s["Minimum"], s["Maximum"])
        values = given.get("Values") or ([given["Value"]] if "Value" in given else [])
        counts = given.get("Counts") or None
        if not values or len(values) > 150 or (counts and len(counts) != len(values)):
            raise invalid("A datum holds 1 to 150 values, and as many counts.")
        if any(not abs(float(v)) <= 2.0**360 for v in values):
            raise AwsError("InvalidParameterValue", "A value is out of range or not a number.")
        return Datum.of([float(v) for v in values], counts)

    def list_metrics(self, given: Wire) -> Wire:
        """ListMetrics: each metric once."""
        wanted = given.get("Dimensions", [])
        found = [
            {"Namespace": ns, "MetricName": name, "Dimensions": [{"Name": n, "Value": v} for n, v in ds]}
            for ns, name, ds in self.store.keys()
            if given.get("Namespace", ns) == ns
            and given.get("MetricName", name) == name
            and all(any(n == w["Name"] and w.get("Value", v) == v for n, v in ds) for w in wanted)
        ]
        shown, rest = cut(found, given, 500)
        return {"Metrics": shown} | rest

    def get_metric_statistics(self, given: Wire) -> Wire:
        """GetMetricStatistics."""
        stats, extended = given.get("Statistics", []), given.get("ExtendedStatistics", [])
        if not stats and not extended:
            raise AwsError("InvalidParameterCombination", "Give Statistics or ExtendedStatistics.")
        start, end = moment(given["StartTime"]), moment(given["EndTime"])
        points: dict[int, Wire] = {}
        for stat in [*stats, *extended]:
            series = self.store.statistics(key_of(given), stat, int(given["Period"]) * 1000, start, end)
            for at, value in series.items():
                point = points.setdefault(at, {"Timestamp": at / 1000, "Unit": given.get("Unit", "None")})
                (point if stat in stats else point.setdefault("ExtendedStatistics", {}))[stat] = value
        if len(points) > 1440:
            raise AwsError("InvalidParameterCombination", "At most 1,440 datapoints a call.")
        return {"Label": given["MetricName"], "Datapoints": [points[t] for t in sorted(points)]}

    def get_metric_data(self, given: Wire) -> Wire:
        """GetMetricData: metrics and expressions, paged by MaxDatapoints and NextToken."""
        start, end = moment(given["StartTime"]), moment(given["EndTime"])
        if start >= end:
            raise invalid("StartTime must be before EndTime.")
        queries = given["MetricDataQueries"]
        series = self.evaluate(queries, start, end)
        newest_first = given.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        flat = [
            (q, at) for q in queries if q.get("ReturnData", True)
            for at in sorted(series[q["Id"]], reverse=newest_first)
        ]  # fmt: skip
        size = min(int(given.get("MaxDatapoints") or POINTS_A_CALL), POINTS_A_CALL)
        shown, rest = cut(flat, given, size)
        results = {q["Id"]: _empty(q) for q in queries if q.get("ReturnData", True)}
        for q, at in shown:
            results[q["Id"]]["Timestamps"].append(at / 1000)
            results[q["Id"]]["Values"].append(series[q["Id"]][at])
        if rest:
            last = shown[-1][0]["Id"]
            results[last]["StatusCode"] = "PartialData"
        return {"MetricDataResults": list(results.values()), "Messages": []} | rest

    def evaluate(self, queries: list[Wire], start: Ms, end: Ms) -> dict[str, Series]:
        """Every query's series; an expression may use those of any other, in any order."""
        _check_queries(queries)
        found: dict[str, Series] = {}
        waiting = []
        for q in queries:
            if "MetricStat" in q:
                stat = q["MetricStat"]
                period = int(stat["Period"]) * 1000
                found[q["Id"]] = self.store.statistics(key_of(stat["Metric"]), stat["Stat"], period, start, end)
            else:
                waiting.append(q)
        metrics = list(found)
        periods = [int(q["MetricStat"]["Period"]) for q in queries if "MetricStat" in q]
        ids = {q["Id"] for q in queries}
        while waiting:
            ready = [q for q in waiting if _needs(q["Expression"], ids - {q["Id"]}) <= set(found)]
            if not ready:
                raise invalid(f"Expressions refer to one another in a circle: {[q['Id'] for q in waiting]}")
            for q in ready:
                period = int(q.get("Period") or max(periods, default=60)) * 1000
                grid = range(start - start % period, end, period)
                found[q["Id"]] = Evaluator(found, metrics, grid, period).run(q["Expression"])
            waiting = [q for q in waiting if q not in ready]
        return found

    # ---- alarms
    def _alarm_points(self, settings: Wire, period_ms: int, start: Ms, end: Ms) -> dict[int, float]:
        self.delivery.release()
        if settings.get("Metrics"):
            shown = [q["Id"] for q in settings["Metrics"] if q.get("ReturnData", True)]
            return self.evaluate(settings["Metrics"], start, end)[shown[-1]]
        stat = settings.get("Statistic") or settings.get("ExtendedStatistic") or "Average"
        return self.store.statistics(key_of(settings), stat, period_ms, start, end)

    def put_metric_alarm(self, given: Wire) -> Wire:
        """PutMetricAlarm: what could not be evaluated is refused now."""
        self.alarms_check(given)
        self.alarms.put(given)
        return {}

    def alarms_check(self, given: Wire) -> None:
        """Try the alarm's query once, on nothing."""
        if given.get("Metrics"):
            if sum(q.get("ReturnData", True) for q in given["Metrics"]) != 1:
                raise invalid("Exactly one element of Metrics must return data.")
            self._alarm_points(given, 60_000, 0, 60_000)
        elif given.get("Period"):
            check_period(int(given["Period"]) * 1000)
            check_statistic(given.get("Statistic") or given.get("ExtendedStatistic") or "Average")
            _ = given["Namespace"], given["MetricName"]

    def describe_alarms(self, given: Wire) -> Wire:
        """DescribeAlarms, with names, prefix, state, types, MaxRecords and NextToken."""
        if len(given.get("AlarmNames", ())) > 100 or not 1 <= int(given.get("MaxRecords", 50)) <= 100:
            raise invalid("AlarmNames holds at most 100 names, and MaxRecords is 1 to 100.")
        with self.alarms.lock:
            found = [
                a.view() for n, a in sorted(self.alarms.found.items())
                if n in given.get("AlarmNames", [n])
                and n.startswith(given.get("AlarmNamePrefix", ""))
                and given.get("StateValue", a.state) == a.state
                and "MetricAlarm" in given.get("AlarmTypes", ["MetricAlarm"])
            ]  # fmt: skip
        shown, rest = cut(found, given, int(given.get("MaxRecords", 50)))
        return {"MetricAlarms": shown, "CompositeAlarms": []} | rest

    def describe_alarms_for_metric(self, given: Wire) -> Wire:
        """DescribeAlarmsForMetric."""
        with self.alarms.lock:
            alarms = [a for a in self.alarms.found.values() if a.settings.get("MetricName")]
            return {"MetricAlarms": [a.view() for a in alarms if key_of(a.settings) == key_of(given)]}

    def describe_alarm_history(self, given: Wire) -> Wire:
        """DescribeAlarmHistory, newest first."""
        low, high = moment(given.get("StartDate", 0)), moment(given.get("EndDate", 4e9))
        with self.alarms.lock:
            items = [
                h for n, a in self.alarms.found.items() if given.get("AlarmName", n) == n for h in a.history
                if given.get("HistoryItemType", h["HistoryItemType"]) == h["HistoryItemType"]
                and low <= h["Timestamp"] * 1000 <= high
            ]  # fmt: skip
        items.sort(key=lambda h: h["Timestamp"], reverse=given.get("ScanBy") != "TimestampAscending")
        shown, rest = cut(items, given, int(given.get("MaxRecords", 100)))
        return {"AlarmHistoryItems": shown} | rest

    def delete_alarms(self, given: Wire) -> Wire:
        """DeleteAlarms."""
        self.alarms.delete(given["AlarmNames"])
        return {}

    def set_alarm_state(self, given: Wire) -> Wire:
        """SetAlarmState."""
        if given["StateValue"] not in ("OK", "ALARM", "INSUFFICIENT_DATA"):
            raise invalid("StateValue is OK, ALARM or INSUFFICIENT_DATA.")
        self.alarms.set_state(given["AlarmName"], given["StateValue"], given["StateReason"])
        return {}

    def list_tags(self, given: Wire) -> Wire:
        """ListTagsForResource, of alarms."""
        name = given["ResourceARN"].removeprefix(self.alarms.prefix)
        if name not in self.alarms.found:
            raise AwsError("ResourceNotFoundException", f"{given['ResourceARN']} does not exist.", 404)
        return {"Tags": self.alarms.found[name].settings.get("Tags", [])}


def _needs(expression: str, ids: set[str]) -> set[str]:
    return ids & set(re.findall(r"[A-Za-z_]\w*", expression))


def _empty(query: Wire) -> Wire:
    label = query.get("Label") or query.get("MetricStat", {}).get("Metric", {}).get("MetricName") or query["Id"]
    return {"Id": query["Id"], "Label": label, "Timestamps": [], "Values": [], "StatusCode": "Complete"}


def _check_queries(queries: list[Wire]) -> None:
    if not queries or len(queries) > 500:
        raise invalid("MetricDataQueries holds 1 to 500 queries.")
    ids = [q["Id"] for q in queries]
    if len(set(ids)) != len(ids):
        raise invalid("Each Id of MetricDataQueries must be unique.")
    for q in queries:
        if not IDENTIFIER.match(q["Id"]):
            raise invalid(f"Id {q['Id']!r} must begin with a small letter.")
        if ("MetricStat" in q) == ("Expression" in q):
            raise invalid(f"Query {q['Id']}: give MetricStat or Expression.")
        if "Expression" in q and re.match(r"\s*(SELECT|SEARCH)\b", q["Expression"]):
            raise invalid(f"Query {q['Id']}: SEARCH and Metrics Insights are not supported in rehearsal.")
