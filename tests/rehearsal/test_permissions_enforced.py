"""With a role's policies enforced by the stand-in: what was generated is enough, and each part of it is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from gameday.aws import Aws, CallFailed
from gameday.exchange.cloudformation import onboarding
from gameday.faults.fis import FisFault
from gameday.faults.permissions import fis_policy, trust_policy
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Plan
from gameday.planning.policy import operator_policy
from gameday.planning.statements import Statement, document
from gameday.protocols import Order
from gameday.rehearsal import client
from gameday.rehearsal.lookup import local_client
from gameday.wiring.permitting import caller, check, missing_permissions
from gameday.wiring.preflight import preflight
from gameday.wiring.sockets import sockets
from tests.planning.a_workspace import TEN_LINES, planned

NAMES = {"operator": "gameday-operator", "fis": "gameday-fis"}


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.Rehearsal]:
    up = client.up(tmp_path_factory.mktemp("workspace"), 20.0, kept=True)
    yield up
    up.down()


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return planned(
        tmp_path_factory.mktemp("content"), TEN_LINES, FisFault(Aws(REHEARSAL_ENVIRONMENT, "http://127.0.0.1:1"))
    )


@pytest.fixture(scope="module")
def iam(rehearsal: client.Rehearsal, plan: Plan) -> Any:
    """The roles as the onboarding stack makes them, on the stand-in's CloudFormation."""
    stack = onboarding(plan.title, operator_policy(plan), fis_policy(plan), trust_policy(plan), NAMES)
    local_client("cloudformation", rehearsal.endpoint, inside=True).create_stack(
        StackName="gameday", TemplateBody=stack, Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": "OperatorPrincipal", "ParameterValue": "arn:aws:iam::123456789012:user/a"}],
    )  # fmt: skip
    return local_client("iam", rehearsal.endpoint, inside=True)


@pytest.fixture
def door(rehearsal: client.Rehearsal, plan: Plan, iam: Any) -> Iterator[Aws]:
    give(iam, "gameday-operator", operator_policy(plan))
    give(iam, "gameday-fis", fis_policy(plan))
    rehearsal.ask("permissions", {"role": "gameday-operator"})
    door = Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint)
    yield door
    door.close()
    rehearsal.ask("permissions", {})


def give(iam: Any, role: str, statements: Sequence[Statement]) -> None:
    iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=json.dumps(document(statements)))


def without(statements: Sequence[Statement], action: str) -> list[Statement]:
    held = [Statement(s.sid, tuple(a for a in s.actions if a != action), s.resources, s.conditions, s.why, s.needed)
            for s in statements]  # fmt: skip
    return [one for one in held if one.actions]


def order(run: str) -> Order:
    settings = {"action": "aws:fis:wait", "parameters": {"duration": "20m"}}
    return Order(run, "pause", f"{run}-pause", "aws:fis:wait", settings, {}, 1_200_000, REHEARSAL_ENVIRONMENT)


def test_the_stack_makes_roles_that_need_nothing_more_and_may_do_nothing_more(door: Aws, plan: Plan) -> None:
    operator, fis = check(plan, door, caller(door))
    assert (operator.role.rsplit("/")[-1], fis.role.rsplit("/")[-1]) == ("gameday-operator", "gameday-fis")
    assert [p for held in (operator, fis) for p in held.problems()] == []
    assert {answer.allowed for held in (operator, fis) for answer in held.answers} == {True}


def test_each_needed_permission_taken_away_is_named_and_stops_the_run(
    door: Aws, plan: Plan, iam: Any, rehearsal: client.Rehearsal
) -> None:
    filled = sockets(REHEARSAL_ENVIRONMENT, rehearsal.endpoint)
    wanted = {"gameday-operator": operator_policy(plan), "gameday-fis": fis_policy(plan)}
    tried = 0
    for role, statements in wanted.items():
        for action in sorted({a for one in statements if one.needed for a in one.actions}):
            give(iam, role, without(statements, action))
            found = preflight(plan, filled, rehearsal.clock())
            said = [p.message for p in found.blocking if p.code == "PERMISSION_MISSING"]
            assert said and all(f"role/{role} may not {action} on " in one for one in said), (role, action, said)
            tried += 1
        give(iam, role, statements)
    assert tried > 15


def test_a_fault_runs_and_is_undone_with_that_policy_and_each_call_was_weighed(
    door: Aws, rehearsal: client.Rehearsal, plan: Plan, iam: Any
) -> None:
    kinds = tuple(f"arn:aws:fis:eu-west-2:123456789012:action/{name}" for name in ("aws:fis:wait",))
    more = Statement("Wait", ("fis:CreateExperimentTemplate",), kinds)
    give(iam, "gameday-operator", [*operator_policy(plan), more])
    fault = FisFault(door)
    trace = fault.start(order("enough"), lambda facts: None)
    fault.poll(trace)
    while not fault.stop(trace).clean:
        pass
    used = [action for action, _ in rehearsal.ask("permissions")["used"]]
    calls = ("CreateExperimentTemplate", "TagResource", "StartExperiment", "GetExperiment", "StopExperiment")
    assert {"iam:PassRole", "fis:DeleteExperimentTemplate", *(f"fis:{name}" for name in calls)} <= set(used)


def test_an_action_that_the_policy_does_not_name_is_refused_by_the_stand_in(door: Aws) -> None:
    with pytest.raises(CallFailed, match="not authorized to perform: fis:CreateExperimentTemplate on resource: .*wait"):
        FisFault(door).start(order("refused"), lambda facts: None)


def test_where_iam_does_not_simulate_the_policies_are_read(door: Aws, plan: Plan, iam: Any) -> None:
    reading = ("iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:GetRole")
    roles = ("arn:aws:iam::123456789012:role/*",)
    weaker = without(without(operator_policy(plan), "iam:SimulatePrincipalPolicy"), "fis:StopExperiment")
    give(iam, "gameday-operator", [*weaker, Statement("Read", reading, roles)])
    missing = [p.message for p in missing_permissions(plan, door) if p.severity == "error"]
    assert len(missing) == 1 and "may not fis:StopExperiment" in missing[0]


def test_where_iam_tells_nothing_it_is_a_warning_and_never_a_yes(door: Aws, plan: Plan, iam: Any) -> None:
    give(iam, "gameday-operator", without(operator_policy(plan), "iam:SimulatePrincipalPolicy"))
    assert {(p.code, p.severity) for p in missing_permissions(plan, door)} == {("PERMISSION_UNKNOWN", "warning")}


def test_a_role_of_fis_that_is_not_there_is_said(door: Aws, plan: Plan) -> None:
    absent = REHEARSAL_ENVIRONMENT.model_copy(update={"fis_role": "arn:aws:iam::123456789012:role/nobody"})
    said = missing_permissions(plan.model_copy(update={"environment_definition": absent}), door)
    assert "ROLE_MISSING" in {p.code for p in said}


def test_a_rehearsal_that_enforces_nothing_asks_nothing(rehearsal: client.Rehearsal, plan: Plan) -> None:
    assert missing_permissions(plan, Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint)) == []
