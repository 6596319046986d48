"""A plan says everything that will happen; each test changes the scenario it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.errors import CouldNotStart, InvalidFiles
from gameday.model.load import load_content
from gameday.model.scenario import AlarmGuard, Condition
from gameday.plan import Plan
from gameday.planning import build_plan
from gameday.planning.signals import alarm_id
from tests.planning.a_provider import Outlined, Silent, witness
from tests.planning.a_workspace import ROOT, TEN_LINES, planned, timeline, written

MINUTE = 60_000
UNSTOPPABLE = {"takes_stop_conditions": False, "stop_ends_it": False}
SLOW = """kind: workspace
environments: {slow: {account: '111122223333', regions: [eu-west-2], envelope: {dead_man: 12h}}}
"""
FAULT = (
    "{id: break, fault: fis, action: 'aws:lambda:invocation-error', targets: [payments-function], "
    "parameters: {duration: 20m, preventExecution: true}%s}"
)


@pytest.fixture(scope="module")
def shipped() -> Plan:
    return build_plan(load_content(ROOT), "payment-functions-stop", "rehearsal", {"fis": Outlined()})


def codes(error: pytest.ExceptionInfo[Any]) -> list[str]:
    return [problem.code for problem in error.value.problems]


def test_the_steps_of_the_shipped_scenario_are_as_written(shipped: Plan) -> None:
    assert [(s.id, s.kind, s.at_ms, s.after, s.within_ms, s.to) for s in shipped.steps] == [
        ("stop-payments", "fault", 0, (), None, None),
        ("alarm", "expect", 0, (), 3 * MINUTE, None),
        ("ack", "expect", None, ("alarm",), 5 * MINUTE, "payments-on-call"),
        ("regulator-calls", "inject", 6 * MINUTE, (), 10 * MINUTE, "incident-commander"),
        ("failover", "task", None, ("ack",), 10 * MINUTE, "payments-on-call"),
    ]


def test_what_the_day_rests_on_is_in_the_plan(shipped: Plan) -> None:
    assert [t.id for t in shipped.tolerances] == ["payments-outage", "payments-failed", "ledger-loss", "ledger-whole"]
    assert [r.id for r in shipped.runbooks] == ["payments-failover"]
    assert shipped.deputies == {"payments-on-call": "platform-on-call"}
    assert sorted(shipped.scripts) == ["incident-commander", "payments-on-call"]
    assert (shipped.baseline_ms, shipped.max_duration_ms) == (10 * MINUTE, 60 * MINUTE)


def test_steps_have_readable_titles(shipped: Plan) -> None:
    assert [s.title for s in shipped.steps] == [
        "Every call of the payment function fails",
        "alarm payments-5xx is ALARM",
        "payments-on-call acknowledges",
        "incident-commander is told: The supervisor is on the phone and asks how many customers are affected.",
        "Send all payments to the standby",
    ]


def test_ten_lines_are_enough(tmp_path: Path) -> None:
    """No observe, no witness: signals come from the tolerances and from what the provider knows."""
    plan = planned(tmp_path, TEN_LINES, Outlined())
    seen = "witness-payments-function-errors"
    assert [s.id for s in plan.signals] == ["payments-attempts", "payments-failures", seen]
    assert plan.signal(seen).implicit
    (step,) = plan.steps
    assert step.fault is not None
    assert (step.id, step.title) == ("fault-1", "aws:lambda:invocation-error on payments-function")
    assert step.fault.effective == Condition.model_validate({"signal": seen, "at_least": 1, "within": "2m"})
    assert step.fault.gone == Condition.model_validate({"signal": seen, "equals": 0, "within": "2m"})
    assert step.fault.targets == {"Functions": ("arn:aws:lambda:eu-west-2:123456789012:function:payments-function",)}
    assert (step.fault.duration_ms, step.fault.ends_itself, step.fault.dead_man) == (20 * MINUTE, True, "alarm")
    assert plan.dead_man is not None and step.fault.worst_case_ms == plan.dead_man.worst_case_ms == 3 * MINUTE


@pytest.mark.parametrize(
    ("written_as", "opposite"),
    [("at_least: 1", {"below": 1}), ("above: 2", {"at_most": 2}), ("below: 3", {"at_least": 3}),
     ("at_most: 4", {"above": 4}), ("equals: 0", {"above": 0}), ("equals: 1", {"below": 1})],
)  # fmt: skip
def test_gone_is_by_default_that_the_effect_is_no_longer_seen(
    tmp_path: Path, written_as: str, opposite: dict[str, float]
) -> None:
    text = timeline(FAULT % f", effective: {{signal: payments-failures, {written_as}, within: 1m}}")
    fault = planned(tmp_path, text, Outlined()).step("break").fault
    assert fault is not None and fault.effective is not None
    assert fault.effective.within == MINUTE
    assert fault.gone == Condition.model_validate({"signal": "payments-failures", "within": "2m", **opposite})


def test_what_the_scenario_says_of_gone_stands(tmp_path: Path) -> None:
    text = timeline(FAULT % ", gone: {signal: payments-failures, below: 5}")
    fault = planned(tmp_path, text, Outlined()).step("break").fault
    assert fault is not None
    assert fault.gone == Condition.model_validate({"signal": "payments-failures", "below": 5, "within": "2m"})
    assert fault.effective is not None and fault.effective.signal == witness("payments-function").id


def test_settings_are_kept_as_they_were_written_and_checked(shipped: Plan) -> None:
    fault = shipped.step("stop-payments").fault
    assert fault is not None
    assert fault.settings["parameters"] == {
        "duration": "20m", "invocationPercentage": 100, "preventExecution": True
    }  # fmt: skip
    assert Silent.settings.model_validate(fault.settings).model_dump(mode="json")["targets"] == ["payments-function"]


@pytest.mark.parametrize(
    ("lasts", "own", "takes", "duration", "worst"),
    [("", 20, False, 20, 20), (", for: 5m", 20, False, 5, 20), (", for: 5m", 20, True, 5, 5),
     (", for: 30m", 20, True, 20, 20), (", for: 5m", None, True, 5, 5)],
)  # fmt: skip
def test_a_dead_conductor_leaves_a_fault_that_nobody_can_stop_to_its_own_duration(
    tmp_path: Path, lasts: str, own: int | None, takes: bool, duration: int, worst: int
) -> None:
    """``for`` ends a fault early; only a provider that takes it as the fault's own duration ends it without us."""
    said = {"duration_ms": own and own * MINUTE, "takes_duration": takes, **UNSTOPPABLE}
    written(tmp_path, timeline(FAULT % lasts))
    (tmp_path / "gameday.yaml").write_text(SLOW)
    plan = build_plan(load_content(tmp_path), "payments-stop", "slow", {"fis": Outlined(said)})
    fault = plan.step("break").fault
    assert fault is not None and plan.dead_man is None
    assert (fault.duration_ms, fault.worst_case_ms, fault.dead_man) == (duration * MINUTE, worst * MINUTE, None)
    assert fault.ends_itself == (worst == duration)


