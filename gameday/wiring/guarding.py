"""What keeps the guards of a plan from firing, read from AWS before anything is broken."""

from __future__ import annotations

from gameday.aws import Aws, CallFailed, told
from gameday.conductor.can_fire import can_fire
from gameday.errors import Problem
from gameday.model.scenario import AlarmGuard
from gameday.observers.alarms import describe_alarms
from gameday.plan import Plan


def guard_problems(plan: Plan, aws: Aws) -> list[Problem]:
    """One for each guard that cannot fire. An alarm that cannot be read is one that cannot fire."""
    names = {g.alarm: str(plan.alarm_signal(g.alarm).query["alarm"]) for g in plan.guards if isinstance(g, AlarmGuard)}
    try:
        with told("cloudwatch DescribeAlarms"):
            alarms = describe_alarms(aws, sorted(set(names.values())))
    except CallFailed as error:
        write = "let the operator's role call cloudwatch:DescribeAlarms"
        return [Problem("GUARD_UNREAD", f"no guard's alarm can be read: {error.problems[0].message}", write)]
    found = [
        can_fire(guard, plan, alarms.get(names[guard.alarm]) if isinstance(guard, AlarmGuard) else None)
        for guard in plan.guards
    ]
    return [problem for problem in found if problem]
