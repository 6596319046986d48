"""One tolerance judged over one series of buckets: the same whether a run or a real incident made them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gameday.model.tolerance import Tolerance
from gameday.verdict.bounds import Interval, Method, measure
from gameday.verdict.codes import Verdict, decide, ordered
from gameday.verdict.states import Bucket, states
from gameday.verdict.volume import count

MEASURED = frozenset({"duration", "failed_transactions"})
Judgement = dict[str, Any]


def method_for(tolerance: Tolerance, dt_ms: int, clock_ms: int = 0, baseline_ms: int | None = None) -> Method:
    """How this tolerance is measured at this resolution; the baseline is at least max(600 s, 10 dt) (D2, D11)."""
    gap = 3 * dt_ms if tolerance.metric != "duration" else min(3 * dt_ms, int(tolerance.limit) // 10)
    return Method(
        dt_ms=dt_ms,
        hold_ms=tolerance.hold,
        mode=tolerance.mode,
        disrupted=tolerance.disrupted,
        clock_ms=clock_ms,
        period_ms=tolerance.period,
        baseline_ms=max(600_000, 10 * dt_ms) if baseline_ms is None else baseline_ms,
        min_coverage=tolerance.min_coverage,
        max_gap_ms=gap if tolerance.max_gap is None else tolerance.max_gap,
    )


def unmeasured(tolerance: Tolerance) -> set[str]:
    """Codes for what this version cannot measure, so that it is never taken for a pass."""
    codes = {"METRIC_NOT_MEASURED"} if tolerance.metric not in MEASURED or tolerance.calendar != "always" else set()
    return codes | ({"BACKLOG_NOT_OBSERVED"} if tolerance.end == "backlog_cleared" else set())


def judge(tolerance: Tolerance, buckets: Sequence[Bucket], method: Method, given: Iterable[str] = ()) -> Judgement:
    """The verdict on one tolerance with its interval. ``given`` are codes that the run's events raised."""
    if "METRIC_NOT_MEASURED" in unmeasured(tolerance) or not buckets:
        return _told(tolerance, Interval(0, None, frozenset({"METRIC_NOT_MEASURED"}), 0.0), given)
    found = states(buckets, tolerance.thresholds, tolerance.measure.basis)
    interval = measure(found, method) if tolerance.metric == "duration" else count(buckets, found, method)
    return _told(tolerance, interval, {*given, *unmeasured(tolerance)})


def _told(tolerance: Tolerance, interval: Interval, given: Iterable[str]) -> Judgement:
    codes = ordered({*interval.codes, *given})
    verdict: Verdict = decide(interval.lo, interval.hi, tolerance.limit, tolerance.comparator, codes)
    scale, unit = (1000, "_s") if tolerance.metric == "duration" else (1, "")
    lo, hi, limit = (_number(n, scale) for n in (interval.lo, interval.hi, tolerance.limit))
    return {
        "id": tolerance.id,
        "authority": tolerance.authority,
        "metric": tolerance.metric,
        "verdict": verdict,
        f"m_lo{unit}": lo,
        f"m_hi{unit}": hi,
        f"limit{unit}": limit,
        f"margin{unit}": None if interval.hi is None else _number(tolerance.limit - interval.hi, scale),
        "used": [_share(interval.lo, tolerance.limit), _share(interval.hi, tolerance.limit)],
        "codes": list(codes),
        "coverage": round(interval.coverage, 6),
    }


def _number(value: float | None, scale: int) -> float | int | None:
    if value is None:
        return None
    scaled = round(value / scale, 3)
    return int(scaled) if scaled == int(scaled) else scaled


def _share(value: float | None, limit: float) -> float | None:
    return None if value is None or not limit else round(value / limit, 4)
