"""A fault step as it will be started: settings checked by its provider, targets resolved, witnesses, an end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from gameday.errors import CouldNotStart, Problem
from gameday.model.load import validate
from gameday.model.scenario import Condition, FaultStep
from gameday.model.service import Technology
from gameday.plan import PlannedFault
from gameday.planning.case import Case, unknown
from gameday.planning.deadman import ended_by
from gameday.protocols import Fault, Outline, Outlines

WITHIN_MS = 120_000  # how long an effect, or its end, may take to be seen when nobody says (semantics, "Witnesses")


@dataclass(frozen=True)
class Broken:
    """A planned fault, and what its provider said of it (None: the provider cannot say)."""

    fault: PlannedFault
    outline: Outline | None


def plan_fault(case: Case, index: int, ident: str, step: FaultStep, faults: Mapping[str, Fault]) -> Broken:
    """The fault of the step at this position of the timeline. InvalidFiles when its settings are wrong, CouldNotStart
    when there is no such provider or the fault has no end."""
    provider = faults.get(step.fault)
    if provider is None:
        raise unknown("provider", step.fault, faults)
    settings = validate(step.settings, provider.settings, case.file, ("timeline", index))
    targets = _targets(case, settings)
    outline = None
    if isinstance(provider, Outlines):
        outline = provider.outline(ident, settings, targets, case.environment)
    planned = _planned(step, settings, targets, outline, case.environment.envelope.dead_man)
    if planned.duration_ms is None and not planned.one_shot:
        place = case.file.place(("timeline", index))
        write = "for: 10m, or parameters: {duration: 10m}, or one_shot: true"
        raise CouldNotStart(Problem("FAULT_ENDLESS", f"fault {ident!r} has no end", write, place))
    return Broken(planned, outline)


def _targets(case: Case, settings: BaseModel) -> tuple[Technology, ...]:
    """The technology resources that ``targets`` names, where the provider has such a key."""
    found = []
    named = getattr(settings, "resources", None) or getattr(settings, "targets", None)
    for name in named or ():
        resource = case.service.technology(name)
        if resource is None:
            raise unknown("resource", str(name), {t.id for t in case.service.resources.technology})
        found.append(resource)
    return tuple(found)


def _planned(
    step: FaultStep,
    settings: BaseModel,
    targets: tuple[Technology, ...],
    outline: Outline | None,
    dead_man_ms: int,
) -> PlannedFault:
    own = outline.duration_ms if outline else None
    return PlannedFault(
        provider=step.fault,
        actions=tuple(outline.actions) if outline else (),
        exhibits=tuple(outline.exhibits) if outline else (),
        tags={key: dict(tags) for key, tags in outline.tags.items()} if outline else {},
        region=outline.region if outline else None,
        accounts=tuple(outline.accounts) if outline else (),
        action=outline.action if outline else str(getattr(settings, "action", step.fault)),
        settings=settings.model_dump(mode="json", by_alias=True),
        targets={key: tuple(arns) for key, arns in outline.targets.items()} if outline else {},
        resources=tuple(t.id for t in targets),
        duration_ms=min((ms for ms in (step.lasts, own) if ms is not None), default=None),
        one_shot=_one_shot(step, outline),
        effective=_limited(step.effective or (outline.effective if outline else None)),
        gone=_limited(_gone(step, outline)),
        **_without_us(step, outline, dead_man_ms),
    )


def _without_us(step: FaultStep, outline: Outline | None, dead_man_ms: int) -> dict[str, Any]:
    """How the fault ends when nobody conducts: by itself, by the dead-man's alarm, or by the watchdog."""
    own = outline.duration_ms if outline else None
    lasts = min((ms for ms in (step.lasts, own) if ms is not None), default=None)
    itself = lasts if outline and outline.takes_duration else own
    by, worst = ended_by(outline, itself, dead_man_ms)
    if itself is None and _one_shot(step, outline):
        by, worst = (by if by == "alarm" else None), 0
    return {"dead_man": by, "worst_case_ms": worst, "ends_itself": itself is not None and itself == lasts}


def _one_shot(step: FaultStep, outline: Outline | None) -> bool:
    return bool(outline and outline.one_shot) if step.one_shot is None else step.one_shot


def _gone(step: FaultStep, outline: Outline | None) -> Condition | None:
    """What the scenario says; else that its *effective* no longer holds; else the provider's default."""
    own = step.gone or (step.effective.negated() if step.effective else None)
    return own or (outline.gone if outline else None)


def _limited(condition: Condition | None) -> Condition | None:
    if condition is None or condition.within is not None:
        return condition
    return condition.model_copy(update={"within": WITHIN_MS})
