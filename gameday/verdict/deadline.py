"""How long after its deadline the harm ended (D16): ``t_end - deadline``, negative while there was time left.

Each episode is held against the first deadline after it began. Where nothing was disrupted, the time that was left when
the first fault was asked for stands for the headroom.
"""

from __future__ import annotations

from collections.abc import Sequence

from gameday.clock import Ms, iso
from gameday.model.calendar import ServiceHours
from gameday.verdict.bounds import (
    Interval,
    Method,
    Run,
    bounded,
    coverage_codes,
    edge_codes,
    episodes,
    lower_flags,
    upper_flags,
)
from gameday.verdict.hours import deadline_after
from gameday.verdict.states import BucketState


def lateness(states: Sequence[BucketState], start_ms: Ms, method: Method, calendar: ServiceHours) -> Interval:
    """The interval of the largest lateness in milliseconds, and the end of that episode in ``extra``."""
    lower, upper = lower_flags(states, method), upper_flags(states, method)
    codes, coverage = coverage_codes(states, method)
    codes |= edge_codes(upper, method)
    dt = method.dt_ms
    begun = start_ms + -(-method.baseline_ms // dt) * dt
    floor = (begun - deadline_after(calendar, begun), begun)

    def latest(found: Sequence[Run], before: Ms, after: Ms) -> tuple[Ms, Ms]:
        spans = [(start_ms + a * dt - before, start_ms + b * dt + after) for a, b in found]
        return max([(end - deadline_after(calendar, start), end) for start, end in spans] + [floor])

    lo = latest(episodes(lower, method), 0, -dt if method.points else 0)
    hi = latest(episodes(upper, method), dt, method.clock_ms + (0 if method.points else dt))
    open_ = not bounded(upper, codes)
    extra = {
        "deadline": iso(lo[1] - lo[0]),
        "ended": [iso(lo[1]), None if open_ else iso(hi[1])] if any(upper) else None,
    }
    return Interval(lo[0], None if open_ else max(lo[0], hi[0]), frozenset(codes), coverage, extra)
