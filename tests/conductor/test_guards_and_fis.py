"""Alarms that guard are FIS's own stop conditions too, each guard can fire, and more disruption never un-fires one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.conductor.can_fire import can_fire
from gameday.conductor.guards import guard_actions, guard_name, stop_alarms, stops_of
from gameday.conductor.perform import order_of
from gameday.faults.fis_template import template
from gameday.journal.events import Event
from gameday.journal.state import State, fold
from gameday.model.workspace import Environment
from gameday.plan import Plan
from tests.conductor.bench import MINUTE, PERIOD, START, Bench, a_plan, fault, signal

ARN = "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:"
OTHER = ARN.replace("eu-west-2", "eu-west-1")
GUARDS: Sequence[dict[str, Any]] = (
    {"tolerance": "outage", "at": "10%"},
    {"signal": "failures", "above": 50},
    {"signal": "failures", "above": 50, "for": "1m"},
)


def alarms(*names: str) -> dict[str, Any]:
    known = [signal(n, "cloudwatch.alarm") for n in names]
    return {
        "guards": [{"alarm": n} for n in names],
        "signals": [signal("attempts"), signal("failures"), signal("errors"), *known],
    }


# ---- FIS's own stop conditions
def test_every_experiment_has_the_alarms_of_the_guards_as_stop_conditions_and_one_place_left() -> None:
    plan = a_plan(**alarms("page", "a", "b", "c", "d", "page"))
    planned = plan.steps[0].fault
    assert planned is not None
    expected = (f"{ARN}page", f"{ARN}a", f"{ARN}b", f"{ARN}c")
    assert stops_of(plan, planned) == expected
    order = order_of(plan, "r-1", "stop", planned)
    settings = {"action": planned.action, "parameters": {"duration": "5m"}, "targets": ["f"]}
    made = template(type(order)(**{**vars(order), "settings": settings}))
    assert made["stopConditions"] == [{"source": "aws:cloudwatch:alarm", "value": a} for a in expected]


def test_only_alarms_of_the_experiments_own_region_are_its_stop_conditions() -> None:
    """The heartbeat's of that Region first, and at most five in all."""
    there = [{**signal(name, "cloudwatch.alarm"), "region": "eu-west-1"} for name in ("x", "y")]
    known = [signal(name, "cloudwatch.alarm") for name in "abcde"]
    given = {"guards": [{"alarm": s["id"]} for s in (*there, *known)],
             "signals": [signal("attempts"), signal("failures"), signal("errors"), *there, *known]}  # fmt: skip
    plan = a_plan(**given)
    planned, hearts = plan.steps[0].fault, [f"{ARN}heart", f"{OTHER}heart"]
    assert planned is not None
    away = planned.model_copy(update={"region": "eu-west-1"})
    assert stops_of(plan, planned, hearts) == tuple(f"{ARN}{name}" for name in ("heart", "a", "b", "c", "d"))
    assert stops_of(plan, away, hearts) == tuple(f"{OTHER}{name}" for name in ("heart", "x", "y"))


def test_an_alarm_that_an_observer_reads_is_a_stop_condition_by_its_name_in_cloudwatch() -> None:
    page = {**signal("page", "cloudwatch.alarm"), "query": {"alarm": "Payments 5xx"}}
    plan = a_plan(**{**alarms("page"), "signals": [signal("attempts"), signal("failures"), signal("errors"), page]})
    assert stop_alarms(plan) == (f"{ARN}Payments 5xx",)


def test_without_an_alarm_that_guards_there_is_no_stop_condition() -> None:
    assert stop_alarms(a_plan(guards=list(GUARDS))) == ()


@pytest.mark.parametrize(
    ("reason", "guard"),
    [
        (f"Experiment halted by stop condition: {ARN}page.", "alarm page"),
        (f"Experiment halted by stop condition: {ARN}page-2.", "alarm page-2"),
        ("Experiment halted by stop condition.", "alarm page or alarm page-2"),
        (f"Experiment halted by stop condition: {ARN}heartbeat.", f"FIS: stopped Experiment halted by stop condition: "
         f"{ARN}heartbeat."),
    ],
)  # fmt: skip
def test_a_run_whose_fault_fis_stopped_by_an_alarm_is_aborted_and_says_which_guard(
    tmp_path: Path, reason: str, guard: str
) -> None:
    """Our own look at the alarm may come later, or never: what FIS says of its experiment is enough."""
    bench = Bench(a_plan(fault(minutes=20), **alarms("page", "page-2")), tmp_path)
    for name in ("page", "page-2"):
        bench.watch.alarms[name] = lambda now: None if now < START else _ok()
    said = bench.world._status

    def status(found: Any) -> Any:
        if found.stopped is None and bench.clock.now() >= found.since + MINUTE:
            found.stopped = bench.clock.now()
            return type(said(found))("ended", f"stopped {reason}")
        return said(found)

    bench.world._status = status  # type: ignore[method-assign]  # what FIS itself does
    assert bench.run() == "aborted"
    bench.check()
    fired = bench.of("guard.fired")[0]
    assert (fired.what["guard"], fired.what["by"], fired.what["step"]) == (guard, "fis", "stop")
    assert bench.state.abort == f"guard: {guard}"


def _ok() -> Any:
    from gameday.protocols import Sample

    return Sample(0, 0.0)


