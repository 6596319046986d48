"""Pure: which quotas of AWS a plan would exceed (AWS FIS user guide, "Quotas"; CloudWatch quotas)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gameday.model.scenario import AlarmGuard
from gameday.model.types import write_duration
from gameday.plan import Plan, PlannedFault
from gameday.planning.statements import actions_of, fis_faults

DEFAULTS: dict[str, float] = {  # by the names that Service Quotas has
    "Actions per experiment template": 20,
    "Parallel actions per experiment": 10,
    "Stop conditions per experiment template": 5,
    "Active experiments": 5,
    "Experiment duration in hours": 12,
    "Action duration in hours": 12,
}
TARGETS_AN_ACTION = 5  # of most actions; each has a quota of its own, which can be raised
QUERIES_A_CALL = 500  # GetMetricData
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Use:
    """How much of a quota the plan takes. ``fix`` says what to do where it is too much."""

    quota: str
    takes: float
    limit: float
    about: str
    fix: str

    @property
    def fits(self) -> bool:
        """Whether it is within the quota."""
        return self.takes <= self.limit


def uses(plan: Plan, limits: Mapping[str, float], active: int = 0) -> Iterator[Use]:
    """Every quota that the plan touches. ``limits`` are those that the account says, by name; ``active`` experiments
    run there already."""
    known = {**DEFAULTS, **limits}
    faults = fis_faults(plan)
    for fault in faults:
        yield from _fault(fault, known)
    if faults:
        name, fix = "Active experiments", "wait for those that run, or ask for more in Service Quotas"
        about = f"{len(faults)} in this plan, {active} running now"
        yield Use(name, len(faults) + active, known[name], about, fix)
        name, alarms = (
            "Stop conditions per experiment template",
            {g.alarm for g in plan.guards if isinstance(g, AlarmGuard)},
        )
        yield Use(name, len(alarms) + 1, known[name], "guards that are alarms, and the heartbeat", "fewer alarm guards")
    metrics = sum(_metrics(signal.query) for signal in plan.signals if signal.source.startswith("cloudwatch."))
    fix = "fewer signals, or observe them in several scenarios"
    yield Use("GetMetricData queries a call", metrics, QUERIES_A_CALL, "metrics of all signals", fix)


def _fault(fault: PlannedFault, known: Mapping[str, float]) -> Iterator[Use]:
    count, what = len(actions_of(fault)), fault.action
    for name in ("Actions per experiment template", "Parallel actions per experiment"):
        yield Use(name, count, known[name], what, "several steps in place of one")
    lasts = fault.duration_ms or 0
    name = "Experiment duration in hours"
    yield Use(name, lasts / HOUR_MS, known[name], f"{what} for {write_duration(lasts)}", "a shorter fault")
    for key, arns in sorted(fault.targets.items()):
        limit = _targets(fault, key, known)
        yield Use(f"targets of {key}", len(arns), limit, what, "fewer targets, or ask for more in Service Quotas")


def _targets(fault: PlannedFault, key: str, known: Mapping[str, float]) -> float:
    """The account's quota of this action, where it has told one: ``Target Functions for aws:lambda:...``."""
    named = [value for name, value in known.items()
             if name.startswith("Target ") and name.split(" for ")[-1] in actions_of(fault)]  # fmt: skip
    return min(named, default=TARGETS_AN_ACTION)


def _metrics(query: Mapping[str, Any]) -> int:
    return len(query.get("metrics", (1,)))
