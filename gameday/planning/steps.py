"""The timeline: each step of a scenario as the conductor will see it, with an id, a title and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gameday.model.scenario import (
    AlarmExpectation,
    Condition,
    Expectation,
    ExpectStep,
    FaultStep,
    HumanInject,
    RoleExpectation,
    Step,
    TaskStep,
    UnavailableInject,
    step_id,
    step_kind,
)
from gameday.model.types import write_duration
from gameday.plan import PlannedFault, PlannedStep
from gameday.planning.case import Case
from gameday.planning.faults import Broken, plan_fault
from gameday.protocols import Fault, Outline

_DOES = {"acknowledge": "acknowledges", "answer": "answers"}


def plan_steps(case: Case, faults: Mapping[str, Fault]) -> tuple[tuple[PlannedStep, ...], dict[str, Outline]]:
    """All steps in the order of the file, and by step what the providers said of their faults."""
    steps, outlines = [], {}
    for index, step in enumerate(case.scenario.timeline):
        ident, broken = step_id(step, index), None
        if isinstance(step, FaultStep):
            broken = plan_fault(case, index, ident, step, faults)
        if broken and broken.outline:
            outlines[ident] = broken.outline
        steps.append(_planned(case, ident, step, broken))
    return tuple(steps), outlines


def _planned(case: Case, ident: str, step: Step, broken: Broken | None) -> PlannedStep:
    free = step.at is None and step.after is None and step.when is None
    return PlannedStep(
        id=ident,
        kind=step_kind(step),
        title=step.title or _title(case, step, broken),
        at_ms=0 if free else step.at,
        after=step.predecessors,
        when=step.when,
        on_timeout=step.on_timeout,
        fault=broken.fault if broken else None,
        **_about(step),
    )


def _about(step: Step) -> dict[str, Any]:
    """What only this kind of step has. An inject that expects nothing has no limit."""
    if isinstance(step, ExpectStep):
        role = step.expect.role if isinstance(step.expect, RoleExpectation) else None
        return {"expect": step.expect, "within_ms": step.within, "to": role}
    if isinstance(step, HumanInject):
        limit = step.within if step.expect else None
        return {"expect": step.expect, "within_ms": limit, "to": step.to, "says": step.says}
    if isinstance(step, UnavailableInject):
        return {"to": step.who, "lasts_ms": step.lasts}
    if isinstance(step, TaskStep):
        return {"to": step.by, "within_ms": step.within, "runbook": step.task}
    return {}


def _title(case: Case, step: Step, broken: Broken | None) -> str:
    """A readable title for a step that has none."""
    if isinstance(step, ExpectStep):
        return _expected(step.expect)
    if isinstance(step, HumanInject):
        return f"{step.to} is told: {step.says}"
    if isinstance(step, UnavailableInject):
        return f"{step.who} is unavailable for {write_duration(step.lasts)}"
    if isinstance(step, TaskStep):
        return next(r.title for r in case.runbooks if r.id == step.task)
    return _broken(broken.fault) if broken else step.fault


def _broken(fault: PlannedFault) -> str:
    return f"{fault.action} on {', '.join(fault.resources)}" if fault.resources else fault.action


def _expected(expect: Expectation) -> str:
    if isinstance(expect, RoleExpectation):
        return f"{expect.role} {_DOES[expect.does]}"
    if isinstance(expect, AlarmExpectation):
        return f"alarm {expect.alarm} is {expect.state}"
    return str(expect.condition)


def limit_waits(steps: tuple[PlannedStep, ...], longest_ms: int) -> tuple[PlannedStep, ...]:
    """``when`` waits to the end of the day where it has no ``within``."""
    return tuple(_limit_wait(step, step.when, longest_ms) for step in steps)


def _limit_wait(step: PlannedStep, when: Condition | None, longest_ms: int) -> PlannedStep:
    if when is None or when.within is not None:
        return step
    return step.model_copy(update={"when": when.model_copy(update={"within": longest_ms})})
