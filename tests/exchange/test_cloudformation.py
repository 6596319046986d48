"""The onboarding stack is what CloudFormation takes: cfn-lint finds nothing."""

from __future__ import annotations

import pytest
from cfnlint.api import lint_all

from gameday.exchange.cloudformation import onboarding
from gameday.faults.permissions import fis_policy, trust_policy
from gameday.planning.policy import operator_policy
from tests.planning.test_policy import shipped

NAMES = {"operator": "teams/pay/gameday-operator", "fis": "gameday-fis"}


def stack(name: str) -> str:
    plan = shipped(name)
    return onboarding(plan.title, operator_policy(plan), fis_policy(plan), trust_policy(plan), NAMES)


@pytest.mark.filterwarnings("default")  # cfn-lint's own dependencies warn
@pytest.mark.parametrize("name", ["payment-functions-stop", "tabletop-scheme-outage"])
def test_cfn_lint_finds_nothing_in_the_stack_of_a_shipped_scenario(name: str) -> None:
    found = [match for match in lint_all(stack(name)) if match.rule.severity != "informational"]
    assert found == []


def test_a_path_in_the_role_of_the_environment_stays_its_path() -> None:
    text = stack("payment-functions-stop")
    assert "Path: /teams/pay/" in text and "RoleName: gameday-operator" in text and "Path: /\n" in text
