"""What keeps the guards of a plan from firing, read from AWS before anything is broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gameday.aws import Aws, CallFailed, told
from gameday.conductor.can_fire import can_fire
from gameday.errors import Problem
from gameday.model.scenario import AlarmGuard
from gameday.observers.alarms import describe_alarms
from gameday.plan import Plan, Signal, by_home


def guard_problems(plan: Plan, aws: Aws) -> list[Problem]:
    """One for each guard that cannot fire. An alarm that cannot be read is one that cannot fire."""
    watched = {g.alarm: plan.alarm_signal(g.alarm) for g in plan.guards if isinstance(g, AlarmGuard)}
    try:
        alarms = _alarms(list(watched.values()), aws)
    except CallFailed as error:
        write = "let the operator's role call cloudwatch:DescribeAlarms"
        return [Problem("GUARD_UNREAD", f"no guard's alarm can be read: {error.problems[0].message}", write)]
    found = [
        can_fire(guard, plan, alarms.get(watched[guard.alarm].id) if isinstance(guard, AlarmGuard) else None)
        for guard in plan.guards
    ]
    return [problem for problem in found if problem]


def _alarms(watched: Sequence[Signal], aws: Aws) -> dict[str, Any]:
    """Each alarm by its signal, read in the account and Region of that: two of one name are two alarms."""
    found: dict[str, Any] = {}
    for place, signals in by_home(watched):
        names = {signal.id: str(signal.query["alarm"]) for signal in signals}
        with told("cloudwatch DescribeAlarms"):
            described = describe_alarms(aws.at(*place), sorted(set(names.values())))
        found |= {ident: described[name] for ident, name in names.items() if name in described}
    return found
