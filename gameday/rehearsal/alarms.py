"""CloudWatch alarms evaluated from data: M of N over closed periods, with missing data treated as configured."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from gameday.clock import Clock, Ms, iso
from gameday.rehearsal.metric_store import AwsError

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")
EXTRA_PERIODS = 2  # CloudWatch looks a little further back than EvaluationPeriods when data is missing
Read = Callable[[dict[str, Any], int, Ms, Ms], dict[int, float]]


@dataclass
class Alarm:
    """One metric alarm."""

    name: str
    settings: dict[str, Any]
    arn: str
    made_ms: Ms
    state: str = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    state_ms: Ms = 0
    set_period: Ms = -1  # a state set by hand holds until the next period closes
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def period_ms(self) -> int:
        found = self.settings.get("Period")
        if found is None:
            found = max((_period(q) for q in self.settings.get("Metrics", [])), default=60)
        return int(found) * 1000

    def view(self) -> dict[str, Any]:
        """As DescribeAlarms shows it."""
        shown = {k: v for k, v in self.settings.items() if k != "Tags"}
        return shown | {
            "AlarmName": self.name,
            "AlarmArn": self.arn,
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateUpdatedTimestamp": self.state_ms / 1000,
            "StateTransitionedTimestamp": self.state_ms / 1000,
            "AlarmConfigurationUpdatedTimestamp": self.made_ms / 1000,
        }


def _period(query: dict[str, Any]) -> int:
    return int(query.get("Period") or query.get("MetricStat", {}).get("Period") or 60)


def judge(points: Sequence[float | None], breaches: Callable[[float], bool], n: int, m: int, treat: str) -> str:
    """The state the points give, oldest first; "" = keep the current one. (AWS: "Configuring how CloudWatch alarms
    treat missing data": every row of both its tables is in the tests. Where all that is there breaches but is fewer
    than M, what is the oldest decides: M periods old is an alarm, younger is not yet one.)"""
    real = [p for p in points if p is not None]
    used = real[-n:]
    bad, fill = sum(breaches(p) for p in used), max(0, n - len(used))
    if fill == 0 or treat in ("breaching", "notBreaching"):
        return "ALARM" if bad + (fill if treat == "breaching" else 0) >= m else "OK"
    if not real:
        return "INSUFFICIENT_DATA" if treat == "missing" else ""
    if bad >= m:
        return "ALARM"
    if bad < len(used):
        return "OK"
    oldest = next((len(points) - i for i, p in enumerate(points) if p is not None), 0)
    if treat == "ignore":
        return ""
    return "ALARM" if oldest >= m else "INSUFFICIENT_DATA"


class Alarms:
    """All alarms. ``read(settings, period_ms, start, end)`` gives bucket start -> value."""

    def __init__(self, clock: Clock, read: Read, arn_prefix: str) -> None:
        self.clock, self.read, self.prefix = clock, read, arn_prefix
        self.found: dict[str, Alarm] = {}
        self.lock = RLock()

    def put(self, settings: dict[str, Any]) -> None:
        """PutMetricAlarm: a new alarm begins as INSUFFICIENT_DATA; a changed one keeps its state."""
        name = settings.get("AlarmName")
        if not name:
            raise AwsError("ValidationError", "AlarmName is required.")
        _check(settings)
        with self.lock:
            now, old = self.clock.now(), self.found.get(name)
            kept = {
                "ActionsEnabled": True,
                "OKActions": [],
                "AlarmActions": [],
                "InsufficientDataActions": [],
            } | settings
            if old:
                old.settings, old.made_ms = kept, now
            else:
                self.found[name] = Alarm(name, kept, self.prefix + name, now, state_ms=now)
            self._note(self.found[name], "ConfigurationUpdate", f'Alarm "{name}" {"updated" if old else "created"}', {})

    def set_state(self, name: str, state: str, reason: str) -> None:
        """SetAlarmState: holds until the next evaluation."""
        with self.lock:
            if name not in self.found:
                raise AwsError("ResourceNotFound", f"The alarm {name} does not exist.", 404)
            alarm = self.found[name]
            self._move(alarm, state, reason)
            alarm.set_period = self.clock.now() // alarm.period_ms

    def state_of(self, arn_or_name: str) -> str | None:
        """The state now; None when there is no such alarm."""
        with self.lock:
            alarm = self.found.get(arn_or_name.removeprefix(self.prefix))
            return alarm.state if alarm else None

    def delete(self, names: Sequence[str]) -> None:
        """DeleteAlarms."""
        with self.lock:
            for name in names:
                self.found.pop(name, None)

    def evaluate(self) -> None:
        """Evaluate every alarm on the periods that have closed."""
        with self.lock:
            for alarm in self.found.values():
                if alarm.set_period != self.clock.now() // alarm.period_ms:
                    self._evaluate(alarm)

    def _evaluate(self, alarm: Alarm) -> None:
        given, period = alarm.settings, alarm.period_ms
        n = int(given["EvaluationPeriods"])
        end = self.clock.now() // period * period
        start = end - (n + EXTRA_PERIODS) * period
        values = self.read(given, period, start, end)
        points = [values.get(t) for t in range(start, end, period)]
        compare, threshold = COMPARE[given["ComparisonOperator"]], float(given["Threshold"])
        m = int(given.get("DatapointsToAlarm") or n)
        state = judge(points, lambda v: compare(v, threshold), n, m, given.get("TreatMissingData", "missing"))
        if state and state != alarm.state:
            shown = ", ".join("missing" if p is None else f"{p:g}" for p in points[-n:])
            self._move(alarm, state, f"{given['ComparisonOperator']} {threshold:g}, {m} of {n}: [{shown}]")

    def _move(self, alarm: Alarm, state: str, reason: str) -> None:
        old, alarm.state, alarm.reason = alarm.state, state, reason
        if old == state:
            return
        alarm.state_ms = self.clock.now()
        data = {"oldState": {"stateValue": old}, "newState": {"stateValue": state, "stateReason": reason}}
        self._note(alarm, "StateUpdate", f"Alarm updated from {old} to {state}", data)

    def _note(self, alarm: Alarm, kind: str, summary: str, data: dict[str, Any]) -> None:
        now = self.clock.now()
        body = {"version": "1.0", "at": iso(now)} | data
        alarm.history.insert(0, {"AlarmName": alarm.name, "AlarmType": "MetricAlarm", "Timestamp": now / 1000,
                                 "HistoryItemType": kind, "HistorySummary": summary,
                                 "HistoryData": json.dumps(body)})  # fmt: skip


def _check(settings: dict[str, Any]) -> None:
    for key in ("EvaluationPeriods", "ComparisonOperator", "Threshold"):
        if key not in settings:
            raise AwsError("ValidationError", f"{key} is required in rehearsal (anomaly detection is not served).")
    if settings["ComparisonOperator"] not in COMPARE:
        raise AwsError("ValidationError", f"ComparisonOperator {settings['ComparisonOperator']} is not supported.")
    if settings.get("TreatMissingData", "missing") not in TREATMENTS:
        raise AwsError("ValidationError", f"TreatMissingData must be one of {', '.join(TREATMENTS)}.")
    if int(settings.get("DatapointsToAlarm") or 1) > int(settings["EvaluationPeriods"]):
        raise AwsError("ValidationError", "DatapointsToAlarm must not exceed EvaluationPeriods.")
    if not settings.get("Metrics") and not (settings.get("MetricName") and settings.get("Period")):
        raise AwsError("ValidationError", "MetricName with Period, or Metrics, is required.")
    if settings.get("Period"):
        _check_period(int(settings["Period"]), int(settings["EvaluationPeriods"]))


def _check_period(seconds: int, evaluations: int) -> None:
    """What PutMetricAlarm takes (its API reference): fewer periods than GetMetricData does."""
    if seconds not in (10, 20, 30) and (seconds <= 0 or seconds % 60):
        raise AwsError("ValidationError", f"Period of an alarm must be 10, 20, 30 or a multiple of 60, not {seconds}.")
    longest, words = (86_400, "one day") if seconds < 3_600 else (604_800, "seven days")
    if seconds * evaluations > longest:
        raise AwsError("ValidationError", f"Period times EvaluationPeriods must not exceed {words}.")
