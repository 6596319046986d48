"""A whole game day with nothing but the policy that ``gameday iam`` prints: it is enough, and all of it is needed.

The stand-in weighs actions and resources with moto's own matcher; conditions are checked as text elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.rehearsal.client import Rehearsal, attach
from gameday.rehearsal.lookup import local_client
from gameday.rehearsal.permissions import ALWAYS, permitted
from tests.system.a_day import gameday, left_behind, new_workspace, newest

SCENARIO = "payment-functions-stop"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}]})  # fmt: skip
Policies = dict[str, Any]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    """With a rehearsal that is kept up."""
    folder = new_workspace(tmp_path / "workspace")
    up = gameday(folder, "rehearsal", "up", "--json")
    assert up.returncode == 0, up.stderr
    yield folder
    gameday(folder, "rehearsal", "down")


@pytest.fixture
def rehearsal(workspace: Path) -> Rehearsal:
    found = attach(workspace)
    assert found
    return found


@pytest.fixture
def printed(workspace: Path, rehearsal: Rehearsal) -> Policies:
    """What ``gameday iam`` prints, given to two roles; from now on it is the operator's that counts."""
    said = gameday(workspace, "iam", SCENARIO, "--json")
    assert said.returncode == 0, said.stderr
    policies: Policies = json.loads(said.stdout)
    iam = local_client("iam", rehearsal.endpoint, inside=True)
    for role, name in (("gameday-operator", "operator"), ("gameday-fis", "fis-role")):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
        give(rehearsal, role, policies[name])
    rehearsal.ask("permissions", {"role": "gameday-operator"})
    return policies


def give(rehearsal: Rehearsal, role: str, policy: Any) -> None:
    iam = local_client("iam", rehearsal.endpoint, inside=True)
    iam.put_role_policy(RoleName=role, PolicyName="only", PolicyDocument=json.dumps(policy))


def without(policy: Any, action: str) -> Any:
    held = [{**one, "Action": [a for a in one["Action"] if a != action]} for one in policy["Statement"]]
    return {**policy, "Statement": [one for one in held if one["Action"]]}


@pytest.mark.nightly
def test_a_whole_day_runs_with_the_printed_policy_and_every_call_it_made_was_allowed(
    workspace: Path, rehearsal: Rehearsal, printed: Policies
) -> None:
    ran = gameday(workspace, "run", SCENARIO, "--unattended", within_s=1_500)
    asked = rehearsal.ask("permissions")["used"]
    refused = [pair for pair in asked if pair[0] not in ALWAYS and not permitted([printed["operator"]], *pair)]
    assert refused == []
    assert ran.returncode in (0, 1, 3), ran.stderr  # whatever the verdict on this machine: it ran to its end
    used = {action for action, _ in asked}
    assert {
        "fis:GetSafetyLever", "fis:StartExperiment", "fis:DeleteExperimentTemplate", "iam:SimulatePrincipalPolicy",
        "iam:PassRole", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:GetMetricData",
        "lambda:GetFunctionConfiguration", "s3:ListBucket", "xray:GetServiceGraph", "ssm:ListCommands",
    } <= used  # fmt: skip
    assert "run.ended" in (newest(workspace) / "journal.jsonl").read_text("utf-8")
    rehearsal.ask("permissions", {})
    assert left_behind(workspace)["templates"] == []


@pytest.mark.nightly
def test_one_permission_less_and_the_run_is_refused_with_its_name(
    workspace: Path, rehearsal: Rehearsal, printed: Policies
) -> None:
    for role, name, action in (
        ("gameday-operator", "operator", "fis:StopExperiment"),
        ("gameday-operator", "operator", "cloudwatch:TagResource"),
        ("gameday-fis", "fis-role", "lambda:GetFunction"),
    ):
        give(rehearsal, role, without(printed[name], action))
        ran = gameday(workspace, "run", SCENARIO, "--unattended")
        assert ran.returncode == 5, (action, ran.stdout, ran.stderr)
        assert f"role/{role} may not {action} on " in ran.stderr + ran.stdout
        give(rehearsal, role, printed[name])
    started = [pair for pair in rehearsal.ask("permissions")["used"] if pair[0] == "fis:StartExperiment"]
    assert started == []
