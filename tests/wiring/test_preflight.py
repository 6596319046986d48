"""Preflight against a loopback AWS that is up: what is shown, what blocks, who waives, and that nothing is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from gameday.aws import Aws
from gameday.clock import VirtualClock
from gameday.errors import CouldNotStart, Problem
from gameday.model.scenario import AlarmGuard, ToleranceGuard
from gameday.model.service import Service
from gameday.model.workload import Workload
from gameday.model.workspace import REHEARSAL_ENVIRONMENT, SECOND_REGION, Envelope, Environment
from gameday.plan import Plan, PlannedFault, Signal
from gameday.protocols import ProviderStatus
from gameday.rehearsal import client
from gameday.runs import runs_folder
from gameday.wiring.findings import Checked, Finding, Waived, asked_waivers, judged
from gameday.wiring.guarding import guard_problems
from gameday.wiring.looking import Look, abort_thresholds, apart, lever
from gameday.wiring.preflight import Bench, against_plan, preflight
from gameday.wiring.sockets import sockets
from tests.planning.a_provider import Outlined
from tests.planning.a_workspace import TEN_LINES, planned, written

FUNCTION = "arn:aws:lambda:eu-west-2:123456789012:function:"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Ten lines, planned without AWS: no signals, so that what is found is about the fault."""
    return planned(tmp_path_factory.mktemp("plan"), TEN_LINES, Outlined()).model_copy(update={"signals": ()})


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.Rehearsal]:
    content = written(tmp_path_factory.mktemp("files"), TEN_LINES)
    told: tuple[Workload, Service] = (
        content.workloads["open-banking"].model, content.services["open-banking"].model
    )  # fmt: skip
    found = client.up(tmp_path_factory.mktemp("up"), 20.0, kept=False, workload_content=told)
    yield found
    found.down()


def within(plan: Plan, **envelope: Any) -> Plan:
    changed = REHEARSAL_ENVIRONMENT.model_copy(update={"envelope": Envelope(**envelope)})
    return plan.model_copy(update={"environment_definition": changed})


def aimed(plan: Plan, *names: str, duration: str | None = None) -> Plan:
    """The same with other functions as the fault's targets."""
    (step,) = plan.steps
    assert step.fault
    fault = step.fault.model_copy(update={"targets": {"Functions": tuple(FUNCTION + n for n in names)}})
    return plan.model_copy(update={"steps": (step.model_copy(update={"fault": fault}),)})


def looked(plan: Plan, up: client.Rehearsal, root: Path, *waivers: Waived) -> Checked:
    filled = sockets(plan.environment_definition, up.endpoint, up.clock())
    try:
        return preflight(plan, filled, up.clock(), bench=Bench(root, up), waivers=waivers)
    finally:
        filled.aws.close()


def made(up: client.Rehearsal) -> tuple[int, int]:
    """Experiments that were ever made, and templates that are there."""
    fis = Aws(REHEARSAL_ENVIRONMENT, up.endpoint).client("fis")
    found = len(fis.list_experiments()["experiments"]), len(fis.list_experiment_templates()["experimentTemplates"])
    fis.close()
    return found


def codes(checked: Checked) -> list[str]:
    return [p.code for p in checked.blocking]


def test_a_plan_that_can_run_is_shown_and_leaves_nothing(plan: Plan, up: client.Rehearsal, tmp_path: Path) -> None:
    before, _ = made(up)
    checked = looked(plan, up, tmp_path)
    assert checked.ready, checked.record()
    assert {line.result for line in checked.lines} == {"shown"}
    assert made(up) == (before + 1, 0)  # FIS resolved the targets; the template is gone
    assert list(runs_folder(tmp_path).iterdir()) == []
    assert checked.clock_off_ms is not None and abs(checked.clock_off_ms) < 2_000


def test_outside_the_envelope_nothing_is_made_and_nobody_can_waive_it(
    plan: Plan, up: client.Rehearsal, tmp_path: Path
) -> None:
    before = made(up)
    waived = Waived("ENVELOPE_TAG", "", "please", "facilitator")
    checked = looked(within(plan, require_tag={"gameday": "allowed"}), up, tmp_path, waived)
    assert codes(checked) == ["ENVELOPE_TAG"]
    assert checked.lines[-1].result == "not looked at"
    assert made(up) == before
    with pytest.raises(CouldNotStart, match="ENVELOPE_TAG"):
        checked.stop_if_not_ready()


