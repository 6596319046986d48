"""How many distinct customers were harmed (D18): counted, or estimated from those whose id falls into a sample.

A sample by a hash of the customer's id sees all that one customer met, so that ``x / rate`` estimates how many there
are. A sample of requests does not: it cannot say how many customers are behind them. Who never tried is not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, sqrt

from gameday.model.measure import Measure
from gameday.verdict.bounds import (
    Interval,
    Method,
    bounded,
    coverage_codes,
    edge_codes,
    episodes,
    lower_flags,
    upper_flags,
)
from gameday.verdict.states import BucketState

LEAST = 30  # below so many the normal interval of D18 does not hold
_Z95 = 1.96
_WHOLE = 1e-9
Counts = Sequence[float | None]


def estimate(seen: float, rate: float) -> tuple[float, float | None]:
    """The 95 % interval of the number of customers behind ``seen`` of a sample; whole numbers, since customers are.

    Fewer than 30 say only that there are at least so many.
    """
    if rate >= 1:
        return seen, seen
    if seen < LEAST:
        return seen, None
    spread = _Z95 * sqrt(seen * (1 - rate)) / rate
    return max(seen, ceil(seen / rate - spread - _WHOLE)), floor(seen / rate + spread + _WHOLE)


def count_customers(
    failing: Counts, states: Sequence[BucketState], method: Method, measure: Measure, segments: Mapping[str, Counts]
) -> Interval:
    """``lo`` customers seen in certain episodes; ``hi`` all that were seen failing; where a bucket was not read all
    customers, when ``total`` says how many there are, else no bound. METRIC_NOT_MEASURED for a sample of requests.

    Where each bucket counts its own distinct customers, the largest bucket bounds them from below, and the sum of all
    from above: the same customer may be in each of them, or in none.
    """
    lower, upper = lower_flags(states, method), upper_flags(states, method)
    codes, coverage = coverage_codes(states, method)
    codes |= edge_codes(upper, method)
    if measure.rate < 1 and measure.sampled_by == "request":
        return Interval(0, None, frozenset({*codes, "METRIC_NOT_MEASURED"}), coverage)
    certain = {i for start, end in episodes(lower, method) for i in range(start, end)}
    lo, hi = _interval(failing, certain, measure)
    told = {name: _interval(counts, certain, measure) for name, counts in segments.items()}
    extra = {"segments": {name: {"m_lo": a, "m_hi": b} for name, (a, b) in told.items()}} if told else {}
    return Interval(lo, hi if bounded(upper, codes) else None, frozenset(codes), coverage, extra)


def _interval(failing: Counts, certain: set[int], measure: Measure) -> tuple[float, float | None]:
    seen = [failing[i] or 0.0 for i in sorted(certain)]
    fewest = sum(seen) if measure.distinct == "first_seen" else max(seen, default=0.0)
    lo, _ = estimate(fewest, measure.rate)
    if any(n is None for n in failing):
        return lo, None if measure.total is None else max(lo, float(measure.total))
    _, hi = estimate(sum(n or 0.0 for n in failing), measure.rate)
    if hi is None or measure.total is None:
        return lo, hi
    return lo, max(lo, min(hi, float(measure.total)))
