"""What the conductor can see: settled datapoints, and whether a condition holds on them.

A datapoint is settled when its bucket ended ``settles_ms`` ago; a younger one may still change and proves nothing.
A bucket that the machine disturbed is unknown (design: semantics, "Time").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gameday.clock import Ms
from gameday.journal.state import State
from gameday.model.scenario import Condition
from gameday.model.tolerance import Tolerance
from gameday.plan import Plan, Signal
from gameday.verdict.judge import bucket
from gameday.verdict.states import Bucket

ALARM = "cloudwatch.alarm"
LATE_PERIODS = 1  # how many periods longer than promised a datapoint may take before it is given up


@dataclass(frozen=True)
class Reading:
    """One settled bucket; ``value`` None is unknown."""

    start_ms: Ms
    value: float | None


@dataclass(frozen=True)
class Seen:
    """What became of a condition: ``hit`` the first bucket in which it held; ``over`` when it can no longer hold in
    time; ``read`` whether anything could be read at all, and ``values`` the last of what was."""

    hit: Reading | None
    over: bool
    read: bool
    values: tuple[float | None, ...] = ()


def disturbed(state: State, start: Ms, end: Ms) -> bool:
    """Whether the machine disturbed any part of [start, end)."""
    return any(since < end and until > start for since, until in state.disturbed)


def readings(plan: Plan, state: State, signal_id: str, since: Ms, now: Ms) -> list[Reading]:
    """Settled buckets that lie after ``since``, in order. One that began up to a quarter of a period earlier counts:
    what it shows is of the time after."""
    signal = plan.signal(signal_id)
    if signal.source == ALARM:
        return _alarm(state, signal_id, since)
    period, series = signal.period_ms, state.signals.get(signal_id, {})
    last = now - signal.settles_ms - period
    starts = sorted(t for t in series if since - period // 4 <= t <= last)
    return [Reading(t, None if disturbed(state, t, t + period) else series[t]) for t in starts]


def _alarm(state: State, signal_id: str, since: Ms) -> list[Reading]:
    """An alarm has no buckets: each state from when it was entered, the one held at ``since`` as of then."""
    values = {"ALARM": 1.0, "OK": 0.0}
    held = [Reading(max(t, since), values.get(word)) for t, word in state.alarms.get(signal_id, ())]
    before = [r for r in held if r.start_ms == since]
    return [*before[-1:], *(r for r in held if r.start_ms > since)]


def look(plan: Plan, state: State, condition: Condition, since: Ms, now: Ms) -> Seen:
    """Whether the condition held in some bucket after ``since`` that began within its limit."""
    signal = plan.signal(condition.signal)
    limit = None if condition.within is None else since + condition.within
    found = [r for r in readings(plan, state, condition.signal, since, now) if limit is None or r.start_ms < limit]
    hit = next((r for r in found if r.value is not None and condition.holds(r.value)), None)
    over = limit is not None and now >= max(limit, state.claimed_ms) + patience(signal)
    values = tuple(r.value for r in found[-12:])
    return Seen(hit, over and hit is None, any(v is not None for v in values), values)


def patience(signal: Signal) -> Ms:
    """How long after its begin a bucket may take until it is read; a conductor that takes a run over needs as long to
    read what was missed."""
    return signal.settles_ms + (1 + LATE_PERIODS) * signal.period_ms


def measured(plan: Plan) -> list[Tolerance]:
    """The tolerances that have both signals in this plan."""
    names = {s.id for s in plan.signals}
    return [t for t in plan.tolerances if set(t.pair) <= names]


def buckets(plan: Plan, state: State, tolerance: Tolerance, start: Ms, now: Ms) -> list[Bucket]:
    """The settled buckets of a tolerance from ``start`` on, as far as its source has been asked, without holes: what
    is not there is unknown. What has not been asked for yet is not unknown, it is to come."""
    attempts, failures = (plan.signal(str(n)) for n in tolerance.pair)
    dt, settles = attempts.period_ms, max(attempts.settles_ms, failures.settles_ms)
    a, f = state.signals.get(attempts.id, {}), state.signals.get(failures.id, {})
    phase = min(a, default=0) % dt
    first = -(-(start - phase) // dt) * dt + phase
    asked = min(now, *(state.read_to.get(s.id, 0) for s in (attempts, failures)))
    return list(_cut(state, tolerance, a, f, range(first, asked - settles - dt + 1, dt)))


def _cut(
    state: State, tolerance: Tolerance, a: dict[Ms, float | None], f: dict[Ms, float | None], grid: range
) -> Iterator[Bucket]:
    for t in grid:
        known = not disturbed(state, t, t + grid.step)
        yield bucket(tolerance, t, a.get(t) if known else None, f.get(t) if known else None)
