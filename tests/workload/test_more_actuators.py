"""FIS's actions on streams, tables, databases, tasks, networks and APIs really break the pieces they name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gameday.aws import Aws
from gameday.clock import to_datetime
from gameday.faults.ssm import SsmFault, SsmSettings
from gameday.faults.ssm_run import DocumentFailed, run_document
from gameday.model.runbook import SsmCall, SsmRun
from gameday.model.service import Service, Technology
from gameday.model.workload import Workload
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.people.channels import TerminalChannel
from gameday.protocols import Order, Outline
from gameday.rehearsal import client
from gameday.rehearsal.lookup import local_client
from gameday.wiring.sockets import Sockets

WORKLOAD = """{"kind": "workload", "service": "bank", "publish": "20s", "namespace": "Bank", "api": "pay",
 "load": {"from": "edge", "per_minute": 120},
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

    def until(self, holds: Callable[[], Any], within: int = 600_000) -> Any:
        end = self.clock.now() + within
        while not (found := holds()):
            assert self.clock.now() < end, "it never held"
            self.clock.sleep(1_000)
        return found

    def ask(self, piece: str, path: str = "/") -> tuple[int, bytes]:
        """What a piece answers a caller: 0 when nobody is there."""
        connection = HTTPConnection("127.0.0.1", self.rehearsal.status()["pieces"][piece]["port"], timeout=20)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def says(self, piece: str) -> int:
        return self.ask(piece)[0]

    def metric(self, name: str) -> list[float]:
        """The last minutes of a metric of the stream."""
        found = self.aws.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Kinesis", MetricName=name, Dimensions=[{"Name": "StreamName", "Value": "orders"}],
            Period=20, Statistics=["Sum"], StartTime=to_datetime(self.clock.now() - 300_000),
            EndTime=to_datetime(self.clock.now()),
        )  # fmt: skip
        return [point["Sum"] for point in found["Datapoints"]]

    def waiting(self, piece: str) -> int:
        """How much it has not handed on yet."""
        return int(json.loads(self.ask(piece, "/_counts?start=0")[1])["queued"])

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
    bank.until(lambda: all(bank.rehearsal.status()["healthy"].values()))
    assert bank.until(lambda: bank.says("front") == 200)
    offered = set(bank.rehearsal.status()["actions"])
    assert {"aws:kinesis:stream-provisioned-throughput-exception", "aws:rds:failover-db-cluster", "aws:ecs:stop-task",
            "aws:dynamodb:global-table-pause-replication", "aws:network:disrupt-connectivity", "aws:ssm:send-command",
            "aws:fis:inject-api-throttle-error", "aws:ssm:start-automation-execution"} <= offered  # fmt: skip
    assert "aws:lambda:invocation-error" not in offered, "no function here"


def test_a_stream_whose_throughput_is_exceeded_refuses_and_counts_it(bank: Bank) -> None:
    action = "aws:kinesis:stream-provisioned-throughput-exception"
    with bank.fault(action, arn("kinesis", "stream/orders"), duration="PT9M", percentage="100"):
        assert bank.says("orders") == 400
        assert bank.says("front") == 502
        bank.until(lambda: max(bank.metric("WriteProvisionedThroughputExceeded"), default=0) > 0)
    assert bank.until(lambda: bank.says("front") == 200)


def test_an_expired_iterator_keeps_records_waiting_and_customers_are_taken(bank: Bank) -> None:
    action = "aws:kinesis:stream-expired-iterator-exception"
    with bank.fault(action, arn("kinesis", "stream/orders"), duration="PT9M", percentage="100"):
        bank.until(lambda: bank.waiting("orders") > 10)
        assert bank.until(lambda: bank.says("front") == 200)
    bank.until(lambda: bank.waiting("orders") < 3)


def test_paused_replication_falls_behind_and_catches_up(bank: Bank) -> None:
    action = "aws:dynamodb:global-table-pause-replication"
    with bank.fault(action, arn("dynamodb", "table/books"), duration="PT9M"):
        bank.until(lambda: bank.waiting("books") > 10)
        assert bank.until(lambda: bank.says("books") == 200)
    bank.until(lambda: bank.waiting("books") < 3)


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
        assert (cluster()["Status"], bank.says("ledger")) == ("failing-over", 503)
        assert bank.status(ident)["status"] == "completed", "it is over at once for FIS"
        bank.until(lambda: cluster()["Status"] == "available")
    assert writer() != before
    assert bank.until(lambda: bank.says("ledger") == 200)


