"""Earliest and latest times of the steps, in milliseconds from the go, as far as they are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from gameday.plan import Plan, PlannedStep

SHORTEST_DAY_MS = 30 * 60_000


@dataclass(frozen=True)
class Span:
    """A step starts at ``start`` at the earliest. It lasts to ``done`` at least (a fault, an absence), and its last
    limit known beforehand ends at ``last``; ``open`` says that it has no limit of its own."""

    start: int
    done: int
    last: int
    open: bool = False


def spans(steps: Sequence[PlannedStep]) -> dict[str, Span]:
    """By step id. A wait (``when``) may be over at once, or use up its ``within``."""
    by_id = {step.id: step for step in steps}
    found: dict[str, Span] = {}
    before_it = {step.id: [*step.after, *(s.id for s in steps if step.id in s.on.values())] for step in steps}
    for ident in TopologicalSorter(before_it).static_order():
        step = by_id[ident]
        before = [found[name] for name in before_it[ident]]
        begin = max([step.at_ms or 0, *(span.done for span in before)])
        latest = max([step.at_ms or 0, *(span.last for span in before)]) + _wait(step)
        least = _least(step)
        found[ident] = Span(begin, begin + least, latest + least + _limit(step), _open(step))
    return found


def day_spans(plan: Plan) -> dict[str, Span]:
    """The spans of a plan's steps within its day: nothing lasts longer than ``max_duration``."""
    day = plan.max_duration_ms
    return {
        ident: Span(min(span.start, day), min(span.done, day), min(span.last, day), span.open)
        for ident, span in spans(plan.steps).items()
    }


def _wait(step: PlannedStep) -> int:
    return (step.when.within or 0) if step.when else 0


def _least(step: PlannedStep) -> int:
    return (step.fault.duration_ms if step.fault else step.lasts_ms) or 0


def _limit(step: PlannedStep) -> int:
    """A fault's limit is the time in which it must be seen gone."""
    if step.fault:
        return (step.fault.gone.within or 0) if step.fault.gone else 0
    return step.within_ms or 0


def _open(step: PlannedStep) -> bool:
    return step.within_ms is None and (step.kind in ("expect", "task", "question") or step.expect is not None)


def longest_day(steps: Sequence[PlannedStep], hold_ms: int) -> int:
    """The default of ``max_duration``, counted from the go.

    The last end that is known beforehand (each step as late and as long as its limits allow; a ``when`` without a limit
    counts as none) and twice the longest hold of the tolerances: once to see the service steady, once in reserve. At
    least 30 minutes, rounded up to whole minutes.
    """
    last = max(span.last for span in spans(steps).values())
    return max(SHORTEST_DAY_MS, -(-(last + 2 * hold_ms) // 60_000) * 60_000)
