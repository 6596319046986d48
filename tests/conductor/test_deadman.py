"""Nothing is injected without a dead-man's switch, and the switch is the last thing that goes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gameday.clock import VirtualClock
from gameday.conductor.deadman import STEP, DeadMan, Heartbeat
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.pulse import Pulse
from gameday.conductor.undo import undo_all
from gameday.journal.events import Draft
from gameday.plan import DeadMan as Planned
from gameday.planning.deadman import BEAT_MS, EVALUATED_MS, STOPS_MS, switch
from gameday.protocols import ProviderStatus, Trace
from gameday.rehearsal.alarms import Alarms
from tests.conductor.bench import Bench, a_plan, fault

PLANNED = Planned(period_ms=10_000, periods=4, worst_case_ms=90_000)


@dataclass
class Heart:
    """Metric and alarm, as this test has them."""

    refuses: str = ""
    says: str | None = "OK"
    beats: int = 0
    calls: list[str] = field(default_factory=list)

    def beat(self, run: str) -> None:
        self.beats += 1

    def arm(self, run: str, planned: Planned) -> None:
        if self.refuses:
            raise PermissionError(self.refuses)
        self.calls.append("arm")

    def state(self, run: str) -> str | None:
        return self.says

    def stop(self, trace: Trace) -> ProviderStatus:
        self.calls.append("stop")
        self.says = None
        return ProviderStatus("ended", "it is gone", clean=True)


class Still(Heartbeat):
    """Its thread is this one: each look is a heartbeat."""

    def holds(self) -> bool:
        if self.made():
            self.once()
        return super().holds()

    def _go_on(self) -> None:
        pass


def on_a_bench(folder: Path, heart: Heart, within_s: float = 60.0) -> Bench:
    bench = Bench(a_plan(fault(dead_man="alarm")), folder)
    pulse = Pulse(folder)
    still = Still(heart, "r-1", PLANNED, bench.ledger, bench.clock, pulse)
    bench.conductor.deadman = DeadMan(pulse, [still], within_s=within_s)
    return bench


def test_the_switch_is_set_before_the_first_fault_and_away_before_the_run_has_ended(tmp_path: Path) -> None:
    heart = Heart()
    bench = on_a_bench(tmp_path, heart)
    bench.run()
    bench.check()
    order = [
        e.type for e in bench.events if e.type.startswith(("heartbeat", "fault.requested", "fault.gone", "run.end"))
    ]
    assert order == ["heartbeat.armed", "fault.requested", "fault.gone", "heartbeat.disarmed", "run.ended"]
    assert heart.calls == ["arm", "stop"] and heart.beats > 1
    assert outstanding(bench.ledger.path).left == []


@pytest.mark.parametrize(
    ("heart", "why"),
    [(Heart(refuses="PutMetricAlarm"), "PermissionError: PutMetricAlarm"), (Heart(says="ALARM"), "it was not seen"),
     (Heart(says=None), "it was not seen")],
)  # fmt: skip
def test_without_a_switch_nothing_is_injected_and_the_day_says_why(tmp_path: Path, heart: Heart, why: str) -> None:
    bench = on_a_bench(tmp_path, heart, within_s=0.0)
    assert bench.run() == "aborted"
    assert bench.calls("start") == []
    (aborted,) = bench.of("abort.asked")
    assert why in aborted.what["why"]


def test_an_alarm_that_fires_while_the_conductor_lives_ends_the_day(tmp_path: Path) -> None:
    heart = Heart()
    bench = on_a_bench(tmp_path, heart)
    deadman = bench.conductor.deadman

    def fire() -> None:
        heart.says = "ALARM"
        deadman.switches[0].holds()

    bench.at(60, fire)
    assert bench.run() == "aborted"
    bench.check()
    assert "the dead-man's switch fired" in bench.of("abort.asked")[0].what["why"]


def test_a_hung_conductor_has_no_heartbeat(tmp_path: Path) -> None:
    heart, pulse = Heart(), Pulse(tmp_path)
    beating = Heartbeat(heart, "r", PLANNED, Ledger(tmp_path / "undo.jsonl"), VirtualClock(), pulse)
    beating.once()
    pulse.last = time.monotonic() - 11
    beating.once()
    assert heart.beats == 1
    pulse.beat()
    beating.once()
    assert heart.beats == 2
    pulse.close()


def test_what_aws_ended_for_want_of_a_heartbeat_is_told_once(tmp_path: Path) -> None:
    bench = on_a_bench(tmp_path, Heart())
    bench.go()
    bench.conductor.record(Draft("fault.requested", {"step": "stop", "token": "t"}))
    said = "stopped Experiment halted by stop condition: arn:aws:cloudwatch:r:1:alarm:gameday-heartbeat-r-1."
    for kind in ("undo.done", "fault.ended"):
        bench.conductor.record(Draft(kind, {"step": "stop", "status": "stopped", "detail": said}))
    (fired,) = bench.of("heartbeat.fired")
    assert fired.what == {"step": "stop", "says": said}


@dataclass
class Asked:
    """A provider that ends a fault at its second stop."""

    log: list[str]
    times: int = 0

    def stop(self, trace: Trace) -> ProviderStatus:
        self.times += 1
        self.log.append(trace["step"])
        return ProviderStatus("ended", clean=True) if self.times > 1 else ProviderStatus("active")


def test_undo_takes_the_alarm_away_after_all_that_it_could_end(tmp_path: Path) -> None:
    """Also when it is the newest on the ledger, which a run that was taken over makes it."""
    ledger, log = Ledger(tmp_path / "undo.jsonl"), list[str]()
    for step, provider in (("stop", "fis"), (STEP, "dead-man")):
        ledger.intend(step, provider, {"run": "r", "step": step})
    faults = {"fis": Asked(log), "dead-man": Asked(log, 1)}
    clock = VirtualClock()
    assert undo_all(ledger, faults, clock, lambda _: None, clock.now() + 60_000)
    assert log == ["stop", "stop", STEP]


def missed_after(planned: Planned, last_ms: int) -> int:
    """How long after its last heartbeat the alarm of a rehearsal is in ALARM."""
    clock = VirtualClock(1_700_000_000_000)
    beats = set(range(clock.now() + last_ms - 400_000, clock.now() + last_ms + 1, BEAT_MS))

    def read(_: object, period: int, start: int, end: int) -> dict[int, float]:
        return {t: 1.0 for t in range(start, end, period) if any(t <= beat < t + period for beat in beats)}

    alarms = Alarms(clock, read, "arn:")
    alarms.put({"AlarmName": "a", "MetricName": "M", "Period": planned.period_ms // 1000, "Threshold": 1.0,
                "EvaluationPeriods": planned.periods, "DatapointsToAlarm": planned.periods,
                "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching"})  # fmt: skip
    last = max(beats)
    alarms.evaluate()
    while alarms.state_of("a") != "ALARM":
        clock.advance(1_000)
        alarms.evaluate()
    return clock.now() - last


@pytest.mark.parametrize("dead_man_ms", [60_000, 90_000, 180_000])
@pytest.mark.parametrize("phase_ms", range(0, 10_000, 1_999))
def test_the_alarm_keeps_the_worst_case_of_the_plan(dead_man_ms: int, phase_ms: int) -> None:
    """Wherever in its period the last heartbeat lies; and it never fires sooner than two heartbeats are missing."""
    planned = switch(dead_man_ms)
    assert planned is not None
    took = missed_after(planned, phase_ms)
    assert 2 * BEAT_MS < took <= planned.worst_case_ms - EVALUATED_MS - STOPS_MS
