"""The timeline: each step of a scenario as the conductor will see it, with an id, a title and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gameday.model.injects import AccessInject, ChannelInject, HumanInject, SupplierInject, UnavailableInject
from gameday.model.scenario import (
    AlarmExpectation,
    Condition,
    Expectation,
    ExpectStep,
    FaultStep,
    QuestionStep,
    RoleExpectation,
    Step,
    TaskStep,
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
    led_to = {name for step in case.scenario.timeline for name in step.on.values()}
    for index, step in enumerate(case.scenario.timeline):
        ident, broken = step_id(step, index), None
        if isinstance(step, FaultStep):
            broken = plan_fault(case, index, ident, step, faults)
        if broken and broken.outline:
            outlines[ident] = broken.outline
        steps.append(_planned(case, ident, step, broken, ident in led_to))
    return tuple(steps), outlines


def _planned(case: Case, ident: str, step: Step, broken: Broken | None, branch: bool) -> PlannedStep:
    free = step.at is None and step.after is None and step.when is None and not branch
    return PlannedStep(
        id=ident,
        kind=step_kind(step),
        title=step.title or _title(case, step, broken),
        at_ms=0 if free else step.at,
        after=step.predecessors,
        when=step.when,
        on_timeout=step.on_timeout,
        fault=broken.fault if broken else None,
        facilitator=step.facilitator,
        evaluator=step.evaluator,
        marks=step.marks,
        on=step.on,
        branch=branch,
        **_about(step),
    )


def _about(step: Step) -> dict[str, Any]:
    """What only this kind of step has. An inject that expects nothing has no limit."""
    if isinstance(step, ExpectStep):
        role = step.expect.role if isinstance(step.expect, RoleExpectation) else None
        return {"expect": step.expect, "within_ms": step.within, "to": role, "scored": _scored(step.expect)}
    if isinstance(step, HumanInject):
        return _told(step)
    if isinstance(step, QuestionStep):
        asked = RoleExpectation(does="answer", score=True)
        return {"expect": asked, "within_ms": step.within, "to": step.to, "says": step.question, "scored": True}
    if isinstance(step, TaskStep):
        return {"to": step.by, "within_ms": step.within, "runbook": step.task}
    return _taken(step) if not isinstance(step, FaultStep) else {}


def _scored(expect: Expectation | None) -> bool:
    return isinstance(expect, RoleExpectation) and expect.score


def _told(step: HumanInject) -> dict[str, Any]:
    """A call says who calls: the player hears it, and whoever plays the caller knows whom to play."""
    told = None if step.inject == "human" else step.inject
    call = f"{'A call' if told == 'call' else 'A message'} from {step.by}: {step.says}"
    return {
        "expect": step.expect,
        "within_ms": step.within if step.expect else None,
        "to": step.to,
        "says": call if step.by else step.says,
        "told": told,
        "scored": _scored(step.expect),
    }


def _taken(step: Step) -> dict[str, Any]:
    """What is away for a while."""
    if isinstance(step, ChannelInject):
        return {"channel": step.channel, "lasts_ms": step.lasts}
    if isinstance(step, AccessInject):
        return {"to": step.who, "lasts_ms": step.lasts, "restored_by": step.restored_by}
    if isinstance(step, UnavailableInject | SupplierInject):
        return {"to": step.who, "lasts_ms": step.lasts}
    return {}


def _title(case: Case, step: Step, broken: Broken | None) -> str:
    """A readable title for a step that has none."""
    if isinstance(step, ExpectStep):
        return _expected(step.expect)
    if isinstance(step, HumanInject):
        return f"{step.to} is told: {step.says}"
    if isinstance(step, QuestionStep):
        return f"{step.to} is asked: {step.question}"
    if isinstance(step, TaskStep):
        return next(r.title for r in case.runbooks if r.id == step.task)
    if isinstance(step, FaultStep):
        return _broken(broken.fault) if broken else step.fault
    return _away(step)


def _away(step: UnavailableInject | SupplierInject | AccessInject | ChannelInject) -> str:
    long = write_duration(step.lasts)
    if isinstance(step, ChannelInject):
        return f"the channel {step.channel} is down for {long}"
    if isinstance(step, AccessInject):
        return f"the access of {step.who} has expired, for {long} at most"
    return f"{step.who} is {'unavailable' if isinstance(step, UnavailableInject) else 'silent'} for {long}"


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
