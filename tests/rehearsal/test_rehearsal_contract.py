"""What boto3 sees of the loopback AWS over HTTP; each test is something stock moto gets wrong (docs/fidelity.md)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gameday.clock import to_datetime
from gameday.rehearsal import client
from gameday.rehearsal.lookup import local_client
from gameday.rehearsal.processes import alive


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.Rehearsal]:
    rehearsal = client.up(tmp_path_factory.mktemp("workspace"), 60.0, kept=False)
    yield rehearsal
    rehearsal.down()
    assert not alive(rehearsal.pid, rehearsal.started)
    assert not client.state_file(rehearsal.root).exists()


def now(up: client.Rehearsal) -> datetime:
    return to_datetime(up.clock().now() // 60_000 * 60_000)


def query(up: client.Rehearsal, queries: list[dict[str, Any]], at: datetime, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = local_client("cloudwatch", up.endpoint).get_metric_data(
        MetricDataQueries=queries, StartTime=at, EndTime=at + timedelta(minutes=5), **more
    )
    return found


def metric(name: str, stat: str = "Sum", **more: Any) -> dict[str, Any]:
    return {
        "Id": "m1",
        "MetricStat": {"Metric": {"Namespace": "C", "MetricName": name}, "Period": 60, "Stat": stat},
    } | more


def put(up: client.Rehearsal, name: str, at: datetime, values: list[float], namespace: str = "C", **more: Any) -> None:
    data = [{"MetricName": name, "Timestamp": at, "Value": v} | more for v in values]
    local_client("cloudwatch", up.endpoint).put_metric_data(Namespace=namespace, MetricData=data)


def test_percentiles_and_math_are_answered(up: client.Rehearsal) -> None:
    at = now(up)
    put(up, "p", at, [float(i) for i in range(1, 101)])
    found = query(up, [metric("p", "p99"), {"Id": "e", "Expression": "100*m1/99"}], at)["MetricDataResults"]
    assert [r["Values"] for r in found] == [[99.0], [100.0]]
    assert found[0]["Timestamps"][0] == at


def test_namespaces_and_dimensions_do_not_leak(up: client.Rehearsal) -> None:
    at = now(up)
    put(up, "leak", at, [1.0])
    put(up, "leak", at, [50.0], "Other")
    put(up, "leak", at, [500.0], Dimensions=[{"Name": "a", "Value": "b"}])
    assert query(up, [metric("leak")], at)["MetricDataResults"][0]["Values"] == [1.0]


def test_a_compressed_body_is_read(up: client.Rehearsal) -> None:
    at = now(up)
    put(up, "big", at, [1.0] * 900)
    assert query(up, [metric("big")], at)["MetricDataResults"][0]["Values"] == [900.0]


def test_five_hundred_queries_are_taken_and_one_more_refused(up: client.Rehearsal) -> None:
    many = [metric("p") | {"Id": f"m{i}"} for i in range(501)]
    assert len(query(up, many[:500], now(up))["MetricDataResults"]) == 500
    with pytest.raises(ClientError, match="1 to 500"):
        query(up, many, now(up))


def test_data_is_paged(up: client.Rehearsal) -> None:
    at = now(up)
    for minute in range(3):
        put(up, "pages", at + timedelta(minutes=minute), [float(minute)])
    first = query(up, [metric("pages")], at, MaxDatapoints=2)
    rest = query(up, [metric("pages")], at, MaxDatapoints=2, NextToken=first["NextToken"])
    assert first["MetricDataResults"][0]["Values"] + rest["MetricDataResults"][0]["Values"] == [2.0, 1.0, 0.0]
    assert "NextToken" not in rest


@pytest.mark.parametrize("expression", ["SEARCH('{C} x', 'Sum')", "SELECT SUM(x) FROM C", "STDDEV(m1)"])
def test_unsupported_expressions_are_errors_not_silence(up: client.Rehearsal, expression: str) -> None:
    with pytest.raises(ClientError, match="not supported"):
        query(up, [metric("p"), {"Id": "e", "Expression": expression}], now(up))


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("xray", "get_groups", {}),
        ("ssm", "create_ops_item", {"Description": "x", "Source": "x", "Title": "x"}),
        ("arc-zonal-shift", "list_zonal_shifts", {}),
        ("service-quotas", "list_services", {}),
        ("cloudwatch", "put_composite_alarm", {"AlarmName": "x", "AlarmRule": "TRUE"}),
    ],
)
def test_what_is_not_served_is_a_clean_refusal(
    up: client.Rehearsal, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(local_client(service, up.endpoint), operation)(**arguments)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_fis_ids_tags_and_refusals_look_real(up: client.Rehearsal) -> None:
    fis = local_client("fis", up.endpoint)
    arguments: dict[str, Any] = {
        "clientToken": "c1", "description": "d", "roleArn": "arn:aws:iam::123456789012:role/x",
        "stopConditions": [{"source": "none"}], "tags": {"gameday:run": "r"},
        "actions": {"w": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1H"}}},
    }  # fmt: skip
    template = fis.create_experiment_template(**arguments)["experimentTemplate"]
    assert template["id"].startswith("EXT")
    assert fis.list_tags_for_resource(resourceArn=template["arn"])["tags"] == {"gameday:run": "r"}
    fis.tag_resource(resourceArn=template["arn"], tags={"a": "1", "b": "2"})
    fis.untag_resource(resourceArn=template["arn"], tagKeys=["a", "b"])
    assert fis.list_tags_for_resource(resourceArn=template["arn"])["tags"] == {"gameday:run": "r"}
    experiment = fis.start_experiment(experimentTemplateId=template["id"], clientToken="c2")["experiment"]
    assert experiment["id"].startswith("EXP")
    fis.stop_experiment(id=experiment["id"])
    assert fis.delete_experiment_template(id=template["id"])["experimentTemplate"]["id"] == template["id"]
    arguments |= {"clientToken": "c3", "actions": {"w": {"actionId": "aws:ec2:nonsense"}}}
    with pytest.raises(fis.exceptions.ValidationException):
        fis.create_experiment_template(**arguments)
    with pytest.raises(fis.exceptions.ResourceNotFoundException):
        fis.get_experiment(id="EXPnone")
    with pytest.raises(fis.exceptions.ResourceNotFoundException):
        fis.get_action(id="aws:ec2:stop-instances")
    assert fis.get_safety_lever(id="default")["safetyLever"]["state"]["status"] == "disengaged"
    assert fis.get_target_resource_type(resourceType="aws:ec2:instance")["targetResourceType"]


def test_stock_services_still_answer(up: client.Rehearsal) -> None:
    ec2 = local_client("ec2", up.endpoint)
    assert ec2.describe_instances()["Reservations"] == []
    local_client("s3", up.endpoint).create_bucket(
        Bucket="bucket-one", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
    )
    assert local_client("s3", up.endpoint).list_buckets()["Buckets"][0]["Name"] == "bucket-one"


def test_the_gate_throttles_drops_and_counts(up: client.Rehearsal) -> None:
    try:
        up.ask("faults", {"service": "fis", "operation": "ListActions", "mode": "throttle"})
        with pytest.raises(ClientError, match="ThrottlingException"):
            local_client("fis", up.endpoint).list_actions()
        up.ask("faults", {"metric": "gone"})
        put(up, "gone", now(up), [1.0])
        assert query(up, [metric("gone")], now(up))["MetricDataResults"][0]["Values"] == []
    finally:
        up.ask("faults", {"clear": True})
    assert up.ask("counts")["fis.ListActions"] >= 1


def test_a_second_up_attaches(up: client.Rehearsal, tmp_path: Path) -> None:
    assert client.up(up.root, 60.0, kept=False).endpoint == up.endpoint
    assert client.attach(tmp_path) is None
    assert up.disturbed(0) == ([], 0)
