"""The Open Banking game day, from the real scenario files through ``build_plan``, as one timeline of data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gameday.library import built_in
from gameday.model.load import load_content
from gameday.model.measure import LEDGER_METRICS
from gameday.model.workspace import REHEARSAL, REHEARSAL_ENVIRONMENT
from gameday.plan import Plan
from gameday.planning import build_plan
from gameday.wiring.sockets import sockets
from tests.conductor.bench import MINUTE, Bench

NOBODY = "http://127.0.0.1:9"  # a plan of named targets asks no AWS
DAY = [
    (-660, "phase.entered", "preflight"),
    (-660, "go", ""),
    (-659, "phase.entered", "baseline"),
    (-658, "alarm.changed", "OK"),
    (-18, "timeline.started", ""),
    (0, "phase.entered", "execute"),
    (0, "step.started", "stop-payments"),
    (0, "step.started", "alarm"),
    (0, "fault.requested", "stop-payments"),
    (1, "fault.accepted", "stop-payments"),
    (2, "fault.targets", "stop-payments"),
    (42, "alarm.changed", "ALARM"),
    (42, "step.ended", "alarm met"),
    (42, "step.started", "ack"),
    (43, "prompt.delivered", "ack payments-on-call"),
    (90, "fault.effective", "stop-payments"),  # a rehearsal's machine may have been the cause until now
    (133, "prompt.acknowledged", "ack payments-on-call"),
    (133, "step.ended", "ack met"),
    (133, "step.started", "failover"),
    (134, "prompt.delivered", "failover payments-on-call 1"),
    (164, "prompt.acknowledged", "failover payments-on-call"),
    (164, "task.step_done", "failover payments-on-call 1"),
    (165, "prompt.delivered", "failover payments-on-call 2"),
    (195, "prompt.acknowledged", "failover payments-on-call"),
    (195, "task.step_calling", "failover 2"),
    (196, "task.step_called", "failover 2 True"),
    (222, "alarm.changed", "OK"),
    (240, "task.step_checked", "failover 2 True"),
    (240, "task.step_done", "failover payments-on-call 2"),
    (241, "prompt.delivered", "failover payments-on-call 3"),
    (271, "prompt.acknowledged", "failover payments-on-call"),
    (271, "task.step_done", "failover payments-on-call 3"),
    (271, "step.ended", "failover done"),
    (360, "step.started", "regulator-calls"),
    (361, "prompt.delivered", "regulator-calls incident-commander"),
    (481, "prompt.acknowledged", "regulator-calls incident-commander"),
    (481, "step.ended", "regulator-calls met"),
    (1202, "fault.ended", "stop-payments ended"),
    (1203, "undo.done", "stop-payments"),
    (1260, "fault.gone", "stop-payments"),
    (1260, "step.ended", "stop-payments done"),
    (1260, "phase.entered", "restore"),
    (1260, "phase.entered", "verify"),
    (1542, "phase.entered", "ended"),
    (1542, "run.ended", "completed "),
]


def open_banking(scenario: str = "payment-functions-stop", **changes: Any) -> Plan:
    """Without the tolerances of the canary ledger: this bench has none that could be read back."""
    plan = build_plan(load_content(built_in()), scenario, REHEARSAL, sockets(REHEARSAL_ENVIRONMENT, NOBODY).faults)
    held = json.loads(plan.model_dump_json(by_alias=True))
    held["tolerances"] = [t for t in held["tolerances"] if t["metric"] not in LEDGER_METRICS]
    return Plan.model_validate_json(json.dumps({**held, **changes}))


def test_the_whole_day_is_as_it_was_planned(tmp_path: Path) -> None:
    """Fault, effect, alarm, acknowledgement, inject, task with its call and check, service back, fault withdrawn when
    its twenty minutes are over, gone, steady again; the guard is silent."""
    bench = Bench(open_banking(), tmp_path)
    assert bench.run() == "completed"
    bench.check()
    assert bench.timeline() == DAY
    assert bench.state.t0 == bench.state.t_go  # T0 is the time of the bucket, not of believing it
    verdict = bench.verdict()
    assert verdict["outcome"] == "within"
    assert [t["m_lo_s"] for t in verdict["tolerances"] if t["metric"] == "duration"] == [200]


def test_at_twenty_times_the_speed_the_same_day_is_the_same(tmp_path: Path) -> None:
    """``--speed`` changes how long we wait, not what happens: steps end alike, and at the same seconds give or take
    the polls, which live in wall time."""
    bench = Bench(open_banking(), tmp_path, speed=20.0)
    assert bench.run() == "completed"
    slow = {(type_, facts): at for at, type_, facts in DAY}
    fast = {(type_, facts): at for at, type_, facts in bench.timeline()}
    assert fast.keys() == slow.keys()
    assert max(abs(fast[key] - slow[key]) for key in slow) <= 20


def test_while_the_on_call_engineer_is_away_the_deputy_does_all_of_it(tmp_path: Path) -> None:
    """Both the acknowledgement and the task go to the deputy, who has a script of their own."""
    plan = json.loads(open_banking().model_dump_json(by_alias=True))
    away = {"id": "away", "kind": "unavailable", "title": "away", "at_ms": 0, "to": "payments-on-call",
            "lasts_ms": 15 * MINUTE}  # fmt: skip
    scripts = {**plan["scripts"], "platform-on-call": plan["scripts"]["payments-on-call"]}
    bench = Bench(open_banking(steps=[away, *plan["steps"]], scripts=scripts), tmp_path)
    assert bench.run() == "completed"
    bench.check()
    asked = {e.what["to"] for e in bench.of("prompt.delivered") if e.what["step"] in ("ack", "failover")}
    assert asked == {"platform-on-call"}
    assert bench.timeline("role.unavailable") == [(0.0, "role.unavailable", "away payments-on-call")]
    assert (900.0, "step.ended", "away done") in bench.timeline()
    assert bench.results()["failover"] == "done"
    assert bench.verdict()["outcome"] == "within"


def test_a_day_without_the_failover_is_stopped_by_its_guard(tmp_path: Path) -> None:
    """50 % of 30 minutes: fires on the upper bound, before 15 minutes of outage are certain, and all is taken back."""
    bench = Bench(open_banking(scripts={}), tmp_path)
    assert bench.run() == "aborted"
    bench.check()
    (fired,) = bench.timeline("guard.fired")
    assert 12 * 60 < fired[0] < 15 * 60
    assert 0.5 <= bench.of("guard.fired")[0].what["value"] < 0.55
    abort, stop = bench.timeline("abort.asked")[0][0], bench.world.calls[-1]
    assert stop[1] == "stop"
    assert stop[0] - (bench.state.t_go or 0) <= abort * 1000 + 1000
    assert bench.verdict()["outcome"] == "stopped"


def test_a_fault_that_reaches_no_customer_is_not_tested(tmp_path: Path) -> None:
    """The shipped scenario: the witness is read and sees nothing."""
    bench = Bench(open_banking("fault-without-effect"), tmp_path)
    bench.world.moved_ms = 0
    bench.run()
    bench.check()
    assert bench.of("fault.not_effective")[0].what["read"] is True
    assert bench.results() == {"stop-standby": "failed"}
    assert bench.verdict()["outcome"] == "not tested"
