"""The buckets of a run that a tolerance is judged on: from the baseline to the last bucket that was asked for (D2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gameday.clock import Ms
from gameday.model.tolerance import Tolerance
from gameday.plan import Plan, Signal
from gameday.verdict.facts import Facts
from gameday.verdict.judge import baseline_least, bucket, seen
from gameday.verdict.states import Bucket, BucketState

Series = Mapping[str, Mapping[Ms, float | None]]
UNREAD_TAIL = 2  # settled buckets that may lie after the last look that an old journal (no ``read_to_ms``) shows


@dataclass(frozen=True)
class Evaluation:
    """Buckets in order without holes; ``baseline`` counts those that ended before the first fault was asked for."""

    buckets: tuple[Bucket, ...]
    dt_ms: Ms
    baseline: int
    disturbed: int = 0
    backlog: tuple[float | None, ...] | None = None
    also: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)  # the measure's other signals

    @property
    def end_ms(self) -> Ms:
        """The end of the last bucket; 0 when there is none."""
        return self.buckets[-1].start_ms + self.dt_ms if self.buckets else 0

    def holds(self, ms: Ms) -> bool:
        """Whether this instant lies in the window."""
        return bool(self.buckets) and self.buckets[0].start_ms <= ms < self.end_ms

    def states(self, tolerance: Tolerance) -> tuple[BucketState, ...]:
        """The state of each bucket, the backlog counted where the tolerance asks for it."""
        return seen(tolerance, self.buckets, self.baseline, self.backlog)[0]


NOTHING = Evaluation((), 0, 0)


def evaluation(plan: Plan, tolerance: Tolerance, facts: Facts, series: Series) -> Evaluation:
    """The window of this tolerance; NOTHING when a signal, its data or the start of the timeline is missing."""
    signals = _signals(plan, *tolerance.pair)
    broken = facts.requested_ms if facts.requested_ms is not None else facts.t_go
    if len(signals) != 2 or signals[0].period_ms != signals[1].period_ms or broken is None or facts.last_ms is None:
        return NOTHING
    attempts, failures = (series.get(s.id, {}) for s in signals)
    if not any(v is not None for v in attempts.values()) or not any(v is not None for v in failures.values()):
        return NOTHING
    dt = signals[0].period_ms
    phase = min(attempts) % dt
    backlog = _backlog(plan, tolerance, dt, series)
    first = _first(plan.baseline_ms, broken, min(min(attempts), min(failures)), dt, phase)
    end = (_end([*signals, *backlog], facts, dt) - phase) // dt * dt + phase
    waiting = series[backlog[0].id] if backlog else None
    others = {s.id: series.get(s.id, {}) for s in _signals(plan, *tolerance.signals) if s.period_ms == dt}
    return _cut(tolerance, (attempts, failures), waiting, others, range(first, end, dt), facts, broken)


def _signals(plan: Plan, *names: str | None) -> list[Signal]:
    """In the order of the names; one that is named twice is there twice."""
    return [s for name in names for s in plan.signals if s.id == name]


def _backlog(plan: Plan, tolerance: Tolerance, dt: Ms, series: Series) -> list[Signal]:
    """The signal of the backlog, when the tolerance ends with it and it was read at the same resolution."""
    found = _signals(plan, tolerance.measure.backlog) if tolerance.end == "backlog_cleared" else []
    return [s for s in found if s.period_ms == dt and any(v is not None for v in series.get(s.id, {}).values())]


def _first(baseline_ms: Ms, broken: Ms, read: Ms, dt: Ms, phase: Ms) -> Ms:
    """The planned baseline always belongs to the window; when D2 asks for more, so does what was read before it."""
    planned = -(-(broken - baseline_ms - phase) // dt) * dt + phase
    wanted = (broken - max(baseline_ms, baseline_least(dt)) - phase) // dt * dt + phase
    return max(wanted, min(planned, (read - phase) // dt * dt + phase))


def _end(signals: Sequence[Signal], facts: Facts, dt: Ms) -> Ms:
    """Up to where what is absent is unknown: what had settled when it was last asked for. Later was never asked for.

    A journal that does not tell how far it asked shows only when something was last read; a look that found nothing
    new left no trace in it, so that only a short tail may pass for unasked.
    """
    asked = [[min(until, at - s.settles_ms) for at, until in facts.looks.get(s.id, ())] for s in signals]
    if facts.tells_looks and all(asked):
        return min(max(ends) for ends in asked)
    last, settles = facts.last_ms or 0, max(s.settles_ms for s in signals)
    return max((facts.look_ms or 0) - settles, last - settles - UNREAD_TAIL * dt)


def _cut(
    tolerance: Tolerance,
    both: tuple[Mapping[Ms, float | None], Mapping[Ms, float | None]],
    backlog: Mapping[Ms, float | None] | None,
    others: Series,
    grid: range,
    facts: Facts,
    broken: Ms,
) -> Evaluation:
    """A disturbed bucket is unknown; its attempts were still counted, and bound what may have failed in it."""
    dt, (attempts, failures) = grid.step, both
    troubled = {t for t in grid if any(since < t + dt and until > t for since, until in facts.disturbed)}

    def cells(known: Mapping[Ms, float | None]) -> tuple[float | None, ...]:
        return tuple(None if t in troubled else known.get(t) for t in grid)

    buckets = tuple(bucket(tolerance, t, attempts.get(t), f) for t, f in zip(grid, cells(failures), strict=True))
    waiting = None if backlog is None else cells(backlog)
    baseline = sum(1 for t in grid if t + dt <= broken)
    return Evaluation(buckets, dt, baseline, len(troubled), waiting, {name: cells(v) for name, v in others.items()})
