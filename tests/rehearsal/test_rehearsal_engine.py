"""The rehearsal's metric store, math, alarms and FIS engine, on a virtual clock."""

from __future__ import annotations

from typing import Any

import pytest

from gameday.clock import VirtualClock
from gameday.rehearsal.alarms import judge
from gameday.rehearsal.cloudwatch_api import CloudWatch
from gameday.rehearsal.fis_engine import FisEngine
from gameday.rehearsal.fis_words import duration_ms
from gameday.rehearsal.metric_math import Evaluator
from gameday.rehearsal.metric_store import AwsError, Datum, MetricStore

NOW = 1_700_000_040_000  # a whole minute
ROLE = "arn:aws:iam::123456789012:role/x"
ARNS = [f"arn:aws:lambda:eu-west-2:123456789012:function:f{i}" for i in range(4)]


class Spy:
    """An actuator that remembers, and fails on demand."""

    def __init__(self, fails: bool = False) -> None:
        self.fails, self.calls = fails, list[tuple[str, list[str]]]()

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        if self.fails:
            raise RuntimeError("no such piece")
        self.calls.append(("start", targets))

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        self.calls.append(("stop", targets))


def made(spy: Spy, **more: Any) -> tuple[VirtualClock, FisEngine]:
    clock = VirtualClock(NOW)
    return clock, FisEngine(clock, {"aws:lambda:invocation-error": spy}, **more)


def template(**more: Any) -> dict[str, Any]:
    action = {"actionId": "aws:lambda:invocation-error", "targets": {"Functions": "fs"},
              "parameters": {"duration": "PT1M", "preventExecution": "true"}}  # fmt: skip
    target = {"resourceType": "aws:lambda:function", "resourceArns": ARNS, "selectionMode": "COUNT(2)"}
    wait = {"actionId": "aws:fis:wait", "parameters": {"duration": "PT10S"}, "startAfter": ["break"]}
    return {"description": "d", "roleArn": ROLE, "stopConditions": [{"source": "none"}], "targets": {"fs": target},
            "actions": {"break": action, "rest": wait}} | more  # fmt: skip


def started(engine: FisEngine, wire: dict[str, Any] | None = None, **more: Any) -> str:
    made_id = engine.create_template(wire or template())["id"]
    found: str = engine.start_experiment({"experimentTemplateId": made_id} | more)["id"]
    return found


def status(engine: FisEngine, experiment: str) -> str:
    return engine.experiment(experiment).status


def test_an_experiment_runs_its_actions_for_their_durations_and_in_their_order() -> None:
    spy = Spy()
    clock, engine = made(spy)
    experiment = started(engine)
    seen = [status(engine, experiment)]
    for _ in range(2):
        engine.tick()
        seen.append(status(engine, experiment))
    assert seen == ["pending", "initiating", "running"]
    assert len(spy.calls) == 1 and len(spy.calls[0][1]) == 2
    assert len(engine.resolved_targets(experiment)) == 2
    clock.advance(59_000)
    engine.tick()
    assert len(spy.calls) == 1
    clock.advance(1_000)
    engine.tick()
    assert spy.calls[1][0] == "stop" and engine.experiment(experiment).actions["rest"].status == "running"
    clock.advance(10_000)
    engine.tick()
    assert status(engine, experiment) == "completed"


def test_stopping_undoes_what_runs_and_cancels_what_waits() -> None:
    spy = Spy()
    _, engine = made(spy)
    experiment = started(engine)
    engine.tick()
    engine.tick()
    engine.stop_experiment(experiment)
    assert status(engine, experiment) == "stopping"
    engine.tick()
    states = {n: a.status for n, a in engine.experiment(experiment).actions.items()}
    assert status(engine, experiment) == "stopped" and states == {"break": "stopped", "rest": "cancelled"}
    assert spy.calls[-1][0] == "stop"


def test_a_failing_actuator_fails_the_experiment() -> None:
    _, engine = made(Spy(fails=True))
    experiment = started(engine)
    for _ in range(3):
        engine.tick()
    assert status(engine, experiment) == "failed"


def test_an_action_without_actuator_is_refused_and_the_list_named() -> None:
    _, engine = made(Spy())
    wire = template()
    wire["actions"]["break"]["actionId"] = "aws:lambda:invocation-add-delay"
    with pytest.raises(AwsError, match="no actuator.*aws:lambda:invocation-error") as caught:
        engine.create_template(wire)
    assert caught.value.code == "ValidationException"
    assert engine.offered == ["aws:cloudwatch:assert-alarm-state", "aws:fis:wait", "aws:lambda:invocation-error"]


