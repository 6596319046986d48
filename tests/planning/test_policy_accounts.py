"""Each account of an environment has roles of its own, with what the day does there and nothing of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.errors import CouldNotStart
from gameday.exchange.cloudformation import onboarding
from gameday.faults.permissions import fis_policy, trust_policy
from gameday.model.workspace import Account, Environment
from gameday.plan import Plan
from gameday.planning.allowing import Need, allowed
from gameday.planning.policy import operator_policy
from gameday.planning.statements import document
from tests.planning.a_workspace import TEN_LINES, planned
from tests.planning.test_policy import by_sid, fis

OWN, CARDS = "123456789012", "333344445555"
OURS, THEIRS = (f"arn:aws:lambda:eu-west-1:{ident}:function:pay" for ident in (OWN, CARDS))
OPERATOR, FIS = f"arn:aws:iam::{CARDS}:role/gameday", f"arn:aws:iam::{CARDS}:role/gameday-fis"
FIRST = f"arn:aws:iam::{OWN}:role/gameday-fis"
ENVIRONMENT = Environment(
    account=OWN, regions=("eu-west-2", "eu-west-1"), fis_role=FIRST,
    accounts={"cards": Account(account=CARDS, regions=("eu-west-1",), role=OPERATOR, fis_role=FIS, external_id="e-1")},
)  # fmt: skip


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A function in each of two accounts, in the second Region; a metric that is read in the second account."""
    one = planned(tmp_path, TEN_LINES, fis())
    (step,) = one.steps
    assert step.fault
    two = {"targets": {"Functions": (OURS, THEIRS)}, "accounts": (OWN, CARDS), "region": "eu-west-1"}
    fault = step.fault.model_copy(update=two)
    there = tuple(s.model_copy(update={"account": "cards"}) for s in one.signals if s.source == "cloudwatch.metric")
    steps = (step.model_copy(update={"fault": fault}),)
    return one.model_copy(update={"environment_definition": ENVIRONMENT, "steps": steps, "signals": there})


def may(statements: Any, action: str, resource: str) -> bool | None:
    bare = [{k: v for k, v in one.wire().items() if k != "Condition"} for one in statements]
    return allowed([{"Version": "2012-10-17", "Statement": bare}], Need(action, resource, {}))


def test_experiments_are_started_in_the_first_account_alone_and_in_the_region_of_the_fault(plan: Plan) -> None:
    held = by_sid(operator_policy(plan))
    assert held["FisOwn"]["Resource"] == [f"arn:aws:fis:eu-west-1:{OWN}:experiment/*"]
    there = [action for one in operator_policy(plan, "cards") for action in one.actions]
    assert [a for a in there if a.startswith("fis:")] == []


def test_each_operator_reads_what_is_in_its_own_account(plan: Plan) -> None:
    first, cards = operator_policy(plan), operator_policy(plan, "cards")
    assert (may(first, "lambda:GetFunction", OURS), may(first, "lambda:GetFunction", THEIRS)) == (True, False)
    assert (may(cards, "lambda:GetFunction", OURS), may(cards, "lambda:GetFunction", THEIRS)) == (False, True)
    assert may(cards, "cloudwatch:GetMetricData", "*") and may(first, "cloudwatch:GetMetricData", "*") is False
    assert may(first, "sts:AssumeRole", OPERATOR) and not may(cards, "sts:AssumeRole", OPERATOR)
    assert may(cards, "iam:SimulatePrincipalPolicy", FIS)


def test_fis_acts_in_each_account_through_the_role_of_that_account(plan: Plan) -> None:
    first, cards = fis_policy(plan), fis_policy(plan, account="cards")
    assert may(first, "sts:AssumeRole", FIS) and may(first, "sts:AssumeRole", FIRST)
    assert (may(first, "lambda:GetFunction", OURS), may(first, "lambda:GetFunction", THEIRS)) == (True, False)
    assert (may(cards, "lambda:GetFunction", OURS), may(cards, "lambda:GetFunction", THEIRS)) == (False, True)
    assert not may(cards, "sts:AssumeRole", FIS)


def test_the_role_of_the_second_account_trusts_that_of_the_first_for_its_experiments_alone(plan: Plan) -> None:
    (said,) = trust_policy(plan, "cards")["Statement"]
    assert said["Principal"] == {"AWS": OWN}
    assert said["Condition"] == {
        "StringLike": {"sts:ExternalId": f"arn:aws:fis:eu-west-1:{OWN}:experiment/*"},
        "ArnLike": {"aws:PrincipalArn": FIRST},
    }
    assert [one["Sid"] for one in trust_policy(plan)["Statement"]] == ["FisForThisAccount", "FisOfTheFirstAccount"]


def test_the_stack_of_the_second_account_asks_for_its_external_id_and_has_no_log_group(plan: Plan) -> None:
    names = {"operator": "gameday", "fis": "gameday-fis"}
    text = onboarding("day", operator_policy(plan, "cards"), fis_policy(plan, account="cards"),
                      trust_policy(plan, "cards"), names, "e-1", "cards")  # fmt: skip
    assert "sts:ExternalId: e-1" in text and "AWS::Logs::LogGroup" not in text
    assert "role: of the account cards in gameday.yaml" in text


def test_an_account_that_is_not_there_is_said(plan: Plan) -> None:
    with pytest.raises(CouldNotStart, match="UNKNOWN_ACCOUNT"):
        document(operator_policy(plan, "nobody"))
