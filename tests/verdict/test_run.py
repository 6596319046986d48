"""A run is judged from plan and journal alone; what went wrong with the test is never taken for a pass."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.journal.events import Draft
from gameday.verdict.facts import gather
from gameday.verdict.run import judge_run
from tests.verdict.a_run import GO, MINUTE, plan, script, tolerance

CLEAN = "U" * 10 + "D" * 22 + "U" * 50


def only(found: dict[str, Any]) -> dict[str, Any]:
    (judged,) = found["tolerances"]
    return dict(judged)


def test_a_recovery_while_the_fault_was_active_is_within() -> None:
    found = judge_run(plan(), script(CLEAN))
    assert (found["outcome"], found["exit_code"], only(found)["codes"]) == ("within", 0, [])
    assert (only(found)["m_lo_s"], only(found)["m_hi_s"], only(found)["margin_s"]) == (1320, 1440, 360)
    assert any(e.startswith("signal:failures@2023-11-14T22:14:00") for e in only(found)["evidence"])


def test_two_authorities_are_told_apart_and_the_worst_wins() -> None:
    """Worked example 7b."""
    both = plan(tolerance(), tolerance(id="soundness", authority="pra", limit="4h"))
    found = judge_run(both, script("U" * 10 + "D" * 45 + "U" * 30, ended=60))
    assert found["authorities"] == {"fca": "breached", "pra": "within"}
    assert (found["outcome"], found["exit_code"]) == ("breached", 1)


def test_time_may_be_kept_while_volume_is_breached() -> None:
    """Worked example 7a: 320 attempts a minute where the baseline had 360."""
    events = script(CLEAN)
    series = {
        "attempts": {GO - 10 * MINUTE + i * MINUTE: 320.0 if c == "D" else 360.0 for i, c in enumerate(CLEAN)},
        "failures": {GO - 10 * MINUTE + i * MINUTE: 320.0 if c == "D" else 0.0 for i, c in enumerate(CLEAN)},
    }
    volume = tolerance(id="failed", metric="failed_transactions", limit=5000)
    found = judge_run(plan(tolerance(), volume), events, series)
    time, failed = found["tolerances"]
    assert (time["verdict"], failed["verdict"], found["outcome"]) == ("within", "breached", "breached")
    assert (failed["m_lo"], failed["m_hi"]) == (7040, 7920)


WITHDRAWN = "U" * 10 + "D" * 15 + "U" * 40


def test_a_recovery_that_only_the_withdrawal_explains_is_not_demonstrated() -> None:
    found = judge_run(plan(), script(WITHDRAWN, ended=15))
    assert (found["outcome"], only(found)["codes"]) == ("inconclusive", ["RECOVERY_NOT_DEMONSTRATED"])


def test_the_provider_told_late_that_it_ended_and_the_planned_duration_bounds_it() -> None:
    short = plan().model_copy(update={"steps": (_lasting(15),)})
    assert only(judge_run(short, script(WITHDRAWN, ended=17)))["codes"] == ["RECOVERY_NOT_DEMONSTRATED"]


def _lasting(minutes: int) -> Any:
    step = plan().steps[0]
    assert step.fault is not None
    return step.model_copy(update={"fault": step.fault.model_copy(update={"duration_ms": minutes * MINUTE})})


def test_a_response_step_done_before_the_service_returned_demonstrates_recovery() -> None:
    done = (12, Draft("task.step_done", {"step": "failover", "number": 1}, "on-call"))
    assert judge_run(plan(), script(WITHDRAWN, done, ended=15))["outcome"] == "within"
    late = (16, done[1])
    assert judge_run(plan(), script(WITHDRAWN, late, ended=15))["outcome"] == "inconclusive"


def test_a_fault_without_effect_leaves_the_hypothesis_untested() -> None:
    seen = (2, Draft("fault.not_effective", {"step": "stop", "witness": "failures", "read": True}))
    found = judge_run(plan(), script("U" * 80, seen, without=("fault.effective",)))
    assert (found["outcome"], found["exit_code"], only(found)["codes"]) == ("not tested", 3, ["FAULT_NOT_EFFECTIVE"])


def test_a_witness_that_could_not_be_read_is_not_a_witness_that_saw_nothing() -> None:
    unread = (2, Draft("fault.not_effective", {"step": "stop", "witness": "failures", "read": False}))
    found = judge_run(plan(), script(CLEAN, unread, without=("fault.effective",)))
    assert (found["outcome"], only(found)["codes"]) == ("inconclusive", ["FAULT_NOT_WITNESSED"])
    breach = script("U" * 10 + "D" * 40 + "U" * 20, unread, without=("fault.effective",))
    assert judge_run(plan(), breach)["outcome"] == "breached"


@pytest.mark.parametrize(
    ("extra", "without"),
    [
        ((), ("fault.gone",)),
        (((61, Draft("undo.failed", {"step": "stop", "error": "throttled", "resources": ["x"]})),), ()),
    ],
)
def test_what_nobody_saw_gone_makes_the_run_unsafe_whatever_else(extra: Any, without: Any) -> None:
    found = judge_run(plan(), script(CLEAN, *extra, (62, Draft("abort.asked", {"why": "x"})), without=without))
    assert (found["outcome"], found["exit_code"], only(found)["verdict"]) == ("unsafe", 6, "inconclusive")


@pytest.mark.parametrize("kind", ["abort.asked", "guard.fired", "guard.unreadable"])
def test_a_stopped_run_says_so_and_its_breach_stays_a_breach(kind: str) -> None:
    found = judge_run(plan(), script("U" * 10 + "D" * 40 + "U" * 20, (41, Draft(kind, {"why": "x", "guard": "g"}))))
    assert (found["outcome"], found["exit_code"]) == ("stopped", 4)
    assert (only(found)["verdict"], only(found)["codes"]) == ("breached", ["ABORTED"])


def test_a_run_that_never_ended_is_not_a_whole_run() -> None:
    assert only(judge_run(plan(), script(CLEAN, without=("run.ended",))))["codes"] == ["ABORTED"]


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ((5, Draft("clock.stepped", {"by_ms": 900, "source": "host"})), "CLOCK_UNCERTAIN"),
        ((5, Draft("plan.registered", {"digest": "sha256:bb"})), "NOT_PREREGISTERED"),
    ],
)
def test_what_casts_doubt_on_the_run_is_a_code(extra: Any, code: str) -> None:
    assert only(judge_run(plan(), script(CLEAN, extra)))["codes"] == [code]


def test_a_plan_that_was_registered_after_the_first_effect_does_not_count() -> None:
    late = (3, Draft("plan.registered", {"digest": "sha256:aa"}))
    events = [e for e in script(CLEAN, late) if not (e.type == "plan.registered" and e.at < GO)]
    assert only(judge_run(plan(), events))["codes"] == ["NOT_PREREGISTERED"]


def test_disturbed_buckets_are_unknown_and_lag_widens_the_interval() -> None:
    troubled = {"from_ms": GO + 5 * MINUTE, "to_ms": GO + 6 * MINUTE, "lag_ms": 2500}
    found = judge_run(plan(), script(CLEAN, (6, Draft("rehearsal.disturbed", troubled))))
    assert (only(found)["m_lo_s"], only(found)["m_hi_s"], found["outcome"]) == (1320, 1442.5, "within")
    assert found["data"]["windows"]["outage"]["disturbed"] == 1


def test_what_the_last_look_had_not_asked_for_is_not_a_gap_but_silence_is() -> None:
    assert judge_run(plan(), script(CLEAN + "--"))["outcome"] == "within"
    silent = only(judge_run(plan(), script(CLEAN[:-20] + "-" * 20)))
    assert silent["verdict"] == "inconclusive" and "RECOVERY_NOT_CONFIRMED" in silent["codes"]


def test_a_baseline_with_a_hole_is_not_clean() -> None:
    assert only(judge_run(plan(), script("UUUU?" + "U" * 5 + CLEAN[10:])))["codes"] == ["BASELINE_NOT_CLEAN"]


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "customers", "limit": 10},
        {"metric": "deadline"},
        {"measure": {}},
        {"calendar": {"hours": "08:00-18:00", "tz": "Europe/London"}},
    ],
)
def test_what_is_not_measured_is_inconclusive_never_a_breach(changes: dict[str, Any]) -> None:
    judged = only(judge_run(plan(tolerance(**changes)), script("U" * 10 + "D" * 45 + "U" * 20)))
    assert (judged["verdict"], judged["codes"]) == ("inconclusive", ["METRIC_NOT_MEASURED"])


def test_a_tabletop_tests_no_technology() -> None:
    found = judge_run(plan(method="tabletop", steps=()), [e for e in script("U" * 40) if "fault" not in e.type])
    assert (found["outcome"], only(found)["codes"]) == ("not tested", ["METRIC_NOT_MEASURED"])


def test_expectations_have_results_of_their_own() -> None:
    ended = Draft("step.ended", {"step": "ack", "result": "missed", "why": "nobody answered", "after_ms": 300_000})
    found = judge_run(plan(), script(CLEAN, (5, ended)))
    (ack,) = found["expectations"]
    assert (ack["result"], ack["after_s"], ack["within_s"], found["outcome"]) == ("missed", 300, 300, "within")
    assert judge_run(plan(), script(CLEAN))["expectations"][0]["result"] == "not reached"


def test_response_clocks_are_intervals_from_the_effect() -> None:
    alarm = Draft("alarm.changed", {"signal": "5xx", "state": "ALARM", "since_ms": GO + 2 * MINUTE})
    answered = Draft("prompt.acknowledged", {"prompt": "p", "step": "ack", "role": "on-call"}, "on-call")
    clocks = judge_run(plan(), script(CLEAN, (2, alarm), (3, answered)))["clocks"]
    assert clocks["detected_by_machine_s"] == [60, 120] and clocks["acknowledged_by_people_s"] == [120, 180]
    assert clocks["impact_ended_s"] == [1200, 1380] and clocks["fault_gone_s"] == [3540, 3600]


@given(st.text("UD?", min_size=10, max_size=60), st.data())
def test_hiding_a_datapoint_never_makes_a_pass(shape: str, data: st.DataObject) -> None:
    where = data.draw(st.integers(0, len(shape) - 1))
    hidden = shape[:where] + "?" + shape[where + 1 :]
    before, after = (only(judge_run(plan(), script("U" * 10 + s + "U" * 8))) for s in (shape, hidden))
    assert after["verdict"] != "within" or before["verdict"] == "within"
    assert after["m_hi_s"] is None or after["m_lo_s"] <= after["m_hi_s"]


def test_types_that_are_not_known_change_nothing() -> None:
    events = script(CLEAN, (3, Draft("something.new", {"a": 1})))
    assert gather(events).t0 == GO and judge_run(plan(), events)["outcome"] == "within"
