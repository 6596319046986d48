"""Nothing that changes anything leaves outside the envelope: recorded at a server on loopback, for calls that try."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from gameday.aws import Aws
from gameday.aws_envelope import Door, canonical, outside
from gameday.errors import Refused
from gameday.model.workspace import Envelope, Environment

OWN, OTHER = "111122223333", "444455556666"
FUNCTION = f"arn:aws:lambda:eu-west-2:{OWN}:function:pay"
ENVIRONMENT = Environment(
    account=OWN, regions=("eu-west-2",), fis_role=f"arn:aws:iam::{OWN}:role/fis",
    envelope=Envelope.model_validate({"actions": ("aws:lambda:*",), "max_targets": 1, "longest_fault": "30m"}),
)  # fmt: skip
PLANNED = frozenset({canonical("fis", "CreateExperimentTemplate"), canonical("route53", "change_tags_for_resource")})
DOOR = Door(ENVIRONMENT, PLANNED, frozenset({FUNCTION}), frozenset({frozenset({("app", "pay")})}))


@pytest.fixture
def arrived() -> Iterator[tuple[str, list[str]]]:
    """A server that answers everything with nothing, and the paths that it was asked for."""
    seen: list[str] = []

    class Anything(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append(urlsplit(self.path).path)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_DELETE = do_PATCH = do_POST

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Anything) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", seen
        http.shutdown()
        thread.join()


def template(**changes: Any) -> dict[str, Any]:
    action = {"actionId": "aws:lambda:invocation-error", "parameters": {"duration": "PT20M"}, "targets": {"F": "f"}}
    target = {"resourceType": "aws:lambda:function", "resourceArns": [FUNCTION], "selectionMode": "ALL"}
    return {"clientToken": "t", "description": "d", "roleArn": ENVIRONMENT.fis_role, "tags": {},
            "stopConditions": [{"source": "none"}],
            "actions": {"a": {**action, **changes.get("action", {})}},
            "targets": {"f": {k: v for k, v in {**target, **changes.get("target", {})}.items() if v}}}  # fmt: skip


def made(**changes: Any) -> Callable[[Aws], Any]:
    return lambda aws: aws.client("fis").create_experiment_template(**template(**changes))


def lambda_of(account: str, region: str = "eu-west-2") -> str:
    return f"arn:aws:lambda:{region}:{account}:function:pay"


TRIES: dict[str, tuple[Callable[[Aws], Any], str]] = {
    "another account's ARN": (made(target={"resourceArns": [lambda_of(OTHER)]}), "ENVELOPE_ACCOUNT"),
    "another Region": (made(target={"resourceArns": [lambda_of(OWN, "us-east-1")]}), "ENVELOPE_ACCOUNT"),
    "an action that is not listed": (made(action={"actionId": "aws:ec2:terminate-instances"}), "ENVELOPE_ACTION"),
    "too many targets": (made(target={"resourceArns": [FUNCTION, FUNCTION + "2"]}), "ENVELOPE_TARGETS"),
    "a target that was not planned": (made(target={"resourceArns": [FUNCTION + "2"]}), "PLAN_DRIFTED"),
    "targets by other tags": (made(target={"resourceArns": None, "resourceTags": {"app": "bank"}}), "PLAN_DRIFTED"),
    "too long": (made(action={"parameters": {"duration": "PT31M"}}), "ENVELOPE_DURATION"),
    "an ARN within a parameter": (
        made(action={"parameters": {"documentParameters": f'{{"a": "{lambda_of(OTHER)}"}}'}}), "ENVELOPE_ACCOUNT"),
    "a planned call, as of a runbook, that names another account": (
        lambda aws: aws.client("route53").change_tags_for_resource(
            ResourceType="hostedzone", ResourceId="Z1", AddTags=[{"Key": "for", "Value": lambda_of(OTHER)}]),
        "ENVELOPE_ACCOUNT"),
    "a planned call, as of a runbook, that names another Region": (
        lambda aws: aws.client("route53").change_tags_for_resource(
            ResourceType="hostedzone", ResourceId="Z1", AddTags=[{"Key": lambda_of(OWN, "us-east-1"), "Value": "x"}]),
        "ENVELOPE_ACCOUNT"),
    "tags beside those that were planned": (
        made(target={"resourceArns": None, "resourceTags": {"app": "pay", "env": "prod"}}), "PLAN_DRIFTED"),
    "too long, by the time after which instances start again": (
        made(action={"actionId": "aws:lambda:invocation-error",
                     "parameters": {"startInstancesAfterDuration": "PT1H"}}), "ENVELOPE_DURATION"),
    "a call that nobody planned": (
        lambda aws: aws.client("lambda").delete_function(FunctionName="pay"), "CALL_NOT_PLANNED"),
    "a write that looks like data": (
        lambda aws: aws.client("dynamodb").put_item(TableName="t", Item={"id": {"S": "1"}}), "CALL_NOT_PLANNED"),
    "an experiment that nobody planned": (
        lambda aws: aws.client("fis").start_experiment(clientToken="t", experimentTemplateId="EXT1"),
        "CALL_NOT_PLANNED"),
}  # fmt: skip


@pytest.mark.parametrize("what", TRIES)
def test_a_call_outside_the_envelope_never_arrives(what: str, arrived: tuple[str, list[str]]) -> None:
    endpoint, seen = arrived
    aws = Aws(ENVIRONMENT, endpoint)
    aws.door = DOOR
    call, code = TRIES[what]
    with pytest.raises(Refused) as refused:
        call(aws)
    aws.close()
    assert refused.value.problems[0].code == code
    assert seen == []


def test_what_is_planned_arrives_and_so_do_reads_and_undo(arrived: tuple[str, list[str]]) -> None:
    endpoint, seen = arrived
    aws = Aws(ENVIRONMENT, endpoint)
    aws.door = DOOR
    fis = aws.client("fis")
    made()(aws)
    made(target={"resourceArns": None, "resourceTags": {"app": "pay"}})(aws)
    fis.get_experiment(id="EXP1")
    fis.stop_experiment(id="EXP1")
    fis.delete_experiment_template(id="EXT1")
    aws.close()
    assert seen == ["/experimentTemplates"] * 2 + ["/experiments/EXP1"] * 2 + ["/experimentTemplates/EXT1"]


def test_without_a_plan_account_and_region_are_looked_at_and_undo_of_any_kind_leaves() -> None:
    door = Door(ENVIRONMENT)
    door.ask("lambda", "DeleteFunctionConcurrency", "eu-west-2", {"FunctionName": FUNCTION})
    with pytest.raises(Refused):
        door.ask("lambda", "DeleteFunctionConcurrency", "eu-west-2", {"FunctionName": lambda_of(OTHER)})
    with pytest.raises(Refused):
        door.ask("lambda", "DeleteFunctionConcurrency", "us-east-1", {"FunctionName": "pay"})


@pytest.mark.parametrize(("text", "found"), [
    (FUNCTION, ""), ("arn:aws:s3:::bucket/x", ""), ("arn:aws:iam::aws:policy/ReadOnlyAccess", ""),
    ("arn:aws:ssm:eu-west-2::document/AWSFIS-Run-CPU-Stress", ""), ("no ARN", ""),
    (lambda_of(OTHER), f"account {OTHER}"), (f"x {lambda_of(OWN, 'us-east-1')} y", "Region us-east-1"),
])  # fmt: skip
def test_what_of_an_arn_is_not_ours(text: str, found: str) -> None:
    assert outside(text, ENVIRONMENT) == found
