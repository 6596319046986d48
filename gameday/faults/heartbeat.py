"""The AWS part of the dead-man's switch: the heartbeat metric of a run, and the alarm that stops its experiments.

A missing heartbeat is breaching, so FIS, which has the alarm as a stop condition of each experiment, stops them all
when nobody writes it any more (AWS FIS user guide, "Stop conditions"). The alarm has no actions: nobody is paged. It is
a leftover like any other: it is on the ledger before it is made, and its ``stop`` deletes it and sees it gone.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gameday.aws import Aws, CallFailed, told
from gameday.errors import Problem
from gameday.faults.fis_template import RUN_TAG
from gameday.faults.targets import partition
from gameday.model.workspace import Environment
from gameday.plan import DeadMan
from gameday.protocols import ProviderStatus, Stops, Sweeps, Tagged, Trace

NAMESPACE, METRIC = "Gameday", "Heartbeat"
NAMED, KIND = "gameday-heartbeat-", "dead-man's alarm"
ABSENT = frozenset({"ResourceNotFound", "ResourceNotFoundException"})


def alarm_name(run: str) -> str:
    """The alarm of a run."""
    return f"{NAMED}{run}"


def alarm_arn(environment: Environment, run: str) -> str:
    """Its ARN in the environment's own account and first Region, as a stop condition names it."""
    where = f"{environment.region}:{environment.account}"
    return f"arn:{partition(environment.region)}:cloudwatch:{where}:alarm:{alarm_name(run)}"


class HeartbeatAlarm:
    """Metric and alarm of a run in one Region. For undo it is a provider like any other, whose ``stop`` deletes the
    alarm that the trace means, in whichever Region."""

    name = "dead-man"
    in_aws = True

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._lock = threading.Lock()  # so that none is made while it is deleted, or after
        self._over: set[str] = set()
        self._others: dict[str, HeartbeatAlarm] = {}

    def at(self, region: str | None) -> HeartbeatAlarm:
        """That of another Region of the environment; None is this one. Always the same one for the same Region."""
        if region in (None, "", self._aws.environment.region):
            return self
        assert region is not None
        with self._lock:
            return self._others.setdefault(region, HeartbeatAlarm(self._aws.at(None, region)))

    @property
    def _cloudwatch(self) -> Any:
        return self._aws.client("cloudwatch")

    def beat(self, run: str) -> None:
        """Say that the run is conducted. AWS stamps it, so that no clock of ours can be wrong. CallFailed."""
        datum = {"MetricName": METRIC, "Dimensions": _dimensions(run), "Value": 1.0, "Unit": "Count",
                 "StorageResolution": 1}  # fmt: skip
        with told("cloudwatch PutMetricData"):
            self._cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])

    def arm(self, run: str, planned: DeadMan) -> None:
        """Make the alarm, or make it again. CallFailed when AWS refuses; nothing is made for a run that is over."""
        with self._lock, told("cloudwatch PutMetricAlarm"):
            if run in self._over:
                raise CallFailed(Problem("RUN_OVER", "this run is over", "nothing"), None)
            self._cloudwatch.put_metric_alarm(**alarm_request(run, planned))

    def state(self, run: str) -> str | None:
        """OK, ALARM or INSUFFICIENT_DATA; None when there is no such alarm. CallFailed."""
        found = self._found(run)
        return str(found["StateValue"]) if found else None

    def _found(self, run: str) -> Any:
        with told("cloudwatch DescribeAlarms"):
            said = self._cloudwatch.describe_alarms(AlarmNames=[alarm_name(run)], AlarmTypes=["MetricAlarm"])
        return next(iter(said["MetricAlarms"]), None)

    def stop(self, trace: Trace) -> ProviderStatus:
        """Delete the alarm and look whether it is gone. Idempotent. The detail says whether it had fired."""
        return self.at(trace.get("region"))._end(trace["run"])

    def _end(self, run: str) -> ProviderStatus:
        with self._lock:
            self._over.add(run)
            fired = self.state(run) == "ALARM"
            self._delete(run)
            if self.state(run) is not None:
                return ProviderStatus("active", "the alarm is still there")
        return ProviderStatus("ended", "it had fired" if fired else "it is gone", clean=True)

    def tagged(self) -> Sequence[Tagged]:
        """The alarms of every run in this Region that bear our tag: the name alone makes none ours."""
        found = []
        with told("cloudwatch DescribeAlarms"):
            pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
                AlarmNamePrefix=NAMED, AlarmTypes=["MetricAlarm"]
            )
            alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
        for alarm in alarms:
            run = self._run_of(alarm["AlarmArn"])
            if run and alarm["AlarmName"] == alarm_name(run):
                found.append(Tagged(KIND, alarm["AlarmName"], alarm["StateValue"], run))
        return found

    def _run_of(self, arn: str) -> str:
        try:
            with told("cloudwatch ListTagsForResource"):
                tags = self._cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]
        except CallFailed as error:
            if error.code in ABSENT:  # it went in between
                return ""
            raise
        return next((str(tag["Value"]) for tag in tags if tag["Key"] == RUN_TAG), "")

    def remove(self, tagged: Tagged) -> ProviderStatus:
        """Delete the alarm of that run here, and look whether it is gone. Whoever asks has seen to it that nothing is
        left that it would end."""
        return self._end(tagged.run)

    def _delete(self, run: str) -> None:
        try:
            with told("cloudwatch DeleteAlarms"):
                self._cloudwatch.delete_alarms(AlarmNames=[alarm_name(run)])
        except CallFailed as error:
            if error.code not in ABSENT:  # gone is what was wanted
                raise


def alarm_request(run: str, planned: DeadMan) -> dict[str, Any]:
    """The request of PutMetricAlarm: ALARM when every datapoint that is looked at is missing."""
    return {
        "AlarmName": alarm_name(run),
        "AlarmDescription": f"gameday {run}: its conductor is silent, so FIS stops what it has started.",
        "ActionsEnabled": False,
        "Namespace": NAMESPACE,
        "MetricName": METRIC,
        "Dimensions": _dimensions(run),
        "Statistic": "SampleCount",
        "Period": planned.period_ms // 1000,
        "EvaluationPeriods": planned.periods,
        "DatapointsToAlarm": planned.periods,
        "Threshold": 1.0,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
        "Tags": [{"Key": RUN_TAG, "Value": run}],
    }


def _dimensions(run: str) -> list[dict[str, str]]:
    return [{"Name": "Run", "Value": run}]


if TYPE_CHECKING:  # mypy proves here that undo can stop it, and a sweep find it

    def _fits(alarm: HeartbeatAlarm) -> tuple[Stops, Sweeps]:
        return alarm, alarm
