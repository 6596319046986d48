"""The heartbeat's alarm over the wire, against stock moto's CloudWatch, which boto3 cannot tell from AWS."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest

from gameday.aws import Aws, CallFailed
from gameday.faults.fis_template import RUN_TAG
from gameday.faults.heartbeat import HeartbeatAlarm, alarm_arn, alarm_name
from gameday.model.workspace import REHEARSAL_ENVIRONMENT, SECOND_REGION
from gameday.plan import DeadMan

PLANNED = DeadMan(period_ms=10_000, periods=4, worst_case_ms=90_000)


@pytest.fixture
def aws() -> Iterator[Aws]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", b""), timeout=10).close()
    found = Aws(REHEARSAL_ENVIRONMENT, url)
    yield found
    found.close()
    server.stop()


def test_a_missing_heartbeat_is_breaching_and_nobody_is_paged(aws: Aws) -> None:
    alarm = HeartbeatAlarm(aws)
    alarm.beat("r")
    alarm.arm("r", PLANNED)
    (made,) = aws.client("cloudwatch").describe_alarms(AlarmNames=[alarm_name("r")])["MetricAlarms"]
    assert made["AlarmArn"] == alarm_arn(REHEARSAL_ENVIRONMENT, "r")
    assert (made["TreatMissingData"], made["ActionsEnabled"], made["AlarmActions"]) == ("breaching", False, [])
    assert (made["Period"], made["EvaluationPeriods"], made["Threshold"]) == (10, 4, 1.0)
    (metric,) = aws.client("cloudwatch").list_metrics(Namespace="Gameday")["Metrics"]
    assert metric["Dimensions"] == made["Dimensions"] == [{"Name": "Run", "Value": "r"}]


def test_each_region_has_an_alarm_of_its_own_and_undo_deletes_the_one_that_its_trace_means(aws: Aws) -> None:
    alarm = HeartbeatAlarm(aws)
    there = alarm.at(SECOND_REGION)
    assert there is alarm.at(SECOND_REGION) and alarm.at(None) is alarm.at("eu-west-2") is alarm
    for one in (alarm, there):
        one.arm("r", PLANNED)
    status = alarm.stop({"run": "r", "step": "s", "region": SECOND_REGION})
    assert (status.state, status.clean) == ("ended", True)
    assert there.state("r") is None and alarm.state("r") is not None


def test_stop_bears_to_be_asked_twice_and_nothing_is_made_after_it(aws: Aws) -> None:
    alarm = HeartbeatAlarm(aws)
    alarm.arm("r", PLANNED)
    assert [alarm.stop({"run": "r"}).clean for _ in range(2)] == [True, True]
    with pytest.raises(CallFailed, match="RUN_OVER"):
        alarm.arm("r", PLANNED)
    assert alarm.state("r") is None


def test_it_is_found_by_its_tag_and_one_that_has_only_the_name_is_not_ours(aws: Aws) -> None:
    alarm, cloudwatch = HeartbeatAlarm(aws), aws.client("cloudwatch")
    for run in ("r-1", "r-2"):
        alarm.arm(run, PLANNED)
    theirs = {"AlarmName": alarm_name("theirs"), "MetricName": "M", "Namespace": "N", "Period": 60, "Threshold": 1.0,
              "Statistic": "Sum", "EvaluationPeriods": 1, "ComparisonOperator": "LessThanThreshold"}  # fmt: skip
    cloudwatch.put_metric_alarm(**theirs)
    cloudwatch.put_metric_alarm(**{**theirs, "AlarmName": "gameday-heartbeat-x"}, Tags=[{"Key": RUN_TAG, "Value": "y"}])
    found = alarm.tagged()
    assert sorted((t.id, t.run) for t in found) == [(alarm_name("r-1"), "r-1"), (alarm_name("r-2"), "r-2")]
    assert [HeartbeatAlarm(aws).remove(t).clean for t in found] == [True, True]
    assert alarm.tagged() == []
