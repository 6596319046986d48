"""A workload of real processes behind the loopback AWS: it serves, really breaks, is repaired, and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gameday.aws import Aws
from gameday.clock import from_iso, to_datetime
from gameday.errors import CouldNotStart
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
SERVICE_FILE = "kind: service\nid: shop\ntitle: Shop\n"
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
        # "Name=..." means the tag, anything else is an ARN
        chosen = {"resourceArns": [arn]} if arn.startswith("arn:") else {"resourceTags": dict([arn.split("=")])}
        target = {"resourceType": f"aws:{kind}", "selectionMode": "ALL"} | chosen
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

    def unhealthy(self) -> set[str]:
        """Pieces that are not well now."""
        return {piece for piece, well in self.rehearsal.status()["healthy"].items() if not well}

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
    assert shop.rehearsal.service == "shop" == status["service"]
    assert shop.rehearsal.calibration and shop.rehearsal.calibration["largest_ms"] > 0
    assert shop.rehearsal.highest_speed == status["highest_speed"] == status["calibration"]["highest_speed"]
    assert shop.since(shop.begun, "Attempts") == [20, 20]
    assert shop.since(shop.begun, "Failures") == [0, 0]
    calls = shop.since(shop.begun, "Invocations", namespace="AWS/Lambda", FunctionName="orders")
    assert 30 <= sum(calls) <= 60, "20 customers and 2 canaries a bucket, some of which reach it in the next"


def test_a_function_that_errs_fails_every_request_until_the_fault_ends(shop: Shop) -> None:
    given = {"duration": "PT5M", "invocationPercentage": "100", "preventExecution": "true"}
    with shop.fault("aws:lambda:invocation-error", "Functions", LAMBDA, **given):
        at = shop.clock.now()
        assert shop.since(at, "Failures") == [20, 20] == shop.since(at, "Attempts")
        own: dict[str, Any] = {"namespace": "AWS/Lambda", "FunctionName": "orders"}
        assert shop.since(at, "Errors", **own) == shop.since(at, "Invocations", **own) != [0, 0]
        alarms = shop.aws.client("cloudwatch").describe_alarms(AlarmNames=["orders-fail"])["MetricAlarms"]
        assert alarms[0]["StateValue"] == "ALARM"
    assert shop.since(shop.clock.now(), "Failures") == [0, 0]


def test_targets_are_found_by_their_tags_and_a_piece_with_a_fault_is_not_healthy(shop: Shop) -> None:
    given = {"duration": "PT5M", "invocationPercentage": "0", "preventExecution": "true"}
    with shop.fault("aws:lambda:invocation-error", "Functions", "Name=orders", **given) as experiment:
        resolved = shop.aws.client("fis").list_experiment_resolved_targets(experimentId=experiment)["resolvedTargets"]
        assert [t["targetInformation"]["arn"] for t in resolved] == [LAMBDA]
        assert shop.unhealthy() == {"orders"}
    assert shop.unhealthy() == set()


def test_a_tag_that_nothing_has_fails_the_experiment(shop: Shop) -> None:
    with shop.fault("aws:ec2:stop-instances", "Instances", "Name=nobody") as experiment:
        found = shop.aws.client("fis").get_experiment(id=experiment)["experiment"]["state"]
        assert (found["status"], found["error"]["code"]) == ("failed", "EmptyTargetSetError")
    assert shop.unhealthy() == set()


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
    with shop.fault("aws:ec2:stop-instances", "Instances", "Name=batch",
                    startInstancesAfterDuration="PT1M") as experiment:  # fmt: skip
        at = shop.clock.now()
        assert not alive(before) and shop.unhealthy() == {"batch"}
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
    assert shop.unhealthy() == {"stock"}
    shop.clock.sleep(12_000)
    os.kill(pid, signal.SIGCONT)
    assert shop.unhealthy() == set()
    windows = shop.until(lambda: shop.rehearsal.disturbed(at)[0])
    shop.since(at + 30_000, "Failures")
    failed = {t for t, v in shop.metric("Failures").items() if v and t >= at // P * P}
    assert failed, "it stood still for longer than a time-out"
    assert all(any(a <= t < b for a, b in windows) for t in failed)
    assert shop.rehearsal.disturbed(at)[1] >= 10_000


def test_calls_that_the_machine_leaves_unanswered_disturb_although_no_process_stood_still(shop: Shop) -> None:
    """A table that answers too late for a reason that no fault explains: here it is told so behind FIS's back."""
    port, at = shop.rehearsal.status()["pieces"]["stock"]["port"], shop.clock.now()
    behind_the_back(port, [{"mode": "delay", "percent": 100, "ms": 30_000}])
    try:
        failed = shop.until(lambda: {t for t, v in shop.metric("Failures").items() if v and t >= at // P * P})
    finally:
        behind_the_back(port, [])
    assert shop.since(shop.clock.now() + 30_000, "Failures") == [0, 0]
    failed = {t for t, v in shop.metric("Failures").items() if v and t >= at // P * P}
    windows = shop.rehearsal.disturbed(at)[0]
    assert failed and all(any(a <= t < b for a, b in windows) for t in failed)


def test_a_delay_that_fis_ordered_fails_customers_and_disturbs_nothing(shop: Shop) -> None:
    given = {"duration": "PT5M", "startupDelayMilliseconds": "30000", "invocationPercentage": "100"}
    with shop.fault("aws:lambda:invocation-add-delay", "Functions", LAMBDA, **given):
        at = shop.clock.now()
        assert shop.since(at, "Failures") == [20, 20]
    assert shop.since(shop.clock.now() + 30_000, "Failures") == [0, 0]
    assert shop.rehearsal.disturbed(at)[0] == []


def behind_the_back(port: int, faults: list[dict[str, Any]]) -> None:
    """What only the runner does otherwise."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_control", json.dumps({"faults": faults}).encode())
    urllib.request.urlopen(request, timeout=5).close()


# ---- the command, and one that is killed
def gameday(folder: Path, *words: str) -> tuple[int, str, str]:
    """The command line in a folder."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    found = subprocess.run([sys.executable, "-m", "gameday", "rehearsal", *words], cwd=folder, env=environment,
                           capture_output=True, text=True, check=False)  # fmt: skip
    return found.returncode, found.stdout, found.stderr


def workspace(folder: Path, *services: str) -> Path:
    """A workspace with a workload for each service."""
    (folder / "gameday.yaml").write_text("kind: workspace\n", "utf-8")
    for service in services:
        target = folder / "scenarios" / service
        target.mkdir(parents=True)
        (target / "workload.yaml").write_text(WORKLOAD.replace('"shop"', f'"{service}"'), "utf-8")
        (target / "service.yaml").write_text(SERVICE_FILE.replace("shop", service), "utf-8")
    return folder


@pytest.mark.nightly
def test_the_command_keeps_the_workspace_s_workload_up_for_runs_and_a_killed_daemon_leaves_nothing(
    tmp_path: Path,
) -> None:
    inside = workspace(tmp_path, "shop") / "scenarios"
    code, out, err = gameday(inside, "up", "--json")
    assert code == 0, err
    said = json.loads(out)
    found = start(tmp_path)
    assert (found.endpoint, found.pid, found.kept) == (said["endpoint"], said["pid"], True)
    assert (said["service"], said["speed"]) == ("shop", 20.0)
    assert gameday(inside, "up", "--speed", "10")[0] == 5
    other = Workload.model_validate_json(WORKLOAD), Service.model_validate_json(SERVICE.replace("shop", "other"))
    with pytest.raises(CouldNotStart, match="REHEARSAL_SERVICE"):
        client.up(tmp_path, 20.0, kept=False, workload_content=other)

    pids = [piece["pid"] for piece in found.status()["pieces"].values()]
    assert len(pids) == 6 and all(alive(pid) for pid in pids)
    found.ask("faults", {"mode": "die"})
    for _ in range(250):
        if not any(alive(pid) for pid in (found.pid, *pids)):
            break
        found.clock().sleep(400)
    assert not any(alive(pid) for pid in (found.pid, *pids))
    assert client.state_file(tmp_path).exists(), "it could tidy nothing up"
    assert gameday(inside, "status")[0] == 5
    code, out, err = gameday(inside, "up", "--bare")
    assert code == 0 and "no workload" in out
    assert gameday(inside, "down") == (0, "down\n", "")


def test_with_several_workloads_it_asks_which(tmp_path: Path) -> None:
    code, _, err = gameday(workspace(tmp_path, "shop", "bank"), "up")
    assert code == 5 and "REHEARSAL_WHICH" in err and "bank, shop" in err
    code, _, err = gameday(tmp_path, "up", "--service", "post")
    assert code == 5 and "post has no workload here" in err
