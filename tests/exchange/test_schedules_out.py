"""Schedules for EventBridge and GitHub Actions: each is what that format's own tool takes, and means the same times."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from cfnlint.api import lint_all

from gameday.errors import CouldNotStart
from gameday.exchange.cloudformation import as_yaml
from gameday.exchange.eventbridge import expression, stack
from gameday.exchange.github_actions import crons, workflow
from tests.schedules.a_year import schedule

FULL: dict[str, Any] = {"jitter": "20m", "expires": "2027-06-30", "environment": "staging"}


@pytest.mark.filterwarnings("default")  # cfn-lint's own dependencies warn
@pytest.mark.parametrize("keys", [{}, FULL, {"paused": "we move"}])
def test_cfn_lint_finds_nothing_in_a_schedule(keys: dict[str, Any]) -> None:
    text = as_yaml(stack(schedule("weekly", "0 10 * * 2", **keys)))
    assert [str(match) for match in lint_all(text) if match.rule.severity != "informational"] == []


def test_no_role_of_the_stack_may_do_everything_and_each_trusts_this_account_alone() -> None:
    resources = stack(schedule("weekly", "0 10 * * Tue"))["Resources"]
    roles = [held["Properties"] for held in resources.values() if held["Type"] == "AWS::IAM::Role"]
    statements = [s for role in roles for p in role["Policies"] for s in p["PolicyDocument"]["Statement"]]
    wide = [s["Action"] for s in statements if s["Resource"] == "*"]
    assert wide == [["ecr:GetAuthorizationToken"]]  # AWS knows no resource for it
    assert not [a for s in statements for a in s["Action"] if "*" in a]
    trusts = [role["AssumeRolePolicyDocument"]["Statement"][0] for role in roles]
    assert all("aws:SourceAccount" in t["Condition"]["StringEquals"] for t in trusts)


@pytest.mark.parametrize(
    ("cron", "found"),
    [
        ("0 10 * * 2", "cron(0 10 ? * TUE *)"),
        ("0 10 * * 1-5", "cron(0 10 ? * MON-FRI *)"),
        ("0 10 * * Tue#2", "cron(0 10 ? * TUE#2 *)"),
        ("*/30 * * * *", "cron(*/30 * * * ? *)"),
        ("0 9 1,15 * *", "cron(0 9 1,15 * ? *)"),
    ],
)
def test_cron_is_said_as_eventbridge_says_it(cron: str, found: str) -> None:
    assert expression(schedule("x", cron)) == found


def test_what_the_other_cannot_say_is_refused() -> None:
    with pytest.raises(CouldNotStart, match="CANNOT_EXPORT"):
        expression(schedule("x", "0 10 13 * Fri"))
    with pytest.raises(CouldNotStart, match="CANNOT_EXPORT"):
        crons(schedule("x", "0 1 * * Tue", tz="Asia/Tokyo"))  # in UTC that is Monday
    with pytest.raises(CouldNotStart, match="CANNOT_EXPORT"):
        crons(schedule("x", "0 10 * * Tue", tz="Asia/Kolkata"))


def test_a_zone_becomes_the_hours_that_it_can_mean_in_utc() -> None:
    assert crons(schedule("x", "0 10 * * Tue")) == ["0 10 * * Tue", "0 9 * * Tue"]
    assert crons(schedule("x", "0 10 * * Tue", tz="UTC")) == ["0 10 * * Tue"]


@pytest.mark.parametrize("keys", [{}, FULL])
def test_the_workflow_fits_the_schema_of_github(keys: dict[str, Any]) -> None:
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "github-workflows.json"
    made = json.loads(json.dumps(workflow(schedule("weekly", "0 10 * * Tue", **keys))))
    schema = json.loads(vendored.read_text("utf-8"))
    checker = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in checker.iter_errors(made)] == []
    text = as_yaml(made)
    assert "'on':" in text  # quoted, for YAML 1.1 takes it for true
    steps = made["jobs"]["gameday"]["steps"]
    assert [s["run"] for s in steps if "recover" in s.get("run", "")] == ["gameday recover"]
