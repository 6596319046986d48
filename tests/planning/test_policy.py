"""The operator's policy: from the plan's calls, as narrow as AWS permits (cfn-lint has IAM's own reference)."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from gameday.aws import Aws
from gameday.faults.fis import FisFault
from gameday.faults.permissions import fis_policy, permissions, trust_policy
from gameday.faults.ssm import SsmFault
from gameday.model.load import load_content
from gameday.model.service import Technology
from gameday.model.workspace import REHEARSAL_ENVIRONMENT, Environment
from gameday.plan import Plan
from gameday.planning import build_plan
from gameday.planning.allowing import Need, allowed, matches
from gameday.planning.policy import operator_policy, unknown_calls
from gameday.planning.statements import Statement, document, merged
from gameday.wiring.sockets import sockets
from tests.planning.a_workspace import ROOT, TEN_LINES, planned, timeline

NOWHERE = "http://127.0.0.1:1"
HEAD = "arn:aws:fis:eu-west-2:123456789012"
SHIPPED = sorted(p.stem for p in (ROOT / "scenarios").glob("*/*.yaml") if p.stem not in ("service", "workload"))


def fis() -> FisFault:
    return FisFault(Aws(REHEARSAL_ENVIRONMENT, NOWHERE))


class Known(SsmFault):
    """Targets by tags need a read, and nobody answers here: they are one instance."""

    def _arns(self, target: Technology, environment: Environment) -> list[str]:
        return [f"arn:aws:ec2:eu-west-2:{environment.account}:instance/i-0123456789abcdef0"]


def shipped(name: str) -> Plan:
    faults = {**sockets(REHEARSAL_ENVIRONMENT, NOWHERE).faults, "ssm": Known(Aws(REHEARSAL_ENVIRONMENT, NOWHERE))}
    return build_plan(load_content(ROOT), name, "rehearsal", faults)


def by_sid(statements: tuple[Statement, ...]) -> dict[str, dict[str, Any]]:
    return {one.sid: one.wire() for one in statements}


@cache
def authorization() -> dict[str, Any]:
    text = (files("cfnlint") / "data" / "AdditionalSpecs" / "Policies.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def test_each_fis_call_of_a_plan_is_allowed_on_what_carries_our_tag_alone(tmp_path: Path) -> None:
    held = by_sid(operator_policy(planned(tmp_path, TEN_LINES, fis())))
    assert held["FisStartFrom"]["Condition"] == {"Null": {"aws:ResourceTag/gameday:run": "false"}}
    assert held["FisStart"]["Condition"] == {"Null": {"aws:RequestTag/gameday:run": "false"}}
    assert held["FisOwn"]["Condition"] == {"Null": {"aws:ResourceTag/gameday:run": "false"}}
    assert held["FisLeaveNothing"]["Condition"] == {"Null": {"aws:ResourceTag/gameday:run": "false"}}
    assert held["FisTag"]["Condition"]["ForAllValues:StringEquals"] == {"aws:TagKeys": ["gameday:run", "gameday:step"]}
    assert held["FisDescribe"]["Resource"] == [f"{HEAD}:action/aws:lambda:invocation-error",
                                               f"{HEAD}:experiment-template/*"]  # fmt: skip


def test_only_the_role_of_fis_is_passed_and_only_to_fis(tmp_path: Path) -> None:
    held = by_sid(operator_policy(planned(tmp_path, TEN_LINES, fis())))["PassRoleToFis"]
    assert held["Resource"] == ["arn:aws:iam::123456789012:role/gameday-fis"]
    assert held["Condition"] == {"StringEquals": {"iam:PassedToService": "fis.amazonaws.com"}}


def test_metrics_are_written_in_our_namespace_alone(tmp_path: Path) -> None:
    held = by_sid(operator_policy(planned(tmp_path, TEN_LINES, fis())))["Heartbeat"]
    assert held["Action"] == ["cloudwatch:PutMetricData"]
    assert held["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Gameday"}}


@pytest.mark.parametrize("name", SHIPPED)
def test_each_aws_call_of_a_shipped_plan_is_in_its_policy(name: str) -> None:
    plan = shipped(name)
    held = {action.lower() for one in operator_policy(plan) for action in one.actions}
    prefixes = {"resourcegroupstaggingapi": "tag"}
    held |= {"s3:headbucket"} if "s3:listbucket" in held else set()  # IAM's name of it
    for call in plan.calls:
        if call.service in ("chaostoolkit", "http", "prometheus") or call.operation == "Describe":
            continue  # no call of AWS, or named by the aws.state signal behind it
        if call.operation == "GetCallerIdentity":
            continue  # which needs no permission (IAM user guide)
        action = f"{prefixes.get(call.service, call.service)}:{call.operation.replace('_', '')}".lower()
        assert action in held, f"{name}: {action}"


@pytest.mark.parametrize("name", SHIPPED)
def test_each_action_exists_and_takes_the_resources_that_a_policy_gives_it(name: str) -> None:
    plan = shipped(name)
    for one in (*operator_policy(plan), *fis_policy(plan)):
        for action in one.actions:
            assert fitting(action, one.resources), f"{action} on {one.resources}"


def fitting(action: str, resources: tuple[str, ...]) -> bool:
    """Whether AWS knows the action, and at least one of the resources is of a type that it takes; those without a
    resource level take ``*`` alone."""
    service, _, name = action.partition(":")
    held = authorization().get(service, {})
    rule = held.get("Actions", {}).get(name.lower())
    if rule is None:
        return False
    kinds = rule.get("Resources", [])
    if not kinds:
        return resources == ("*",)
    if resources == ("*",):
        return True
    forms = [form for kind in kinds for form in held["Resources"].get(kind, {}).get("ARNFormats", [])]
    return any(like(form, resource) for form in forms for resource in resources)


def like(form: str, resource: str) -> bool:
    """Whether an ARN may be of a form: the same service, and the same beginning of what follows the account."""
    want, have = form.replace(".*", "*").split(":", 5), resource.split(":", 5)
    start = want[5].split("*")[0].split("$")[0]
    return want[2] == have[2] and (have[5].startswith(start) or matches(have[5], start))


def test_every_permission_of_every_fis_action_exists() -> None:
    named = {action for rules in permissions().values() for rule in rules for action in rule["actions"]}
    split = {action: action.lower().split(":") for action in named}
    assert [a for a, (service, name) in split.items() if name not in authorization()[service]["Actions"]] == []


def test_targets_by_tags_are_allowed_by_their_tags(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEN_LINES, fis())
    step = plan.steps[0]
    assert step.fault
    tagged = step.fault.model_copy(update={"tags": {"Functions": {"team": "pay"}}})
    plan = plan.model_copy(update={"steps": (step.model_copy(update={"fault": tagged}),)})
    found = [one for one in fis_policy(plan) if "lambda:GetFunction" in one.actions]
    assert [one.resources for one in found] == [("arn:aws:lambda:eu-west-2:123456789012:function:*",)]
    assert found[0].conditions == {"StringEquals": {"aws:ResourceTag/team": "pay"}}


def test_what_fis_does_to_a_function_is_allowed_on_that_function(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEN_LINES, fis())
    config = "arn:aws:s3:::config/FisConfigs/"
    documents = [document(fis_policy(plan, config))]
    arn = "arn:aws:lambda:eu-west-2:123456789012:function:payments-function"
    assert allowed(documents, Need("lambda:GetFunction", arn, {}))
    assert allowed(documents, Need("s3:PutObject", "arn:aws:s3:::config/FisConfigs/x", {}))
    assert allowed(documents, Need("lambda:GetFunction", arn.replace("payments", "other"), {})) is False
    assert allowed(documents, Need("s3:PutObject", "arn:aws:s3:::other/x", {})) is False


def test_fis_alone_may_take_on_its_role_for_this_account_and_region(tmp_path: Path) -> None:
    (said,) = trust_policy(planned(tmp_path, TEN_LINES, fis()))["Statement"]
    assert said["Principal"] == {"Service": "fis.amazonaws.com"}
    assert said["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": f"{HEAD}:experiment/*"},
    }


def test_delivery_of_the_experiments_log_is_allowed_when_it_is_asked_for(tmp_path: Path) -> None:
    step = (
        "{fault: fis, action: 'aws:lambda:invocation-error', targets: [payments-function], "
        "parameters: {duration: 20m, preventExecution: true}, logs: {s3: {bucket: logs-of-fis, prefix: day/}}}"
    )
    plan = planned(tmp_path, timeline(step), fis())
    assert by_sid(fis_policy(plan))["LogBucket"]["Resource"] == ["arn:aws:s3:::logs-of-fis"]
    held = [document(operator_policy(plan))]
    assert allowed(held, Need("s3:GetObject", "arn:aws:s3:::logs-of-fis/day/x", {}))
    assert allowed(held, Need("s3:GetObject", "arn:aws:s3:::logs-of-fis/night/x", {})) is False
    assert allowed(held, Need("s3:ListBucket", "arn:aws:s3:::logs-of-fis", {}))


def test_equal_statements_become_one_and_sids_stay_unique() -> None:
    found = merged([Statement("A", ("x:Y",)), Statement("A", ("x:Z", "x:Y")), Statement("A", ("x:Y",), ("arn",))])
    assert [(one.sid, one.actions) for one in found] == [("A", ("x:Y", "x:Z")), ("A2", ("x:Y",))]


def test_a_tabletop_needs_nothing_of_fis() -> None:
    plan = shipped("tabletop-scheme-outage")
    assert fis_policy(plan) == () and unknown_calls(plan) == []
