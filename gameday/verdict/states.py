"""What each bucket was: up, degraded, down or unknown (D3). Missing is never good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from gameday.model.tolerance import Thresholds

BucketState = Literal["up", "degraded", "down", "unknown"]
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Bucket:
    """One bucket of ``[start_ms, start_ms + dt)``; None is a missing datapoint."""

    start_ms: int
    attempts: float | None
    failures: float | None


def wilson(good: float, n: float) -> tuple[float, float]:
    """The 95 % Wilson interval of a fraction."""
    p, z2 = good / n, _Z95 * _Z95
    centre, spread = p + z2 / (2 * n), _Z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return (centre - spread) / (1 + z2 / n), (centre + spread) / (1 + z2 / n)


def _level(good: float, thresholds: Thresholds) -> BucketState:
    if good >= thresholds.up:
        return "up"
    return "down" if good < thresholds.down else "degraded"


def state(bucket: Bucket, thresholds: Thresholds, basis: str = "census") -> BucketState:
    """D3. A count that cannot be (none attempted, more failures than attempts) is unknown."""
    n, failed = bucket.attempts, bucket.failures
    if n is None or failed is None or n <= 0 or not 0 <= failed <= n:
        return "unknown"
    if basis == "census":
        return _level(1 - failed / n, thresholds)
    low, high = (_level(edge, thresholds) for edge in wilson(n - failed, n))
    return low if low == high else "unknown"


def states(buckets: Sequence[Bucket], thresholds: Thresholds, basis: str = "census") -> tuple[BucketState, ...]:
    """The state of each bucket."""
    return tuple(state(b, thresholds, basis) for b in buckets)