@pytest.mark.parametrize(
    ("changes", "by", "worst_s"),
    [({"duration_ms": None}, "alarm", 180), ({"duration_ms": MINUTE}, "alarm", 60),
     ({"duration_ms": None, "takes_stop_conditions": False}, "watchdog", 180),
     ({"duration_ms": 20_000, "takes_stop_conditions": False}, "watchdog", 20),
     ({"duration_ms": None, "takes_stop_conditions": False, "worst_case_ms": 61_000}, "watchdog", 61)],
)  # fmt: skip
def test_with_a_dead_conductor_an_alarm_or_a_watchdog_ends_a_fault(
    tmp_path: Path, changes: dict[str, Any], by: str, worst_s: int
) -> None:
    """Whichever comes first: what ends it for us, or its own end."""
    fault = planned(tmp_path, timeline(FAULT % ", for: 5m"), Outlined(changes)).step("break").fault
    assert fault is not None
    assert (fault.dead_man, fault.worst_case_ms) == (by, worst_s * 1_000)


def test_the_step_ends_a_fault_before_it_ends_itself(tmp_path: Path) -> None:
    fault = planned(tmp_path, timeline(FAULT % ", for: 5m"), Outlined()).step("break").fault
    assert fault is not None
    assert (fault.duration_ms, fault.ends_itself) == (5 * MINUTE, False)


