"""No state of an alarm is lost between two looks, and its history is asked for only when it has changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gameday.aws import CallFailed
from gameday.conductor.sampling import Source, read
from gameday.journal.events import Draft, Event
from gameday.journal.state import State
from gameday.observers.cloudwatch import CloudWatchObserver
from gameday.plan import Signal
from gameday.protocols import Sample, Window
from tests.contract.account import StandIn

SIGNAL = Signal(id="a", source="cloudwatch.alarm", query={"alarm": "a"}, period_ms=60_000, settles_ms=0)
ALARM, OK = 1.0, 0.0


class Watched:
    """The loopback AWS with one alarm, and what it was asked."""

    def __init__(self) -> None:
        self.aws = StandIn()
        self.cloudwatch = self.aws.client("cloudwatch")
        self.cloudwatch.put_metric_alarm(
            AlarmName="a", Namespace="N", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
        )  # fmt: skip
        self.observer = CloudWatchObserver(self.aws.aws)
        self.began = self.aws.clock.now()
        self.asked: list[str] = []
        events = self.cloudwatch.meta.events
        events.register("before-call.cloudwatch", lambda model, **_: self.asked.append(model.name))

    def becomes(self, *states: str) -> list[int]:
        """Enter these states, ten seconds apart; returns when."""
        times = []
        for state in states:
            self.aws.clock.advance(10_000)
            self.cloudwatch.set_alarm_state(AlarmName="a", StateValue=state, StateReason="test")
            times.append(self.aws.clock.now())
        return times

    def look(self) -> list[Sample]:
        self.asked.clear()
        self.aws.clock.advance(5_000)
        return list(self.observer.sample([SIGNAL], Window(self.began, self.aws.clock.now()))["a"])


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.aws.close()


def test_an_alarm_that_fired_and_recovered_between_two_looks_was_seen_to_fire(watched: Watched) -> None:
    watched.look()
    (_, fired, ended) = watched.becomes("OK", "ALARM", "OK")
    assert watched.look()[-2:] == [Sample(fired, ALARM), Sample(ended, OK)]


def test_history_is_asked_for_when_it_has_changed_and_not_otherwise(watched: Watched) -> None:
    watched.becomes("OK")
    assert [s.value for s in watched.look()] == [OK] and watched.asked == ["DescribeAlarms", "DescribeAlarmHistory"]
    assert [s.value for s in watched.look()] == [OK] and watched.asked == ["DescribeAlarms"]


def test_each_change_is_journalled_once_and_in_order(watched: Watched) -> None:
    source, state, told = Source(watched.observer, (SIGNAL,), watched.began), State(), list[Draft]()
    for changes in ((), ("OK", "ALARM", "INSUFFICIENT_DATA"), (), ("ALARM", "OK")):
        watched.becomes(*changes)
        window = Window(watched.began, watched.aws.clock.now())
        found = {"a": watched.look()}
        for draft in read(source, window, found, state):
            state.apply(Event(len(told) + 2, 1, window.end_ms, window.end_ms, "", draft.type, "conductor", draft.what))
            told += [draft] if draft.type == "alarm.changed" else []
    assert [d.what["state"] for d in told] == ["INSUFFICIENT_DATA", "OK", "ALARM", "INSUFFICIENT_DATA", "ALARM", "OK"]


def test_a_history_that_cannot_be_read_is_a_gap_until_the_next_look(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    watched.aws.app.gate.set({"mode": "500", "service": "monitoring", "operation": "DescribeAlarmHistory",
                              "percent": 100})  # fmt: skip
    watched.becomes("ALARM", "OK")
    with pytest.raises(CallFailed):
        watched.look()
    watched.aws.app.gate.set({"clear": True})
    assert [s.value for s in watched.look()] == [ALARM, OK]