def test_skip_all_resolves_targets_and_runs_nothing() -> None:
    spy = Spy()
    _, engine = made(spy)
    experiment = started(engine, experimentOptions={"actionsMode": "skip-all"})
    engine.tick()
    engine.tick()
    assert status(engine, experiment) == "completed" and spy.calls == []
    assert len(engine.resolved_targets(experiment)) == 2


@pytest.mark.parametrize(("mode", "ends"), [("fail", "failed"), ("skip", "running")])
def test_an_empty_target_fails_or_is_skipped(mode: str, ends: str) -> None:
    _, engine = made(Spy())
    target = {"resourceType": "aws:lambda:function", "resourceTags": {"a": "b"}, "selectionMode": "ALL"}
    options = {"emptyTargetResolutionMode": mode}
    experiment = started(engine, template(targets={"fs": target}, experimentOptions=options))
    engine.tick()
    engine.tick()
    assert status(engine, experiment) == ends


def test_the_safety_lever_stops_what_runs_and_cancels_what_starts() -> None:
    _, engine = made(Spy())
    first = started(engine)
    engine.tick()
    engine.tick()
    engine.set_lever("engaged", "test")
    second = started(engine)
    engine.tick()
    assert (status(engine, first), status(engine, second)) == ("stopped", "cancelled")


def test_a_stop_condition_in_alarm_stops_the_experiment() -> None:
    state = {"now": "OK"}
    _, engine = made(Spy(), alarm_state=lambda arn: state["now"])
    conditions = [{"source": "aws:cloudwatch:alarm", "value": "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:a"}]
    experiment = started(engine, template(stopConditions=conditions))
    engine.tick()
    engine.tick()
    state["now"] = "ALARM"
    engine.tick()
    assert status(engine, experiment) == "stopped"


def test_a_client_token_makes_one_thing_only() -> None:
    _, engine = made(Spy())
    wire = template(clientToken="t")
    assert engine.create_template(wire)["id"] == engine.create_template(wire)["id"]
    with pytest.raises(AwsError, match="different parameters"):
        engine.create_template(wire | {"description": "other"})


@pytest.mark.parametrize(("text", "ms"), [("PT1M", 60_000), ("PT1H30S", 3_630_000), ("P1D", 86_400_000)])
def test_durations_are_iso_8601(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


def test_buckets_are_aligned_and_dimensions_exact() -> None:
    store = MetricStore()
    for second in (5, 59, 61):
        store.put("N", "m", (("a", "1"),), NOW + second * 1000, Datum.of([float(second)]))
    store.put("N", "m", (), NOW, Datum.of([1000.0]))
    found = store.statistics(("N", "m", (("a", "1"),)), "Sum", 60_000, NOW + 43_000, NOW + 120_000)
    assert found == {NOW: 64.0, NOW + 60_000: 61.0}


@pytest.mark.parametrize(("stat", "value"), [("p50", 50.0), ("p99", 99.0), ("tm90", 45.5), ("SampleCount", 100.0)])
def test_statistics_are_computed_from_values(stat: str, value: float) -> None:
    store = MetricStore()
    store.put("N", "m", (), NOW, Datum.of([float(i) for i in range(1, 101)]))
    assert store.statistics(("N", "m", ()), stat, 1_000, NOW, NOW + 1_000) == {NOW: value}


def test_an_unknown_statistic_is_refused() -> None:
    with pytest.raises(AwsError, match="not supported"):
        MetricStore().statistics(("N", "m", ()), "IQM", 60_000, NOW, NOW + 60_000)


GRID = [0, 60_000, 120_000]
SERIES = {"a": {0: 1.0, 60_000: 2.0}, "b": {0: 4.0, 120_000: 0.0}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100*a/b", {0: 25.0}),
        ("a/0", {}),
        ("FILL(b, 9)", {0: 4.0, 60_000: 9.0, 120_000: 0.0}),
        ("FILL(b, LINEAR)", {0: 4.0, 60_000: 2.0, 120_000: 0.0}),
        ("FILL(a, REPEAT)", {0: 1.0, 60_000: 2.0, 120_000: 2.0}),
        ("IF(a > 1, 5, 0)", {0: 0.0, 60_000: 5.0}),
        ("SUM(METRICS())", {0: 5.0, 60_000: 2.0, 120_000: 0.0}),
        ("MAX([a, b])", {0: 4.0, 60_000: 2.0, 120_000: 0.0}),
        ("a - AVG(a)", {0: -0.5, 60_000: 0.5}),
        ("DIFF(a)", {60_000: 1.0}),
        ("RATE(a)", {60_000: 1 / 60}),
        ("ABS(-a)", {0: 1.0, 60_000: 2.0}),
    ],
)
def test_metric_math_is_evaluated(text: str, value: dict[int, float]) -> None:
    assert Evaluator(SERIES, ["a", "b"], GRID, 60_000).run(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["ANOMALY_DETECTION_BAND(a)", "a +", "c", "5", "a $ b", "FILL(a)"])