def test_a_fault_without_an_end_is_refused_at_its_place(tmp_path: Path) -> None:
    with pytest.raises(CouldNotStart) as error:
        planned(tmp_path, TEN_LINES, Outlined({"duration_ms": None}))
    (problem,) = error.value.problems
    assert problem.code == "FAULT_ENDLESS" and str(problem.place).endswith("payments-stop.yaml:6:5")


def test_a_fault_that_is_over_at_once_needs_no_end(tmp_path: Path) -> None:
    fault = planned(tmp_path, TEN_LINES, Outlined({"duration_ms": None, "one_shot": True})).steps[0].fault
    assert fault is not None
    assert (fault.one_shot, fault.duration_ms, fault.worst_case_ms) == (True, None, 0)


def test_a_provider_that_says_nothing_beforehand_needs_for(tmp_path: Path) -> None:
    plan = planned(tmp_path, timeline(FAULT % ", for: 5m"), Silent())
    fault = plan.steps[0].fault
    assert fault is not None
    assert (fault.action, fault.targets, fault.resources) == ("aws:lambda:invocation-error", {}, ("payments-function",))
    assert (fault.effective, fault.gone, fault.dead_man, fault.worst_case_ms) == (None, None, "watchdog", 180_000)


def test_settings_that_the_provider_refuses_are_named_at_their_key(tmp_path: Path) -> None:
    with pytest.raises(InvalidFiles) as error:
        planned(tmp_path, timeline(FAULT % ", selection: SOME"), Outlined())
    (problem,) = error.value.problems
    assert problem.code == "BAD_VALUE" and "selection" in problem.message
    assert problem.place is not None and problem.place.line == 6


@pytest.mark.parametrize(
    ("scenario", "environment", "code", "near"),
    [("payment-function-stop", "rehearsal", "UNKNOWN_SCENARIO", "payment-functions-stop"),
     ("payment-functions-stop", "rehersal", "UNKNOWN_ENVIRONMENT", "rehearsal"),
     ("payment-functions-stop", "production", "UNKNOWN_ENVIRONMENT", "rehearsal")],
)  # fmt: skip
def test_an_unknown_name_is_answered_with_the_nearest(scenario: str, environment: str, code: str, near: str) -> None:
    with pytest.raises(CouldNotStart) as error:
        build_plan(load_content(ROOT), scenario, environment, {"fis": Outlined()})
    assert codes(error) == [code] and near in error.value.problems[0].write


def test_an_unknown_provider_is_said() -> None:
    with pytest.raises(CouldNotStart, match="UNKNOWN_PROVIDER"):
        build_plan(load_content(ROOT), "payment-functions-stop", "rehearsal", {})


def test_every_signal_that_is_named_anywhere_is_watched_once(tmp_path: Path) -> None:
    text = timeline(
        FAULT % ", effective: {signal: payments-failures, at_least: 1}",
        "{expect: {signal: payments-latency, below: 9}, within: 3m, when: {signal: payments-function-errors, above: 1}}",  # noqa: E501  # YAML's flow style
        "{expect: {alarm: Payments 5xx!}, within: 3m}",
        "{expect: {alarm: payments-5xx}, within: 3m}",
        more="observe: [payments-failures]\nguards: [{alarm: Payments 5xx!}, {signal: payments-latency, above: 9}]\n",
    )
    plan = planned(tmp_path, text, Outlined())
    assert [s.id for s in plan.signals] == [
        alarm_id("Payments 5xx!"), "payments-5xx", "payments-attempts", "payments-failures",
        "payments-function-errors", "payments-latency", "witness-payments-function-errors",
    ]  # fmt: skip
    assert (plan.signal("payments-failures").period_ms, plan.signal("payments-failures").settles_ms) == (20_000, 20_000)


