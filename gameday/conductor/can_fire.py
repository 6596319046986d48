"""Whether a guard can fire at all: what preflight has to know before anything is broken, since a guard that cannot fire
is worse than none. Pure; that a guard's signal has data is seen in the baseline (``guards.blind_guards``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gameday.clock import Ms
from gameday.conductor.guards import guard_name
from gameday.errors import Problem
from gameday.model.scenario import AlarmGuard, Guard, SignalGuard, ToleranceGuard
from gameday.model.types import write_duration
from gameday.model.workspace import REHEARSAL
from gameday.plan import Plan


def can_fire(guard: Guard, plan: Plan, alarm: Mapping[str, Any] | None = None) -> Problem | None:
    """What keeps the guard from firing; None when nothing does. ``alarm`` is what DescribeAlarms says of the guard's
    alarm, None when there is no such alarm. Each message begins with the guard's name, by which it can be waived."""
    if isinstance(guard, AlarmGuard):
        return _alarm(guard, plan, alarm)
    if isinstance(guard, SignalGuard):
        return _in_time(guard, plan, guard.lasts or 0, "for: a shorter time, or a longer max_duration")
    return _tolerance(guard, plan)


def _alarm(guard: AlarmGuard, plan: Plan, alarm: Mapping[str, Any] | None) -> Problem | None:
    name = guard_name(guard)
    if alarm is None:
        write = "the name of an alarm that is in the environment's account and Region"
        return Problem("GUARD_ALARM_MISSING", f"{name}: CloudWatch knows no such alarm", write)
    state = alarm.get("StateValue")
    if state == "ALARM":
        write = "wait until it is OK; FIS begins no experiment under a stop condition that is in ALARM"
        return Problem("GUARD_ALARM_RINGING", f"{name}: it is in ALARM already", write)
    if state != "OK":
        write = "wait for its data, or let it treat missing data as notBreaching"
        severity = "warning" if plan.environment == REHEARSAL else "error"  # a rehearsal has only just begun
        return Problem("GUARD_ALARM_SILENT", f"{name}: it is in {state}", write, severity=severity)
    return _in_time(guard, plan, _slowest(alarm), "an alarm of shorter or fewer periods, or a longer max_duration")


def _slowest(alarm: Mapping[str, Any]) -> Ms:
    """How long an alarm's metric must be beyond before it is in ALARM."""
    m = alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods") or 0
    return int(alarm.get("Period") or 0) * int(m) * 1000


def _tolerance(guard: ToleranceGuard, plan: Plan) -> Problem | None:
    tolerance = next(t for t in plan.tolerances if t.id == guard.tolerance)
    if guard.at >= 1:
        what = f"{guard_name(guard)}: it stops the day when the tolerance is already used up"
        return Problem("GUARD_AT_LIMIT", what, "at: 50%")
    if tolerance.metric != "duration":
        return None  # how much can be used up in a day depends on how many customers come
    return _in_time(guard, plan, round(guard.at * tolerance.limit), "a lower share, or a longer max_duration")


def _in_time(guard: Guard, plan: Plan, needs: Ms, write: str) -> Problem | None:
    if needs < plan.max_duration_ms:
        return None
    longest = write_duration(plan.max_duration_ms)
    what = f"{guard_name(guard)}: it needs {write_duration(needs)}, and the day ends after {longest}"
    return Problem("GUARD_UNREACHABLE", what, write)
