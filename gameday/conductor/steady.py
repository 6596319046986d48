"""Whether the service is steady: before anything is broken, and after (D2, D5, D10)."""

from __future__ import annotations

from gameday.clock import Ms
from gameday.conductor.sight import buckets, measured
from gameday.journal.state import State
from gameday.model.tolerance import Tolerance
from gameday.plan import Plan
from gameday.verdict.judge import states_of

STALE_PERIODS = 4


def largest_period(plan: Plan) -> Ms:
    """Of the tolerances' signals; the timeline begins on such an edge, so that a fault does not cut a bucket."""
    names = {n for t in measured(plan) for n in t.pair}
    return max((s.period_ms for s in plan.signals if s.id in names), default=1_000)


def settling(plan: Plan) -> Ms:
    """How long after its end the last bucket of a tolerance's signals is settled, at most."""
    names = {n for t in measured(plan) for n in t.pair}
    return max((s.settles_ms for s in plan.signals if s.id in names), default=0)


def steady(plan: Plan, state: State, tolerance: Tolerance, since: Ms, long_ms: Ms, now: Ms) -> bool:
    """Whether the newest settled buckets, ``long_ms`` of them and none from before ``since``, are all known and none
    disrupted."""
    found = buckets(plan, state, tolerance, since, now)
    dt = plan.signal(str(tolerance.pair[0])).period_ms
    last = found[-max(1, -(-long_ms // dt)) :]
    if not last or now - last[-1].start_ms - settling(plan) > STALE_PERIODS * dt:
        return False  # what is known is old: nobody can say how the service is now
    told = states_of(tolerance, last)
    return len(last) * dt >= long_ms and not any(s == "unknown" or s in tolerance.disrupted for s in told)


def unsteady(plan: Plan, state: State, since: Ms, now: Ms, long_ms: Ms | None = None) -> list[str]:
    """The tolerances whose service is not steady; for their own hold where ``long_ms`` is not given."""
    return [
        t.id for t in measured(plan) if not steady(plan, state, t, since, t.hold if long_ms is None else long_ms, now)
    ]