def test_an_alarm_is_found_by_observer_by_its_name_and_else_made(tmp_path: Path) -> None:
    text = timeline(FAULT % "", more="guards: [{alarm: core-health}, {alarm: payments-5xx}, {alarm: Core Health}]\n")
    plan = planned(tmp_path, text, Outlined())
    assert [plan.alarm_signal(g.alarm).id for g in plan.guards if isinstance(g, AlarmGuard)] == [
        "alarm-core-health", "payments-5xx", alarm_id("Core Health"),
    ]  # fmt: skip
    assert len({s.id for s in plan.signals}) == len(plan.signals)
    with pytest.raises(KeyError):
        plan.alarm_signal("another")


def test_an_observer_that_reads_the_alarm_of_this_name_is_used(tmp_path: Path) -> None:
    written(tmp_path, timeline(FAULT % "", more="guards: [{alarm: AWS-Core}]\n"))
    text = (ROOT / "observers" / "cloudwatch" / "payments-5xx.yaml").read_text()
    text = text.replace("alarm: payments-5xx", "alarm: AWS-Core").replace("id: payments-5xx", "id: core")
    (tmp_path / "observers" / "core.yaml").write_text(text)
    plan = build_plan(load_content(tmp_path), "payments-stop", "rehearsal", {"fis": Outlined()})
    assert plan.alarm_signal("AWS-Core").id == "core"


def test_a_default_witness_never_hides_an_observer(tmp_path: Path) -> None:
    clash = witness("payments-function").model_copy(update={"id": "payments-failures"})
    with pytest.raises(CouldNotStart, match="SIGNAL_CLASH"):
        planned(tmp_path, TEN_LINES, Outlined({"witness_signals": [clash], "effective": None, "gone": None}))


def test_a_condition_on_a_signal_that_nobody_defines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CouldNotStart, match="UNKNOWN_OBSERVER"):
        planned(tmp_path, TEN_LINES, Outlined({"witness_signals": []}))


def test_a_wait_without_a_limit_may_last_to_the_end_of_the_day(tmp_path: Path) -> None:
    text = timeline(
        FAULT % "",
        "{id: wait, task: payments-failover, by: payments-on-call, when: {signal: payments-failures, above: 1}}",
        more="max_duration: 50m\n",
    )
    step = planned(tmp_path, text, Outlined()).step("wait")
    assert step.at_ms is None
    assert step.when is not None and step.when.within == 50 * MINUTE


def test_an_absence_says_who_and_how_long(tmp_path: Path) -> None:
    text = timeline(FAULT % "", "{inject: unavailable, who: payments-on-call, at: 2m, for: 4m}")
    step = planned(tmp_path, text, Outlined()).step("unavailable-2")
    assert (step.kind, step.to, step.lasts_ms, step.at_ms) == ("unavailable", "payments-on-call", 240_000, 120_000)
    assert step.title == "payments-on-call is unavailable for 4m"


def test_nobody_is_scripted_outside_rehearsal(tmp_path: Path) -> None:
    more = "rehearsal: {payments-on-call: {acknowledges: after 90s}}\n"
    content = written(tmp_path, timeline(FAULT % "", more=more))
    (tmp_path / "gameday.yaml").write_text(
        "kind: workspace\nenvironments:\n  staging: {account: '111122223333', regions: [eu-west-1]}\n"
    )
    content = load_content(tmp_path)
    faults = {"fis": Outlined()}
    assert build_plan(content, "payments-stop", "staging", faults).scripts == {}
    assert set(build_plan(content, "payments-stop", "rehearsal", faults).scripts) == {"payments-on-call"}
