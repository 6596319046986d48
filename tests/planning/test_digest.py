"""The digest holds still while nothing changes that a run depends on, and never when something does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gameday.model.content import Content, Loaded, SourceFile
from gameday.model.load import load_content
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.plan import Plan
from gameday.planning import build_plan
from gameday.planning.digest import digest, digest_of
from tests.planning.a_provider import Outlined
from tests.planning.a_workspace import ROOT, copied

SCENARIO = "payment-functions-stop"
CONTENT = load_content(ROOT)


def plan_of(content: Content, environment: str = "rehearsal", provider: Outlined | None = None) -> Plan:
    return build_plan(content, SCENARIO, environment, {"fis": provider or Outlined()})


PLAN = plan_of(CONTENT)


def with_bytes(path: str, raw: bytes) -> Content:
    """The same models, one file read as other bytes."""

    def changed(found: dict[str, Loaded[object]]) -> dict[str, Loaded[object]]:
        return {
            i: replace(x, file=SourceFile(x.file.path, raw, x.file.places)) if x.file.path.endswith(path) else x
            for i, x in found.items()
        }

    kinds = ("services", "scenarios", "runbooks", "observers")
    found: dict[str, Any] = {kind: changed(dict(getattr(CONTENT, kind))) for kind in kinds}
    return replace(CONTENT, **found)


def test_the_plan_names_each_file_it_rests_on_and_no_other() -> None:
    assert (
        sorted(PLAN.inputs)
        == list(PLAN.inputs)
        == [
            "observers/cloudwatch/payments-5xx.yaml",
            "observers/cloudwatch/payments-attempts.yaml",
            "observers/cloudwatch/payments-failures.yaml",
            "observers/cloudwatch/payments-function-errors.yaml",
            "observers/cloudwatch/payments-latency.yaml",
            "observers/xray/payments-edge.yaml",
            "runbooks/payments-failover.md",
            "scenarios/open-banking/payment-functions-stop.yaml",
            "scenarios/open-banking/service.yaml",
        ]
    )


def test_it_depends_neither_on_the_folder_nor_on_the_order_of_files(tmp_path: Path) -> None:
    elsewhere = load_content(copied(tmp_path))
    turned = replace(elsewhere, observers=dict(reversed([*elsewhere.observers.items()])))
    assert plan_of(elsewhere).digest == plan_of(turned).digest == PLAN.digest
    assert plan_of(elsewhere) == plan_of(turned) == PLAN


def test_planning_twice_gives_the_same_plan() -> None:
    assert plan_of(CONTENT) == PLAN


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(path=st.sampled_from(sorted(PLAN.inputs)), where=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_any_changed_byte_of_a_used_file_changes_it(path: str, where: int, flip: int) -> None:
    raw = bytearray((ROOT / path).read_bytes())
    raw[where % len(raw)] ^= flip
    changed = plan_of(with_bytes(path, bytes(raw)))
    assert changed.digest != PLAN.digest
    assert {p for p in PLAN.inputs if changed.inputs[p] != PLAN.inputs[p]} == {path}


def test_a_file_that_is_not_used_does_not_change_it(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    other = folder / "scenarios" / "open-banking" / "fault-without-effect.yaml"
    other.write_bytes(other.read_bytes() + b"# another\n")
    assert plan_of(load_content(folder)).digest == PLAN.digest


def test_other_targets_change_it() -> None:
    said = Outlined({"targets": {"Functions": ("arn:aws:lambda:eu-west-2:123456789012:function:other",)}})
    assert plan_of(CONTENT, provider=said).digest != PLAN.digest


@pytest.mark.parametrize("change", [{"account": "111122223333"}, {"production": True}, {"regions": ("eu-west-1",)}])
def test_another_environment_changes_it(change: dict[str, object]) -> None:
    other = REHEARSAL_ENVIRONMENT.model_copy(update=change)
    assert digest(PLAN.inputs, "rehearsal", other, PLAN.steps) != PLAN.digest
    assert digest(PLAN.inputs, "staging", REHEARSAL_ENVIRONMENT, PLAN.steps) != PLAN.digest


def test_it_can_be_computed_again_from_the_plan_alone() -> None:
    assert digest_of(PLAN) == PLAN.digest
    assert digest_of(PLAN.model_copy(update={"inputs": {}})) != PLAN.digest
