"""Earliest and latest times, how long a day may last, every call, and the price."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gameday.model.load import load_content
from gameday.plan import Plan, PlannedStep, Signal
from gameday.planning import build_plan
from gameday.planning.calls import plan_cost
from gameday.planning.spans import Span, longest_day, spans
from tests.planning.a_provider import Outlined
from tests.planning.a_workspace import ROOT, TEN_LINES, planned

M = 60_000


@pytest.fixture(scope="module")
def shipped() -> Plan:
    return build_plan(load_content(ROOT), "payment-functions-stop", "rehearsal", {"fis": Outlined()})


def step(ident: str, kind: str = "task", **facts: object) -> PlannedStep:
    return PlannedStep.model_validate({"id": ident, "kind": kind, "title": ident, **facts})


def test_times_of_the_shipped_scenario(shipped: Plan) -> None:
    assert spans(shipped.steps) == {
        "stop-payments": Span(0, 20 * M, 22 * M),
        "alarm": Span(0, 0, 3 * M),
        "ack": Span(0, 0, 8 * M),
        "regulator-calls": Span(6 * M, 6 * M, 16 * M),
        "failover": Span(0, 0, 18 * M),
    }


def test_a_step_starts_after_the_last_of_those_it_waits_for() -> None:
    found = spans((
        step("c", after=("a", "b"), within_ms=M),
        step("a", "unavailable", at_ms=2 * M, lasts_ms=3 * M),
        step("b", at_ms=M, within_ms=9 * M),
    ))  # fmt: skip
    assert found["c"] == Span(5 * M, 5 * M, 11 * M)


def test_a_wait_may_be_over_at_once_or_use_up_its_limit() -> None:
    when = {"signal": "s", "above": 1.0, "within": "5m"}
    assert spans([step("a", at_ms=M, when=when, within_ms=M)])["a"] == Span(M, M, 7 * M)


@pytest.mark.parametrize(("facts", "no_limit"), [
    ({"kind": "task"}, True), ({"kind": "task", "within_ms": M}, False), ({"kind": "inject"}, False),
    ({"kind": "inject", "expect": {"does": "answer"}}, True),
])  # fmt: skip
def test_what_has_no_limit_of_its_own_says_so(facts: dict[str, object], no_limit: bool) -> None:
    assert spans([step("a", **facts)])["a"].open is no_limit  # type: ignore[arg-type]


def test_a_day_lasts_to_its_last_end_and_two_holds_at_least_half_an_hour() -> None:
    assert longest_day([step("a", at_ms=0, within_ms=M)], 5 * M) == 30 * M
    assert longest_day([step("a", at_ms=0, within_ms=40 * M + 1)], 5 * M) == 51 * M


def test_a_scenario_that_does_not_say_how_long_gets_that_day(tmp_path: Path) -> None:
    assert planned(tmp_path, TEN_LINES, Outlined()).max_duration_ms == (20 + 2 + 2 * 5) * M


def test_every_call_is_in_the_plan(shipped: Plan) -> None:
    assert [(c.step, c.service, c.operation, c.times) for c in shipped.calls] == [
        ("stop-payments", "fis", "CreateExperimentTemplate", "1"),
        ("stop-payments", "fis", "StartExperiment", "1"),
        ("stop-payments", "fis", "StopExperiment", "1"),
        (None, "cloudwatch", "GetMetricData", "210, one in 20s"),
        (None, "cloudwatch", "DescribeAlarms", "210, one in 20s"),
        (None, "xray", "GetServiceGraph", "70, one in 1m"),
        (None, "cloudwatch", "DescribeAlarmHistory", "when one changes"),
        (None, "xray", "GetServiceGraph", "2"),
        ("failover", "route53", "change_resource_record_sets", "at most once"),
        (None, "sts", "GetCallerIdentity", "one an account"),
        (None, "iam", "GetRole", "at most once"),
        (None, "iam", "SimulatePrincipalPolicy", "one a resource"),
        (None, "fis", "ListExperiments", "1"),
        (None, "fis", "ListExperimentTemplates", "1"),
        (None, "ssm", "ListCommands", "1"),
        (None, "ssm", "DescribeAutomationExecutions", "1"),
        (None, "ssm", "ListTagsForResource", "one each"),
        (None, "fis", "GetSafetyLever", "1"),
        (None, "fis", "UpdateSafetyLeverState", "only in an emergency"),
        (None, "cloudwatch", "PutMetricData", "525, one in 8s"),
        (None, "cloudwatch", "PutMetricAlarm", "1"),
        (None, "cloudwatch", "DescribeAlarms", "525, one in 8s"),
        (None, "cloudwatch", "DeleteAlarms", "1"),
    ]


def test_the_cost_is_action_minutes_and_each_metric_once_a_period(shipped: Plan) -> None:
    """Seventy minutes: four metrics in 210 periods of 20 s, one in 70 of a minute."""
    assert shipped.cost.model_dump(exclude={"basis"}) == {
        "action_minutes": 20, "action_usd": 2.0, "metric_reads": 910, "metric_usd": 0.0091,
        "heartbeat_usd": 0.0115,
    }  # fmt: skip


def test_what_is_billed_by_an_amount_that_nobody_knows_is_named_and_not_zero() -> None:
    facts: dict[str, Any] = {"query": {}, "period_ms": M, "settles_ms": M}
    named = {
        source: plan_cost([], {}, [Signal(id="s", source=source, **facts)], 10 * M).basis
        for source in ("xray.traces", "logs.count", "slo.budget", "prometheus", "http.probe")
    }
    counted = {source for source, basis in named.items() if "not counted" not in basis}
    assert counted == {"prometheus", "http.probe"}
    assert "traces that X-Ray scans" in named["xray.traces"] and "Logs Insights scans" in named["logs.count"]


def test_an_expression_costs_each_metric_it_names_and_alarms_nothing() -> None:
    metric = {"namespace": "N", "metric": "M"}
    facts: dict[str, Any] = {"period_ms": M, "settles_ms": M}
    signals = [
        Signal(id="e", source="cloudwatch.expression", query={"metrics": {"a": metric, "b": metric}}, **facts),
        Signal(id="a", source="cloudwatch.alarm", query={"alarm": "x"}, **facts),
    ]
    assert plan_cost([], {}, signals, 10 * M).metric_reads == 20


def test_a_fault_whose_end_only_the_step_says_costs_that_long(tmp_path: Path) -> None:
    said = Outlined({"duration_ms": None, "action_minutes": 0, "takes_duration": True})
    plan = planned(tmp_path, TEN_LINES.replace("    action:", "    for: 7m\n    action:"), said)
    assert plan.cost.action_minutes == 7


def test_the_state_of_a_resource_is_a_read_too(tmp_path: Path) -> None:
    query = {"type": "aws:ec2:instance", "id": "i-1"}
    state = Signal(id="s", source="aws.state", query=query, period_ms=M, settles_ms=0)
    plan = planned(tmp_path, TEN_LINES, Outlined({"witness_signals": [state], "effective": None, "gone": None}))
    assert ("ec2", "Describe") in {(c.service, c.operation) for c in plan.calls if c.step is None}
