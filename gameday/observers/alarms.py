"""CloudWatch alarms, source ``cloudwatch.alarm``: each state that an alarm entered, with the time.

DescribeAlarms tells the state of 100 alarms a call, and since when. One that has changed since the last look may have
changed more than once: then DescribeAlarmHistory tells the states between, so that none is lost. An alarm that is not
there has no sample.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gameday.aws import Aws, CallFailed, told
from gameday.clock import Ms, to_datetime
from gameday.plan import Signal
from gameday.protocols import Sample, Window

ALARMS_A_CALL = 100  # CloudWatch API reference, DescribeAlarms, AlarmNames and MaxRecords; of a page of history too
KINDS = ["MetricAlarm", "CompositeAlarm"]
LARGEST_PAGES = 50
NEAR_MS = 2_000  # an alarm and its history may tell the time of one change this much apart (ours: not documented)
DENIED = ("AccessDenied", "AccessDeniedException")
_VALUES = {"ALARM": 1.0, "OK": 0.0}
LOG = logging.getLogger(__name__)


class Unreadable(RuntimeError):
    """CloudWatch answered, and not with what can be understood."""


class Alarms:
    """Reads alarms; remembers since when each has had its state, so as to ask for history only when it has changed."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._since: dict[str, Ms] = {}
        self._denied = False

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """The states of each alarm since the last look, the oldest first; the one that it has now is always the last.
        CallFailed when CloudWatch refuses or is not reached."""
        names = sorted({str(signal.query["alarm"]) for signal in signals})
        states: dict[str, list[Sample]] = {}
        with told("cloudwatch DescribeAlarms"):
            described = describe_alarms(self._aws, names)
        for name, alarm in described.items():
            states[name] = self._states(alarm, window)
        return {signal.id: states.get(signal.query["alarm"], []) for signal in signals}

    def _states(self, alarm: Any, window: Window) -> list[Sample]:
        since = alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]
        name, now = alarm["AlarmName"], Sample(round(since.timestamp() * 1000), _VALUES.get(alarm["StateValue"]))
        known = self._since.get(name, window.start_ms)
        before = self._between(name, known, now) if now.start_ms > known else []
        self._since[name] = now.start_ms
        return [*before, now]

    def _between(self, name: str, known: Ms, now: Sample) -> list[Sample]:
        """States after the one that was known, and before the one that it has now. Where the history may not be read,
        none, and a warning: the state that counts is known all the same."""
        try:
            found = [sample for sample in self._history(name, known, now.start_ms) if sample.start_ms > known]
        except CallFailed as error:
            if error.code not in DENIED:
                raise
            if not self._denied:
                LOG.warning("changes of alarms between two looks are lost: %s", error.problems[0].message)
            self._denied = True
            return []
        told_twice = found and found[-1].value == now.value and now.start_ms - found[-1].start_ms <= NEAR_MS
        return found[:-1] if told_twice else found

    def _history(self, name: str, start: Ms, end: Ms) -> Iterator[Sample]:
        request = {
            "AlarmName": name, "AlarmTypes": KINDS, "HistoryItemType": "StateUpdate", "ScanBy": "TimestampAscending",
            "StartDate": to_datetime(start), "EndDate": to_datetime(end), "MaxRecords": ALARMS_A_CALL,
        }  # fmt: skip
        for _ in range(LARGEST_PAGES):
            with told("cloudwatch DescribeAlarmHistory"):
                page = self._aws.client("cloudwatch").describe_alarm_history(**request)
            yield from (_entered(item) for item in page.get("AlarmHistoryItems", ()))
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]
        raise Unreadable(f"DescribeAlarmHistory of {name} did not end after {LARGEST_PAGES} pages")


def _entered(item: Any) -> Sample:
    """The state that an item of the history says was entered."""
    try:
        word = json.loads(item["HistoryData"])["newState"]["stateValue"]
    except (KeyError, TypeError, ValueError):
        raise Unreadable(
            f"the history of {item.get('AlarmName')} cannot be read: {item.get('HistorySummary')}"
        ) from None
    return Sample(round(item["Timestamp"].timestamp() * 1000), _VALUES.get(word))


def describe_alarms(aws: Aws, names: Sequence[str]) -> dict[str, Any]:
    """What CloudWatch says of the alarms of these names that there are. Raises botocore's errors."""
    found: dict[str, Any] = {}
    for start in range(0, len(names), ALARMS_A_CALL):
        answer = aws.client("cloudwatch").describe_alarms(
            AlarmNames=names[start : start + ALARMS_A_CALL],
            AlarmTypes=KINDS,
            MaxRecords=ALARMS_A_CALL,
        )
        both = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
        found |= {alarm["AlarmName"]: alarm for alarm in both}
    return found
