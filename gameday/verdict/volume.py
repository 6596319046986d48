"""The interval of failed transactions, with the demand that an outage suppressed (D17)."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, variance

from gameday.verdict.bounds import Interval, Method, coverage_codes, edge_codes, episodes, lower_flags, upper_flags
from gameday.verdict.states import Bucket, BucketState


def expected_attempts(baseline: Sequence[Bucket]) -> float | None:
    """Attempts a bucket to be expected: the baseline's mean, upper 95 %; None when the baseline shows none."""
    known = [b.attempts for b in baseline if b.attempts is not None]
    if not known:
        return None
    spread = sqrt(variance(known) / len(known)) if len(known) > 1 else 0.0
    return fmean(known) + 1.96 * spread


def count(buckets: Sequence[Bucket], states: Sequence[BucketState], method: Method) -> Interval:
    """``lo`` failures seen in certain episodes; ``hi`` all failures seen, what was suppressed, all that is unknown.

    Unbounded while recovery is not confirmed, when no baseline says what demand was to be expected, and when the
    attempts of some bucket are unknown: retries surge in an outage, and nothing else that was read bounds them
    (decision 4).
    """
    lower, upper = lower_flags(states, method), upper_flags(states, method)
    codes, coverage = coverage_codes(states, method)
    codes |= edge_codes(upper, method)
    lo = sum(buckets[i].failures or 0 for start, end in episodes(lower, method) for i in range(start, end))
    expected = expected_attempts(buckets[: -(-method.baseline_ms // method.dt_ms)])
    hi: float | None = None
    counted = all(b.attempts is not None for b in buckets)
    if "RECOVERY_NOT_CONFIRMED" not in codes and counted and (expected is not None or not any(upper)):
        inside = {i for start, end in episodes(upper, method) for i in range(start, end)}
        worst = (_worst(b, s, i in inside, expected or 0) for i, (b, s) in enumerate(zip(buckets, states, strict=True)))
        hi = max(lo, sum(worst))
    return Interval(lo, hi, frozenset(codes), coverage)


def _worst(bucket: Bucket, state: BucketState, disrupted: bool, expected: float) -> float:
    if state == "unknown":
        return max(expected, bucket.attempts or 0, bucket.failures or 0)
    lost = max(0.0, expected - (bucket.attempts or 0)) if disrupted else 0.0
    return (bucket.failures or 0) + lost
