"""Volume and value at peak (D17): what the same disruption would have harmed when demand is highest. Extrapolated.

Failed value is measured like failed transactions (:mod:`gameday.verdict.volume`), with amounts in the place of counts:
``lo`` what failed in certain episodes, ``hi`` all that failed and the amount that the outage kept from being tried.
"""

from __future__ import annotations

from typing import Any

from gameday.model.tolerance import Peak


def peak_scaled(hi: float | None, expected: float | None, dt_ms: int, peak: Peak | None) -> dict[str, Any]:
    """``hi * peak_rate / expected_rate``, labelled; nothing where the peak or the expected rate is not known."""
    if hi is None or peak is None or not expected:
        return {}
    rate = expected * 60_000 / dt_ms
    return {
        "peak_scaled": {
            "m_hi": round(hi * peak.per_minute / rate, 3),
            "extrapolated": True,
            "when": peak.when,
            "peak_per_minute": peak.per_minute,
            "expected_per_minute": round(rate, 3),
        }
    }