def test_a_denied_tag_is_outside(plan: Plan, up: client.Rehearsal, tmp_path: Path) -> None:
    assert codes(looked(within(plan, deny_tag={"Name": "*"}), up, tmp_path)) == ["ENVELOPE_TAG"]
    assert looked(within(plan, deny_tag={"Name": "another"}), up, tmp_path).ready


def test_a_target_that_is_not_there_blocks(plan: Plan, up: client.Rehearsal, tmp_path: Path) -> None:
    checked = looked(aimed(plan, "nobody"), up, tmp_path)
    assert codes(checked)[0] == "NO_TARGETS"


def test_an_engaged_safety_lever_blocks(plan: Plan, up: client.Rehearsal, tmp_path: Path) -> None:
    fis = Aws(REHEARSAL_ENVIRONMENT, up.endpoint).client("fis")
    fis.update_safety_lever_state(id="default", state={"status": "engaged", "reason": "a test"})
    try:
        assert codes(looked(plan, up, tmp_path)) == ["SAFETY_LEVER_ENGAGED"]
    finally:
        fis.update_safety_lever_state(id="default", state={"status": "disengaged", "reason": "over"})
        fis.close()


def test_the_lever_of_another_region_that_a_fault_is_started_in_is_read_there(plan: Plan, up: client.Rehearsal) -> None:
    aws = Aws(REHEARSAL_ENVIRONMENT, up.endpoint)
    (step,) = plan.steps
    assert step.fault
    there = step.model_copy(update={"id": "there", "fault": step.fault.model_copy(update={"region": SECOND_REGION})})
    both = plan.model_copy(update={"steps": (step, there)})
    fis = aws.client("fis", None, SECOND_REGION)
    fis.update_safety_lever_state(id="default", state={"status": "engaged", "reason": "a test"})
    filled = sockets(REHEARSAL_ENVIRONMENT, up.endpoint, up.clock())
    try:
        found = [f.subject for f in lever(Look(both, filled, up.clock(), "r")) if f.blocks]
        assert SECOND_REGION in found
        assert list(filled.levers) == ["123456789012/eu-west-2", "123456789012/eu-west-1"]
        assert cast(Any, filled.levers["123456789012/eu-west-1"]).read().engaged
    finally:
        fis.update_safety_lever_state(id="default", state={"status": "disengaged", "reason": "over"})
        filled.aws.close()
        aws.close()


