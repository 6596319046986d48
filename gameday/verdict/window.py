"""The buckets of a run that a tolerance is judged on: from the baseline to the last bucket that has settled (D2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gameday.clock import Ms
from gameday.model.tolerance import Tolerance
from gameday.plan import Plan
from gameday.verdict.facts import Facts
from gameday.verdict.states import Bucket

Series = Mapping[str, Mapping[Ms, float | None]]
UNREAD_TAIL = 2  # settled buckets at the very end that the last look may not have asked for


@dataclass(frozen=True)
class Evaluation:
    """Buckets in order without holes; ``baseline`` counts those that ended before the first fault was asked for."""

    buckets: tuple[Bucket, ...]
    dt_ms: Ms
    baseline: int
    disturbed: int = 0


NOTHING = Evaluation((), 0, 0)


def evaluation(plan: Plan, tolerance: Tolerance, facts: Facts, series: Series) -> Evaluation:
    """The window of this tolerance; NOTHING when a signal, its data or the start of the timeline is missing."""
    names = (tolerance.measure.attempts, tolerance.measure.failures)
    signals = [s for name in names for s in plan.signals if s.id == name]
    start = facts.t0 if facts.t0 is not None else facts.t_go
    if len(signals) != 2 or signals[0].period_ms != signals[1].period_ms or start is None or facts.last_ms is None:
        return NOTHING
    attempts, failures = (series.get(s.id, {}) for s in signals)
    if not any(v is not None for v in attempts.values()) or not any(v is not None for v in failures.values()):
        return NOTHING
    dt = signals[0].period_ms
    phase = min(attempts) % dt
    first = -(-(start - plan.baseline_ms - phase) // dt) * dt + phase
    settled = (facts.last_ms - max(s.settles_ms for s in signals) - phase) // dt * dt + phase
    read = max(max(attempts), max(failures)) + dt
    end = settled if settled <= read else max(read, settled - UNREAD_TAIL * dt)
    return _cut(attempts, failures, range(first, end, dt), facts)


def _cut(
    attempts: Mapping[Ms, float | None], failures: Mapping[Ms, float | None], grid: range, facts: Facts
) -> Evaluation:
    dt, asked = grid.step, facts.requested_ms if facts.requested_ms is not None else facts.t_go
    troubled = {t for t in grid if any(since < t + dt and until > t for since, until in facts.disturbed)}
    buckets = tuple(
        Bucket(t, None, None) if t in troubled else Bucket(t, attempts.get(t), failures.get(t)) for t in grid
    )
    baseline = sum(1 for t in grid if asked is not None and t + dt <= asked)
    return Evaluation(buckets, dt, baseline, len(troubled))
