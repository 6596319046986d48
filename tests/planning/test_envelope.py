"""What an environment does not allow is not planned, and everything that is wrong is said at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.errors import CouldNotStart
from gameday.model.load import load_content
from gameday.plan import Plan
from gameday.planning import build_plan
from tests.planning.a_provider import Outlined
from tests.planning.a_workspace import TEN_LINES, written

ARN = "arn:aws:lambda:eu-west-2:111122223333:function:f"


def within(folder: Path, envelope: str, said: dict[str, Any] | None = None) -> Plan:
    written(folder, TEN_LINES)
    (folder / "gameday.yaml").write_text(
        "kind: workspace\nenvironments:\n  staging:\n    account: '111122223333'\n    regions: [eu-west-2]\n"
        f"    envelope: {envelope}\n"
    )
    return build_plan(load_content(folder), "payments-stop", "staging", {"fis": Outlined(said or {})})


@pytest.mark.parametrize("envelope", [
    "{actions: ['aws:dynamodb:*', 'aws:lambda:*']}", "{max_targets: 1}", "{longest_fault: 20m}",
])  # fmt: skip
def test_what_lies_inside_is_planned(tmp_path: Path, envelope: str) -> None:
    assert within(tmp_path, envelope).environment == "staging"


@pytest.mark.parametrize(("envelope", "said", "code"), [
    ("{actions: ['aws:dynamodb:*', 'aws:lambda']}", {}, "ENVELOPE_ACTION"),
    ("{max_targets: 1}", {"targets": {"A": (ARN,), "B": (f"{ARN}2",)}}, "ENVELOPE_TARGETS"),
    ("{longest_fault: 19m}", {}, "ENVELOPE_DURATION"),
])  # fmt: skip
def test_what_lies_outside_is_refused_at_its_step(
    tmp_path: Path, envelope: str, said: dict[str, Any], code: str
) -> None:
    with pytest.raises(CouldNotStart) as error:
        within(tmp_path, envelope, said)
    (problem,) = error.value.problems
    assert problem.code == code and problem.message.startswith("fault-1: ")
    assert str(problem.place).endswith("payments-stop.yaml:6:5")


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(CouldNotStart) as error:
        within(tmp_path, "{actions: ['aws:ec2:*'], longest_fault: 1m}")
    assert [p.code for p in error.value.problems] == ["ENVELOPE_ACTION", "ENVELOPE_DURATION"]


def test_one_target_named_twice_counts_once(tmp_path: Path) -> None:
    assert within(tmp_path, "{max_targets: 1}", {"targets": {"A": (ARN,), "B": (ARN,)}})


def test_a_fault_that_only_gameday_ends_is_for_rehearsals_alone(tmp_path: Path) -> None:
    """With a dead conductor it would last without end, which no envelope allows."""
    endless = TEN_LINES.replace("    action:", "    for: 5m\n    action:")
    written(tmp_path, endless)
    (tmp_path / "gameday.yaml").write_text(
        "kind: workspace\nenvironments: {staging: {account: '111122223333', regions: [eu-west-2]}}\n"
    )
    nobody = {"duration_ms": None, "takes_stop_conditions": False, "stop_ends_it": False}
    content, faults = load_content(tmp_path), {"fis": Outlined(nobody)}
    with pytest.raises(CouldNotStart, match="ENVELOPE_DURATION"):
        build_plan(content, "payments-stop", "staging", faults)
    assert build_plan(content, "payments-stop", "rehearsal", faults)


def in_staging(folder: Path, dead_man: str, **changes: object) -> Plan:
    """The ten lines where ``dead_man`` is this, with a fault that its provider says is like that."""
    folder.mkdir(exist_ok=True)
    written(folder, TEN_LINES)
    (folder / "gameday.yaml").write_text(
        "kind: workspace\nenvironments: {staging: {account: '111122223333', regions: [eu-west-2], "
        f"envelope: {{dead_man: {dead_man}}}}}}}\n"
    )
    return build_plan(load_content(folder), "payments-stop", "staging", {"fis": Outlined(changes)})


def test_a_fault_that_would_outlive_a_dead_conductor_too_long_is_refused(tmp_path: Path) -> None:
    """No alarm acts within half a minute; and a watchdog has as long as its provider says."""
    with pytest.raises(CouldNotStart) as error:
        in_staging(tmp_path, "30s")
    (problem,) = error.value.problems
    assert (problem.code, problem.write) == (
        "DEAD_MAN_TOO_SLOW", "dead_man: 1m or longer: no alarm of CloudWatch acts sooner"
    )  # fmt: skip
    with pytest.raises(CouldNotStart, match="DEAD_MAN_TOO_SLOW"):
        in_staging(tmp_path / "other", "90s", takes_stop_conditions=False, worst_case_ms=91_000)


@pytest.mark.parametrize("dead_man", ["60s", "90s", "10m", "12h"])
def test_the_alarm_is_as_patient_as_dead_man_lets_it_be(tmp_path: Path, dead_man: str) -> None:
    plan = in_staging(tmp_path, dead_man)
    limit = plan.environment_definition.envelope.dead_man
    assert plan.dead_man is not None and plan.dead_man.worst_case_ms <= limit
    assert plan.dead_man.periods == 100 or plan.dead_man.worst_case_ms > limit - plan.dead_man.period_ms


def test_a_short_fault_needs_no_switch(tmp_path: Path) -> None:
    """What is over by itself within ``dead_man`` may be there without anybody."""
    plan = in_staging(tmp_path, "30s", duration_ms=30_000)
    assert plan.dead_man is None
