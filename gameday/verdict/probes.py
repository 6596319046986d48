"""Probes (D20): each is an instant. Between the last that failed and the first that succeeded nobody looked.

``M- = last_fail - first_fail`` and ``M+ = first_success_after - last_success_before``; :mod:`gameday.verdict.bounds`
measures them so where a method has ``points``. A sparse probe is never put into buckets with a percentage (D3 would
need 381 successes in a row to call one up).
"""

from __future__ import annotations

from gameday.clock import Ms
from gameday.verdict.states import Bucket


def probed(start_ms: Ms, value: float | None) -> Bucket:
    """One probe as a bucket of one attempt: 1 or more succeeded, less failed, None was not made or not read."""
    return Bucket(start_ms, None, None) if value is None else Bucket(start_ms, 1.0, 0.0 if value >= 1 else 1.0)
