"""A run is judged from plan and journal alone; what went wrong with the test is never taken for a pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.errors import DamagedRun
from gameday.journal.events import Draft, Event
from gameday.model.scenario import Condition
from gameday.verdict.facts import gather
from gameday.verdict.run import judge_run
from tests.verdict.a_run import GO, MINUTE, plan, script, tolerance

CLEAN = "U" * 10 + "D" * 22 + "U" * 50


def reading_to(events: list[Event], until: int, *signals: str) -> list[Event]:
    """The same events, where each look tells up to when it asked."""
    told = {name: until for name in signals or ("attempts", "failures")}
    return [replace(e, what={**e.what, "read_to_ms": told}) if e.type == "signals.sampled" else e for e in events]


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
        ((5, Draft("preflight.done", {"checks": [], "clock_off_ms": -90_001})), "CLOCK_UNCERTAIN"),  # 30 min / 20
        ((5, Draft("plan.registered", {"digest": "sha256:bb"})), "NOT_PREREGISTERED"),
    ],
)
def test_what_casts_doubt_on_the_run_is_a_code(extra: Any, code: str) -> None:
    assert only(judge_run(plan(), script(CLEAN, extra)))["codes"] == [code]


def test_a_clock_that_is_off_by_less_than_a_twentieth_of_the_limit_widens_the_interval_alone() -> None:
    off = (5, Draft("preflight.done", {"checks": [], "clock_off_ms": 90_000}))
    found = only(judge_run(plan(), script(CLEAN, off)))
    assert (found["verdict"], found["codes"], found["m_hi_s"]) == ("within", [], 1530)


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
    asked = reading_to(script(CLEAN + "--"), GO + 72 * MINUTE)
    assert judge_run(plan(), asked)["outcome"] == "within"
    silent = only(judge_run(plan(), script(CLEAN[:-20] + "-" * 20)))
    assert silent["verdict"] == "inconclusive" and "RECOVERY_NOT_CONFIRMED" in silent["codes"]


def test_a_baseline_with_a_hole_is_not_clean() -> None:
    assert only(judge_run(plan(), script("UUUU?" + "U" * 5 + CLEAN[10:])))["codes"] == ["BASELINE_NOT_CLEAN"]


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "customers", "limit": 10},
        {"metric": "customers", "limit": 10, "measure": {"customers": "nobody-reads-it"}},
        {"metric": "value", "limit": 10, "measure": {}},
        {"metric": "deadline", "measure": {}, "calendar": {"deadline": "18:00", "tz": "Europe/London"}},
        {"metric": "data_loss_time", "measure": {"ledger": "ledger"}},
        {"metric": "data_integrity", "limit": 0, "measure": {}},
        {"measure": {}},
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


def test_a_baseline_shorter_than_d2_asks_is_not_clean_however_it_was_planned() -> None:
    short = plan(baseline_ms=2 * MINUTE)
    events = script("-" * 8 + CLEAN[8:])
    judged = only(judge_run(short, events))
    assert (judged["verdict"], judged["codes"]) == ("inconclusive", ["BASELINE_NOT_CLEAN"])
    assert judged["details"]["BASELINE_NOT_CLEAN"] == (
        "It was shorter than D2 asks: 2m were read before the first fault, 10m are needed."
    )


def test_what_was_read_before_a_short_planned_baseline_counts_as_baseline() -> None:
    found = judge_run(plan(baseline_ms=2 * MINUTE), script(CLEAN))
    assert (found["outcome"], found["data"]["windows"]["outage"]["baseline_buckets"]) == ("within", 10)
    hole = judge_run(plan(baseline_ms=2 * MINUTE), script("UUUU?" + CLEAN[5:]))
    assert only(hole)["codes"] == ["BASELINE_NOT_CLEAN"]


def test_what_was_asked_for_and_is_absent_is_unknown() -> None:
    quiet = CLEAN[:-2] + "--"
    assert only(judge_run(plan(), reading_to(script(quiet), GO + 72 * MINUTE)))["codes"] == ["RECOVERY_NOT_CONFIRMED"]
    assert only(judge_run(plan(), reading_to(script(quiet), GO + 70 * MINUTE)))["codes"] == []


def test_what_one_of_two_signals_was_never_asked_for_lies_outside_the_window() -> None:
    both = reading_to(script(CLEAN), GO + 72 * MINUTE)
    short = [replace(e, what={**e.what, "read_to_ms": {"attempts": GO + 72 * MINUTE, "failures": GO + 60 * MINUTE}})
             if e.type == "signals.sampled" else e for e in both]  # fmt: skip
    assert judge_run(plan(), short)["data"]["windows"]["outage"]["buckets"] == 70


def test_a_source_that_failed_at_the_last_look_leaves_unknown_not_nothing() -> None:
    events = reading_to(script(CLEAN[:-6] + "-" * 6), GO + 66 * MINUTE)
    failed = Draft("observer.failed", {"source": "cloudwatch", "error": "x", "signals": ["attempts", "failures"]})
    event = replace(events[-1], type=failed.type, what=failed.what)
    assert only(judge_run(plan(), events))["codes"] == []
    assert only(judge_run(plan(), [*events[:-1], event, events[-1]]))["codes"][0] == "RECOVERY_NOT_CONFIRMED"


def test_a_bucket_that_had_not_settled_at_the_last_look_is_not_yet_unknown() -> None:
    signals = tuple({**s.model_dump(), "settles_ms": 2 * MINUTE} for s in plan().signals)
    events = reading_to(script(CLEAN[:-2] + "--"), GO + 72 * MINUTE)
    assert judge_run(plan(signals=signals), events)["outcome"] == "within"


def test_an_old_journal_shows_its_last_look_by_what_it_read() -> None:
    """Without ``read_to_ms`` two buckets after the last look may pass for unasked, and no more."""
    later = [replace(e, at=e.at + 2 * MINUTE) if e.type == "run.ended" else e for e in script(CLEAN)]
    assert judge_run(plan(), later)["outcome"] == "within"
    dead = [replace(e, at=e.at + 9 * MINUTE) if e.type == "run.ended" else e for e in script(CLEAN)]
    assert only(judge_run(plan(), dead))["codes"] == ["RECOVERY_NOT_CONFIRMED", "COVERAGE_LOW", "GAP_TOO_LONG"]


@pytest.mark.parametrize(("minute", "raised"), [(-9, True), (5, True), (71, True), (75, False)])
def test_something_else_that_touched_the_service_in_the_window_confounds_it(minute: int, raised: bool) -> None:
    touched = Draft("service.touched", {"kind": "deployment", "why": "release 41"})
    events = reading_to(script(CLEAN, (minute, touched)), GO + 72 * MINUTE)
    events = [replace(e, at=GO + 72 * MINUTE) if e.type == "signals.sampled" else e for e in events]
    judged = only(judge_run(plan(), events))
    assert judged["codes"] == (["CONFOUNDED"] if raised else [])
    assert not raised or "deployment at " in judged["details"]["CONFOUNDED"]


def test_two_plans_registered_for_one_run_are_no_preregistration() -> None:
    registered = [Draft("plan.registered", {"digest": "sha256:aa", "sha256": s}) for s in ("b" * 64, "c" * 64)]
    events = script(CLEAN, (-9, registered[0]), (-8, registered[1]))
    assert only(judge_run(plan(), events))["codes"] == ["NOT_PREREGISTERED"]


@pytest.mark.parametrize(
    ("shape", "changes", "told"),
    [
        ("U" * 10 + "D" * 29 + "U" * 43, {}, "every 30s instead of every 1m"),
        ("U" * 10 + "D" * 30 + "U" * 42, {}, "No finer period helps"),
        ("U" * 10 + "D" * 22 + "U" * 2, {}, "0s of 5m were seen steady"),
        ("UU?UUUUUUU" + CLEAN[10:], {}, "the first at 2023-11-14T22:06:00"),
    ],
)
def test_an_inconclusive_verdict_says_the_cheapest_change(shape: str, changes: dict[str, Any], told: str) -> None:
    if told.startswith("0s"):
        shape += "?"
    judged = only(judge_run(plan(tolerance(**changes)), script(shape)))
    assert judged["verdict"] == "inconclusive" and told in judged["to_conclude"]


def test_a_verdict_that_is_conclusive_needs_no_change() -> None:
    assert only(judge_run(plan(), script(CLEAN)))["to_conclude"] is None


def test_a_fault_without_effect_names_its_witness_and_what_it_read() -> None:
    read = {"step": "stop", "witness": "failures at least 1", "read": True, "values": [0.0, None, 0.0]}
    found = judge_run(plan(), script("U" * 80, (2, Draft("fault.not_effective", read)), without=("fault.effective",)))
    (fault,) = found["faults"]
    assert (found["outcome"], fault["result"]) == ("not tested", "not effective")
    assert fault["expected"] == "failures at least 1"
    assert fault["read"] == [0.0, None, 0.0]
    assert "It was read 2 times and showed 0 each time (1 more could not be read)" in fault["says"]
    assert fault["says"] in only(found)["to_conclude"]


def test_every_clock_names_what_shows_it_and_people_are_apart_from_machines() -> None:
    page = {"prompt": "p", "step": "ack", "to": "on-call", "says": "x", "via": "console", "expects": "acknowledge"}
    called = Draft("task.step_called", {"step": "f", "number": 1, "ok": True, "said": ""})
    story = (
        (1, Draft("note", {"text": "it begins"}, "facilitator")),
        (2, Draft("alarm.changed", {"signal": "5xx", "state": "ALARM", "since_ms": GO + 2 * MINUTE})),
        (3, Draft("prompt.delivered", page)),
        (4, Draft("note", {"text": "customers call"}, "on-call")),
        (5, Draft("prompt.acknowledged", {"prompt": "p", "step": "ack", "role": "on-call"}, "on-call")),
        (6, called),
        (8, Draft("task.step_done", {"step": "f", "number": 1})),
    )
    found = judge_run(plan(), script(CLEAN, *story))
    clocks = {name: hi for name, (_, hi) in found["clocks"].items()}
    told = {name: clocks[name] for name in (
        "detected_by_machine_s", "page_delivered_s", "detected_by_people_s", "acknowledged_by_people_s",
        "mitigation_began_s", "first_response_step_s", "steady_verified_s",
    )}  # fmt: skip
    assert list(told.values()) == [120, 180, 240, 300, 360, 480, (22 + 5 + 1) * 60]
    assert set(found["clocks"]) == set(found["clocks_evidence"]) and all(found["clocks_evidence"].values())
    evidence = found["clocks_evidence"]["detected_by_machine_s"]
    assert found["alarms"] == [{"alarm": "5xx", "expected": False, "result": "unexpected", "evidence": evidence}]


def test_an_alarm_that_was_expected_and_kept_silent_is_told() -> None:
    step = {"id": "alarm", "kind": "expect", "title": "Alarm", "within_ms": MINUTE, "expect": {"alarm": "5xx"}}
    watched = plan(steps=(*(s.model_dump() for s in plan().steps), step))
    (silent,) = judge_run(watched, script(CLEAN))["alarms"]
    assert (silent["alarm"], silent["expected"], silent["result"], silent["evidence"]) == ("5xx", True, "silent", [])
    alarm = Draft("alarm.changed", {"signal": "5xx", "state": "ALARM", "since_ms": GO + 2 * MINUTE})
    assert judge_run(watched, script(CLEAN, (2, alarm)))["alarms"][0]["result"] == "fired"


def test_an_event_that_lacks_what_its_type_must_hold_is_damage() -> None:
    with pytest.raises(DamagedRun, match="EVENT_MALFORMED"):
        judge_run(plan(), script(CLEAN, (3, Draft("alarm.changed", {"signal": "5xx"}))))


@given(st.text("UD?", min_size=5, max_size=40), st.sampled_from(["duration", "failed_transactions"]), st.data())
def test_hiding_a_datapoint_of_a_run_never_narrows_the_interval(shape: str, metric: str, data: st.DataObject) -> None:
    made = plan(tolerance() if metric == "duration" else tolerance(metric=metric, limit=500), baseline_ms=5 * MINUTE)
    whole = "U" * 10 + shape + "U" * 8
    where = data.draw(st.integers(0, len(whole) - 1))
    hidden = whole[:where] + "?" + whole[where + 1 :]
    shown, less = (only(judge_run(made, script(s))) for s in (whole, hidden))
    lo, hi = ("m_lo_s", "m_hi_s") if metric == "duration" else ("m_lo", "m_hi")
    assert less[lo] <= shown[lo]
    assert less[hi] is None or (shown[hi] is not None and less[hi] >= shown[hi])


def test_a_ledger_that_could_not_be_read_whole_is_unsafe() -> None:
    """Nobody knows what its damaged line spoke of."""
    failed = Draft("undo.failed", {"step": "", "error": "LEDGER_DAMAGED: line 1", "resources": {}})
    assert judge_run(plan(), script(CLEAN, (59, failed)))["outcome"] == "unsafe"


def _two_faults(**more: Any) -> Any:
    first = plan().steps[0]
    return plan().model_copy(update={"steps": (*plan().steps, first.model_copy(update={"id": "second", **more}))})


SKIPPED = (
    (5, Draft("step.skip_asked", {"step": "second"}, "facilitator")),
    (5, Draft("step.ended", {"step": "second", "result": "skipped", "why": "somebody skipped it"})),
)


def test_a_fault_that_somebody_skipped_was_not_tested() -> None:
    """The plan broke two things; to skip the harder one must not be a way to a pass."""
    found = only(judge_run(_two_faults(), script(CLEAN, *SKIPPED)))
    assert (found["verdict"], found["codes"]) == ("inconclusive", ["FAULT_NOT_EFFECTIVE"])
    assert found["details"]["FAULT_NOT_EFFECTIVE"] == "Fault second was never injected."


def test_a_fault_that_was_never_reached_was_not_tested() -> None:
    assert only(judge_run(_two_faults(), script(CLEAN)))["codes"] == ["FAULT_NOT_EFFECTIVE"]


def test_a_fault_whose_own_condition_was_not_met_is_passed_over_as_planned_unless_somebody_skipped_it() -> None:
    both = _two_faults(when=Condition.model_validate({"signal": "failures", "at_least": 200}), on_timeout="skip")
    assert only(judge_run(both, script(CLEAN)))["codes"] == []
    assert only(judge_run(both, script(CLEAN, *SKIPPED)))["codes"] == ["FAULT_NOT_EFFECTIVE"]
