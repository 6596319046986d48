"""An approval is of one digest, by somebody who is not the author, for a while, and can be taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gameday.errors import CouldNotStart
from gameday.model.workspace import Environment
from gameday.plan import Plan
from gameday.wiring.approving import Person, approvals, approve, check_approved, claim, folder, revoke
from tests.planning.a_provider import Outlined
from tests.planning.a_workspace import TEN_LINES, planned

NOW, DAY = 1_800_000_000_000, 86_400_000
AUTHOR, OWNER = Person("sre", "a" * 16), Person("service-owner", "b" * 16)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return planned(tmp_path_factory.mktemp("w"), TEN_LINES, Outlined())


def staged(plan: Plan, approvals: int = 1, production: bool = False, digest: str | None = None) -> Plan:
    environment = Environment(
        account="111122223333", regions=("eu-west-2",), approvals=approvals, production=production
    )
    changes = {"environment": "staging", "environment_definition": environment, "digest": digest or plan.digest}
    return plan.model_copy(update=changes)


@pytest.fixture
def plan(rehearsed: Plan) -> Plan:
    return staged(rehearsed)


def refused(root: Path, plan: Plan, now: int = NOW) -> str:
    with pytest.raises(CouldNotStart) as error:
        check_approved(root, plan, now)
    (problem,) = error.value.problems
    return f"{problem.code}: {problem.message}"


def test_a_plan_runs_once_somebody_else_approved_it(tmp_path: Path, plan: Plan) -> None:
    assert refused(tmp_path, plan).startswith("APPROVAL_MISSING: payments-stop in staging needs 1 approval(s)")
    claim(tmp_path, plan, AUTHOR)
    approve(tmp_path, plan, OWNER, NOW)
    assert [a.by for a in check_approved(tmp_path, plan, NOW)] == [OWNER]


def test_nobody_approves_what_is_theirs_by_role_or_by_login(tmp_path: Path, plan: Plan) -> None:
    claim(tmp_path, plan, AUTHOR)
    for by in (Person("sre", OWNER.login), Person("service-owner", AUTHOR.login)):
        with pytest.raises(CouldNotStart, match="OWN_APPROVAL"):
            approve(tmp_path, plan, by, NOW)
    assert approvals(tmp_path) == []


def test_without_an_author_nobody_can_be_somebody_else(tmp_path: Path, plan: Plan) -> None:
    with pytest.raises(CouldNotStart, match="AUTHOR_UNKNOWN"):
        approve(tmp_path, plan, OWNER, NOW)


def test_the_first_who_says_so_is_the_author(tmp_path: Path, plan: Plan) -> None:
    assert claim(tmp_path, plan, AUTHOR) == AUTHOR
    assert claim(tmp_path, plan, OWNER) == AUTHOR


def test_an_approval_runs_out_and_can_be_taken_back(tmp_path: Path, plan: Plan) -> None:
    claim(tmp_path, plan, AUTHOR)
    given = approve(tmp_path, plan, OWNER, NOW, DAY)
    assert check_approved(tmp_path, plan, NOW + DAY - 1)
    assert refused(tmp_path, plan, NOW + DAY).startswith("APPROVAL_EXPIRED")
    revoke(tmp_path, [given], "safety-officer", NOW + 1)
    assert refused(tmp_path, plan, NOW + 2).startswith("APPROVAL_MISSING")
    assert [a.state(NOW) for a in approvals(tmp_path)] == ["revoked"]


def test_two_approvals_are_of_two_logins(tmp_path: Path, rehearsed: Plan) -> None:
    plan = staged(rehearsed, approvals=2)
    claim(tmp_path, plan, AUTHOR)
    approve(tmp_path, plan, OWNER, NOW)
    approve(tmp_path, plan, Person("risk", OWNER.login), NOW)
    assert refused(tmp_path, plan).startswith("APPROVAL_MISSING")
    approve(tmp_path, plan, Person("risk", "c" * 16), NOW)
    assert len(check_approved(tmp_path, plan, NOW)) == 2


def test_production_needs_one_even_when_the_environment_asks_for_none(tmp_path: Path, rehearsed: Plan) -> None:
    assert refused(tmp_path, staged(rehearsed, 0, production=True)).startswith("APPROVAL_MISSING")
    assert check_approved(tmp_path, staged(rehearsed, 0), NOW) == []


def test_any_change_asks_again_and_says_what_changed(tmp_path: Path, plan: Plan) -> None:
    claim(tmp_path, plan, AUTHOR)
    approve(tmp_path, plan, OWNER, NOW)
    (path,) = (p for p in plan.inputs if p.endswith("payments-stop.yaml"))
    step = plan.steps[0]
    assert step.fault
    moved = step.model_copy(update={"fault": step.fault.model_copy(update={"targets": {"Functions": ("arn:new",)}})})
    changes = {"digest": "sha256:other", "inputs": {**plan.inputs, path: "0" * 64}, "steps": (moved,)}
    said = refused(tmp_path, plan.model_copy(update=changes))
    assert said.startswith("PLAN_DRIFTED") and f"{path} (other content)" in said and "+arn:new" in said


def test_a_file_that_was_moved_or_edited_approves_nothing(tmp_path: Path, plan: Plan) -> None:
    """What it says is held against the plan, whatever folder it lies in."""
    claim(tmp_path, plan, AUTHOR)
    approve(tmp_path, plan, OWNER, NOW)
    (path,) = folder(tmp_path).glob("*/service-owner.json")
    held = json.loads(path.read_text())
    changes: tuple[dict[str, object], ...] = (
        {"digest": "sha256:other"},
        {"author": held["by"]},
        {"record": {}},
        {"at": "never"},
    )
    for change in changes:
        path.write_text(json.dumps({**held, **change}))
        assert refused(tmp_path, plan).startswith(("APPROVAL_MISSING", "PLAN_DRIFTED"))