def test_the_alarm_of_a_guard_is_read_in_the_region_of_its_signal(plan: Plan, up: client.Rehearsal) -> None:
    aws = Aws(REHEARSAL_ENVIRONMENT, up.endpoint)
    aws.client("cloudwatch", None, SECOND_REGION).put_metric_alarm(
        AlarmName="only-there", Namespace="N", MetricName="M", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching")  # fmt: skip

    def missing(region: str | None) -> bool:
        seen = Signal(id="a", source="cloudwatch.alarm", query={"alarm": "only-there"}, period_ms=1_000, settles_ms=0,
                      region=region)  # fmt: skip
        guarded = plan.model_copy(update={"signals": (seen,), "guards": (AlarmGuard(alarm="a"),)})
        return "GUARD_ALARM_MISSING" in [p.code for p in guard_problems(guarded, aws)]

    assert missing(None) and not missing(SECOND_REGION)
    aws.close()


def test_a_function_without_the_extension_lacks_it_until_somebody_waives_it(
    plan: Plan, up: client.Rehearsal, tmp_path: Path
) -> None:
    aws = Aws(REHEARSAL_ENVIRONMENT, up.endpoint)
    (step,) = plan.steps
    assert step.fault
    (arn,) = step.fault.targets["Functions"]
    held = aws.client("lambda").get_function_configuration(FunctionName=arn)
    aws.client("lambda").update_function_configuration(FunctionName=arn, Layers=[], Environment={"Variables": {}})
    try:
        assert codes(looked(plan, up, tmp_path)) == ["PREREQUISITE_MISSING"] * 3
        checked = looked(plan, up, tmp_path, Waived("PREREQUISITE_MISSING", step.id, "seen by hand", "facilitator"))
    finally:
        layers = [layer["Arn"] for layer in held["Layers"]]
        aws.client("lambda").update_function_configuration(
            FunctionName=arn, Layers=layers, Environment=held["Environment"]
        )
        aws.close()
    assert checked.ready
    done, *waived = checked.drafts()
    assert "waived" in {check["result"] for check in done.what["checks"]}
    assert [(d.type, d.who, d.what["because"]) for d in waived] == [
        ("preflight.waived", "facilitator", "seen by hand")
    ] * 3


# ---- without a rehearsal
def status(*arns: str, state: Any = "ended", detail: str = "") -> ProviderStatus:
    return ProviderStatus(state, detail, False, {"Functions": list(arns)} if arns else {})


def against(plan: Plan, found: ProviderStatus, **settings: Any) -> list[str]:
    (step,) = plan.steps
    assert step.fault
    fault: PlannedFault = step.fault.model_copy(update={"settings": {**step.fault.settings, **settings}})
    return [p.code for p in against_plan(plan, step, fault, found)]


def test_what_was_resolved_is_what_the_plan_says(plan: Plan) -> None:
    two = aimed(plan, "a", "b")
    assert against(two, status(FUNCTION + "a", FUNCTION + "b")) == []
    assert against(two, status(FUNCTION + "a")) == ["PLAN_DRIFTED"]
    assert against(two, status(FUNCTION + "a"), selection="COUNT(1)") == []
    assert against(two, status(FUNCTION + "c"), selection="COUNT(1)") == ["PLAN_DRIFTED"]
    assert against(two, status(*(FUNCTION + n for n in "abc"))) == ["PLAN_DRIFTED"]
    assert against(two, status()) == ["NO_TARGETS"]
    assert against(two, status(state="failed", detail="returned empty set")) == ["NO_TARGETS"]
    assert against(two, status(state="unknown")) == ["TARGETS_NOT_RESOLVED"]


def test_what_was_resolved_lies_inside(plan: Plan) -> None:
    one = within(aimed(plan, "a", "b"), max_targets=1)
    assert against(one, status(FUNCTION + "a", FUNCTION + "b")) == ["ENVELOPE_TARGETS"]
    other = "arn:aws:lambda:eu-west-2:444455556666:function:a"
    assert "ENVELOPE_ACCOUNT" in against(plan, status(other))


def test_production_needs_a_guard_below_each_tolerance(plan: Plan) -> None:
    environment = Environment(account="111122223333", regions=("eu-west-2",), production=True)
    judged_ones = [t.id for t in plan.tolerances]

    def thresholds(at: str | None) -> list[str]:
        guards = tuple(ToleranceGuard.model_validate({"tolerance": t, "at": at}) for t in judged_ones if at)
        changed = plan.model_copy(update={"environment_definition": environment, "guards": guards})
        clock = VirtualClock()
        look = Look(changed, sockets(environment, "http://127.0.0.1:9", clock), clock, "preflight")
        return [f.problem.code for f in abort_thresholds(look)]

    assert judged_ones
    assert thresholds("80%") == []
    assert thresholds("100%") == thresholds(None) == ["ABORT_THRESHOLD_MISSING"] * len(judged_ones)


@pytest.mark.parametrize(("before", "after", "theirs", "off"), [
    (10_500, 10_600, 10_000, 0), (10_999, 11_001, 10_000, 0), (13_500, 13_600, 10_000, 2_500),
    (5_000, 5_100, 9_000, -3_900),
])  # fmt: skip
def test_the_clock_is_off_only_by_what_must_be(before: int, after: int, theirs: int, off: int) -> None:
    assert apart(before, after, theirs) == off


def test_a_waiver_is_of_a_code_and_a_subject_and_says_why() -> None:
    silent = [Finding(Problem("SIGNAL_NO_DATA", "", ""), name) for name in ("a", "b")]
    waivers = asked_waivers(["SIGNAL_NO_DATA:a"], "new", "facilitator")
    assert [f.blocks for f in judged(silent, waivers)] == [False, True]
    assert [f.blocks for f in judged(silent, asked_waivers(["SIGNAL_NO_DATA"], "new", "x"))] == [False, False]
    with pytest.raises(CouldNotStart, match="WAIVER_UNEXPLAINED"):
        asked_waivers(["SIGNAL_NO_DATA"], " ", "x")
    with pytest.raises(CouldNotStart, match="WAIVER_NEVER"):
        asked_waivers(["PLAN_DRIFTED:x"], "why", "x")


def test_what_is_found_is_json(plan: Plan) -> None:
    checked = Checked(findings=judged([Finding(Problem("X_Y", "m", "w"), "s")], []))
    assert json.loads(json.dumps(checked.record()))["findings"][0]["subject"] == "s" and not checked.ready
