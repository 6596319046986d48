"""Our adapters against the loopback AWS, over real HTTP: injected, watched, undone, nothing left."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gameday.aws import Aws, CallFailed
from gameday.clock import to_datetime
from gameday.conductor.guards import HALTED
from gameday.conductor.ledger import Ledger, outstanding
from gameday.conductor.undo import undo_all
from gameday.faults.fis import FisFault
from gameday.faults.fis_lever import SafetyLever
from gameday.journal.events import Draft
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.observers.cloudwatch import CloudWatchObserver
from gameday.plan import Signal
from gameday.protocols import Order, Trace, Window
from gameday.rehearsal import client

SETTINGS = {"action": "aws:fis:wait", "parameters": {"duration": "20m"}}


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    up = client.up(tmp_path_factory.mktemp("workspace"), 20.0, kept=True)
    yield up
    up.down()


@pytest.fixture
def aws(rehearsal: Any) -> Iterator[Aws]:
    aws = Aws(REHEARSAL_ENVIRONMENT, rehearsal.endpoint)
    yield aws
    for service in ("fis", "cloudwatch"):
        aws.client(service).close()


def left(aws: Aws) -> tuple[list[str], list[str]]:
    fis = aws.client("fis")
    going = [e for e in fis.list_experiments()["experiments"] if e["state"]["status"] in ("running", "initiating")]
    return [t["id"] for t in fis.list_experiment_templates()["experimentTemplates"]], [e["id"] for e in going]


def order(run: str) -> Order:
    return Order(run, "pause", f"{run}-pause", "aws:fis:wait", SETTINGS, {}, 1_200_000, REHEARSAL_ENVIRONMENT)


class Killed(BaseException):
    """SIGKILL, as far as a function can tell."""


@pytest.mark.parametrize("survived", [1, 2, 3, 99])
def test_a_conductor_killed_after_any_note_leaves_nothing_once_undone(
    survived: int, aws: Aws, rehearsal: Any, tmp_path: Path
) -> None:
    ledger, noted = Ledger(tmp_path / "undo.jsonl"), 0

    def note(facts: Trace) -> None:
        nonlocal noted
        if noted == survived:
            raise Killed
        noted += 1
        ledger.note("pause", facts)

    run = f"run-{survived}"
    ledger.intend("pause", "fis", {"run": run, "step": "pause", "token": f"{run}-pause"})
    try:
        FisFault(aws).start(order(run), note)
    except Killed:
        pass
    seen: list[Draft] = []
    clock = rehearsal.clock()
    faults: dict[str, Any] = {"fis": FisFault(aws)}
    assert undo_all(ledger, faults, clock, seen.append, clock.now() + 600_000)
    ledger.close()
    assert [d.type for d in seen] == ["undo.started", "undo.done"]
    assert outstanding(ledger.path).left == []
    assert left(aws) == ([], [])


def signal(number: int, dt: int) -> Signal:
    query = {"namespace": "Tick", "metric": "Attempts", "dimensions": {"Api": str(number)}, "statistic": "Sum"}
    return Signal(id=f"s{number}", source="cloudwatch.metric", query=query, period_ms=dt, settles_ms=dt)


def test_five_hundred_signals_cost_one_request_counted_at_the_server(aws: Aws, rehearsal: Any) -> None:
    dt = 20_000
    start = rehearsal.clock().now() // dt * dt - 5 * dt
    data = [
        {
            "MetricName": "Attempts",
            "Dimensions": [{"Name": "Api", "Value": str(number)}],
            "Timestamp": to_datetime(start),
            "Value": float(number),
            "StorageResolution": 1,
        }
        for number in range(0, 500, 100)
    ]
    aws.client("cloudwatch").put_metric_data(Namespace="Tick", MetricData=data)
    before = counted(rehearsal)
    found = CloudWatchObserver(aws).sample([signal(n, dt) for n in range(500)], Window(start, start + 3 * dt))
    assert counted(rehearsal) - before == 1
    assert [(s.start_ms, s.value) for s in found["s300"]] == [(start, 300.0)]
    assert found["s301"] == []


def counted(rehearsal: Any) -> int:
    counts = rehearsal.ask("counts")
    return sum(n for name, n in counts.items() if name.endswith("GetMetricData"))


def test_a_throttled_source_raises_and_is_no_zero(aws: Aws, rehearsal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    knob = {"service": "cloudwatch", "operation": "GetMetricData", "mode": "throttle", "percent": 100}
    rehearsal.ask("faults", knob)
    now = rehearsal.clock().now()
    with pytest.raises(CallFailed, match="(?i)thrott"):
        CloudWatchObserver(aws).sample([signal(1, 20_000)], Window(now - 60_000, now))


def ends(fault: FisFault, trace: Trace) -> str:
    """What the provider says once it has ended."""
    until = time.monotonic() + 20
    while (status := fault.poll(trace)).state not in ("ended", "failed"):
        assert time.monotonic() < until, status
        time.sleep(0.05)
    return status.detail


def test_an_alarm_that_guards_stops_the_experiment_and_fis_says_which(aws: Aws) -> None:
    """Without us: nobody calls StopExperiment."""
    cloudwatch, name = aws.client("cloudwatch"), "guard-of-the-day"
    cloudwatch.put_metric_alarm(AlarmName=name, Namespace="Day", MetricName="errors", Statistic="Sum", Period=60,
                                EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
                                TreatMissingData="notBreaching")  # fmt: skip
    arn = f"arn:aws:cloudwatch:eu-west-2:123456789012:alarm:{name}"
    fault = FisFault(aws)
    trace = fault.start(replace(order("alarmed"), stop_conditions=(arn,)), lambda facts: None)
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    detail = ends(fault, trace)
    assert HALTED in detail.lower() and arn in detail
    assert fault.stop(trace).clean


def test_the_safety_lever_stops_what_runs_and_lets_nothing_begin_until_it_is_released(aws: Aws) -> None:
    fault, lever = FisFault(aws), SafetyLever(aws.apart())
    trace = fault.start(order("levered"), lambda facts: None)
    assert lever.engage("gameday levered: a test")
    try:
        assert not lever.engage("again") and lever.read().reason == "gameday levered: a test"
        assert ends(fault, trace).startswith("stopped")
        assert ends(fault, fault.start(order("too-late"), lambda facts: None)).startswith("cancelled")
    finally:
        assert lever.release("a test is over")
    assert not lever.release("again") and not lever.read().engaged
    assert fault.stop(trace).clean and fault.stop({"run": "too-late", "step": "pause", "token": "-"}) is not None