def test_a_reader_reboots_and_nobody_notices_and_a_writer_is_missed(bank: Bank) -> None:
    members = bank.aws.client("rds").describe_db_clusters(DBClusterIdentifier="ledger")["DBClusters"][0]
    by_role = {m["IsClusterWriter"]: m["DBInstanceIdentifier"] for m in members["DBClusterMembers"]}
    with bank.fault("aws:rds:reboot-db-instances", arn("rds", f"db:{by_role[False]}")):
        assert bank.says("ledger") == 200
    with bank.fault("aws:rds:reboot-db-instances", arn("rds", f"db:{by_role[True]}")):
        assert bank.says("ledger") == 503
    assert bank.until(lambda: bank.says("ledger") == 200)


@pytest.mark.parametrize("target", [{"resourceTags": {"Name": "front"}},
                                    {"parameters": {"cluster": "gameday", "service": "front"}}])  # fmt: skip
def test_a_stopped_task_is_killed_and_its_service_starts_another(bank: Bank, target: dict[str, Any]) -> None:
    pid = bank.rehearsal.status()["pieces"]["front"]["pid"]
    with bank.fault("aws:ecs:stop-task", target) as ident:
        (stopped,) = bank.aws.client("fis").list_experiment_resolved_targets(experimentId=ident)["resolvedTargets"]
        assert bank.says("front") == 0
    assert bank.until(lambda: bank.says("front") == 200)
    assert bank.rehearsal.status()["pieces"]["front"]["pid"] != pid
    running = bank.aws.client("ecs").list_tasks(cluster="gameday", desiredStatus="RUNNING")["taskArns"]
    assert len(running) == 1 and stopped["targetInformation"]["arn"] not in running


@pytest.mark.parametrize(("scope", "name", "cut"), [("all", "inner", True), ("availability-zone", "inner", True),
                                                    ("vpc", "outer", True), ("dynamodb", "inner", False)])  # fmt: skip
def test_a_subnet_without_connectivity_is_not_reached_by_scope(bank: Bank, scope: str, name: str, cut: bool) -> None:
    chosen = {"resourceTags": {"Name": name}}
    with bank.fault("aws:network:disrupt-connectivity", chosen, duration="PT9M", scope=scope):
        assert bank.until(lambda: bank.says("front") == (502 if cut else 200))
        assert bank.until(lambda: bank.says("ledger") == 200), "it serves those that reach it"
    assert bank.until(lambda: bank.says("front") == 200)
    bank.until(lambda: all(bank.rehearsal.status()["healthy"].values()))


def test_a_scope_without_a_meaning_here_is_refused(bank: Bank) -> None:
    chosen = {"resourceTags": {"Name": "inner"}}
    with bank.fault("aws:network:disrupt-connectivity", chosen, duration="PT1M", scope="s3") as ident:
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


# ---- Systems Manager


def order(bank: Bank, settings: SsmSettings, outline: Outline, step: str, duration_ms: int | None) -> Order:
    return Order("r1", step, f"r1-{step}-{bank.clock.now()}", outline.action, settings.model_dump(mode="json"),
                 outline.targets, duration_ms, REHEARSAL_ENVIRONMENT)  # fmt: skip


ACCOUNTS = Technology(id="accounts", type="aws:ec2:instance", tags={"Name": "accounts"})
SHOWS: dict[str, tuple[dict[str, Any], str, int]] = {
    "AWSFIS-Run-Network-Latency": ({"DelayMilliseconds": 8_000}, "delay", 300),
    "AWSFIS-Run-CPU-Stress": ({"LoadPercent": 95}, "stretch", 0),
    "AWSFIS-Run-Network-Blackhole-Port": ({"Protocol": "tcp", "Port": 80}, "hang", 0),
}


@pytest.mark.parametrize("document", sorted(SHOWS))
def test_a_document_as_a_fault_is_there_and_is_taken_back(bank: Bank, document: str) -> None:
    given, mode, at_least_ms = SHOWS[document]
    fault, step = SsmFault(bank.aws), document.lower()
    settings = SsmSettings(document=document, targets=("accounts",), parameters=given)
    outline = fault.outline(step, settings, [ACCOUNTS], REHEARSAL_ENVIRONMENT)
    assert outline.takes_duration and len(outline.targets["Instances"]) == 1
    trace = fault.start(order(bank, settings, outline, step, 900_000), lambda _: None)
    assert fault.poll(trace).state == "active"
    assert json.loads(bank.ask("accounts", "/health")[1])["faults"] == [mode]
    if at_least_ms:
        begun = time.monotonic()
        assert bank.says("accounts") == 200 and time.monotonic() - begun >= at_least_ms / 1000
    assert fault.stop(trace).clean
    assert json.loads(bank.ask("accounts", "/health")[1])["faults"] == []