def test_metric_math_refuses_what_it_cannot_do(text: str) -> None:
    with pytest.raises(AwsError):
        Evaluator(SERIES, ["a", "b"], GRID, 60_000).run(text)


OK, ALARM, NO_DATA, KEPT = "OK", "ALARM", "INSUFFICIENT_DATA", ""


@pytest.mark.parametrize(("m", "points", "states"), [
    (3, "0-X-X", (OK, OK, OK, OK)),
    (3, "0----", (OK, OK, OK, OK)),
    (3, "-----", (NO_DATA, KEPT, ALARM, OK)),
    (3, "0XX-X", (ALARM, ALARM, ALARM, ALARM)),
    (3, "----X", (NO_DATA, KEPT, ALARM, OK)),
    (3, "X----", (ALARM, KEPT, ALARM, OK)),
    (3, "--X--", (ALARM, KEPT, ALARM, OK)),
    (2, "0-X-X", (ALARM, ALARM, ALARM, ALARM)),
    (2, "00X0X", (ALARM, ALARM, ALARM, ALARM)),
    (2, "0-X--", (OK, OK, ALARM, OK)),
    (2, "----0", (OK, OK, ALARM, OK)),
    (2, "---X-", (ALARM, KEPT, ALARM, OK)),
    (2, "----X", (NO_DATA, KEPT, ALARM, OK)),
])  # fmt: skip
def test_missing_data_is_treated_as_the_tables_of_the_user_guide_say(
    m: int, points: str, states: tuple[str, ...]
) -> None:
    """Both tables of two editions (2019 and today's; only the older has the rows ----X and X----), m of three:
    0 does not breach, X breaches, - is missing, the newest last."""
    given = [{"0": 0.0, "X": 1.0, "-": None}[c] for c in points]
    for treat, state in zip(("missing", "ignore", "breaching", "notBreaching"), states, strict=True):
        assert judge(given, lambda v: v > 0, 3, m, treat) == state, treat


@pytest.mark.parametrize(("more", "says"), [
    ({"Period": 5}, "10, 20, 30"), ({"Period": 90}, "10, 20, 30"),
    ({"Period": 60, "EvaluationPeriods": 1441}, "one day"), ({"Period": 3600, "EvaluationPeriods": 169}, "seven days"),
])  # fmt: skip
def test_an_alarm_that_cloudwatch_would_refuse_is_refused(more: dict[str, int], says: str) -> None:
    given = {"AlarmName": "a", "Namespace": "N", "MetricName": "m", "Statistic": "Sum", "EvaluationPeriods": 1,
             "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"}  # fmt: skip
    with pytest.raises(AwsError, match=says):
        CloudWatch(VirtualClock(NOW)).call("PutMetricAlarm", given | more)


def test_an_alarm_is_evaluated_on_closed_periods_in_scenario_time() -> None:
    clock = VirtualClock(NOW)
    cloudwatch = CloudWatch(clock)
    cloudwatch.call("PutMetricAlarm", {"AlarmName": "a", "Namespace": "N", "MetricName": "m", "Period": 10,
                    "Statistic": "Sum", "EvaluationPeriods": 1, "Threshold": 0,
                    "ComparisonOperator": "GreaterThanThreshold"})  # fmt: skip
    cloudwatch.call("PutMetricData", {"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": 1}]})
    cloudwatch.alarms.evaluate()
    assert cloudwatch.alarms.state_of("a") == "INSUFFICIENT_DATA"
    clock.advance(10_000)
    cloudwatch.alarms.evaluate()
    shown = cloudwatch.call("DescribeAlarms", {})["MetricAlarms"][0]
    assert shown["StateValue"] == "ALARM" and shown["StateUpdatedTimestamp"] == (NOW + 10_000) / 1000
    assert cloudwatch.call("DescribeAlarmHistory", {"HistoryItemType": "StateUpdate"})["AlarmHistoryItems"]