# ---- whether a guard can fire
OK = {"AlarmName": "page", "StateValue": "OK", "Period": 60, "EvaluationPeriods": 3, "DatapointsToAlarm": 2}
ELSEWHERE = json.loads(Environment(account="111122223333", regions=("eu-west-1",)).model_dump_json())


@pytest.mark.parametrize(
    ("guard", "alarm", "code", "severity"),
    [
        ({"alarm": "page"}, OK, None, ""),
        ({"alarm": "page"}, None, "GUARD_ALARM_MISSING", "error"),
        ({"alarm": "page"}, {**OK, "StateValue": "ALARM"}, "GUARD_ALARM_RINGING", "error"),
        ({"alarm": "page"}, {**OK, "StateValue": "INSUFFICIENT_DATA"}, "GUARD_ALARM_SILENT", "error"),
        ({"alarm": "page"}, {**OK, "Period": 3600, "DatapointsToAlarm": 1}, "GUARD_UNREACHABLE", "error"),
        ({"tolerance": "outage", "at": "50%"}, None, None, ""),
        ({"tolerance": "outage", "at": "100%"}, None, "GUARD_AT_LIMIT", "error"),
        ({"signal": "failures", "above": 5, "for": "59m"}, None, None, ""),
        ({"signal": "failures", "above": 5, "for": "60m"}, None, "GUARD_UNREACHABLE", "error"),
    ],
)
def test_what_keeps_a_guard_from_firing(guard: Any, alarm: Any, code: str | None, severity: str) -> None:
    plan = a_plan(guards=[guard], environment="prod", environment_definition=ELSEWHERE)
    problem = can_fire(plan.guards[0], plan, alarm)
    assert (problem and problem.code) == code
    assert problem is None or problem.severity == severity


def test_a_guard_on_a_share_that_no_day_can_use_up_is_named() -> None:
    outage = {
        "id": "outage", "authority": "fca", "metric": "duration", "limit": "4h", "counts_as_disrupted": ["down"],
        "measure": {"attempts": "attempts", "failures": "failures"}, "hold": "1m",
    }  # fmt: skip
    plan = a_plan(guards=[{"tolerance": "outage", "at": "50%"}], tolerances=[outage])
    problem = can_fire(plan.guards[0], plan)
    assert problem and problem.code == "GUARD_UNREACHABLE"
    assert problem.message == "outage at 50%: it needs 2h, and the day ends after 1h"


def test_an_alarm_without_data_is_a_warning_in_a_rehearsal_that_has_only_just_begun() -> None:
    plan = a_plan(guards=[{"alarm": "page"}])
    problem = can_fire(plan.guards[0], plan, {**OK, "StateValue": "INSUFFICIENT_DATA"})
    assert problem and problem.severity == "warning"


# ---- properties
def seen(plan: Plan, failures: Sequence[float | None], now: int) -> State:
    """A run whose timeline began at START after a clean baseline, and what was read since."""
    before = plan.baseline_ms // PERIOD
    values = [0.0] * before + list(failures)
    starts = [START + (i - before) * PERIOD for i in range(len(values))]
    pairs = {
        "failures": [[t, v] for t, v in zip(starts, values, strict=True)],
        "attempts": [[t, 100.0] for t in starts],
    }
    read_to = dict.fromkeys(("failures", "attempts", "errors"), now)
    drafts: list[tuple[str, dict[str, Any]]] = [
        ("timeline.started", {"t_go_ms": START}),
        ("signals.sampled", {"values": pairs, "read_to_ms": read_to}),
    ]
    return fold(Event(i, 1, START, START, "", type_, what=what) for i, (type_, what) in enumerate(drafts, 1))


def said(plan: Plan, failures: Sequence[float | None]) -> set[str]:
    """The guards that say stop, whether they fired or could not be read."""
    now = START + len(failures) * PERIOD + PERIOD
    return {str(a.draft.what["guard"]) for a in guard_actions(plan, seen(plan, failures, now), now)}


BUCKETS = st.lists(st.sampled_from([0.0, 20.0, 60.0, 100.0]), min_size=1, max_size=20)


@settings(max_examples=25, deadline=None)
@given(failures=BUCKETS, data=st.data())
def test_more_disruption_never_unfires_a_guard(failures: list[float], data: st.DataObject) -> None:
    plan = a_plan(guards=list(GUARDS))
    worse = [data.draw(st.sampled_from([v for v in (0.0, 20.0, 60.0, 100.0) if v >= f])) for f in failures]
    assert said(plan, failures) <= said(plan, worse)


@settings(max_examples=25, deadline=None)
@given(failures=BUCKETS, data=st.data())
def test_a_lost_datapoint_never_unfires_a_guard_on_a_tolerance(failures: list[float], data: st.DataObject) -> None:
    """The upper bound: what is not known may have been disrupted."""
    plan = a_plan(guards=[GUARDS[0]])
    lost = data.draw(st.sets(st.integers(0, len(failures) - 1)))
    holed = [None if i in lost else f for i, f in enumerate(failures)]
    assert said(plan, failures) <= said(plan, holed)


@settings(max_examples=15, deadline=None)
@given(failures=BUCKETS, silent=st.integers(5, 12))
def test_a_guard_that_cannot_be_read_is_never_silent(failures: list[float], silent: int) -> None:
    """Three of its periods without a datapoint, and the one that is just under way: each guard says stop."""
    plan = a_plan(guards=list(GUARDS))
    assert said(plan, [*failures, *([None] * silent)]) == {guard_name(g) for g in plan.guards}