def test_a_killed_process_comes_again(bank: Bank) -> None:
    pid = bank.rehearsal.status()["pieces"]["accounts"]["pid"]
    fault = SsmFault(bank.aws)
    settings = SsmSettings(document="AWSFIS-Run-Kill-Process", targets=("accounts",), parameters={"ProcessName": "x"})
    outline = fault.outline("kill", settings, [ACCOUNTS], REHEARSAL_ENVIRONMENT)
    assert outline.one_shot
    trace = fault.start(order(bank, settings, outline, "kill", None), lambda _: None)
    assert bank.until(lambda: bank.says("accounts") == 200)
    assert bank.rehearsal.status()["pieces"]["accounts"]["pid"] != pid
    assert bank.until(lambda: fault.stop(trace).clean)


@pytest.mark.parametrize("kind", ["command", "automation"])
def test_a_start_whose_answer_was_lost_is_found_by_its_mark_and_cancelled(bank: Bank, kind: Any) -> None:
    document = {"command": "AWSFIS-Run-CPU-Stress", "automation": "AWS-StartEC2Instance"}[kind]
    settings = SsmSettings(document=document, kind=kind, targets=("accounts",))
    fault, notes, step = SsmFault(bank.aws), list[Any](), f"lost-{kind}"
    outline = fault.outline(step, settings, [ACCOUNTS], REHEARSAL_ENVIRONMENT)
    started = fault.start(order(bank, settings, outline, step, 900_000), notes.append)
    again = SsmFault(bank.aws)
    assert "id" not in notes[0]
    assert bank.until(lambda: again.stop({"run": "r1", "step": step, "token": "x"}).clean)
    assert bank.until(lambda: again.poll(started).state == "ended")
    assert json.loads(bank.ask("accounts", "/health")[1])["faults"] == []
    nothing = {"run": "r2", "step": step, "token": "x"}
    assert [again.stop(nothing).clean for _ in range(3)] == [False, False, True], "nobody's is left alone"


def test_documents_as_a_runbooks_steps_run_to_their_end(bank: Bank) -> None:
    ident = bank.aws.client("ec2").describe_instances(Filters=[{"Name": "tag:Name", "Values": ["accounts"]}])
    instance = ident["Reservations"][0]["Instances"][0]["InstanceId"]
    filled = Sockets(bank.aws, {}, [], TerminalChannel())
    stop = SsmCall.model_validate({"ssm": {"document": "AWS-StopEC2Instance", "kind": "automation",
                                           "targets": (instance,)}})  # fmt: skip
    assert "Success" in filled.call(stop)
    assert bank.until(lambda: bank.says("accounts") == 0)
    with pytest.raises(DocumentFailed, match="Failed"):
        filled.call(SsmCall.model_validate({"ssm": {"document": "AWS-StopEC2Instance", "kind": "automation"}}))
    run = SsmRun(document="AWS-StartEC2Instance", kind="automation", targets=(instance,))
    assert "Success" in run_document(bank.aws, run)
    assert bank.until(lambda: bank.says("accounts") == 200)
    late = {"document": "AWSFIS-Run-CPU-Stress", "targets": {"Name": "accounts"}, "within": "2s",
            "parameters": {"DurationSeconds": 900}}  # fmt: skip
    with pytest.raises(DocumentFailed, match="not ended in time"):
        run_document(bank.aws, SsmRun.model_validate(late), poll_s=0.5)


def test_a_document_without_effect_here_is_refused_with_the_list(bank: Bank) -> None:
    with pytest.raises(ClientError, match="InvalidDocument.*AWSFIS-Run-CPU-Stress"):
        bank.aws.client("ssm").send_command(DocumentName="AWS-RunShellScript", InstanceIds=["i-1"])


def test_fis_runs_the_same_documents(bank: Bank) -> None:
    chosen = {"resourceTags": {"Name": "accounts"}}
    document = "arn:aws:ssm:eu-west-2::document/AWSFIS-Run-Network-Latency"
    given = {"documentParameters": json.dumps({"DurationSeconds": "900"}), "documentArn": document}
    with bank.fault("aws:ssm:send-command", chosen, duration="PT9M", **given):
        assert "delay" in json.loads(bank.ask("accounts", "/health")[1])["faults"]
    assert "delay" not in json.loads(bank.ask("accounts", "/health")[1])["faults"]
    automation = {"documentArn": "arn:aws:ssm:eu-west-2::document/AWS-StopEC2Instance", "maxDuration": "PT9M"}
    with bank.fault("aws:ssm:start-automation-execution", None, **automation) as ident:
        bank.until(lambda: bank.status(ident)["status"] == "failed")
        assert "InstanceId is missing" in bank.status(ident)["reason"]
