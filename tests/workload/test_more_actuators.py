"""FIS's actions on streams, tables, databases, tasks, networks and APIs really break the pieces they name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gameday.aws import Aws
from gameday.clock import from_iso, to_datetime
from gameday.model.service import Service
from gameday.model.workload import Workload
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.rehearsal import client
from gameday.rehearsal.lookup import local_client

P = 5_000
WORKLOAD = """{"kind": "workload", "service": "bank", "publish": "5s", "namespace": "Bank", "api": "pay",
 "load": {"from": "edge", "per_minute": 240},
 "subnets": {"inner": "a", "outer": "b"},
 "pieces": {"edge": {"type": "edge", "record": "api.bank.example", "routes": {"main": "front"}, "subnet": "outer"},
  "front": {"type": "task", "calls": ["orders", "ledger", "accounts"], "restart": "20s", "subnet": "outer"},
  "orders": {"type": "stream", "consumer": "books"},
  "books": {"type": "table", "replica": "copy"}, "copy": {"type": "table"},
  "ledger": {"type": "database", "failover": "30s", "subnet": "inner"},
  "accounts": {"type": "instance"}}}"""
SERVICE = '{"kind": "service", "id": "bank", "title": "Bank"}'
ENDED = ("completed", "stopped", "failed")
HEAD = "arn:aws:{}:eu-west-2:123456789012:{}"


class Bank:
    """The workload that is up."""

    def __init__(self, rehearsal: client.Rehearsal) -> None:
        self.rehearsal, self.clock = rehearsal, rehearsal.clock()
        self.aws = Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint)

    def until(self, holds: Callable[[], Any], within: int = 240_000) -> Any:
        end = self.clock.now() + within
        while not (found := holds()):
            assert self.clock.now() < end, "it never held"
            self.clock.sleep(1_000)
        return found

    def values(self, name: str, at: int, namespace: str = "Bank", stat: str = "Sum", **dims: str) -> list[float]:
        """The values of the buckets that began after then."""
        given = [{"Name": k, "Value": v} for k, v in (dims or {"Api": "pay"}).items()]
        found = self.aws.client("cloudwatch").get_metric_statistics(
            Namespace=namespace, MetricName=name, Dimensions=given, Period=5, Statistics=[stat],
            StartTime=to_datetime(at // P * P), EndTime=to_datetime(self.clock.now()),
        )  # fmt: skip
        points = sorted((from_iso(p["Timestamp"].isoformat()), p[stat]) for p in found["Datapoints"])
        return [value for start, value in points if start >= at]

    def failures(self, at: int, buckets: int = 2) -> list[float]:
        found: list[float] = self.until(lambda: v[:buckets] if len(v := self.values("Failures", at)) >= buckets else [])
        return found

    def fine(self) -> None:
        """Customers are served again."""
        self.until(lambda: self.failures(self.clock.now(), 1) == [0])

    def status(self, experiment: str) -> dict[str, Any]:
        return dict(self.aws.client("fis").get_experiment(id=experiment)["experiment"]["state"])

    @contextmanager
    def fault(self, action: str, target: dict[str, Any] | None, **parameters: str) -> Iterator[str]:
        fis = self.aws.client("fis")
        keys = fis.get_action(id=action)["action"]["targets"]
        (key, kind), *_ = [(k, t["resourceType"]) for k, t in keys.items()] or [("", "")]
        made = fis.create_experiment_template(
            clientToken=f"t{time.monotonic_ns()}", description="t", roleArn=REHEARSAL_ENVIRONMENT.fis_role,
            stopConditions=[{"source": "none"}],
            targets={"t": {"resourceType": kind, "selectionMode": "ALL", **target}} if target else {},
            actions={"a": {"actionId": action, "parameters": parameters, "targets": {key: "t"} if target else {}}},
        )["experimentTemplate"]["id"]  # fmt: skip
        ident = str(fis.start_experiment(clientToken=made, experimentTemplateId=made)["experiment"]["id"])
        self.until(lambda: self.status(ident)["status"] not in ("pending", "initiating"))
        try:
            yield ident
        finally:
            if self.status(ident)["status"] not in ENDED:
                fis.stop_experiment(id=ident)
            self.until(lambda: self.status(ident)["status"] in ENDED)


def arn(service: str, tail: str) -> dict[str, Any]:
    return {"resourceArns": [HEAD.format(service, tail)]}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    content = (Workload.model_validate_json(WORKLOAD), Service.model_validate_json(SERVICE))
    rehearsal = client.up(tmp_path_factory.mktemp("bank"), 20.0, kept=False, workload_content=content)
    found = Bank(rehearsal)
    yield found
    found.aws.close()
    rehearsal.down()


def test_all_pieces_serve_and_their_actions_are_offered(bank: Bank) -> None:
    assert all(bank.rehearsal.status()["healthy"].values())
    bank.fine()
    offered = set(bank.rehearsal.status()["actions"])
    assert {"aws:kinesis:stream-provisioned-throughput-exception", "aws:rds:failover-db-cluster", "aws:ecs:stop-task",
            "aws:dynamodb:global-table-pause-replication", "aws:network:disrupt-connectivity",
            "aws:fis:inject-api-throttle-error"} <= offered  # fmt: skip
    assert "aws:lambda:invocation-error" not in offered, "no function here"


def test_a_stream_whose_throughput_is_exceeded_refuses_and_counts_it(bank: Bank) -> None:
    action = "aws:kinesis:stream-provisioned-throughput-exception"
    with bank.fault(action, arn("kinesis", "stream/orders"), duration="PT5M", percentage="100"):
        at = bank.clock.now()
        assert min(bank.failures(at + P)) == 20
        metric = {"namespace": "AWS/Kinesis", "StreamName": "orders"}
        assert max(bank.values("WriteProvisionedThroughputExceeded", at, **metric)) > 0
    bank.fine()


def test_an_expired_iterator_keeps_records_waiting(bank: Bank) -> None:
    action = "aws:kinesis:stream-expired-iterator-exception"
    metric = {"namespace": "AWS/Kinesis", "stat": "Maximum", "StreamName": "orders"}
    with bank.fault(action, arn("kinesis", "stream/orders"), duration="PT5M", percentage="100"):
        at = bank.clock.now()
        bank.until(lambda: max(bank.values("GetRecords.IteratorAgeMilliseconds", at, **metric), default=0) > 8_000)
        assert max(bank.values("Failures", at)) == 0, "customers are taken all the same"
    at = bank.clock.now()
    bank.until(lambda: 0 in bank.values("GetRecords.IteratorAgeMilliseconds", at, **metric))


def test_paused_replication_falls_behind_and_catches_up(bank: Bank) -> None:
    action = "aws:dynamodb:global-table-pause-replication"
    with bank.fault(action, arn("dynamodb", "table/books"), duration="PT5M"):
        at = bank.clock.now()
        bank.until(lambda: max(bank.values("Behind", at, Piece="books"), default=0) > 40)
        assert max(bank.values("Failures", at)) == 0
    at = bank.clock.now()
    bank.until(lambda: min(bank.values("Behind", at, Piece="books"), default=99) == 0)


def test_a_table_without_a_replica_has_nothing_to_pause(bank: Bank) -> None:
    action = "aws:dynamodb:global-table-pause-replication"
    with bank.fault(action, arn("dynamodb", "table/copy"), duration="PT1M") as ident:
        bank.until(lambda: bank.status(ident)["status"] == "failed")
        assert "no replica" in bank.status(ident)["reason"]


def test_a_failover_moves_the_writer_and_refuses_until_it_has(bank: Bank) -> None:
    rds = bank.aws.client("rds")

    def cluster() -> dict[str, Any]:
        return dict(rds.describe_db_clusters(DBClusterIdentifier="ledger")["DBClusters"][0])

    def writer() -> str:
        return next(str(m["DBInstanceIdentifier"]) for m in cluster()["DBClusterMembers"] if m["IsClusterWriter"])

    before = writer()
    with bank.fault("aws:rds:failover-db-cluster", arn("rds", "cluster:ledger")) as ident:
        at = bank.clock.now()
        assert cluster()["Status"] == "failing-over"
        assert bank.status(ident)["status"] == "completed", "it is over at once for FIS"
        assert bank.failures(at + P, 1) == [20]
        bank.until(lambda: cluster()["Status"] == "available")
    assert writer() != before
    bank.fine()


def test_a_reader_reboots_and_nobody_notices_and_a_writer_is_missed(bank: Bank) -> None:
    members = bank.aws.client("rds").describe_db_clusters(DBClusterIdentifier="ledger")["DBClusters"][0]
    by_role = {m["IsClusterWriter"]: m["DBInstanceIdentifier"] for m in members["DBClusterMembers"]}
    with bank.fault("aws:rds:reboot-db-instances", arn("rds", f"db:{by_role[False]}")):
        assert bank.rehearsal.status()["healthy"]["ledger"]
    with bank.fault("aws:rds:reboot-db-instances", arn("rds", f"db:{by_role[True]}")):
        assert not bank.rehearsal.status()["healthy"]["ledger"]
    bank.until(lambda: bank.rehearsal.status()["healthy"]["ledger"])


@pytest.mark.parametrize("target", [{"resourceTags": {"Name": "front"}},
                                    {"parameters": {"cluster": "gameday", "service": "front"}}])  # fmt: skip
def test_a_stopped_task_is_killed_and_its_service_starts_another(bank: Bank, target: dict[str, Any]) -> None:
    pid = bank.rehearsal.status()["pieces"]["front"]["pid"]
    with bank.fault("aws:ecs:stop-task", target) as ident:
        at = bank.clock.now()
        (stopped,) = bank.aws.client("fis").list_experiment_resolved_targets(experimentId=ident)["resolvedTargets"]
        assert not bank.rehearsal.status()["healthy"]["front"]
        assert bank.failures(at, 1)[0] > 0
    bank.until(lambda: bank.rehearsal.status()["healthy"]["front"])
    assert bank.rehearsal.status()["pieces"]["front"]["pid"] != pid
    running = bank.aws.client("ecs").list_tasks(cluster="gameday", desiredStatus="RUNNING")["taskArns"]
    assert len(running) == 1 and stopped["targetInformation"]["arn"] not in running
    bank.fine()


def subnet(name: str) -> dict[str, Any]:
    return {"resourceTags": {"Name": name}}


@pytest.mark.parametrize(("scope", "name", "cut"), [("all", "inner", True), ("availability-zone", "inner", True),
                                                    ("vpc", "outer", True), ("dynamodb", "inner", False)])  # fmt: skip
def test_a_subnet_without_connectivity_is_not_reached_by_scope(bank: Bank, scope: str, name: str, cut: bool) -> None:
    with bank.fault("aws:network:disrupt-connectivity", subnet(name), duration="PT5M", scope=scope):
        at = bank.clock.now()
        assert (max(bank.failures(at + P)) > 0) is cut
    bank.fine()
    assert all(bank.rehearsal.status()["healthy"].values())


def test_a_scope_without_a_meaning_here_is_refused(bank: Bank) -> None:
    with bank.fault("aws:network:disrupt-connectivity", subnet("inner"), duration="PT1M", scope="s3") as ident:
        bank.until(lambda: bank.status(ident)["status"] == "failed")
        assert "all, vpc, availability-zone, dynamodb" in bank.status(ident)["reason"]


ROLE = "arn:aws:iam::123456789012:role/app"
CODES = [
    ("internal", "ec2", "InternalError"), ("throttle", "ec2", "RequestLimitExceeded"),
    ("unavailable", "ec2", "Unavailable"), ("throttle", "kinesis", "ThrottlingException"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "service", "code"), CODES)
def test_api_errors_meet_the_role_and_nobody_else(bank: Bank, kind: str, service: str, code: str) -> None:
    import boto3
    from botocore.config import Config

    keys = bank.aws.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="app")["Credentials"]
    app = boto3.client(service, endpoint_url=bank.rehearsal.endpoint, region_name="eu-west-2",
                       aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
                       aws_session_token=keys["SessionToken"],
                       config=Config(retries={"total_max_attempts": 1}))  # fmt: skip
    call = {"ec2": "describe_instances", "kinesis": "list_streams"}[service]
    operation = {"ec2": "DescribeInstances", "kinesis": "ListStreams"}[service]
    getattr(app, call)()
    action = f"aws:fis:inject-api-{kind}-error"
    given = {"duration": "PT5M", "service": service, "percentage": "100", "operations": operation}
    with bank.fault(action, {"resourceArns": [ROLE]}, **given):
        with pytest.raises(ClientError) as refused:
            getattr(app, call)()
        assert refused.value.response["Error"]["Code"] == code
        getattr(bank.aws.client(service), call)()
        getattr(local_client(service, bank.rehearsal.endpoint), call)()
    getattr(app, call)()
    app.close()


def test_what_has_no_actuator_is_refused_with_the_list_of_those_that_have(bank: Bank) -> None:
    with pytest.raises(ClientError, match="not found.*rehearsal offers.*aws:ecs:stop-task|ResourceNotFound"):
        bank.aws.client("fis").get_action(id="aws:ebs:pause-volume-io")
    with pytest.raises(ClientError, match="no actuator in rehearsal.*aws:ecs:stop-task"):
        bank.aws.client("fis").create_experiment_template(
            clientToken="x", description="x", roleArn=REHEARSAL_ENVIRONMENT.fis_role,
            stopConditions=[{"source": "none"}],
            targets={"Volumes": {"resourceType": "aws:ec2:ebs-volume", "selectionMode": "ALL",
                                 "resourceArns": ["arn:aws:ec2:eu-west-2:123456789012:volume/vol-1"]}},
            actions={"a": {"actionId": "aws:ebs:pause-volume-io", "parameters": {"duration": "PT1M"},
                           "targets": {"Volumes": "Volumes"}}},
        )  # fmt: skip


@pytest.mark.parametrize(("state", "ends"), [("ALARM", "failed"), ("OK,INSUFFICIENT_DATA", "completed")])
def test_an_alarm_that_is_not_in_its_state_fails_the_experiment(bank: Bank, state: str, ends: str) -> None:
    cloudwatch = bank.aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="calm", Namespace="Bank", MetricName="Failures", Period=60, Statistic="Sum",
                                EvaluationPeriods=1, Threshold=1e9, ComparisonOperator="GreaterThanThreshold",
                                Dimensions=[{"Name": "Api", "Value": "pay"}])  # fmt: skip
    found = cloudwatch.describe_alarms(AlarmNames=["calm"])["MetricAlarms"][0]["AlarmArn"]
    with bank.fault("aws:cloudwatch:assert-alarm-state", None, alarmArns=found, alarmStates=state) as ident:
        bank.until(lambda: bank.status(ident)["status"] == ends)
