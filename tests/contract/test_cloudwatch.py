"""The calls of CloudWatch that the product makes. On AWS: one metric and one alarm, which are deleted or fade away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.account import Account, refused, until, window

NAMESPACE = "gameday-contract-test"


def metric(name: str, ident: str = "m1", stat: str = "Sum", period: int = 60) -> dict[str, Any]:
    named = {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": [{"Name": "of", "Value": "us"}]}
    return {"Id": ident, "MetricStat": {"Metric": named, "Period": period, "Stat": stat}}


def put(account: Account, name: str, *values: float) -> None:
    at = account.now().replace(second=0, microsecond=0) - timedelta(minutes=2)
    datum = {"MetricName": name, "Timestamp": at, "Values": list(values), "Dimensions": [{"Name": "of", "Value": "us"}]}
    account.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=[datum])


def read(account: Account, *queries: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = account.client("cloudwatch").get_metric_data(
        MetricDataQueries=list(queries), **window(account), **more
    )
    return answer


def values(account: Account, *queries: dict[str, Any]) -> dict[str, list[float]]:
    return {result["Id"]: result["Values"] for result in read(account, *queries)["MetricDataResults"]}


def test_cloudwatch_get_metric_data(account: Account) -> None:
    """Counts and expressions by their ids; a metric that is not there is Complete and empty, not zero."""
    put(account, "calls", 1.0, 2.0, 4.0)
    until(account, lambda: bool(values(account, metric("calls"))["m1"]))
    asked = [metric("calls"), metric("calls", "m2", "SampleCount"), {"Id": "e1", "Expression": "m1/m2*3"}]
    assert values(account, *asked) == {"m1": [7.0], "m2": [3.0], "e1": [7.0]}
    (empty,) = read(account, metric("nobody-wrote-this"))["MetricDataResults"]
    assert (empty["StatusCode"], empty["Values"], empty["Timestamps"]) == ("Complete", [], [])


def test_cloudwatch_get_metric_data_in_order_and_by_the_minute(account: Account) -> None:
    put(account, "order", 5.0)
    until(account, lambda: bool(values(account, metric("order"))["m1"]))
    (result,) = read(account, metric("order"), ScanBy="TimestampAscending")["MetricDataResults"]
    assert result["Timestamps"] == sorted(result["Timestamps"]) and result["Timestamps"][0].second == 0


def test_cloudwatch_get_metric_data_pages(account: Account) -> None:
    """With MaxDatapoints 1 the two metrics come in two pages at least, and together they are whole."""
    for name in ("page-a", "page-b"):
        put(account, name, 1.0)
    both = (metric("page-a"), metric("page-b", "m2"))
    until(account, lambda: all(values(account, *both).values()))
    page, found, pages = read(account, *both, MaxDatapoints=1), dict[str, list[float]](), 1
    for result in page["MetricDataResults"]:
        found.setdefault(result["Id"], []).extend(result["Values"])
    while page.get("NextToken"):
        page, pages = read(account, *both, MaxDatapoints=1, NextToken=page["NextToken"]), pages + 1
        for result in page["MetricDataResults"]:
            found.setdefault(result["Id"], []).extend(result["Values"])
    assert found == {"m1": [1.0], "m2": [1.0]} and pages >= 2


def test_cloudwatch_get_metric_data_refuses(account: Account) -> None:
    many = [metric("calls", f"m{i}") for i in range(501)]
    for wrong in (many, [metric("calls"), metric("calls")], [metric("calls", "M1")], [metric("calls", period=7)],
                  [metric("calls", stat="Most")], [{"Id": "e1", "Expression": "m1 + m2"}]):  # fmt: skip
        with refused("ValidationError", "InvalidParameterValue"):
            read(account, *wrong)


@pytest.fixture
def alarm(account: Account) -> Iterator[str]:
    cloudwatch, name = account.client("cloudwatch"), "gameday-contract-test"
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace=NAMESPACE, MetricName="alarmed", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="ignore",
    )  # fmt: skip
    yield name
    cloudwatch.delete_alarms(AlarmNames=[name])


def described(account: Account, *names: str) -> list[dict[str, Any]]:
    kinds = ["MetricAlarm", "CompositeAlarm"]
    answer = account.client("cloudwatch").describe_alarms(AlarmNames=list(names), AlarmTypes=kinds, MaxRecords=100)
    return [*answer["MetricAlarms"], *answer.get("CompositeAlarms", [])]


def test_cloudwatch_describe_alarms(account: Account, alarm: str) -> None:
    """A name that is not there is left out, and no error."""
    (found,) = described(account, alarm, "gameday-no-such-alarm")
    assert found["AlarmName"] == alarm and found["StateValue"] in ("INSUFFICIENT_DATA", "OK")
    assert found["StateUpdatedTimestamp"] <= account.now() + timedelta(minutes=1)
    with refused("ValidationError", "InvalidParameterValue"):
        account.client("cloudwatch").describe_alarms(AlarmNames=[alarm] * 101)
    with refused("ValidationError", "InvalidParameterValue"):
        account.client("cloudwatch").describe_alarms(AlarmNames=[alarm], MaxRecords=101)


def test_cloudwatch_describe_alarm_history(account: Account, alarm: str) -> None:
    """Each change of state is kept, so that one between two looks is not lost; two in a row, oldest first, paged."""
    cloudwatch, before = account.client("cloudwatch"), account.now() - timedelta(minutes=1)
    for state in ("ALARM", "OK"):
        account.wait(3)
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="contract test")
    asked = {"AlarmName": alarm, "HistoryItemType": "StateUpdate", "ScanBy": "TimestampAscending", "StartDate": before}
    asked |= {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}

    def items() -> list[dict[str, Any]]:
        end = account.now() + timedelta(minutes=1)
        pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
            **asked, EndDate=end, PaginationConfig={"PageSize": 1}
        )
        return [item for page in pages for item in page["AlarmHistoryItems"]]

    until(account, lambda: len(items()) >= 2)
    said = [item["HistorySummary"].rpartition(" to ")[2] for item in items()]
    assert said[-2:] == ["ALARM", "OK"]
    assert all('"newState"' in item["HistoryData"] for item in items())
    nothing = cloudwatch.describe_alarm_history(**asked | {"AlarmName": "gameday-no-such-alarm"})
    assert nothing["AlarmHistoryItems"] == []
    with refused("InvalidNextToken"):
        cloudwatch.describe_alarm_history(**asked, NextToken="no token")


def test_cloudwatch_put_metric_data(account: Account) -> None:
    """What is put is read back as it was; a thousand metrics go in a call, and no more."""
    put(account, "told", 3.0, 4.0)
    until(account, lambda: values(account, metric("told")) == {"m1": [7.0]})
    with refused("ValidationError", "InvalidParameterValue"):
        many = [{"MetricName": f"m{i}", "Value": 1.0} for i in range(1001)]
        account.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=many)


def test_cloudwatch_put_metric_alarm(account: Account, alarm: str) -> None:
    """One whose data are missing is in ALARM when missing is breaching; a period that is none is refused."""
    cloudwatch, silent = account.client("cloudwatch"), "gameday-contract-silent"
    asked = {
        "AlarmName": silent, "Namespace": NAMESPACE, "MetricName": "nobody-beats", "Statistic": "SampleCount",
        "Period": 10, "EvaluationPeriods": 2, "Threshold": 1, "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
    }  # fmt: skip
    try:
        cloudwatch.put_metric_alarm(**asked)
        until(account, lambda: described(account, silent)[0]["StateValue"] == "ALARM", 240)
        with refused("ValidationError", "InvalidParameterValue"):
            cloudwatch.put_metric_alarm(**asked | {"Period": 17})
    finally:
        cloudwatch.delete_alarms(AlarmNames=[silent])


def test_cloudwatch_delete_alarms(account: Account, alarm: str) -> None:
    """It is gone at once, for whoever asks."""
    account.client("cloudwatch").delete_alarms(AlarmNames=[alarm])
    assert described(account, alarm) == []


def test_cloudwatch_list_tags_for_resource(account: Account, alarm: str) -> None:
    """The tags that an alarm was made with, and none for one that has none."""
    cloudwatch, name = account.client("cloudwatch"), "gameday-contract-tagged"
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace=NAMESPACE, MetricName="alarmed", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", Tags=[{"Key": "gameday:run", "Value": "r-1"}],
    )  # fmt: skip
    try:
        arns = {one["AlarmName"]: one["AlarmArn"] for one in described(account, name, alarm)}
        tagged = cloudwatch.list_tags_for_resource(ResourceARN=arns[name])["Tags"]
        assert tagged == [{"Key": "gameday:run", "Value": "r-1"}]
        assert cloudwatch.list_tags_for_resource(ResourceARN=arns[alarm])["Tags"] == []
    finally:
        cloudwatch.delete_alarms(AlarmNames=[name])
