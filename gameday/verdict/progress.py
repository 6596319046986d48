"""How much of a tolerance may be used up so far, while the run goes on: the upper bound, as a guard needs it.

While a disruption lasts, D10 leaves the bound open. A guard asks another thing: what would be used if the service
were back from now on? So a whole hold of good buckets is put behind what was seen, and then it is measured as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile

from gameday.model.tolerance import Tolerance
from gameday.verdict.bounds import measure
from gameday.verdict.judge import method_for, states_of
from gameday.verdict.states import Bucket, state
from gameday.verdict.volume import count


def upper_so_far(
    tolerance: Tolerance, seen: Sequence[Bucket], dt_ms: int, baseline: int, clock_ms: int = 0
) -> float | None:
    """The upper bound in the tolerance's unit (milliseconds, or transactions), 0 when nothing was disrupted; None
    when there is nothing to measure. ``baseline`` counts the buckets before the first fault; ``clock_ms`` is the clock
    error of D8 as the verdict counts it."""
    known = list(dropwhile(lambda b: state(b, tolerance.thresholds) == "unknown", seen))
    baseline = max(0, baseline - (len(seen) - len(known)))
    if not known:
        return None
    method = method_for(tolerance, dt_ms, clock_ms, baseline * dt_ms)
    after = known[-1].start_ms + dt_ms
    good = [Bucket(after + i * dt_ms, 100.0, 0.0) for i in range(-(-method.hold_ms // dt_ms) + 1)]
    buckets = [*known, *good]
    told = states_of(tolerance, buckets)
    if tolerance.metric == "duration":
        return measure(told, method).hi
    return count([_filled(b, buckets) for b in buckets], told, method).hi


def _filled(bucket: Bucket, buckets: Sequence[Bucket]) -> Bucket:
    """A guard must say something where the verdict leaves it open (decision 4): as many attempts as were ever seen."""
    if bucket.attempts is not None:
        return bucket
    return Bucket(bucket.start_ms, max(b.attempts or 0.0 for b in buckets), bucket.failures)
