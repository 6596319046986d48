"""A workload of real processes behind the loopback AWS: it serves, really breaks, is repaired, and ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gameday.aws import Aws
from gameday.clock import from_iso, to_datetime
from gameday.model.service import Service
from gameday.model.workload import Workload
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.rehearsal import client
from gameday.rehearsal.processes import alive
from gameday.rehearsal.workload.weights import value_of

P = 5_000
WORKLOAD = """{"kind": "workload", "service": "shop", "publish": "5s", "namespace": "Shop", "api": "orders",
 "load": {"from": "edge", "per_minute": 240, "canaries": {"orders": 24}},
 "pieces": {"edge": {"type": "edge", "record": "api.shop.example", "routes": {"main": "orders", "standby": "batch"}},
            "orders": {"type": "function", "calls": ["stock"], "latency": "20ms"},
            "batch": {"type": "instance", "calls": ["mail"]},
            "mail": {"type": "queue", "consumer": "stock"},
            "stock": {"type": "table"}},
 "alarms": [{"name": "orders-fail", "settings": {"Namespace": "Shop", "MetricName": "Failures", "Period": 10,
   "Dimensions": [{"Name": "Api", "Value": "orders"}], "Statistic": "Sum", "EvaluationPeriods": 1, "Threshold": 1,
   "ComparisonOperator": "GreaterThanOrEqualToThreshold"}}]}"""
SERVICE = '{"kind": "service", "id": "shop", "title": "Shop"}'
ENDED = ("completed", "stopped", "failed")
LAMBDA = "arn:aws:lambda:eu-west-2:123456789012:function:orders"


class Shop:
    """The workload that is up, as a test sees it."""

    def __init__(self, rehearsal: client.Rehearsal) -> None:
        self.rehearsal, self.clock = rehearsal, rehearsal.clock()
        self.aws = Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint)
        self.begun = self.clock.now()

    def until(self, holds: Callable[[], Any], within: int = 240_000) -> Any:
        """Wait in scenario time until it holds."""
        end = self.clock.now() + within
        while not (found := holds()):
            assert self.clock.now() < end, "it never held"
            self.clock.sleep(2_000)
        return found

    def metric(self, name: str, namespace: str = "Shop", **dimensions: str) -> dict[int, float]:
        """Sums by bucket since the last mark."""
        given = [{"Name": k, "Value": v} for k, v in (dimensions or {"Api": "orders"}).items()]
        found = self.aws.client("cloudwatch").get_metric_statistics(
            Namespace=namespace, MetricName=name, Dimensions=given, Period=5, Statistics=["Sum"],
            StartTime=to_datetime(self.begun // P * P), EndTime=to_datetime(self.clock.now()))  # fmt: skip
        return {from_iso(p["Timestamp"].isoformat()): p["Sum"] for p in found["Datapoints"]}

    def since(self, at: int, name: str, *, buckets: int = 2, **more: str) -> list[float]:
        """The first values of the whole buckets that began after then; waits for them."""

        def read() -> list[float]:
            return [v for t, v in sorted(self.metric(name, **more).items()) if t >= at][:buckets]

        values: list[float] = self.until(lambda: found if len(found := read()) == buckets else None)
        return values

    @contextmanager
    def fault(self, action: str, key: str, arn: str, **parameters: str) -> Iterator[str]:
        """An experiment of one action that runs inside the block, and has ended after it, however the block ends."""
        experiment = self._inject(action, key, arn, parameters)
        try:
            yield experiment
        finally:
            if self.status(experiment) not in ENDED:
                self.aws.client("fis").stop_experiment(id=experiment)
            self.until(lambda: self.status(experiment) in ENDED)

    def _inject(self, action: str, key: str, arn: str, parameters: dict[str, str]) -> str:
        fis, kind = self.aws.client("fis"), "lambda:function" if key == "Functions" else "ec2:instance"
        target = {"resourceType": f"aws:{kind}", "resourceArns": [arn], "selectionMode": "ALL"}
        template = fis.create_experiment_template(
            clientToken=f"t{self.clock.now()}", description="test", roleArn=REHEARSAL_ENVIRONMENT.fis_role,
            stopConditions=[{"source": "none"}], targets={key: target},
            actions={"a": {"actionId": action, "parameters": parameters, "targets": {key: key}}})  # fmt: skip
        ident = template["experimentTemplate"]["id"]
        begun = fis.start_experiment(clientToken=f"e{self.clock.now()}", experimentTemplateId=ident)
        experiment = str(begun["experiment"]["id"])
        self.until(lambda: self.status(experiment) not in ("pending", "initiating"))
        return experiment

    def status(self, experiment: str) -> str:
        """Where an experiment is."""
        return str(self.aws.client("fis").get_experiment(id=experiment)["experiment"]["state"]["status"])

    def send_to(self, main: int, standby: int) -> None:
        """Change the weights, as a runbook does."""
        changes = [{"Action": "UPSERT", "ResourceRecordSet": {
            "Name": "api.shop.example", "Type": "CNAME", "SetIdentifier": route, "Weight": weight, "TTL": 5,
            "ResourceRecords": [{"Value": value_of(piece, "shop")}]}}
            for route, piece, weight in (("main", "orders", main), ("standby", "batch", standby))]  # fmt: skip
        self.aws.client("route53").change_resource_record_sets(
            HostedZoneId="Z0SHOPEXAMPLE", ChangeBatch={"Changes": changes}
        )


def start(folder: Path) -> client.Rehearsal:
    content = (Workload.model_validate_json(WORKLOAD), Service.model_validate_json(SERVICE))
    return client.up(folder, 20.0, kept=False, workload_content=content)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    rehearsal = start(tmp_path_factory.mktemp("shop"))
    found = Shop(rehearsal)
    yield found
    for service in ("fis", "cloudwatch", "route53", "ec2", "lambda"):
        found.aws.client(service).close()
    pids = [piece["pid"] for piece in rehearsal.status()["pieces"].values()]
    rehearsal.down()
    assert not any(alive(pid) for pid in pids)


def test_all_processes_are_up_and_customers_are_served(shop: Shop) -> None:
    status = shop.rehearsal.status()
    assert set(status["healthy"]) == {"edge", "orders", "batch", "mail", "stock", "load"}
    assert all(status["healthy"].values())
    assert shop.since(shop.begun, "Attempts") == [20, 20]
    assert shop.since(shop.begun, "Failures") == [0, 0]
    calls = shop.since(shop.begun, "Invocations", namespace="AWS/Lambda", FunctionName="orders")
    assert all(near(n) for n in calls)


def near(value: float) -> bool:
    """20 customers and 2 canaries a bucket, give or take those that reach the function across its edge."""
    return 18 <= value <= 26


def test_a_function_that_errs_fails_every_request_until_the_fault_ends(shop: Shop) -> None:
    given = {"duration": "PT5M", "invocationPercentage": "100", "preventExecution": "true"}
    with shop.fault("aws:lambda:invocation-error", "Functions", LAMBDA, **given):
        at = shop.clock.now()
        assert shop.since(at, "Failures") == [20, 20] == shop.since(at, "Attempts")
        assert all(near(n) for n in shop.since(at, "Errors", namespace="AWS/Lambda", FunctionName="orders"))
        alarms = shop.aws.client("cloudwatch").describe_alarms(AlarmNames=["orders-fail"])["MetricAlarms"]
        assert alarms[0]["StateValue"] == "ALARM"
    assert shop.since(shop.clock.now(), "Failures") == [0, 0]


def test_an_injected_answer_fails_the_customer_and_is_no_error_of_the_function(shop: Shop) -> None:
    given = {"duration": "PT5M", "statusCode": "503", "contentTypeHeader": "text/plain", "preventExecution": "true"}
    with shop.fault("aws:lambda:invocation-http-integration-response", "Functions", LAMBDA, **given):
        at = shop.clock.now()
        assert shop.since(at, "Failures") == [20, 20]
        assert shop.since(at, "Errors", namespace="AWS/Lambda", FunctionName="orders") == [0, 0]


def test_a_stopped_instance_is_really_dead_and_comes_back(shop: Shop) -> None:
    shop.send_to(main=0, standby=1)
    shop.clock.sleep(20_000)
    assert shop.since(shop.clock.now(), "Failures") == [0, 0]
    ec2, before = shop.aws.client("ec2"), shop.rehearsal.status()["pieces"]["batch"]["pid"]
    (found,) = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    arn = f"arn:aws:ec2:eu-west-2:123456789012:instance/{found['InstanceId']}"
    with shop.fault("aws:ec2:stop-instances", "Instances", arn, startInstancesAfterDuration="PT1M") as experiment:
        at = shop.clock.now()
        assert not alive(before)
        assert shop.since(at, "Failures") == [20, 20]
        assert shop.until(lambda: shop.status(experiment) == "completed")
    shop.until(lambda: shop.rehearsal.status()["healthy"]["batch"])
    assert shop.since(shop.clock.now(), "Failures") == [0, 0]
    seen = shop.metric("StatusCheckFailed", "AWS/EC2", InstanceId=found["InstanceId"])
    assert shop.until(lambda: len(seen) > 2) and not any(at <= t < at + 2 * P for t in seen), "missing while dead"
    assert shop.rehearsal.disturbed(at)[0] == [], "what a fault touched is no disturbance"
    shop.send_to(main=1, standby=0)
    shop.clock.sleep(20_000)


def test_what_the_machine_does_to_an_untouched_piece_is_a_disturbance(shop: Shop) -> None:
    pid, at = shop.rehearsal.status()["pieces"]["stock"]["pid"], shop.clock.now()
    os.kill(pid, signal.SIGSTOP)
    shop.clock.sleep(12_000)
    os.kill(pid, signal.SIGCONT)
    windows = shop.until(lambda: shop.rehearsal.disturbed(at)[0])
    shop.since(at + 30_000, "Failures")
    failed = {t for t, v in shop.metric("Failures").items() if v and t >= at // P * P}
    assert failed, "it stood still for longer than a time-out"
    assert all(any(a <= t < b for a, b in windows) for t in failed)
    assert shop.rehearsal.disturbed(at)[1] >= 10_000


def test_pieces_die_with_a_daemon_that_is_killed(tmp_path: Path) -> None:
    rehearsal = start(tmp_path)
    pids = [piece["pid"] for piece in rehearsal.status()["pieces"].values()]
    assert len(pids) == 6 and all(alive(pid) for pid in pids)
    os.kill(rehearsal.pid, signal.SIGKILL)
    clock = rehearsal.clock()
    for _ in range(50):
        if not any(alive(pid) for pid in pids):
            break
        clock.sleep(2_000)
    assert not any(alive(pid) for pid in pids)
